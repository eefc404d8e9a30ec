/**
 * XEP-0280: Message Carbons: each of an account's clients sees what the others send and receive.
 *
 * Which messages are copied is said by `lib/formats/message_traits.ts`. A copy is made once and
 * serialised once, whoever gets it. Nothing passes for a copy but what is made here: `<sent/>` and
 * `<received/>` are taken out of messages on their way to an account (§11).
 */

import { defineModule, EMPTY_RESULT, type IqReply, type ModuleHost } from "../lib/module.ts";
import { StanzaError } from "../lib/errors.ts";
import { traitsOf } from "../lib/formats/message_traits.ts";
import { sentArchiveId } from "../lib/formats/sent_id.ts";
import { stampStanzaId } from "../lib/formats/stanza_id.ts";
import { bind2Inline, boundInline } from "../lib/hooks/inline.ts";
import {
  messageDelivered,
  messageOffline,
  messageToAccount,
  stanzaFromClient,
} from "../lib/hooks/stanzas.ts";
import { sessionFreeze, sessionThaw } from "../lib/hooks/streams.ts";
import type { Jid } from "../lib/jid.ts";
import { isLater } from "../lib/later.ts";
import { type Account, type Session, slot } from "../lib/session.ts";
import { message, type Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { RecentIds } from "./carbons/recent_ids.ts";

const CARBONS_NS = "urn:xmpp:carbons:2";
const RULES_NS = "urn:xmpp:carbons:rules:0";
const FORWARD_NS = "urn:xmpp:forward:0";

/** On a session: it wants copies. */
const enabled = slot<true>();

/** On an account with a session that wants copies: what was copied last. */
const copied = slot<RecentIds>();

export default defineModule({
  name: "carbons",
  description: "Copies messages to all clients of an account",
  xeps: { "XEP-0280": "1.0.1" },
  setup(host) {
    host.feature(CARBONS_NS, RULES_NS);
    host.iq.set(CARBONS_NS, "enable", (iq) => switched(host, iq, true), "account");
    host.iq.set(CARBONS_NS, "disable", (iq) => switched(host, iq, undefined), "account");
    host.on(bind2Inline, (features) => [...features, CARBONS_NS]);
    host.on(boundInline, (_answers, session, request) => {
      if (request.child("enable", CARBONS_NS) !== undefined) enabled.set(session, true);
    });
    host.on(sessionFreeze, (state, session) => {
      if (enabled.get(session) === true) state.carbons = true;
    });
    host.on(sessionThaw, (session, state) => {
      if (state.carbons === true) enabled.set(session, true);
    });

    // After the archive has given the message its id, and all others have had their say.
    host.on(stanzaFromClient, (stanza, session) => {
      if (stanza.name === "message") copySent(stanza, session);
    }, { after: ["mam"], priority: -950 });
    // Before the archive, so that it keeps nothing forged.
    host.on(messageToAccount, (message, to) => {
      if (message.type === "error") copyUndeliverable(host, message, to);
      return withoutForgeries(message);
    });
    host.on(messageDelivered, (stanza, _to, sessions) => copyReceived(stanza, sessions));
    // Kept for a login to come, and yet there may be clients that are connected all the same.
    host.on(messageOffline, (stanza, to) => {
      const account = host.account(to);
      if (account !== undefined && !stanza.redelivered) copyTo(account, stanza, "received", []);
      return undefined;
    }, { priority: 1000 });

    host.onUnload(() => {
      for (const account of host.accounts()) {
        copied.set(account, undefined);
        for (const session of account.sessions) enabled.set(session, undefined);
      }
    });
  },
});

/** §4, §5: asking again is no error (§10.1). */
function switched(host: ModuleHost, iq: Stanza, on: true | undefined): IqReply {
  const session = iq.from!.bare === iq.to!.bare ? host.session(iq.from!) : undefined;
  if (session === undefined) throw new StanzaError("not-allowed");
  if (enabled.get(session) !== on) {
    enabled.set(session, on);
    session.changed();
  }
  return EMPTY_RESULT;
}

/** §8. What goes to the account itself is copied where it arrives. */
function copySent(stanza: Stanza, session: Session): void {
  const { account } = session;
  if (account.sessions.length < 2) return;
  const { to } = stanza;
  if (to === undefined || to.bare === account.jid.bare) return;
  copyTo(account, stanza, "sent", session);
}

/** §7. */
function copyReceived(stanza: Stanza, sessions: readonly Session[]): void {
  const account = sessions[0]?.account;
  if (account === undefined || account.sessions.length === sessions.length) return;
  // Copies were made when it came the first time.
  if (stanza.redelivered) return;
  // The others get it by itself; it need not be routed again for the sake of this session.
  if (copyTo(account, stanza, "received", sessions)) stanza.copied = true;
}

/** An error for a resource that is gone: no session gets it, and the others are to know (§6.1). */
function copyUndeliverable(host: ModuleHost, error: Stanza, to: Jid): void {
  const account = host.account(to);
  if (account === undefined || account.session(to.resource) !== undefined) return;
  copyTo(account, error, "received", []);
}

/**
 * Copies a message, if it is eligible, to all clients of the account that want copies, but not to
 * those that have it already. True if there was one.
 */
function copyTo(
  account: Account,
  stanza: Stanza,
  direction: "sent" | "received",
  having: Session | readonly Session[],
): boolean {
  let copy: Stanza | undefined;
  for (const session of account.sessions) {
    if (enabled.get(session) !== true || has(having, session)) continue;
    // A message to oneself: the client that has sent it knows it.
    if (direction === "received" && stanza.from?.full === session.jid.full) continue;
    if (copy === undefined) {
      if (!isEligible(account, stanza, direction)) return false;
      copy = wrapped(account, stanza, direction);
    }
    send(copy, session);
  }
  return copy !== undefined;
}

/** A filter that refuses the copy does not refuse the message with it. */
function send(copy: Stanza, session: Session): void {
  try {
    const sent = session.send(copy, session.jid.full);
    if (isLater(sent)) sent.catch(() => {});
  } catch (e) {
    if (!(e instanceof StanzaError)) throw e;
  }
}

function has(having: Session | readonly Session[], session: Session): boolean {
  return Array.isArray(having) ? having.includes(session) : having === session;
}

/** §6.1; remembers what is, for the errors that may answer it. */
function isEligible(account: Account, stanza: Stanza, direction: "sent" | "received"): boolean {
  const peer = direction === "sent" ? stanza.to : stanza.from;
  if (peer === undefined) return false;
  const { id } = stanza;
  const ids = copied.get(account);
  if (stanza.type === "error") {
    return id !== undefined && ids !== undefined && ids.has(id, peer.bare);
  }
  const traits = traitsOf(stanza);
  if (!traits.carbons) return false;
  // The room sends it to each of the account's occupants itself.
  if (direction === "received" && traits.occupant && !peer.isBare) return false;
  if (id !== undefined) {
    const kept = ids ?? new RecentIds();
    kept.add(id, peer.bare);
    if (ids === undefined) copied.set(account, kept);
  }
  return true;
}

/** The copy, to be addressed to each client as it is sent. */
function wrapped(account: Account, stanza: Stanza, direction: "sent" | "received"): Stanza {
  const id = direction === "sent" ? sentArchiveId(stanza) : undefined;
  const original = id === undefined ? stanza : stampStanzaId(stanza, account.jid.bare, id);
  return message(
    { type: stanza.type, from: account.jid },
    xml(direction, CARBONS_NS, {}, xml("forwarded", FORWARD_NS, {}, original)),
  );
}

/** The same object if there is nothing to be taken out. */
function withoutForgeries(stanza: Stanza): Stanza {
  for (const child of stanza.children) {
    if (typeof child !== "string" && isCopy(child)) return stanza.filter((c) => !isCopy(c));
  }
  return stanza;
}

function isCopy(child: Element): boolean {
  return child.ns === CARBONS_NS && (child.name === "sent" || child.name === "received");
}
