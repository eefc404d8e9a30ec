/**
 * Hooks on the way of a stanza. In the order in which a message meets them.
 *
 * A message that was handed to a session and never acknowledged by its client (XEP-0198) is routed
 * again when that session is over. It carries `stanza.redelivered`: it has passed `stanza.to-account`
 * and `message.to-account` the first time and does not pass them again, so it is archived and stamped once; whoever copies
 * messages (`message.delivered`) leaves it alone. It ends at the account's other resources, in
 * `message.offline`, or as an error at its sender. `stanza.copied` says that another session of the
 * account has got the message as well: whoever sends such copies sets it while `message.delivered` is
 * told, which is before the message is written, and then it is not routed again.
 */

import type { Jid } from "../jid.ts";
import type { Session } from "../session.ts";
import type { Stanza } from "../stanza.ts";
import { ask, filter, tell } from "./hook.ts";

export const stanzaFromClient = filter<Stanza, [session: Session]>(
  "stanza.from-client",
  "a stanza that a client has sent, its `from` stamped, before anything is done with it",
  { djabberd: ["filter_incoming_client"] },
);

export const stanzaToAccount = filter<Stanza, [recipient: Jid]>(
  "stanza.to-account",
  "a stanza about to reach a local account (bare or full JID), whoever sent it",
  { djabberd: ["filter_incoming_server"] },
);

/** For what concerns messages alone: presence, of which there is much more, does not pass here. */
export const messageToAccount = filter<Stanza, [recipient: Jid]>(
  "message.to-account",
  "a message about to reach a local account, after stanza.to-account",
);

export const sessionSend = filter<Stanza, [session: Session]>(
  "session.send",
  "a stanza about to be written to a client",
  { djabberd: ["pre_stanza_write"] },
);

export const deliver = ask<[stanza: Stanza], true>(
  "stanza.deliver",
  "delivers a stanza in place of the router, to any address, and answers true",
  { djabberd: ["deliver", "switch_incoming_client"] },
);

export const deliverRemote = ask<[stanza: Stanza], true>(
  "stanza.deliver-remote",
  "delivers a stanza to a domain that is not served here; answers true when it took it",
  { djabberd: ["deliver"] },
);

/** What nobody has registered for. */
export const stanzaToHost = ask<[stanza: Stanza], true>(
  "stanza.to-host",
  "handles a message or presence to the host itself, or an IQ that no handler is registered for",
  { djabberd: ["switch_incoming_client", "c2s-iq", "s2s-iq"] },
);

/** Messages for which no session is there. */
export const messageOffline = ask<[message: Stanza, account: Jid], true>(
  "message.offline",
  "keeps a message for an account without a fitting resource; answers true after it is kept for good",
);

/**
 * A message has been delivered to at least one session of the account. Not told of what a room sends
 * to all who are in it (`ModuleHost.broadcast`): each copy is for one session and nobody copies it.
 */
export const messageDelivered = tell<[message: Stanza, account: Jid, sessions: readonly Session[]]>(
  "message.delivered",
  "a message was handed to these sessions of an account",
);

export const streamElement = ask<[session: Session, element: Stanza], true>(
  "stream.element",
  "handles an element of a bound stream that is no stanza; unanswered: unsupported-stanza-type",
  { djabberd: ["HandleStanza"] },
);

/** RFC 6121 §8.5.3.1: an IQ of a stranger would tell it that the resource is online. */
export const iqToSession = ask<[request: Stanza, session: Session], boolean>(
  "iq.to-session",
  "whether an IQ get or set from another account may reach a session",
  { fallback: () => true },
);
