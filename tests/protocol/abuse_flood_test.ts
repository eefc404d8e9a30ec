/** More than one client should send or leave unread; and what the others notice of it. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScript } from "../helpers/child.ts";
import type { TestClient } from "../helpers/client.ts";
import { login, online } from "../helpers/client.ts";
import { held, logged, memoryInUse, sleep, undisturbed, until } from "../helpers/raw.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

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
      withServer(laid, { modules: ["auth", "ping", "roster", "presence"] }, async (server) => {
        await undisturbed(server, () => attack(server));
      }),
  );
}

const PLAIN = { tls: "none" } as const;

/** Sends `count` stanzas in large writes, never far ahead of what the server has taken. */
async function flood(client: TestClient, count: number, stanza: (i: number) => string) {
  const BATCH = 1000;
  for (let from = 0; from < count; from += BATCH) {
    let text = "";
    for (let i = from; i < Math.min(from + BATCH, count); i++) text += stanza(i);
    client.write(text);
    await until(() => client.unsent < 1_000_000, "the server takes what is sent");
  }
}

// ---- slow readers ----

test(
  "limits.output_bytes: who does not read is given up; sender and others go on",
  async (server) => {
    const slow = await login(server, "slow", PLAIN);
    const sender = await login(server, "sender", PLAIN);
    const body = "x".repeat(500);
    const message = (i: number) =>
      `<message to='${slow.jid}' type='headline' id='${i}'><body>${body}</body></message>`;
    await flood(sender, 2000, (i) => message(i));
    await sender.sync();
    await slow.sync();
    slow.skip();
    const before = await memoryInUse();
    slow.pause();
    const started = performance.now();
    let worst = 0;
    let most = 0;
    // The system's own buffers take some megabytes before ours fill.
    for (let i = 0; i < 50; i++) {
      const start = performance.now();
      await flood(sender, 1000, (k) => message(1000 * i + k));
      await sender.sync();
      sender.transcript.length = 0; // it holds on to all that was sent
      worst = Math.max(worst, performance.now() - start);
      most = Math.max(most, Deno.memoryUsage().heapUsed + Deno.memoryUsage().external);
    }
    assert.ok(performance.now() - started < 20_000);
    assert.ok(worst < 2000, `1000 messages took ${worst} ms`);
    await until(() => server.host().online.get("slow") === undefined, "the end of the session");
    assert.ok(logged(server, "reads too slowly").length === 1);
    assert.ok(logged(server, `"session ended"`).some((l) => l.includes("resource-constraint")));
    await until(() => held(server).connections === 3, "the end of the connection");
    slow.cut();
    const more = await memoryInUse() - before;
    assert.ok(more < 3_000_000, `${more} bytes more than before`);
    assert.ok(most - before < 60_000_000, `${most - before} bytes more in between`);
    await sender.close();
  },
  { limits: { output_bytes: 1_000_000 }, c2s: { close_timeout: "500ms" } },
);

test("limits.output_bytes: who reads a little late gets it all", async (server) => {
  const slow = await login(server, "slow", PLAIN);
  const sender = await login(server, "sender", PLAIN);
  slow.pause();
  const body = "x".repeat(1000);
  await flood(
    sender,
    5000,
    (i) => `<message to='${slow.jid}' type='headline' id='${i}'><body>${body}</body></message>`,
  );
  await sender.sync();
  await sleep(200);
  slow.resume();
  for (let i = 0; i < 5000; i++) assert.equal((await slow.next()).attrs.id, `${i}`);
  await slow.close();
  await sender.close();
}, { limits: { output_bytes: "64 MiB" } });

test("limits.output_bytes: one session is given up, the account's other is not", async (server) => {
  const slow = await online(server, "bob", { ...PLAIN, resource: "slow" });
  const quick = await online(server, "bob", { ...PLAIN, resource: "quick" });
  const sender = await login(server, "sender", PLAIN);
  await slow.sync();
  for (const client of [slow, quick]) client.skip();
  slow.pause();
  const COUNT = 200;
  const text = "x".repeat(100_000);
  let next = 0;
  for (let i = 0; i < COUNT; i++) {
    sender.send(`<presence to='bob@localhost' id='${i}'><status>${text}</status></presence>`);
    while (next <= i) {
      const tag = await quick.next();
      if (tag.attrs.from === slow.jid) assert.equal(tag.attrs.type, "unavailable");
      else assert.equal(tag.attrs.id, `${next++}`);
    }
  }
  await until(() => server.host().online.get("bob")!.sessions.length === 1, "one session of two");
  slow.cut();
  await quick.close();
  await sender.close();
}, { limits: { output_bytes: "256 KiB" }, c2s: { close_timeout: "300ms" } });

test("who asks and never reads the answers is given up, too", async (server) => {
  const mallory = await login(server, "mallory", PLAIN);
  mallory.pause();
  const ping = "<iq type='get' id='x' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>".repeat(
    2000,
  );
  for (let i = 0; i < 200 && server.host().online.has("mallory"); i++) {
    mallory.write(ping);
    await sleep(5);
  }
  await until(() => !server.host().online.has("mallory"), "the end of the session");
  mallory.cut();
}, { limits: { output_bytes: "64 KiB", stanza_bytes: "64 KiB" }, c2s: { close_timeout: "300ms" } });

