/** RFC 6120 §4: XML streams: how they open and close, and what ends them. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

const modules = ["auth", "ping"];

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () => withServer(settings, { modules }, transcript));
}

const HEADER =
  `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'>`;

/** Sends these bytes on a new connection, which must end with that stream error. */
async function refused(
  server: TestServer,
  data: string | Uint8Array,
  condition: string,
): Promise<TestClient> {
  const client = await connect(server);
  client.write(data);
  await client.streamError(condition);
  return client;
}

// ---- headers ----

test("§4.7: the response header has from, id, version and language", async (server) => {
  const client = await connect(server);
  client.sendHeader();
  const header = await client.header();
  assert.equal(header.name, "stream");
  assert.equal(header.ns, NS.stream);
  assert.equal(header.attrs.from, "localhost");
  assert.equal(header.attrs.version, "1.0");
  assert.equal(header.attrs["xml:lang"], "en");
  assert.ok(header.attrs.id!.length >= 16);
  await client.features();
});

test("§4.7.3: stream ids are unique, after restarts too", async (server) => {
  const ids = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const client = await connect(server);
    client.sendHeader();
    ids.add((await client.header()).attrs.id!);
    await client.features();
    client.send(`<starttls xmlns='${NS.tls}'/>`);
    await client.receives(`<proceed xmlns='${NS.tls}'/>`);
    await client.startTls();
    client.sendHeader();
    ids.add((await client.header()).attrs.id!);
  }
  assert.equal(ids.size, 6);
});

test("§4.7.4: the language of our texts, whatever the client's is", async (server) => {
  for (const lang of ["de-AT", "en-GB", "en", "", "no language"]) {
    const client = await connect(server);
    client.sendHeader({ "xml:lang": lang });
    assert.equal((await client.header()).attrs["xml:lang"], "en");
  }
});

test("§4.7.2: the domain is compared as a domain", async (server) => {
  const client = await connect(server);
  client.sendHeader({ to: "LOCALHOST" });
  assert.equal((await client.header()).attrs.from, "localhost");
  await client.features();
});

test("§4.7.5: other minor versions are understood", async (server) => {
  const client = await connect(server);
  client.sendHeader({ version: "1.7" });
  assert.equal((await client.header()).attrs.version, "1.0");
  await client.features();
});

test("§11.5: the XML declaration may be left out, or name UTF-8", async (server) => {
  for (
    const declaration of ["", "<?xml version='1.0'?>", `<?xml version="1.0" encoding="utf-8"?>\n`]
  ) {
    const client = await connect(server);
    client.write(declaration + HEADER);
    await client.header();
    await client.features();
  }
});

test("a header may come byte by byte", async (server) => {
  const client = await connect(server);
  for (const c of `<?xml version='1.0'?>${HEADER}`) {
    client.write(c);
    await new Promise((resolve) => setTimeout(resolve));
  }
  await client.header();
  await client.features();
});

test("§4.9.1.2: an error in the header is told after our own header", async (server) => {
  const client = await connect(server);
  client.sendHeader({ to: "unknown.test" });
  const header = await client.header();
  assert.equal(header.attrs.from, "localhost");
  assert.ok(header.attrs.id);
  await client.streamError("host-unknown");
});

test("§4.9.3.6: host-unknown", async (server) => {
  for (const to of ["unknown.test", "alice@localhost", "localhost/resource", "@", "", undefined]) {
    const client = await connect(server);
    client.sendHeader({ to });
    await client.streamError("host-unknown");
  }
});

test("§4.9.3.10: invalid-namespace", async (server) => {
  const stream = (xmlns: string, streams: string) =>
    `<stream:stream to='localhost' version='1.0' ${xmlns} xmlns:stream='${streams}'>`;
  await refused(
    server,
    stream("xmlns='jabber:client'", "http://example.org/"),
    "invalid-namespace",
  );
  await refused(server, stream("xmlns='jabber:server'", NS.stream), "invalid-namespace");
  await refused(server, stream("", NS.stream), "invalid-namespace");
  await refused(server, HEADER.replace("stream:stream", "stream:other"), "invalid-namespace");
  await refused(
    server,
    "<stream xmlns='jabber:client' to='localhost' version='1.0'>",
    "invalid-namespace",
  );
});

test("§4.9.3.2: bad-namespace-prefix", async (server) => {
  const header =
    `<s:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:s='${NS.stream}'>`;
  await refused(server, header, "bad-namespace-prefix");
});

