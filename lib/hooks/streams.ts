/** Hooks about streams and sessions. */

import type { Session } from "../session.ts";
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

export const sessionClosed = tell<[session: Session, reason: string | undefined]>(
  "session.closed",
  "a session is over, in good order or not; it is no longer found by its JID",
  { djabberd: ["ConnectionClosing"] },
);

/** In-band registration lives here. */
export const negotiationElement = ask<[negotiation: Negotiation, element: Element], true>(
  "stream.negotiation-element",
  "handles an element on a stream that is not bound yet and that the core does not know",
  { djabberd: ["HandleStanza"] },
);
