/** XEP-0357: Push Notifications, XEP-0492: Chat notification settings. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { StanzaError } from "../../lib/errors.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { parseJid } from "../../lib/jid.ts";
import { NO_REPLY, result } from "../../lib/module.ts";
import { makeService } from "../../lib/module_service.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { message } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";

const PUSH = "urn:xmpp:push:0";
const PUBSUB = "http://jabber.org/protocol/pubsub";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function test(
  name: string,
  push: Table,
  transcript: (server: TestServer) => Promise<void>,
): void {
  Deno.test(name, () => withServer({ modules: { push } }, {}, transcript));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The field of a notification's summary. */
function field(publish: Element, name: string): string | undefined {
  return publish.child("publish")?.child("item")?.child("notification", PUSH)
    ?.child("x", "jabber:x:data")?.elements("field").find((f) => f.attrs.var === name)
    ?.childText("value");
}

/** An app server; `answer` refuses, or is silent. */
class AppServer {
  readonly published: { iq: Stanza; pubsub: Element }[] = [];
  answer: () => ReturnType<typeof result> = () => result();
  #seen = 0;

  constructor(readonly server: TestServer, name = "push") {
    const { handle } = makeService(server.host(), "test", name, "An app server");
    handle.iq.set(PUBSUB, "pubsub", (iq, pubsub) => {
      this.published.push({ iq, pubsub });
      return this.answer();
    });
  }

  /** The next push. */
  async next(ms = 5000): Promise<Element> {
    for (let i = 0; i < ms / 5 && this.published.length === this.#seen; i++) await pause(5);
    assert(this.published.length > this.#seen, "no push has come");
    return this.published[this.#seen++]!.pubsub;
  }

  async nothing(ms = 40): Promise<void> {
    for (const client of this.server.clients) await client.sync();
    await pause(ms);
    assert.equal(this.published.length, this.#seen, String(this.published.at(-1)?.iq));
  }
}

const enable = (node = "n", more = "") =>
  `<iq type='set' id='e'><enable xmlns='${PUSH}' jid='push.localhost' node='${node}'>` +
  `${more}</enable></iq>`;
const DONE = "<iq type='result' id='e'>{empty}</iq>";
const OPTIONS = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>" +
  "<value>http://jabber.org/protocol/pubsub#publish-options</value></field>" +
  "<field var='secret'><value>eruio234vzxc2kla-91</value></field></x>";
const refused = (condition: string) =>
  `<iq type='error' id='e'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;

async function gone(client: TestClient): Promise<void> {
  const jid = parseJid(client.jid)!;
  await client.close();
  for (let i = 0; i < 400 && client.server.host().session(jid) !== undefined; i++) await pause(5);
}

/** A phone that has enabled push, and is gone. */
async function phone(server: TestServer, more = ""): Promise<void> {
  const client = await online(server, "juliet", { resource: "phone" });
  await client.request(enable("n", more), DONE);
  await gone(client);
}

const chat = (to: string, body = "Wherefore?") =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`;

function kept(server: TestServer): Promise<{ service: string; target: string }[]> {
  return server.inner.store.db.selectFrom("push_registrations").select(["service", "target"])
    .orderBy("target").execute() as Promise<{ service: string; target: string }[]>;
}

test("§4.1: accounts announce it", {}, async (server) => {
  const juliet = await login(server, "juliet");
  await juliet.request(
    "<iq type='get' id='d' to='juliet@localhost'>" +
      "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'>" +
      `<feature var='${PUSH}'/></query></iq>`,
  );
});

test(
  "§7: a message kept for a client that is gone is told of, and little more",
  {},
  async (server) => {
    const app = new AppServer(server);
    await phone(server, OPTIONS);
    const romeo = await online(server, "romeo");
    romeo.send(chat("juliet@localhost"));
    const push = await app.next();
    const { iq } = app.published[0]!;
    assert.equal(iq.from?.full, "localhost");
    assert.equal(push.child("publish")?.attrs.node, "n");
    assert.equal(field(push, "FORM_TYPE"), "urn:xmpp:push:summary");
    assert.equal(field(push, "message-count"), "1");
    assert.equal(field(push, "last-message-body"), "New message");
    assert.equal(field(push, "last-message-sender"), undefined);
    assert(String(push.child("publish-options")).includes("eruio234vzxc2kla-91"));
    assert(!String(iq).includes("romeo") && !String(iq).includes("Wherefore"));

    // Not again until it has come.
    romeo.send(chat("juliet@localhost") + chat("juliet@localhost"));
    await app.nothing();
    await gone(await online(server, "juliet", { resource: "phone" }));
    romeo.send(chat("juliet@localhost"));
    assert.equal(field(await app.next(), "message-count"), "1");
  },
);

test("the operator may tell more", { include_sender: true, include_body: true }, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  const romeo = await online(server, "romeo", { resource: "garden" });
  romeo.send(chat("juliet@localhost", "Wherefore &amp; why?"));
  const push = await app.next();
  assert.equal(field(push, "last-message-sender"), "romeo@localhost/garden");
  assert.equal(field(push, "last-message-body"), "Wherefore & why?");
  assert.equal(push.child("publish-options"), undefined);
});

test("or nothing at all; from the account", { text: "", from: "account" }, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  assert.equal(field(await app.next(), "last-message-body"), undefined);
  assert.equal(app.published[0]!.iq.from?.full, "juliet@localhost");
  // The answer arrives: it is told again later.
  await pause(20);
  assert.deepEqual((await kept(server)).length, 1);
});

test("what nobody waits for is no reason", {}, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  const romeo = await online(server, "romeo");
  for (
    const quiet of [
      "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
      "<received xmlns='urn:xmpp:receipts' id='a'/>",
      "<reactions xmlns='urn:xmpp:reactions:0' id='a'/>",
    ]
  ) romeo.send(`<message to='juliet@localhost' type='chat'>${quiet}</message>`);
  await app.nothing();
});

test("a client that is here is not told; another that is not, is", {}, async (server) => {
  const app = new AppServer(server);
  const juliet = await online(server, "juliet", { resource: "phone" });
  await juliet.request(enable(), DONE);
  const desk = await online(server, "juliet", { resource: "desk" });
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  await app.nothing();
  await gone(juliet);
  romeo.send(chat("juliet@localhost"));
  await app.next();
  // What is for another client alone.
  await gone(await online(server, "juliet", { resource: "phone" }));
  romeo.send(
    `<message to='${desk.jid}' type='chat'><body>1</body><no-copy xmlns='urn:xmpp:hints'/></message>`,
  );
  await app.nothing();
  romeo.send(chat(desk.jid));
  await app.next();
});

test("a call does not wait for the client to come", { interval: 0 }, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  await app.next();
  await pause(2100);
  romeo.send(chat("juliet@localhost"));
  await app.nothing();
  romeo.send(
    "<message to='juliet@localhost' type='chat'>" +
      "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>",
  );
  assert.equal(field(await app.next(), "message-count"), "3");
});

