/** RFC 6120 §10.1: stanzas keep their order, and whoever takes time over one holds up no others. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestClient } from "../helpers/client.ts";
import { online } from "../helpers/client.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

const LOCAL: Table = { c2s: { plaintext_auth: "loopback" } };
const PLAIN = { tls: "none" } as const;

/** The next `count` messages' bodies. */
async function bodies(client: TestClient, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push((await client.next()).child("body")!.text());
  return all;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

const numbered = (to: string, i: number) =>
  `<message to='${to}' type='chat'><body>${i}</body></message>`;

Deno.test("RFC 6120 §10.1: a thousand messages each way keep their order", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await online(server, "alice", PLAIN);
    const bob = await online(server, "bob", { tls: "starttls" });
    for (let i = 0; i < 1000; i++) {
      // To the full and the bare JID by turns: both ways are one order.
      alice.send(numbered(i % 2 === 0 ? bob.jid : "bob@localhost", i));
      bob.send(numbered(i % 2 === 0 ? "alice@localhost" : alice.jid, i));
      if (i % 100 === 0) await alice.sync();
    }
    assert.deepEqual(await bodies(bob, 1000), numbers(1000));
    assert.deepEqual(await bodies(alice, 1000), numbers(1000));
  }));

/** A module from outside, whose filter waits for some of the messages. */
const SLOW_FILTER = `
import { defineModule } from "LIB/module.ts";
import { stanzaFromClient, sessionSend } from "LIB/hooks/stanzas.ts";

const wait = async (stanza: { childText(name: string): string | undefined }) => {
  const ms = Number(stanza.childText("wait") ?? "");
  await new Promise((resolve) => setTimeout(resolve, ms));
  return undefined;
};

export default defineModule({
  name: "slow",
  description: "Waits as long as a message says",
  setup(host) {
    host.on(stanzaFromClient, (s) => s.child("wait") === undefined ? undefined : wait(s));
    host.on(sessionSend, (s) => s.attrs.id === "late" ? wait(s) : undefined);
  },
});
`;

async function withSlowFilter(f: (server: TestServer) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-slow-"));
  try {
    const source = join(folder, "slow.ts");
    await writeFile(
      source,
      SLOW_FILTER.replaceAll("LIB", new URL("../../lib", import.meta.url).href),
    );
    const settings = { ...LOCAL, modules: { slow: { source } } };
    await withServer(settings, { modules: ["auth", "ping", "roster", "presence"] }, f);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("a module that takes its time holds up one session, and keeps its order", () =>
  withSlowFilter(async (server) => {
    const slow = await online(server, "slow", PLAIN);
    const quick = await online(server, "quick", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    const start = performance.now();
    for (let i = 0; i < 200; i++) {
      const wait = i === 10 ? "<wait>1500</wait>" : i % 50 === 49 ? "<wait>1</wait>" : "";
      slow.send(`<message to='${bob.jid}' type='chat'><body>${i}</body>${wait}</message>`);
    }
    const before = await bodies(bob, 10);
    assert.deepEqual(before, numbers(10));
    // Meanwhile others are served.
    for (let i = 0; i < 100; i++) quick.send(numbered(bob.jid, i));
    assert.deepEqual(await bodies(bob, 100), numbers(100));
    await quick.sync();
    assert.ok(performance.now() - start < 1400, "the others had to wait");
    assert.deepEqual(await bodies(bob, 190), numbers(200).slice(10));
    assert.ok(performance.now() - start >= 1450);
  }));

Deno.test("input that comes while a module takes its time is bounded", () =>
  withSlowFilter(async (server) => {
    const slow = await online(server, "slow", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    slow.send(`<message to='${bob.jid}'><body>0</body><wait>3000</wait></message>`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const filler = "x".repeat(30_000);
    const COUNT = 800;
    for (let i = 1; i <= COUNT; i++) {
      slow.send(
        `<message to='${bob.jid}'><body>${i}</body><x xmlns='urn:x'>${filler}</x></message>`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 400));
    // The rest is still with the client: the server has stopped reading.
    assert.ok(slow.unsent > 5_000_000, `${slow.unsent} bytes are unsent`);
    assert.deepEqual(await bodies(bob, COUNT + 1), numbers(COUNT + 1));
  }));

Deno.test("a module that takes its time over what goes out: the sender waits, in order", () =>
  withSlowFilter(async (server) => {
    const alice = await online(server, "alice", PLAIN);
    const carol = await online(server, "carol", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    alice.send(`<message to='${bob.jid}'><body>0</body></message>`);
    alice.send(`<message to='${bob.jid}' id='late'><body>1</body></message>`);
    alice.send(`<message to='${bob.jid}'><body>2</body></message>`);
    carol.send(`<message to='${alice.jid}'><body>hi</body></message>`);
    await alice.receives("<message><body>hi</body></message>");
    assert.deepEqual(await bodies(bob, 3), ["0", "1", "2"]);
  }));
