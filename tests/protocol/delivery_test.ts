/**
 * RFC 6121 §8: where messages, presence and IQs go. The tables are written from the text of §8.5; what
 * it leaves open is settled as in lib/delivery.ts.
 */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestClient } from "../helpers/client.ts";
import { login, NS, online } from "../helpers/client.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";
import { escape, Tag } from "../helpers/xml.ts";

const LOCAL: Table = { c2s: { plaintext_auth: "loopback" } };
const PLAIN = { tls: "none" } as const;

// ---- the tables ----

/**
 * How an account stands: the priorities of its resources, in order; `-` is connected and not
 * available. The rows give, for the types of COLUMNS, what becomes of a message:
 *
 * - E: `service-unavailable` to the sender; S: nothing
 * - O: kept for later, or E where nothing keeps it
 * - D: to the resource addressed
 * - a list of digits: to these resources
 */
const CONDITIONS: readonly Condition[] = [
  condition("unknown user", undefined, {
    "bare": "E E E S S",
    "no match": "E E E S S",
  }),
  condition("no resource", "", {
    "bare": "O O E S S",
    "no match": "E O E S S",
  }),
  condition("one connected resource", "-", {
    "bare": "O O E S S",
    "match 0": "D D D D D",
    "no match": "E O E S S",
  }),
  condition("one negative resource", "-7", {
    "bare": "O O E S S",
    "match 0": "D D D D D",
    "no match": "E O E S S",
  }),
  condition("two negative resources and a connected one", "-1 -128 -", {
    "bare": "O O E S S",
    "match 0": "D D D D D",
    "match 1": "D D D D D",
    "match 2": "D D D D D",
    "no match": "E O E S S",
  }),
  condition("one resource of priority 0", "0", {
    "bare": "0 0 E 0 S",
    "match 0": "D D D D D",
    "no match": "E 0 E S S",
  }),
  condition("one positive resource", "5", {
    "bare": "0 0 E 0 S",
    "match 0": "D D D D D",
    "no match": "E 0 E S S",
  }),
  condition("different priorities", "1 9 0", {
    "bare": "1 1 E 012 S",
    "match 0": "D D D D D",
    "match 1": "D D D D D",
    "match 2": "D D D D D",
    "no match": "E 1 E S S",
  }),
  condition("equal priorities", "3 3 1", {
    "bare": "01 01 E 012 S",
    "match 0": "D D D D D",
    "match 2": "D D D D D",
    "no match": "E 01 E S S",
  }),
  condition("a negative and a non-negative resource", "-1 0", {
    "bare": "1 1 E 1 S",
    "match 0": "D D D D D",
    "match 1": "D D D D D",
    "no match": "E 1 E S S",
  }),
  condition("a connected and an available resource", "- 127", {
    "bare": "1 1 E 1 S",
    "match 0": "D D D D D",
    "match 1": "D D D D D",
    "no match": "E 1 E S S",
  }),
];

/** Values of `type`, and the column each belongs to; `undefined` is no attribute. */
const TYPES: readonly (readonly [string | undefined, number])[] = [
  ["normal", 0],
  [undefined, 0],
  ["strange", 0],
  ["chat", 1],
  ["groupchat", 2],
  ["headline", 3],
  ["error", 4],
];

type Row = readonly [address: string, outcomes: readonly string[]];

interface Condition {
  readonly name: string;
  /** Undefined: there is no such account. */
  readonly priorities: readonly string[] | undefined;
  readonly rows: readonly Row[];
}

function condition(
  name: string,
  resources: string | undefined,
  rows: Record<string, string>,
): Condition {
  return {
    name,
    priorities: resources?.split(" ").filter((p) => p !== ""),
    rows: Object.entries(rows).map(([address, text]) => [address, text.split(" ")]),
  };
}

// ---- the machinery ----

