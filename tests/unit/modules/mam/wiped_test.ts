import assert from "node:assert/strict";
import { openStore } from "../../../../lib/store/mod.ts";
import { archivesIn, HOST, OWNER } from "./archives.ts";

async function withArchives(
  work: (archives: Awaited<ReturnType<typeof archivesIn>>) => Promise<void>,
): Promise<void> {
  const store = await openStore({ url: "sqlite::memory:" });
  const archives = await archivesIn(store);
  try {
    await work(archives);
  } finally {
    await archives.close();
    await store.close();
  }
}

Deno.test("an archive that is wiped while it is written costs the others nothing", () =>
  withArchives(async ({ archive, put, bodies, lines }) => {
    const guest = `guest@${HOST}`;
    put("a@x", "gone", { owner: guest });
    put("a@x", "stays");
    // Its number is being asked for.
    const settled = archive.settled(OWNER);
    const wiped = archive.owners.abandon(guest);
    await Promise.all([settled, wiped]);
    assert.deepEqual(await bodies(), ["stays"]);
    assert.deepEqual(await bodies({}, guest), []);
    assert.equal(archive.lost, 0);
    assert.deepEqual(lines.filter((line) => line.includes("error")), []);
  }));

Deno.test("words of a message that is replaced while they are taken in are not found", () =>
  withArchives(async ({ archive, search, put, bodies }) => {
    const id = archive.cipher.read(put("a@x", "secret"))!;
    const number = (await archive.settled(OWNER))!;
    const indexed = search.catchUp(number);
    // What stands there is being read.
    await new Promise((resolve) => setTimeout(resolve, 0));
    await archive.replace(number, id, "<message/>");
    await search.forget(id);
    await indexed;
    assert.deepEqual(await bodies({ text: "secret" }), []);
  }));
