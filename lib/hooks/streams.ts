/** Hooks about streams and sessions. */

import type { Jid } from "../jid.ts";
import type { Session } from "../session.ts";
import type { Stanza } from "../stanza.ts";
import type { Login } from "../stream/login.ts";
import type { Element } from "../xml/element.ts";
import type { Negotiation } from "../stream/negotiation.ts";
import { ask, filter, tell } from "./hook.ts";

export const streamFeatures = filter<Element[], [negotiation: Negotiation]>(
  "stream.features",
  "the features about to be offered on a stream",
  { djabberd: ["SendFeatures"] },
);

/** Refuses a connection's stream to this host, or sends it elsewhere, by throwing a StreamError. */
export const streamOpened = ask<[negotiation: Negotiation], true>(
  "stream.opened",
  "a client has opened a stream to this host; throw StreamError (see-other-host, ...) to refuse",
);

/** A resource of its own choice for a client; otherwise the client's, or a generated one. */
export const chooseResource = ask<[account: string, requested: string | undefined], string>(
  "bind.resource",
  "chooses the resource to bind for an account",
);

/** The session is bound; what must be loaded before its first stanza is loaded now. */
export const sessionBound = tell<[session: Session]>(
  "session.bound",
  "a resource was bound; the client's stanzas wait for the handlers",
  { together: true },
);

/** After `session.bound`, and each time the session is resumed within an authentication. */
export const loggedIn = tell<[session: Session, login: Login]>(
  "session.logged-in",
  "a client has logged in and has its session; tells by which mechanism, and which client it is",
);

export const sessionClosed = tell<[session: Session, reason: string | undefined]>(
  "session.closed",
  "a session is over, in good order or not; it is no longer found by its JID",
  { djabberd: ["ConnectionClosing"] },
);

/** In-band registration lives here. */
export const negotiationElement = ask<[negotiation: Negotiation, element: Element], true>(
  "stream.negotiation-element",
  "handles an element on a stream that is not bound yet and that the core does not know",
  // A login that failed may be answered only after `auth.throttle.max_delay`, which is 60 s at most.
  { timeout: 150_000, djabberd: ["HandleStanza"] },
);

// ---- sessions that outlive their streams (XEP-0198) ----

/**
 * The session stays bound, with its presence, and what is sent to it is queued. `held` makes the
 * stanzas that its client has not acknowledged so far, oldest first; they are parsed for the call.
 */
export const sessionHibernated = tell<[session: Session, held: () => readonly Stanza[]]>(
  "session.hibernated",
  "a session has lost its stream and is kept for a while: it may be resumed",
);

/** Also when a new stream takes the place of one that was still open. */
export const sessionResumed = tell<[session: Session]>(
  "session.resumed",
  "a session has a stream again; what its client has missed is on its way",
);

/** Told in the turn in which the stanza is queued, for each session: keep it short. */
export const stanzaHeld = tell<[stanza: Stanza, session: Session]>(
  "stanza.held",
  "a stanza was queued for a session that has no stream at the moment",
);

/**
 * Told once after a start, when all sessions are restored and before anybody can connect: these were
 * available, and are not any more. Nobody has been told so.
 */
export const sessionsVanished = tell<[jids: readonly Jid[]]>(
  "sessions.vanished",
  "available sessions are lost with the server's process, and others are restored",
);

/** What a module keeps with a session over a restart: small, and nothing but JSON. */
export type Frozen = { [module: string]: unknown };

/**
 * Filled in by every module under its own name; asked whenever the journal writes the session's
 * state. Call `session.changed()` when the answer becomes another one. Answer at once, without a
 * promise.
 */
export const sessionFreeze = filter<Frozen, [session: Session]>(
  "session.freeze",
  "what modules know of a session, to be kept for the case that the server is started anew",
);

/**
 * Told for sessions read from the journal, before anybody can connect: they are bound, and their
 * presence is set; `session.bound` was told before, `presence.changed` is not. A session that is
 * resumed in the life of one process keeps its slots, and nothing is told here.
 */
export const sessionThaw = tell<[session: Session, state: Readonly<Frozen>]>(
  "session.thaw",
  "a session is back after a restart of the server: take what session.freeze has saved",
);
