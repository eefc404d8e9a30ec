import assert from "node:assert/strict";
import { parseStored } from "../../../../lib/formats/stored.ts";
import { firstIdOf } from "../../../../modules/mam/ids.ts";
import { Retention } from "../../../../modules/mam/retention.ts";
import { Tombstones } from "../../../../modules/mam/retraction.ts";
import { storeTests } from "../../../helpers/stores.ts";
import { archivesIn, bodyOf, HOST, jid, OWNER, stanza } from "./archives.ts";

const test = await storeTests();

const OTHER = `paris@${HOST}`;

async function tables(a: Awaited<ReturnType<typeof archivesIn>>): Promise<Record<string, number>> {
  const { db, dialect } = a.archive.store;
  const names = ["archive", "archive_owners", "archive_words"];
  if (dialect === "sqlite") names.push("archive_by_time", "archive_by_peer");
  const counts: Record<string, number> = {};
  for (const name of names) {
    const [row] = await db.selectFrom(name).select((e) => e.fn.countAll().as("n")).execute();
    counts[name] = Number(row!.n);
  }
  return counts;
}

test("what was archived is there after a restart, and ids go on", async ({ store, open }) => {
  const first = await archivesIn(store);
  const ids = [first.put("juliet@a.org", "one"), first.put("juliet@a.org", "two")];
  await first.close();
  assert.equal(first.pledges.length, 1);
  await Promise.all(first.pledges);

  const second = await archivesIn(await open());
  ids.push(second.put("juliet@a.org", "three"));
  const { messages } = await second.pages.query(OWNER, {});
  assert.deepEqual(messages.map(bodyOf), ["one", "two", "three"]);
  assert.deepEqual(messages.map((m) => m.id), ids);
  await second.close();
});

test("after a crash nothing that was committed is missing", async ({ store, open }) => {
  const first = await archivesIn(store);
  for (let i = 0; i < 2500; i++) first.put(`friend${i % 7}@a.org`, `${i}`);
  await first.archive.drain();
  // No more than that: neither a query nor an orderly end has brought the tables up to date.
  const second = await archivesIn(await open());
  assert.deepEqual(await second.bodies({ with: jid("friend3@a.org") }), [
    ...Array.from({ length: 10 }, (_, i) => `${3 + 7 * i}`),
  ]);
  const none = { max: 0, after: undefined, before: undefined, index: undefined };
  assert.equal((await second.pages.query(OWNER, { page: none })).count, 2500);
});

test("ids grow even if the clock was set back over a restart", async ({ store, open }) => {
  const first = await archivesIn(store);
  const future = Date.now() + 86_400_000;
  first.put("juliet@a.org", "from tomorrow", { stamp: future });
  await first.archive.drain();
  const second = await archivesIn(await open());
  second.put("juliet@a.org", "now");
  assert.deepEqual(await second.bodies(), ["from tomorrow", "now"]);
});

test("two hosts in one process share the archives of a store", async ({ store }) => {
  const [a, b] = await Promise.all([archivesIn(store), archivesIn(store)]);
  assert.equal(a.archive, b.archive);
  a.put("juliet@a.org", "one");
  await a.close();
  b.put("juliet@a.org", "two");
  assert.deepEqual(await b.bodies(), ["one", "two"]);
  await b.close();
});

test("what is too old goes, and only that", async ({ store }) => {
  const a = await archivesIn(store);
  const day = 86_400_000;
  const now = Date.now();
  for (let i = 0; i < 450; i++) {
    a.put("juliet@a.org", `old ${i}`, { stamp: now - 40 * day + i });
    a.put("nurse@a.org", `old ${i}`, { stamp: now - 40 * day + i, owner: OTHER });
  }
  for (let i = 0; i < 3; i++) a.put("juliet@a.org", `new ${i}`);
  assert.equal((await a.bodies({ text: "old" })).length, 10);
  const retention = new Retention(a.archive, HOST, { keep: 30 * day, max_messages: 0 });
  await retention.sweep();
  assert.deepEqual(await a.bodies(), ["new 0", "new 1", "new 2"]);
  assert.deepEqual(await a.bodies({ text: "old" }), []);
  assert.deepEqual(await a.bodies({}, OTHER), []);
  assert.equal(await a.pages.ends(OTHER), "empty");
  const left = await tables(a);
  for (const [name, n] of Object.entries(left)) {
    assert.equal(n, name === "archive_owners" ? 2 : 3, name);
  }
  // Not those of another host.
  const elsewhere = new Retention(a.archive, "else.org", { keep: 1, max_messages: 1 });
  await elsewhere.sweep();
  assert.equal((await a.bodies()).length, 3);
});

test("of what is too much the oldest goes", async ({ store }) => {
  const a = await archivesIn(store);
  for (let i = 0; i < 500; i++) a.put(`friend${i % 3}@a.org`, `${i}`);
  for (let i = 0; i < 5; i++) a.put("juliet@a.org", `${i}`, { owner: OTHER });
  await a.archive.drain();
  const retention = new Retention(a.archive, HOST, { keep: 0, max_messages: 8 });
  await retention.sweep();
  assert.deepEqual(await a.bodies(), ["492", "493", "494", "495", "496", "497", "498", "499"]);
  assert.equal((await a.bodies({}, OTHER)).length, 5);
});

