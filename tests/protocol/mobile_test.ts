/**
 * Two devices of one account, one of which sleeps: carbons (XEP-0280), client state (XEP-0352) and
 * stream management (XEP-0198) together, also asked for while binding (XEP-0386).
 */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import { BIND2, PHONE, plain, secured, succeeds, userAgent } from "../helpers/sasl2.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { managed, resumed } from "../helpers/sm.ts";
import { StreamError } from "../../lib/errors.ts";
import { type Frozen, sessionFreeze, sessionThaw } from "../../lib/hooks/streams.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Session } from "../../lib/session.ts";

const CARBONS = "urn:xmpp:carbons:2";
const CSI = "urn:xmpp:csi:0";
const STATES = "http://jabber.org/protocol/chatstates";
const ENABLE = `<iq type='set' id='c'><enable xmlns='${CARBONS}'/></iq>`;

function test(name: string, transcript: (server: TestServer) => Promise<void>): void {
  Deno.test(name, () => withServer({}, {}, transcript));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert(holds(), what);
}

function sessionOf(server: TestServer, client: TestClient): Session {
  return server.host().session(parseJid(client.jid)!)!;
}

const receipt = (to: string, id: string) =>
  `<message to='${to}'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`;
const chat = (to: string, body: string) =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`;
const copy = (direction: string, inner: string) =>
  `<message from='juliet@localhost'><${direction} xmlns='${CARBONS}'>` +
  `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>${inner}</message>` +
  `</forwarded></${direction}></message>`;

test("a phone that hibernates finds both sides of the conversation when it resumes", async (server) => {
  const { client: phone, id } = await managed(server, "juliet", { resource: "phone" });
  await phone.request(ENABLE, "<iq type='result' id='c'/>");
  const desk = await online(server, "juliet", { resource: "desk" });
  await phone.eventually("<presence from='juliet@localhost/desk'/>");
  await phone.sync();
  const romeo = await online(server, "romeo");
  const session = sessionOf(server, phone);
  phone.cut();
  await until("it hibernates", () => session.stream === undefined);

  romeo.send(chat(desk.jid, "his"));
  await desk.eventually("<message><body>his</body></message>");
  desk.send(chat(romeo.jid, "hers"));
  await romeo.receives("<message><body>hers</body></message>");

  const { client: again } = await resumed(server, "juliet", id, 0);
  await again.eventually(copy("received", "<body>his</body>"));
  await again.receives(copy("sent", "<body>hers</body>"));
  // It still gets copies.
  again.jid = phone.jid;
  romeo.send(chat(desk.jid, "more"));
  await again.eventually(copy("received", "<body>more</body>"));
});

test("what is held for an inactive phone is not lost with its stream", async (server) => {
  const { client: phone, id } = await managed(server, "juliet", { resource: "phone" });
  const romeo = await online(server, "romeo", { resource: "garden" });
  await phone.sync();
  phone.send(`<inactive xmlns='${CSI}'/>`);
  const session = sessionOf(server, phone);
  await until("it is inactive", () => session.gate !== undefined);
  romeo.send(
    receipt(phone.jid, "1") +
      `<message to='${phone.jid}' type='chat'><composing xmlns='${STATES}'/></message>` +
      receipt(phone.jid, "2"),
  );
  await romeo.sync();
  phone.cut();
  await until("it hibernates", () => session.stream === undefined);
  // §5.2: from now on it counts as active.
  assert.equal(session.gate, undefined);
  romeo.send(receipt(phone.jid, "3"));
  await romeo.sync();

  const { client: again } = await resumed(server, "juliet", id, 0);
  await again.eventually("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await again.receives(`<message><composing xmlns='${STATES}'/></message>`);
  await again.receives("<message><received xmlns='urn:xmpp:receipts' id='2'/></message>");
  await again.receives("<message><received xmlns='urn:xmpp:receipts' id='3'/></message>");
  again.jid = phone.jid;
  romeo.send(receipt(phone.jid, "4"));
  await again.eventually("<message><received xmlns='urn:xmpp:receipts' id='4'/></message>");
});

test("a message copied to another device is not kept when the first never resumes", async (server) => {
  const { client: phone } = await managed(server, "juliet", { resource: "phone" });
  const desk = await online(server, "juliet", { resource: "desk" });
  await desk.request(ENABLE, "<iq type='result' id='c'/>");
  await desk.sync();
  desk.skip();
  const romeo = await online(server, "romeo");
  const session = sessionOf(server, phone);
  phone.cut();
  await until("it hibernates", () => session.stream === undefined);
  romeo.send(chat(phone.jid, "once"));
  await desk.receives(copy("received", "<body>once</body>"));
  session.end(new StreamError("reset"));
  await until("it is over", () => !session.bound);
  await romeo.receivesNothing();
  await desk.receives("<presence type='unavailable' from='juliet@localhost/phone'/>");
  await desk.receivesNothing();
});

test("both are asked for while binding (XEP-0386)", async (server) => {
  await server.addUser("juliet@localhost", "secret");
  const romeo = await online(server, "romeo");
  const phone = await secured(server);
  const offered = phone.last.child("authentication")!.child("inline")!.child("bind")!
    .child("inline")!.elements().map((f) => f.attrs.var);
  assert(offered.includes(CARBONS) && offered.includes(CSI), offered.join());
  const bind = `<bind xmlns='${BIND2}'><tag>phone</tag><enable xmlns='${CARBONS}'/>` +
    `<inactive xmlns='${CSI}'/></bind>`;
  phone.send(plain("juliet", "secret", userAgent(PHONE) + bind));
  await succeeds(phone, `<bound xmlns='${BIND2}'/>`);
  const [session] = server.host().account(parseJid("juliet@localhost")!)!.sessions;
  assert(session!.gate !== undefined);
  const state: Frozen = {};
  await server.host().hooks.filter(sessionFreeze, state, session!);
  assert.equal(state.carbons, true);

  const desk = await online(server, "juliet", { resource: "desk", password: "secret" });
  romeo.send(receipt(desk.jid, "1") + chat(desk.jid, "Hi"));
  await desk.eventually("<message><body>Hi</body></message>");
  await phone.eventually(copy("received", "<received xmlns='urn:xmpp:receipts' id='1'/>"));
  await phone.receives(copy("received", "<body>Hi</body>"));
});

test("that a client wants copies is kept with a session, and only that", async (server) => {
  const phone = await online(server, "juliet", { resource: "phone" });
  const desk = await online(server, "juliet", { resource: "desk" });
  const { hooks } = server.host();
  const frozen = async (client: TestClient) => {
    const state: Frozen = {};
    await hooks.filter(sessionFreeze, state, sessionOf(server, client));
    return state.carbons;
  };
  assert.equal(await frozen(phone), undefined);
  await hooks.tell(sessionThaw, sessionOf(server, phone), { carbons: true });
  assert.equal(await frozen(phone), true);
  await phone.sync();
  phone.skip();
  const romeo = await online(server, "romeo");
  romeo.send(chat(desk.jid, "Hi"));
  await phone.receives(copy("received", "<body>Hi</body>"));
});

test("XEP-0319: since when a contact is idle is passed on, and survives the hold", async (server) => {
  const phone = await online(server, "juliet", { resource: "phone" });
  const romeo = await online(server, "romeo", { resource: "garden" });
  const idle = (since: string) =>
    `<presence to='${phone.jid}'><show>away</show><idle xmlns='urn:xmpp:idle:1' since='${since}'/></presence>`;
  romeo.send(idle("2026-11-21T06:00:00Z"));
  await phone.receives(
    "<presence><idle xmlns='urn:xmpp:idle:1' since='2026-11-21T06:00:00Z'/></presence>",
  );
  phone.send(`<inactive xmlns='${CSI}'/>`);
  await until("it is inactive", () => sessionOf(server, phone).gate !== undefined);
  romeo.send(idle("2026-11-21T06:30:00Z") + idle("2026-11-21T07:00:00Z"));
  await romeo.sync();
  phone.send(`<active xmlns='${CSI}'/>`);
  await phone.receives(
    "<presence><idle xmlns='urn:xmpp:idle:1' since='2026-11-21T07:00:00Z'/></presence>",
  );
  await phone.receivesNothing();
});
