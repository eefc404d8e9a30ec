/**
 * Hooks behind which publish-subscribe keeps what it stores: answer one for an owner and that data is
 * yours. `owner` is the bare JID whose nodes they are: an account, or a service.
 *
 * Every answer to a change comes after it is kept for good. Changes of one node are asked for one
 * after the other.
 */

import type { Jid } from "../jid.ts";
import type { NodeOptions } from "./pubsub.ts";
import { ask } from "./hook.ts";

/** XEP-0060 §4.1, without `none`. */
export type Affiliation = "owner" | "publisher" | "publish-only" | "member" | "outcast";

/** XEP-0060 §4.2. */
export type SubscriptionState = "subscribed" | "pending";

/** One subscription of an address to a node. */
export interface StoredSubscription {
  /** Bare or full JID, as it was subscribed. */
  readonly jid: string;
  readonly state: SubscriptionState;
  /** Options by their names behind `pubsub#`, as far as they were set. */
  readonly options: NodeOptions;
}

/** What is known of a node itself. */
export interface NodeRecord {
  readonly name: string;
  /** ms since the epoch. */
  readonly created: number;
  /** Bare JID. */
  readonly creator: string;
  /** Configuration by names behind `pubsub#`, as far as it was set. */
  readonly options: NodeOptions;
}

/** A node with all that decides who may do what there. */
export interface StoredNode extends NodeRecord {
  /** By bare JID; not an account with its own nodes. */
  readonly affiliations: ReadonlyMap<string, Affiliation>;
  readonly subscriptions: readonly StoredSubscription[];
}

/** An item as it is kept. */
export interface StoredItem {
  readonly id: string;
  /** XML text that declares its namespaces; undefined without payload. */
  readonly payload: string | undefined;
  /** Bare JID. */
  readonly publisher: string;
  /**
   * When it was published, and published first: microseconds since the epoch, rising from item to item
   * of a node, so that they are its order as well.
   */
  readonly modified: number;
  readonly created: number;
}

/** Which items of a node. Bounds are not included themselves. */
export interface ItemRange {
  readonly by: "created" | "modified";
  readonly descending: boolean;
  readonly above?: number;
  readonly below?: number;
  readonly offset?: number;
  readonly limit: number;
}

export const pubsubNodeGet = ask<[owner: Jid, node: string], StoredNode | "none">(
  "pubsub.node-get",
  "a node with its affiliations and subscriptions",
);

/** In the order of their names, those behind `after`. */
export const pubsubNodeList = ask<
  [owner: Jid, after: string, limit: number],
  readonly NodeRecord[]
>("pubsub.node-list", "the nodes of an account or a service");

export const pubsubNodeCount = ask<[owner: Jid], number>(
  "pubsub.node-count",
  "how many nodes an account or a service has",
);

/** Pairs of owner and node. Asked at logins, for all contacts at once. */
export const pubsubNodeNames = ask<
  [owners: readonly Jid[]],
  readonly { readonly owner: string; readonly node: string }[]
>("pubsub.node-names", "the names of the nodes of several accounts");

/** The node is new, unless it is there already; then its options are replaced. */
export const pubsubNodeSave = ask<[owner: Jid, node: NodeRecord], true>(
  "pubsub.node-save",
  "keeps a node or its new configuration",
);

/** With all that belongs to it. */
export const pubsubNodeDelete = ask<[owner: Jid, node: string], true>(
  "pubsub.node-delete",
  "deletes a node with its items, affiliations and subscriptions",
);

export const pubsubAffiliationSet = ask<
  [owner: Jid, node: string, entity: string, affiliation: Affiliation | "none"],
  true
>("pubsub.affiliation-set", "keeps or removes the affiliation of a bare JID");

export const pubsubSubscriptionSet = ask<
  [owner: Jid, node: string, jid: string, subscription: StoredSubscription | "none"],
  true
>("pubsub.subscription-set", "keeps or removes the subscription of an address");

/** What a bare JID has at all nodes of an owner. */
export interface Relations {
  readonly affiliations: readonly { readonly node: string; readonly affiliation: Affiliation }[];
  readonly subscriptions: readonly (StoredSubscription & { readonly node: string })[];
}

export const pubsubRelations = ask<[owner: Jid, entity: Jid], Relations>(
  "pubsub.relations",
  "affiliations and subscriptions of a bare JID with its resources",
);

export const pubsubItems = ask<
  [owner: Jid, node: string, range: ItemRange],
  readonly StoredItem[]
>("pubsub.items", "items of a node in an order");

/** In the order of publication; those that are not there are left out. */
export const pubsubItemsById = ask<
  [owner: Jid, node: string, ids: readonly string[]],
  readonly StoredItem[]
>("pubsub.items-by-id", "items of a node by their ids");

/** How many items lie above the bound. */
export const pubsubItemCount = ask<
  [owner: Jid, node: string, by: "created" | "modified", above: number],
  number
>("pubsub.item-count", "how many items a node has");

export interface LastItem extends StoredItem {
  readonly owner: string;
  readonly node: string;
  readonly options: NodeOptions;
  /** What the reader is to the node. */
  readonly affiliation: Affiliation | undefined;
  readonly subscription: SubscriptionState | undefined;
}

/** Nodes without items, or that are not there, are left out. Asked at logins, for some 100 at a time. */
export const pubsubLastItems = ask<
  [pairs: readonly { readonly owner: Jid; readonly node: string }[], reader: Jid],
  readonly LastItem[]
>("pubsub.last-items", "the last item of each of several nodes, and what their reader is there");

/** `created` of an item that replaces another is that of the other. */
export const pubsubItemPut = ask<
  [owner: Jid, node: string, item: StoredItem],
  "new" | "replaced"
>("pubsub.item-put", "keeps an item");

/** Answers the ids of those that were there; `all` removes all of them. */
export const pubsubItemsRemove = ask<
  [owner: Jid, node: string, ids: readonly string[] | "all"],
  readonly string[]
>("pubsub.items-remove", "removes items of a node");

/** The oldest so many; answers their ids. */
export const pubsubItemsTrim = ask<
  [owner: Jid, node: string, oldest: number],
  readonly string[]
>("pubsub.items-trim", "removes the oldest items of a node");
