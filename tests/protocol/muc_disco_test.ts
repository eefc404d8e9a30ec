/** Rooms and their service, as they are discovered (XEP-0045 §6, XEP-0307). */

import assert from "node:assert/strict";
import { roomMayDiscover } from "../../lib/hooks/rooms.ts";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  MODULES,
  MUC,
  mucTest,
  refused,
  ROOM,
  SERVICE,
} from "../helpers/muc.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const RSM = "http://jabber.org/protocol/rsm";
const UNIQUE = "http://jabber.org/protocol/muc#unique";

const FEATURE = (name: string) => `<feature var='${name}'/>`;
const FIELD = (name: string, value: string) =>
  `<field var='${name}'><value>${value}</value></field>`;

/** A room's disco#info must have these features, and not those. */
async function features(client: TestClient, has: string[], lacks: string[]): Promise<void> {
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  const query = client.last.child("query", INFO)!;
  const found = new Set(query.elements("feature").map((f) => f.attrs.var));
  for (const name of has) assert(found.has(name), `${name} is missing`);
  for (const name of lacks) assert(!found.has(name), `${name} is there`);
}

mucTest("§6.1: the service is among the items of its host", async (server) => {
  const alice = await online(server, "alice");
  await ask(
    alice,
    "get",
    `<query xmlns='${ITEMS}'/>`,
    `<query xmlns='${ITEMS}'><item jid='${SERVICE}' name='Chat rooms'/></query>`,
    "localhost",
  );
});

mucTest("§6.2: the service says what it is and what it can do", async (server) => {
  const alice = await online(server, "alice");
  await ask(
    alice,
    "get",
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'><identity category='conference' type='text' name='The pub'/>` +
      [MUC, `${MUC}#stable_id`, UNIQUE, "urn:xmpp:occupant-id:0", RSM].map(FEATURE).join("") +
      "</query>",
    SERVICE,
  );
  await refused(
    alice,
    "get",
    `<query xmlns='${INFO}' node='nothing'/>`,
    "item-not-found",
    "cancel",
    SERVICE,
  );
}, { modules: { muc: { title: "The pub" } } });

mucTest(
  "§6.3: public rooms are listed with their names, hidden and locked ones not",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", ["roomname=A Dark Cave"]);
    await createRoom(server, alice, "first", ["publicroom=0"], `hidden@${SERVICE}`);
    await createRoom(server, alice, "first", [], `heath@${SERVICE}`);
    await enter(alice, "first", `locked@${SERVICE}`);
    const bob = await online(server, "bob");
    await ask(
      bob,
      "get",
      `<query xmlns='${ITEMS}'/>`,
      `<query xmlns='${ITEMS}'>{only}<item jid='${ROOM}' name='A Dark Cave'/>` +
        `<item jid='heath@${SERVICE}' name='heath'/></query>`,
      SERVICE,
    );
  },
);

mucTest("§6.3: of many rooms there are pages, and a partial list says so", async (server) => {
  const alice = await online(server, "alice");
  const rooms = ["a", "b", "c", "d", "e"].map((node) => `${node}@${SERVICE}`);
  for (const room of rooms) await createRoom(server, alice, "first", [], room);
  const list = (page: string, ...expected: string[]) =>
    ask(
      alice,
      "get",
      `<query xmlns='${ITEMS}'>${page}</query>`,
      `<query xmlns='${ITEMS}'>{only}${expected.map((jid) => `<item jid='${jid}'/>`).join("")}` +
        `<set xmlns='${RSM}'><first>${expected[0]}</first><last>${expected.at(-1)}</last>` +
        "<count>5</count></set></query>",
      SERVICE,
    );
  const set = (inner: string) => `<set xmlns='${RSM}'>${inner}</set>`;
  await list("", rooms[0]!, rooms[1]!); // the setting's size
  await list(set(`<max>2</max><after>${rooms[1]}</after>`), rooms[2]!, rooms[3]!);
  await list(set(`<max>100</max><after>${rooms[3]}</after>`), rooms[4]!);
  await list(set("<max>2</max><before/>"), rooms[3]!, rooms[4]!);
  await list(set(`<max>1</max><before>${rooms[2]}</before>`), rooms[1]!);
  await ask(
    alice,
    "get",
    `<query xmlns='${ITEMS}'>${set("<max>0</max>")}</query>`,
    `<query xmlns='${ITEMS}'>{only}<set xmlns='${RSM}'><count>5</count></set></query>`,
    SERVICE,
  );
}, { modules: { muc: { page: 2 } } });

