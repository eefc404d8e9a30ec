/** XEP-0452: mentions of members who are away; XEP-0357: pushes to them. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  inside,
  MODULES,
  mucTest,
  quiet,
  ROOM,
} from "../helpers/muc.ts";
import { body, say } from "../helpers/muc_archive.ts";
import { items } from "../helpers/muc_lists.ts";
import { roomMissed } from "../../lib/hooks/rooms.ts";
import { result } from "../../lib/module.ts";
import { makeService } from "../../lib/module_service.ts";
import type { TestServer } from "../helpers/server.ts";

const MENTIONS = "urn:xmpp:mmn:0";

const mention = (uri: string, type = "mention") =>
  `<reference xmlns='urn:xmpp:reference:0' type='${type}' begin='0' end='3' uri='${uri}'/>`;

/** What somebody gets who was mentioned. */
const forwarded = (text: string) =>
  `<message from='${ROOM}' type='{absent}'><mentions xmlns='${MENTIONS}'>
  <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay'/>
  <message xmlns='jabber:client' type='groupchat' from='${ROOM}/firstwitch' to='${ROOM}'>
  <body>${text}</body><reference xmlns='urn:xmpp:reference:0' type='mention'/>
  <stanza-id xmlns='urn:xmpp:sid:0' by='${ROOM}'/></message></forwarded></mentions></message>`;

mucTest("XEP-0452 §3.2: members who are away, by address and by nickname", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("hag@localhost member thirdwitch", "wicca@localhost admin"));
  const hag = await online(server, "hag");
  const wicca = await online(server, "wicca");
  await quiet(server);
  await say(crone, body("by address") + mention("xmpp:hag@localhost"));
  await hag.receives(forwarded("by address"));
  await say(crone, body("by nickname") + mention(`xmpp:${ROOM}/thirdwitch`));
  await hag.receives(forwarded("by nickname"));
  await say(crone, body("by another spelling") + mention(`xmpp:${ROOM}/ThirdWitch`));
  await hag.receives(forwarded("by another spelling"));
  await say(
    crone,
    body("both") + mention("xmpp:hag@localhost") + mention("xmpp:wicca@localhost") +
      mention(`xmpp:${ROOM}/thirdwitch`),
  );
  await hag.receives(forwarded("both"));
  await wicca.receives(forwarded("both"));
  await hag.receivesNothing();
});

mucTest("XEP-0452 §3.2: a nickname with blanks and marks, as a URI has it", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(
    crone,
    "set",
    `<query xmlns='http://jabber.org/protocol/muc#admin'>
    <item jid='hag@localhost' affiliation='member' nick='Third Wïtch'/></query>`,
  );
  const hag = await online(server, "hag");
  await quiet(server);
  await say(crone, body("x") + mention(`xmpp:${ROOM}/Third%20W%C3%AFtch`));
  await hag.receives(forwarded("x"));
});

