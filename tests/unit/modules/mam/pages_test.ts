import assert from "node:assert/strict";
import { StanzaError } from "../../../../lib/errors.ts";
import type { PageRequest } from "../../../../lib/formats/rsm.ts";
import type { ArchiveQuery } from "../../../../lib/hooks/archive.ts";
import { storeTests } from "../../../helpers/stores.ts";
import { type Archives, archivesIn, bodyOf, HOST, jid, LIMITS, OWNER } from "./archives.ts";

const test = await storeTests();

const T0 = Date.UTC(2026, 0, 1);
const FRIENDS = ["juliet@a.org/balcony", "juliet@a.org/garden", "nurse@a.org/x", "juliet@a.org"];

/** Messages "0" to "39", one each minute, from four addresses in turn. */
function forty(archives: Archives): string[] {
  return Array.from(
    { length: 40 },
    (_, i) => archives.put(FRIENDS[i % 4]!, `${i}`, { stamp: T0 + i * 60_000 }),
  );
}

function page(of: Partial<PageRequest>): PageRequest {
  return { max: undefined, after: undefined, before: undefined, index: undefined, ...of };
}

function numbers(from: number, to: number, step = 1): string[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => `${from + i * step}`);
}

async function refused(query: Promise<unknown>, condition: string): Promise<void> {
  await assert.rejects(query, (e) => e instanceof StanzaError && e.condition === condition);
}

test("an archive that nobody has written to is empty", async ({ store }) => {
  const a = await archivesIn(store);
  const empty = { messages: [], complete: true, count: 0 };
  assert.deepEqual(await a.pages.query(OWNER, {}), empty);
  assert.deepEqual(await a.pages.query(OWNER, { text: "word" }), empty);
  assert.equal(await a.pages.ends(OWNER), "empty");
  await refused(a.pages.query(OWNER, { afterId: a.archive.cipher.write(17) }), "item-not-found");
});

test("forwards, backwards, and all of it in between", async ({ store }) => {
  const a = await archivesIn(store);
  const ids = forty(a);
  const first = await a.pages.query(OWNER, {});
  assert.deepEqual(first.messages.map(bodyOf), numbers(0, 9));
  assert.deepEqual(first.messages.map((m) => m.id), ids.slice(0, 10));
  assert.equal(first.messages[3]!.stamp, T0 + 180_000);
  assert.deepEqual([first.complete, first.count], [false, undefined]);

  // Forwards to the end.
  const seen: string[] = [];
  let after: string | undefined;
  for (let complete = false; !complete;) {
    const p = await a.pages.query(OWNER, { page: page({ max: 7, after }) });
    seen.push(...p.messages.map(bodyOf));
    ({ complete } = p);
    after = p.messages.at(-1)!.id;
  }
  assert.deepEqual(seen, numbers(0, 39));

  // Backwards to the start; each page is in order in itself.
  const back: string[] = [];
  let before = "";
  for (let complete = false; !complete;) {
    const p = await a.pages.query(OWNER, { page: page({ max: 7, before }) });
    back.unshift(...p.messages.map(bodyOf));
    ({ complete } = p);
    before = p.messages[0]!.id;
  }
  assert.deepEqual(back, numbers(0, 39));

  // The end of the list, exactly and beyond.
  const last = await a.pages.query(OWNER, { page: page({ max: 10, after: ids[29] }) });
  assert.deepEqual([last.messages.length, last.complete], [10, true]);
  const beyond = await a.pages.query(OWNER, { page: page({ after: ids[39] }) });
  assert.deepEqual([beyond.messages.length, beyond.complete], [0, true]);
});

test("a page has a limit of its own, whatever is asked for", async ({ store }) => {
  const a = await archivesIn(store);
  forty(a);
  assert.equal((await a.bodies()).length, 10);
  assert.equal((await a.bodies({ page: page({ max: 4_294_967_295 }) })).length, 20);
  assert.equal((await a.bodies({ page: page({ max: 3 }) })).length, 3);
  await refused(a.pages.query(OWNER, { page: page({ index: 5 }) }), "feature-not-implemented");
});

test("a page of large messages is short", async ({ store }) => {
  const a = await archivesIn(store, { ...LIMITS, page_bytes: 4096 });
  for (let i = 0; i < 6; i++) a.put("juliet@a.org", `${i}${"ä".repeat(1000)}`);
  const forwards = await a.pages.query(OWNER, {});
  assert.deepEqual([forwards.messages.length, forwards.complete], [2, false]);
  const backwards = await a.pages.query(OWNER, { page: page({ before: "" }) });
  assert.deepEqual(backwards.messages.map((m) => bodyOf(m)[0]), ["4", "5"]);
  assert.equal(backwards.complete, false);
  // One always comes.
  a.put("nurse@a.org", "x".repeat(50_000));
  const one = await a.pages.query(OWNER, { with: jid("nurse@a.org") });
  assert.deepEqual([one.messages.length, one.complete], [1, true]);
});

