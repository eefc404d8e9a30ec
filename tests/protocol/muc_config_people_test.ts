/** XEP-0045 §10.2: what the fields of the configuration change for those who are in the room. */

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
  item,
  join,
  MODULES,
  mucTest,
  quiet,
  refused,
  REGISTER,
  REQUEST,
  ROOM,
  seen,
  submission,
  USER,
} from "../helpers/muc.ts";
import { items, listed } from "../helpers/muc_lists.ts";

const INFO = "http://jabber.org/protocol/disco#info";

async function info(client: TestClient, field: string, value: string): Promise<void> {
  const x = `<x xmlns='${FORMS}' type='result'><field var='${field}'><value>${value}</value></field>
    </x>`;
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'>${x}</query>`);
}

async function has(client: TestClient, feature: string): Promise<boolean> {
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  const features = client.last.child("query", INFO)!.elements().map((e) => e.attrs.var);
  return features.includes(feature);
}

/** Sends to the room, or to somebody in it, and expects a refusal. */
async function notSent(client: TestClient, message: string, condition = "forbidden") {
  client.send(message);
  await client.eventually(`<message type='error'>${error(condition)}</message>`);
}

const whisper = (nick: string) =>
  `<message to='${ROOM}/${nick}' type='chat'><body>psst</body></message>`;
const heard = (nick: string) =>
  `<message from='${ROOM}/${nick}' type='chat'><body>psst</body></message>`;
const said = (text: string) =>
  `<message to='${ROOM}' type='groupchat'><body>${text}</body></message>`;
const subject = `<message to='${ROOM}' type='groupchat'><subject>Toads</subject></message>`;

mucTest("§10.2: muc#roomconfig_allowpm", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["moderatedroom=1"]);
  const [ann, bob] = [await inside(server, "ann", "ann"), await inside(server, "bob", "bob")];
  const hag = await inside(server, "hag", "hag");
  await ask(crone, "set", item("nick='ann' role='participant'"));
  await quiet(server);
  const clients: Record<string, TestClient> = { mod: crone, ann, bob, hag };
  /** Pairs of sender and recipient. */
  const check = async (value: string, allowed: string[], refusals: string[]) => {
    await configure(crone, [`allowpm=${value}`]);
    await info(crone, "muc#roomconfig_allowpm", value);
    await quiet(server);
    for (const pair of allowed) {
      const [from, to] = pair.split(" ") as [string, string];
      clients[from]!.send(whisper(to));
      await clients[to]!.receives(heard(from));
    }
    for (const pair of refusals) {
      const [from, to] = pair.split(" ") as [string, string];
      await notSent(clients[from]!, whisper(to));
      await clients[to]!.receivesNothing();
    }
  };
  await check("anyone", ["mod ann", "ann bob", "bob ann", "bob mod", "bob hag"], []);
  await check("participants", ["mod bob", "ann bob", "ann mod", "bob mod"], ["bob ann", "bob hag"]);
  await check("moderators", ["mod bob", "ann mod", "bob mod"], ["ann bob", "bob ann"]);
  await check("none", [], ["mod bob", "ann mod", "bob mod", "ann bob"]);
});

mucTest("§10.2: muc#roomconfig_allowinvites", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["membersonly=1"]);
  await ask(crone, "set", items("hag@localhost member"));
  const [hag, bob] = [await inside(server, "hag", "hag"), await online(server, "bob")];
  const invite =
    `<message to='${ROOM}'><x xmlns='${USER}'><invite to='bob@localhost'/></x></message>`;
  await info(crone, "muc#roomconfig_allowinvites", "0");
  await notSent(hag, invite);
  assert.deepEqual(await listed(crone, "affiliation='member'"), ["hag@localhost"]);
  await configure(crone, ["allowinvites=1"]);
  await info(crone, "muc#roomconfig_allowinvites", "1");
  hag.send(invite);
  await bob.receives(`<message from='${ROOM}'><x xmlns='${USER}'><invite/></x></message>`);
  await enter(bob, "bob");
});

mucTest("§10.2: muc#roomconfig_changesubject", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["moderatedroom=1"]);
  const [hag, bob] = [await inside(server, "hag", "hag"), await inside(server, "bob", "bob")];
  await ask(crone, "set", item("nick='hag' role='participant'"));
  await info(crone, "muc#roominfo_subjectmod", "0");
  await notSent(hag, subject);
  await configure(crone, ["changesubject=1"]);
  await info(crone, "muc#roominfo_subjectmod", "1");
  hag.send(subject);
  await crone.eventually(`<message from='${ROOM}/hag'><subject>Toads</subject></message>`);
  await notSent(bob, subject);
});

