/** XEP-0045 §10.2: what the fields of the configuration change: what a room is, and who gets in. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  error,
  FORMS,
  inside,
  join,
  mucTest,
  quiet,
  refused,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";
import { items } from "../helpers/muc_lists.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

/** What the room says of itself. */
async function info(client: TestClient, expected: string): Promise<void> {
  await ask(
    client,
    "get",
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'>${expected}</query>`,
  );
}

const infoField = (name: string, value: string) =>
  `<x xmlns='${FORMS}' type='result'><field var='muc#${name}'>{only}${
    value === "" ? "" : `<value>${value}</value>`
  }</field></x>`;

const feature = (name: string) => `<feature var='${name}'/>`;

async function refusedEntry(
  client: TestClient,
  condition: string,
  type = "{any}",
  inside?: string,
) {
  client.send(join("other", ROOM, inside));
  await client.receives(`<presence type='error'>${error(condition, type)}</presence>`);
}

mucTest("§10.2: muc#roomconfig_roomname: the name in lists and descriptions", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await info(crone, "<identity category='conference' type='text' name='coven'/>");
  await configure(crone, ["roomname=A Dark Cave"]);
  await info(crone, "<identity category='conference' type='text' name='A Dark Cave'/>");
  await crone.sync();
  crone.skip();
  await crone.request(
    `<iq type='get' id='i' to='${SERVICE}'><query xmlns='${ITEMS}'/></iq>`,
    `<iq><query xmlns='${ITEMS}'><item jid='${ROOM}' name='A Dark Cave'/></query></iq>`,
  );
});

mucTest("§10.2: muc#roomconfig_roomdesc", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["roomdesc=For all good witches"]);
  await info(crone, infoField("roominfo_description", "For all good witches"));
});

mucTest("§10.2: muc#roomconfig_lang", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["lang=en"]);
  await info(
    crone,
    `<identity category='conference' xml:lang='en'/>${infoField("roominfo_lang", "en")}`,
  );
});

mucTest("§10.2: muc#roomconfig_persistentroom: it may become temporary again", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
  await info(crone, feature("muc_persistent"));
  const leave = async () => {
    crone.send(`<presence to='${ROOM}/firstwitch' type='unavailable'/>`);
    await crone.eventually("<presence type='unavailable'/>");
    await crone.sync();
  };
  await leave();
  await info(crone, feature("muc_persistent"));
  await enter(crone, "firstwitch");
  await configure(crone, ["persistentroom=0"]);
  await info(crone, feature("muc_temporary"));
  await leave();
  await refused(crone, "get", `<query xmlns='${INFO}'/>`, "item-not-found");
});

mucTest(
  "§10.2: muc#roomconfig_persistentroom: without anybody there it goes at once",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
    crone.send(`<presence to='${ROOM}/firstwitch' type='unavailable'/>`);
    await crone.eventually("<presence type='unavailable'/>");
    await configure(crone, ["persistentroom=0"]);
    await crone.sync();
    await refused(crone, "get", `<query xmlns='${INFO}'/>`, "item-not-found");
  },
);

mucTest("§10.2: muc#roomconfig_publicroom", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["publicroom=0"]);
  const listed = async () => {
    const list = `<iq type='get' id='i' to='${SERVICE}'><query xmlns='${ITEMS}'/></iq>`;
    await crone.request(list, `<iq type='result'><query xmlns='${ITEMS}'/></iq>`);
    return crone.last.child("query", ITEMS)!.elements().map((e) => e.attrs.jid);
  };
  await info(crone, feature("muc_hidden"));
  assert.deepEqual(await listed(), []);
  await configure(crone, ["publicroom=1"]);
  await quiet(server);
  await info(crone, feature("muc_public"));
  assert.deepEqual(await listed(), [ROOM]);
  // Awake as it is, it is listed only once.
  await configure(crone, ["publicroom=0"]);
  await quiet(server);
  assert.deepEqual(await listed(), []);
});