test(
  "a client that does not come is told again after a while",
  { interval: "1s" },
  async (server) => {
    const app = new AppServer(server);
    await phone(server);
    const romeo = await online(server, "romeo");
    for (let i = 0; i < 300; i++) romeo.send(chat("juliet@localhost"));
    await app.next();
    await app.nothing();
    await pause(1000);
    romeo.send(chat("juliet@localhost"));
    assert.equal(field(await app.next(), "message-count"), "301");
    await app.nothing();
  },
);

test("registrations outlive the module and the server", { remembered: 100 }, async (server) => {
  const app = new AppServer(server);
  await phone(server, OPTIONS);
  await server.inner.unloadModule(server.host(), "push");
  await server.inner.loadModule(server.host(), "push");
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  assert(String((await app.next()).child("publish-options")).includes("eruio234vzxc2kla-91"));
});

test("§7.1: what the app server does not know is disabled at once", {}, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  app.answer = () => {
    throw new StanzaError("item-not-found");
  };
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  await app.next();
  for (let i = 0; i < 200 && (await kept(server)).length > 0; i++) await pause(5);
  assert.deepEqual(await kept(server), []);
  await gone(await online(server, "juliet", { resource: "phone" }));
  romeo.send(chat("juliet@localhost"));
  await app.nothing();
});

test(
  "§7.1: passing failures are tried again, later and later, and not for ever",
  { retry: "1s", failures: 3, timeout: "1s" },
  async (server) => {
    const app = new AppServer(server);
    await phone(server);
    app.answer = () => {
      throw new StanzaError("resource-constraint");
    };
    const romeo = await online(server, "romeo");
    romeo.send(chat("juliet@localhost"));
    await app.next();
    romeo.send(chat("juliet@localhost"));
    await app.nothing();
    assert.equal((await kept(server)).length, 1);
    // The second time it is silent, the third it is not there.
    app.answer = () => NO_REPLY;
    assert.equal(field(await app.next(), "message-count"), "2");
    app.answer = () => {
      throw new StanzaError("recipient-unavailable");
    };
    await app.next();
    for (let i = 0; i < 200 && (await kept(server)).length > 0; i++) await pause(5);
    assert.deepEqual(await kept(server), []);
  },
);

