/** The nodes of a realm: found in memory or in the store, made, changed and deleted. */

import { StanzaError } from "../../lib/errors.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import type { NodeOptions } from "../../lib/hooks/pubsub.ts";
import { pubsubDefaults, pubsubVirtualNode } from "../../lib/hooks/pubsub.ts";
import type { Affiliation, ItemRange, StoredNode } from "../../lib/hooks/pubsub_storage.ts";
import {
  pubsubAffiliationSet,
  pubsubItemCount,
  pubsubNodeCount,
  pubsubNodeDelete,
  pubsubNodeGet,
  pubsubNodeSave,
  pubsubSubscriptionSet,
} from "../../lib/hooks/pubsub_storage.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { type Later, then } from "../../lib/later.ts";
import { Recent } from "../../lib/recent.ts";
import { checkedOptions, configOf } from "./config.ts";
import { MAX_NAME } from "./names.ts";
import type { Node, Realm, Subscription } from "./node.ts";
import { keyOf } from "./node.ts";
import { Serial } from "./serial.ts";
import { readStored, storedOptions } from "./subscription_options.ts";

/** Deleted nodes of which is remembered where they have moved to. */
const MOVED = 1000;

export class Nodes {
  readonly #realm: Realm;
  readonly #changed: (owner: Jid) => void;
  readonly #known: Recent<Node>;
  readonly #loading = new Map<string, Promise<Node | undefined>>();
  readonly #serial = new Serial();
  /** Where deleted nodes have moved to. */
  readonly #moved = new Recent<string>(MOVED);
  /** Owners that are about to be gone: they have no nodes any more. */
  readonly #closed = new Set<string>();
  #clock = 0;

  /** @param changed is told of an owner that has a node more or less */
  constructor(realm: Realm, changed: (owner: Jid) => void) {
    this.#realm = realm;
    this.#changed = changed;
    this.#known = new Recent(2 * realm.host.config.cached_nodes);
  }

  /** Changes of a node run one after the other. Must not be nested for the same node. */
  alone<T>(owner: Jid, name: string, task: () => Promise<T>): Promise<T> {
    return this.#serial.run(keyOf(owner, name), task);
  }

