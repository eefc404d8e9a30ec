/**
 * How often a client must wait for the server until it is online with stream management: as RFC 6120
 * has it, and in one flight by XEP-0388, XEP-0386, XEP-0484 and XEP-0198 §9.
 */

import assert from "node:assert/strict";
import { connect, online, type TestClient } from "../helpers/client.ts";
import { authenticate as authenticate1 } from "../helpers/sasl.ts";
import {
  BIND2,
  byToken,
  FAST,
  PHONE,
  plain,
  SASL2,
  secured,
  succeeds,
  userAgent,
} from "../helpers/sasl2.ts";
import { type TestServer, withServer } from "../helpers/server.ts";

const modules = [
  "auth",
  "ping",
  "presence",
  "roster",
  "sasl2",
  "bind2",
  "fast",
  "client_access",
  "stream_management",
];
const SM = "urn:xmpp:sm:3";
const ENABLE = `<enable xmlns='${SM}' resume='true'/>`;

/** Times that the client has waited for the server: changes from what it says to what it hears. */
function rounds(client: TestClient, from: number): number {
  const sides = client.transcript.slice(from).map((line) => line[0]);
  return sides.filter((side, i) => side === "S" && sides[i - 1] === "C").length;
}

async function token(server: TestServer): Promise<string> {
  const client = await secured(server);
  client.send(
    plain(
      "alice",
      "secret",
      userAgent(PHONE) + `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`,
    ),
  );
  const success = await succeeds(client);
  await client.close();
  return success.child("token")!.attrs.token!;
}

function test(name: string, transcript: (server: TestServer) => Promise<void>): void {
  Deno.test(name, () =>
    withServer({}, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await transcript(server);
    }));
}

test("RFC 6120 with XEP-0198: six round trips", async (server) => {
  const client = await connect(server, { tls: "direct" });
  const begin = client.transcript.length;
  await client.open();
  await authenticate1(client, "alice", "secret", "SCRAM-SHA-256");
  await client.open();
  await client.bind();
  client.write(`${ENABLE}<presence/>`);
  await client.receives(`<enabled xmlns='${SM}'/>`);
  assert.equal(rounds(client, begin), 6);
});

test("a returning client: one, and its presence is in it", async (server) => {
  const known = await token(server);
  const client = await connect(server, { tls: "direct" });
  const begin = client.transcript.length;
  client.sendHeader({ from: "alice@localhost" });
  client.write(
    byToken("alice", known, userAgent(PHONE) + `<bind xmlns='${BIND2}'>${ENABLE}</bind>`) +
      "<presence/>",
  );
  await client.header();
  await client.features();
  await succeeds(client, `<bound xmlns='${BIND2}'><enabled xmlns='${SM}' resume='true'/></bound>`);
  await client.eventually(`<presence from='${client.jid}'/>`);
  assert.equal(rounds(client, begin), 1);
});

test("one that resumes: one, and what it has missed is in it", async (server) => {
  const known = await token(server);
  const first = await secured(server);
  const more = userAgent(PHONE) + `<bind xmlns='${BIND2}'>${ENABLE}</bind>`;
  first.send(byToken("alice", known, more));
  const id = (await succeeds(first)).child("bound")!.child("enabled")!.attrs.id!;
  const { jid } = first;
  first.cut();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const bob = await secured(server);
  await server.addUser("bob@localhost", "other");
  bob.send(plain("bob", "other", `<bind xmlns='${BIND2}'/>`));
  await succeeds(bob);
  bob.send(`<message to='${jid}' type='chat' id='missed'><body>missed</body></message>`);
  await bob.sync();

  const client = await connect(server, { tls: "direct" });
  const begin = client.transcript.length;
  client.sendHeader({ from: "alice@localhost" });
  const resume = `<resume xmlns='${SM}' previd='${id}' h='0'/>`;
  client.write(
    byToken("alice", known, more + resume) +
      `<message to='${bob.jid}' type='chat'><body>back</body></message>`,
  );
  await client.header();
  await client.features();
  await client.receives(
    `<success xmlns='${SASL2}'><authorization-identifier>${jid}</authorization-identifier>` +
      `<resumed xmlns='${SM}' previd='${id}'/><bound xmlns='${BIND2}'>{absent}</bound></success>`,
  );
  client.jid = jid;
  // No features after a resumption: what was missed comes at once.
  await client.receives("<message id='missed'/>");
  await bob.receives(`<message from='${jid}'><body>back</body></message>`);
  assert.equal(rounds(client, begin), 1);
});

test("a session that cannot be resumed is bound anew in the same step", async (server) => {
  const known = await token(server);
  const client = await secured(server);
  const resume = `<resume xmlns='${SM}' previd='nothing' h='0'/>`;
  const more = userAgent(PHONE) + `<bind xmlns='${BIND2}'>${ENABLE}</bind>${resume}`;
  client.send(byToken("alice", known, more));
  await succeeds(
    client,
    `<failed xmlns='${SM}'/><bound xmlns='${BIND2}'><enabled xmlns='${SM}'/></bound>`,
  );
  await client.sync();
});

test("a client that comes again without resuming ends what it had left behind", async (server) => {
  const known = await token(server);
  const more = userAgent(PHONE) + `<bind xmlns='${BIND2}'>${ENABLE}</bind>`;
  const first = await secured(server);
  first.send(byToken("alice", known, more));
  await succeeds(first);
  first.cut();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const again = await secured(server);
  again.send(byToken("alice", known, more));
  await succeeds(again);
  assert.equal(again.jid, first.jid);
  assert.equal(server.host().sessions, 1);
});

Deno.test("with all modules: everything that a client begins with, in one flight", () =>
  withServer({}, {}, async (server) => {
    await server.addUser("alice@localhost", "secret");
    const known = await token(server);
    const bob = await online(server, "bob");
    bob.send(
      "<message to='alice@localhost' type='chat' id='away'><body>are you there?</body></message>",
    );
    await bob.sync();
    const first = await secured(server);
    const inline = first.last.child("authentication")!.child("inline")!;
    const names = inline.child("bind")!.child("inline")!.elements().map((f) => f.attrs.var).sort();
    assert.deepEqual(names, ["urn:xmpp:carbons:2", "urn:xmpp:csi:0", SM]);
    assert.ok(inline.child("sm", SM) && inline.child("fast", FAST));

    const client = await connect(server, { tls: "direct" });
    client.sendHeader({ from: "alice@localhost" });
    const features =
      `${ENABLE}<enable xmlns='urn:xmpp:carbons:2'/><inactive xmlns='urn:xmpp:csi:0'/>`;
    client.write(
      byToken("alice", known, userAgent(PHONE) + `<bind xmlns='${BIND2}'>${features}</bind>`) +
        "<presence/><iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
    );
    await client.header();
    await client.features();
    await client.receives(
      `<success xmlns='${SASL2}'><bound xmlns='${BIND2}'><enabled xmlns='${SM}'/>` +
        "<metadata xmlns='urn:xmpp:mam:2'><end id='{id}' timestamp='{time}'/></metadata></bound></success>",
    );
    await client.features();
    await client.eventually("<iq type='result' id='r'/>");
  }));
