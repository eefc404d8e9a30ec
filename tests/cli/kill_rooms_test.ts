/**
 * Rooms and the end of the server's process: it is killed (SIGKILL) at random moments while several
 * people talk in a room with an archive. A message that its author has got back is in the archive,
 * once, and in the order in which everybody has seen it; so is one that was acknowledged by stream
 * management (XEP-0198), whose author is still in the room when the session goes on.
 */

import assert from "node:assert/strict";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { MAM, RSM } from "../helpers/mam.ts";
import { configure, enter, join, ROOM, SERVICE } from "../helpers/muc.ts";
import { authenticate } from "../helpers/sasl.ts";
import { SM } from "../helpers/sm.ts";
import type { Tag } from "../helpers/xml.ts";
import { type Confab, startConfab, toml } from "./process.ts";

const ROUNDS = 6;
const SENDERS = 4;
/** Messages of one sender that are under way at a time. */
const WINDOW = 20;

const SETTINGS = '[c2s]\nplaintext_auth = "loopback"\n' +
  "[limits]\nbytes_per_second = 0\nconnections_per_second = 0\n" +
  "[modules]\nmuc = { messages = 0, joins = 0 }\nstream_management = { segment_bytes = 100000 }\n";

const DISCO = "http://jabber.org/protocol/disco#info";
const STANZA_ID = "urn:xmpp:sid:0";

/** The whole archive of the room: ids of the archive, and of the messages' authors. */
async function archived(confab: Confab): Promise<{ ids: string[]; texts: string[] }> {
  const client = await login(confab.server, "owner", { tls: "none", resource: "archive" });
  const ids: string[] = [];
  const texts: string[] = [];
  for (let after = "";;) {
    const set = `<set xmlns='${RSM}'><max>250</max>${after}</set>`;
    client.send(`<iq type='set' id='q' to='${ROOM}'><query xmlns='${MAM}'>${set}</query></iq>`);
    let element = await client.next("a result");
    for (; element.name === "message"; element = await client.next("a result")) {
      const result = element.child("result", MAM)!;
      const said = result.child("forwarded", "urn:xmpp:forward:0")!
        .child("message", "jabber:client")!;
      if (said.child("body") === undefined) continue;
      ids.push(result.attrs.id!);
      texts.push(said.attrs.id!);
    }
    const fin = element.child("fin", MAM);
    assert.ok(fin !== undefined, `${element}`);
    if (fin.attrs.complete === "true") break;
    after = `<after>${fin.child("set", RSM)!.child("last")!.text()}</after>`;
  }
  client.cut();
  return { ids, texts };
}

/** Somebody in the room who sends as fast as it gets things back, and notes what it sees. */
class Talker {
  client!: TestClient;
  /** Ids in the archive of all that was seen in the room, in that order; one list for each process. */
  readonly seen: string[][] = [];
  /** The same of its own messages. */
  readonly reflected: string[] = [];
  readonly errors: string[] = [];
  readonly acknowledged: string[] = [];
  readonly repeated: string[] = [];
  sent = 0;
  #underWay = 0;
  #smId = "";
  #received = 0;
  #unacknowledged: string[] = [];
  #total = 0;

  constructor(readonly confab: Confab, readonly name: string, readonly managed: boolean) {}

  get nick(): string {
    return `nick of ${this.name}`;
  }

  /** The first time, and without stream management after every kill. */
  async start(): Promise<void> {
    this.seen.push([]);
    this.#underWay = 0;
    this.client = await login(this.confab.server, this.name, { tls: "none", resource: "r" });
    if (this.managed) {
      this.client.send(`<enable xmlns='${SM}' resume='true'/>`);
      const { id } = await this.client.receives(`<enabled xmlns='${SM}' id='{id}'/>`);
      this.#smId = id!;
    }
    this.#send(join(this.nick));
    for (;;) {
      const element = await this.client.next("the end of the entering");
      this.#take(element);
      if (element.name === "message" && element.child("subject") !== undefined) return;
    }
  }

