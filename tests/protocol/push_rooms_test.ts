/** XEP-0357, XEP-0492: pushes to members of rooms who are not there; XEP-0452: mentions. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { roomMissed } from "../../lib/hooks/rooms.ts";
import { parseJid } from "../../lib/jid.ts";
import { result } from "../../lib/module.ts";
import { makeService } from "../../lib/module_service.ts";
import type { Room } from "../../lib/rooms.ts";
import { message } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { parseXml } from "../../lib/xml/parser.ts";

const PUSH = "urn:xmpp:push:0";
const PUBSUB = "http://jabber.org/protocol/pubsub";
const ROOM = parseJid("coven@chat.localhost")!;
const MENTION =
  "<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:juliet@localhost'/>";

/** Nothing of it is looked at but the address. */
const room = { jid: ROOM } as Room;

function test(
  name: string,
  push: Table,
  transcript: (server: TestServer, app: AppServer) => Promise<void>,
): void {
  Deno.test(
    name,
    () => withServer({ modules: { push } }, {}, (server) => transcript(server, appServer(server))),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface AppServer {
  /** The fields of the next push's summary, and the node that it goes to. */
  next(): Promise<Record<string, string>>;
  nothing(): Promise<void>;
}

function appServer(server: TestServer): AppServer {
  const published: Element[] = [];
  const { handle } = makeService(server.host(), "test", "push", "An app server");
  handle.iq.set(PUBSUB, "pubsub", (_iq, pubsub) => {
    published.push(pubsub.child("publish")!);
    return result();
  });
  let seen = 0;
  return {
    async next() {
      for (let i = 0; i < 1000 && published.length === seen; i++) await pause(5);
      assert(published.length > seen, "no push has come");
      const publish = published[seen++]!;
      const form = publish.child("item")?.child("notification", PUSH)?.child("x", "jabber:x:data");
      const fields = form!.elements("field").map((f) => [f.attrs.var, f.childText("value")]);
      return { ...Object.fromEntries(fields), node: publish.attrs.node };
    },
    async nothing() {
      for (const client of server.clients) await client.sync();
      await pause(40);
      assert.equal(published.length, seen, String(published.at(-1)));
    },
  };
}

/** A client that has enabled push. */
async function enabled(server: TestServer, resource: string): Promise<TestClient> {
  const client = await online(server, "juliet", { resource });
  const enable = `<enable xmlns='${PUSH}' jid='push.localhost' node='${resource}'/>`;
  await client.request(`<iq type='set' id='e'>${enable}</iq>`, "<iq type='result' id='e'/>");
  return client;
}

async function gone(client: TestClient): Promise<void> {
  const jid = parseJid(client.jid)!;
  await client.close();
  for (let i = 0; i < 400 && client.server.host().session(jid) !== undefined; i++) await pause(5);
}

/** A witch says something, and somebody misses it. */
function missed(server: TestServer, content: string, account = "juliet@localhost"): void {
  const from = ROOM.withResource("witch");
  const children = parseXml(`<message xmlns='jabber:client'>${content}</message>`).elements();
  const said = message({ from, type: "groupchat", id: "m" }, ...children);
  // Nobody waits for a push.
  const told = server.host().hooks.tell(roomMissed, room, said, parseJid(account)!);
  assert.equal(told, undefined);
}

const body = (text: string) => `<body>${text}</body>`;

test(
  "a member who is away is told of what is said in the room, and of how much it was",
  { interval: "1s", include_sender: true, include_body: true },
  async (server, app) => {
    await gone(await enabled(server, "phone"));
    missed(server, body("Hail!"));
    assert.deepEqual(await app.next(), {
      FORM_TYPE: "urn:xmpp:push:summary",
      "message-count": "1",
      "last-message-sender": `${ROOM.bare}/witch`,
      "last-message-body": "Hail!",
      node: "phone",
    });
    // Not again until the client has come, or some time has gone by.
    missed(server, body("Hail!"));
    await app.nothing();
    await pause(1000);
    missed(server, body("Hail!"));
    assert.equal((await app.next())["message-count"], "3");
    await gone(await online(server, "juliet", { resource: "phone" }));
    missed(server, body("Hail!"));
    assert.equal((await app.next())["message-count"], "1");
  },
);

test("clients that are here are not told", {}, async (server, app) => {
  const desk = await enabled(server, "desk");
  await gone(await enabled(server, "phone"));
  missed(server, body("Hail!"));
  assert.equal((await app.next()).node, "phone");
  await app.nothing();
  await gone(desk);
  missed(server, body("Hail!"));
  assert.equal((await app.next()).node, "desk");
});

test("what nobody waits for is not worth a push, nor what is forged", {}, async (server, app) => {
  await gone(await enabled(server, "phone"));
  missed(server, "<subject>Witches</subject>");
  missed(server, "<displayed xmlns='urn:xmpp:chat-markers:0' id='a'/>");
  missed(server, "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
  missed(
    server,
    "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
      "<message from='romeo@localhost' type='chat'><body>x</body></message></forwarded></received>",
  );
  // Neither accounts without registrations, nor somebody of the same name elsewhere.
  await server.addUser("nurse@localhost", "password of nurse");
  missed(server, body("Hail!"), "nurse@localhost");
  missed(server, body("Hail!"), "nurse@localhost");
  missed(server, body("Hail!"), "juliet@elsewhere.example");
  await app.nothing();
  missed(server, body("Hail!"));
  assert.equal((await app.next())["message-count"], "1");
});

test("rooms by default: on-mention", { rooms: "on-mention" }, async (server, app) => {
  await gone(await enabled(server, "phone"));
  missed(server, body("Hail!"));
  await app.nothing();
  missed(server, body("Hail!") + MENTION);
  assert.equal((await app.next())["message-count"], "1");
});

test("rooms by default: never", { rooms: "never" }, async (server, app) => {
  await gone(await enabled(server, "phone"));
  missed(server, body("Hail!") + MENTION);
  await app.nothing();
});

test("XEP-0492: the account has said so for this room", {}, async (server, app) => {
  const desk = await login(server, "juliet", { resource: "desk" });
  const wants = (setting: string) =>
    desk.request(
      `<iq type='set' id='b'><pubsub xmlns='${PUBSUB}'><publish node='urn:xmpp:bookmarks:1'>` +
        `<item id='${ROOM.bare}'><conference xmlns='urn:xmpp:bookmarks:1'><nick>Jules</nick>` +
        `<extensions><notify xmlns='urn:xmpp:notification-settings:1'>${setting}</notify>` +
        "</extensions></conference></item></publish></pubsub></iq>",
      "<iq type='result' id='b'/>",
    );
  await wants("<never/>");
  await gone(await enabled(server, "phone"));
  missed(server, body("Hail, Jules!") + MENTION);
  await app.nothing();
  await wants("<on-mention/>");
  missed(server, body("Hail!"));
  await app.nothing();
  missed(server, body("Hail, Jules!"));
  assert.equal((await app.next())["message-count"], "1");
});

test("XEP-0452: a mention that the room passes on", {}, async (server, app) => {
  await gone(await enabled(server, "phone"));
  const mentions = parseXml(
    "<mentions xmlns='urn:xmpp:mmn:0'><forwarded xmlns='urn:xmpp:forward:0'>" +
      `<message xmlns='jabber:client' type='groupchat' from='${ROOM.bare}/witch'>` +
      `<body>Hail, Juliet!</body>${MENTION}</message></forwarded></mentions>`,
  );
  const to = parseJid("juliet@localhost")!;
  await server.inner.router.route(message({ from: ROOM, to, id: "m" }, mentions));
  assert.equal((await app.next())["message-count"], "1");
  const phone = await login(server, "juliet", { resource: "phone" });
  phone.send("<presence/>");
  await phone.eventually(
    `<message from='${ROOM.bare}'><mentions xmlns='urn:xmpp:mmn:0'>{any}</mentions></message>`,
  );
});
