/** Guessing passwords, hurrying through the login, and taking other sessions' places. */

import assert from "node:assert/strict";
import { connect as connectTls } from "node:tls";
import type { TestClient } from "../helpers/client.ts";
import { connect, login, NS } from "../helpers/client.ts";
import { logged, sleep, undisturbed } from "../helpers/raw.ts";
import { authenticate, base64 } from "../helpers/sasl.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

function test(
  name: string,
  attack: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(
    name,
    () =>
      withServer(
        { c2s: { plaintext_auth: "loopback" }, ...settings },
        { modules: ["auth", "ping"] },
        async (server) => {
          await server.addUser("alice@localhost", "secret");
          await undisturbed(server, () => attack(server));
        },
      ),
  );
}

const plain = (name: string, password: string) =>
  `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64(`\0${name}\0${password}`)}</auth>`;

const NOT_AUTHORIZED = `<failure xmlns='${NS.sasl}'><not-authorized/></failure>`;

async function secure(server: TestServer): Promise<TestClient> {
  const client = await connect(server, { tls: "direct" });
  await client.open();
  return client;
}

/** A wrong password; returns how long the answer took, in ms. */
async function guess(client: TestClient, name: string): Promise<number> {
  const start = performance.now();
  client.send(plain(name, "wrong"));
  await client.receives(NOT_AUTHORIZED);
  return performance.now() - start;
}

// ---- guessing ----

test("auth.throttle: answers to wrong passwords come later and later", async (server) => {
  const times: number[] = [];
  const client = await secure(server);
  for (let i = 0; i < 6; i++) times.push(await guess(client, "alice"));
  // Two are free, then 400 ms, 800 ms, and no more than that; a tick of the clock is 250 ms.
  for (const [i, ms] of [0, 0, 400, 800, 800, 800].entries()) {
    assert.ok(times[i]! >= ms && times[i]! < ms + 900, `attempt ${i}: ${times[i]} ms`);
  }
  // A new connection does not help.
  const again = await secure(server);
  assert.ok(await guess(again, "alice") >= 800);
  // The owner, who knows the password, does not wait: not even from the same address.
  const start = performance.now();
  const owner = await secure(server);
  await authenticate(owner, "alice", "secret", "PLAIN");
  assert.ok(performance.now() - start < 400);
  assert.equal(logged(server, `"login failed"`).length, 7);
  for (const c of [client, again, owner]) c.cut();
}, {
  auth: { attempts: 20, throttle: { free_attempts: 2, delay: "400ms", max_delay: "800ms" } },
});

test("auth.throttle: while one waits for its answer the others are served", async (server) => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => secure(server)));
  const start = performance.now();
  const guesses = Promise.all(clients.map((client) => guess(client, "alice")));
  const bob = await login(server, "bob", { tls: "none" });
  await bob.sync();
  assert.ok(performance.now() - start < 900);
  await bob.close();
  assert.ok(Math.max(...await guesses) >= 1000);
  for (const client of clients) client.cut();
}, { auth: { throttle: { free_attempts: 0, delay: "1s", max_delay: "1s" } } });

test("auth.throttle: whoever leaves while waiting leaves nothing behind", async (server) => {
  for (let i = 0; i < 5; i++) {
    const client = await secure(server);
    client.send(plain("alice", "wrong") + plain("alice", "wrong").repeat(10));
    await sleep(30);
    client.cut();
  }
  // What was pipelined behind the first attempt was never tried.
  await sleep(800);
  assert.equal(logged(server, `"login failed"`).length, 5);
}, { auth: { throttle: { free_attempts: 0, delay: "500ms", max_delay: "500ms" } } });

test("auth.throttle.block_after: an address is refused, whatever it tries", async (server) => {
  const victim = await login(server, "victim", { tls: "none" });
  for (let i = 0; i < 6; i++) {
    const client = await secure(server);
    await guess(client, `user${i}`);
    client.cut();
  }
  for (const [name, password] of [["alice", "secret"], ["alice", "wrong"], ["nobody", "x"]]) {
    const client = await secure(server);
    client.send(plain(name!, password!));
    await client.streamError("policy-violation");
  }
  const refusals = logged(server, "too many failed logins from this address");
  assert.equal(refusals.filter((line) => line.includes("stream error sent")).length, 3);
  await victim.sync();
  await victim.close();
}, { auth: { throttle: { free_attempts: 1000, block_after: 6 } } });