  /** With stream management: it is still there, and repeats what was not acknowledged. */
  async resume(): Promise<void> {
    if (!this.managed) return await this.start();
    this.seen.push([]);
    this.client = await connect(this.confab.server);
    await this.client.open();
    await authenticate(this.client, this.name, `password of ${this.name}`, "SCRAM-SHA-1");
    await this.client.open();
    this.client.send(`<resume xmlns='${SM}' previd='${this.#smId}' h='${this.#received}'/>`);
    const { h } = await this.client.receives(`<resumed xmlns='${SM}' h='{h}'/>`);
    this.#acknowledge(Number(h));
    this.repeated.push(...this.#unacknowledged.map(idOf));
    this.client.send(this.#unacknowledged.join("") + `<r xmlns='${SM}'/>`);
  }

  #send(stanza: string): void {
    if (!this.managed) return this.client.send(stanza);
    this.#unacknowledged.push(stanza);
    this.client.send(this.sent % 5 === 0 ? `${stanza}<r xmlns='${SM}'/>` : stanza);
  }

  talk(): void {
    const waiting = () => this.managed ? this.#unacknowledged.length : this.#underWay;
    while (waiting() < WINDOW) {
      const id = `${this.name}-${this.sent++}`;
      this.#underWay++;
      this.#send(`<message type='groupchat' to='${ROOM}' id='${id}'><body>${id}</body></message>`);
    }
  }

  /** Until the connection ends, or something is so. */
  async read(isDone: () => boolean, talks: boolean): Promise<void> {
    while (!isDone()) {
      if (talks) this.talk();
      const element = await this.client.next("a stanza").catch((e) => {
        if (/got the end/.test(String(e))) return undefined;
        throw e;
      });
      if (element === undefined) return;
      this.#take(element);
    }
  }

  get waiting(): number {
    return this.#unacknowledged.length;
  }

  #take(element: Tag): void {
    if (element.ns === SM) {
      if (element.name === "r") this.client.send(`<a xmlns='${SM}' h='${this.#received}'/>`);
      if (element.name === "a") this.#acknowledge(Number(element.attrs.h));
      return;
    }
    this.#received++;
    if (element.attrs.type === "error") this.errors.push(`${element}`);
    if (element.name !== "message" || element.child("body") === undefined) return;
    // What it has missed, and the room's history, are not new.
    if (element.child("delay", "urn:xmpp:delay") !== undefined) return;
    const id = element.child("stanza-id", STANZA_ID)!.attrs.id!;
    this.seen.at(-1)!.push(id);
    if (element.attrs.from !== `${ROOM}/${this.nick}`) return;
    this.#underWay--;
    this.reflected.push(id);
  }

  #acknowledge(h: number): void {
    const count = h - this.#total;
    assert.ok(count >= 0 && count <= this.#unacknowledged.length, `${h} after ${this.#total}`);
    this.acknowledged.push(
      ...this.#unacknowledged.splice(0, count).map(idOf).filter((id) => id !== ""),
    );
    this.#total = h;
  }
}

function idOf(stanza: string): string {
  return / id='([^']+)'/.exec(stanza)?.[1] ?? "";
}