test("§4.9.3.25: unsupported-version", async (server) => {
  for (const version of [undefined, "0.9", "", "one", "1"]) {
    const client = await connect(server);
    client.sendHeader({ version });
    await client.streamError("unsupported-version");
  }
});

test("§4.9.3.22: unsupported-encoding", async (server) => {
  await refused(
    server,
    `<?xml version='1.0' encoding='ISO-8859-1'?>${HEADER}`,
    "unsupported-encoding",
  );
  const utf16 = new Uint8Array([0xff, 0xfe, 0x3c, 0, 0x3f, 0, 0x78, 0]);
  await refused(server, utf16, "unsupported-encoding");
});

// ---- features ----

test("§4.3.2: before TLS there is STARTTLS, required, and nothing to log in with", async (server) => {
  const client = await connect(server);
  await client.open();
  const features = client.last.elements();
  assert.deepEqual(features.map((f) => f.name), ["starttls"]);
  assert.ok(features[0]!.child("required"));
});

test("§4.3.2: over TLS there are the mechanisms; after the login binding, then an optional session", async (server) => {
  const alice = await login(server, "alice");
  const client = await connect(server);
  await client.open();
  const secure = await client.upgrade();
  assert.equal(secure.child("starttls"), undefined);
  assert.equal(secure.elements()[0]!.name, "mechanisms");
  assert.ok(alice.transcript.some((line) => line.includes(`<bind xmlns='${NS.bind}'/><session`)));
});

test(
  "plaintext logins, where they are allowed: STARTTLS is optional, PLAIN is not offered",
  async (server) => {
    const client = await connect(server);
    const features = await client.open();
    assert.equal(features.child("starttls")!.child("required"), undefined);
    const names = features.child("mechanisms")!.elements().map((m) => m.text());
    assert.deepEqual(names.slice(0, 3), ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"]);
    assert.ok(!names.some((name) => name.endsWith("-PLUS") || name === "EXTERNAL"));
    const alice = await login(server, "alice", { tls: "none" });
    await alice.sync();
  },
  { c2s: { plaintext_auth: "loopback" } },
);

// ---- closing ----

test("§4.4: a stream is closed with a handshake, before the login and after", async (server) => {
  const client = await connect(server);
  await client.open();
  client.write("</stream:stream>");
  await client.streamEnd();
  await client.closed();

  const alice = await login(server, "alice");
  alice.send("<message to='alice@localhost' type='headline' id='last'/></stream:stream>");
  await alice.streamEnd();
  await alice.closed();
  assert.equal(server.host().sessions, 0);
});

test("§4.4: what was sent before the end tag is still answered", async (server) => {
  const alice = await login(server, "alice");
  alice.send(
    "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>",
  );
  await alice.receives("<iq type='result' id='p'/>");
  await alice.streamEnd();
  await alice.closed();
});

test("§4.4: the other side's end tag is awaited, but not for ever", async (server) => {
  const alice = await login(server, "alice");
  const start = performance.now();
  alice.write("<iq</>");
  await alice.streamErrorUnanswered("not-well-formed");
  assert.ok(performance.now() - start >= 250);
}, { c2s: { close_timeout: "300ms" } });

test("a connection that ends without an end tag ends the session", async (server) => {
  const alice = await login(server, "alice");
  const bob = await login(server, "bob");
  alice.cut();
  for (let i = 0; i < 100 && server.host().sessions > 1; i++) await bob.sync();
  assert.equal(server.host().sessions, 1);
});

test("§4.6.1: white space between stanzas keeps the stream alive and means nothing", async (server) => {
  const client = await connect(server);
  await client.open();
  client.write(" ");
  await client.upgrade();

  const alice = await login(server, "alice");
  alice.write(" \n\t\r\n ");
  await alice.sync();
  alice.write(" <iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq> ");
  await alice.receives("<iq type='result' id='p'/>");
});

test("an empty stream is closed in good order", async (server) => {
  const client = await connect(server);
  client.write(HEADER.replace(">", "/>"));
  await client.header();
  await client.closed();
});

// ---- virtual hosts ----

test("hosts are worlds apart", async (server) => {
  const alice = await login(server, "alice", { domain: "one.test" });
  assert.match(alice.jid, /^alice@one\.test\//);
  const other = await connect(server, { domain: "two.test", tls: "direct" });
  other.sendHeader();
  assert.equal((await other.header()).attrs.from, "two.test");
  await other.features();
  await assert.rejects(
    login(server, "bob", { domain: "two.test" }).then(() =>
      login(server, "bob", { domain: "three.test" })
    ),
  );
}, { hosts: { "one.test": {}, "two.test": {} } });
