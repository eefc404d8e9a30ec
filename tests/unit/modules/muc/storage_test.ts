/** The tables of rooms, on every database. */

import assert from "node:assert/strict";
import { StanzaError } from "../../../../lib/errors.ts";
import * as hooks from "../../../../lib/hooks/room_storage.ts";
import { Jid, parseJid } from "../../../../lib/jid.ts";
import type { RoomConfig, RoomRecord, StoredAffiliation } from "../../../../lib/rooms.ts";
import type { Store } from "../../../../lib/store/mod.ts";
import { readConfig } from "../../../../modules/muc/stored_room.ts";
import { TABLES } from "../../../../modules/muc/tables.ts";
import { storeTests } from "../../../helpers/stores.ts";
import { coven, defaults, juliet, opened, other, roomOf, service } from "./rooms.ts";

const test = await storeTests();
const foreign = parseJid("conference.example.org")!;

const affiliation = (jid: string, rest: Partial<StoredAffiliation> = {}): StoredAffiliation => ({
  jid,
  affiliation: "member",
  nick: "",
  reason: "",
  version: 1,
  since: 1,
  ...rest,
});

const ODD = `'"%_\\ Müßiggang 😀 Ж\n</a>`;

async function rowsOf(store: Store, table: string): Promise<number> {
  return (await store.db.selectFrom(table).selectAll().execute()).length;
}

test("a room with all that is known of it", async ({ store }) => {
  const chains = await opened(store);
  assert.equal(await chains.ask(hooks.roomLoad, coven), "none");
  const first = roomOf();
  assert.equal(await chains.ask(hooks.roomSave, coven, first), true);
  assert.deepEqual(await chains.ask(hooks.roomLoad, coven), { ...first, affiliations: [] });

  const full = roomOf({
    name: ODD,
    description: ODD,
    lang: "de-CH",
    persistent: true,
    public: false,
    password: ODD,
    whois: "anyone",
    maxUsers: 7,
    presenceBroadcast: ["moderator"],
    getMemberList: [],
    pubsub: "xmpp:pubsub.example.com?;node=x",
    contacts: [juliet.bare],
  }, {
    subject: { xml: `<message><subject>${ODD}</subject></message>`, stamp: 1_700_000_000_456 },
    hats: [{ uri: "urn:hat", title: ODD, hue: "327.25", wearers: [juliet.bare] }],
    avatars: ["a", "b"],
    version: 9,
    oldestVersion: 3,
    activity: [1, 0, 5],
    activeHour: 472222,
  });
  const owner = affiliation(juliet.bare, { affiliation: "owner", nick: ODD, version: 8, since: 2 });
  const gone = affiliation("a@example.com", { affiliation: "none", reason: ODD, since: 0 });
  await chains.ask(hooks.roomSave, coven, full, [owner, gone]);
  const stored = { ...full, affiliations: [gone, owner] };
  assert.deepEqual(await chains.ask(hooks.roomLoad, coven), stored);
});

test("changes of affiliations", async ({ store }) => {
  const chains = await opened(store);
  const many = Array.from({ length: 2500 }, (_, i) => affiliation(`m${i}@example.com`));
  await chains.ask(hooks.roomSave, coven, roomOf(), many);
  const of = async () => {
    const room = await chains.ask(hooks.roomLoad, coven);
    assert.ok(room !== undefined && room !== "none");
    return room.affiliations;
  };
  assert.equal((await of()).length, 2500);
  // Named twice: the last one counts.
  const changed = affiliation("m7@example.com", { affiliation: "outcast", reason: "spam" });
  const twice = [affiliation("m7@example.com", { affiliation: "admin" }), changed];
  const forget = many.slice(8).map((a) => a.jid);
  await chains.ask(hooks.roomSave, coven, roomOf(), twice, [...forget, "nobody@example.com"]);
  assert.deepEqual(await of(), [...many.slice(0, 7), changed]);
});