Deno.test("nothing that was seen in a room, or acknowledged, is lost or doubled by kill -9", async () => {
  await using confab = await startConfab(
    toml(SETTINGS).replace('"debug"', '"warn"').replace('"normal"', '"full"'),
  );
  const owner = await online(confab.server, "owner", { tls: "none" });
  await enter(owner, "owner");
  await configure(owner, ["persistentroom=1", "changesubject=1"]);
  owner.cut();

  const talkers = Array.from(
    { length: SENDERS },
    (_, i) => new Talker(confab, `t${i}`, i % 2 === 1),
  );
  for (const t of talkers) await t.start();
  let subject = "";
  for (let round = 0; round < ROUNDS; round++) {
    const reads = talkers.map((t) => t.read(() => false, true));
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 600));
    confab.child.kill("SIGKILL");
    await confab.exited();
    await Promise.all(reads);
    await confab.start();
    for (const t of [...talkers].sort(() => Math.random() - 0.5)) await t.resume();

    const { ids, texts } = await archived(confab);
    const place = new Map(ids.map((id, i) => [id, i]));
    assert.equal(place.size, ids.length);
    for (const { name, seen, reflected, acknowledged, repeated, managed } of talkers) {
      assert.deepEqual(reflected.filter((id) => !place.has(id)), [], `${name} has seen them`);
      for (const list of seen) {
        const places = list.map((id) => place.get(id)!);
        assert.deepEqual(places, places.toSorted((a, b) => a - b), `the order for ${name}`);
        assert.equal(new Set(places).size, places.length);
      }
      const mine = texts.filter((text) => text.startsWith(`${name}-`));
      const there = new Set(mine);
      assert.deepEqual(acknowledged.filter((id) => !there.has(id)), [], `acknowledged to ${name}`);
      const twice = mine.filter((id, i) => mine.indexOf(id) < i);
      assert.deepEqual(twice.filter((id) => !managed || !repeated.includes(id)), [], "doubled");
    }
    subject = await setSubject(confab, subject, `round ${round}`);
  }

  // Those who have resumed are in the room all along, and get all to the last.
  const managed = talkers.filter((t) => t.managed);
  for (const t of managed) t.client.send(`<r xmlns='${SM}'/>`);
  await Promise.all(managed.map((t) => t.read(() => t.waiting === 0, false)));
  for (const { errors, sent, reflected, name } of talkers) {
    assert.deepEqual(errors, [], name);
    assert.ok(reflected.length > 20 && sent > 20, `${name}: ${reflected.length} of ${sent}`);
  }
  assert.doesNotMatch(confab.err, /^\S+ error /m);
  const total = talkers.reduce((sum, t) => sum + t.reflected.length, 0);
  console.log(`${ROUNDS} kills: ${total} messages were seen by their authors, none is lost`);
  for (const t of talkers) t.client.cut();
});

/** A subject that was seen is there after the next start. Returns the new one. */
async function setSubject(confab: Confab, before: string, next: string): Promise<string> {
  const client = await online(confab.server, "owner", { tls: "none" });
  client.send(join("owner"));
  const subject = `<subject>${before === "" ? "{empty}" : before}</subject>`;
  await client.eventually(`<message type='groupchat'><body>{absent}</body>${subject}</message>`);
  client.send(`<message type='groupchat' to='${ROOM}'><subject>${next}</subject></message>`);
  await client.eventually(
    `<message from='${ROOM}/owner'><subject>${next}</subject><delay>{absent}</delay></message>`,
  );
  client.cut();
  return next;
}

Deno.test("a room that was opened is there after kill -9, one that was not is not", async () => {
  await using confab = await startConfab(toml(SETTINGS).replace('"normal"', '"full"'));
  const owner = await online(confab.server, "owner", { tls: "none" });
  await enter(owner, "owner", `open@${SERVICE}`);
  await configure(owner, ["persistentroom=1", "roomname=Open"], `open@${SERVICE}`);
  await enter(owner, "owner", `temporary@${SERVICE}`);
  await configure(owner, [], `temporary@${SERVICE}`);
  await enter(owner, "owner", `locked@${SERVICE}`);
  confab.child.kill("SIGKILL");
  await confab.exited();
  await confab.start();
  const other = await online(confab.server, "other", { tls: "none" });
  for (const [name, there] of [["open", true], ["temporary", false], ["locked", false]] as const) {
    await other.request(
      `<iq type='get' id='d-${name}' to='${name}@${SERVICE}'>` +
        `<query xmlns='${DISCO}'/></iq>`,
      there
        ? `<iq type='result'><query xmlns='${DISCO}'><identity name='Open'/></query></iq>`
        : "<iq type='error'><error type='cancel'/></iq>",
    );
  }
});
