/**
 * Hooks about publish-subscribe (XEP-0060) of accounts (XEP-0163) and of services: how other modules
 * read and publish in an account's name, and how they rule nodes that they understand.
 *
 * `owner` is the bare JID whose nodes they are: an account, or a service.
 */

import type { Jid } from "../jid.ts";
import type { Element } from "../xml/element.ts";
import { ask, filter, tell } from "./hook.ts";

/** An item of a node. */
export interface PubsubItem {
  readonly id: string;
  /** Undefined for an item without payload. */
  readonly payload: Element | undefined;
  /** Bare JID of who has published it. */
  readonly publisher: string;
  /** ms since the epoch. */
  readonly stamp: number;
}

/** Who may read and subscribe (XEP-0060 §4.5). */
export type AccessModel = "open" | "presence" | "roster" | "authorize" | "whitelist";

/** Configuration fields of a node by their names behind `pubsub#`: `{ access_model: "open" }`. */
export type NodeOptions = Readonly<Record<string, string | readonly string[]>>;

/**
 * Publishes in the name of an account, without asking whether it may; the node is made if it is not
 * there, with `options` as its configuration. Subscribers are notified. Answers the item's id after
 * it is kept for good.
 */
export const pepPublish = ask<
  [
    account: Jid,
    node: string,
    item: { readonly id?: string; readonly payload: Element },
    options?: NodeOptions,
  ],
  string
>("pep.publish", "publishes an item at a node of an account");

/** Which items of a node: all, those of `ids`, or the newest `max` from before a moment (ms). */
export interface PepWanted {
  readonly ids?: readonly string[];
  readonly max?: number;
  readonly before?: number;
}

/** Newest last. No such node is no item. */
export const pepItems = ask<
  [account: Jid, node: string, which?: PepWanted],
  readonly PubsubItem[]
>("pep.items", "items of a node of an account, whoever may read them");

export const pepRetract = ask<[account: Jid, node: string, ids: readonly string[]], true>(
  "pep.retract",
  "removes items from a node of an account and notifies its subscribers",
);

export const pepDeleteNode = ask<[account: Jid, node: string], boolean>(
  "pep.delete-node",
  "deletes a node of an account; false if there is none",
);

/** Whether `reader` may read the node by its access model. No such node: undefined. */
export const pepMayRead = ask<[account: Jid, node: string, reader: Jid], boolean>(
  "pep.may-read",
  "whether somebody may read a node of an account",
);

/** Throw `StanzaError` to refuse. `publisher` is the full JID of the client. */
export const pubsubPublishing = filter<
  PubsubItem,
  [owner: Jid, node: string, publisher: Jid]
>("pubsub.publishing", "an item about to be published by a client, after its rights were checked");

export const pubsubPublished = tell<
  [owner: Jid, node: string, items: readonly PubsubItem[]]
>("pubsub.published", "items were published, by a client or by pep.publish, and are kept for good");

export const pubsubRetracted = tell<[owner: Jid, node: string, ids: readonly string[]]>(
  "pubsub.retracted",
  "items were removed from a node; all of them if it was purged or deleted",
);

/** Configuration that a well-known node has by default, over the defaults of the service. */
export const pubsubDefaults = ask<[owner: Jid, node: string], NodeOptions>(
  "pubsub.defaults",
  "the default configuration of a node that is about to be made",
);

/**
 * Nodes that are not kept but worked out (virtual nodes). Whoever answers `pubsubVirtualNode` for a name
 * says how such a node is configured, and answers the other questions about it. Nobody can create,
 * configure or subscribe to one. A node that is kept comes before a virtual one of the same name.
 */
export const pubsubVirtualNode = ask<[owner: Jid, node: string, requester: Jid], NodeOptions>(
  "pubsub.virtual-node",
  "the configuration of a node that is not kept, as somebody sees it; throw StanzaError to refuse",
);

/** To be found by service discovery. */
export interface NodeListing {
  readonly node: string;
  readonly title?: string;
}

export const pubsubVirtualNodes = filter<readonly NodeListing[], [owner: Jid, requester: Jid]>(
  "pubsub.virtual-nodes",
  "virtual nodes of an account or a service that somebody may find",
);

/** Which items are wanted: those of `ids`, or a page. Newest first: `before` is newer, `after` older. */
export interface ItemsWanted {
  readonly ids?: readonly string[];
  readonly max: number;
  /** The item to go on from, and in which direction. */
  readonly after?: string;
  readonly before?: string;
  readonly index?: number;
}

/** Newest first. `count` and `index` (of the first) are told if they are known. */
export interface ItemsFound {
  readonly items: readonly PubsubItem[];
  readonly count?: number;
  readonly index?: number;
}

/** Asked only for those who may read the node by its configuration. */
export const pubsubVirtualItems = ask<
  [owner: Jid, node: string, requester: Jid, wanted: ItemsWanted],
  ItemsFound
>("pubsub.virtual-items", "the items of a virtual node, as somebody sees them");

/** Unanswered: `forbidden`. Answers the item's id. */
export const pubsubVirtualPublish = ask<
  [owner: Jid, node: string, item: PubsubItem, publisher: Jid],
  string
>("pubsub.virtual-publish", "takes an item that is published at a virtual node");

/** Unanswered: `forbidden`. */
export const pubsubVirtualRetract = ask<
  [owner: Jid, node: string, ids: readonly string[], who: Jid],
  true
>("pubsub.virtual-retract", "removes items of a virtual node");

/** Sends the event of new items of any node, kept or not, to these addresses. */
export const pubsubNotify = ask<
  [owner: Jid, node: string, items: readonly PubsubItem[], recipients: readonly Jid[]],
  true
>("pubsub.notify", "notifies of items in a node's name; for virtual nodes");
