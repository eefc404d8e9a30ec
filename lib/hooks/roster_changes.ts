/** Hooks about changes of rosters: how to make one without a race, and how to hear of it. */

import type { Jid } from "../jid.ts";
import type { Session } from "../session.ts";
import type { RosterItem } from "./roster.ts";
import { ask, tell } from "./hook.ts";

/**
 * What becomes of a contact: another item, "remove", or `undefined` to leave it. A contact that is
 * not in the roster comes as an item with nothing in it and `listed: false`; an item that is not
 * listed, not approved and without a request is not kept. May throw a `StanzaError`; is called once.
 */
export type ItemChange = (item: RosterItem) => RosterItem | "remove" | undefined;

/**
 * Changes one contact: it is read, changed and stored with no other change of that roster between,
 * and the account's clients get their pushes. `kept` is called after the change is kept for good and
 * before the push, with the resources that are interested in the roster (RFC 6121 §2.2); it is not
 * called if nothing was changed. Answered by the built-in roster module whatever stores the items.
 */
export const rosterChange = ask<
  [
    account: Jid,
    contact: Jid,
    change: ItemChange,
    kept?: (interested: readonly Session[]) => void,
  ],
  true
>("roster.change", "changes one contact as a single step; answers after it is kept for good");

/**
 * Whoever keeps rosters tells this after each change, before the pushes; `before` as far as it is
 * known without asking. What others have derived from the roster is worthless from then on.
 */
export const rosterChanged = tell<
  [account: Jid, before: RosterItem | undefined, after: RosterItem | undefined]
>("roster.changed", "a contact was stored, or removed (no `after`), for good");
