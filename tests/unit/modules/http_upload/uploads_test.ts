/** Slots, files and their ends, on every database. */

import assert from "node:assert/strict";
import * as v from "valibot";
import { StanzaError } from "../../../../lib/errors.ts";
import { createLog } from "../../../../lib/log.ts";
import { config } from "../../../../modules/http_upload/config.ts";
import { Files } from "../../../../modules/http_upload/files.ts";
import { migrations, NEVER, type Row, statements } from "../../../../modules/http_upload/table.ts";
import { Uploads } from "../../../../modules/http_upload/uploads.ts";
import { type Fixture, storeTests } from "../../../helpers/stores.ts";

const test = await storeTests();
const DAY = 86_400_000;

interface Place {
  readonly folder: string;
  open(settings?: Record<string, unknown>): Promise<Uploads>;
}

async function withUploads({ store }: Fixture, f: (place: Place) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "confab-uploads-" });
  const write = () => {};
  const log = createLog({ level: "off", format: "json", levels: {} }, { write, writeSync: write });
  const open = async (settings: Record<string, unknown> = {}) => {
    await store.migrate("http_upload", migrations);
    const host = {
      domain: "example.com",
      config: v.parse(config, settings),
      log: log.area("http_upload"),
    };
    const uploads = new Uploads(host, statements(store), new Files(folder));
    await uploads.start();
    return uploads;
  };
  try {
    await f({ folder, open });
  } finally {
    await Deno.remove(folder, { recursive: true });
    await log.close();
  }
}

const asked = (size: number, until = NEVER) =>
  ({ name: "a.txt", size, type: "", purpose: "message", until }) as const;

const bytes = (n: number) => new Blob([new Uint8Array(n)]).stream();

async function stored(uploads: Uploads, node: string, size: number, until = NEVER): Promise<Row> {
  const row = await uploads.slot(node, asked(size, until));
  assert.equal(await uploads.put(row, row.secret, String(size), undefined, bytes(size)), 201);
  return (await uploads.find(row.id, row.name))!;
}

async function refused(promise: Promise<unknown>): Promise<StanzaError> {
  const error = await promise.then(() => undefined, (e) => e);
  assert.ok(error instanceof StanzaError, String(error));
  return error;
}

test("a slot becomes a file; other rules hold for it after the next start", (fixture) =>
  withUploads(fixture, async ({ open }) => {
    const uploads = await open();
    const row = await stored(uploads, "juliet", 10);
    assert.equal(row.expires - row.created, 30 * DAY);
    assert.equal(row.secret, "");
    const soon = await stored(uploads, "juliet", 10, Date.now() + DAY);
    assert.equal(soon.expires, soon.until);
    for (const [keep, expected] of [["1d", DAY], [0, NEVER], ["60d", 60 * DAY]] as const) {
      const again = await open({ keep });
      const now = (await again.find(row.id, row.name))!;
      assert.equal(keep === 0 ? now.expires : now.expires - now.created, expected);
      const other = (await again.find(soon.id, soon.name))!;
      assert.equal(other.expires, Math.min(soon.until, keep === "1d" ? soon.created + DAY : NEVER));
    }
    assert.equal(await uploads.find(row.id, "other.txt"), undefined);
    assert.equal(await uploads.find("../../etc/passwd", "x"), undefined);
    assert.deepEqual((await uploads.list("juliet", 1)).length, 1);
    assert.deepEqual((await uploads.list("romeo", 10)).length, 0);
  }));

test("quotas are counted in the database, also after a restart", (fixture) =>
  withUploads(fixture, async ({ open }) => {
    const settings = { quota: 5000, quota_per_day: 0, quota_of_all: 8000 };
    const first = await open(settings);
    await stored(first, "juliet", 3000);
    const uploads = await open(settings);
    const full = await refused(uploads.slot("juliet", asked(2001)));
    assert.equal(full.condition, "resource-constraint");
    // When the oldest has gone.
    const again = Date.parse(full.app!.attrs.stamp!) - Date.now();
    assert.ok(Math.abs(again - 30 * DAY) < 60_000);
    await uploads.slot("juliet", asked(2000));
    await refused(uploads.slot("romeo", asked(3001)));
    const his = await stored(uploads, "romeo", 3000);
    await refused(uploads.slot("nurse", asked(1)));
    assert.equal(await uploads.remove(his.id), true);
    await uploads.slot("nurse", asked(3000));
  }));