test("rooms that know somebody", async ({ store }) => {
  const chains = await opened(store);
  const save = (node: string, domain: string, ...them: StoredAffiliation[]) =>
    chains.ask(hooks.roomSave, Jid.of(node, domain), roomOf(), them);
  await save("b", service.domain, affiliation(juliet.bare, { affiliation: "outcast" }));
  await save("a", service.domain, affiliation(juliet.bare), affiliation("example.net"));
  await save("c", service.domain, affiliation(juliet.bare, { affiliation: "none" }));
  await save("d", other.domain, affiliation(juliet.bare));
  const of = async (at: Jid, who: Jid) =>
    (await chains.ask(hooks.roomsOf, at, who))!.map((room) => room.bare);
  const orchard = juliet.withResource("orchard");
  const [a, b, c] = ["a", "b", "c"].map((node) => `${node}@${service.domain}`);
  assert.deepEqual(await of(service, orchard), [a, b, c]);
  assert.deepEqual(await of(other, juliet), [`d@${other.domain}`]);
  assert.deepEqual(await of(service, parseJid("example.net")!), [`a@${service.domain}`]);
  assert.deepEqual(await of(service, parseJid("x@example.net")!), []);
});

test("what is not ours is left to others", async ({ store }) => {
  const chains = await opened(store);
  const room = Jid.of("a", foreign.domain);
  const occupant = { room, nick: "n", jid: "a@b/c" };
  const answers = [
    await chains.ask(hooks.roomLoad, room),
    await chains.ask(hooks.roomSave, room, roomOf()),
    await chains.ask(hooks.roomRemove, room),
    await chains.ask(hooks.roomList, foreign, { limit: 10 }),
    await chains.ask(hooks.roomCount, foreign, "all"),
    await chains.ask(hooks.roomsOf, foreign, juliet),
    await chains.ask(hooks.roomTemporary, foreign),
    await chains.ask(hooks.roomCardGet, room),
    await chains.ask(hooks.roomCardSet, room, "<vCard/>"),
    await chains.ask(hooks.roomHistoryAdd, room, { id: "1", stamp: 1, xml: "<a/>" }, 5),
    await chains.ask(hooks.roomHistoryGet, room),
    await chains.ask(hooks.roomHistoryReplace, room, "1", "<b/>"),
    await chains.ask(hooks.roomOccupantsChanged, [occupant], []),
    await chains.ask(hooks.roomOccupantsChanged, [], [occupant]),
    await chains.ask(hooks.roomOccupantsTake, foreign),
  ];
  assert.deepEqual(answers, answers.map(() => undefined));
  for (const table of Object.keys(TABLES)) assert.equal(await rowsOf(store, table), 0, table);
});

test("numbers of rooms, and those that go with their occupants", async ({ store }) => {
  const chains = await opened(store);
  const counts = async () => {
    const of = (which: "all" | "public" | { creator: string }, at = service) =>
      chains.ask(hooks.roomCount, at, which);
    return [await of("all"), await of("public"), await of({ creator: juliet.bare })];
  };
  const save = (node: string, change: Partial<RoomConfig> = {}, rest: Partial<RoomRecord> = {}) =>
    chains.ask(hooks.roomSave, Jid.of(node, service.domain), roomOf(change, rest));
  assert.deepEqual(await counts(), [0, 0, 0]);
  await save("b", { persistent: true });
  await save("a");
  await save("a");
  await save("c", { public: false }, { creator: "x@example.com" });
  assert.deepEqual(await counts(), [3, 2, 2]);
  await save("a", { public: false });
  await save("c", { public: true }, { creator: "x@example.com" });
  await chains.ask(hooks.roomSave, Jid.of("a", other.domain), roomOf());
  assert.deepEqual(await counts(), [3, 2, 2]);
  const temporary = async () =>
    (await chains.ask(hooks.roomTemporary, service))!.map((room) => room.bare);
  assert.deepEqual(await temporary(), [`a@${service.domain}`, `c@${service.domain}`]);
  await save("c", { persistent: true });
  assert.deepEqual(await temporary(), [`a@${service.domain}`]);
  for (const node of ["b", "b", "nowhere"]) {
    await chains.ask(hooks.roomRemove, Jid.of(node, service.domain));
  }
  assert.deepEqual(await counts(), [2, 1, 2]);
  assert.equal(await chains.ask(hooks.roomCount, other, "all"), 1);
});