/** An account in the condition; the node of one that does not exist is not made. */
async function arrange(server: TestServer, c: Condition, node: string): Promise<TestClient[]> {
  if (c.priorities === undefined) return [];
  await server.addUser(`${node}@localhost`, `password of ${node}`);
  const clients: TestClient[] = [];
  for (const [i, priority] of c.priorities.entries()) {
    const client = await login(server, node, { ...PLAIN, resource: `r${i}` });
    if (priority !== "-") client.send(`<presence><priority>${priority}</priority></presence>`);
    clients.push(client);
  }
  for (const client of clients) await client.sync();
  for (const client of clients) client.skip();
  return clients;
}

function jidOf(address: string, node: string): string {
  if (address === "bare") return `${node}@localhost`;
  return `${node}@localhost/${address === "no match" ? "nowhere" : `r${address.at(-1)}`}`;
}

/** What has come up to now, in order: a marker of the sender's ends it. */
async function collect(sender: TestClient, client: TestClient): Promise<Tag[]> {
  await sender.sync();
  const marker = crypto.randomUUID();
  sender.send(`<message to='${client.jid}' id='${marker}' type='headline'/>`);
  const tags: Tag[] = [];
  for (;;) {
    const tag = await client.next("the marker");
    if (tag.attrs.id === marker) return tags;
    tags.push(tag);
  }
}

function isServiceUnavailable(tag: Tag): boolean {
  const error = tag.child("error", "jabber:client");
  return tag.attrs.type === "error" && error?.attrs.type === "cancel" &&
    error.child("service-unavailable", NS.stanzaErrors) !== undefined;
}

const idsOf = (tags: readonly Tag[]) => tags.map((t) => t.attrs.id);
const typeAttribute = (type: string | undefined) => type === undefined ? "" : ` type='${type}'`;

// ---- messages ----

/** Every message of the table to one account, and where each of them must show up. */
async function messages(server: TestServer, c: Condition, offline: boolean): Promise<void> {
  const node = c.name.replaceAll(" ", "-");
  const clients = await arrange(server, c, node);
  const sender = await login(server, "sender", PLAIN);
  const errors: string[] = [];
  const kept: string[] = [];
  const received: string[][] = clients.map(() => []);
  const sent = new Map<string, { to: string; type: string | undefined }>();
  for (const [address, outcomes] of c.rows) {
    const to = jidOf(address, node);
    for (const [type, column] of TYPES) {
      const id = `${address}, ${type ?? "no type"}`;
      sender.send(`<message to='${to}' id='${id}'${typeAttribute(type)}><body>x</body></message>`);
      sent.set(id, { to, type });
      const outcome = outcomes[column]!;
      if (outcome === "E" || (outcome === "O" && !offline)) errors.push(id);
      else if (outcome === "O") kept.push(id);
      else if (outcome === "D") received[Number(address.at(-1))]!.push(id);
      else if (outcome !== "S") { for (const digit of outcome) received[Number(digit)]!.push(id); }
    }
  }
  const back = await collect(sender, sender);
  assert.deepEqual(idsOf(back), errors, "errors to the sender");
  for (const error of back) {
    assert.ok(isServiceUnavailable(error), `${error}`);
    assert.equal(error.name, "message");
    assert.equal(error.attrs.from, sent.get(error.attrs.id!)!.to);
    assert.equal(error.attrs.to, sender.jid);
  }
  for (const [i, client] of clients.entries()) {
    const tags = await collect(sender, client);
    assert.deepEqual(idsOf(tags), received[i], `to resource ${i}`);
    for (const tag of tags) unchanged(tag, sent.get(tag.attrs.id!)!, sender);
  }
  if (c.priorities !== undefined) await keptFor(server, node, kept, sent, sender);
  await sender.close();
}