mucTest("§10.2: muc#roomconfig_membersonly", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await info(crone, feature("muc_membersonly"));
  const bob = await online(server, "bob");
  await refusedEntry(bob, "registration-required", "auth");
  await configure(crone, ["membersonly=0"]);
  await info(crone, feature("muc_open"));
  await enter(bob, "second");
});

mucTest("§10.2: muc#roomconfig_moderatedroom", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
  await info(crone, feature("muc_moderated"));
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.eventually(seen("second", "role='visitor'", { status: [110] }));
  bob.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  await bob.eventually(`<message type='error'>${error("forbidden", "auth")}</message>`);
  await configure(crone, ["moderatedroom=0"]);
  await info(crone, feature("muc_unmoderated"));
  const hag = await online(server, "hag");
  hag.send(join("third"));
  await hag.eventually(seen("third", "role='participant'", { status: [110] }));
});

mucTest(
  "§10.2: muc#roomconfig_passwordprotectedroom, muc#roomconfig_roomsecret",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", [
      "passwordprotectedroom=1",
      "roomsecret=cauldronburn",
    ]);
    await info(crone, feature("muc_passwordprotected"));
    const bob = await online(server, "bob");
    await refusedEntry(bob, "not-authorized", "auth");
    await refusedEntry(bob, "not-authorized", "auth", "<password>Cauldronburn</password>");
    // The secret alone changes nothing of whether one is needed.
    await configure(crone, ["roomsecret=bubble"]);
    await refusedEntry(bob, "not-authorized", "auth", "<password>cauldronburn</password>");
    bob.send(join("second", ROOM, "<password>bubble</password>"));
    await bob.receives(seen("firstwitch", "role='moderator'"));
    await configure(crone, ["passwordprotectedroom=0"]);
    await info(crone, feature("muc_unsecured"));
    await enter(await online(server, "hag"), "third");
    await configure(crone, ["roomsecret=unused"]);
    await info(crone, feature("muc_unsecured"));
  },
);

mucTest("§10.2: muc#roomconfig_maxusers", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["maxusers=5"]);
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost member"));
  for (const name of ["b", "c", "d", "e"]) await inside(server, name, name);
  await refusedEntry(await online(server, "hag"), "service-unavailable", "wait");
  await enter(await online(server, "wicca"), "second");
  await configure(crone, ["maxusers=10"]);
  await enter(await online(server, "bob"), "third");
});

mucTest("§10.2: muc#roomconfig_whois", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await info(crone, feature("muc_semianonymous"));
  const bob = await online(server, "bob");
  await enter(bob, "second");
  await quiet(server);
  const hag = await online(server, "hag");
  await enter(hag, "third");
  await bob.receives(seen("third", "jid='{absent}'"));
  await crone.receives(seen("third", `jid='${hag.jid}'`));
  await configure(crone, ["whois=anyone"]);
  await info(crone, feature("muc_nonanonymous"));
  await quiet(server);
  const eve = await online(server, "eve");
  eve.send(join("fourth"));
  await bob.receives(seen("fourth", `jid='${eve.jid}'`));
  await eve.receivesAll(
    seen("firstwitch", `jid='${crone.jid}'`),
    seen("second", `jid='${bob.jid}'`),
    seen("third", `jid='${hag.jid}'`),
  );
  await eve.receives(seen("fourth", `jid='${eve.jid}'`, { status: [100, 110] }));
});

mucTest("§10.2: muc#roomconfig_pubsub", async (server) => {
  const uri = "xmpp:pubsub.localhost?;node=coven";
  const crone = await createRoom(server, "crone", "firstwitch", [`pubsub=${uri}`]);
  await info(crone, infoField("roominfo_pubsub", uri));
});

mucTest("§10.2: muc#roominfo_contactjid", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  // Owners are named only in a non-anonymous room.
  await info(crone, infoField("roominfo_contactjid", ""));
  await configure(crone, ["whois=anyone"]);
  await info(crone, infoField("roominfo_contactjid", "crone@localhost"));
  await configure(crone, ["muc#roominfo_contactjid=help@localhost/desk", "whois=moderators"]);
  await info(crone, infoField("roominfo_contactjid", "help@localhost"));
});
