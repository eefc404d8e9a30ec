/** Archive, copies, inactive clients and pushes where they meet, and where somebody means no good. */

import assert from "node:assert/strict";
import { sql } from "kysely";
import { online, type TestClient } from "../helpers/client.ts";
import { field, form, MAM, page, query, set } from "../helpers/mam.ts";
import { startServer, type Table, type TestServer, withServer } from "../helpers/server.ts";
import { managed } from "../helpers/sm.ts";
import { StanzaError } from "../../lib/errors.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { messageOffline, sessionSend } from "../../lib/hooks/stanzas.ts";
import { parseJid } from "../../lib/jid.ts";
import { result } from "../../lib/module.ts";
import { makeService } from "../../lib/module_service.ts";
import { message } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";

const CARBONS = "urn:xmpp:carbons:2";
const CSI = "urn:xmpp:csi:0";
const PUSH = "urn:xmpp:push:0";
const PUBSUB = "http://jabber.org/protocol/pubsub";
const RETRACT = "urn:xmpp:message-retract:1";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function test(
  name: string,
  modules: Table,
  transcript: (server: TestServer) => Promise<void>,
): void {
  Deno.test(name, () => withServer({ modules }, {}, transcript));
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 800; i++) {
    if (await holds()) return;
    await pause(5);
  }
  assert.fail(`never: ${what}`);
}

