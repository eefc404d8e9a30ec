/** Hooks about presence (RFC 6121 §3 and §4). */

import type { Jid } from "../jid.ts";
import type { Session } from "../session.ts";
import type { Stanza } from "../stanza.ts";
import { ask, filter, tell } from "./hook.ts";

export const presenceAvailable = filter<Stanza, [session: Session]>(
  "presence.available",
  "a client's undirected available presence, before it takes effect",
  { djabberd: ["AlterPresenceAvailable"] },
);

export const presenceUnavailable = filter<Stanza, [session: Session]>(
  "presence.unavailable",
  "a client's undirected unavailable presence, also the one made for a lost connection",
  { djabberd: ["AlterPresenceUnavailable"] },
);

/** The session's `presence` and `priority` are already the new ones. */
export const presenceChanged = tell<[session: Session, presence: Stanza, initial: boolean]>(
  "presence.changed",
  "a session became available, changed its presence, or became unavailable",
  { djabberd: ["OnInitialPresence"] },
);

/** Outbound subscription presence and directed presence of a client: RFC 6121 §3 and §4.6. */
export const presenceFromClient = ask<[session: Session, presence: Stanza], true>(
  "presence.from-client",
  "handles a client's presence with a `to`; unanswered it is routed as it is",
);

/** Inbound presence to a bare JID of an account: subscriptions, probes, notifications. */
export const presenceToAccount = ask<[presence: Stanza, account: Jid], true>(
  "presence.to-account",
  "handles a presence sent to an account's bare JID; unanswered, notifications go to its resources",
);

/** Presence of a contact as somebody else knows it. */
export const presenceCheck = ask<[contact: Jid, watcher: Jid], readonly Stanza[]>(
  "presence.check",
  "the current presence of an account's resources for an authorised watcher; declining: the sessions here",
  { djabberd: ["PresenceCheck"] },
);

/**
 * Asked before a subscription request is kept for the user to decide. Whoever answers true has had it
 * approved, with `subscription.accept`.
 */
export const subscriptionRequested = ask<[request: Stanza, account: Jid], true>(
  "subscription.requested",
  "a subscription request to an account that has not approved it yet; true if that is settled",
);

/** As if the account's user had approved the contact's request and asked in turn (RFC 6121 §3.1). */
export const subscriptionAccept = ask<[account: Jid, contact: Jid], true>(
  "subscription.accept",
  "approves a contact's subscription for an account, and subscribes to the contact",
);
