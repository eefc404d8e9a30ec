/**
 * What kind of message this is, and what follows from that: whether archives and offline storage keep
 * it, whether carbons copy it, whether a person waits for it. The one place that knows the payloads
 * and the hints (XEP-0334); `docs/message_kinds.ts` has an example of each kind.
 *
 * One pass over the children, which only gathers bits; the answer is one of a fixed set of shared
 * objects, so that asking costs no allocation.
 */

import type { Element } from "../xml/element.ts";
import { type MessageType, messageType } from "../delivery.ts";
import { NS } from "../ns.ts";

export interface MessageTraits {
  /** Belongs into the archive of an account (XEP-0313 §6.1.1, XEP-0334). */
  readonly archive: boolean;
  /** The same for the archive of a room, where messages of type groupchat count (§6.1.2). */
  readonly history: boolean;
  /** Is kept for an account without a fitting resource (XEP-0160 §3, XEP-0334). */
  readonly offline: boolean;
  /**
   * Is copied to the other resources of its sender, and unless it is `occupant` to those of its
   * recipient (XEP-0280 §6.1). Of errors only their sender's server knows: false.
   */
  readonly carbons: boolean;
  /** A private message by way of a room (XEP-0045 §7.5), by its mark. */
  readonly occupant: boolean;
  /** A person waits for it: it ends the hold of an inactive client, and is worth a push. */
  readonly urgent: boolean;
  /** Says nothing but a chat state (XEP-0085): the next one of the same sender makes it void. */
  readonly chatState: boolean;
}

/** What was found in a message. */
const BODY = 1 << 0;
const SUBJECT = 1 << 1;
/** Something to read without a body: ciphertext, a link, a forwarded message. */
const CONTENT = 1 << 2;
/** An invitation, or its refusal. */
const INVITE = 1 << 3;
/** A step of a call (XEP-0353). */
const CALL = 1 << 4;
/** The end of a call: to be remembered, but nobody is kept waiting. */
const CALL_OVER = 1 << 5;
/** Wants a person to act at once. */
const ASKS = 1 << 6;
/** Receipts and markers that answer another message. */
const SEEN = 1 << 7;
/** Changes a message that was sent before: a reaction, a retraction. Its body is a stopgap. */
const ABOUT_OTHER = 1 << 8;
/** OMEMO keys for a session, without a message. */
const KEYS = 1 << 9;
const CHAT_STATE = 1 << 10;
/** Void as soon as it is late: what is being typed, a nudge. */
const FLEETING = 1 << 11;
/** Something that is not known here. */
const UNKNOWN = 1 << 12;
const OCCUPANT = 1 << 13;
const NO_STORE = 1 << 14;
const NO_PERMANENT_STORE = 1 << 15;
const NO_COPY = 1 << 16;
const STORE = 1 << 17;
/** Names an encryption (XEP-0380), whatever carries it. */
const ENCRYPTED = 1 << 18;
/** A copy of what this account has sent from elsewhere, or of what has reached it (XEP-0280). */
const SENT_COPY = 1 << 19;
const URGENT_COPY = 1 << 20;
/** Asks for receipts or markers: says nothing itself, but is payload of instant messaging. */
const ASKS_SEEN = 1 << 21;

/** Words that lie behind a namespace, in the order of {@link bitOf}'s cases. */
const enum Kind {
  Nothing,
  ChatState,
  Receipts,
  Markers,
  Hints,
  Carbons,
  Omemo,
  Content,
  Encryption,
  Invite,
  Room,
  Call,
  AboutOther,
  Asks,
  Fleeting,
}