// ---- floods ----

/** A client in a process of its own, whose work is not the server's. */
const FLOODER = `
import { login } from "ROOT/tests/helpers/client.ts";
const server = { port: PORT, clients: new Set(), addUser: async () => {} };
const mallory = await login(server as never, "mallory", { tls: "none" });
const COUNT = 100_000;
const BATCH = 1000;
for (let from = 0; from < COUNT; from += BATCH) {
  let text = "";
  for (let i = from; i < from + BATCH; i++) {
    text += \`<iq type='get' id='p\${i}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>\`;
  }
  mallory.write(text);
  while (mallory.unsent > 1_000_000) await new Promise((resolve) => setTimeout(resolve, 1));
}
for (let i = 0; i < COUNT; i++) {
  const { id } = (await mallory.next()).attrs;
  if (id !== \`p\${i}\`) throw new Error(\`\${id} instead of p\${i}\`);
}
await mallory.close();
console.log("answered");
`;

test("a hundred thousand pings from one; another's chat does not wait for them", async (server) => {
  await server.addUser("mallory@localhost", "password of mallory");
  const alice = await online(server, "alice", PLAIN);
  const bob = await online(server, "bob", PLAIN);
  const folder = await mkdtemp(join(tmpdir(), "confab-flood-"));
  try {
    let running = true;
    const flooder = runScript(folder, FLOODER.replace("PORT", `${server.port}`))
      .finally(() => running = false);
    await until(() => server.host().online.has("mallory") || !running, "the flood");
    const times: number[] = [];
    while (server.host().online.has("mallory")) {
      const start = performance.now();
      alice.send("<message to='bob@localhost' type='chat'><body>still there?</body></message>");
      await bob.receives("<message from='alice@localhost/{any}'/>");
      times.push(performance.now() - start);
      await sleep(5);
    }
    assert.equal(await flooder, "answered\n");
    times.sort((a, b) => a - b);
    const median = times[times.length >> 1]!;
    assert.ok(times.length >= 20, `${times.length} messages only`);
    assert.ok(median < 100, `half of ${times.length} messages took more than ${median} ms`);
    assert.ok(times.at(-1)! < 1500, `one message took ${times.at(-1)} ms`);
  } finally {
    await rm(folder, { recursive: true });
  }
  for (const client of [alice, bob]) await client.close();
});

test(
  "limits.bytes_per_second, limits.burst_bytes: input waits, and nothing is lost",
  async (server) => {
    const mallory = await login(server, "mallory", PLAIN);
    const alice = await online(server, "alice", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    const body = "x".repeat(900);
    const COUNT = 200;
    const size = COUNT * 1000;
    const started = performance.now();
    let text = "";
    for (let i = 0; i < COUNT; i++) {
      const start = `<message to='${bob.jid}' type='chat' id='${1000 + i}'><body>`;
      text += start + body.slice(0, 1000 - start.length - 17) + "</body></message>";
    }
    mallory.write(text);
    // The others are not slowed.
    for (let i = 0; i < 10; i++) {
      const start = performance.now();
      alice.send("<message to='bob@localhost' type='chat' id='alice'><body>hi</body></message>");
      await alice.sync();
      assert.ok(performance.now() - start < 250);
    }
    for (let i = 0; i < COUNT;) {
      const { id } = (await bob.next()).attrs;
      if (id !== "alice") assert.equal(id, `${1000 + i++}`);
    }
    const seconds = (performance.now() - started) / 1000;
    // 80,000 bytes are free (less the login), what is beyond comes at 60,000 a second.
    const least = (size - 80_000 - 65_536) / 60_000;
    assert.ok(seconds >= least && seconds < 6, `${seconds} s`);
    for (const client of [mallory, alice, bob]) await client.close();
  },
  { limits: { bytes_per_second: 60_000, burst_bytes: 80_000 } },
);

test("a flood to accounts that do not exist, and of presence", async (server) => {
  const mallory = await login(server, "mallory", PLAIN);
  const before = await memoryInUse();
  await flood(mallory, 5000, (i) => `<message to='nobody${i}@localhost' type='headline'/>`);
  await flood(mallory, 5000, (i) => `<presence to='nobody${i}@localhost' type='probe'/>`);
  await flood(mallory, 5000, (i) => `<presence><status>${i}</status></presence>`);
  await mallory.sync();
  mallory.skip();
  const more = await memoryInUse() - before;
  assert.ok(more < 10_000_000, `${more} bytes more`);
  await mallory.close();
});

test("directed presence to ever new addresses has an end", async (server) => {
  const mallory = await online(server, "mallory", PLAIN);
  for (let i = 0; i < 1100; i++) mallory.send(`<presence to='nobody${i}@localhost'/>`);
  await mallory.receives("<presence type='error' from='nobody1000@localhost'/>");
  mallory.skip();
  await mallory.close();
});