mucTest("§10.2: muc#roomconfig_presencebroadcast", async (server) => {
  const crone = await createRoom(server, "crone", "mod", [
    "moderatedroom=1",
    "presencebroadcast=moderator|participant",
  ]);
  const hag = await inside(server, "hag", "hag");
  await ask(crone, "set", item("nick='hag' role='participant'"));
  await quiet(server);
  const bob = await online(server, "bob");
  bob.send(join("bob"));
  // Moderators see visitors, and they see themselves.
  await crone.receives(seen("bob", "role='visitor'"));
  await bob.eventually(seen("bob", "role='visitor'", { status: [110] }));
  await hag.receivesNothing();
  const eve = await online(server, "eve");
  eve.send(join("eve"));
  await eve.receives(seen("mod", "role='moderator'"));
  await eve.receives(seen("hag", "role='participant'"));
  await eve.receives(seen("eve", "role='visitor'", { status: [110] }));
  await quiet(server);
  // With a voice somebody appears, without it goes out of sight.
  await ask(crone, "set", item("nick='bob' role='participant'"));
  await hag.receives(seen("bob", "role='participant'"));
  await ask(crone, "set", item("nick='bob' role='visitor'"));
  await hag.receives(seen("bob", "role='none'", { type: "unavailable" }));
  await quiet(server);
  // Another configuration shows who is there, or hides them.
  await configure(crone, ["presencebroadcast=moderator|participant|visitor"]);
  await hag.receivesAll(
    seen("bob", "role='visitor'"),
    seen("eve", "role='visitor'"),
    `<message><x xmlns='${USER}'><status code='104'/></x></message>`,
  );
  await quiet(server);
  await configure(crone, ["presencebroadcast=moderator"]);
  await eve.eventually(seen("hag", "role='none'", { type: "unavailable" }));
  await hag.eventually(seen("bob", "role='none'", { type: "unavailable" }));
  await quiet(server);
  eve.send(`<presence to='${ROOM}/eve' type='unavailable'/>`);
  await crone.receives(seen("eve", "role='none'", { type: "unavailable" }));
  await hag.receivesNothing();
});

mucTest("§10.2: muc#roomconfig_getmemberlist", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["whois=anyone", "moderatedroom=1"]);
  const bob = await inside(server, "bob", "bob");
  const hag = await inside(server, "hag", "hag");
  await ask(crone, "set", items("ann@localhost member"));
  await ask(crone, "set", item("nick='hag' role='participant'"));
  assert.deepEqual(await listed(bob, "affiliation='member'"), ["ann@localhost"]);
  await configure(crone, ["getmemberlist=participant"]);
  assert.deepEqual(await listed(hag, "affiliation='member'"), ["ann@localhost"]);
  await refused(bob, "get", item("affiliation='member'"), "forbidden", "auth");
  await configure(crone, ["getmemberlist=moderator"]);
  await refused(hag, "get", item("affiliation='member'"), "forbidden", "auth");
  assert.deepEqual(await listed(crone, "affiliation='member'"), ["ann@localhost"]);
});

mucTest("§10.2: muc#roomconfig_allowvisitornickchange", async (server) => {
  const crone = await createRoom(server, "crone", "mod", [
    "moderatedroom=1",
    "allowvisitornickchange=0",
  ]);
  const bob = await inside(server, "bob", "bob");
  bob.send(`<presence to='${ROOM}/rob'/>`);
  await bob.receives(`<presence type='error'>${error("not-allowed", "cancel")}</presence>`);
  await configure(crone, ["allowvisitornickchange=1"]);
  await quiet(server);
  bob.send(`<presence to='${ROOM}/rob'/>`);
  await bob.receives(seen("bob", "nick='rob'", { type: "unavailable", status: [110, 303] }));
});

mucTest("§10.2: muc#roomconfig_allowvisitorstatus", async (server) => {
  const fields = ["moderatedroom=1", "allowvisitorstatus=0"];
  const crone = await createRoom(server, "crone", "mod", fields);
  const bob = await inside(server, "bob", "bob");
  const away =
    `<presence to='${ROOM}/bob'><show>away</show><status>gone fishing</status></presence>`;
  bob.send(away);
  await crone.receives(
    `<presence from='${ROOM}/bob'><show>away</show><status>{absent}</status></presence>`,
  );
  await configure(crone, ["allowvisitorstatus=1"]);
  await quiet(server);
  bob.send(away);
  await crone.receives(`<presence from='${ROOM}/bob'><status>gone fishing</status></presence>`);
  // Nor is it shown of a visitor that comes with one.
  await configure(crone, ["allowvisitorstatus=0"]);
  await quiet(server);
  const eve = await online(server, "eve");
  eve.send(join("eve").replace("</presence>", "<status>buy potions</status></presence>"));
  await crone.receives(`<presence from='${ROOM}/eve'><status>{absent}</status></presence>`);
}, { modules: { muc: { presence_interval: "0s" } } });