/** By namespace. What is missing here is unknown. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["http://jabber.org/protocol/chatstates", Kind.ChatState], // XEP-0085
  ["urn:xmpp:receipts", Kind.Receipts], // XEP-0184
  ["urn:xmpp:chat-markers:0", Kind.Markers], // XEP-0333
  ["urn:xmpp:hints", Kind.Hints], // XEP-0334
  ["urn:xmpp:carbons:2", Kind.Carbons], // XEP-0280
  ["urn:xmpp:omemo:2", Kind.Omemo], // XEP-0384
  ["urn:xmpp:omemo:1", Kind.Omemo],
  ["eu.siacs.conversations.axolotl", Kind.Omemo], // XEP-0384 before 0.4
  ["urn:xmpp:openpgp:0", Kind.Content], // XEP-0373
  ["jabber:x:encrypted", Kind.Content], // XEP-0027
  ["jabber:x:oob", Kind.Content], // XEP-0066
  ["urn:xmpp:forward:0", Kind.Content], // XEP-0297
  ["urn:xmpp:mmn:0", Kind.Content], // XEP-0452
  ["urn:xmpp:sfs:0", Kind.Content], // XEP-0447
  ["urn:xmpp:eme:0", Kind.Encryption], // XEP-0380
  ["jabber:x:conference", Kind.Invite], // XEP-0249
  ["http://jabber.org/protocol/muc#user", Kind.Room], // XEP-0045
  ["urn:xmpp:jingle-message:0", Kind.Call], // XEP-0353
  ["urn:xmpp:message-retract:1", Kind.AboutOther], // XEP-0424, XEP-0425
  ["urn:xmpp:message-retract:0", Kind.AboutOther],
  ["urn:xmpp:reactions:0", Kind.AboutOther], // XEP-0444
  ["urn:xmpp:fasten:0", Kind.AboutOther], // XEP-0422
  ["http://jabber.org/protocol/http-auth", Kind.Asks], // XEP-0070
  ["jabber:x:data", Kind.Asks], // XEP-0004
  ["urn:xmpp:attention:0", Kind.Fleeting], // XEP-0224
  ["urn:xmpp:rtt:0", Kind.Fleeting], // XEP-0301
  // What goes with a message and says nothing by itself.
  ["urn:xmpp:sid:0", Kind.Nothing], // XEP-0359
  ["urn:xmpp:delay", Kind.Nothing], // XEP-0203
  ["jabber:x:delay", Kind.Nothing], // XEP-0091
  ["urn:xmpp:fallback:0", Kind.Nothing], // XEP-0428
  ["urn:xmpp:message-correct:0", Kind.Nothing], // XEP-0308
  ["urn:xmpp:reply:0", Kind.Nothing], // XEP-0461
  ["http://jabber.org/protocol/nick", Kind.Nothing], // XEP-0172
  ["http://jabber.org/protocol/address", Kind.Nothing], // XEP-0033
  ["http://jabber.org/protocol/xhtml-im", Kind.Nothing], // XEP-0071: beside a body
  ["urn:xmpp:occupant-id:0", Kind.Nothing], // XEP-0421
]);

/** The traits of a message of any type; hints in errors count for nothing (XEP-0334 §5). */
export function traitsOf(message: Element): MessageTraits {
  let found = 0;
  const { children } = message;
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    if (typeof child !== "string") found |= bitOf(child);
  }
  return shared[answer(messageType(message.attrs.type), found)]!;
}

/** The message within a carbon copy (XEP-0280 §7, §8); undefined if it is none. */
export function copiedMessage(message: Element): Element | undefined {
  for (const child of message.children) {
    if (typeof child === "string" || child.ns !== "urn:xmpp:carbons:2") continue;
    return child.child("forwarded", "urn:xmpp:forward:0")?.child("message", NS.client);
  }
  return undefined;
}

function bitOf(child: Element): number {
  if (child.ns === NS.client) {
    switch (child.name) {
      case "body":
        return BODY;
      case "subject":
        return SUBJECT;
      case "thread":
        return 0;
    }
    return UNKNOWN;
  }
  switch (kinds.get(child.ns)) {
    case Kind.Nothing:
      return 0;
    case Kind.ChatState:
      return CHAT_STATE;
    case Kind.Receipts:
      return child.name === "request" ? ASKS_SEEN : SEEN;
    case Kind.Markers:
      return child.name === "markable" ? ASKS_SEEN : SEEN;
    case Kind.Hints:
      return hint(child.name);
    case Kind.Carbons:
      return carbonsElement(child);
    case Kind.Omemo:
      if (child.name !== "encrypted") return UNKNOWN;
      return child.child("payload") === undefined ? KEYS : CONTENT;
    case Kind.Content:
      return CONTENT;
    case Kind.Encryption:
      return ENCRYPTED;
    case Kind.Invite:
      return INVITE;
    case Kind.Room:
      return roomElement(child);
    case Kind.Call:
      return child.name === "finish" ? CALL_OVER : CALL;
    case Kind.AboutOther:
      return ABOUT_OTHER;
    case Kind.Asks:
      return ASKS | UNKNOWN;
    case Kind.Fleeting:
      return child.name === "attention" ? FLEETING | ASKS : FLEETING;
  }
  return UNKNOWN;
}

function hint(name: string): number {
  switch (name) {
    case "no-store":
      return NO_STORE;
    case "no-permanent-store":
      return NO_PERMANENT_STORE;
    case "no-copy":
      return NO_COPY;
    case "store":
      return STORE;
  }
  return 0;
}

