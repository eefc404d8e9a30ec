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

/** Newest last. No such node is no item. `ids` picks; `max` the newest so many. */
export const pepItems = ask<
  [account: Jid, node: string, which?: { readonly ids?: readonly string[]; readonly max?: number }],
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