/** `to`, `type` and content are the sender's, `from` is its full JID. */
function unchanged(
  tag: Tag,
  { to, type }: { to: string; type: string | undefined },
  sender: TestClient,
): void {
  assert.equal(tag.attrs.to, to);
  assert.equal(tag.attrs.type, type);
  assert.equal(tag.attrs.from, sender.jid);
  assert.equal(tag.child("body")!.text(), "x");
}

/** Whoever comes next with a priority that is not negative gets what was kept, and nothing else. */
async function keptFor(
  server: TestServer,
  node: string,
  kept: readonly string[],
  sent: ReadonlyMap<string, { to: string; type: string | undefined }>,
  sender: TestClient,
): Promise<void> {
  const later = await login(server, node, { ...PLAIN, resource: "later" });
  later.send("<presence><priority>1</priority></presence>");
  await later.sync();
  const tags = (await collect(sender, later)).filter((tag) => tag.name === "message");
  assert.deepEqual(idsOf(tags), kept, "kept");
  for (const tag of tags) {
    unchanged(tag, sent.get(tag.attrs.id!)!, sender);
    assert.ok(tag.child("delay", "urn:xmpp:delay"));
  }
}

for (const offline of [true, false]) {
  const modules = ["auth", "ping", "roster", "presence", ...(offline ? ["offline"] : [])];
  Deno.test(
    `RFC 6121 §8.5.4: messages, ${offline ? "with" : "without"} offline storage`,
    (t) =>
      withServer(LOCAL, { modules }, async (server) => {
        for (const c of CONDITIONS) {
          await t.step(c.name, () => messages(server, c, offline));
        }
      }),
  );
}

Deno.test("RFC 6121 §8.5: without rosters and presence messages go the same ways", (t) =>
  withServer(LOCAL, { modules: ["auth", "ping"] }, async (server) => {
    for (const c of CONDITIONS) await t.step(c.name, () => messages(server, c, false));
  }));

// ---- presence ----

/** To whom available and unavailable presence goes: the resources, by address. */
function notified(c: Condition, address: string): number[] {
  if (address === "no match" || c.priorities === undefined) return [];
  if (address !== "bare") return [Number(address.at(-1))];
  return c.priorities.flatMap((p, i) => p === "-" ? [] : [i]);
}

Deno.test("RFC 6121 §8.5: available and unavailable presence, and its errors", (t) =>
  withServer(LOCAL, { modules: ["auth", "ping", "roster", "presence"] }, async (server) => {
    for (const c of CONDITIONS) {
      await t.step(c.name, async () => {
        const node = c.name.replaceAll(" ", "-");
        const clients = await arrange(server, c, node);
        const sender = await login(server, "sender", PLAIN);
        const received: string[][] = clients.map(() => []);
        for (const [address] of c.rows) {
          for (const type of [undefined, "unavailable", "error"]) {
            const id = `${address}, ${type ?? "available"}`;
            sender.send(
              `<presence to='${jidOf(address, node)}' id='${id}'${typeAttribute(type)}/>`,
            );
            for (const i of notified(c, address)) received[i]!.push(id);
          }
        }
        // Nothing comes back, whether the account exists or not.
        assert.deepEqual(idsOf(await collect(sender, sender)), []);
        for (const [i, client] of clients.entries()) {
          const tags = await collect(sender, client);
          assert.deepEqual(idsOf(tags), received[i], `to resource ${i}`);
          for (const tag of tags) {
            assert.equal(tag.attrs.to, jidOf(tag.attrs.id!.split(",")[0]!, node));
            assert.equal(tag.attrs.from, sender.jid);
          }
        }
        for (const client of clients) await client.close();
        await sender.close();
      });
    }
  }));