test("by address, bare or full", async ({ store }) => {
  const a = await archivesIn(store);
  forty(a);
  const max = page({ max: 20 });
  assert.deepEqual(await a.bodies({ with: jid("nurse@a.org"), page: max }), numbers(2, 38, 4));
  assert.deepEqual(
    await a.bodies({ with: jid("juliet@a.org"), page: max }),
    numbers(0, 39).filter((n) => Number(n) % 4 !== 2).slice(0, 20),
  );
  assert.deepEqual(
    await a.bodies({ with: jid("juliet@a.org/garden"), page: max }),
    numbers(1, 37, 4),
  );
  assert.deepEqual(await a.bodies({ with: jid("paris@a.org") }), []);
  assert.deepEqual(
    await a.bodies({ with: jid("nurse@a.org"), page: page({ max: 2, before: "" }) }),
    ["34", "38"],
  );
});

test("by time, both ends included", async ({ store }) => {
  const a = await archivesIn(store);
  forty(a);
  const minute = (n: number) => T0 + n * 60_000;
  assert.deepEqual(await a.bodies({ start: minute(30) }), numbers(30, 39));
  assert.deepEqual(await a.bodies({ end: minute(5) }), numbers(0, 5));
  assert.deepEqual(await a.bodies({ start: minute(5), end: minute(8) }), numbers(5, 8));
  assert.deepEqual(await a.bodies({ start: minute(5) + 1, end: minute(8) - 1 }), ["6", "7"]);
  assert.deepEqual(await a.bodies({ start: minute(8), end: minute(5) }), []);
  assert.deepEqual(await a.bodies({ end: Date.UTC(1970, 0) }), []);
  assert.deepEqual(await a.bodies({ start: Date.UTC(9999, 0) }), []);
  assert.equal((await a.bodies({ start: Date.UTC(1, 0), end: Date.UTC(9999, 0) })).length, 10);
});

test("by id: behind, before, between, and these", async ({ store }) => {
  const a = await archivesIn(store);
  const ids = forty(a);
  assert.deepEqual(await a.bodies({ afterId: ids[34] }), numbers(35, 39));
  assert.deepEqual(await a.bodies({ beforeId: ids[3] }), numbers(0, 2));
  assert.deepEqual(await a.bodies({ afterId: ids[3], beforeId: ids[6] }), ["4", "5"]);
  assert.deepEqual(await a.bodies({ afterId: ids[6], beforeId: ids[3] }), []);
  const some = [ids[30]!, ids[2]!, ids[7]!];
  assert.deepEqual(await a.bodies({ ids: some }), ["2", "7", "30"]);
  assert.deepEqual(await a.bodies({ ids: some, with: jid("nurse@a.org") }), ["2", "30"]);
  assert.deepEqual(await a.bodies({ ids: some, page: page({ max: 1, after: ids[2] }) }), ["7"]);
  // Paging within the two.
  assert.deepEqual(
    await a.bodies({ afterId: ids[3], beforeId: ids[30], page: page({ max: 2, before: "" }) }),
    ["28", "29"],
  );
});

test("what is not in the archive is not found", async ({ store }) => {
  const a = await archivesIn(store);
  const ids = forty(a);
  const elsewhere = a.put("juliet@a.org", "x", { owner: `paris@${HOST}` });
  const unknown = a.archive.cipher.write(123_456);
  for (const id of [elsewhere, unknown, "nonsense", "x".repeat(10_000)]) {
    for (
      const query of [
        { afterId: id },
        { beforeId: id },
        { ids: [ids[0]!, id] },
        { page: page({ after: id }) },
        { page: page({ before: id }) },
        // Also where it would make no difference.
        { afterId: id, with: jid("nobody@a.org") },
        { page: page({ max: 0, after: id }) },
      ] satisfies ArchiveQuery[]
    ) await refused(a.pages.query(OWNER, query), "item-not-found");
  }
});

