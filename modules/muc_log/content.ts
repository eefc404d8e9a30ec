/** What a message says to those who read the log. */

import { traitsOf } from "../../lib/formats/message_traits.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import type { NewEntry } from "./entries.ts";

const ENCRYPTION_NS = "urn:xmpp:eme:0";
const CORRECTION_NS = "urn:xmpp:message-correct:0";
const FALLBACK_NS = "urn:xmpp:fallback:0";

/** Ciphertext, whether it is named by XEP-0380 or not. */
const CIPHERS: ReadonlySet<string> = new Set([
  "eu.siacs.conversations.axolotl", // XEP-0384 before 0.4
  "urn:xmpp:omemo:1",
  "urn:xmpp:omemo:2",
  "urn:xmpp:openpgp:0", // XEP-0373
  "jabber:x:encrypted", // XEP-0027
  "urn:xmpp:otr:0", // XEP-0364
]);

/** Messages about other messages: their body is for clients that do not know that. */
const ABOUT_OTHERS: ReadonlySet<string> = new Set([
  "urn:xmpp:message-retract:0", // XEP-0424, XEP-0425
  "urn:xmpp:message-retract:1",
  "urn:xmpp:reactions:0", // XEP-0444
  "urn:xmpp:fasten:0", // XEP-0422
]);

/** XEP-0245 */
const ACTION = "/me ";

/** The ciphertext is in the body (XEP-0364). */
const OTR = "?OTR";

/** What a message adds to the log; undefined for nothing. `nick` is "" for the room itself. */
export function entryOf(message: Stanza, nick: string, id: string): NewEntry | undefined {
  const body = message.childText("body");
  const subject = message.child("subject");
  // XEP-0045 §8.1: with a body it is a message that happens to have a title.
  if (subject !== undefined && body === undefined && message.child("thread") === undefined) {
    return { kind: "subject", nick, text: subject.text(), stanza: id };
  }
  // What asks not to be stored is not (XEP-0334).
  if (!traitsOf(message).history) return undefined;
  let hidden = false;
  for (const child of message.children) {
    if (typeof child === "string") continue;
    if (ABOUT_OTHERS.has(child.ns)) return undefined;
    // Keys alone (XEP-0384 §4.6) say nothing.
    hidden ||= child.ns === ENCRYPTION_NS || (CIPHERS.has(child.ns) && isCiphertext(child));
  }
  hidden ||= body?.startsWith(OTR) === true;
  const base = {
    nick,
    stanza: id,
    origin: message.id,
    corrects: message.child("replace", CORRECTION_NS)?.attrs.id,
  };
  const text = hidden ? besideCipher(message, body ?? "") : body ?? "";
  if (text.trim() === "") return hidden ? { ...base, kind: "encrypted" } : undefined;
  if (!text.startsWith(ACTION)) return { ...base, kind: "message", text };
  return { ...base, kind: "action", text: text.slice(ACTION.length) };
}

function isCiphertext(element: Element): boolean {
  return element.name !== "encrypted" || element.child("payload") !== undefined;
}

/**
 * What of a body can be read beside ciphertext. Commonly all of it says that the rest is encrypted, and
 * is ignored (XEP-0380 §5); unless it says itself which part of it is in place of the ciphertext
 * (XEP-0428).
 */
function besideCipher(message: Stanza, body: string): string {
  for (const fallback of message.elements("fallback", FALLBACK_NS)) {
    const of = fallback.attrs.for ?? "";
    if (of !== ENCRYPTION_NS && !CIPHERS.has(of)) continue;
    const parts = fallback.elements("body");
    if (parts.length === 0 && fallback.child("subject") !== undefined) continue;
    return parts.length === 0 ? "" : without(body, parts);
  }
  return "";
}

/** A text without the parts between `start` and `end`, which count characters (XEP-0426). */
function without(text: string, parts: readonly Element[]): string {
  const characters = Array.from(text);
  for (const { attrs } of parts) {
    const start = attrs.start === undefined ? 0 : Number(attrs.start);
    const end = attrs.end === undefined ? characters.length : Number(attrs.end);
    // Who cannot say where it begins or ends means all of it.
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0) return "";
    characters.fill("", start, Math.max(start, end));
  }
  return characters.join("");
}