Deno.test("RFC 6121 §8.5: subscription stanzas, by the address they come with", (t) =>
  withServer(LOCAL, { modules: ["auth", "ping", "roster", "presence"] }, async (server) => {
    for (const c of CONDITIONS) {
      await t.step(c.name, async () => {
        const node = c.name.replaceAll(" ", "-");
        const clients = await arrange(server, c, node);
        for (const [address] of c.rows) {
          // An account of its own for each: what one asks twice is told once.
          const sender = await login(server, `${node} ${address}`.replaceAll(" ", "_"), PLAIN);
          for (const type of ["subscribed", "unsubscribe", "unsubscribed", "subscribe"]) {
            sender.send(`<presence to='${jidOf(address, node)}' id='${type}' type='${type}'/>`);
          }
          // A request goes to all available resources, whatever resource it was addressed to
          // (§3.1.3); what answers a request that was never made goes nowhere.
          const available = new Set(notified(c, "bare"));
          assert.deepEqual(idsOf(await collect(sender, sender)), []);
          for (const [i, client] of clients.entries()) {
            const tags = await collect(sender, client);
            assert.deepEqual(idsOf(tags), available.has(i) ? ["subscribe"] : [], `resource ${i}`);
            for (const tag of tags) {
              assert.equal(tag.attrs.to, `${node}@localhost`);
              assert.equal(tag.attrs.from, sender.jid.split("/")[0]);
            }
          }
          await sender.close();
        }
      });
    }
  }));

Deno.test("RFC 6121 §8.5.1, §4.3.2: a probe tells a stranger nothing about an account", () =>
  withServer(LOCAL, { modules: ["auth", "ping", "roster", "presence"] }, async (server) => {
    const sender = await login(server, "sender", PLAIN);
    await server.addUser("away@localhost", "secret");
    const here = await online(server, "here", PLAIN);
    const answers: string[] = [];
    for (const to of ["nobody@localhost", "away@localhost", "here@localhost", here.jid]) {
      sender.send(`<presence to='${to}' type='probe'/>`);
      const tags = await collect(sender, sender);
      answers.push(tags.map((tag) => tag.toString().replaceAll(to.split("/")[0]!, "?")).join());
    }
    assert.deepEqual(new Set(answers).size, 1, answers.join("\n"));
    await here.receivesNothing();
  }));

// ---- IQs ----

const UNKNOWN = "<query xmlns='urn:example:unknown'/>";

Deno.test("RFC 6121 §8.5: IQs", (t) =>
  withServer(LOCAL, { modules: ["auth", "ping", "roster", "presence"] }, async (server) => {
    for (const c of CONDITIONS) {
      await t.step(c.name, async () => {
        const node = c.name.replaceAll(" ", "-");
        const clients = await arrange(server, c, node);
        const sender = await login(server, "sender", PLAIN);
        // §8.5.3.1: only those who see it may ask a resource; the first one shows itself.
        clients[0]?.send(`<presence to='${sender.jid}'/>`);
        await clients[0]?.sync();
        sender.skip();
        const refused: string[] = [];
        const received: string[][] = clients.map(() => []);
        for (const [address] of c.rows) {
          for (const type of ["get", "set", "result", "error"]) {
            const id = `${address}, ${type}`;
            sender.send(
              `<iq to='${jidOf(address, node)}' id='${id}' type='${type}'>${UNKNOWN}</iq>`,
            );
            const request = type === "get" || type === "set";
            const matches = address.startsWith("match");
            if (matches && (!request || address === "match 0")) {
              received[Number(address.at(-1))]!.push(id);
            } else if (request) refused.push(id);
          }
        }
        const back = await collect(sender, sender);
        assert.deepEqual(idsOf(back), refused, "errors to the sender");
        for (const error of back) {
          assert.ok(isServiceUnavailable(error), `${error}`);
          assert.equal(error.name, "iq");
          assert.equal(error.attrs.from, jidOf(error.attrs.id!.split(",")[0]!, node));
        }
        for (const [i, client] of clients.entries()) {
          const tags = await collect(sender, client);
          assert.deepEqual(idsOf(tags), received[i], `to resource ${i}`);
          for (const tag of tags) {
            assert.equal(tag.attrs.to, client.jid);
            assert.equal(tag.attrs.from, sender.jid);
            assert.ok(tag.child("query", "urn:example:unknown"));
          }
        }
        for (const client of clients) await client.close();
        await sender.close();
      });
    }
  }));