const chat = (to: string, body: string) =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`;

async function copies(client: TestClient): Promise<void> {
  await client.request(
    `<iq type='set' id='c'><enable xmlns='${CARBONS}'/></iq>`,
    "<iq type='result' id='c'/>",
  );
}

/** Inactive from now on. */
async function asleep(server: TestServer, client: TestClient): Promise<void> {
  await client.sync();
  client.send(`<inactive xmlns='${CSI}'/>`);
  const session = server.host().session(parseJid(client.jid)!)!;
  await until("it is inactive", () => session.gate !== undefined);
}

async function gone(server: TestServer, client: TestClient): Promise<void> {
  const jid = parseJid(client.jid)!;
  await client.close();
  await until("it is gone", () => server.host().session(jid) === undefined);
}

/** An app server; what it was told. */
function appServer(server: TestServer, answer: () => ReturnType<typeof result> = () => result()) {
  const told: Element[] = [];
  makeService(server.host(), "test", "push", "An app server").handle.iq.set(
    PUBSUB,
    "pubsub",
    (_iq, pubsub) => {
      told.push(pubsub);
      return answer();
    },
  );
  return told;
}

const enable = (node: string) =>
  `<iq type='set' id='e'><enable xmlns='${PUSH}' jid='push.localhost' node='${node}'/></iq>`;

function missed(push: Element): string | undefined {
  return push.child("publish")?.child("item")?.child("notification", PUSH)
    ?.child("x", "jabber:x:data")?.elements("field")
    .find((f) => f.attrs.var === "message-count")?.childText("value");
}

// ---- archives ----

test("ids of another archive, and words that are no words, get nowhere", {}, async (server) => {
  const alice = await online(server, "alice");
  const bob = await online(server, "bob");
  const carol = await online(server, "carol");
  bob.send(chat("carol@localhost", "for carol alone"));
  alice.send(chat("bob@localhost", "hello"));
  await bob.sync();
  const { ids: [hers] } = await page(carolReady(carol));
  const attempts = [
    form(field("ids", hers!)),
    form(field("after-id", hers!)),
    form(field("before-id", hers!)),
    set(`<after>${hers}</after>`),
    set(`<before>${hers}</before>`),
    set("<after/>"),
    set("<after>' or 1=1 --</after>"),
  ];
  for (const attempt of attempts) {
    alice.skip();
    await alice.request(
      query(attempt),
      `<iq type='error' id='q'><error><item-not-found xmlns='${STANZAS}'/></error></iq>`,
    );
  }
  for (
    const words of ['alone" OR archive01', "archive01 OR archive02", "alone*", "words:alone", '^ "']
  ) {
    alice.skip();
    const text = words.replaceAll('"', "&quot;");
    const { bodies } = await page(alice, form(field("{urn:xmpp:fulltext:0}fulltext", text)));
    assert.deepEqual(bodies, [], words);
  }
  for (const to of ["carol@localhost", "Carol@LOCALHOST", "localhost"]) {
    alice.skip();
    await alice.request(
      query().replace("<iq ", `<iq to='${to}' `),
      "<iq type='error' id='q'/>",
    );
  }
});

function carolReady(client: TestClient): TestClient {
  client.skip();
  return client;
}

test("two devices that ask at once both see what has just come", {}, async (server) => {
  const phone = await online(server, "alice", { resource: "phone" });
  const desk = await online(server, "alice", { resource: "desk" });
  await phone.sync();
  phone.skip();
  const bob = await online(server, "bob");
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 5; i++) {
      bob.send(
        "<message to='alice@localhost/nowhere' type='chat'><body>x</body>" +
          "<no-copy xmlns='urn:xmpp:hints'/></message>",
      );
    }
    await bob.sync();
    for (const client of [phone, desk]) {
      await client.sync();
      client.skip();
    }
    const last = set("<max>5</max>", "<before/>");
    const [one, two] = await Promise.all([page(phone, last), page(desk, last)]);
    assert.deepEqual(one.ids, two.ids);
    const { count } = await page(phone, set("<max>0</max>"));
    assert.equal(count, String(5 * (round + 1)));
  }
});

test(
  "in a room only the author retracts what was said in private (XEP-0424)",
  {},
  async (server) => {
    const bob = await online(server, "bob");
    makeService(server.host(), "test", "rooms", "Rooms");
    const room = (nick: string, id: string, ...children: Element[]) =>
      server.inner.router.route(message(
        {
          type: "chat",
          id,
          from: parseJid(`room@rooms.localhost/${nick}`)!,
          to: parseJid("bob@localhost")!,
        },
        xml("x", "http://jabber.org/protocol/muc#user"),
        ...children,
      ));
    await room("alice", "m1", xml("body", "jabber:client", {}, "the plan"));
    await room("mallory", "m2", xml("retract", RETRACT, { id: "m1" }));
    await bob.sync();
    bob.skip();
    await pause(100);
    assert.deepEqual((await page(bob)).bodies, ["the plan", ""]);
    await room("alice", "m3", xml("retract", RETRACT, { id: "m1" }));
    await bob.sync();
    bob.skip();
    await until("it is retracted", async () => (await page(bob)).bodies[0] === "");
  },
);

Deno.test("a stop in good order loses nothing that somebody has got", async () => {
  const server = await startServer();
  try {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    for (let i = 0; i < 700; i++) alice.send(chat(bob.jid, String(i)));
    await until("some have come", () => bob.pending > 20);
    await server.inner.stop();
    let got = 0;
    try {
      while (bob.pending > 0) if ((await bob.next()).child("body") !== undefined) got++;
    } catch {
      // The end of the stream.
    }
    await withServer({}, { copyOf: server.data }, async (next) => {
      const kept = await sql<{ owner: string; n: number }>`select o.owner, count(*) as n
        from archive a join archive_owners o on o.id = a.owner group by o.owner
        order by o.owner`.execute(next.inner.store.db);
      assert(got > 20);
      assert.equal(kept.rows.length, 2);
      for (const row of kept.rows) assert(row.n >= got, `${row.n} of ${got}`);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("messages pass while nothing can be archived", () =>
  withServer({}, { mayLogErrors: true }, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await sql`drop table archive`.execute(server.inner.store.db);
    alice.send(chat(bob.jid, "1"));
    await bob.receives("<message><body>1</body></message>");
    await alice.request(
      `<iq type='set' id='q'><query xmlns='${MAM}'/></iq>`,
      "<iq type='error' id='q'/>",
    );
    alice.send(chat(bob.jid, "2"));
    await bob.receives("<message><body>2</body></message>");
  }));

// ---- copies and inactive clients ----

test(
  "copies count with what is in them, for what an inactive client may have waiting",
  { csi: { queue_bytes: "64 KiB" } },
  async (server) => {
    const phone = await online(server, "alice", { resource: "phone" });
    const desk = await online(server, "alice", { resource: "desk" });
    await copies(phone);
    const bob = await online(server, "bob");
    await asleep(server, phone);
    phone.skip();
    const large = "x".repeat(20_000);
    for (let i = 0; i < 3; i++) {
      bob.send(
        `<message to='${desk.jid}' type='chat'><received xmlns='urn:xmpp:receipts' id='${i}'/>` +
          `<x xmlns='urn:x'>${large}</x></message>`,
      );
    }
    await bob.sync();
    assert.equal(phone.pending, 0);
    bob.send(
      `<message to='${desk.jid}' type='chat'><received xmlns='urn:xmpp:receipts' id='3'/>` +
        `<x xmlns='urn:x'>${large}</x></message>`,
    );
    for (let i = 0; i < 4; i++) await phone.eventually(`<message type='chat'/>`);
  },
);

test("a filter that refuses a copy refuses the copy alone", {}, async (server) => {
  const phone = await online(server, "alice", { resource: "phone" });
  const desk = await online(server, "alice", { resource: "desk" });
  const bob = await online(server, "bob");
  await copies(phone);
  for (const client of [phone, desk, bob]) {
    await client.sync();
    client.skip();
  }
  for (const later of [false, true]) {
    const remove = server.host().hooks.add(sessionSend, "test", (stanza, session) => {
      if (session.jid.resource !== "phone" || stanza.name !== "message") return;
      const refusal = new StanzaError("forbidden");
      if (later) return Promise.reject(refusal);
      throw refusal;
    });
    desk.send(chat(bob.jid, "1"));
    await bob.receives("<message><body>1</body></message>");
    bob.send(chat(desk.jid, "2"));
    await desk.receives("<message><body>2</body></message>");
    await desk.receivesNothing();
    await bob.receivesNothing();
    await phone.receivesNothing();
    remove();
  }
});

// ---- the hot path ----

test("with all of it on, a message makes nobody wait", {}, async (server) => {
  appServer(server);
  const alice = await online(server, "alice", { resource: "desk" });
  await copies(await online(server, "alice", { resource: "other" }));
  const bob = await online(server, "bob", { resource: "desk" });
  await copies(bob);
  const phone = await online(server, "bob", { resource: "phone" });
  await copies(phone);
  await phone.request(enable("n"), "<iq type='result' id='e'/>");
  await asleep(server, phone);
  alice.send(chat(bob.jid, "to warm up"));
  await alice.sync();
  const session = server.host().session(parseJid(alice.jid)!)!;
  let waits = 0;
  for (let i = 0; i < 100; i++) {
    const to = i % 2 === 0 ? bob.jid : "bob@localhost";
    const stanza = message({ type: "chat" }, xml("body", "jabber:client", {}, String(i)));
    stanza.attrs.to = to;
    if (server.inner.router.fromClient(session, stanza) instanceof Promise) waits++;
  }
  assert.equal(waits, 0);
  for (let i = 0; i < 100; i++) {
    await bob.eventually(`<message><body>${i}</body></message>`);
  }
});

// ---- pushes ----

test(
  "devices that enable at the same moment are all told, and are not too many",
  { push: { registrations: 5 } },
  async (server) => {
    const told = appServer(server);
    const devices = [];
    for (let i = 0; i < 8; i++) {
      devices.push(await online(server, "alice", { resource: `r${i}` }));
    }
    for (const device of devices) await device.sync();
    for (const [i, device] of devices.entries()) {
      device.skip();
      device.send(enable(`n${i}`));
    }
    let taken = 0;
    for (const device of devices) {
      await device.eventually("<iq id='e'/>");
      if (device.last.attrs.type === "result") taken++;
    }
    assert.equal(taken, 5);
    for (const device of devices) await gone(server, device);
    const bob = await online(server, "bob");
    bob.send(chat("alice@localhost", "hello"));
    await bob.sync();
    await until("all are told", () => told.length >= 5);
    await pause(20);
    assert.equal(told.length, 5);
  },
);

test(
  "a message is told of once, though its session hibernates first and ends then",
  { push: { interval: "1s" }, stream_management: { resume_timeout: "2s" } },
  async (server) => {
    const told = appServer(server);
    const { client: phone } = await managed(server, "alice", { resource: "phone" });
    await phone.request(enable("n"), "<iq type='result' id='e'/>");
    const session = server.host().session(parseJid(phone.jid)!)!;
    const bob = await online(server, "bob");
    phone.cut();
    await until("it hibernates", () => session.stream === undefined);
    bob.send(chat("alice@localhost", "hello"));
    await until("it is told", () => told.length > 0);
    await until("it is over", () => !session.bound);
    await pause(100);
    assert.deepEqual(told.map(missed), ["1"]);
    bob.send(chat("alice@localhost", "hello again"));
    await until("it is told again", () => told.length > 1);
    assert.deepEqual(told.map(missed), ["1", "2"]);
  },
);

test(
  "nothing is pushed for an account that is gone, although it was forgotten before",
  { push: { remembered: 100, retry: "1s" } },
  async (server) => {
    const told = appServer(server, () => {
      throw new StanzaError("resource-constraint");
    });
    const phone = await online(server, "alice", { resource: "phone" });
    await phone.request(enable("n"), "<iq type='result' id='e'/>");
    await gone(server, phone);
    for (let i = 0; i < 120; i++) await server.addUser(`u${i}@localhost`, "secret");
    const bob = await online(server, "bob");
    bob.send(chat("alice@localhost", "hello"));
    await until("it is told", () => told.length > 0);
    for (let i = 0; i < 120; i++) bob.send(chat(`u${i}@localhost`, "hello"));
    await bob.sync();
    await server.host().hooks.ask(deleteAccount, parseJid("alice@localhost")!);
    await pause(1300);
    assert.equal(told.length, 1);
  },
);

test("who needs no answer is no reason for a push", {}, async (server) => {
  const told = appServer(server);
  const phone = await online(server, "alice", { resource: "phone" });
  await phone.request(enable("n"), "<iq type='result' id='e'/>");
  const bob = await online(server, "bob");
  await bob.request("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "<iq id='r'/>");
  phone.send("<presence type='subscribed' to='bob@localhost'/>");
  await phone.sync();
  await gone(server, phone);
  const ask = "<presence type='subscribe' to='alice@localhost'/>";
  // Approved in advance, and then a contact already.
  bob.send(ask);
  await bob.eventually(
    "<iq type='set'><query xmlns='jabber:iq:roster'>" +
      "<item jid='alice@localhost' subscription='to'/></query></iq>",
  );
  bob.send(ask);
  await bob.sync();
  await pause(50);
  assert.equal(told.length, 0);
});

test("an account, or the server, for an app server: no loop, and no harm", {
  push: { interval: "1s", retry: "1s", failures: 2, from: "account" },
}, async (server) => {
  const phone = await online(server, "alice", { resource: "phone" });
  for (
    const jid of [
      "alice@localhost",
      "alice@localhost/phone",
      "bob@localhost",
      "localhost",
      "pubsub.localhost",
    ]
  ) {
    await phone.request(
      `<iq type='set' id='e'><enable xmlns='${PUSH}' jid='${jid}' node='urn:xmpp:bookmarks:1'/></iq>`,
      "<iq type='result' id='e'/>",
    );
  }
  await gone(server, phone);
  const bob = await online(server, "bob");
  let routed = 0;
  server.host().hooks.add(messageOffline, "test", () => void routed++, { priority: 2000 });
  bob.send(chat("alice@localhost", "hello"));
  await bob.sync();
  await pause(1500);
  assert.equal(routed, 1);
  await bob.receivesNothing();
});
