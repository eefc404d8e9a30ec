/** RFC 6120 §4, §6 and §8.1.5, line by line, where no other test looks. */

import assert from "node:assert/strict";
import { connect, login, NS, online } from "../helpers/client.ts";
import { authenticate, base64 } from "../helpers/sasl.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () => withServer(settings, {}, transcript));
}

const failure = (condition: string) => `<failure xmlns='${NS.sasl}'><${condition}/></failure>`;

test("RFC 6120 §4.7.2: `to` of the answer is the bare JID in the client's `from`, or nothing", async (server) => {
  for (
    const [from, to] of [
      ["alice@localhost", "alice@localhost"],
      ["ALICE@localhost/phone", "alice@localhost"],
      ["@@", undefined],
      [undefined, undefined],
    ]
  ) {
    const client = await connect(server);
    client.sendHeader({ from });
    assert.equal((await client.header()).attrs.to, to);
  }
  // Nor is there one after the login.
  await server.addUser("bob@localhost", "secret");
  const bob = await connect(server, { tls: "direct" });
  await bob.open();
  await authenticate(bob, "bob", "secret", "PLAIN");
  bob.sendHeader();
  assert.equal((await bob.header()).attrs.to, undefined);
});

test("RFC 6120 §4.9.1.2: an error before the header comes in a whole stream, too", async (server) => {
  const ids = new Set<string>();
  for (const what of ["<<", "hello", "<?xml version='1.1'?>", "<!DOCTYPE x>", "\xff"]) {
    const client = await connect(server);
    client.write(what);
    const { attrs } = await client.header();
    assert.equal(attrs.from, "localhost");
    assert.equal(attrs.version, "1.0");
    assert.equal(attrs["xml:lang"], "en");
    assert.ok(attrs.id!.length >= 16);
    ids.add(attrs.id!);
    await client.closed();
  }
  assert.equal(ids.size, 5);
});

test(
  "RFC 6120 §4.4: an end tag before a header is no stream; silence is ended in one",
  async (server) => {
    const client = await connect(server);
    const { attrs } = await client.header();
    assert.ok(attrs.id!.length >= 16);
    await client.streamError("connection-timeout");
  },
  { c2s: { auth_timeout: "1s" } },
);

test("RFC 6120 §6.4.6: over TLS, who said to be somebody else is not let in", async (server) => {
  await server.addUser("alice@localhost", "secret");
  for (const from of ["bob@localhost", "alice@elsewhere.test"]) {
    const client = await connect(server, { tls: "direct" });
    await client.open({ from });
    client.send(
      `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64("\0alice\0secret")}</auth>`,
    );
    await client.streamError("invalid-from");
  }
  const client = await connect(server, { tls: "direct" });
  await client.open({ from: "Alice@localhost/phone" });
  await authenticate(client, "alice", "secret", "SCRAM-SHA-256");
  await client.open({ from: "alice@localhost" });
  await client.bind();
});

test("RFC 6120 §6.5.4: a mechanism that needs TLS is refused as such", async (server) => {
  const client = await connect(server);
  await client.open();
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256-PLUS", "EXTERNAL"]) {
    client.send(`<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>=</auth>`);
    await client.receives(failure("encryption-required"));
  }
  client.send(`<auth xmlns='${NS.sasl}' mechanism='ANONYMOUS'/>`);
  await client.receives(failure("invalid-mechanism"));
}, { c2s: { plaintext_auth: "always" } });

test("RFC 6120 §8.1.5: a stanza without language has that of its client's stream", async (server) => {
  await server.addUser("alice@localhost", "password of alice");
  const alice = await connect(server, { tls: "direct" });
  await alice.open();
  await authenticate(alice, "alice", "password of alice", "PLAIN");
  await alice.open({ "xml:lang": "de-AT" });
  await alice.bind();
  const bob = await online(server, "bob");

  alice.send(`<message to='${bob.jid}'><body>Servus</body></message>`);
  await bob.receives("<message xml:lang='de-AT'><body>Servus</body></message>");
  // What the client says itself is not touched.
  alice.send(`<message to='${bob.jid}' xml:lang='cs'><body>Ahoj</body></message>`);
  await bob.receives("<message xml:lang='cs'><body>Ahoj</body></message>");
  alice.send(`<message to='${bob.jid}' xml:lang=''><body>123</body></message>`);
  await bob.receives("<message xml:lang=''><body>123</body></message>");
  alice.send(`<presence to='${bob.jid}'><status>da</status></presence>`);
  await bob.receives("<presence xml:lang='de-AT'/>");
  // Our own answers have our language.
  alice.send("<iq type='get' id='v' to='localhost'><query xmlns='jabber:iq:version'/></iq>");
  await alice.receives("<iq type='result' id='v' xml:lang='{absent}'/>");
  // Kept for later it is the same.
  await server.addUser("carol@localhost", "password of carol");
  alice.send("<message to='carol@localhost' type='chat'><body>Baba</body></message>");
  await alice.sync();
  const carol = await login(server, "carol");
  carol.send("<presence/>");
  await carol.eventually("<message xml:lang='de-AT'><body>Baba</body></message>");

  // A stream without a language, or with ours, stamps nothing.
  bob.send(`<message to='${alice.jid}'><body>hi</body></message>`);
  await alice.receives("<message xml:lang='{absent}'><body>hi</body></message>");
});

test(
  "RFC 6120 §4.9.3.19: see-other-host sends clients elsewhere, with TLS and without",
  async (server) => {
    for (const tls of ["none", "direct"] as const) {
      const client = await connect(server, { tls });
      client.sendHeader();
      const error = await client.streamError("see-other-host");
      assert.equal(error.child("see-other-host", NS.streamErrors)?.text(), "[2001:db8::1]:9222");
    }
  },
  { hosts: { localhost: { see_other_host: "[2001:db8::1]:9222" } } },
);