test("an app server in no place is given up in time", { failures: 1 }, async (server) => {
  const juliet = await online(server, "juliet", { resource: "phone" });
  await juliet.request(
    `<iq type='set' id='e'><enable xmlns='${PUSH}' jid='push.nowhere.example'/></iq>`,
    DONE,
  );
  await gone(juliet);
  assert.equal((await kept(server)).length, 1);
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  for (let i = 0; i < 400 && (await kept(server)).length > 0; i++) await pause(5);
  assert.deepEqual(await kept(server), []);
});

test("§5, §6: enabled twice, disabled one by one or all", { registrations: 3 }, async (server) => {
  const juliet = await online(server, "juliet", { resource: "phone" });
  const disable = (node?: string) =>
    juliet.request(
      `<iq type='set' id='e'><disable xmlns='${PUSH}' jid='push.localhost'${
        node === undefined ? "" : ` node='${node}'`
      }/></iq>`,
      DONE,
    );
  for (const node of ["a", "b", "a", "c", "c"]) await juliet.request(enable(node), DONE);
  await juliet.request(enable("d"), refused("policy-violation"));
  assert.deepEqual((await kept(server)).map((r) => r.target), ["a", "b", "c"]);
  await disable("b");
  await disable("b");
  await juliet.request(enable("d"), DONE);
  assert.deepEqual((await kept(server)).map((r) => r.target), ["a", "c", "d"]);
  await disable();
  assert.deepEqual(await kept(server), []);
});

test("a thousand registrations are too many", {}, async (server) => {
  const juliet = await online(server, "juliet", { resource: "phone" });
  for (let i = 0; i < 1000; i++) juliet.send(enable(String(i)));
  await juliet.sync();
  assert.equal((await kept(server)).length, 20);
});

test("requests that are none", { options_bytes: 300 }, async (server) => {
  const juliet = await online(server, "juliet");
  const form = (inner: string, type = "submit") =>
    `<x xmlns='jabber:x:data' type='${type}'>${inner}</x>`;
  const cases: [string, string][] = [
    [`<enable xmlns='${PUSH}'/>`, "bad-request"],
    [`<disable xmlns='${PUSH}'/>`, "bad-request"],
    [`<enable xmlns='${PUSH}' jid='a@b@c'/>`, "jid-malformed"],
    [
      `<enable xmlns='${PUSH}' jid='push.localhost' node='${"x".repeat(1100)}'/>`,
      "policy-violation",
    ],
    [`<enable xmlns='${PUSH}' jid='push.localhost'>${form("")}</enable>`, "bad-request"],
    [`<enable xmlns='${PUSH}' jid='push.localhost'>${form("", "none")}</enable>`, "bad-request"],
    [
      `<enable xmlns='${PUSH}' jid='push.localhost'>${
        OPTIONS.replace("eruio", "x".repeat(300))
      }</enable>`,
      "policy-violation",
    ],
  ];
  for (const [request, condition] of cases) {
    await juliet.request(`<iq type='set' id='e'>${request}</iq>`, refused(condition));
  }
  await online(server, "romeo");
  await juliet.request(
    `<iq type='set' id='e' to='romeo@localhost'><enable xmlns='${PUSH}' jid='push.localhost'/></iq>`,
    refused("forbidden"),
  );
  assert.deepEqual(await kept(server), []);
});

test("§8: the app server may take its leave, and nobody else for it", {}, async (server) => {
  new AppServer(server);
  await phone(server);
  const romeo = await online(server, "romeo");
  const leave = xml(
    "pubsub",
    PUBSUB,
    { node: "n" },
    xml("affiliation", PUBSUB, { jid: "juliet@localhost", affiliation: "none" }),
  );
  romeo.send(`<message to='juliet@localhost'>${leave}</message>`);
  await romeo.sync();
  await pause(20);
  assert.equal((await kept(server)).length, 1);
  const [from, to] = [parseJid("push.localhost")!, parseJid("juliet@localhost")!];
  await server.inner.router.route(message({ from, to }, leave));
  for (let i = 0; i < 200 && (await kept(server)).length > 0; i++) await pause(5);
  assert.deepEqual(await kept(server), []);
});

test("who wants to be a contact waits for an answer", {}, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  const romeo = await online(server, "romeo");
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  const push = await app.next();
  assert.equal(field(push, "pending-subscription-count"), "1");
  assert.equal(field(push, "message-count"), "0");
});

test("an account that is deleted leaves nothing", {}, async (server) => {
  const app = new AppServer(server);
  await phone(server);
  await server.host().hooks.ask(deleteAccount, parseJid("juliet@localhost")!);
  for (let i = 0; i < 200 && (await kept(server)).length > 0; i++) await pause(5);
  assert.deepEqual(await kept(server), []);
  const romeo = await online(server, "romeo");
  romeo.send(chat("juliet@localhost"));
  await app.nothing();
});

