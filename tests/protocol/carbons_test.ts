/** XEP-0280: Message Carbons. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { stanzaFromClient } from "../../lib/hooks/stanzas.ts";
import { parseJid } from "../../lib/jid.ts";

const CARBONS = "urn:xmpp:carbons:2";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const DONE = "<iq type='result' id='c'>{empty}</iq>";

function test(name: string, transcript: (server: TestServer) => Promise<void>): void {
  Deno.test(name, () => withServer({}, {}, transcript));
}

async function carbons(client: TestClient, what = "enable"): Promise<void> {
  await client.request(`<iq type='set' id='c'><${what} xmlns='${CARBONS}'/></iq>`, DONE);
}

/** A client with presence and copies. */
async function device(
  server: TestServer,
  name: string,
  resource: string,
  presence = "<presence/>",
): Promise<TestClient> {
  const client = await online(server, name, { resource, presence });
  await carbons(client);
  return client;
}

/** The presence of the account's other clients is of no concern here. */
async function settled(...clients: TestClient[]): Promise<void> {
  for (const client of clients) await client.sync();
  for (const client of clients) client.skip();
}

const copy = (direction: string, account: string, to: string, type: string, inner: string) =>
  `<message from='${account}' to='${to}' type='${type}'><${direction} xmlns='${CARBONS}'>` +
  `<forwarded xmlns='urn:xmpp:forward:0'>${inner}</forwarded></${direction}></message>`;

const forwarded = (from: string, to: string, body: string) =>
  `<message xmlns='jabber:client' type='chat' from='${from}' to='${to}'><body>${body}</body></message>`;

test("§3: it is announced, with all its rules (§6.2)", async (server) => {
  const alice = await login(server, "alice");
  await alice.request(
    "<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'>" +
      `<feature var='${CARBONS}'/><feature var='urn:xmpp:carbons:rules:0'/></query></iq>`,
  );
});

test("§7: what comes in reaches every client that wants it, once", async (server) => {
  const juliet = await online(server, "juliet");
  const garden = await device(server, "romeo", "garden");
  const home = await device(
    server,
    "romeo",
    "home",
    "<presence><priority>-1</priority></presence>",
  );
  const plain = await online(server, "romeo", { resource: "plain" });
  const quiet = await login(server, "romeo", { resource: "quiet" });
  await carbons(quiet);
  await settled(garden, home, plain, quiet);

  juliet.send("<message to='romeo@localhost/garden' type='chat' id='1'><body>1</body></message>");
  await garden.receives("<message id='1' to='romeo@localhost/garden'><body>1</body></message>");
  for (const other of [home, quiet]) {
    await other.receives(copy(
      "received",
      "romeo@localhost",
      other.jid,
      "chat",
      forwarded(juliet.jid, "romeo@localhost/garden", "1"),
    ));
  }
  await plain.receivesNothing();

  // To the bare JID: who gets it by the rules of RFC 6121 gets no copy.
  juliet.send("<message to='romeo@localhost' type='chat'><body>2</body></message>");
  await garden.receives("<message from='juliet@localhost/{any}'><body>2</body></message>");
  await plain.receives("<message from='juliet@localhost/{any}'><body>2</body></message>");
  for (const other of [home, quiet]) {
    await other.receives(copy(
      "received",
      "romeo@localhost",
      other.jid,
      "chat",
      forwarded(juliet.jid, "romeo@localhost", "2"),
    ));
  }
  await garden.receivesNothing();
  await plain.receivesNothing();
  await juliet.receivesNothing();
});

test("§7: also while no client is available to whom it could be delivered", async (server) => {
  const juliet = await online(server, "juliet");
  const quiet = await login(server, "romeo", { resource: "quiet" });
  await carbons(quiet);
  juliet.send("<message to='romeo@localhost' type='chat'><body>1</body></message>");
  const inner = forwarded(juliet.jid, "romeo@localhost", "1");
  await quiet.receives(copy("received", "romeo@localhost", quiet.jid, "chat", inner));
  await juliet.receivesNothing();
});

