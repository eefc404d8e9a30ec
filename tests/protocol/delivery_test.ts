/**
 * RFC 6121 §8: where messages, presence and IQs go. The tables are written from the text of §8.5; what
 * it leaves open is settled as in lib/delivery.ts.
 */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { login, NS, online } from "../helpers/client.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";
import type { Tag } from "../helpers/xml.ts";

const LOCAL: Table = { c2s: { plaintext_auth: "loopback" } };
const PLAIN = { tls: "none" } as const;

// ---- the tables ----

/**
 * How an account stands: the priorities of its resources, in order; `-` is connected and not
 * available. The rows give, for the columns of TYPES, what becomes of a message:
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