test("the day's quota counts what is gone, for a day", (fixture) =>
  withUploads(fixture, async ({ open }) => {
    const uploads = await open({ quota_per_day: 5000 });
    const row = await stored(uploads, "juliet", 4000);
    await uploads.remove(row.id);
    assert.equal(await uploads.find(row.id, row.name), undefined);
    assert.equal((await refused(uploads.slot("juliet", asked(1001)))).type, "wait");
    const { db } = fixture.store;
    await db.updateTable("uploads").set({ created: Date.now() - 2 * DAY, expires: 1 }).execute();
    await uploads.sweep();
    assert.equal((await db.selectFrom("uploads").select("id").execute()).length, 0);
    await uploads.slot("juliet", asked(5000));
  }));

test("a sweep takes all that is over, however many", (fixture) =>
  withUploads(fixture, async ({ open, folder }) => {
    const uploads = await open({ slots_per_minute: 10_000 });
    for (let i = 0; i < 450; i++) await uploads.slot("juliet", asked(1));
    const kept = await stored(uploads, "juliet", 1);
    const gone = await stored(uploads, "juliet", 1);
    const { db } = fixture.store;
    await db.updateTable("uploads").set({ expires: 1 }).where("id", "<>", kept.id).execute();
    await Promise.all([uploads.sweep(), uploads.sweep()]);
    const rows = await db.selectFrom("uploads").select(["id", "state"]).orderBy("created")
      .execute();
    assert.deepEqual(rows.map((r) => [r.id, Number(r.state)]), [[kept.id, 1], [gone.id, 2]]);
    assert.equal(await uploads.files.exists(gone.id), false);
    assert.equal(await uploads.files.exists(kept.id), true);

    // Files that no row tells of, as a restored database leaves them.
    await uploads.files.write("f".repeat(32), 3, bytes(3));
    await Deno.writeTextFile(`${folder}/ff/${"e".repeat(32)}.part`, "half");
    await uploads.removeOrphans();
    assert.equal(await uploads.files.exists("f".repeat(32)), false);
    assert.deepEqual([...Deno.readDirSync(`${folder}/ff`)], []);
    assert.equal(await uploads.files.exists(kept.id), true);
  }));

test("an upload under way while its account goes, and while all stops", (fixture) =>
  withUploads(fixture, async ({ open }) => {
    const uploads = await open();
    const endless = () =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((done) => setTimeout(done, 10));
          controller.enqueue(new Uint8Array(10));
        },
      });
    const begin = async (node: string) => {
      const row = await uploads.slot(node, asked(1_000_000));
      const outcome = uploads.put(row, row.secret, "1000000", undefined, endless());
      await new Promise((done) => setTimeout(done, 100));
      assert.equal(await uploads.put(row, row.secret, "1000000", undefined, bytes(1)), 409);
      return { row, outcome };
    };
    const hers = await begin("juliet");
    const his = await begin("romeo");
    await uploads.wipe("juliet");
    assert.equal(await hers.outcome, 400);
    assert.equal(await uploads.find(hers.row.id, "a.txt"), undefined);
    assert.ok(await uploads.find(his.row.id, "a.txt") !== undefined);
    await uploads.close();
    assert.equal(await his.outcome, 400);
    assert.equal(await uploads.put(his.row, his.row.secret, "1000000", undefined, bytes(1)), 404);
    for (const { row } of [hers, his]) {
      await assert.rejects(
        Deno.stat(`${uploads.files.folder}/${row.id.slice(0, 2)}/${row.id}.part`),
      );
    }
  }));
