/**
 * Durability: the server is killed (SIGKILL) at random moments under load, and started again. What it
 * had acknowledged must be there: every message to an offline account exactly once, every roster item
 * as it was last set, or later.
 *
 * Every other kill comes in the very moment in which an acknowledgement has arrived: a server that
 * acknowledges before it has committed does not survive that.
 */

import assert from "node:assert/strict";
import { login, type TestClient } from "../helpers/client.ts";
import { withPostgres } from "../helpers/postgres.ts";
import { type Confab, startConfab, toml } from "./process.ts";

const ROUNDS = 6;
const SEED = 20_240_229;
const SENDERS = ["s1", "s2", "s3", "s4"];
const RECEIVERS = ["r1", "r2", "r3"];
const ITEMS = 12;
/** Messages before a sender waits for their acknowledgement, at most. */
const BURST = 40;
/** The last message before that is long: to commit it takes a while. */
const LONG = "x".repeat(200_000);

/** A generator with a seed (mulberry32): numbers from 0 to 1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Version {
  sent: number;
  acknowledged: number;
}

/** What was promised, and what has come of it. */
class Ledger {
  /** Messages by id: to whom, whether acknowledged, how often delivered. */
  readonly messages = new Map<string, { to: string; acknowledged: boolean; delivered: number }>();
  /** Versions of roster items, by `sender item`. */
  readonly items = new Map<string, Version>();

  acknowledged(): number {
    return [...this.messages.values()].filter((m) => m.acknowledged).length;
  }

  missing(to: string): string[] {
    return [...this.messages]
      .filter(([, m]) => m.to === to && m.acknowledged && m.delivered === 0)
      .map(([id]) => id);
  }
}

