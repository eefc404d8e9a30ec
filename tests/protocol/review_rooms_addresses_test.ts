/** XEP-0045: in a semi-anonymous room nothing that a participant gets has anybody's real address. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ADMIN,
  ask,
  configure,
  createRoom,
  enter,
  inside,
  item,
  join,
  MODULES,
  mucTest,
  quiet,
  REGISTER,
  REQUEST,
  ROOM,
  submission,
  USER,
} from "../helpers/muc.ts";
import type { TestServer } from "../helpers/server.ts";

const MORE = [
  ...MODULES,
  "vcard",
  "pep",
  "stream_management",
  "last",
  "version",
  "ping",
  "private",
];
const WATCHED = ["alice", "bob", "carol", "dave"];

/** Sends on behalf of an occupant, and waits until all is done. */
async function does(server: TestServer, client: TestClient, ...stanzas: string[]): Promise<void> {
  for (const stanza of stanzas) client.send(stanza);
  for (const other of server.clients) await other.sync();
}

/** Everything that has come, as text, without what the server says to the client's own address. */
async function all(server: TestServer, client: TestClient): Promise<string> {
  await client.sync();
  await client.sync();
  for (const other of server.clients) await other.sync();
  await client.sync();
  let text = "";
  while (client.pending > 0) text += `${await client.next("anything")}\n`;
  return text.replaceAll(client.jid, "");
}

mucTest(
  "nobody's real address comes to a participant",
  async (server) => {
    const alice = await createRoom(server, "alice", "Admin", [
      "moderatedroom=1",
      "persistentroom=1",
    ]);
    const eve = await online(server, "eve");
    await enter(eve, "Eve");
    const [bob, carol] = [await online(server, "bob"), await online(server, "carol")];
    const say = (id: string) =>
      `<message type='groupchat' to='${ROOM}' id='${id}'><body>${id}</body></message>`;
    const set = (content: string) =>
      `<iq type='set' id='s' to='${ROOM}'><query xmlns='${ADMIN}'>${content}</query></iq>`;

    await does(server, bob, join("B"));
    await does(server, bob, `<presence to='${ROOM}/B'><show>away</show></presence>`);
    await does(server, bob, `<presence to='${ROOM}/B2'/>`);
    await does(
      server,
      bob,
      `<message to='${ROOM}'>${submission(REQUEST, "muc#role=participant")}</message>`,
    );
    await does(server, alice, set("<item nick='B2' role='participant'/>"));
    await does(server, bob, say("hello"), `<presence to='${ROOM}/B2'><show>dnd</show></presence>`);
    await does(
      server,
      bob,
      `<iq type='set' id='r' to='${ROOM}'><query xmlns='jabber:iq:register'>${
        submission(REGISTER, "muc#register_roomnick=B2")
      }</query></iq>`,
    );
    for (const affiliation of ["admin", "member", "owner", "none"]) {
      await does(server, alice, set(`<item jid='bob@localhost' affiliation='${affiliation}'/>`));
      await does(server, alice, set(`<item jid='dave@localhost' affiliation='${affiliation}'/>`));
    }
    await does(
      server,
      alice,
      `<message type='groupchat' to='${ROOM}'><subject>news</subject></message>`,
    );
    await does(server, carol, join("C"));
    await does(
      server,
      carol,
      `<message to='${ROOM}'><x xmlns='${USER}'><invite to='dave@localhost'/></x></message>`,
    );
    await does(server, alice, set("<item nick='C' role='none'><reason>out</reason></item>"));
    await does(server, alice, set("<item jid='carol@localhost' affiliation='outcast'/>"));
    await does(server, alice, set("<item jid='bob@localhost' affiliation='outcast'/>"));

    const request = (type: string, to: string, payload: string) =>
      `<iq type='${type}' id='q' to='${to}'>${payload}</iq>`;
    const query = (ns: string) => `<query xmlns='${ns}'/>`;
    await does(
      server,
      eve,
      ...["member", "admin", "owner", "outcast"].map((a) =>
        request("get", ROOM, `<query xmlns='${ADMIN}'><item affiliation='${a}'/></query>`)
      ),
      request("get", ROOM, `<query xmlns='${ADMIN}'><item role='moderator'/></query>`),
      request("get", ROOM, query("http://jabber.org/protocol/disco#info")),
      request("get", ROOM, query("http://jabber.org/protocol/disco#items")),
      request("get", ROOM, query("jabber:iq:register")),
      request("get", ROOM, query("http://jabber.org/protocol/muc#owner")),
      request("get", ROOM, "<vCard xmlns='vcard-temp'/>"),
      request("set", ROOM, "<query xmlns='urn:xmpp:mam:2'/>"),
      join("Eve", ROOM, "<mav xmlns='urn:xmpp:muc:affiliations:1'/>"),
      `<message to='${ROOM}/Admin' type='chat'><body>hi</body></message>`,
      `<message to='${ROOM}'><x xmlns='${USER}'><decline to='${ROOM}/Admin'/></x></message>`,
    );
    const text = await all(server, eve);
    assert.match(text, /<body>hello<\/body>/);
    for (const name of WATCHED) {
      assert.ok(!text.includes(`${name}@localhost`), `${name} in ${text}`);
    }
  },
  { modules: { muc: { changes: 0 } } },
  MORE,
);