test(
  "a client that is inactive for long is told, one that just was looked at is not",
  { inactive: "1s" },
  async (server) => {
    const app = new AppServer(server);
    const juliet = await online(server, "juliet", { resource: "phone" });
    await juliet.request(enable(), DONE);
    const romeo = await online(server, "romeo");
    juliet.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    await juliet.sync();
    romeo.send(chat(juliet.jid));
    await app.nothing();
    await pause(1000);
    romeo.send(chat(juliet.jid));
    await app.next();
    romeo.send(chat(juliet.jid));
    await app.nothing();
    // It wakes up, and falls asleep again.
    juliet.send("<active xmlns='urn:xmpp:csi:0'/><inactive xmlns='urn:xmpp:csi:0'/>");
    await juliet.sync();
    await pause(1000);
    romeo.send(chat(juliet.jid));
    assert.equal(field(await app.next(), "message-count"), "1");
  },
);

test("a session that hibernates is told, also of what was on its way", {}, async (server) => {
  const app = new AppServer(server);
  const romeo = await online(server, "romeo");
  for (const onItsWay of [true, false]) {
    const juliet = await online(server, "juliet", { resource: "phone" });
    await juliet.request(enable(), DONE);
    juliet.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    await juliet.eventually("<enabled xmlns='urn:xmpp:sm:3' id='{id}'/>");
    if (onItsWay) {
      romeo.send(chat(juliet.jid));
      await juliet.eventually("<message><body>Wherefore?</body></message>");
      await app.nothing();
    }
    juliet.cut();
    const session = server.host().session(parseJid(juliet.jid)!)!;
    for (let i = 0; i < 400 && session.stream !== undefined; i++) await pause(5);
    if (!onItsWay) {
      romeo.send(
        `<message to='${juliet.jid}'><received xmlns='urn:xmpp:receipts' id='a'/></message>`,
      );
      await app.nothing();
      romeo.send(chat(juliet.jid));
    }
    await app.next();
    romeo.send(chat("juliet@localhost"));
    await app.nothing();
  }
});

test("XEP-0492: the account says for which chats", { rooms: "on-mention" }, async (server) => {
  const app = new AppServer(server);
  const notify = (setting: string) =>
    `<conference xmlns='urn:xmpp:bookmarks:1'><nick>Jules</nick><extensions>` +
    `<notify xmlns='urn:xmpp:notification-settings:1'>${setting}</notify></extensions></conference>`;
  const chats: Record<string, string> = {
    "romeo@localhost": "<never/>",
    "tybalt@localhost": "<always/>" +
      "<never identity-category='client' identity-type='phone'/>" +
      "<always identity-category='client'/>",
    "nurse@localhost": "<never identity-category='gateway'/><on-mention/>",
    "coven@chat.localhost": "<on-mention/>",
  };
  const desk = await login(server, "juliet", { resource: "desk" });
  const bookmark = (id: string, setting: string) =>
    desk.request(
      `<iq type='set' id='b'><pubsub xmlns='${PUBSUB}'><publish node='urn:xmpp:bookmarks:1'>` +
        `<item id='${id}'>${notify(setting)}</item></publish></pubsub></iq>`,
      "<iq type='result' id='b'/>",
    );
  for (const [id, setting] of Object.entries(chats)) await bookmark(id, setting);
  await phone(server);
  for (const name of ["romeo", "tybalt"]) {
    (await online(server, name)).send(chat("juliet@localhost"));
  }
  await app.nothing();
  (await online(server, "nurse")).send(chat("juliet@localhost"));
  await app.next();

  // Rooms reach a session: one that hibernates.
  const juliet = await online(server, "juliet", { resource: "phone" });
  juliet.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
  await juliet.eventually("<enabled xmlns='urn:xmpp:sm:3'/>");
  juliet.cut();
  const session = server.host().session(parseJid(juliet.jid)!)!;
  for (let i = 0; i < 400 && session.stream !== undefined; i++) await pause(5);
  const says = (body: string) =>
    server.inner.router.route(message({
      from: parseJid("coven@chat.localhost/crone")!,
      to: parseJid(juliet.jid)!,
      type: "groupchat",
    }, xml("body", "jabber:client", {}, body)));
  await says("Hello everybody");
  await app.nothing();
  await says("Where is jules?");
  await app.next();
  // A setting counts as soon as it has changed.
  await bookmark("coven@chat.localhost", "<never/>");
  await server.inner.unloadModule(server.host(), "push");
  await server.inner.loadModule(server.host(), "push");
  await says("Jules?");
  await app.nothing();
  await bookmark("coven@chat.localhost", "<always/>");
  await says("Hello everybody");
  await app.next();
});
