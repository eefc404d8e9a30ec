/** XEP-0045 §10.1: making rooms: who may, instant and reserved ones, and what becomes of the rest. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  CONFIG,
  configure,
  enter,
  error,
  FORMS,
  join,
  MUC,
  mucTest,
  OWNER,
  quiet,
  refused,
  ROOM,
  seen,
  SERVICE,
  submission,
  USER,
} from "../helpers/muc.ts";
import { roomCount, roomLoad } from "../../lib/hooks/room_storage.ts";
import { parseJid } from "../../lib/jid.ts";
import type { TestServer } from "../helpers/server.ts";

const INSTANT = `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='submit'/></query>`;
const CANCEL = `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='cancel'/></query>`;
const INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

async function isThere(client: TestClient, room = ROOM): Promise<boolean> {
  client.skip();
  client.send(`<iq type='get' id='there' to='${room}'>${INFO}</iq>`);
  const { type } = await client.receives("<iq id='there' type='{type}'/>");
  return type === "result";
}

function stored(server: TestServer, room = ROOM) {
  return server.host().hooks.ask(roomLoad, parseJid(room)!);
}

mucTest("§10.1.1: whoever makes a room is its owner, and is told so", async (server) => {
  const crone = await online(server, "crone");
  crone.send(`<presence to='${ROOM}/firstwitch' id='n1'><x xmlns='${MUC}'/></presence>`);
  await crone.receives(
    `<presence from='${ROOM}/firstwitch' to='${crone.jid}' id='n1'><x xmlns='${USER}'>
    <item affiliation='owner' role='moderator'/><status code='110'/><status code='201'/></x>
    </presence>`,
  );
  await crone.receives(`<message from='${ROOM}' type='groupchat'><subject/></message>`);
  await crone.receivesNothing();
});

mucTest("§10.1.1: until it is configured nobody else gets in, nor sees it", async (server) => {
  const crone = await online(server, "crone", { resource: "desk" });
  await enter(crone, "firstwitch");
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.receives(
    `<presence type='error' from='${ROOM}/second'><x xmlns='${MUC}'/>
    ${error("item-not-found", "cancel")}</presence>`,
  );
  assert(!await isThere(bob));
  await bob.request(
    `<iq type='get' id='i' to='${SERVICE}'>
    <query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
    "<iq type='result'><query xmlns='http://jabber.org/protocol/disco#items'>{empty}</query></iq>",
  );
  for (const payload of [INSTANT, CANCEL, `<query xmlns='${OWNER}'><destroy/></query>`]) {
    await refused(bob, "set", payload, "item-not-found");
  }
  await refused(bob, "get", `<query xmlns='${OWNER}'/>`, "item-not-found");
  bob.send(`<message to='${ROOM}' type='groupchat'><body>open!</body></message>`);
  await bob.receives(`<message type='error'>${error("item-not-found")}</message>`);
  bob.send(`<message to='${ROOM}/firstwitch' type='chat'><body>open!</body></message>`);
  await bob.receives(`<message type='error'>${error("item-not-found")}</message>`);
  await crone.receivesNothing();
  assert.equal(await stored(server), "none");
  // Its maker may come with another client.
  const phone = await online(server, "crone", { resource: "phone" });
  phone.send(join("firstwitch"));
  await phone.receives(seen("firstwitch", "affiliation='owner'", { status: [110] }));
});

mucTest("§10.1.2: an instant room", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  await ask(crone, "set", INSTANT);
  await crone.receivesNothing();
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.receives(seen("firstwitch", "affiliation='owner' role='moderator'"));
  await bob.receives(
    `<presence from='${ROOM}/second'><x xmlns='${USER}'>{only}<item affiliation='none'
    role='participant'/><mav xmlns='urn:xmpp:muc:affiliations:1'/><status code='110'/></x>
    </presence>`,
  );
  assert.notEqual(await stored(server), "none");
});

mucTest("§10.1.3: a reserved room", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  await ask(
    crone,
    "get",
    `<query xmlns='${OWNER}'/>`,
    `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='form'><title/>
    <field var='FORM_TYPE' type='hidden'><value>${CONFIG}</value></field>
    <field var='muc#roomconfig_roomname' type='text-single'/></x></query>`,
  );
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.receives(`<presence type='error'>${error("item-not-found")}</presence>`);
  // Options that do not go together: the room stays as it is, and locked.
  const wrong = submission(CONFIG, "muc#roomconfig_passwordprotectedroom=1");
  await refused(
    crone,
    "set",
    `<query xmlns='${OWNER}'>${wrong}</query>`,
    "not-acceptable",
    "modify",
  );
  bob.send(join("second"));
  await bob.receives(`<presence type='error'>${error("item-not-found")}</presence>`);
  await configure(crone, [
    "roomname=A Dark Cave",
    "roomdesc=The place for all good witches!",
    "changesubject=1",
    "maxusers=10",
    "publicroom=0",
    "passwordprotectedroom=1",
    "roomsecret=cauldronburn",
    "whois=moderators",
    "muc#maxhistoryfetch=50",
    "roomadmins=wiccarocks@localhost|hecate@localhost",
  ]);
  bob.send(join("second"));
  await bob.receives(`<presence type='error'>${error("not-authorized", "auth")}</presence>`);
  bob.send(join("second", ROOM, "<password>cauldronburn</password>"));
  await bob.receives(seen("firstwitch", "role='moderator'"));
});

mucTest("§10.1.3: whoever cancels the configuration has made no room", async (server) => {
  const crone = await online(server, "crone");
  crone.send(join("firstwitch"));
  await crone.eventually("<message><subject/></message>");
  crone.send(`<iq type='set' id='create2' to='${ROOM}'>${CANCEL}</iq>`);
  await crone.receives("<iq type='result' id='create2'>{empty}</iq>");
  await crone.receives(
    `<presence from='${ROOM}/firstwitch' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='none' role='none'/><destroy/></x></presence>`,
  );
  assert(!await isThere(crone));
  assert.equal(await stored(server), "none");
  // Another one may make it now.
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.receives(seen("second", "affiliation='owner'", { status: [110, 201] }));
});

mucTest("§10.1.3: whoever leaves before the configuration has made no room", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  crone.send(`<presence to='${ROOM}/firstwitch' type='unavailable'/>`);
  await crone.receives(
    `<presence from='${ROOM}/firstwitch' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='none' role='none'/><destroy/><status code='110'/></x></presence>`,
  );
  await crone.receivesNothing();
  assert(!await isThere(crone));
  // With all of its clients, and not with one of them.
  await enter(crone, "firstwitch");
  const phone = await online(server, "crone", { resource: "phone" });
  await enter(phone, "firstwitch");
  await quiet(server);
  crone.send(`<presence to='${ROOM}/firstwitch' type='unavailable'/>`);
  await crone.receives(`<presence type='unavailable'><x xmlns='${USER}'><destroy>{absent}</destroy>
    </x></presence>`);
  await configure(phone);
  assert(await isThere(crone));
});

mucTest("§10.1.3: nor has whoever loses the connection", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  crone.cut();
  const bob = await online(server, "bob");
  for (let i = 0; i < 100; i++) {
    bob.send(join("second"));
    const { type } = await bob.receives(`<presence from='${ROOM}/second' type='{type}'/>`).catch(
      () => ({ type: undefined }),
    );
    if (type === undefined) break;
  }
  assert.match(bob.last.toString(), /201/);
});

mucTest("§10.1.1: a room that is not configured in time is given up", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  await enter(crone, "firstwitch", `kept@${SERVICE}`);
  await configure(crone, [], `kept@${SERVICE}`);
  await crone.sync();
  crone.skip();
  await crone.receives(
    `<presence from='${ROOM}/firstwitch' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='none' role='none'/><destroy><reason>{any}in time</reason></destroy></x>
    </presence>`,
  );
  await crone.receivesNothing();
  assert(!await isThere(crone));
  assert(await isThere(crone, `kept@${SERVICE}`));
}, { modules: { muc: { lock_timeout: "1s" } } });

mucTest("§10.1.1: rooms that open at once, if the server says so", async (server) => {
  const crone = await online(server, "crone");
  crone.send(join("firstwitch"));
  await crone.receives(seen("firstwitch", "affiliation='owner'", { status: [110, 201] }));
  const bob = await online(server, "bob");
  await enter(bob, "second");
  assert.notEqual(await stored(server), "none");
}, { modules: { muc: { lock: false } } });

mucTest("§10.1.1: two who make a room at the same time: one has, one enters it", async (server) => {
  const clients = [];
  for (const name of ["a", "b", "c", "d"]) clients.push(await online(server, name));
  for (const client of clients) client.send(join(client.jid.slice(0, 1)));
  await Promise.all(clients.map((c) => c.eventually("<message><subject/></message>")));
  await quiet(server);
  const owners = await server.host().hooks.ask(roomLoad, parseJid(ROOM)!);
  assert(typeof owners === "object");
  assert.equal(owners.affiliations.length, 1);
  assert.equal(owners.affiliations[0]!.jid, owners.creator);
}, { modules: { muc: { lock: false } } });

mucTest(
  "§10.1.1: a temporary room goes with the last occupant, a persistent one stays",
  async (server) => {
    const crone = await online(server, "crone");
    const cave = `cave@${SERVICE}`;
    await enter(crone, "firstwitch");
    await configure(crone);
    await enter(crone, "firstwitch", cave);
    await configure(crone, ["persistentroom=1"], cave);
    for (const room of [ROOM, cave]) {
      crone.send(`<presence to='${room}/firstwitch' type='unavailable'/>`);
      await crone.eventually(`<presence from='${room}/firstwitch' type='unavailable'/>`);
    }
    await crone.sync();
    assert(!await isThere(crone));
    assert(await isThere(crone, cave));
    assert.equal(await stored(server), "none");
    const service = parseJid(SERVICE)!;
    assert.equal(await server.host().hooks.ask(roomCount, service, "all"), 1);
  },
);