mucTest("§6.3, §6.4: a hook decides who sees a room", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const carol = await online(server, "carol");
  const bob = await online(server, "bob");
  server.host().hooks.add(roomMayDiscover, "test", (_room, who) => who.node !== "bob");
  await ask(
    bob,
    "get",
    `<query xmlns='${ITEMS}'/>`,
    `<query xmlns='${ITEMS}'>{only}</query>`,
    SERVICE,
  );
  await refused(bob, "get", `<query xmlns='${INFO}'/>`, "item-not-found");
  for (const client of [alice, carol]) {
    await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  }
});

mucTest("§6.4: a room says what kind of room it is", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["roomname=A Dark Cave", "lang=en"]);
  await ask(
    alice,
    "get",
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'><identity category='conference' type='text' name='A Dark Cave'/>` +
      "</query>",
  );
  const usual = [
    MUC,
    `${MUC}#stable_id`,
    `${MUC}#self-ping-optimization`,
    "urn:xmpp:occupant-id:0",
    "urn:xmpp:muc:affiliations:1",
    "urn:xmpp:sid:0",
    "urn:xmpp:mam:2",
    "muc_public",
    "muc_temporary",
    "muc_open",
    "muc_unmoderated",
    "muc_semianonymous",
    "muc_unsecured",
  ];
  const other = [
    "muc_hidden",
    "muc_persistent",
    "muc_membersonly",
    "muc_moderated",
    "muc_nonanonymous",
    "muc_passwordprotected",
  ];
  await features(alice, usual, other);
  await createRoom(server, alice, "first", [
    "publicroom=0",
    "persistentroom=1",
    "membersonly=1",
    "moderatedroom=1",
    "whois=anyone",
    "passwordprotectedroom=1",
    "roomsecret=cauldronburn",
    "enablearchiving=0",
  ]);
  await features(alice, other, [...usual.filter((f) => f.startsWith("muc_")), "urn:xmpp:mam:2"]);
});

mucTest("§6.4: a room's details are in a form", async (server) => {
  const alice = await createRoom(server, "alice", "first", [
    "roomdesc=The place for all good witches!",
    "lang=en",
    "changesubject=1",
    "whois=anyone",
  ]);
  await inside(server, "bob", "second");
  alice.send(`<message to='${ROOM}' type='groupchat'><subject>Spells</subject></message>`);
  await alice.eventually("<message><subject>Spells</subject></message>");
  const carol = await online(server, "carol");
  await ask(
    carol,
    "get",
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'><x xmlns='jabber:x:data' type='result'>` +
      FIELD("FORM_TYPE", `${MUC}#roominfo`) +
      FIELD("muc#roominfo_description", "The place for all good witches!") +
      FIELD("muc#roominfo_contactjid", "alice@localhost") +
      FIELD("muc#roominfo_subject", "Spells") +
      FIELD("muc#roomconfig_changesubject", "1") +
      FIELD("muc#roominfo_occupants", "2") +
      FIELD("muc#roominfo_lang", "en") +
      FIELD("muc#maxhistoryfetch", "20") +
      "</x></query>",
  );
});

mucTest(
  "§6.4: there is nothing to learn about a room that is locked or is none",
  async (server) => {
    const alice = await online(server, "alice");
    await refused(alice, "get", `<query xmlns='${INFO}'/>`, "item-not-found", "cancel");
    await enter(alice, "first"); // locked
    const bob = await online(server, "bob");
    for (const ns of [INFO, ITEMS]) {
      await refused(bob, "get", `<query xmlns='${ns}'/>`, "item-not-found", "cancel");
    }
  },
);