test("auth.attempts: then the stream ends", async (server) => {
  const client = await secure(server);
  for (let i = 0; i < 2; i++) await guess(client, "alice");
  await client.streamError("policy-violation");
  const other = await secure(server);
  other.send(`<auth xmlns='${NS.sasl}' mechanism='NONSENSE'/>`.repeat(100));
  await other.streamError("policy-violation");
  const third = await secure(server);
  third.send(`<response xmlns='${NS.sasl}'>AAAA</response>`.repeat(2));
  await third.streamError("policy-violation");
}, { auth: { attempts: 2 } });

test("auth.iterations: an account that does not exist looks like the others", async (server) => {
  const salts = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const client = await secure(server);
    client.send(
      `<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${base64("n,,n=ghost,r=abcdef")}</auth>`,
    );
    const { challenge } = await client.receives(
      `<challenge xmlns='${NS.sasl}'>{challenge}</challenge>`,
    );
    const text = atob(challenge!);
    assert.match(text, /,i=12345(,|$)/);
    salts.add(/,s=([^,]+),/.exec(text)![1]!);
    client.cut();
  }
  assert.equal(salts.size, 1);
}, { auth: { iterations: 12_345 } });

test("auth.mechanisms: what is not offered cannot be used", async (server) => {
  const client = await secure(server);
  const offered = client.last.child("mechanisms")!.elements().map((m) => m.text());
  assert.deepEqual(offered, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
  for (const mechanism of ["PLAIN", "SCRAM-SHA-1", "ANONYMOUS", "EXTERNAL", "scram-sha-256", ""]) {
    client.send(
      `<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>${base64("\0alice\0secret")}</auth>`,
    );
    await client.receives(`<failure xmlns='${NS.sasl}'><invalid-mechanism/></failure>`);
  }
  client.cut();
}, { auth: { mechanisms: ["SCRAM-SHA-256"], attempts: 20 } });

// ---- hurrying ----

const HEADER =
  `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'>`;
const BIND = `<iq type='set' id='b'><bind xmlns='${NS.bind}'><resource>x</resource></bind></iq>`;
const MESSAGE = "<message to='alice@localhost/x' id='m' type='headline'/>";

/** Writes all of this over TLS, and returns all that comes until the other side ends it. */
function overTls(server: TestServer, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: server.tlsPort, rejectUnauthorized: false };
    const socket = connectTls(options, () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => answer += chunk.toString());
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

test("everything at once, as one write: it is all done, in order", async (server) => {
  const all = HEADER + plain("alice", "secret") + HEADER + BIND + MESSAGE;
  const answer = await overTls(server, `${all}</stream:stream>`);
  assert.match(
    answer,
    /<stream:features>.*<success.*<stream:features>.*<iq [^]*<jid>alice@localhost\/x<\/jid>.*<message.*<\/stream:stream>$/,
  );
  assert.equal(answer.match(/<stream:stream /g)!.length, 2);
});

test("stanzas before their time end the stream, and reach nobody", async (server) => {
  const alice = await login(server, "alice", { tls: "none", password: "secret" });
  const message = `<message to='${alice.jid}'><body>too early</body></message>`;
  const early = await secure(server);
  early.send(message + plain("alice", "secret"));
  await early.streamError("not-authorized");
  // With a wrong password, the rest of what was written with it is not for a session.
  const wrong = await connect(server, { tls: "direct" });
  wrong.newStream();
  wrong.write(HEADER + plain("alice", "wrong") + message + BIND);
  await wrong.streamError("not-authorized");
  const unbound = await secure(server);
  await authenticate(unbound, "alice", "secret", "PLAIN");
  await unbound.open();
  unbound.send(message + BIND);
  await unbound.streamError("not-authorized");
  await alice.receivesNothing();
  await alice.close();
});

test("what is written in the clear behind <starttls/> is not taken for TLS's", async (server) => {
  const injected = plain("alice", "secret") + HEADER + BIND + MESSAGE;
  const client = await connect(server);
  client.newStream();
  client.write(`${HEADER}<starttls xmlns='${NS.tls}'/>${injected}`);
  await client.header();
  await client.features();
  await client.receives(`<proceed xmlns='${NS.tls}'/>`);
  await client.startTls();
  await client.open();
  assert.equal(server.host().online.has("alice"), false);
  await authenticate(client, "alice", "secret", "SCRAM-SHA-1");
  await client.open();
  await client.bind();
  await client.receivesNothing();
  await client.close();
});
