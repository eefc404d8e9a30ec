/**
 * The last items of the nodes of accounts, for clients that come online (XEP-0163 §4.3.4) or get to
 * see an account: of one's own nodes and of contacts' on this host, as far as the client has asked for
 * them by `+notify` in its capabilities.
 *
 * A login asks the store for the contacts that are known to have one of the nodes, or of whom nothing
 * is known: once, unless there are hundreds of them. Which nodes an account has is remembered.
 */

import { isBlocked } from "../../lib/hooks/blocking.ts";
import { clientFeatures, clientFeaturesKnown } from "../../lib/hooks/disco.ts";
import { presenceChanged } from "../../lib/hooks/presence.ts";
import { type LastItem, pubsubLastItems, pubsubNodeNames } from "../../lib/hooks/pubsub_storage.ts";
import { rosterGet, rosterGetItem } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { Recent } from "../../lib/recent.ts";
import { type Session, slot } from "../../lib/session.ts";
import { sessionClosed } from "../../lib/hooks/streams.ts";
import { inGroups } from "./access.ts";
import { configOf, type NodeConfig } from "./config.ts";
import type { Engine } from "./engine.ts";
import { lastItemMessage } from "./events.ts";
import { isFresh, sizeOf } from "./items.ts";
import { isSubscribed, type Node } from "./node.ts";
import { Pace, Turns } from "./pace.ts";
import { sendTo } from "./recipients.ts";
import { sendSince, sinceOf } from "./since.ts";

/** The nodes whose last items a client has had since it came online. */
const served = slot<ReadonlySet<string>>();

const NONE: readonly string[] = [];
/** Items handled in one turn of the event loop. */
const PER_TURN = 100;

const NOTIFY = "+notify";

/** Nodes of which a session is served: it may show ever new capabilities. */
const MOST_WISHES = 10_000;

/** Nodes whose last items are read at a time: payloads may be large. */
const PAIRS_AT_A_TIME = 250;

export class Interests {
  readonly #engine: Engine;
  readonly #most: number;
  readonly #turns = new Turns();
  /** The names of an account's nodes. Lists with the same names are one. */
  readonly #names: Recent<readonly string[]>;
  /** Accounts whose names are being asked for, as long as the answers will not be out of date. */
  readonly #asking = new Set<Set<string>>();
  readonly #lists = new Recent<readonly string[]>(4096);
  /** What features ask for, by the shared set of a client's features. */
  readonly #asked = new WeakMap<ReadonlySet<string>, readonly string[]>();

  /** @param most items sent to a client that comes online */
  constructor(engine: Engine, accounts: number, most: number) {
    this.#engine = engine;
    this.#most = most;
    this.#names = new Recent(2 * accounts);
    const { host } = engine.realm;
    host.on(clientFeaturesKnown, (session, features) => {
      const isWanted = this.#wishes(features).length > 0;
      if (isWanted) engine.soon(() => this.#turns.run(session, () => this.#known(session)));
    });
    const gone = (session: Session) => {
      if (session.presence === undefined) served.set(session, undefined);
    };
    host.on(presenceChanged, gone);
    host.on(sessionClosed, gone);
  }

  /** The account has a node more or less. */
  changed(owner: Jid): void {
    for (const owners of this.#asking) owners.delete(owner.bare);
    this.#names.delete(owner.bare);
  }

  #wishes(features: ReadonlySet<string>): readonly string[] {
    let wishes = this.#asked.get(features);
    if (wishes === undefined) {
      const found: string[] = [];
      for (const f of features) {
        if (f.endsWith(NOTIFY) && f.length > NOTIFY.length) found.push(f.slice(0, -NOTIFY.length));
      }
      this.#asked.set(features, wishes = found);
    }
    return wishes;
  }

  async #known(session: Session): Promise<void> {
    if (session.presence === undefined) return;
    const { host } = this.#engine.realm;
    const features = await host.ask(clientFeatures, session);
    if (features === undefined) return;
    const before = served.get(session);
    const all = this.#wishes(features);
    const wishes = before === undefined ? all : all.filter((name) => !before.has(name));
    if (wishes.length === 0 || (before?.size ?? 0) > MOST_WISHES) return;
    served.set(session, before === undefined ? new Set(all) : new Set([...before, ...wishes]));
    const { jid } = session.account;
    const owners = [jid];
    const roster = await host.ask(rosterGet, jid);
    const ending = `@${host.domain}`;
    for (const item of roster!.items.values()) {
      // Whose presence it sees, so does its server say.
      if (item.subscription !== "to" && item.subscription !== "both") continue;
      if (!item.jid.endsWith(ending)) continue;
      const contact = parseJid(item.jid);
      if (contact !== undefined && contact.bare !== jid.bare) owners.push(contact);
    }
    await this.#send(session, owners, wishes);
  }

  /**
   * Sends one account's last items to another's clients: it sees its presence from now on.
   * @param only the nodes that it did not see before
   */
  async introduce(owner: Jid, to: Jid, only?: (config: NodeConfig) => boolean): Promise<void> {
    const { host } = this.#engine.realm;
    for (const session of host.account(to)?.available() ?? []) {
      const features = await host.ask(clientFeatures, session);
      const wishes = this.#wishes(features!);
      if (wishes.length > 0) await this.#send(session, [owner], wishes, only);
    }
  }

