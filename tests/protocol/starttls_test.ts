/** RFC 6120 §5: STARTTLS, and XEP-0368: TLS from the first byte. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

const modules = ["auth", "ping"];
const STARTTLS = `<starttls xmlns='${NS.tls}'/>`;

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () => withServer(settings, { modules }, transcript));
}

test("§5.4: plaintext, proceed, TLS, a new stream", async (server) => {
  const client = await connect(server);
  await client.open();
  const features = await client.upgrade();
  assert.ok(features.child("mechanisms"));
  assert.ok(["TLSv1.2", "TLSv1.3"].includes(client.tls.getProtocol()!));
});

test("§5.4.3.3: what was pipelined in plain text is discarded", async (server) => {
  await server.addUser("alice@localhost", "secret");
  const injected = [
    "<iq type='get' id='evil'><ping xmlns='urn:xmpp:ping'/></iq>",
    `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>`,
    `<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'><auth xmlns='${NS.sasl}' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>`,
    "<message><body>an element that is not finis",
  ];
  for (const plain of injected) {
    const client = await connect(server);
    await client.open();
    client.write(STARTTLS + plain);
    await client.receives(`<proceed xmlns='${NS.tls}'/>`);
    await client.startTls();
    const features = await client.open();
    assert.ok(features.child("mechanisms"));
    // Nothing of it is answered, and nobody is logged in.
    client.send("<presence/>");
    await client.streamError("not-authorized");
  }
});

test("§5.4.2.2: STARTTLS twice, or with a wrong element, fails and closes the stream", async (server) => {
  const client = await connect(server);
  await client.open();
  await client.upgrade();
  client.send(STARTTLS);
  await client.receives(`<failure xmlns='${NS.tls}'/>`);
  await client.streamEnd();
  await client.closed();

  const other = await connect(server);
  await other.open();
  other.send(`<proceed xmlns='${NS.tls}'/>`);
  await other.receives(`<failure xmlns='${NS.tls}'/>`);
  await other.closed();
});

test("§5.4.2.2: no STARTTLS after a plaintext login", async (server) => {
  const alice = await login(server, "alice", { tls: "none" });
  alice.send(STARTTLS);
  await alice.streamError("unsupported-stanza-type");
}, { c2s: { plaintext_auth: "loopback" } });

test("§5.4.3.2: a handshake that fails ends the connection without a word", async (server) => {
  const client = await connect(server);
  await client.open();
  client.send(STARTTLS);
  await client.receives(`<proceed xmlns='${NS.tls}'/>`);
  client.write("this is no TLS, and never was anything like it");
  await assert.rejects(client.next(), /got the end|not XML/);
});

test("a handshake that does not come is not awaited for ever", async (server) => {
  const client = await connect(server);
  await client.open();
  client.send(STARTTLS);
  await client.receives(`<proceed xmlns='${NS.tls}'/>`);
  await client.ends();
  // In the midst of a handshake nothing can be said.
  assert.doesNotMatch(client.transcript.at(-1)!, /stream:error/);
  const direct = await connect(server, { tls: "silent" });
  await direct.ends();
}, { c2s: { handshake_timeout: "1s", close_timeout: "100ms" } });

test("XEP-0368: TLS from the first byte; STARTTLS is not offered", async (server) => {
  const client = await connect(server, { tls: "direct" });
  const features = await client.open();
  assert.equal(features.child("starttls"), undefined);
  assert.ok(features.child("mechanisms"));
  const alice = await login(server, "alice", { tls: "direct" });
  await alice.sync();
});

test("XEP-0368: ALPN settles on xmpp-client, and on nothing else", async (server) => {
  const client = await connect(server, { tls: "direct", alpn: ["h2", "xmpp-client"] });
  assert.equal(client.tls.alpnProtocol, "xmpp-client");
  await client.open();
  const without = await connect(server, { tls: "direct" });
  assert.equal(without.tls.alpnProtocol, false);
  await without.open();
  await assert.rejects(connect(server, { tls: "direct", alpn: ["http/1.1"] }));
});

test("XEP-0368: SNI chooses the certificate, the stream header the host", async (server) => {
  for (const domain of ["one.test", "two.test"]) {
    const client = await connect(server, { tls: "direct", domain });
    assert.match(client.tls.getPeerCertificate().subjectaltname ?? "", new RegExp(domain));
    client.sendHeader();
    assert.equal((await client.header()).attrs.from, domain);
  }
  for (const domain of ["one.test", "two.test"]) {
    const client = await connect(server, { domain });
    await client.open();
    await client.upgrade();
    assert.match(client.tls.getPeerCertificate().subjectaltname ?? "", new RegExp(domain));
  }
}, { hosts: { "one.test": {}, "two.test": {} } });