mucTest("§6.4: nor for outcasts", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await ask(alice, "set", item("affiliation='outcast' jid='bob@localhost'"));
  const bob = await online(server, "bob");
  await refused(bob, "get", `<query xmlns='${INFO}'/>`, "forbidden", "auth");
});

mucTest("§6.5: who is in a room is not told", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  for (const client of [alice, bob]) {
    await ask(client, "get", `<query xmlns='${ITEMS}'/>`, `<query xmlns='${ITEMS}'>{only}</query>`);
  }
});

mucTest("§6.6: strangers may not ask occupants anything, occupants may", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  for (const ns of [INFO, ITEMS]) {
    for (const nick of ["first", "nobody"]) {
      bob.send(`<iq type='get' id='d' to='${ROOM}/${nick}'><query xmlns='${ns}'/></iq>`);
      await bob.receives(
        `<iq type='error' id='d' from='${ROOM}/${nick}'>${error("bad-request", "modify")}</iq>`,
      );
    }
  }
  await alice.receivesNothing();
  await enter(bob, "second");
  await alice.sync();
  alice.skip();
  bob.send(`<iq type='get' id='d' to='${ROOM}/first'><query xmlns='${INFO}'/></iq>`);
  const { id } = await alice.receives(
    `<iq type='get' id='{id}' from='${ROOM}/second' to='${alice.jid}'>` +
      `<query xmlns='${INFO}'/></iq>`,
  );
  alice.send(
    `<iq type='result' id='${id}' to='${ROOM}/second'><query xmlns='${INFO}'>` +
      `<identity category='client' type='pc'/>${FEATURE(MUC)}</query></iq>`,
  );
  await bob.receives(
    `<iq type='result' id='d' from='${ROOM}/first' to='${bob.jid}'>` +
      `<query xmlns='${INFO}'>${FEATURE(MUC)}</query></iq>`,
  );
});

mucTest("§6.6: a room that is none has no occupants to ask", async (server) => {
  const bob = await online(server, "bob");
  bob.send(`<iq type='get' id='d' to='${ROOM}/first'><query xmlns='${INFO}'/></iq>`);
  await bob.receives(`<iq type='error' id='d'>${error("bad-request", "modify")}</iq>`);
});

mucTest("§18.1.1: nothing is held back from messages and presence", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const query = `<query xmlns='${INFO}' node='${MUC}#traffic'/>`;
  await refused(alice, "get", query, "service-unavailable", "cancel");
});

mucTest("XEP-0307 §2: the service thinks of a name that no room has", async (server) => {
  const alice = await online(server, "alice");
  const names: string[] = [];
  for (let i = 0; i < 2; i++) {
    const { name } = await ask(
      alice,
      "get",
      `<unique xmlns='${UNIQUE}'/>`,
      `<unique xmlns='${UNIQUE}'>{name}</unique>`,
      SERVICE,
    );
    names.push(name!);
  }
  assert.notEqual(names[0], names[1]);
  // It was not made.
  await refused(
    alice,
    "get",
    `<query xmlns='${INFO}'/>`,
    "item-not-found",
    "cancel",
    `${names[0]}@${SERVICE}`,
  );
  alice.send(`<presence to='${names[0]}@${SERVICE}/first'><x xmlns='${MUC}'/></presence>`);
  await alice.receives(
    `<presence from='${names[0]}@${SERVICE}/first'><x xmlns='${MUC}#user'>` +
      "<status code='201'/></x></presence>",
  );
});

mucTest(
  "§6.1: a host may have several services, with rooms of their own",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", [], "coven@pubs.localhost");
    await refused(alice, "get", `<query xmlns='${INFO}'/>`, "item-not-found");
    await ask(
      alice,
      "get",
      `<query xmlns='${ITEMS}'/>`,
      `<query xmlns='${ITEMS}'><item jid='pubs.localhost'/><item jid='${SERVICE}'/></query>`,
      "localhost",
    );
  },
  { modules: { muc: { more_names: ["pubs"] } } },
  MODULES,
);
