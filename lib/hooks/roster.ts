/**
 * Hooks about rosters (RFC 6121 §2): questions answered by whatever keeps them. The built-in roster
 * module answers them from the store; another one may answer for some accounts or for all.
 */

import type { Jid } from "../jid.ts";
import { ask, tell } from "./hook.ts";

/** The subscription state of an item (RFC 6121 §2.1.2.5). */
export type Subscription = "none" | "to" | "from" | "both";

/** A contact in a roster, with the hidden states of RFC 6121 appendix A. */
export interface RosterItem {
  /** Bare JID of the contact. */
  readonly jid: string;
  readonly name: string;
  readonly subscription: Subscription;
  /** A subscription request of ours is unanswered (`ask='subscribe'`): "pending out". */
  readonly ask: boolean;
  /** The contact may subscribe without asking again (RFC 6121 §3.4). */
  readonly approved: boolean;
  readonly groups: readonly string[];
  /**
   * An unanswered request of the contact: "pending in". With subscription `none` or `to` only; the
   * text is the presence stanza to be shown at the next login.
   */
  readonly pendingIn: string | undefined;
  /**
   * False for a contact known only by its request (`None + Pending In`): not part of the roster
   * that clients see.
   */
  readonly listed: boolean;
}

/** A roster: its items by the contact's bare JID, and its version (RFC 6121 §2.6), "" for none. */
export interface Roster {
  readonly version: string;
  readonly items: ReadonlyMap<string, RosterItem>;
}

export const EMPTY_ROSTER: Roster = { version: "", items: new Map() };

export const rosterGet = ask<[account: Jid], Roster>(
  "roster.get",
  "an account's roster",
  { fallback: () => EMPTY_ROSTER, djabberd: ["RosterGet"] },
);

export const rosterGetItem = ask<[account: Jid, contact: Jid], RosterItem | "none">(
  "roster.get-item",
  "one contact of an account's roster, without loading the rest",
  { djabberd: ["RosterLoadItem"] },
);

/** Answers after it is kept for good. */
export const rosterSetItem = ask<[account: Jid, item: RosterItem], true>(
  "roster.set-item",
  "stores one contact; pushes to the account's clients are the roster's business",
  { djabberd: ["RosterSetItem", "RosterAddUpdateItem"] },
);

export const rosterRemoveItem = ask<[account: Jid, contact: Jid], boolean>(
  "roster.remove-item",
  "removes one contact; false if there was none",
  { djabberd: ["RosterRemoveItem"] },
);

export const rosterWipe = ask<[account: Jid], true>(
  "roster.wipe",
  "removes all contacts of an account",
  { djabberd: ["RosterWipe"] },
);

/** A client removes a contact: subscriptions both ways must be cancelled (RFC 6121 §2.5.2). */
export const rosterItemRemoved = tell<[account: Jid, item: RosterItem]>(
  "roster.item-removed",
  "a contact was removed by the account's client",
);