test("how many there are", async ({ store }) => {
  const a = await archivesIn(store);
  const ids = forty(a);
  const none = page({ max: 0 });
  assert.deepEqual(await a.pages.query(OWNER, { page: none }), {
    messages: [],
    complete: false,
    count: 40,
  });
  const count = async (query: ArchiveQuery) =>
    (await a.pages.query(OWNER, { ...query, page: none })).count;
  assert.equal(await count({ with: jid("nurse@a.org") }), 10);
  assert.equal(await count({ with: jid("juliet@a.org/garden") }), 10);
  assert.equal(await count({ afterId: ids[29] }), 10);
  assert.equal(await count({ ids: ids.slice(3, 8) }), 5);
  assert.equal(await count({ text: "7" }), 1);
  // Where all is on one page, it says so by itself.
  assert.equal((await a.pages.query(OWNER, { with: jid("nurse@a.org") })).count, 10);
});

test("the ends of an archive", async ({ store }) => {
  const a = await archivesIn(store);
  const ids = forty(a);
  assert.deepEqual(await a.pages.ends(OWNER), {
    first: { id: ids[0], stamp: T0 },
    last: { id: ids[39], stamp: T0 + 39 * 60_000 },
  });
});

test("a message is in its archive before it is on the disk", async ({ store }) => {
  const a = await archivesIn(store);
  for (let i = 0; i < 5; i++) {
    a.put("juliet@a.org", `${i}`);
    assert.deepEqual((await a.bodies()).at(-1), `${i}`);
    assert.deepEqual(await a.bodies({ with: jid("juliet@a.org"), text: `${i}` }), [`${i}`]);
  }
});

test("the words of messages are found, in one's own archive", async ({ store }) => {
  const a = await archivesIn(store);
  a.put("juliet@a.org", "But soft, what light through yonder window breaks?");
  a.put("juliet@a.org", "It is the east, and Juliet is the sun.");
  a.put("nurse@a.org", "The sun! O, what light.");
  a.put("juliet@a.org", "Arise, fair sun", { owner: `paris@${HOST}` });
  const found = async (text: string, query: ArchiveQuery = {}, owner = OWNER) =>
    (await a.bodies({ ...query, text }, owner)).map((b) => b.slice(0, 7));
  assert.deepEqual(await found("light"), ["But sof", "The sun"]);
  assert.deepEqual(await found("SUN juliet"), ["It is t"]);
  assert.deepEqual(await found("sun"), ["It is t", "The sun"]);
  assert.deepEqual(await found("sun", { with: jid("nurse@a.org") }), ["The sun"]);
  assert.deepEqual(await found("sun", { page: page({ max: 1, before: "" }) }), ["The sun"]);
  assert.deepEqual(await found("sun", {}, `paris@${HOST}`), ["Arise, "]);
  assert.deepEqual(await found("moon"), []);
  // What came since the last search.
  const id = a.put("nurse@a.org", "Sun again");
  assert.deepEqual(await found("sun"), ["It is t", "The sun", "Sun aga"]);
  assert.deepEqual(await found("sun", { ids: [id] }), ["Sun aga"]);
});

test("no search is an error of the database", async ({ store }) => {
  const a = await archivesIn(store);
  a.put("juliet@a.org", "AND OR NOT NEAR select a b words");
  const odd = [
    '"',
    "'",
    "*",
    "a*",
    "(",
    'a" OR "b',
    "NEAR(a b)",
    "words:a",
    "^a",
    "-a",
    "a AND",
    "NOT",
    "a & | ! b",
    "a:*",
    "\\",
    "';--",
    "{a}",
    "\u0000",
    "🎉",
    "x".repeat(100_000),
    "a ".repeat(10_000),
    `archive01 a`,
  ];
  for (const text of odd) assert.ok(Array.isArray(await a.bodies({ text })), text);
  assert.equal((await a.bodies({ text: "AND" })).length, 1);
  assert.equal((await a.bodies({ text: "NEAR(a b)" })).length, 1);
  assert.equal((await a.bodies({ text: '"' })).length, 0);
});

test("encrypted messages and those without a body have no words", async ({ store }) => {
  const a = await archivesIn(store);
  const add = (text: string) =>
    a.archive.add({
      host: HOST,
      owner: OWNER,
      id: a.archive.nextId(),
      peer: "juliet@a.org",
      resource: "",
      xml: text,
    });
  add("<message><body>stopgap</body><encryption xmlns='urn:xmpp:eme:0'/></message>");
  add("<message><received xmlns='urn:xmpp:receipts' id='stopgap'/></message>");
  add("<message><body xml:lang='en'>sun</body><body xml:lang='de'>Sonne</body></message>");
  add("<message><html xmlns='x'><body xmlns='y'>stopgap</body></html></message>");
  assert.equal((await a.pages.query(OWNER, { text: "stopgap" })).messages.length, 0);
  assert.equal((await a.pages.query(OWNER, { text: "sun sonne" })).messages.length, 1);
});
