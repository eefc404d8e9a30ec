/** Connections that come in floods, say nothing, or dribble; and negotiations that are broken off. */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { connect, login, NS } from "../helpers/client.ts";
import type { Raw } from "../helpers/raw.ts";
import {
  held,
  isBackTo,
  logged,
  memoryInUse,
  rawConnect,
  sleep,
  streamErrorIn,
  undisturbed,
  until,
} from "../helpers/raw.ts";
import { authenticate, base64 } from "../helpers/sasl.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { startServer, withServer } from "../helpers/server.ts";

function test(
  name: string,
  attack: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  const { c2s, ...rest } = settings;
  const laid = { c2s: { plaintext_auth: "loopback", ...c2s as Table }, ...rest };
  Deno.test(
    name,
    () =>
      withServer(laid, { modules: ["auth", "ping"] }, async (server) => {
        await undisturbed(server, () => attack(server));
      }),
  );
}

const HEADER =
  `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'>`;

async function rawConnections(server: TestServer, count: number): Promise<Raw[]> {
  const all: Raw[] = [];
  for (let i = 0; i < count; i++) all.push(await rawConnect(server.port));
  return all;
}

// ---- slow ones ----

test("one byte at a time buys no time", async (server) => {
  const started = performance.now();
  const text = HEADER + `<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-1'>` + "A".repeat(1000);
  const dribble = async (raw: Raw, from: number) => {
    await raw.write(text.slice(0, from));
    for (let at = from; at < text.length && await raw.write(text[at]!); at++) await sleep(50);
  };
  // In the midst of the header, and of an element.
  const all = await rawConnections(server, 2);
  for (const [i, raw] of all.entries()) void dribble(raw, i === 0 ? 0 : 300);
  await Promise.all(all.map((raw) => raw.ended));
  for (const raw of all) assert.equal(streamErrorIn(raw.text), "connection-timeout");
  const seconds = (performance.now() - started) / 1000;
  assert.ok(seconds >= 1 && seconds < 4, `${seconds} s`);
  assert.equal(logged(server, `"error":"connection-timeout`).length, 2);
}, { c2s: { auth_timeout: "1s", close_timeout: "500ms" } });

test("a thousand connections that say nothing are ended, and cost little", async (server) => {
  await Promise.all((await rawConnections(server, 100)).map((raw) => raw.ended));
  const before = await memoryInUse();
  const started = performance.now();
  const all = await rawConnections(server, 1000);
  assert.equal(held(server).connections, 1002);
  const each = (await memoryInUse() - before) / 1000;
  // Both ends are in this process.
  assert.ok(each < 30_000, `${each} bytes for each connection`);
  await Promise.all(all.map((raw) => raw.ended));
  assert.ok(performance.now() - started >= 1500);
  for (const raw of all) assert.equal(streamErrorIn(raw.text), "connection-timeout");
  const more = await memoryInUse() - before;
  assert.ok(more < 5_000_000, `${more} bytes more than before`);
}, {
  c2s: { auth_timeout: "2s", close_timeout: "300ms" },
  limits: { connections_per_address: 0 },
});

test("TLS handshakes that do not come are ended", async (server) => {
  const started = performance.now();
  const all: Raw[] = [];
  for (let i = 0; i < 50; i++) all.push(await rawConnect(server.tlsPort));
  const hello = new Uint8Array([0x16, 3, 1, 1, 0x27, 1, 0, 1, 0x23, 3, 3]);
  for (const raw of all.slice(0, 25)) await raw.write(hello);
  for (let i = 0; i < 50; i++) {
    const raw = await rawConnect(server.port);
    await raw.write(`${HEADER}<starttls xmlns='${NS.tls}'/>`);
    if (i < 25) await raw.write(hello);
    all.push(raw);
  }
  await Promise.all(all.map((raw) => raw.ended));
  assert.ok(performance.now() - started >= 900);
  for (const raw of all) assert.equal(streamErrorIn(raw.text), undefined);
}, { c2s: { handshake_timeout: "1s", auth_timeout: "10m" } });

