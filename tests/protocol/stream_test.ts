/** RFC 6120 §4: XML streams: how they open and close, and what ends them. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { streamOpened } from "../../lib/hooks/streams.ts";
import { StreamError } from "../../lib/errors.ts";

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

test("§4.7.4: the language of the stream is the client's", async (server) => {
  const client = await connect(server);
  client.sendHeader({ "xml:lang": "de-AT" });
  assert.equal((await client.header()).attrs["xml:lang"], "de-AT");
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

// ---- XML that ends a stream ----

test("§4.9.3.13: not-well-formed", async (server) => {
  for (
    const xml of [
      "<message><body>hi</message>",
      "<message to='a' to='b'/>",
      "<message to=a/>",
      "<message><body>a & b</body></message>",
      "<message><body>]]></body></message>",
      "<message><body>&#0;</body></message>",
      "<message><body>\u0001</body></message>",
      "<a:message/>",
      "</message>",
      "<message <body/>/>",
      "< message/>",
      "<message a='<'/>",
    ]
  ) {
    const alice = await login(server, "alice");
    alice.write(xml);
    await alice.streamError("not-well-formed");
  }
});

test("§11.1: bytes that are not UTF-8 are not well-formed", async (server) => {
  const bad = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [
    0xe2,
    0x28,
    0xa1,
  ]];
  const bytes = (s: string) => [...new TextEncoder().encode(s)];
  for (const sequence of bad) {
    const alice = await login(server, "alice");
    alice.write(
      new Uint8Array([...bytes("<message><body>"), ...sequence, ...bytes("</body></message>")]),
    );
    await alice.streamError("not-well-formed");
  }
});

test("§4.9.3.18: restricted-xml", async (server) => {
  for (
    const xml of [
      "<!-- comment -->",
      "<?target data?>",
      "<message><!-- comment --></message>",
      "<message><?target data?></message>",
      "<message><body>&euml;</body></message>",
      "<!DOCTYPE x>",
    ]
  ) {
    const alice = await login(server, "alice");
    alice.write(xml);
    await alice.streamError("restricted-xml");
  }
  await refused(server, `<!DOCTYPE x [<!ENTITY a "b">]>${HEADER}`, "restricted-xml");
  await refused(server, `<?xml-stylesheet href='x'?>${HEADER}`, "restricted-xml");
});

test("§4.9.3.1: bad-format: text between stanzas", async (server) => {
  const alice = await login(server, "alice");
  alice.write("hello?");
  await alice.streamError("bad-format");
});

test("what is no XML at all", async (server) => {
  await refused(server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-well-formed");
  await refused(server, "</stream:stream>", "not-well-formed");
  await refused(
    server,
    new Uint8Array([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
    "not-well-formed",
  );
});

// ---- elements that end a stream ----

test("§4.9.3.24: unsupported-stanza-type", async (server) => {
  const client = await connect(server);
  await client.open();
  client.send("<pubsub xmlns='jabber:client'/>");
  await client.streamError("unsupported-stanza-type");

  const alice = await login(server, "alice");
  for (const xml of ["<note/>", "<message xmlns='jabber:server'/>", "<iq xmlns='urn:x'/>"]) {
    const other = await login(server, "alice");
    other.send(xml);
    await other.streamError("unsupported-stanza-type");
  }
  await alice.sync();
});

test("§4.9.3.12: not-authorized: stanzas before the login, and before a resource is bound", async (server) => {
  for (const xml of ["<message to='a@localhost'/>", "<presence/>", "<iq type='get' id='1'/>"]) {
    const client = await connect(server);
    await client.open();
    client.send(xml);
    await client.streamError("not-authorized");

    const secure = await connect(server, { tls: "direct" });
    await secure.open();
    secure.send(xml);
    await secure.streamError("not-authorized");
  }
});

test("§4.9.3.14: policy-violation: the limits of one stanza", async (server) => {
  const deep = "<a>".repeat(9) + "</a>".repeat(9);
  const wide = `<a>${"<b/>".repeat(17)}</a>`;
  const many = `<a ${Array.from({ length: 9 }, (_, i) => `a${i}=''`).join(" ")}/>`;
  for (const inner of [deep, wide, many]) {
    const alice = await login(server, "alice");
    alice.send(`<message to='alice@localhost' type='headline'>${inner}</message>`);
    await alice.streamError("policy-violation");
  }
}, { limits: { depth: 8, children: 16, attributes: 8 } });

test("§13.12: before the login only small elements are taken", async (server) => {
  for (const start of ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", "<x a='", "<"]) {
    const client = await connect(server);
    await client.open();
    client.write(start + "A".repeat(17_000));
    await client.streamError("policy-violation");
  }
  await refused(server, "<stream:stream a='" + "A".repeat(17_000), "policy-violation");
  await refused(server, `<?xml version='1.0'${" ".repeat(17_000)}?>`, "policy-violation");
});

test("§4.9.3.9: invalid-from: stanzas in another's name", async (server) => {
  const bob = await login(server, "bob");
  for (const from of ["bob@localhost", bob.jid, "localhost", "alice@localhost/other", "@", ""]) {
    const alice = await login(server, "alice", { resource: "balcony" });
    alice.send(`<message from='${from}' to='${bob.jid}'><body>I am Bob</body></message>`);
    await alice.streamError("invalid-from");
  }
  await bob.receivesNothing();
});

test("§8.1.2.1: `from` is always what the server knows", async (server) => {
  const bob = await login(server, "bob");
  const alice = await login(server, "alice", { resource: "balcony" });
  for (const from of ["", " from='alice@localhost'", " from='ALICE@localhost/balcony'"]) {
    alice.send(`<message${from} to='${bob.jid}'><body>hi</body></message>`);
    await bob.receives("<message from='alice@localhost/balcony'><body>hi</body></message>");
  }
});

test("§8.1.1: an address that is none is answered, not fatal", async (server) => {
  const alice = await login(server, "alice");
  alice.send("<message to='a@@b' id='m1'><body>hi</body></message>");
  await alice.receives(
    `<message type='error' id='m1'><error type='modify'><jid-malformed xmlns='${NS.stanzaErrors}'/></error></message>`,
  );
});

test("§4.9.3.13: a second header on a bound stream", async (server) => {
  const alice = await login(server, "alice");
  alice.write(HEADER.replace(">", "/>"));
  await alice.streamError("unsupported-stanza-type");
});

// ---- time ----

test("§4.9.3.4: connection-timeout: no header, no login, no resource in time", async (server) => {
  const silent = await connect(server);
  const idle = await connect(server);
  await idle.open();
  const secure = await connect(server, { tls: "direct" });
  await secure.open();
  // Bytes alone buy no time.
  secure.write(" ");
  await silent.streamError("connection-timeout");
  await idle.streamError("connection-timeout");
  await secure.streamError("connection-timeout");
}, { c2s: { auth_timeout: "1s" } });

test("a bound session is not subject to the login's timeout", async (server) => {
  const alice = await login(server, "alice");
  await new Promise((resolve) => setTimeout(resolve, 1800));
  await alice.sync();
}, { c2s: { auth_timeout: "1s" } });

// ---- the server's reasons ----

test("§4.9.3.19: see-other-host, by configuration", async (server) => {
  const client = await connect(server);
  client.sendHeader();
  const error = await client.streamError("see-other-host");
  assert.equal(error.child("see-other-host")!.text(), "xmpp.example.org:5222");
}, { hosts: { localhost: { see_other_host: "xmpp.example.org:5222" } } });

test("§4.9.3.19: see-other-host, by a hook", async (server) => {
  server.host().hooks.add(streamOpened, "test", (negotiation) => {
    if (!negotiation.secure) return undefined;
    throw new StreamError("see-other-host", undefined, undefined, "[2001:db8::1]:5222");
  });
  const client = await connect(server);
  await client.open();
  client.send(`<starttls xmlns='${NS.tls}'/>`);
  await client.receives(`<proceed xmlns='${NS.tls}'/>`);
  await client.startTls();
  client.sendHeader();
  const error = await client.streamError("see-other-host");
  assert.equal(error.child("see-other-host")!.text(), "[2001:db8::1]:5222");
});

test("§4.9.3.5: host-gone, when a host is removed", async (server) => {
  const alice = await login(server, "alice");
  const removed = server.inner.removeHost(server.host());
  await alice.streamError("host-gone");
  await removed;
  const client = await connect(server);
  client.sendHeader();
  await client.streamError("host-unknown");
});

test("§4.9.3.20: system-shutdown", async (server) => {
  const alice = await login(server, "alice");
  const stopped = server.inner.stop();
  await alice.streamError("system-shutdown");
  await stopped;
});

test("§4.9.3.17: resource-constraint: a client that does not read", async (server) => {
  const alice = await login(server, "alice", { tls: "none" });
  const bob = await login(server, "bob", { tls: "none" });
  alice.pause();
  const body = "x".repeat(200_000);
  // More than may wait, and than the system's own buffers take.
  for (let i = 0; i < 200 && server.host().sessions > 1; i++) {
    bob.send(`<message to='${alice.jid}' type='normal'><body>${body}</body></message>`);
    await bob.sync();
  }
  assert.equal(server.host().sessions, 1);
  server.inner.log.flush();
  assert.ok(server.log.some((line) => line.includes("reads too slowly")));
}, { c2s: { plaintext_auth: "loopback" }, limits: { output_bytes: 300_000 } });

for (const tls of ["none", "starttls", "direct"] as const) {
  test(`§13.12: more than allowed is not even read (${tls})`, async (server) => {
    const alice = await login(server, "alice", { tls });
    alice.write(" ".repeat(30_000_000));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(alice.unsent > 10_000_000, `${alice.unsent} bytes are unsent`);
  }, {
    c2s: { plaintext_auth: "loopback" },
    limits: { bytes_per_second: 100_000, burst_bytes: 1_000_000 },
  });
}

test("§13.12: what is read slowly is read whole, over TLS too", async (server) => {
  const alice = await login(server, "alice");
  alice.write(" ".repeat(1_000_000));
  await alice.sync();
}, { limits: { bytes_per_second: 1_000_000, burst_bytes: 300_000 } });

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