test("the vCard and the history", async ({ store }) => {
  const chains = await opened(store);
  const card = () => chains.ask(hooks.roomCardGet, coven);
  assert.equal(await card(), "");
  await chains.ask(hooks.roomCardSet, coven, "<vCard/>");
  await chains.ask(hooks.roomCardSet, coven, `<vCard>${ODD}</vCard>`);
  assert.equal(await card(), `<vCard>${ODD}</vCard>`);
  await chains.ask(hooks.roomCardSet, coven, "");
  assert.equal(await card(), "");

  const item = (i: number) => ({ id: `i${i}`, stamp: 1_700_000_000_000 + i, xml: `<a>${ODD}</a>` });
  const history = async (room = coven) =>
    (await chains.ask(hooks.roomHistoryGet, room))!.map((i) => i.id).join(" ");
  const add = (i: number, keep: number, room = coven) =>
    chains.ask(hooks.roomHistoryAdd, room, item(i), keep);
  for (let i = 1; i <= 5; i++) await add(i, 4);
  await add(1, 4, Jid.of("coven", other.domain));
  assert.equal(await history(), "i2 i3 i4 i5");
  assert.equal(await history(Jid.of("coven", other.domain)), "i1");
  await chains.ask(hooks.roomHistoryReplace, coven, "i3", "<b/>");
  const [second, third] = (await chains.ask(hooks.roomHistoryGet, coven))!;
  assert.deepEqual(second, item(2));
  assert.deepEqual(third, { ...item(3), xml: "<b/>" });
  await chains.ask(hooks.roomHistoryReplace, coven, "i4", "");
  await chains.ask(hooks.roomHistoryReplace, coven, "nothing", "<b/>");
  assert.equal(await history(), "i2 i3 i5");
  await add(6, 4);
  assert.equal(await history(), "i2 i3 i5 i6");
  await add(7, 2);
  assert.equal(await history(), "i6 i7");
  await add(8, 0);
  assert.equal(await history(), "");
  await add(9, 2);
  assert.equal(await history(), "i9");
});

test("2,000 occupants come and go", async ({ store }) => {
  const chains = await opened(store);
  const occupants = (room: Jid) =>
    Array.from({ length: 2000 }, (_, i) => ({ room, nick: `n${i} '😀`, jid: `u${i}@x.org/a b` }));
  const here = occupants(coven);
  const there = occupants(Jid.of("hall", other.domain));
  const changed = (entered: hooks.StoredOccupant[], left: hooks.StoredOccupant[]) =>
    chains.ask(hooks.roomOccupantsChanged, entered, left);
  await changed(here, []);
  await changed([here[5]!, { ...here[0]!, nick: "new" }], here.slice(0, 1));
  await changed(there, []);
  const second = { ...here[1]!, jid: "u1@x.org/second" };
  await changed([second], here.slice(3));
  await changed([here[9]!], [here[9]!]);
  const taken = (await chains.ask(hooks.roomOccupantsTake, service))!;
  const shown = taken.map(({ room, nick, jid }) => `${room.bare} ${nick} ${jid}`).sort();
  assert.deepEqual(
    shown,
    [
      `${coven.bare} ${second.nick} ${second.jid}`,
      `${coven.bare} new ${here[0]!.jid}`,
      `${coven.bare} ${here[1]!.nick} ${here[1]!.jid}`,
      `${coven.bare} ${here[2]!.nick} ${here[2]!.jid}`,
    ].sort(),
  );
  assert.deepEqual(await chains.ask(hooks.roomOccupantsTake, service), []);
  assert.equal((await chains.ask(hooks.roomOccupantsTake, other))!.length, 2000);
  assert.equal(await rowsOf(store, "muc_occupants"), 0);
});