test("whoever does not close is cut off", async (server) => {
  const client = await login(server, "mallory", { tls: "none" });
  client.write("<unknown/>");
  const started = performance.now();
  // What it goes on sending is not even looked at.
  const talk = setInterval(() => client.write("<message to='dave@localhost' type='chat'/>"), 10);
  await client.streamErrorUnanswered("unsupported-stanza-type");
  clearInterval(talk);
  assert.ok(performance.now() - started < 2000);
}, { c2s: { close_timeout: "300ms" } });

// ---- too many ----

const refused = async (server: TestServer): Promise<boolean> => {
  const raw = await rawConnect(server.port);
  await raw.write(HEADER);
  await Promise.race([raw.ended, until(() => raw.text.includes("</stream:features>"), "features")]);
  const answered = raw.text !== "";
  raw.close();
  return !answered;
};

test("limits.connections", async (server) => {
  const all = await rawConnections(server, 18);
  await until(() => held(server).connections === 20, "20 connections");
  assert.equal(await refused(server), true);
  assert.equal(held(server).connections, 20);
  assert.equal(logged(server, "limits.connections is reached").length, 1);
  all.pop()!.close();
  await until(() => held(server).connections === 19, "room for one");
  assert.equal(await refused(server), false);
  for (const raw of all) raw.close();
}, { limits: { connections: 20 } });

test("limits.connections_per_address", async (server) => {
  const all = await rawConnections(server, 8);
  await until(() => held(server).connections === 10, "10 connections");
  for (let i = 0; i < 50; i++) assert.equal(await refused(server), true);
  assert.equal(logged(server, "limits.connections_per_address is reached").length, 50);
  for (const raw of all) raw.close();
  await until(() => held(server).connections === 2, "room");
  assert.equal(await refused(server), false);
}, { limits: { connections_per_address: 10 } });

Deno.test("limits.connections_per_second: twice as many at once, then so many a second", () =>
  withServer({ limits: { connections_per_second: 5 } }, { modules: ["auth"] }, async (server) => {
    const taken = async (attempts: number) => {
      let count = 0;
      for (let i = 0; i < attempts; i++) if (!await refused(server)) count++;
      return count;
    };
    const before = held(server);
    const started = performance.now();
    const first = await taken(30);
    const allowed = 10 + 5 * (performance.now() - started) / 1000;
    assert.ok(first >= 10 && first <= allowed, `${first} were taken`);
    await sleep(1000);
    const later = await taken(30);
    assert.ok(later >= 4 && later <= 12, `${later} were taken`);
    assert.ok(logged(server, "limits.connections_per_second is reached").length >= 30);
    await isBackTo(server, before);
  }));

test("direct TLS counts like all others", async (server) => {
  const all: Raw[] = [];
  for (let i = 0; i < 8; i++) all.push(await rawConnect(server.tlsPort));
  await until(() => held(server).connections === 10, "10 connections");
  assert.equal(await refused(server), true);
  for (const raw of all) raw.close();
  await until(() => held(server).connections === 2, "room");
  const client = await connect(server, { tls: "direct" });
  await client.open();
  assert.equal(held(server).connections, 3);
  await client.close();
}, { limits: { connections_per_address: 10 } });

// ---- broken off ----