mucTest(
  "requests that are passed on, and their answers, have no real address",
  async (server) => {
    const alice = await createRoom(server, "alice", "Admin");
    const eve = await inside(server, "eve", "Eve");
    const bob = await inside(server, "bob", "B");
    await quiet(server);
    const pubsub = "http://jabber.org/protocol/pubsub";
    bob.send(
      `<iq type='set' id='p'><pubsub xmlns='${pubsub}'><publish node='urn:example:open'><item id='1'>
    <x xmlns='urn:example'/></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>
    <field var='FORM_TYPE'><value>${pubsub}#publish-options</value></field>
    <field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub></iq>`,
    );
    await bob.eventually("<iq type='result' id='p'/>");
    const ask1 = (type: string, payload: string) =>
      eve.send(`<iq type='${type}' id='q' to='${ROOM}/B'>${payload}</iq>`);
    ask1("get", "<vCard xmlns='vcard-temp'/>");
    ask1("set", "<vCard xmlns='vcard-temp'><FN>Eve was here</FN></vCard>");
    ask1("get", `<pubsub xmlns='${pubsub}'><items node='urn:example:open'/></pubsub>`);
    ask1("get", `<pubsub xmlns='${pubsub}'><items node='urn:example:none'/></pubsub>`);
    ask1("get", `<pubsub xmlns='${pubsub}'><subscriptions/></pubsub>`);
    ask1("get", `<pubsub xmlns='${pubsub}'><affiliations/></pubsub>`);
    ask1(
      "set",
      `<pubsub xmlns='${pubsub}'><subscribe node='urn:example:open' jid='${ROOM}/Eve'/></pubsub>`,
    );
    ask1("set", `<pubsub xmlns='${pubsub}'><publish node='n'><item/></publish></pubsub>`);
    ask1("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    await bob.eventually(`<iq type='get' from='${ROOM}/Eve'/>`);
    bob.send("</stream:stream>");
    await alice.eventually(`<presence type='unavailable' from='${ROOM}/B'/>`);
    ask1("get", "<vCard xmlns='vcard-temp'/>");
    const text = await all(server, eve);
    assert.ok(text.split("<iq ").length >= 8, text);
    assert.ok(!text.includes("bob@localhost"), text);
  },
  {},
  MORE,
);

mucTest("a room that another has made anew has nothing of the one before", async (server) => {
  const eve = await online(server, "eve");
  const alice = await createRoom(server, "alice", "Admin", ["persistentroom=1"]);
  await ask(alice, "set", item("jid='dave@localhost' affiliation='admin'"));
  alice.send(`<message type='groupchat' to='${ROOM}' id='1'><body>secret</body></message>`);
  await alice.eventually("<message id='1'/>");
  await ask(alice, "set", "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>");
  // What is said before it is configured goes with it, too.
  await enter(alice, "Admin");
  alice.send(`<message type='groupchat' to='${ROOM}' id='2'><body>secret</body></message>`);
  await alice.eventually("<message id='2'/>");
  alice.send(`<presence type='unavailable' to='${ROOM}/Admin'/>`);
  await alice.eventually("<presence type='unavailable'/>");
  await enter(eve, "Eve");
  await configure(eve, ["persistentroom=1"]);
  for (const affiliation of ["owner", "admin", "member", "outcast"]) {
    eve.send(
      `<iq type='get' id='l' to='${ROOM}'><query xmlns='${ADMIN}'><item affiliation='${affiliation}'/></query></iq>`,
    );
  }
  eve.send(`<iq type='set' id='m' to='${ROOM}'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  eve.send(join("Eve", ROOM, ""));
  const text = await all(server, eve);
  for (const word of ["secret", "alice", "dave", "Admin"]) assert.ok(!text.includes(word), text);
  assert.match(text, /<fin /);
});