mucTest(
  "XEP-0452: not to those who are there, nor to strangers, nor for rubbish",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    await ask(crone, "set", items("hag@localhost member third", "eve@localhost outcast"));
    const hag = await inside(server, "hag", "third");
    const phone = await online(server, "hag", { resource: "phone" });
    const bob = await online(server, "bob");
    const eve = await online(server, "eve");
    await quiet(server);
    for (
      const uri of [
        "xmpp:hag@localhost",
        `xmpp:${ROOM}/third`,
        "xmpp:bob@localhost",
        "xmpp:eve@localhost",
        `xmpp:${ROOM}/nobody`,
        `xmpp:${ROOM}`,
        "xmpp:",
        "xmpp:%E0%A4%A",
        "xmpp:a@b@c",
        "http://localhost/hag",
      ]
    ) await say(crone, body("x") + mention(uri));
    await hag.eventually("<message type='groupchat'/>");
    for (const client of [phone, bob, eve]) await client.receivesNothing();
    // Other references are none, and whoever has left is away.
    hag.send(`<presence to='${ROOM}/third' type='unavailable'/>`);
    await quiet(server);
    await say(crone, body("x") + mention("xmpp:hag@localhost", "data"));
    await say(crone, body("x"));
    await phone.receivesNothing();
    await say(crone, body("y") + mention("xmpp:hag@localhost"));
    await phone.receives(forwarded("y"));
    // Nobody sends such a message by oneself.
    bob.send(`<presence to='${ROOM}/bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await bob.eventually("<message><subject/></message>");
    await quiet(server);
    await say(
      bob,
      body("z") + `<mentions xmlns='${MENTIONS}'><forwarded xmlns='urn:xmpp:forward:0'/>
    </mentions>`,
    );
    await crone.receives(`<message><body>z</body><mentions xmlns='${MENTIONS}'>{absent}</mentions>
    </message>`);
  },
);

mucTest("XEP-0452 §3.1: the owner decides, and the server from the beginning", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("hag@localhost member"));
  const hag = await online(server, "hag");
  await quiet(server);
  await say(crone, body("x") + mention("xmpp:hag@localhost"));
  await hag.receivesNothing();
  await configure(crone, ["forwardmentions=1"]);
  await say(crone, body("y") + mention("xmpp:hag@localhost"));
  await hag.receives(forwarded("y"));
}, { modules: { muc: { defaults: { forward_mentions: false } } } });

mucTest("XEP-0452: so many at most by one message", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const names = Array.from({ length: 25 }, (_, i) => `u${i}@localhost`);
  await ask(crone, "set", items(...names.map((name) => `${name} member`)));
  const first = await online(server, "u0");
  const last = await online(server, "u24");
  await quiet(server);
  await say(crone, body("x") + names.map((name) => mention(`xmpp:${name}`)).join(""));
  await first.receives(forwarded("x"));
  await last.receivesNothing();
});

mucTest(
  "XEP-0452, XEP-0160: whoever is offline gets it later",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    await server.addUser("hag@localhost", "password of hag");
    await ask(crone, "set", items("hag@localhost member"));
    await say(crone, body("x") + mention("xmpp:hag@localhost"));
    await crone.sync();
    const hag = await online(server, "hag", { presence: "<iq type='get' id='none'/>" });
    hag.send("<presence/>");
    await hag.eventually(forwarded("x"));
  },
  {},
  [...MODULES, "offline"],
);

// ---- those who are not mentioned ----

interface AppServer {
  /** How many pushes have come. */
  readonly count: () => number;
}

const PUSH = "urn:xmpp:push:0";

function appServer(server: TestServer): AppServer {
  let count = 0;
  const { handle } = makeService(server.host(), "test", "push", "An app server");
  handle.iq.set("http://jabber.org/protocol/pubsub", "pubsub", () => {
    count++;
    return result();
  });
  return { count: () => count };
}

async function enabled(server: TestServer, name: string): Promise<TestClient> {
  const client = await online(server, name);
  const enable = `<enable xmlns='${PUSH}' jid='push.localhost' node='${name}'/>`;
  await client.request(`<iq type='set' id='e'>${enable}</iq>`, "<iq type='result' id='e'/>");
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert(condition());
}

const PUSHES = [...MODULES, "push", "bookmarks", "pubsub", "caps"];

mucTest(
  "XEP-0357: members who are away get pushes of what is said",
  async (server) => {
    const app = appServer(server);
    const crone = await createRoom(server, "crone", "firstwitch");
    await ask(crone, "set", items("hag@localhost member"));
    await (await enabled(server, "hag")).close();
    const bob = await enabled(server, "bob");
    await bob.close();
    await say(crone, body("hail"));
    // Not to strangers, and nothing that nobody waits for.
    await until(() => app.count() === 1);
    await say(crone, "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
    await say(crone, "<subject>Toads</subject>");
    await quiet(server);
    assert.equal(app.count(), 1);
  },
  { modules: { push: { interval: "1s" } } },
  PUSHES,
);

mucTest("XEP-0357, XEP-0452: who was mentioned learns of it once", async (server) => {
  const missed: string[] = [];
  server.host().hooks.add(roomMissed, "test", (_room, _message, account) => {
    missed.push(account.node);
  });
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("hag@localhost member", "ann@localhost member"));
  await say(crone, body("x") + mention("xmpp:hag@localhost"));
  assert.deepEqual(missed, ["ann"]);
  await configure(crone, ["forwardmentions=0"]);
  await say(crone, body("x") + mention("xmpp:hag@localhost"));
  assert.deepEqual(missed.slice(1).sort(), ["ann", "hag"]);
});

mucTest("XEP-0357: local members alone are told of, owners and admins too", async (server) => {
  const missed: string[] = [];
  server.host().hooks.add(roomMissed, "test", (room, message, account) => {
    assert.equal(room.jid.bare, ROOM);
    assert.equal(message.childText("body"), "x");
    missed.push(account.bare);
  });
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(
    crone,
    "set",
    items(
      "hag@localhost member",
      "wicca@localhost admin",
      "bard@localhost owner",
      "eve@localhost outcast",
      "far@elsewhere.example member",
      "localhost member",
    ),
  );
  const hag = await inside(server, "hag", "third");
  await say(crone, body("x"));
  assert.deepEqual(missed.sort(), ["bard@localhost", "wicca@localhost"]);
  hag.send(`<presence to='${ROOM}/third' type='unavailable'/>`);
  await hag.sync();
  await say(crone, body("x"));
  assert.deepEqual(missed.slice(2).sort(), ["bard@localhost", "hag@localhost", "wicca@localhost"]);
  await enter(hag, "third");
  // Whoever speaks is there.
  await say(hag, body("x"));
  assert.equal(missed.length, 7);
});

mucTest("XEP-0357: where many are away nobody is told of what is missed", async (server) => {
  const missed: string[] = [];
  server.host().hooks.add(roomMissed, "test", (_room, _message, account) => {
    missed.push(account.node);
  });
  const crone = await createRoom(server, "crone", "firstwitch");
  const many = ["u@localhost outcast", "v@localhost outcast", "a@localhost member"];
  await ask(crone, "set", items(...many, "b@localhost member"));
  await say(crone, body("x"));
  assert.equal(missed.length, 2);
  await ask(crone, "set", items("c@localhost member"));
  await say(crone, body("x"));
  assert.equal(missed.length, 2);
  // Mentions still are.
  const c = await online(server, "c");
  await say(crone, body("y") + mention("xmpp:c@localhost"));
  await c.receives(forwarded("y"));
}, { modules: { muc: { notify_members: 2 } } });