// ---- other addresses ----

Deno.test("RFC 6120 §10.5.1: stanzas to the host itself, and to resources of it", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    for (const to of ["localhost", "localhost/nowhere", "LOCALHOST"]) {
      const from = to.toLowerCase();
      for (const [type] of TYPES) {
        alice.send(`<message to='${to}' id='m'${typeAttribute(type)}><body>x</body></message>`);
        if (type === "error") continue;
        await alice.receives(`<message type='error' id='m' from='${from}'/>`);
        assert.ok(isServiceUnavailable(alice.last));
      }
      for (const type of ["get", "set"]) {
        alice.send(`<iq to='${to}' id='i' type='${type}'>${UNKNOWN}</iq>`);
        await alice.receives(`<iq type='error' id='i' from='${from}'/>`);
        assert.ok(isServiceUnavailable(alice.last));
      }
      for (const type of ["result", "error"]) {
        alice.send(`<iq to='${to}' id='i' type='${type}'/>`);
      }
      for (
        const type of [
          undefined,
          "unavailable",
          "subscribe",
          "subscribed",
          "unsubscribe",
          "unsubscribed",
          "probe",
          "error",
        ]
      ) {
        alice.send(`<presence to='${to}'${typeAttribute(type)}/>`);
      }
      await alice.receivesNothing();
    }
  }));

Deno.test("RFC 6120 §10.3: stanzas without `to`", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await online(server, "alice", PLAIN);
    const other = await online(server, "alice", {
      ...PLAIN,
      presence: "<presence><priority>-1</priority></presence>",
    });
    alice.skip();
    alice.send("<message type='chat' id='m'><body>note to self</body></message>");
    await alice.receives(
      `<message type='chat' id='m' from='${alice.jid}' to='alice@localhost'><body>note to self</body></message>`,
    );
    // The account answers.
    alice.send(`<iq type='get' id='known'><query xmlns='jabber:iq:roster'/></iq>`);
    await alice.receives("<iq type='result' id='known'><query xmlns='jabber:iq:roster'/></iq>");
    alice.send(`<iq type='get' id='unknown'>${UNKNOWN}</iq>`);
    await alice.receives("<iq type='error' id='unknown' from='alice@localhost'/>");
    assert.ok(isServiceUnavailable(alice.last));
    alice.send("<iq type='result' id='r'/><iq type='error' id='e'/>");
    for (const type of ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "x"]) {
      alice.send(`<presence id='p' type='${type}'/>`);
      await alice.receives(
        `<presence type='error' id='p'><error type='modify'><bad-request xmlns='${NS.stanzaErrors}'/></error></presence>`,
      );
    }
    alice.send("<presence type='error' id='p'/><presence type='probe' id='p'/>");
    await alice.receivesNothing();
    await other.receivesNothing();
  }));

Deno.test("stanzas to oneself, bare and full, come back like anybody's", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await online(server, "alice", { ...PLAIN, resource: "one" });
    const two = await login(server, "alice", { ...PLAIN, resource: "two" });
    for (const to of ["alice@localhost", alice.jid]) {
      alice.send(`<message to='${to}' id='m' type='chat'><body>x</body></message>`);
      await alice.receives(`<message to='${to}' from='${alice.jid}' id='m' type='chat'/>`);
    }
    // An account may ask its own resources, whether they are available or not.
    for (const client of [alice, two]) {
      alice.send(`<iq to='${client.jid}' id='i' type='get'>${UNKNOWN}</iq>`);
      await client.receives(
        `<iq to='${client.jid}' from='${alice.jid}' id='i' type='get'>${UNKNOWN}</iq>`,
      );
      client.send(`<iq to='${alice.jid}' id='i' type='result'/>`);
      await alice.receives(`<iq to='${alice.jid}' from='${client.jid}' id='i' type='result'/>`);
    }
    alice.send(`<presence to='${two.jid}' id='p'/>`);
    await two.receives(`<presence to='${two.jid}' from='${alice.jid}' id='p'/>`);
    await alice.receivesNothing();
  }));

