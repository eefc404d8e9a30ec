/** slixmpp in rooms, by its own implementation of XEP-0045 and of what goes with it. */

import assert from "node:assert/strict";
import { type Confab, startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import type { LineClient } from "./line_client.ts";
import { slixmpp } from "./start.ts";

const [juliet, romeo, nurse] = ["juliet@localhost", "romeo@localhost", "nurse@localhost"];
const service = "conference.localhost";
const room = `balcony@${service}`;

const python = await pythonWithSlixmpp();

/** Accounts that are online, in the order of their addresses. */
async function people(confab: Confab, ...jids: string[]): Promise<LineClient[]> {
  for (const jid of jids) await confab.addUser(jid, "a good password");
  const start = slixmpp(python!, "slixmpp_rooms.py");
  const clients = jids.map((jid) => start(confab, jid, "a good password"));
  await Promise.all(clients.map((client) => client.sees({ event: "online" })));
  return clients;
}

/** Gives an order about the room, and waits until it is done. */
async function does(client: LineClient, what: string, more: Record<string, unknown> = {}) {
  await client.order({ do: what, room, ...more });
  return await client.sees({ event: what });
}

/** Gives an order that is refused. */
async function refused(
  client: LineClient,
  condition: string,
  what: string,
  more: Record<string, unknown> = {},
): Promise<void> {
  await client.order({ do: what, room, ...more });
  await client.sees({ event: "refused", what, condition });
}

/** Makes the room, and opens it. */
async function makes(client: LineClient, nick: string, values: Record<string, unknown> = {}) {
  const entered = await does(client, "enter", { nick });
  assert.match(String(entered.codes), /\b110\b.*\b201\b/);
  return await does(client, "configure", { values });
}

function test(name: string, story: (confab: Confab) => Promise<void>): void {
  Deno.test({
    name: `slixmpp: ${name}`,
    ignore: python === undefined,
    fn: async () => {
      await using confab = await startConfab(toml());
      await story(confab);
      assert.doesNotMatch(confab.err, /^\S+ error /m);
    },
  });
}

test("a room from its making to its end", async (confab) => {
  const [a, b, c] = await people(confab, juliet, romeo, nurse) as [
    LineClient,
    LineClient,
    LineClient,
  ];
  await using _a = a, _b = b, _c = c;
  const entered = await does(a, "enter", { nick: "Juliet" });
  assert.equal(entered.codes, "110 201");
  // Until it is configured it is there for nobody else.
  await refused(b, "item-not-found", "enter", { nick: "Romeo" });
  const configured = await does(a, "configure", {
    values: {
      "muc#roomconfig_roomname": "The balcony",
      "muc#roomconfig_persistentroom": true,
      "muc#roomconfig_whois": "anyone",
      "muc#roomconfig_changesubject": true,
    },
  });
  assert.deepEqual(configured.unknown, []);
  const info = await does(b, "discover");
  assert.equal(info.name, "The balcony");
  for (const feature of ["muc_persistent", "muc_nonanonymous", "urn:xmpp:mam:2"]) {
    assert.ok((info.features as string[]).includes(feature), feature);
  }
  await b.order({ do: "rooms", service });
  assert.deepEqual((await b.sees({ event: "rooms" })).jids, [room]);

  const second = await does(b, "enter", { nick: "Romeo" });
  assert.deepEqual(second.nicks, ["Juliet", "Romeo"]);
  assert.equal(second.codes, "100 110");
  await a.sees({
    event: "presence",
    from: `${room}/Romeo`,
    affiliation: "none",
    role: "participant",
    real: /^romeo@localhost\//,
  });

  // All hear what one says, in the same order, with the room's ids.
  const body = "O <Romeo>, \"Romeo\" & 'Romeo' — ünïcödé 🌹";
  await does(a, "say", { body });
  const heard = await b.sees({ event: "message", from: `${room}/Juliet`, type: "groupchat", body });
  const echo = await a.sees({ event: "message", from: `${room}/Juliet`, body, by: room });
  assert.equal(heard.id, echo.id);
  assert.equal(heard.occupant, echo.occupant);
  await does(b, "say", { body: "Shall I hear more?" });
  await a.sees({ event: "message", from: `${room}/Romeo`, body: "Shall I hear more?" });

  // The subject, and it is there for who comes later, with the discussion so far.
  await does(b, "subject", { text: "Names" });
  await a.sees({ event: "subject", from: `${room}/Romeo`, text: "Names" });
  const third = await does(c, "enter", { nick: "Nurse" });
  assert.equal(third.subject, "Names");
  assert.deepEqual(third.nicks, ["Juliet", "Nurse", "Romeo"]);
  await c.sees({ event: "message", from: `${room}/Juliet`, body, late: true });
  await c.sees({ event: "message", from: `${room}/Romeo`, body: "Shall I hear more?", late: true });

  // Between two of them.
  await does(c, "whisper", { nick: "Juliet", body: "Madam!" });
  await a.sees({ event: "message", from: `${room}/Nurse`, type: "chat", body: "Madam!" });
  assert.ok(!b.events.some((e) => e.body === "Madam!"));

  // Another name: one that is free.
  await does(b, "nick", { nick: "Love" });
  const gone = { event: "presence", from: `${room}/Romeo`, available: false };
  await a.sees({ ...gone, new: "Love", codes: "303" });
  await b.sees({ ...gone, new: "Love", codes: "110 303" });
  const there = await a.sees({ event: "presence", from: `${room}/Love`, available: true });
  assert.equal(
    there.occupant,
    (await c.sees({ event: "presence", from: `${room}/Love` })).occupant,
  );
  await does(b, "ping");

  await does(c, "leave");
  await a.sees({ event: "presence", from: `${room}/Nurse`, available: false });
  await does(a, "destroy", { reason: "It is the lark" });
  await b.sees({ event: "presence", available: false, destroyed: "It is the lark" });
  await b.order({ do: "rooms", service });
  assert.deepEqual((await b.sees({ event: "rooms" })).jids, []);
});

test("voice, kicks, bans, and what is refused", async (confab) => {
  const [a, b, c] = await people(confab, juliet, romeo, nurse) as [
    LineClient,
    LineClient,
    LineClient,
  ];
  await using _a = a, _b = b, _c = c;
  await makes(a, "Juliet", { "muc#roomconfig_moderatedroom": true });
  await does(b, "enter", { nick: "Romeo" });
  await refused(c, "conflict", "enter", { nick: "Romeo" });
  await does(c, "enter", { nick: "Nurse" });
  await a.sees({ event: "presence", from: `${room}/Nurse`, role: "visitor" });

  // A visitor has no voice, asks for it, is given it, and loses it.
  await does(b, "say", { body: "unheard" });
  await b.sees({ event: "error", from: room, condition: "forbidden" });
  await does(b, "ask_voice");
  const { values } = await a.sees({ event: "request", from: room });
  assert.equal((values as Record<string, string>)["muc#roomnick"], "Romeo");
  await does(a, "role", { nick: "Romeo", role: "participant" });
  await b.sees({ event: "presence", from: `${room}/Romeo`, role: "participant", codes: "110" });
  await does(b, "say", { body: "heard" });
  await c.sees({ event: "message", from: `${room}/Romeo`, body: "heard" });
  await does(a, "role", { nick: "Romeo", role: "visitor", reason: "too loud" });
  await c.sees({ event: "presence", from: `${room}/Romeo`, role: "visitor", reason: "too loud" });
  await does(b, "say", { body: "unheard again" });
  await b.sees({ event: "error", from: room, condition: "forbidden" });
  await refused(b, "forbidden", "role", { nick: "Nurse", role: "none" });
  await refused(b, "forbidden", "configure", { values: {} });

  // Kicked: may come again. Banned: may not.
  await does(a, "role", { nick: "Romeo", role: "none", reason: "out" });
  const kicked = { event: "presence", from: `${room}/Romeo`, available: false, reason: "out" };
  await b.sees({ ...kicked, codes: "110 307" });
  await c.sees({ ...kicked, codes: "307" });
  await refused(b, "not-acceptable", "ping");
  await does(b, "enter", { nick: "Romeo" });
  await does(a, "affiliation", { jid: romeo, affiliation: "outcast", reason: "banished" });
  const banned = { event: "presence", from: `${room}/Romeo`, available: false, reason: "banished" };
  await b.sees({ ...banned, codes: "110 301" });
  await c.sees({ ...banned, codes: "301" });
  await refused(b, "forbidden", "enter", { nick: "Romeo" });
  assert.deepEqual((await does(a, "affiliations", { affiliation: "outcast" })).jids, [romeo]);
  await does(a, "affiliation", { jid: romeo, affiliation: "none" });
  await does(b, "enter", { nick: "Romeo" });

  assert.ok(!c.events.some((e) => String(e.body).startsWith("unheard")));
});

test("members, invitations, registration, a password", async (confab) => {
  const [a, b, c] = await people(confab, juliet, romeo, nurse) as [
    LineClient,
    LineClient,
    LineClient,
  ];
  await using _a = a, _b = b, _c = c;
  await makes(a, "Juliet", { "muc#roomconfig_membersonly": true });
  await refused(b, "registration-required", "enter", { nick: "Romeo" });
  await does(a, "invite", { jid: romeo, reason: "wilt thou come" });
  const invited = { event: "invited", from: room, by: `${room}/Juliet`, reason: "wilt thou come" };
  await b.sees(invited);
  // The invitation has made a member.
  await does(b, "enter", { nick: "Romeo" });
  assert.deepEqual((await does(a, "affiliations", { affiliation: "member" })).jids, [romeo]);
  await a.sees({ event: "presence", from: `${room}/Romeo`, affiliation: "member" });
  await does(a, "affiliation", { jid: romeo, affiliation: "none" });
  await b.sees({ event: "presence", from: `${room}/Romeo`, available: false, codes: "110 321" });

  // A direct invitation is between two accounts: the room knows nothing of it.
  await does(a, "invite_directly", { jid: nurse, reason: "come here" });
  await c.sees({
    event: "directly invited",
    from: /^juliet@localhost\//,
    room,
    reason: "come here",
  });
  await refused(c, "registration-required", "enter", { nick: "Nurse" });

  const secret = {
    "muc#roomconfig_passwordprotectedroom": true,
    "muc#roomconfig_roomsecret": "rose",
  };
  await does(a, "configure", { values: { "muc#roomconfig_membersonly": false, ...secret } });
  await refused(c, "not-authorized", "enter", { nick: "Nurse" });
  await does(c, "enter", { nick: "Nurse", password: "rose" });
  const registered = await does(c, "register", { nick: "Angelica" });
  assert.equal(registered.registered, true);
  assert.equal(registered.nick, "Angelica");
  await a.sees({ event: "presence", from: `${room}/Nurse`, affiliation: "member" });
  await refused(b, "conflict", "enter", { nick: "Angelica", password: "rose" });
});

test("messages that are moderated and retracted, in the archive, too", async (confab) => {
  const [a, b, c] = await people(confab, juliet, romeo, nurse) as [
    LineClient,
    LineClient,
    LineClient,
  ];
  await using _a = a, _b = b, _c = c;
  await makes(a, "Juliet");
  await does(b, "enter", { nick: "Romeo" });
  const ids: string[] = [];
  for (const body of ["one", "two", "three", "four", "five", "six", "seven"]) {
    await does(b, "say", { body });
    ids.push(String((await a.sees({ event: "message", from: `${room}/Romeo`, body })).id));
  }
  await refused(b, "forbidden", "moderate", { id: ids[1], reason: "mine" });
  await does(a, "moderate", { id: ids[1], reason: "not here" });
  const by = `${room}/Juliet`;
  await b.sees({ event: "retracted", from: room, id: ids[1]!, by, reason: "not here" });
  await does(b, "retract", { id: ids[2] });
  await a.sees({ event: "retracted", from: `${room}/Romeo`, id: ids[2]!, by: "" });
  await does(a, "retract", { id: ids[3] });
  await a.sees({ event: "error", from: room, condition: "forbidden" });

  await does(c, "enter", { nick: "Nurse" });
  await c.sees({ event: "message", from: `${room}/Romeo`, body: "seven", late: true });
  const { lines } = await does(c, "archive");
  assert.deepEqual(lines, [
    "Romeo one",
    "Romeo -",
    "Romeo -",
    "Romeo four",
    "Romeo five",
    "Romeo six",
    "Romeo seven",
  ]);
  assert.ok(!c.events.some((e) => e.body === "two" || e.body === "three"));
});

test("a room's avatar, and hats", async (confab) => {
  const [a, b] = await people(confab, juliet, romeo) as [LineClient, LineClient];
  await using _a = a, _b = b;
  await makes(a, "Juliet");
  await does(b, "enter", { nick: "Romeo" });
  const painted = await does(a, "paint", { photo: "not really a picture" });
  assert.equal(painted.photo, "not really a picture");
  assert.equal(painted.type, "image/png");
  await b.sees({ event: "status", from: room, codes: "104" });
  await b.sees({ event: "avatar", from: room, hash: "deaabdb02c825d2f83ea1848151174e6a473265e" });
  await refused(b, "forbidden", "paint", { photo: "mine" });

  const uri = "urn:example:host";
  const hat = { "hats#title": "Host", "hats#uri": uri };
  assert.equal((await does(a, "hat", { command: "create", values: hat })).status, "completed");
  await does(a, "hat", { command: "assign", values: { "hats#jid": romeo, "hats#uri": uri } });
  await a.sees({ event: "presence", from: `${room}/Romeo`, hats: "Host" });
  await does(a, "hat", { command: "unassign", values: { "hats#jid": romeo, "hats#uri": uri } });
  await a.sees({ event: "presence", from: `${room}/Romeo`, hats: "" });
  await refused(b, "forbidden", "hat", { command: "create", values: hat });
});