mucTest("§10.2: muc#roomconfig_allowvoicerequests", async (server) => {
  const fields = ["moderatedroom=1", "allowvoicerequests=0"];
  const crone = await createRoom(server, "crone", "mod", fields);
  const bob = await inside(server, "bob", "bob");
  const request = `<message to='${ROOM}'>${submission(REQUEST, "muc#role=participant")}</message>`;
  await notSent(bob, request);
  await crone.receivesNothing();
  await configure(crone, ["allowvoicerequests=1"]);
  await quiet(server);
  bob.send(request);
  await crone.receives(`<message from='${ROOM}'><x xmlns='${FORMS}' type='form'/></message>`);
});

mucTest("§10.2: muc#roomconfig_allowregistration", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["allowregistration=0"]);
  const bob = await online(server, "bob");
  const register = `<query xmlns='jabber:iq:register'>${
    submission(REGISTER, "muc#register_roomnick=bob")
  }</query>`;
  await refused(bob, "get", "<query xmlns='jabber:iq:register'/>", "not-allowed", "cancel");
  await refused(bob, "set", register, "not-allowed", "cancel");
  assert(!await has(bob, "jabber:iq:register"));
  await configure(crone, ["allowregistration=1"]);
  assert(await has(bob, "jabber:iq:register"));
  await ask(bob, "set", register);
  assert.deepEqual(await listed(crone, "affiliation='member'"), ["bob@localhost bob"]);
});

mucTest("§10.2: muc#roomconfig_locknicks", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["locknicks=1"]);
  await ask(crone, "set", items("hag@localhost member thirdwitch"));
  const hag = await online(server, "hag");
  hag.send(join("nag"));
  await hag.eventually(seen("thirdwitch", "affiliation='member'", { status: [110, 210] }));
  await quiet(server);
  hag.send(`<presence to='${ROOM}/nag'/>`);
  await hag.receives(`<presence type='error'>${error("not-acceptable")}</presence>`);
  await enter(await online(server, "bob"), "any");
  await configure(crone, ["locknicks=0"]);
  await quiet(server);
  hag.send(`<presence to='${ROOM}/nag'/>`);
  await hag.receives(seen("thirdwitch", "nick='nag'", { type: "unavailable" }));
});

mucTest("§10.2: muc#roomconfig_enablearchiving", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["enablearchiving=0"]);
  const query = "<query xmlns='urn:xmpp:mam:2'/>";
  await refused(crone, "set", query, "service-unavailable");
  assert(!await has(crone, "urn:xmpp:mam:2"));
  crone.send(said("off the record"));
  await crone.eventually("<message><body>off the record</body></message>");
  await configure(crone, ["enablearchiving=1"]);
  assert(await has(crone, "urn:xmpp:mam:2"));
  crone.send(said("on the record"));
  await crone.eventually("<message><body>on the record</body></message>");
  await quiet(server);
  crone.send(`<iq type='set' id='q' to='${ROOM}'>${query}</iq>`);
  await crone.receives(`<message><result xmlns='urn:xmpp:mam:2'>
    <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>on the record</body></message></forwarded>
    </result></message>`);
  await crone.receives(
    "<iq type='result' id='q'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>",
  );
});

mucTest("§10.2: muc#maxhistoryfetch", async (server) => {
  const crone = await createRoom(server, "crone", "mod", ["muc#maxhistoryfetch=2"]);
  await info(crone, "muc#maxhistoryfetch", "2");
  for (const text of ["one", "two", "three"]) crone.send(said(text));
  await crone.eventually("<message><body>three</body></message>");
  const bob = await online(server, "bob");
  bob.send(join("bob", ROOM, "<history maxstanzas='10'/>"));
  await bob.receives(seen("mod", "role='moderator'"));
  await bob.receives(seen("bob", "role='participant'"));
  await bob.receives("<message><body>two</body></message>");
  await bob.receives("<message><body>three</body></message>");
  await bob.receives("<message><subject/></message>");
  await configure(crone, ["muc#maxhistoryfetch=0"]);
  const eve = await online(server, "eve");
  eve.send(join("eve", ROOM, "<history maxstanzas='10'/>"));
  await eve.eventually(seen("eve", "role='participant'"));
  await eve.receives("<message><subject/></message>");
});

mucTest(
  "§10.2: muc#roomconfig_enablelogging",
  async (server) => {
    const crone = await createRoom(server, "crone", "mod", ["enablelogging=1"]);
    const bob = await online(server, "bob");
    bob.send(join("bob"));
    await bob.eventually(seen("bob", "role='participant'", { status: [110, 170] }));
    await configure(crone, ["enablelogging=0"]);
    const eve = await online(server, "eve");
    eve.send(join("eve"));
    await eve.eventually(
      `<presence from='${ROOM}/eve'><x xmlns='${USER}'>{only}<item/><mav/><status code='110'/></x>
    </presence>`.replace("<mav/>", "<mav xmlns='urn:xmpp:muc:affiliations:1'/>"),
    );
  },
  { modules: { muc_log: {} } },
  [...MODULES, "muc_log"],
);
