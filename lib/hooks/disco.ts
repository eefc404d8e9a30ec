/** Hooks about service discovery (XEP-0030), shared by every module that has something to show. */

import type { Jid } from "../jid.ts";
import type { Session } from "../session.ts";
import type { Element } from "../xml/element.ts";
import { ask, filter, tell } from "./hook.ts";

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
  readonly lang?: string;
}

/** A disco#info result in the making. */
export interface DiscoInfo {
  identities: Identity[];
  features: Set<string>;
  /** Extended information (XEP-0128): data forms. */
  forms: Element[];
}

export interface DiscoItem {
  readonly jid: string;
  readonly node?: string;
  readonly name?: string;
}

/** `target` is the host's or an account's bare JID. */
export const discoInfo = filter<DiscoInfo, [target: Jid, from: Jid]>(
  "disco.info",
  "identities, features and forms of the host or of an account (no node)",
  { djabberd: ["DiscoBare"] },
);

export const discoItems = filter<DiscoItem[], [target: Jid, from: Jid]>(
  "disco.items",
  "items of the host or of an account (no node)",
  { djabberd: ["DiscoBare"] },
);

/** Nodes: nobody answering means item-not-found. */
export const discoNodeInfo = ask<[target: Jid, node: string, from: Jid], DiscoInfo>(
  "disco.node-info",
  "disco#info of a node",
);

export const discoNodeItems = ask<[target: Jid, node: string, from: Jid], readonly DiscoItem[]>(
  "disco.node-items",
  "disco#items of a node",
);

/** Whether `from` may see an account's presence: what decides about disco, last activity, vCards. */
export const mayDiscover = ask<[account: Jid, from: Jid], boolean>(
  "disco.may-discover",
  "whether an entity may learn about an account (subscribed to its presence, or the account itself)",
  { fallback: (account, from) => account.bare === from.bare },
);

/**
 * The whole disco#info of the host or of an account as `from` would get it, without asking whether it
 * may. The disco module answers; whoever needs it as data (entity capabilities) asks.
 */
export const discoDescribe = ask<[target: Jid, from: Jid], DiscoInfo>(
  "disco.describe",
  "complete disco#info of the host or of an account (no node), unchecked",
);

const NO_FEATURES: ReadonlySet<string> = new Set();

/**
 * What a client supports, as far as it is known now: it is learned in the background. Meant for
 * `has(feature)`; the set may hold other text from the client's disco#info.
 */
export const clientFeatures = ask<[session: Session], ReadonlySet<string>>(
  "disco.client-features",
  "the features of a connected client, as far as they are known",
  { fallback: () => NO_FEATURES },
);

/** Told once after each initial presence, and whenever the features change while it is available. */
export const clientFeaturesKnown = tell<[session: Session, features: ReadonlySet<string>]>(
  "disco.client-features-known",
  "the features of an available client have become known, or others than before",
);