/** `<private/>`, or a copy that our own server has made: no other is let through. */
function carbonsElement(child: Element): number {
  if (child.name === "private") return NO_COPY;
  if (child.name === "sent") return SENT_COPY;
  const inner = child.child("forwarded", "urn:xmpp:forward:0")?.child("message", NS.client);
  return inner !== undefined && traitsOf(inner).urgent ? SENT_COPY | URGENT_COPY : SENT_COPY;
}

/** XEP-0045: an invitation (§7.8.2), news of the room, or the mark of a private message (§7.5). */
function roomElement(child: Element): number {
  for (const c of child.children) {
    if (typeof c === "string" || c.ns !== child.ns) continue;
    if (c.name === "invite" || c.name === "decline") return INVITE;
    if (c.name === "item" || c.name === "status") return UNKNOWN;
  }
  return OCCUPANT;
}

// ---- from what was found to what follows ----

const ARCHIVE = 1;
const HISTORY = 2;
const OFFLINE = 4;
const CARBONS = 8;
const FROM_OCCUPANT = 16;
const URGENT = 32;
const STATE = 64;

const shared: readonly MessageTraits[] = Array.from({ length: 128 }, (_, bits) =>
  Object.freeze({
    archive: (bits & ARCHIVE) !== 0,
    history: (bits & HISTORY) !== 0,
    offline: (bits & OFFLINE) !== 0,
    carbons: (bits & CARBONS) !== 0,
    occupant: (bits & FROM_OCCUPANT) !== 0,
    urgent: (bits & URGENT) !== 0,
    chatState: (bits & STATE) !== 0,
  }));

/** What tomorrow's reader of the conversation must find. */
const LASTING = BODY | SUBJECT | CONTENT | INVITE | CALL | CALL_OVER | SEEN | ABOUT_OTHER | KEYS |
  ENCRYPTED;

/** What is copied whatever type it comes in (XEP-0280 §6.1). */
const MESSAGING = CHAT_STATE | SEEN | ASKS_SEEN | INVITE;

/** What makes a message of type normal one of instant messaging. */
const CONVERSATION = MESSAGING | BODY | CONTENT | CALL | CALL_OVER | ABOUT_OTHER | KEYS | ENCRYPTED;

/** What a person writes to a person. */
const WRITTEN = BODY | CONTENT | INVITE | CALL | ASKS;

/** A message that says something; without any of it, it need not wait for anybody. */
const SAYS = LASTING | UNKNOWN;

function answer(type: MessageType, found: number): number {
  // Nothing in it was meant for anybody but its first recipient; that it failed is news, though.
  if (type === "error") return URGENT;
  let bits = 0;
  const inRoom = type === "groupchat";
  const headline = type === "headline";
  const store = (found & (STORE | NO_STORE | NO_PERMANENT_STORE)) === STORE;

  if ((found & (NO_STORE | NO_PERMANENT_STORE | SENT_COPY)) === 0) {
    const lasts = (found & LASTING) !== 0 && !headline;
    if (lasts || store) bits |= inRoom ? HISTORY : ARCHIVE | HISTORY;
  }
  if (!inRoom && (found & NO_STORE) === 0 && (found & SENT_COPY) === 0) {
    const fleeting = (found & FLEETING) !== 0 && (found & LASTING) === 0;
    if (store || ((found & SAYS) !== 0 && !headline && !fleeting)) bits |= OFFLINE;
  }
  if (!inRoom && (found & (NO_COPY | SENT_COPY)) === 0) {
    if (type === "chat" || (found & (headline ? MESSAGING : CONVERSATION)) !== 0) bits |= CARBONS;
  }
  if ((found & (OCCUPANT | INVITE)) === OCCUPANT) bits |= FROM_OCCUPANT;
  if (isUrgent(type, found)) bits |= URGENT;
  const said = found & ~(CHAT_STATE | STORE | NO_STORE | NO_PERMANENT_STORE | NO_COPY | OCCUPANT);
  if ((found & CHAT_STATE) !== 0 && said === 0) bits |= STATE;
  return bits;
}

function isUrgent(type: MessageType, found: number): boolean {
  if ((found & SENT_COPY) !== 0) return (found & URGENT_COPY) !== 0;
  // A nudge is a headline (XEP-0224 §2); all other headlines are for whoever happens to look.
  if (type === "headline") return (found & (FLEETING | ASKS)) === (FLEETING | ASKS);
  if ((found & ABOUT_OTHER) !== 0) return false;
  if ((found & WRITTEN) !== 0 || ((found & SUBJECT) !== 0 && type !== "groupchat")) return true;
  return (found & (ENCRYPTED | KEYS)) === ENCRYPTED;
}
