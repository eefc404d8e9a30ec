/**
 * Events of accounts (XEP-0163): a publication that many contacts hear of, and the last items of many
 * contacts for one that comes online. Contacts are sessions on transports that are only memory, which
 * say by a hook that they want the events.
 */

import { clientFeatures, clientFeaturesKnown } from "../../lib/hooks/disco.ts";
import type { Affiliation } from "../../lib/hooks/pubsub_storage.ts";
import {
  pubsubAffiliationSet,
  pubsubNodeSave,
  pubsubSubscriptionSet,
} from "../../lib/hooks/pubsub_storage.ts";
import { pepPublish } from "../../lib/hooks/pubsub.ts";
import { rosterSetItem } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import type { Session } from "../../lib/session.ts";
import { iq, presence } from "../../lib/stanza.ts";
import { XmppStream } from "../../lib/stream/stream.ts";
import { xml } from "../../lib/xml/element.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { type Figure, scaled } from "./figure.ts";
import { MemoryTransport } from "./memory_transport.ts";

const PUBSUB = "http://jabber.org/protocol/pubsub";
const NODES = ["urn:bench:a", "urn:bench:b", "urn:bench:c"];
const FEATURES: ReadonlySet<string> = new Set(NODES.map((n) => `${n}+notify`));

interface Client {
  readonly session: Session;
  readonly transport: MemoryTransport;
}

export async function pubsubFigures(scale: number): Promise<Figure[]> {
  const server = await startServer({ log: { level: "warn" } });
  try {
    server.host().hooks.add(clientFeatures, "bench", () => FEATURES, { priority: 1000 });
    const many = scaled(10_000, scale);
    return [
      ...await fanOut(server, many),
      ...await subscribers(server, many),
      ...await logins(server, scale),
    ];
  } finally {
    await server.stop();
  }
}

async function fanOut(server: TestServer, contacts: number): Promise<Figure[]> {
  const juliet = parseJid("juliet@localhost")!;
  await befriend(server, juliet, contacts);
  const clients: Client[] = [];
  await online(server, "juliet");
  for (let i = 0; i < contacts; i++) clients.push(await online(server, `contact${i}`));
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    for (const c of clients) c.transport.take();
    const start = performance.now();
    await publish(server, juliet, NODES[0]!, `item${round}`);
    server.inner.flusher.flush();
    best = Math.min(best, performance.now() - start);
    for (const { transport, session } of clients) {
      if (!transport.take().includes(`item${round}`)) throw new Error(`${session.jid} got nothing`);
    }
  }
  return [{ what: `an event to ${contacts} contacts`, unit: "ms", value: best }];
}

/** The contacts of before have subscribed to a node of the service, by their bare JIDs. */
async function subscribers(server: TestServer, count: number): Promise<Figure[]> {
  const { hooks } = server.host();
  const { router, flusher } = server.inner;
  const service = parseJid("pubsub.localhost")!;
  const record = { name: "feed", created: 0, creator: "juliet@localhost", options: {} };
  await hooks.ask(pubsubNodeSave, service, record);
  const as = "owner" as Affiliation | "none";
  await hooks.ask(pubsubAffiliationSet, service, "feed", "juliet@localhost", as);
  const all: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const jid = `contact${i}@localhost`;
    const subscription = { jid, state: "subscribed" as const, options: {} };
    all.push(hooks.ask(pubsubSubscriptionSet, service, "feed", jid, subscription));
  }
  await Promise.all(all);
  const juliet = server.host().online.get("juliet")!.sessions[0]!;
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const payload = xml("tune", "urn:bench", {}, xml("artist", "urn:bench", {}, "x"));
    const item = xml("item", PUBSUB, { id: `${round}` }, payload);
    const publish = xml("pubsub", PUBSUB, {}, xml("publish", PUBSUB, { node: "feed" }, item));
    const request = iq({ type: "set", id: "p", from: juliet.jid, to: service }, publish);
    const start = performance.now();
    await router.route(request);
    flusher.flush();
    best = Math.min(best, performance.now() - start);
  }
  return [{ what: `an event to ${count} subscribers, by bare JID`, unit: "ms", value: best }];
}

async function logins(server: TestServer, scale: number): Promise<Figure[]> {
  const contacts = scaled(1000, scale);
  const romeo = parseJid("romeo@localhost")!;
  await befriend(server, romeo, contacts);
  for (let i = 0; i < contacts; i++) {
    const owner = parseJid(`contact${i}@localhost`)!;
    await Promise.all(NODES.map((node) => publish(server, owner, node, "last")));
  }
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const { session, transport } = await online(server, "romeo", `r${round}`);
    const start = performance.now();
    await server.host().hooks.tell(clientFeaturesKnown, session, FEATURES);
    let text = "";
    while (text.split("<message ").length - 1 < contacts * NODES.length) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      server.inner.flusher.flush();
      text += transport.take();
      if (performance.now() - start > 20_000) throw new Error("the last items did not come");
    }
    times.push(performance.now() - start);
  }
  const what = `last items of ${NODES.length} nodes of ${contacts} contacts`;
  return [
    { what: `${what}, the first time`, unit: "ms", value: times[0] },
    { what: `${what}, later`, unit: "ms", value: Math.min(...times.slice(1)) },
  ];
}

async function publish(server: TestServer, owner: Jid, node: string, text: string): Promise<void> {
  const payload = xml("tune", "urn:bench", {}, xml("artist", "urn:bench", {}, text));
  await server.host().hooks.ask(pepPublish, owner, node, { id: "current", payload });
}

/** So many contacts that see the presence of the account, and the other way round. */
async function befriend(server: TestServer, account: Jid, contacts: number): Promise<void> {
  const { hooks } = server.host();
  const nothing = { name: "", ask: false, approved: false, groups: [], pendingIn: undefined };
  const all: unknown[] = [];
  for (let i = 0; i < contacts; i++) {
    const jid = `contact${i}@localhost`;
    const item = { ...nothing, jid, subscription: "both" as const, listed: true };
    all.push(hooks.ask(rosterSetItem, account, item));
  }
  await Promise.all(all);
}

async function online(server: TestServer, name: string, resource = "bench"): Promise<Client> {
  const host = server.host();
  const transport = new MemoryTransport();
  const stream = new XmppStream(transport, host.streamSettings, {
    onHeader() {},
    onElement() {},
    onClosed() {},
  });
  stream.sendHeader({ version: "1.0" }, NS.client);
  const jid = parseJid(`${name}@localhost/${resource}`)!;
  const session = await host.bind(jid, { stream, lang: "en", guest: false, loginBegun: 0 });
  // Only that it is available matters here, not who hears of it.
  session.presence = presence({ from: jid });
  return { session, transport };
}
