/** A node in memory, and what an engine of publish-subscribe is made for. */

import type { ModuleHost } from "../../lib/module.ts";
import type { NodeOptions } from "../../lib/hooks/pubsub.ts";
import type { Affiliation, SubscriptionState } from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { ConfigLimits, NodeConfig } from "./config.ts";
import type { SubscriptionOptions } from "./subscription_options.ts";

export interface Limits extends ConfigLimits {
  readonly nodes: number;
  readonly affiliations_per_node: number;
  readonly subscriptions_per_node: number;
  readonly cached_nodes: number;
  /** Items in one answer. */
  readonly page_items: number;
  readonly page_bytes: number;
}

/** What accounts and a service differ in. */
export interface Realm {
  readonly kind: "pep" | "service";
  readonly host: ModuleHost<Limits>;
  readonly defaults: NodeConfig;
  /** Whether nodes of this owner are kept here. */
  isOurs(owner: Jid): boolean;
  /** Whether somebody owns all nodes, whatever the node's affiliations say. */
  ownsAll(owner: Jid, who: Jid): boolean;
  mayCreate(owner: Jid, who: Jid): boolean;
}

export interface Subscription {
  /** As it was subscribed. */
  readonly jid: Jid;
  state: SubscriptionState;
  options: SubscriptionOptions;
}

export interface Node {
  readonly owner: Jid;
  readonly name: string;
  /** ms since the epoch. */
  readonly created: number;
  /** Bare JID. */
  readonly creator: string;
  /** A module answers for it: nothing of it is kept. */
  readonly virtual: boolean;
  /** What was set of the configuration. */
  options: NodeOptions;
  config: NodeConfig;
  /** By bare JID. */
  readonly affiliations: Map<string, Affiliation>;
  /** By the JID that was subscribed. */
  readonly subscriptions: Map<string, Subscription>;
  /** Items there are; undefined until somebody needs it. */
  count: number | undefined;
  /** The moment of the newest item that subscribers were notified of; 0 if there was none of late. */
  latest: number;
}

/** The node's key in maps. */
export function keyOf(owner: Jid, name: string): string {
  return `${owner.bare} ${name}`;
}

/** What somebody is at a node. */
export function affiliationOf(realm: Realm, node: Node, who: Jid): Affiliation | "none" {
  if (realm.ownsAll(node.owner, who)) return "owner";
  return node.affiliations.get(who.bare) ?? "none";
}

/** Bare JIDs of the owners. */
export function ownersOf(realm: Realm, node: Node): string[] {
  const owners = realm.kind === "pep" ? [node.owner.bare] : [];
  for (const [entity, affiliation] of node.affiliations) {
    if (affiliation === "owner") owners.push(entity);
  }
  return owners;
}

/** Whether an approved subscription of the bare JID is there, for any of its resources. */
export function isSubscribed(node: Node, who: Jid): boolean {
  for (const s of node.subscriptions.values()) {
    if (s.jid.bare === who.bare && isActive(s)) return true;
  }
  return false;
}

/** Whether a subscription is in force. */
export function isActive({ state, options }: Subscription): boolean {
  if (state !== "subscribed") return false;
  return typeof options.expire !== "number" || options.expire > Date.now();
}