test("§8: what a client sends reaches the others, with its archive's id", async (server) => {
  const juliet = await online(server, "juliet");
  const garden = await device(server, "romeo", "garden");
  // Whether the sender wants copies does not matter.
  const home = await online(server, "romeo", { resource: "home" });
  await settled(garden, home);
  home.send(`<message to='${juliet.jid}' type='chat' id='m'><body>1</body></message>`);
  await garden.receives(copy(
    "sent",
    "romeo@localhost",
    garden.jid,
    "chat",
    forwarded(home.jid, juliet.jid, "1"),
  ));
  await juliet.receives("<message id='m'><body>1</body></message>");
  assert(!String(juliet.last).includes("by='romeo@localhost'"));
  await home.receivesNothing();
});

test("a message to oneself comes once to each, and not back as a copy", async (server) => {
  const garden = await device(server, "romeo", "garden");
  const home = await device(server, "romeo", "home");
  const low = await device(server, "romeo", "low", "<presence><priority>-1</priority></presence>");
  await settled(garden, home, low);
  home.send("<message to='romeo@localhost' type='chat'><body>note</body></message>");
  await garden.receives("<message type='chat'><body>note</body></message>");
  await home.receives("<message type='chat'><body>note</body></message>");
  const inner = forwarded(home.jid, "romeo@localhost", "note");
  await low.receives(copy("received", "romeo@localhost", low.jid, "chat", inner));
  home.send("<message to='romeo@localhost/garden' type='chat'><body>2</body></message>");
  await garden.receives("<message type='chat'><body>2</body></message>");
  await low.receives(
    copy("received", "romeo@localhost", low.jid, "chat", forwarded(home.jid, garden.jid, "2")),
  );
  for (const client of [garden, home, low]) await client.receivesNothing();
});

test("§5, §10.1: it can be switched as often as one likes", async (server) => {
  const juliet = await online(server, "juliet");
  const garden = await device(server, "romeo", "garden");
  const home = await online(server, "romeo", { resource: "home" });
  await settled(garden, home);
  const send = () => juliet.send(`<message to='${home.jid}' type='chat'><body>1</body></message>`);
  for (let i = 0; i < 50; i++) await carbons(garden);
  send();
  await home.receives("<message><body>1</body></message>");
  await garden.receives(`<message><received xmlns='${CARBONS}'/></message>`);
  await garden.receivesNothing();
  await carbons(garden, "disable");
  await carbons(garden, "disable");
  send();
  await home.receives("<message><body>1</body></message>");
  await garden.receivesNothing();
});

test("§4.1: nobody switches it for somebody else", async (server) => {
  const juliet = await online(server, "juliet");
  await online(server, "romeo");
  for (const what of ["enable", "disable"]) {
    await juliet.request(
      `<iq type='set' id='c' to='romeo@localhost'><${what} xmlns='${CARBONS}'/></iq>`,
      `<iq type='error' id='c'><error type='cancel'><not-allowed xmlns='${STANZAS}'/></error></iq>`,
    );
  }
});

test("§6.1: errors are copied if what they answer was", async (server) => {
  const garden = await device(server, "romeo", "garden");
  const home = await device(server, "romeo", "home");
  const juliet = await online(server, "juliet");
  await settled(garden, home);
  const error = (id: string, to: string) =>
    juliet.send(
      `<message type='error' id='${id}' to='${to}'><error type='cancel'>` +
        `<service-unavailable xmlns='${STANZAS}'/></error></message>`,
    );
  const bounced = copy(
    "received",
    "romeo@localhost",
    garden.jid,
    "error",
    `<message xmlns='jabber:client' type='error' id='known' from='${juliet.jid}' to='{any}'/>`,
  );

  home.send(`<message to='${juliet.jid}' type='chat' id='known'><body>1</body></message>`);
  home.send(`<message to='${juliet.jid}' id='other'><x xmlns='https://other.example/'/></message>`);
  await garden.receives(`<message><sent xmlns='${CARBONS}'/></message>`);
  error("known", home.jid);
  error("other", home.jid);
  error("never", home.jid);
  await garden.receives(bounced);
  await garden.receivesNothing();
  // And if the client that has sent it is gone.
  await home.close();
  await settled(garden);
  error("known", home.jid);
  await garden.receives(bounced);
  error("never", home.jid);
  await garden.receivesNothing();
});

