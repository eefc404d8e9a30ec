/** XEP-0352: Client State Indication. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { parseJid } from "../../lib/jid.ts";

const CSI = "urn:xmpp:csi:0";
const STATES = "http://jabber.org/protocol/chatstates";
const INACTIVE = `<inactive xmlns='${CSI}'/>`;
const ACTIVE = `<active xmlns='${CSI}'/>`;

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  csi: Table = {},
): void {
  Deno.test(name, () => withServer({ modules: { csi } }, {}, transcript));
}

/** Answers to pings would open the gate: a message to nobody in particular must do. */
async function sleeping(server: TestServer, name = "juliet"): Promise<TestClient> {
  const client = await online(server, name, { resource: "phone" });
  client.send(INACTIVE);
  const session = server.host().session(parseJid(client.jid)!)!;
  for (let i = 0; i < 200 && session.gate === undefined; i++) await pause(2);
  assert(session.gate !== undefined);
  return client;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Sends, and waits until the server is done with it. */
async function sends(from: TestClient, ...stanzas: string[]): Promise<void> {
  from.send(stanzas.join(""));
  await from.sync();
}

/**
 * The same, and nothing comes to the sleeping client. It is not asked by a ping, whose answer would
 * bring along all that is held.
 */
async function unheard(phone: TestClient, from: TestClient, ...stanzas: string[]): Promise<void> {
  const before = phone.transcript.length;
  await sends(from, ...stanzas);
  await pause(20);
  assert.deepEqual(phone.transcript.slice(before), []);
}

const state = (to: string, name: string) =>
  `<message to='${to}' type='chat'><${name} xmlns='${STATES}'/></message>`;
const receipt = (to: string, id: string) =>
  `<message to='${to}'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`;
const chat = (to: string, body: string) =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`;

test("§4.1: it is offered to who has logged in", async (server) => {
  const juliet = await login(server, "juliet");
  assert(juliet.jid !== "");
  const other = await login(server, "juliet", { tls: "direct" });
  assert(other.jid !== "");
  juliet.send(`<unknown xmlns='${CSI}'/>`);
  await juliet.streamError("unsupported-stanza-type");
});

test("what nobody waits for is held, and comes with what somebody does", async (server) => {
  const romeo = await online(server, "romeo", { resource: "garden" });
  const phone = await sleeping(server);
  await unheard(
    phone,
    romeo,
    `<presence to='${phone.jid}'><show>away</show></presence>`,
    state(phone.jid, "composing"),
    receipt(phone.jid, "1"),
    state(phone.jid, "paused"),
    `<presence to='${phone.jid}'><show>dnd</show></presence>`,
    receipt(phone.jid, "2"),
    state(phone.jid, "composing"),
  );
  await sends(romeo, chat(phone.jid, "Hi"));
  // Of presence and chat states the last; all before the message that they came before.
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await phone.receives("<presence from='romeo@localhost/garden'><show>dnd</show></presence>");
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='2'/></message>");
  await phone.receives(`<message><composing xmlns='${STATES}'/></message>`);
  await phone.receives("<message><body>Hi</body></message>");
  await phone.receivesNothing();
});

test("who came and went is gone", async (server) => {
  const romeo = await online(server, "romeo", { resource: "garden" });
  const phone = await sleeping(server);
  await sends(
    romeo,
    `<presence to='${phone.jid}'/>`,
    `<presence to='${phone.jid}' type='unavailable'/>`,
    state(phone.jid, "active"),
  );
  phone.send(ACTIVE);
  await phone.receives("<presence type='unavailable' from='romeo@localhost/garden'/>");
  await phone.receives(`<message><active xmlns='${STATES}'/></message>`);
  await sends(romeo, state(phone.jid, "composing"));
  await phone.receives(`<message><composing xmlns='${STATES}'/></message>`);
});

test("§5.1: active, then a ping: what was held comes before the pong", async (server) => {
  const romeo = await online(server, "romeo", { resource: "garden" });
  const phone = await sleeping(server);
  await sends(romeo, receipt(phone.jid, "1"));
  phone.send(`${ACTIVE}<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await phone.receives("<iq type='result' id='p'/>");
});

