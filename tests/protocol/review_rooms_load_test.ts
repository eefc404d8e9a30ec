/** XEP-0045: what much of everything may cost: rates, what is kept, and what is told of many to many. */

import assert from "node:assert/strict";
import { roomFind } from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Room } from "../../modules/muc/room.ts";
import { login, online, type TestClient } from "../helpers/client.ts";
import {
  ADMIN,
  ask,
  CONFIG,
  configure,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  MODULES,
  mucTest,
  OWNER,
  quiet,
  refused,
  ROOM,
  submission,
  USER,
} from "../helpers/muc.ts";
import { until } from "../helpers/raw.ts";
import { type TestServer, withServer } from "../helpers/server.ts";

async function inner(server: TestServer): Promise<Room> {
  return await server.host().hooks.ask(roomFind, parseJid(ROOM)!) as unknown as Room;
}

const members = (count: number, affiliation = "member") =>
  `<query xmlns='${ADMIN}'>${
    Array.from(
      { length: count },
      (_, i) => `<item jid='m${i}@far.example' affiliation='${affiliation}'/>`,
    ).join("")
  }</query>`;

const list = (affiliation: string) =>
  `<query xmlns='${ADMIN}'><item affiliation='${affiliation}'/></query>`;

mucTest("changes that everybody is told are counted", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  await inside(server, "bob", "Bob");
  for (const role of ["visitor", "participant"]) {
    await ask(alice, "set", item(`nick='Bob' role='${role}'`));
  }
  await refused(alice, "set", item("nick='Bob' role='visitor'"), "policy-violation", "wait");
  alice.send(
    `<iq type='set' id='hat' to='${ROOM}'><command xmlns='http://jabber.org/protocol/commands'
    node='urn:xmpp:hats:commands:create'><x xmlns='jabber:x:data' type='submit'>
    <field var='hats#title'><value>Fool</value></field>
    <field var='hats#uri'><value>urn:example:fool</value></field></x></command></iq>`,
  );
  await alice.eventually(`<iq type='error' id='hat'>${error("policy-violation", "wait")}</iq>`);
  // To speak is no change.
  alice.send(`<message type='groupchat' to='${ROOM}' id='still'><body>here</body></message>`);
  await alice.eventually(`<message from='${ROOM}/Alice' id='still'/>`);
}, { modules: { muc: { changes: 3 } } });

mucTest("lists of affiliations are counted by what is in them", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["whois=anyone"]);
  for (const half of [0, 500]) {
    await ask(alice, "set", members(500).replaceAll("jid='m", `jid='m${half}-`));
  }
  const bob = await inside(server, "bob", "Bob");
  await ask(bob, "get", list("member"), `<query xmlns='${ADMIN}'/>`);
  await refused(bob, "get", list("member"), "policy-violation", "wait");
  // Nor by entering (XEP-0463).
  const mav = "<history maxstanzas='0'/><mav xmlns='urn:xmpp:muc:affiliations:1'/>";
  bob.send(join("Bob", ROOM, mav));
  await bob.eventually(
    `<message type='error' from='${ROOM}'>${error("policy-violation", "wait")}</message>`,
  );
  await bob.eventually("<message type='groupchat'><subject/></message>");
}, { modules: { muc: { listed: 1000 } } });

mucTest("absent people's affiliations of one request come together", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["whois=anyone"]);
  const bob = await inside(server, "bob", "Bob");
  await ask(alice, "set", members(150));
  let items = 0;
  for (let i = 0; i < 2; i++) {
    await bob.receives(
      `<message from='${ROOM}'><x xmlns='${USER}'><item affiliation='member'/></x></message>`,
    );
    items += bob.last.child("x", USER)!.elements().filter((e) => e.name === "item").length;
  }
  assert.equal(items, 150);
  await bob.receivesNothing();
});

mucTest("a form changes so many people at most, and all or none", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const many = Array.from({ length: 501 }, (_, i) => `o${i}@far.example`);
  const field = (some: readonly string[]) => `muc#roomconfig_roomadmins=${some.join("|")}`;
  const form = `<query xmlns='${OWNER}'>${submission(CONFIG, field(many))}</query>`;
  await refused(alice, "set", form, "not-acceptable");
  assert.equal((await inner(server)).affiliations.size, 1);
  await configure(alice, [field(many.slice(1))]);
  assert.equal((await inner(server)).affiliations.size, 501);
});