const STEPS: readonly (readonly [string, (client: TestClient) => Promise<unknown> | void])[] = [
  ["nothing said", () => {}],
  ["in the header", (c) => c.write("<?xml version='1.0'?><stream:str")],
  ["header sent", (c) => c.sendHeader()],
  ["features read", (c) => c.open()],
  ["starttls sent", async (c) => {
    await c.open();
    c.send(`<starttls xmlns='${NS.tls}'/>`);
  }],
  ["proceed read", async (c) => {
    await c.open();
    c.send(`<starttls xmlns='${NS.tls}'/>`);
    await c.receives(`<proceed xmlns='${NS.tls}'/>`);
  }],
  ["within the handshake", async (c) => {
    await c.open();
    c.send(`<starttls xmlns='${NS.tls}'/>`);
    await c.receives(`<proceed xmlns='${NS.tls}'/>`);
    c.write(new Uint8Array([0x16, 3, 1, 2, 0]));
  }],
  ["TLS is there", async (c) => {
    await c.open();
    c.send(`<starttls xmlns='${NS.tls}'/>`);
    await c.receives(`<proceed xmlns='${NS.tls}'/>`);
    await c.startTls();
  }],
  ["features over TLS read", async (c) => {
    await c.open();
    await c.upgrade();
  }],
  ["login begun", async (c) => {
    await c.open();
    c.send(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-1'>${base64("n,,n=mallory,r=x")}</auth>`);
  }],
  ["challenge read", async (c) => {
    await c.open();
    c.send(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-1'>${base64("n,,n=mallory,r=x")}</auth>`);
    await c.receives(`<challenge xmlns='${NS.sasl}'/>`);
  }],
  ["password sent", async (c) => {
    await c.open();
    await c.upgrade();
    const password = base64("\0mallory\0password of mallory");
    c.send(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${password}</auth>`);
  }],
  ["logged in", async (c) => {
    await c.open();
    await authenticate(c, "mallory", "password of mallory", "SCRAM-SHA-1");
  }],
  ["features after the login read", async (c) => {
    await c.open();
    await authenticate(c, "mallory", "password of mallory", "SCRAM-SHA-1");
    await c.open();
  }],
  ["bind sent", async (c) => {
    await c.open();
    await authenticate(c, "mallory", "password of mallory", "SCRAM-SHA-1");
    await c.open();
    c.send(`<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`);
  }],
  ["bound", async (c) => {
    await c.open();
    await authenticate(c, "mallory", "password of mallory", "SCRAM-SHA-1");
    await c.open();
    await c.bind();
  }],
  ["in a stanza", async (c) => {
    await c.open();
    await authenticate(c, "mallory", "password of mallory", "SCRAM-SHA-1");
    await c.open();
    await c.bind();
    c.send("<presence/><message to='dave@localh");
  }],
];

test("whatever the step a client goes away in, nothing is left", async (server) => {
  await server.addUser("mallory@localhost", "password of mallory");
  for (const [name, step] of STEPS) {
    for (const late of [false, true]) {
      const before = held(server);
      const client = await connect(server);
      await step(client);
      if (late) await sleep(20);
      client.cut();
      await isBackTo(server, before).catch((e) => {
        e.message = `${name}: ${e.message}`;
        throw e;
      });
    }
  }
});

test("two thousand connections that come and go", async (server) => {
  await server.addUser("mallory@localhost", "password of mallory");
  const before = held(server);
  let memory = 0;
  for (let i = 0; i < 2000; i++) {
    if (i === 500) memory = await memoryInUse();
    const raw = await rawConnect(server.port);
    if (i % 4 === 1) await raw.write(HEADER);
    if (i % 4 === 2) await raw.write(`${HEADER}<starttls xmlns='${NS.tls}'/>`);
    if (i % 4 === 3) {
      await raw.write(`${HEADER}</stream:stream>`);
      await raw.ended;
    } else raw.close();
  }
  await isBackTo(server, before);
  const more = await memoryInUse() - memory;
  assert.ok(more < 3_000_000, `${more} bytes more`);
}, { limits: { connections_per_address: 0 } });

test("a hundred sessions that come and go", async (server) => {
  const before = held(server);
  for (let i = 0; i < 100; i++) {
    const client = await login(server, "mallory", { tls: "none" });
    client.send("<presence/>");
    if (i % 2 === 0) client.cut();
    else await client.close();
  }
  await isBackTo(server, before);
});

Deno.test("a server that stops ends connections that have not logged in, too", async () => {
  const server = await startServer({}, { modules: ["auth"] });
  const [silent, open] = [await rawConnect(server.port), await rawConnect(server.port)];
  const direct = await rawConnect(server.tlsPort);
  await open.write(HEADER);
  await until(() => open.text.includes("</stream:features>"), "features");
  await until(() => held(server).unbound === 3, "three connections");
  await server.stop();
  assert.equal(held(server).unbound, 0);
  for (const raw of [silent, open]) {
    await until(() => raw.text.includes("</stream:stream>"), "the end of the stream");
    assert.equal(streamErrorIn(raw.text), "system-shutdown");
    await raw.write(raw === open ? "</stream:stream>" : `${HEADER}</stream:stream>`);
    await raw.ended;
  }
  await direct.ended;
  assert.equal(direct.text, "");
});
