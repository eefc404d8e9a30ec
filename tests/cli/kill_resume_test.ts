/**
 * Durability with stream management (XEP-0198): the server is killed (SIGKILL) at random moments under
 * load; senders and receivers resume their sessions with the next one. A message whose sender was
 * told that it was handled comes to its receiver exactly once, is found by one who was offline exactly
 * once, and is once in the archives of both. One that was on its way when the server died is sent
 * again: it comes, and may come twice.
 */

import assert from "node:assert/strict";
import { connect, login, type TestClient } from "../helpers/client.ts";
import { page, set } from "../helpers/mam.ts";
import { authenticate } from "../helpers/sasl.ts";
import { SM } from "../helpers/sm.ts";
import { type Confab, startConfab, toml } from "./process.ts";

const ROUNDS = 6;
const PAIRS = 3;
/** Messages that wait for an acknowledgement at a time. */
const WINDOW = 30;

/** How often each of these is there. */
function counted(ids: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** Everything in the archive of an account, by the ids in the bodies. */
async function archived(confab: Confab, name: string): Promise<Map<string, number>> {
  const client = await login(confab.server, name, { tls: "none", resource: "archive" });
  const bodies: string[] = [];
  let next = "";
  for (let complete = false; !complete;) {
    const got = await page(client, set("<max>200</max>", next));
    bodies.push(...got.bodies);
    complete = got.complete;
    next = `<after>${got.last}</after>`;
  }
  client.cut();
  return counted(bodies);
}

/** What an account finds that was offline all the time. */
async function kept(confab: Confab, name: string, atLeast: number): Promise<Map<string, number>> {
  const client = await login(confab.server, name, { tls: "none", resource: "late" });
  client.send("<presence/><iq type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>");
  const ids: string[] = [];
  while (new Set(ids).size < atLeast) {
    const element = await client.next("a message that was kept");
    if (element.name === "message") ids.push(element.attrs.id!);
  }
  await client.sync();
  client.cut();
  return counted(ids);
}

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
        "connections_per_second = 0\n[modules]\nstream_management = { segment_bytes = 100000 }\n" +
        'offline = { quota = 100000, quota_bytes = "1 GiB" }\n',
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
  for (let i = 0; i < PAIRS; i++) {
    await confab.server.addUser(`o${i}@localhost`, `password of o${i}`);
  }
  let sent = 0;
  let dead = false;
  const load = async (i: number) => {
    const sender = senders[i]!;
    while (!dead) {
      while (sender.waiting < WINDOW && !dead) {
        const to = [`r${i}@localhost`, `r${i}@localhost/r`, `o${i}@localhost`][sent % 3]!;
        const id = `${to[0]}-${i}-${sent++}`;
        sender.send(`<message to='${to}' type='chat' id='${id}'><body>${id}</body></message>`);
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
  const toReceivers = [...acknowledged].filter((id) => id.startsWith("r"));
  const reading = receivers.map((r) => r.read(() => delivered.size === toReceivers.length));
  await Promise.race([
    Promise.all(reading),
    new Promise((resolve) => setTimeout(resolve, 3000)),
  ]);
  for (let i = 0; i < PAIRS; i++) {
    const expected = [...acknowledged].filter((id) => id.startsWith(`o-${i}-`)).length;
    for (const [id, n] of await kept(confab, `o${i}`, expected)) delivered.set(id, n);
  }
  const lost = [...acknowledged].filter((id) => !delivered.has(id));
  assert.deepEqual(lost, []);
  const twice = [...delivered].filter(([, n]) => n > 1).map(([id]) => id);
  assert.deepEqual(twice.filter((id) => !repeated.has(id)), [], "doubled though acknowledged");
  assert.deepEqual([...delivered].filter(([, n]) => n > 2), []);
  for (let i = 0; i < PAIRS; i++) {
    const mine = [...acknowledged].filter((id) => id.split("-")[1] === String(i));
    const archives = {
      [`s${i}`]: mine,
      [`r${i}`]: mine.filter((id) => id.startsWith("r")),
      [`o${i}`]: mine.filter((id) => id.startsWith("o")),
    };
    for (const [name, ids] of Object.entries(archives)) {
      const found = await archived(confab, name);
      assert.deepEqual(ids.filter((id) => !found.has(id)), [], `not in the archive of ${name}`);
      const doubled = [...found].filter(([id, n]) => n > 1 && !repeated.has(id));
      assert.deepEqual(doubled, [], `twice in the archive of ${name}`);
    }
  }
  assert.doesNotMatch(confab.err, /^\S+ error /m);
  console.log(
    `${ROUNDS} kills: ${total} messages, ${repeated.size} sent again, ${twice.length} of them ` +
      `had been delivered`,
  );
  for (const c of all) c.client.cut();
  await Promise.all(reading);
});