test("what is to be answered waits for nothing", async (server) => {
  const romeo = await online(server, "romeo", { resource: "garden" });
  const phone = await sleeping(server);
  await sends(
    romeo,
    receipt(phone.jid, "1"),
    `<presence to='juliet@localhost' type='subscribe'/>`,
  );
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await phone.receives("<presence type='subscribe' from='romeo@localhost'/>");
  for (
    const urgent of [
      "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>",
      "<x xmlns='jabber:x:conference' jid='a@b.example'/>",
    ]
  ) {
    await sends(romeo, `<message to='${phone.jid}' type='chat'>${urgent}</message>`);
    await phone.receives(`<message>${urgent}</message>`);
  }
  // Its own presence in a room ends its entering: others' do not matter.
  const seen = (code: string) =>
    `<presence to='${phone.jid}'><x xmlns='http://jabber.org/protocol/muc#user'>` +
    `<status code='${code}'/></x></presence>`;
  await unheard(phone, romeo, seen("170"));
  await sends(romeo, seen("110"));
  await phone.receives("<presence/>");
});

test("with one more than the queue takes, all is sent", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  await unheard(phone, romeo, ...[1, 2, 3].map((i) => receipt(phone.jid, String(i))));
  await sends(romeo, receipt(phone.jid, "4"));
  for (const id of [1, 2, 3, 4]) {
    await phone.receives(`<message><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`);
  }
  await unheard(phone, romeo, receipt(phone.jid, "5"));
}, { queue: 3 });

test("so it is when it becomes too large", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  const large = (id: string) =>
    `<message to='${phone.jid}'><received xmlns='urn:xmpp:receipts' id='${id}'>${
      "x".repeat(300)
    }</received></message>`;
  await unheard(phone, romeo, large("1"), large("2"));
  await sends(romeo, large("3"));
  for (const id of [1, 2, 3]) {
    await phone.receives(`<message><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`);
  }
}, { queue_bytes: "1 KiB" });

test("nothing is held for longer than it may", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  await sends(romeo, receipt(phone.jid, "1"));
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await sends(romeo, receipt(phone.jid, "2"));
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='2'/></message>");
}, { hold: "1s" });

test("a copy of what was sent elsewhere is no reason to wake up", async (server) => {
  const phone = await online(server, "juliet", { resource: "phone" });
  await phone.request(
    "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
    "<iq type='result' id='c'/>",
  );
  const desk = await online(server, "juliet", { resource: "desk" });
  const romeo = await online(server, "romeo", { resource: "garden" });
  await phone.sync();
  phone.skip();
  phone.send(INACTIVE);
  const session = server.host().session(parseJid(phone.jid)!)!;
  while (session.gate === undefined) await pause(2);
  await unheard(
    phone,
    desk,
    state(romeo.jid, "composing"),
    state(romeo.jid, "paused"),
    chat(romeo.jid, "mine"),
  );
  await sends(romeo, chat(desk.jid, "his"));
  const copy = (direction: string, inner: string) =>
    `<message><${direction} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>` +
    `<message xmlns='jabber:client'>${inner}</message></forwarded></${direction}></message>`;
  await phone.receives(copy("sent", `<paused xmlns='${STATES}'/>`));
  await phone.receives(copy("sent", "<body>mine</body>"));
  await phone.receives(copy("received", "<body>his</body>"));
  await phone.receivesNothing();
});

test("a client that dies leaves what it has not got for the next", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  await sends(romeo, receipt(phone.jid, "1"), state(phone.jid, "composing"));
  phone.cut();
  while (server.host().account(parseJid("juliet@localhost")!) !== undefined) await pause(2);
  await romeo.receivesNothing();
  const again = await login(server, "juliet", { resource: "other" });
  again.send("<presence/>");
  await again.eventually("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
});

test("one that takes its leave gets it first", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  await sends(romeo, receipt(phone.jid, "1"));
  phone.write("</stream:stream>");
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await phone.ends();
});

test("switching all the time loses nothing", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  for (let i = 0; i < 100; i++) {
    romeo.send(receipt(phone.jid, String(i)));
    phone.send((INACTIVE + ACTIVE).repeat(20) + INACTIVE);
    if (i % 10 === 0) await romeo.sync();
  }
  await romeo.sync();
  phone.send(ACTIVE);
  await phone.sync();
  for (let i = 0; i < 100; i++) {
    await phone.receives(`<message><received xmlns='urn:xmpp:receipts' id='${i}'/></message>`);
  }
  await phone.receivesNothing();
});

test("when the module goes, everybody is active", async (server) => {
  const romeo = await online(server, "romeo");
  const phone = await sleeping(server);
  await sends(romeo, receipt(phone.jid, "1"));
  await server.inner.unloadModule(server.host(), "csi");
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await sends(romeo, receipt(phone.jid, "2"));
  await phone.receives("<message><received xmlns='urn:xmpp:receipts' id='2'/></message>");
});
