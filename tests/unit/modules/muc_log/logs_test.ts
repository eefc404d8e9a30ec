/** What is written into logs, read, hidden and removed, on every database. */

import assert from "node:assert/strict";
import { type Log, Logs } from "../../../../modules/muc_log/logs.ts";
import { markOf } from "../../../../modules/muc_log/quarters.ts";
import { Removal } from "../../../../modules/muc_log/removal.ts";
import { reading } from "../../../../modules/muc_log/reading.ts";
import { migrations } from "../../../../modules/muc_log/tables.ts";
import { type EntryRow, type Writing, writing } from "../../../../modules/muc_log/writing.ts";
import { DAY_MS, Zone } from "../../../../modules/muc_log/zone.ts";
import { parseJid } from "../../../../lib/jid.ts";
import type { Store } from "../../../../lib/store/mod.ts";
import { storeTests } from "../../../helpers/stores.ts";

const test = await storeTests();

const KEY = { host: "localhost", room: "coven@chat.localhost" };
const ROOM = parseJid(KEY.room)!;
const LOG: Log = {
  room: KEY.room,
  name: "",
  description: "",
  open: true,
  state: "logged",
  gone: 0,
};
const at = (text: string) => Date.parse(`${text}Z`);

async function prepare(store: Store): Promise<Writing> {
  await store.migrate("muc_log", migrations);
  return writing(store);
}

async function write(sql: Writing, row: Partial<EntryRow>): Promise<void> {
  const full = {
    ...KEY,
    at: 0,
    open: 1,
    kind: "message",
    nick: "witch",
    text: "hail",
    detail: "",
    stanza: null,
    origin: null,
    corrects: null,
    ...row,
  };
  await sql.entry.run(full);
  const { host, room, open } = full;
  await sql.day.run({ host, room, open, ...markOf(full.at) });
}

function logsIn(store: Store, zone: string, showClosed = false): Logs {
  return new Logs(store, { host: KEY.host, zone: new Zone(zone), showClosed });
}

test("days follow the zone, and so do the days around one", async ({ store }) => {
  const sql = await prepare(store);
  for (
    const moment of [
      "2026-03-28T23:10:00", // the 29th in Zurich, which is short
      "2026-03-29T21:59:59", // still the 29th there
      "2026-03-29T22:00:00", // the 30th there
      "2026-10-24T22:00:00", // the 25th there, which is long
      "2026-10-25T22:59:59", // still
      "2026-11-30T12:00:00",
    ]
  ) await write(sql, { at: at(moment), text: moment });
  const days = (zone: string, limit = 10) => logsIn(store, zone).days(LOG, undefined, limit);
  assert.deepEqual(await days("UTC"), [
    "2026-11-30",
    "2026-10-25",
    "2026-10-24",
    "2026-03-29",
    "2026-03-28",
  ]);
  assert.deepEqual(await days("Europe/Zurich"), [
    "2026-11-30",
    "2026-10-25",
    "2026-03-30",
    "2026-03-29",
  ]);
  assert.deepEqual(await days("Europe/Zurich", 2), ["2026-11-30", "2026-10-25"]);
  const zurich = logsIn(store, "Europe/Zurich");
  assert.deepEqual(await zurich.days(LOG, "2026-03-30", 10), ["2026-03-30", "2026-03-29"]);
  assert.deepEqual(await zurich.neighbours(LOG, "2026-03-29"), [undefined, "2026-03-30"]);
  assert.deepEqual(await zurich.neighbours(LOG, "2026-03-30"), ["2026-03-29", "2026-10-25"]);
  assert.deepEqual(await zurich.neighbours(LOG, "2026-11-30"), ["2026-10-25", undefined]);
  const texts = async (day: string) =>
    (await zurich.day(LOG, day, 1, 100))?.entries.map(({ text }) => text);
  assert.deepEqual(await texts("2026-03-29"), ["2026-03-28T23:10:00", "2026-03-29T21:59:59"]);
  assert.deepEqual(await texts("2026-10-25"), ["2026-10-24T22:00:00", "2026-10-25T22:59:59"]);
  assert.deepEqual(await texts("2026-10-26"), undefined);
});

test("a day has parts", async ({ store }) => {
  const sql = await prepare(store);
  for (let i = 0; i < 25; i++) {
    await write(sql, { at: at("2026-11-30T12:00:00"), text: String(i) });
  }
  const logs = logsIn(store, "UTC");
  const part = async (n: number) => {
    const found = await logs.day(LOG, "2026-11-30", n, 10);
    return found && `${found.entries[0]!.text}-${found.entries.at(-1)!.text} of ${found.parts}`;
  };
  assert.equal(await part(1), "0-9 of 3");
  assert.equal(await part(2), "10-19 of 3");
  assert.equal(await part(3), "20-24 of 3");
  assert.equal(await part(4), undefined);
  assert.equal((await logs.day(LOG, "2026-11-30", 1, 25))!.parts, 1);
});