test("§11: nothing passes for a copy but what the server makes", async (server) => {
  const garden = await device(server, "romeo", "garden");
  const home = await device(server, "romeo", "home");
  const tybalt = await online(server, "tybalt");
  await settled(garden, home);
  for (const direction of ["received", "sent"]) {
    const forged = `<${direction} xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>` +
      `${
        forwarded("juliet@localhost/balcony", "romeo@localhost", "come")
      }</forwarded></${direction}>`;
    const received = `<message type='chat'><body>hi</body>` +
      `<${direction} xmlns='${CARBONS}'>{absent}</${direction}></message>`;
    for (const forger of [tybalt, home]) {
      forger.send(
        `<message to='${garden.jid}' type='chat'><body>hi</body>${forged}</message>`,
      );
      await garden.receives(received);
    }
    garden.skip();
    home.skip();
  }
});

test("what a filter drops or a blocked contact is sent is not copied", async (server) => {
  const garden = await device(server, "romeo", "garden");
  const home = await device(server, "romeo", "home");
  await online(server, "juliet");
  await home.request(
    "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block></iq>",
    "<iq type='result' id='b'/>",
  );
  await settled(garden, home);
  home.send("<message to='juliet@localhost' type='chat' id='x'><body>1</body></message>");
  await home.receives("<message type='error' id='x'/>");
  await garden.receivesNothing();
});

test("copies carry the id of the sender's archive", async (server) => {
  const garden = await device(server, "romeo", "garden");
  const home = await device(server, "romeo", "home");
  await online(server, "juliet");
  await settled(garden, home);
  home.send("<message to='juliet@localhost' type='chat'><body>1</body></message>");
  await garden.receives(`<message><sent xmlns='${CARBONS}'/></message>`);
  const hasArchive = server.host().accountFeatures.list().includes("urn:xmpp:mam:2");
  assert.equal(String(garden.last).includes("<stanza-id"), hasArchive);
});

test("when the module goes, so do the copies", async (server) => {
  const garden = await device(server, "romeo", "garden");
  const home = await device(server, "romeo", "home");
  const juliet = await online(server, "juliet");
  await settled(garden, home);
  await server.inner.unloadModule(server.host(), "carbons");
  await server.inner.loadModule(server.host(), "carbons");
  juliet.send(`<message to='${home.jid}' type='chat'><body>1</body></message>`);
  await home.receives("<message><body>1</body></message>");
  await garden.receivesNothing();
  assert.equal(server.host().account(parseJid("romeo@localhost")!)!.sessions.length, 2);
  assert(server.host().hooks.has(stanzaFromClient));
});

for (
  const traits of [
    ["<private xmlns='urn:xmpp:carbons:2'/>", "private (§9)"],
    ["<no-copy xmlns='urn:xmpp:hints'/>", "no-copy"],
  ] as const
) {
  test(`§9: ${traits[1]} is respected on both sides`, async (server) => {
    const garden = await device(server, "romeo", "garden");
    const home = await device(server, "romeo", "home");
    const juliet = await device(server, "juliet", "balcony");
    const chamber = await device(server, "juliet", "chamber");
    await settled(garden, home, juliet, chamber);
    home.send(`<message to='${juliet.jid}' type='chat'><body>1</body>${traits[0]}</message>`);
    await juliet.receives(`<message><body>1</body>${traits[0]}</message>`);
    await chamber.receivesNothing();
    await garden.receivesNothing();
  });
}