test("nothing is left of a room, and all of its namesake elsewhere", async ({ store }) => {
  const chains = await opened(store);
  const rooms = [coven, Jid.of("coven", other.domain), Jid.of("coven2", service.domain)];
  for (const room of rooms) {
    await chains.ask(hooks.roomSave, room, roomOf(), [affiliation(juliet.bare)]);
    await chains.ask(hooks.roomCardSet, room, "<vCard/>");
    await chains.ask(hooks.roomHistoryAdd, room, { id: "1", stamp: 1, xml: "<a/>" }, 9);
    await chains.ask(hooks.roomOccupantsChanged, [{ room, nick: "n", jid: "a@b/c" }], []);
  }
  const tables = (await store.db.introspection.getTables()).map((table) => table.name)
    .filter((name) => name.startsWith("muc_"));
  assert.deepEqual(tables.sort(), [...Object.keys(TABLES), "muc_services"].sort());
  for (const table of Object.keys(TABLES)) assert.equal(await rowsOf(store, table), 3, table);
  await chains.ask(hooks.roomRemove, coven);
  for (const table of Object.keys(TABLES)) assert.equal(await rowsOf(store, table), 2, table);
  assert.equal(await chains.ask(hooks.roomLoad, coven), "none");
  assert.equal(await chains.ask(hooks.roomCount, service, "public"), 1);
  for (const room of rooms.slice(1)) await chains.ask(hooks.roomRemove, room);
  for (const table of Object.keys(TABLES)) assert.equal(await rowsOf(store, table), 0, table);
  assert.equal(await chains.ask(hooks.roomCount, other, "all"), 0);
});

test("a room that an earlier version has written", async ({ store }) => {
  const chains = await opened(store);
  await chains.ask(hooks.roomSave, coven, roomOf({ name: "Old", moderated: true }));
  const record = JSON.stringify({ secret: "aa", config: { name: "Old", moderated: true } });
  await store.db.updateTable("muc_rooms").set({ record }).execute();
  const expected = roomOf({ name: "Old", moderated: true }, { secret: "aa" });
  assert.deepEqual(await chains.ask(hooks.roomLoad, coven), { ...expected, affiliations: [] });
});

test("what the database refuses is not answered", async ({ store, open }) => {
  const second = await open();
  const chains = await opened(second);
  const refused = (answer: unknown) =>
    assert.rejects(
      async () => await answer,
      (e) => e instanceof StanzaError && e.condition === "internal-server-error",
    );
  await chains.ask(hooks.roomSave, coven, roomOf());
  await store.db.schema.dropTable("muc_affiliations").execute();
  const renamed = roomOf({ name: "x", public: false });
  await refused(chains.ask(hooks.roomSave, coven, renamed, [affiliation("a@example.com")]));
  // All of a change or nothing.
  assert.equal((await chains.ask(hooks.roomList, service, { limit: 1 }))![0]!.name, "");
  assert.equal(await chains.ask(hooks.roomCount, service, "public"), 1);
  await second.close();
  await refused(chains.ask(hooks.roomCardGet, coven));
  await refused(chains.ask(hooks.roomOccupantsTake, service));
});

Deno.test("a configuration with missing, strange and further values", () => {
  const read = readConfig({
    name: 5,
    description: "d",
    maxUsers: "7",
    contacts: null,
    presenceBroadcast: "all",
    getMemberList: [],
    persistent: true,
    later: 1,
  }, defaults);
  assert.deepEqual(read, { ...defaults, description: "d", getMemberList: [], persistent: true });
  assert.deepEqual(readConfig(undefined, defaults), defaults);
});