test("what was said behind closed doors is not shown in an open room", async ({ store }) => {
  const sql = await prepare(store);
  const room = { ...KEY, name: "", description: "", logging: 1 };
  await write(sql, { at: at("2026-11-28T12:00:00"), open: 0, text: "closed" });
  await write(sql, { at: at("2026-11-29T12:00:00"), open: 1, text: "open" });
  await write(sql, { at: at("2026-11-29T12:00:00"), open: 0, text: "closed" });
  const shown = async (showClosed: boolean) => {
    const logs = logsIn(store, "UTC", showClosed);
    const log = await logs.find(ROOM);
    if (log === undefined) return undefined;
    const days = await logs.days(log, undefined, 10);
    const found = await Promise.all(days.map((day) => logs.day(log, day, 1, 10)));
    return found.flatMap((part) => part!.entries.map(({ text }) => text));
  };
  await sql.room.run({ ...room, open: 1 });
  assert.deepEqual(await shown(false), ["open"]);
  assert.deepEqual(await shown(true), ["open"]);
  assert.equal((await logsIn(store, "UTC").list("", 10)).length, 1);
  await sql.room.run({ ...room, open: 0 });
  assert.deepEqual(await shown(false), undefined);
  assert.deepEqual(await shown(true), ["open", "closed", "closed"]);
  assert.deepEqual(await logsIn(store, "UTC", true).list("", 10), []);
});

test("a retraction takes the text, and that of corrections", async ({ store }) => {
  const sql = await prepare(store);
  const day = at("2026-11-30T12:00:00");
  await write(sql, { at: day, stanza: "s1", origin: "m1", text: "spam" });
  await write(sql, { at: day + 1, stanza: "s2", origin: "m2", corrects: "m1", text: "more spam" });
  await write(sql, { at: day + 2, stanza: "s3", origin: "m3", corrects: "m1", nick: "other" });
  await write(sql, { at: day + 3, stanza: "s4", text: "ham" });
  const params = { ...KEY, stanza: "s1", detail: "spam" };
  await sql.retractCorrections.run({ ...params, stanza: "unknown" });
  await sql.retractCorrections.run(params);
  await sql.retract.run(params);
  const { entries } = (await logsIn(store, "UTC").day(LOG, "2026-11-30", 1, 10))!;
  assert.deepEqual(entries.map(({ kind, text }) => [kind, text]), [
    ["retracted", ""],
    ["retracted", ""],
    ["message", "hail"],
    ["message", "ham"],
  ]);
});

test("a removed log is hidden at once, and gone some portions later", async ({ store }) => {
  const sql = await prepare(store);
  const room = { ...KEY, name: "", description: "", open: 1, logging: 1 };
  const read = reading(store);
  const logs = logsIn(store, "UTC");
  const now = at("2026-11-30T12:00:00");
  const count = async () =>
    (await read.count.first({ ...KEY, least: 0, start: 0, end: now + DAY_MS }))!.entries;
  await sql.room.run(room);
  await store.batch(Array.from({ length: 450 }, (_, i) =>
    sql.entry.bind({
      ...KEY,
      at: now - i,
      open: 1,
      kind: "message",
      nick: "witch",
      text: "old",
      detail: "",
      stanza: null,
      origin: null,
      corrects: null,
    })));
  await sql.hide.run({ ...KEY, gone: now });
  await sql.days.run(KEY);
  assert.equal(await logs.find(ROOM), undefined);
  assert.equal((await logs.list("", 10)).length, 0);
  // Made again before all is removed.
  await sql.room.run(room);
  await write(sql, { at: now + 1, text: "new" });
  const log = (await logs.find(ROOM))!;
  const shown = async () => (await logs.day(log, "2026-11-30", 1, 1000))!.entries.length;
  assert.equal(await shown(), 1);
  assert.equal(await count(), 451);
  await new Removal(store, KEY.host, 0).sweep();
  assert.equal(await shown(), 1);
  assert.equal(await count(), 1);
  assert.deepEqual(await read.gone.all({ host: KEY.host }), []);
  assert.equal((await logs.find(ROOM))!.gone, 0);
  // And not made again.
  await sql.hide.run({ ...KEY, gone: now + 1 });
  await new Removal(store, KEY.host, 0).sweep();
  assert.equal(await count(), 0);
  assert.equal(await read.room.first(KEY), undefined);
});

test("what is too old goes, by whole days", async ({ store }) => {
  const sql = await prepare(store);
  await sql.room.run({ ...KEY, name: "", description: "", open: 1, logging: 1 });
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  for (const days of [0, 6, 7, 8, 9]) await write(sql, { at: midnight - days * DAY_MS, text: "" });
  const other = { host: "other.example", at: midnight - 9 * DAY_MS };
  await write(sql, other);
  await new Removal(store, KEY.host, 7 * DAY_MS).sweep();
  const days = await logsIn(store, "UTC").days(LOG, undefined, 10);
  assert.equal(days.length, 3);
  const least = { ...KEY, least: 0, start: 0, end: Date.now() };
  assert.equal((await reading(store).count.first(least))!.entries, 3);
  const others = await reading(store).count.first({ ...least, host: other.host });
  assert.equal(others!.entries, 1);
});

test("rooms are listed in the order of their addresses, with the last entry", async ({ store }) => {
  const sql = await prepare(store);
  for (const name of ["c", "a", "b"]) {
    const room = `${name}@chat.localhost`;
    const row = { host: KEY.host, room, name, description: "", open: 1, logging: 1 };
    await sql.room.run(row);
    await write(sql, { room, at: 1000 });
    await write(sql, { room, at: 2000 });
    await write(sql, { room, at: 3000, open: 0 });
  }
  const logs = logsIn(store, "UTC");
  const list = async (after: string, limit: number) =>
    (await logs.list(after, limit)).map(({ name, last }) => `${name} ${last}`);
  assert.deepEqual(await list("", 2), ["a 2000", "b 2000"]);
  assert.deepEqual(await list("b@chat.localhost", 2), ["c 2000"]);
  await sql.close.run({ host: KEY.host, room: "a@chat.localhost" });
  assert.equal((await logs.find(parseJid("a@chat.localhost")!))!.state, "destroyed");
});
