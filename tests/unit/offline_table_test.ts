/** The tables of kept messages and of blocked addresses, on every database. */

import assert from "node:assert/strict";
import { BlockTable, migrations as blocking } from "../../modules/blocking/table.ts";
import { migrations, OfflineTable } from "../../modules/offline/table.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Store } from "../../lib/store/mod.ts";
import { storeTests } from "../helpers/stores.ts";

const test = await storeTests();
const juliet = parseJid("juliet@example.com")!;
const romeo = parseJid("romeo@example.com")!;

function message(text: string, stamp = Date.now()) {
  return { stamp, from: "romeo@example.net/orchard", xml: `<message>${text}</message>` };
}

async function opened(store: Store, limits: { quota?: number; max_age?: number } = {}) {
  await store.migrate("offline", migrations);
  const config = { quota: 100, quota_bytes: 100_000, max_age: 0, ...limits };
  return new OfflineTable({ store, domain: "example.com", config });
}

test("messages are kept in order, and removed by their ids", async ({ store }) => {
  const table = await opened(store);
  for (const text of ["1", "2 'Ž'", "3"]) {
    assert.equal(await table.store(juliet, message(text, 1000)), "stored");
  }
  await table.store(romeo, message("his"));
  const list = await table.list(juliet);
  assert.deepEqual(
    list.map((m) => m.xml),
    ["1", "2 'Ž'", "3"].map((t) => `<message>${t}</message>`),
  );
  assert.deepEqual([list[0]!.stamp, list[0]!.from], [1000, "romeo@example.net/orchard"]);
  assert(list[0]!.id < list[1]!.id && list[1]!.id < list[2]!.id);

  const [his] = await table.list(romeo);
  await table.remove(juliet, [list[0]!.id, list[2]!.id, his!.id]); // not hers: stays
  assert.deepEqual((await table.list(juliet)).map((m) => m.id), [list[1]!.id]);
  await table.remove(juliet, []);
  assert.equal((await table.list(romeo)).length, 1);
  await table.wipe(juliet);
  assert.deepEqual(await table.list(juliet), []);
});

test("the quota counts what is there, and frees what is removed", async ({ store }) => {
  const table = await opened(store, { quota: 3 });
  const all = await Promise.all([1, 2, 3, 4, 5].map((n) => table.store(juliet, message(`${n}`))));
  assert.equal(all.filter((r) => r === "stored").length, 3);
  const [first] = await table.list(juliet);
  await table.remove(juliet, [first!.id]);
  assert.equal(await table.store(juliet, message("6")), "stored");
  assert.equal(await table.store(juliet, message("7")), "full");
  // Another process, or this one after a restart, counts the rows.
  const other = await opened(store, { quota: 3 });
  assert.equal(await other.store(juliet, message("8")), "full");
  const long = { ...message(""), xml: "x".repeat(100_001) };
  assert.equal(await table.store(romeo, long), "full");
});

test("old messages are not listed, and swept away", async ({ store }) => {
  const table = await opened(store, { max_age: 3_600_000 });
  for (let i = 0; i < 10; i++) {
    await table.store(juliet, message("old", Date.now() - 3_700_000));
    await table.store(juliet, message("new"));
  }
  assert.equal((await table.list(juliet)).length, 10);
  await table.sweep();
  const rows = await store.db.selectFrom("offline_messages").select("xml").execute();
  assert.equal(rows.length, 10);
  await table.wipe(juliet);
  await table.sweep(); // of nothing
});

test("blocked addresses are replaced as a list", async ({ store }) => {
  await store.migrate("blocking", blocking);
  const table = new BlockTable(store, "example.com");
  assert.deepEqual(await table.get(juliet), []);
  await table.set(juliet, ["b@x", "a@x", "c.example"]);
  await table.set(romeo, ["a@x"]);
  assert.deepEqual(await table.get(juliet), ["a@x", "b@x", "c.example"]);
  await table.set(juliet, ["b@x", "d@x/r"]);
  assert.deepEqual(await table.get(juliet), ["b@x", "d@x/r"]);
  await table.set(juliet, []);
  assert.deepEqual(await table.get(juliet), []);
  await table.wipe(romeo);
  assert.deepEqual(await table.get(romeo), []);
});
