/**
 * Durability with stream management (XEP-0198): the server is killed (SIGKILL) at random moments under
 * load; senders and receivers resume their sessions with the next one. A message whose sender was
 * told that it was handled comes to its receiver exactly once. One that was on its way when the server
 * died is sent again: it comes, and may come twice.
 */

import assert from "node:assert/strict";
import { connect, login, type TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { SM } from "../helpers/sm.ts";
import { type Confab, startConfab, toml } from "./process.ts";

const ROUNDS = 6;
const PAIRS = 3;
/** Messages that wait for an acknowledgement at a time. */
const WINDOW = 30;

/** A client that comes back. */
class Resuming {
  client!: TestClient;
  #id = "";
  /** Stanzas that have come, and stanzas that were acknowledged. */
  #received = 0;
  #acknowledged = 0;
  readonly #unacknowledged: string[] = [];
  #wake = () => {};

  constructor(
    readonly confab: Confab,
    readonly name: string,
    readonly onMessage: (id: string) => void,
    readonly onAcknowledged: (stanza: string) => void,
  ) {}

  async start(): Promise<void> {
    const { confab, name } = this;
    this.client = await login(confab.server, name, { tls: "none", resource: "r" });
    this.client.send(`<enable xmlns='${SM}' resume='true'/>`);
    const { id } = await this.client.receives(`<enabled xmlns='${SM}' resume='true' id='{id}'/>`);
    this.#id = id!;
    this.send("<presence/>");
  }

  get waiting(): number {
    return this.#unacknowledged.length;
  }

  send(stanza: string): void {
    this.#unacknowledged.push(stanza);
    this.client.send(
      `${stanza}${this.#unacknowledged.length % 5 === 1 ? `<r xmlns='${SM}'/>` : ""}`,
    );
  }

  /** Takes what comes until the connection is gone, or something is so. */
  async read(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const element = await this.client.next("a stanza").catch((e) => {
        if (/got the end/.test(String(e))) return undefined;
        throw e;
      });
      if (element === undefined) return;
      if (element.ns === SM) this.#control(element.name, Number(element.attrs.h));
      else {
        this.#received++;
        if (element.name === "message") this.onMessage(element.attrs.id!);
      }
      this.#wake();
    }
  }

  #control(name: string, h: number): void {
    if (name === "r") this.client.send(`<a xmlns='${SM}' h='${this.#received}'/>`);
    if (name === "a") this.#take(h);
  }

  #take(h: number): void {
    assert.ok(h >= this.#acknowledged, `${h} after ${this.#acknowledged}`);
    const count = h - this.#acknowledged;
    assert.ok(count <= this.#unacknowledged.length, "more than was sent");
    for (const stanza of this.#unacknowledged.splice(0, count)) this.onAcknowledged(stanza);
    this.#acknowledged = h;
  }

  /** Resumes and sends again what was not handled; gives what that was. */
  async resume(): Promise<readonly string[]> {
    const { confab, name } = this;
    this.client = await connect(confab.server);
    await this.client.open();
    await authenticate(this.client, name, `password of ${name}`, "SCRAM-SHA-1");
    await this.client.open();
    this.client.send(`<resume xmlns='${SM}' previd='${this.#id}' h='${this.#received}'/>`);
    const { h } = await this.client.receives(`<resumed xmlns='${SM}' h='{h}'/>`);
    this.#take(Number(h));
    this.client.send(this.#unacknowledged.join("") + `<r xmlns='${SM}'/>`);
    return [...this.#unacknowledged];
  }
}

Deno.test("nothing acknowledged is lost or doubled by kill -9, sessions go on", async () => {
  await using confab = await startConfab(
    toml(
      '[c2s]\nplaintext_auth = "loopback"\n[limits]\nbytes_per_second = 0\n' +
        "connections_per_second = 0\n[modules]\nstream_management = { segment_bytes = 100000 }\n",
    ).replace('"debug"', '"warn"'),
  );
  const delivered = new Map<string, number>();
  const acknowledged = new Set<string>();
  const repeated = new Set<string>();
  const idOf = (stanza: string) => /id='([^']+)'/.exec(stanza)?.[1];
  const receivers: Resuming[] = [];
  const senders: Resuming[] = [];
  for (let i = 0; i < PAIRS; i++) {
    receivers.push(
      new Resuming(confab, `r${i}`, (id) => {
        delivered.set(id, (delivered.get(id) ?? 0) + 1);
      }, () => {}),
    );
    senders.push(
      new Resuming(confab, `s${i}`, () => {}, (stanza) => {
        const id = idOf(stanza);
        if (id !== undefined) acknowledged.add(id);
      }),
    );
  }
  const all = [...receivers, ...senders];
  for (const c of all) await c.start();
  let sent = 0;
  let dead = false;
  const load = async (i: number) => {
    const sender = senders[i]!;
    while (!dead) {
      while (sender.waiting < WINDOW && !dead) {
        const to = sent % 3 === 0 ? `r${i}@localhost` : `r${i}@localhost/r`;
        sender.send(
          `<message to='${to}' type='chat' id='${i}-${sent++}'><body>hello, hello</body></message>`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    dead = false;
    const loads = senders.map((_, i) => load(i));
    const reads = all.map((c) => c.read(() => false));
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 500));
    confab.child.kill("SIGKILL");
    dead = true;
    await Promise.all(loads);
    await confab.exited();
    await Promise.all(reads);
    await confab.start();
    // In any order: one may write to another that is not back yet.
    for (const c of all.sort(() => Math.random() - 0.5)) {
      for (const stanza of await c.resume()) {
        const id = idOf(stanza);
        if (id !== undefined) repeated.add(id);
      }
    }
  }
  const total = sent;
  for (const sender of senders) sender.client.send(`<r xmlns='${SM}'/>`);
  await Promise.all(senders.map((s) => s.read(() => s.waiting === 0)));
  assert.equal(acknowledged.size, total);
  const reading = receivers.map((r) => r.read(() => delivered.size === total));
  await Promise.race([
    Promise.all(reading),
    new Promise((resolve) => setTimeout(resolve, 3000)),
  ]);
  const lost = [...acknowledged].filter((id) => !delivered.has(id));
  assert.deepEqual(lost, []);
  const twice = [...delivered].filter(([, n]) => n > 1).map(([id]) => id);
  assert.deepEqual(twice.filter((id) => !repeated.has(id)), [], "doubled though acknowledged");
  assert.deepEqual([...delivered].filter(([, n]) => n > 2), []);
  assert.doesNotMatch(confab.err, /^\S+ error /m);
  console.log(
    `${ROUNDS} kills: ${total} messages, ${repeated.size} sent again, ${twice.length} of them ` +
      `had been delivered`,
  );
  for (const c of all) c.client.cut();
  await Promise.all(reading);
});
