/** Hooks behind which the built-in modules keep what they store: answer one and that data is yours. */

import type { Jid } from "../jid.ts";
import { ask } from "./hook.ts";

/** vCard of an account as XML text (XEP-0054); "" if it has none. */
export const vcardGet = ask<[account: Jid], string>(
  "vcard.get",
  "an account's vCard as XML, or empty",
);
export const vcardSet = ask<[account: Jid, vcard: string], true>(
  "vcard.set",
  "stores an account's vCard",
);

/**
 * Private XML (XEP-0049): the stored element as text; "" if there is none. `client` is the full JID of
 * the client that asks, if it is one.
 */
export const privateGet = ask<[account: Jid, name: string, ns: string, client?: Jid], string>(
  "private.get",
  "one element of an account's private XML storage, or empty",
);
export const privateSet = ask<
  [account: Jid, name: string, ns: string, xml: string, client?: Jid],
  true
>(
  "private.set",
  "stores one element of an account's private XML storage",
);

/** A message kept for an account that was offline. `xml` lacks the delay stamp. */
export interface OfflineMessage {
  /** Increases with the order of arrival. */
  readonly id: number;
  /** When it came, ms since the epoch. */
  readonly stamp: number;
  /** Bare or full JID of the sender. */
  readonly from: string;
  readonly xml: string;
}

export const offlineStore = ask<
  [account: Jid, message: Omit<OfflineMessage, "id">],
  "stored" | "full"
>("offline.store", "keeps a message for good; `full` beyond the quota");
export const offlineList = ask<[account: Jid], readonly OfflineMessage[]>(
  "offline.list",
  "all kept messages of an account, oldest first",
);
export const offlineRemove = ask<[account: Jid, ids: readonly number[]], true>(
  "offline.remove",
  "forgets kept messages",
);

/** Blocked addresses (XEP-0191) of an account. */
export const blocklistGet = ask<[account: Jid], readonly string[]>(
  "blocklist.get",
  "the addresses an account has blocked",
);
export const blocklistSet = ask<[account: Jid, jids: readonly string[]], true>(
  "blocklist.set",
  "replaces the addresses an account has blocked",
);