  /** A node that is kept. */
  get(owner: Jid, name: string): Later<Node | undefined> {
    const key = keyOf(owner, name);
    if (this.#closed.size > 0 && this.#closed.has(owner.bare)) return undefined;
    return this.#known.get(key) ?? this.#loading.get(key) ?? this.#load(key, owner, name);
  }

  /**
   * From now on the owner has no nodes and can make none; comes back when what was under way is done.
   * Nothing is kept any more behind the back of who removes it all from the store.
   */
  async close(owner: Jid): Promise<void> {
    this.#closed.add(owner.bare);
    await this.#serial.idle(keyOf(owner, ""));
  }

  /** The owner's nodes are gone from the store; somebody may have that address again. */
  reopen(owner: Jid): void {
    this.#closed.delete(owner.bare);
  }

  #load(key: string, owner: Jid, name: string): Promise<Node | undefined> {
    const loading: Promise<Node | undefined> = this.#read(owner, name).then((node) => {
      // Meanwhile it may have been made or deleted.
      if (this.#loading.get(key) === loading) {
        this.#loading.delete(key);
        if (node !== undefined) this.#known.set(key, node);
      }
      return node;
    }, (e) => {
      if (this.#loading.get(key) === loading) this.#loading.delete(key);
      throw e;
    });
    this.#loading.set(key, loading);
    return loading;
  }

  async #read(owner: Jid, name: string): Promise<Node | undefined> {
    const stored = await this.#realm.host.ask(pubsubNodeGet, owner, name);
    if (stored !== undefined && stored !== "none") return this.#made(owner, stored);
  }

  #made(owner: Jid, stored: StoredNode): Node {
    const { name, created, creator, options, affiliations, subscriptions } = stored;
    const list = new Map<string, Subscription>();
    for (const s of subscriptions) {
      const jid = parseJid(s.jid);
      if (jid !== undefined) {
        list.set(s.jid, { jid, state: s.state, options: readStored(s.options) });
      }
    }
    return {
      owner,
      name,
      created,
      creator,
      virtual: false,
      options,
      config: configOf(options, this.#realm.defaults),
      affiliations: new Map(affiliations),
      subscriptions: list,
      count: undefined,
      latest: 0,
    };
  }

  /** A node that is kept, or that a module answers for. */
  find(owner: Jid, name: string, who: Jid): Later<Node | undefined> {
    return then(this.get(owner, name), (node) => {
      const { host } = this.#realm;
      if (node !== undefined || !host.has(pubsubVirtualNode)) return node;
      return then(host.ask(pubsubVirtualNode, owner, name, who), (options) => {
        if (options === undefined) return undefined;
        const stored = {
          name,
          created: host.server.started,
          creator: owner.bare,
          options: checkedOptions(options, host.config),
          affiliations: new Map(),
          subscriptions: [],
        };
        return { ...this.#made(owner, stored), virtual: true };
      });
    });
  }

  /** As `find`, with an error for what is not there. */
  async need(owner: Jid, name: string, who: Jid): Promise<Node> {
    const node = await this.find(owner, name, who);
    if (node !== undefined) return node;
    const content = this.#moved.get(keyOf(owner, name));
    throw content === undefined
      ? new StanzaError("item-not-found")
      : new StanzaError("gone", { content });
  }

  /** A node that is kept, with an error for what is not there, or is not kept. */
  async needKept(owner: Jid, name: string, who: Jid): Promise<Node> {
    const node = await this.need(owner, name, who);
    if (node.virtual) throw new StanzaError("not-allowed");
    return node;
  }

  /** Makes a node that is not there, with `set` over the defaults. Within `alone`. */
  async create(owner: Jid, name: string, creator: Jid, set: NodeOptions): Promise<Node> {
    const { host } = this.#realm;
    const { config } = host;
    if (this.#closed.has(owner.bare) || !await isThere(host, creator)) {
      throw new StanzaError("item-not-found");
    }
    const count = await host.ask(pubsubNodeCount, owner) ?? 0;
    if (count >= config.nodes) {
      throw new StanzaError("resource-constraint", {
        text: `there are at most ${config.nodes} nodes`,
      });
    }
    const wellKnown = await host.ask(pubsubDefaults, owner, name) ?? {};
    const options = { ...checkedOptions(wellKnown, config), ...checkedOptions(set, config) };
    const record = { name, created: Date.now(), creator: creator.bare, options };
    if (await host.ask(pubsubNodeSave, owner, record) !== true) {
      throw new StanzaError("service-unavailable");
    }
    const affiliations = new Map<string, Affiliation>();
    if (this.#realm.kind === "service") {
      affiliations.set(creator.bare, "owner");
      const as = "owner" as Affiliation | "none";
      await host.ask(pubsubAffiliationSet, owner, name, creator.bare, as);
    }
    const node = this.#made(owner, { ...record, affiliations, subscriptions: [] });
    node.count = 0;
    this.#moved.delete(keyOf(owner, name));
    this.#loading.delete(keyOf(owner, name));
    this.#known.set(keyOf(owner, name), node);
    this.#changed(owner);
    return node;
  }

  /** Within `alone`. */
  async configure(node: Node, set: NodeOptions): Promise<void> {
    const options = { ...node.options, ...set };
    const { name, created, creator } = node;
    await this.#realm.host.ask(pubsubNodeSave, node.owner, { name, created, creator, options });
    node.options = options;
    node.config = configOf(options, this.#realm.defaults);
    this.#keep(node);
  }

  /** A node that was forgotten while it was changed may have been read again as it was before. */
  #keep(node: Node): void {
    const key = keyOf(node.owner, node.name);
    this.#loading.delete(key);
    if (this.#known.get(key) !== node) this.#known.set(key, node);
  }

  /**
   * Within `alone`.
   * @param uri where the node is from now on (§8.4.1); remembered for a while, where anybody may know
   */
  async delete(node: Node, uri?: string): Promise<void> {
    await this.#realm.host.ask(pubsubNodeDelete, node.owner, node.name);
    this.forget(node.owner, node.name);
    if (uri === undefined || uri.length > MAX_NAME || node.config.access_model !== "open") return;
    this.#moved.set(keyOf(node.owner, node.name), uri);
  }

  /** What subscribers of a node know already: older items would be stale (see `Node.latest`). */
  latest(owner: Jid, name: string): number {
    return this.#known.get(keyOf(owner, name))?.latest ?? 0;
  }

  /** Items have gone without us, and so have subscriptions: what is in memory is out of date. */
  recount(owner: string, name: string): void {
    const jid = parseJid(owner);
    if (jid === undefined) return;
    this.#known.delete(keyOf(jid, name));
    this.#loading.delete(keyOf(jid, name));
  }

  /** The nodes that are in memory. */
  inMemory(): Iterable<Node> {
    return this.#known.values();
  }

  /** Forgets what is in memory of a node. */
  forget(owner: Jid, name: string): void {
    this.#changed(owner);
    this.#known.delete(keyOf(owner, name));
    this.#loading.delete(keyOf(owner, name));
  }

  async setAffiliation(node: Node, entity: string, as: Affiliation | "none"): Promise<void> {
    await this.#realm.host.ask(pubsubAffiliationSet, node.owner, node.name, entity, as);
    if (as === "none") node.affiliations.delete(entity);
    else node.affiliations.set(entity, as);
    this.#keep(node);
  }

  async setSubscription(node: Node, subscription: Subscription): Promise<void> {
    const { jid, state, options } = subscription;
    const stored = { jid: jid.full, state, options: storedOptions(options) };
    await this.#realm.host.ask(pubsubSubscriptionSet, node.owner, node.name, jid.full, stored);
    node.subscriptions.set(jid.full, subscription);
    this.#keep(node);
  }

  async removeSubscription(node: Node, jid: string): Promise<void> {
    await this.#realm.host.ask(pubsubSubscriptionSet, node.owner, node.name, jid, "none");
    node.subscriptions.delete(jid);
    this.#keep(node);
  }

  /** How many items the node has. Within `alone`. */
  async count(node: Node): Promise<number> {
    const by = "modified" as ItemRange["by"];
    return node.count ??=
      await this.#realm.host.ask(pubsubItemCount, node.owner, node.name, by, -1) ?? 0;
  }

  /** Microseconds since the epoch; never the same twice. */
  now(): number {
    return this.#clock = Math.max(Date.now() * 1000, this.#clock + 1);
  }
}

/** A client whose account was deleted makes nothing that would be found by who has its name next. */
async function isThere(host: Realm["host"], who: Jid): Promise<boolean> {
  if (who.isBare || who.domain !== host.domain || who.node === "") return true;
  return host.account(who) !== undefined || await host.ask(accountExists, who) === true;
}