Deno.test("RFC 6121 §8.3: remote domains cannot be reached", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    const unreachable = async (kind: string, to: string) => {
      await alice.receives(
        `<${kind} type='error' id='x' from='${to}' to='${alice.jid}'><error type='cancel'>` +
          `<remote-server-not-found xmlns='${NS.stanzaErrors}'/></error></${kind}>`,
      );
    };
    for (const to of ["bob@remote.test", "bob@remote.test/x", "remote.test", "[::1]"]) {
      for (const [type] of TYPES) {
        alice.send(`<message to='${to}' id='x'${typeAttribute(type)}><body>x</body></message>`);
        if (type !== "error") await unreachable("message", to);
      }
      for (const type of ["get", "set"]) {
        alice.send(`<iq to='${to}' id='x' type='${type}'>${UNKNOWN}</iq>`);
        await unreachable("iq", to);
      }
      alice.send(`<iq to='${to}' id='x' type='result'/><iq to='${to}' id='x' type='error'/>`);
      alice.send(`<presence to='${to}' id='x'/>`);
      await unreachable("presence", to);
      for (const type of ["unavailable", "probe", "error"]) {
        alice.send(`<presence to='${to}' id='x' type='${type}'/>`);
      }
      await alice.receivesNothing();
    }
  }));

Deno.test("RFC 6120 §8.3.1: an error is never answered with an error", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    await server.addUser("bob@localhost", "secret");
    for (
      const to of [
        "bob@localhost",
        "bob@localhost/nowhere",
        "nobody@localhost",
        "nobody@localhost/x",
        "localhost",
        "localhost/x",
        "remote.test",
        "bob@remote.test",
        "a@@b",
        "@",
      ]
    ) {
      for (const kind of ["message", "presence", "iq"]) {
        alice.send(`<${kind} to='${to}' id='x' type='error'><error type='cancel'/></${kind}>`);
      }
      alice.send(`<iq to='${to}' id='x' type='result'/>`);
    }
    await alice.receivesNothing();
  }));

Deno.test("RFC 6120 §8.1.3: ids come back as they were, whatever they are", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    const bob = await login(server, "bob", PLAIN);
    const ids = ["", " ", "x".repeat(5000), "<&>'\"", "ünïcödé 🙂", "__proto__", "a\u00a0b"];
    for (const id of ids) {
      const attribute = `id='${escape(id)}'`;
      alice.send(`<message to='${bob.jid}' ${attribute}/>`);
      assert.equal((await bob.next()).attrs.id, id);
      alice.send(`<message to='nobody@localhost' ${attribute}/>`);
      assert.equal((await alice.next()).attrs.id, id);
    }
    alice.send(`<message to='${bob.jid}'/><message to='nobody@localhost'/>`);
    assert.equal((await bob.next()).attrs.id, undefined);
    assert.equal((await alice.next()).attrs.id, undefined);
  }));

Deno.test("the error of an IQ returns its payload, namespaces and all", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    const payload =
      "<a:b xmlns:a='urn:a' a:c='1'><d xmlns='urn:d'>x &amp; y</d><e xmlns=''/></a:b>";
    alice.send(`<iq to='nobody@localhost' type='set' id='i'>${payload}</iq>`);
    await alice.receives(
      `<iq type='error' id='i'>${payload}<error><service-unavailable xmlns='${NS.stanzaErrors}'/></error></iq>`,
    );
  }));

// ---- order ----

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
    slow.send(`<message to='${bob.jid}'><body>0</body><wait>1000</wait></message>`);
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
