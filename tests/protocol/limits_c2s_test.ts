/** Silence, and limits that change while somebody is connected. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import { logged, rawConnect, sleep, streamErrorIn } from "../helpers/raw.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  const { c2s, ...rest } = settings;
  const laid = { c2s: { plaintext_auth: "loopback", ...c2s as Table }, ...rest };
  Deno.test(name, () => withServer(laid, { modules: ["auth", "ping"] }, transcript));
}

const PLAIN = { tls: "none" } as const;
const HEADER =
  `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'>`;

/** As a reload would do it; times may be shorter than a file could set them. */
function change(server: TestServer, c2s: Table, limits: Table = {}): void {
  const { config } = server.inner;
  for (const host of server.inner.hosts.values()) {
    host.config = { ...host.config, limits: { ...host.config.limits, ...limits } };
  }
  server.inner.apply({
    ...config,
    c2s: { ...config.c2s, ...c2s },
    limits: { ...config.limits, ...limits },
  });
}

test("c2s.idle_timeout: who is silent for too long is ended; who says anything is not", async (server) => {
  const silent = await login(server, "silent", PLAIN);
  const alive = await login(server, "alive", PLAIN);
  change(server, { idle_timeout: 1000 });
  // White space keeps a connection alive (RFC 6120 §4.6.1).
  const keepalive = setInterval(() => alive.write(" "), 200);
  await silent.streamError("connection-timeout");
  assert.ok(logged(server, "nothing was heard for too long").length > 0);
  await sleep(600);
  clearInterval(keepalive);
  await alive.sync();
  change(server, { idle_timeout: 0 });
  await sleep(1500);
  await alive.sync();
});

test("c2s.idle_timeout: what is sent to a silent client does not keep it alive", async (server) => {
  const silent = await login(server, "silent", PLAIN);
  const alive = await login(server, "alive", PLAIN);
  change(server, { idle_timeout: 1000 });
  const chat = setInterval(() => alive.send(`<message to='${silent.jid}' type='headline'/>`), 100);
  await silent.streamError("connection-timeout").finally(() => clearInterval(chat));
});

for (const [rule, loopback] of [["never", false], ["loopback", true], ["always", true]] as const) {
  test(`c2s.plaintext_auth = ${rule}`, async (server) => {
    const client = await connect(server);
    const features = await client.open();
    assert.equal(features.child("mechanisms") !== undefined, loopback);
    assert.equal(features.child("starttls")!.child("required") !== undefined, !loopback);
    client.send(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-1'>biwsbj1hLHI9eA==</auth>`);
    await client.receives(
      loopback
        ? `<challenge xmlns='${NS.sasl}'/>`
        : `<failure xmlns='${NS.sasl}'><encryption-required/></failure>`,
    );
  }, { c2s: { plaintext_auth: rule } });
}

test("c2s.auth_timeout: all of the negotiation, not each of its steps", async (server) => {
  const start = performance.now();
  const client = await connect(server);
  await sleep(400);
  await client.open();
  await sleep(400);
  client.send(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-1'>biwsbj1hLHI9eA==</auth>`);
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  await client.streamError("connection-timeout");
  const ms = performance.now() - start;
  assert.ok(ms >= 990 && ms < 2000, `${ms} ms`);
}, { c2s: { auth_timeout: "1s" } });

test("limits.stanza_bytes_before_auth: to the byte, in UTF-8", async (server) => {
  const element = (bytes: number) => {
    const [head, tail] = [`<auth xmlns='${NS.sasl}' mechanism='X'>é`, "</auth>"];
    return head + "A".repeat(bytes - head.length - 1 - tail.length) + tail;
  };
  for (const bytes of [12_000, 12_001]) {
    const raw = await rawConnect(server.port);
    await raw.write(`${HEADER}${element(bytes)}</stream:stream>`);
    await raw.ended;
    assert.equal(streamErrorIn(raw.text), bytes === 12_000 ? undefined : "policy-violation");
    assert.equal(raw.text.includes("<failure"), bytes === 12_000);
  }
}, {
  c2s: { close_timeout: "300ms" },
  limits: { stanza_bytes_before_auth: 12_000, stanza_bytes: 20_000 },
});

const message = (content: string) =>
  `<message to='alice@localhost' type='headline'>${content}</message>`;

for (
  const [key, limit, make] of [
    // The message is the first level, and the first of the elements.
    ["depth", 8, (n: number) => message("<a>".repeat(n - 1) + "</a>".repeat(n - 1))],
    ["children", 16, (n: number) => message("<a/>".repeat(n - 1))],
    [
      "attributes",
      8,
      (n: number) => message(`<a ${Array.from({ length: n }, (_, i) => `a${i}=''`).join(" ")}/>`),
    ],
    ["stanza_bytes", 10_000, (n: number) => message("x".repeat(n - message("").length))],
  ] as const
) {
  test(`limits.${key}: as much as that, and no more`, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    alice.send(make(limit));
    await alice.sync();
    alice.send(make(limit + 1));
    await alice.streamError("policy-violation");
  }, { limits: { stanza_bytes_before_auth: 10_000, [key]: limit } });

  test(`limits.${key}: a new one holds for those who are connected`, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    alice.send(make(limit + 1));
    await alice.sync();
    change(server, {}, { [key]: limit });
    alice.send(make(limit + 1));
    await alice.streamError("policy-violation");
  });
}
