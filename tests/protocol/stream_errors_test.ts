/** RFC 6120 §4.9.3: stream errors: what ends a stream, and in what words. */

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

test("§4.9.3.22: bytes that are not UTF-8", async (server) => {
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
    await alice.streamError("unsupported-encoding");
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
}, { limits: { bytes_per_second: 300_000, burst_bytes: 300_000 } });