/** Sends bursts of messages and roster sets until the connection is gone. */
async function load(
  client: TestClient,
  name: string,
  round: number,
  ledger: Ledger,
  random: () => number,
  onAcknowledged: () => void,
): Promise<void> {
  for (let burst = 0;; burst++) {
    const pending: string[] = [];
    const size = 1 + Math.floor(random() * BURST);
    for (let i = 0; i < size; i++) {
      const id = `${round}-${name}-${burst}-${i}`;
      const to = RECEIVERS[Math.floor(random() * RECEIVERS.length)]!;
      ledger.messages.set(id, { to, acknowledged: false, delivered: 0 });
      pending.push(id);
      const body = i === size - 1 ? LONG : id;
      client.send(
        `<message to='${to}@localhost' type='chat' id='${id}'><body>${body}</body></message>`,
      );
    }
    try {
      if (burst % 2 === 0) await setItem(client, name, ledger, random);
      await client.request(
        `<iq type='get' id='${round}-${burst}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
        "<iq type='result'/>",
      );
    } catch (e) {
      if (/the connection ended/.test(String(e))) return;
      throw e;
    }
    for (const id of pending) ledger.messages.get(id)!.acknowledged = true;
    onAcknowledged();
  }
}

async function setItem(
  client: TestClient,
  name: string,
  ledger: Ledger,
  random: () => number,
): Promise<void> {
  const item = `contact${Math.floor(random() * ITEMS)}@example.net`;
  const key = `${name} ${item}`;
  const version = ledger.items.get(key) ?? { sent: 0, acknowledged: 0 };
  ledger.items.set(key, version);
  const mine = ++version.sent;
  await client.request(
    `<iq type='set' id='i${mine}'><query xmlns='jabber:iq:roster'>` +
      `<item jid='${item}' name='${mine}'/></query></iq>`,
    "<iq type='result'/>",
  );
  version.acknowledged = mine;
}

/** Logs in and takes what was kept; then nothing may be left. */
async function collect(confab: Confab, name: string, ledger: Ledger): Promise<void> {
  const client = await login(confab.server, name, { tls: "none" });
  client.send("<presence/>");
  const take = async (): Promise<string> => {
    const element = await client.next(`messages to ${name}`);
    const id = element.attrs.id ?? "";
    if (element.name !== "message" || id === "end") return id;
    const message = ledger.messages.get(id);
    assert.ok(message, `${name} has got ${element}`);
    assert.equal(element.attrs.type, "chat", `${element}`);
    assert.equal(message.to, name);
    assert.equal(++message.delivered, 1, `${id} has come ${message.delivered} times`);
    return id;
  };
  while (ledger.missing(name).length > 0) {
    await take().catch((e) => {
      const missing = ledger.missing(name);
      const message = `${missing.length} acknowledged messages to ${name}: ${missing[0]} ...`;
      throw new Error(`lost ${message}`, { cause: e });
    });
  }
  // What was not acknowledged may be there too.
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.send(`<message to='${client.jid}' id='end'><body>end</body></message>`);
  while (await take() !== "end");
  await client.close();

  const again = await login(confab.server, name, { tls: "none" });
  again.send("<presence/>");
  await again.eventually("<presence/>");
  await again.receivesNothing(100);
  await again.close();
}

async function checkRoster(confab: Confab, name: string, ledger: Ledger): Promise<void> {
  const client = await login(confab.server, name, { tls: "none" });
  await client.request(
    "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>",
    "<iq type='result'><query xmlns='jabber:iq:roster'/></iq>",
  );
  const kept = new Map(
    client.last.child("query")!.elements("item").map((i) => [i.attrs.jid!, Number(i.attrs.name)]),
  );
  for (const [key, { sent, acknowledged }] of ledger.items) {
    const [owner, item] = key.split(" ");
    if (owner !== name) continue;
    const version = kept.get(item!) ?? 0;
    assert.ok(
      version >= acknowledged && version <= sent,
      `${key}: acknowledged ${acknowledged}, sent ${sent}, kept ${version}`,
    );
  }
  await client.close();
}

async function story(store: string): Promise<void> {
  const config = toml(
    '[c2s]\nplaintext_auth = "loopback"\n[limits]\nbytes_per_second = 0\n' +
      'connections_per_second = 0\n[modules.offline]\nquota = 1000000\nquota_bytes = "1 GiB"\n',
  ).replace('synchronous = "normal"\n', store).replace('"debug"', '"warn"');
  await using confab = await startConfab(config);
  const random = generator(SEED);
  const ledger = new Ledger();
  for (const name of RECEIVERS) {
    await confab.addUser(`${name}@localhost`, `password of ${name}`);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const clients = await Promise.all(
      SENDERS.map((name) => login(confab.server, name, { tls: "none" })),
    );
    const atOnce = round % 2 === 1;
    let left = atOnce ? 5 + Math.floor(random() * 40) : Infinity;
    const onAcknowledged = () => {
      if (--left === 0) confab.child.kill("SIGKILL");
    };
    const loads = clients.map((client, i) => {
      const own = generator(SEED + round * 10 + i);
      return load(client, SENDERS[i]!, round, ledger, own, onAcknowledged);
    });
    if (!atOnce) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random() * 700));
      confab.child.kill("SIGKILL");
    }
    await confab.exited();
    await Promise.all(loads);
    await confab.start();
    for (const name of RECEIVERS) await collect(confab, name, ledger);
    for (const name of SENDERS) await checkRoster(confab, name, ledger);
  }
  assert.ok(ledger.acknowledged() > ROUNDS * 20, `only ${ledger.acknowledged()} acknowledged`);
  assert.doesNotMatch(confab.err, /^\S+ error /m);
  const set = [...ledger.items.values()].reduce((n, v) => n + v.acknowledged, 0);
  console.log(
    `${ROUNDS} kills: ${ledger.messages.size} messages, ${ledger.acknowledged()} acknowledged, ` +
      `${set} roster sets`,
  );
}

const cluster = await withPostgres();
Deno.test.afterAll(async () => await cluster?.stop());

Deno.test("SQLite: nothing acknowledged is lost or doubled by kill -9", () =>
  story('synchronous = "full"\n'));

if (cluster) {
  Deno.test("PostgreSQL: nothing acknowledged is lost or doubled by kill -9", async () =>
    await story(`url = "${await cluster.database()}"\n`));
}