test("a wiped archive is out of reach at once, and gone after a while", async ({ store }) => {
  const a = await archivesIn(store);
  for (let i = 0; i < 450; i++) a.put("juliet@a.org", `word ${i}`);
  a.put("juliet@a.org", "stays", { owner: OTHER });
  assert.equal((await a.bodies({ text: "word" })).length, 10);
  assert.equal(await a.archive.owners.abandon(OWNER), true);
  assert.equal(await a.archive.owners.abandon(OWNER), false);
  assert.deepEqual(await a.bodies(), []);
  // Somebody new of the same name.
  a.put("juliet@a.org", "word of somebody else");
  assert.deepEqual(await a.bodies(), ["word of somebody else"]);
  assert.deepEqual(await a.bodies({ text: "word" }), ["word of somebody else"]);
  await new Retention(a.archive, HOST, { keep: 0, max_messages: 0 }).sweepAbandoned();
  assert.deepEqual(await a.bodies(), ["word of somebody else"]);
  assert.deepEqual(await a.bodies({}, OTHER), ["stays"]);
  const { archive, archive_owners, archive_words } = await tables(a);
  assert.deepEqual([archive, archive_owners, archive_words], [2, 2, 1]);
});

test("a retracted message leaves a tombstone in its place", async ({ store }) => {
  const a = await archivesIn(store);
  const tombstones = new Tombstones(a.archive, a.search, a.log);
  const id = a.put("juliet@a.org/phone", "secret words", { id: "m'1" });
  a.put("nurse@a.org", "secret too", { id: "m'1" });
  a.put("juliet@a.org", "secret as well", { id: "m2" });
  assert.equal((await a.bodies({ text: "secret" })).length, 3);
  const retract = (by: string, target: string) =>
    tombstones.retract({
      owner: OWNER,
      peer: "juliet@a.org",
      by: jid(by),
      target,
      id: "r1",
      stamp: Date.UTC(2026, 3, 1),
      place: a.archive.nextId(),
    });
  // Not by another, and nothing else.
  await retract(OWNER, "m'1");
  await retract("juliet@a.org", "m3");
  assert.equal((await a.bodies({ text: "secret" })).length, 3);
  await retract("juliet@a.org", "m'1");
  const [grave] = (await a.pages.query(OWNER, { ids: [id] })).messages;
  const message = parseStored(grave!.xml);
  assert.deepEqual({ ...message.attrs }, {
    from: "juliet@a.org/phone",
    to: OWNER,
    id: "m'1",
    type: "chat",
  });
  assert.equal(message.children.length, 1);
  assert.deepEqual({ ...message.child("retracted", "urn:xmpp:message-retract:1")!.attrs }, {
    id: "r1",
    stamp: "2026-04-01T00:00:00.000Z",
  });
  assert.deepEqual(await a.bodies({ text: "secret" }), ["secret too", "secret as well"]);
  assert.equal((await a.bodies()).length, 3);
  // A message that only says the id of another somewhere inside is not that one.
  a.put("juliet@a.org", "it has id='m9' in it", { id: "m8" });
  await retract("juliet@a.org", "m9");
  assert.equal((await a.bodies()).at(-1), "it has id='m9' in it");
  assert.deepEqual(a.lines, []);
});

test("another text in the place of a message", async ({ store }) => {
  const a = await archivesIn(store);
  a.put("juliet@a.org", "first");
  a.put("juliet@a.org", "second");
  const number = (await a.archive.settled(OWNER))!;
  const { messages } = await a.pages.query(OWNER, {});
  const place = a.archive.cipher.read(messages[0]!.id)!;
  const text = stanza(jid("juliet@a.org"), jid(OWNER), "moderated").wire();
  assert.equal(await a.archive.replace(number + 1, place, text), false);
  assert.equal(await a.archive.replace(number, place - 1, text), false);
  assert.equal(await a.archive.replace(number, place, text), true);
  assert.deepEqual(await a.bodies(), ["moderated", "second"]);
});

test("what cannot be written is counted and logged, and the next message is kept", async ({ store }) => {
  const a = await archivesIn(store);
  a.put("juliet@a.org", "one");
  await a.archive.drain();
  // A message that no column takes.
  a.archive.add({
    host: HOST,
    owner: OWNER,
    id: firstIdOf(Date.now()),
    peer: undefined as never,
    resource: "",
    xml: "<message/>",
  });
  assert.equal(await a.archive.kept(OWNER), false);
  assert.equal(a.archive.lost, 1);
  assert.equal(a.lines.length, 1);
  assert.match(a.lines[0]!, /could not be archived/);
  a.put("juliet@a.org", "two");
  const kept = a.archive.kept(OWNER);
  assert.ok(kept instanceof Promise && a.archive.kept(OWNER) === kept);
  assert.equal(a.archive.kept(`paris@${HOST}`), true);
  assert.equal(await kept, true);
  assert.equal(a.archive.kept(OWNER), true);
  assert.deepEqual(await a.bodies(), ["one", "two"]);
});