  async #send(
    session: Session,
    owners: readonly Jid[],
    wishes: readonly string[],
    only?: (config: NodeConfig) => boolean,
  ): Promise<void> {
    const { realm } = this.#engine;
    const pairs = await this.#pairs(owners, wishes);
    if (pairs.length === 0) return;
    const reader = session.account.jid;
    const since = sinceOf(session);
    const byJid = new Map(owners.map((o) => [o.bare, o]));
    const pace = new Pace(session);
    let handled = 0;
    let left = this.#most;
    for await (const item of this.#lastItems(pairs, reader)) {
      if (left === 0 || session.presence === undefined) return;
      const owner = byJid.get(item.owner)!;
      // Others have their turn between the items of somebody with many contacts.
      if (++handled % PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      const node = nodeOf(this.#engine, owner, item);
      if (only !== undefined && !only(node.config)) continue;
      if (!node.config.deliver_notifications || !isFresh(node, item)) continue;
      if (!await this.#mayHear(node, item, reader)) continue;
      const here = { here: [session.jid], others: [] };
      if (since !== undefined) {
        left -= await sendSince(this.#engine, node, session, since, left, pace);
      } else if (node.config.send_last_published_item === "on_sub_and_presence") {
        if (!await pace.room(sizeOf(item))) return;
        if (item.modified < this.#engine.nodes.latest(owner, item.node)) continue;
        await sendTo(realm, lastItemMessage(node, item), here);
        left--;
      }
    }
  }

  async *#lastItems(
    pairs: readonly { readonly owner: Jid; readonly node: string }[],
    reader: Jid,
  ): AsyncIterable<LastItem> {
    const { host } = this.#engine.realm;
    for (let i = 0; i < pairs.length; i += PAIRS_AT_A_TIME) {
      const part = pairs.slice(i, i + PAIRS_AT_A_TIME);
      yield* await host.ask(pubsubLastItems, part, reader) ?? [];
    }
  }

  /** Who has which of the nodes: known, or found with one question. */
  async #pairs(
    owners: readonly Jid[],
    wishes: readonly string[],
  ): Promise<{ owner: Jid; node: string }[]> {
    const known = new Map<string, readonly string[]>();
    const unknown: Jid[] = [];
    for (const o of owners) {
      const names = this.#names.get(o.bare);
      if (names === undefined) unknown.push(o);
      else known.set(o.bare, names);
    }
    if (unknown.length > 0) {
      const current = new Set(unknown.map((o) => o.bare));
      this.#asking.add(current);
      const rows = await this.#rows(unknown).finally(() => this.#asking.delete(current));
      const found = new Map<string, string[]>();
      for (const { owner, node } of rows) {
        const list = found.get(owner);
        if (list === undefined) found.set(owner, [node]);
        else list.push(node);
      }
      for (const o of unknown) {
        const names = this.#shared(found.get(o.bare));
        if (current.has(o.bare)) this.#names.set(o.bare, names);
        known.set(o.bare, names);
      }
    }
    const wanted = new Set(wishes);
    const pairs: { owner: Jid; node: string }[] = [];
    for (const owner of owners) {
      for (const node of known.get(owner.bare)!) if (wanted.has(node)) pairs.push({ owner, node });
    }
    return pairs;
  }

  async #rows(owners: readonly Jid[]): Promise<readonly { owner: string; node: string }[]> {
    return await this.#engine.realm.host.ask(pubsubNodeNames, owners) ?? [];
  }

  #shared(names: string[] = []): readonly string[] {
    if (names.length === 0) return NONE;
    const key = JSON.stringify(names.sort());
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    this.#lists.set(key, names);
    return names;
  }

  async #mayHear(node: Node, item: LastItem, reader: Jid): Promise<boolean> {
    const { owner, config } = node;
    if (owner.bare === reader.bare) return true;
    const { host } = this.#engine.realm;
    const { affiliation } = item;
    if (affiliation === "outcast" || affiliation === "publish-only") return false;
    if (await host.ask(isBlocked, owner, reader) === true) return false;
    if (affiliation !== undefined) return true;
    if (item.subscription === "subscribed") {
      // It may have run out.
      const kept = await this.#engine.nodes.get(owner, node.name);
      if (kept !== undefined && isSubscribed(kept, reader)) return true;
    }
    if (config.access_model === "open" || config.access_model === "presence") return true;
    if (config.access_model !== "roster") return false;
    const contact = await host.ask(rosterGetItem, owner, reader);
    return contact !== undefined && contact !== "none" &&
      inGroups(contact, config.roster_groups_allowed);
  }
}

/** The node of a last item: enough to write its notification. */
function nodeOf(engine: Engine, owner: Jid, { node, options, modified }: LastItem): Node {
  return {
    owner,
    name: node,
    created: modified,
    creator: owner.bare,
    virtual: false,
    options,
    config: configOf(options, engine.realm.defaults),
    affiliations: new Map(),
    subscriptions: new Map(),
    count: undefined,
    latest: 0,
  };
}