Deno.test("a crowd is told of many in slices: in order, and before the next turn", () =>
  withServer(
    {
      c2s: { plaintext_auth: "loopback" },
      limits: { sessions_per_account: 1000, connections_per_address: 0, stanza_bytes: "512 KiB" },
      auth: { iterations: 10_000 },
      modules: { muc: { joins: 0, messages: 0 } },
    },
    { modules: MODULES },
    async (server) => {
      const alice = await createRoom(server, "alice", "Alice");
      const crowd: TestClient[] = [];
      for (let i = 0; i < 120; i++) {
        const client = await login(server, "crowd", { tls: "none", mechanism: "SCRAM-SHA-1" });
        await enter(client, `c${i}`);
        crowd.push(client);
      }
      await quiet(server);
      const roles = Array.from({ length: 120 }, (_, i) => `<item nick='c${i}' role='visitor'/>`);
      alice.send(
        `<iq type='set' id='all' to='${ROOM}'><query xmlns='${ADMIN}'>${
          roles.join("")
        }</query></iq>`,
      );
      alice.send(`<message type='groupchat' to='${ROOM}' id='next'><body>hush</body></message>`);
      const last = crowd[7]!;
      for (let i = 0; i < 120; i++) {
        await last.receives(
          `<presence from='${ROOM}/c${i}'><x xmlns='${USER}'><item role='visitor'/></x></presence>`,
        );
      }
      await last.receives(`<message from='${ROOM}/Alice' id='next'/>`);
    },
  ));

mucTest(
  "rooms that were never configured leave nothing behind, no timer either",
  async (server) => {
    const alice = await online(server, "alice");
    const { deadlines } = server.inner;
    await quiet(server);
    const before = deadlines.size;
    for (let i = 0; i < 50; i++) {
      await enter(alice, "Alice");
      alice.send(`<presence type='unavailable' to='${ROOM}/Alice'/>`);
      await alice.eventually(`<presence type='unavailable' from='${ROOM}/Alice'/>`);
    }
    await until(() => deadlines.size <= before + 5, "the timers are gone");
  },
);

mucTest("XEP-0500: who has spoken is remembered up to a limit", async (server) => {
  await createRoom(server, "alice", "Alice", ["slow_mode_duration=3600"]);
  const bob = await inside(server, "bob", "Bob");
  const { spoken } = await inner(server);
  for (let i = 0; i < 10_000; i++) spoken.set(`user${i}@localhost`, performance.now());
  bob.send(`<message type='groupchat' to='${ROOM}' id='1'><body>1</body></message>`);
  await bob.receives(`<message from='${ROOM}/Bob' id='1'/>`);
  assert.equal(spoken.size, 10_000);
  bob.send(`<message type='groupchat' to='${ROOM}' id='2'><body>2</body></message>`);
  await bob.receives(`<message type='error' id='2'>${error("policy-violation", "wait")}</message>`);
});

mucTest("§7.9: many owners do not make delayed messages dear", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const room = await inner(server);
  await ask(alice, "set", members(500, "owner"));
  let made = 0;
  const occupantId = room.occupantId.bind(room);
  room.occupantId = (user) => (made++, occupantId(user));
  const delay = "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z' from='x@far.example'/>";
  alice.send(`<message type='groupchat' to='${ROOM}' id='old'><body>old</body>${delay}</message>`);
  await alice.eventually(`<message from='${ROOM}/Alice' id='old'/>`);
  assert.equal(made, 0);
  // An owner's is as old as it says, as before.
  const bob = await online(server, "bob");
  bob.send(join("Bob", ROOM, ""));
  await bob.eventually(
    `<message id='old'><delay xmlns='urn:xmpp:delay' from='x@far.example'/></message>`,
  );
  assert.equal(bob.last.elements().filter((e) => e.name === "delay").length, 1);
  const DISCO = "http://jabber.org/protocol/disco#info";
  await configure(alice, ["whois=anyone"]);
  await ask(bob, "get", `<query xmlns='${DISCO}'/>`, `<query xmlns='${DISCO}'/>`);
  const contacts = bob.last.child("query", DISCO)!.child("x", "jabber:x:data")!.elements()
    .find((e) => e.attrs.var === "muc#roominfo_contactjid")!;
  assert.equal(contacts.elements().length, 20);
});
