/**
 * Unique and stable stanza ids (XEP-0359): what archives, rooms and the stable_ids module share.
 *
 * An archive of accounts stamps in a filter on `message.to-account` that runs after `stable_ids` (which
 * has removed what pretends to be ours by then). Live copies and those kept for later are made behind
 * that filter, so all of them carry the same id.
 */

import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";

export const STANZA_ID_NS = "urn:xmpp:sid:0";

/** A fresh id: unpredictable, and telling nothing (XEP-0359 §3 and §6). */
export function newStanzaId(): string {
  return crypto.randomUUID();
}

/** `<stanza-id/>`; `by` is the prepared address of whoever has given the id. */
export function stanzaIdElement(id: string, by: string): Element {
  return xml("stanza-id", STANZA_ID_NS, { id, by });
}

/** A copy of the stanza with an id stamped by `by`. Strip forged ones first. */
export function stampStanzaId<E extends Element>(stanza: E, by: string, id: string): E {
  return stanza.append(stanzaIdElement(id, by));
}

/** The id that `by` has stamped, if any. To be trusted only where `by` is known to check (§6). */
export function stanzaIdBy(stanza: Element, by: string): string | undefined {
  for (const c of stanza.children) {
    if (typeof c !== "string" && isStanzaId(c) && c.attrs.by === by) return c.attrs.id;
  }
  return undefined;
}

/** The id given by the sender's client (§2.2): good for recognising one's own message, not more. */
export function originId(stanza: Element): string | undefined {
  return stanza.child("origin-id", STANZA_ID_NS)?.attrs.id;
}

/** True if any child of the stanza is a `<stanza-id/>`. */
export function hasStanzaId(stanza: Element): boolean {
  const { children } = stanza;
  for (let i = 0; i < children.length; i++) {
    const c = children[i]!;
    if (typeof c !== "string" && isStanzaId(c)) return true;
  }
  return false;
}

/** The stanza without the ids that `forged` says are; the same object if there are none. */
export function stripStanzaIds<E extends Element>(
  stanza: E,
  forged: (by: string | undefined) => boolean,
): E {
  const { children } = stanza;
  for (let i = 0; i < children.length; i++) {
    const c = children[i]!;
    if (typeof c !== "string" && isStanzaId(c) && forged(c.attrs.by)) {
      return stanza.filter((c) => !isStanzaId(c) || !forged(c.attrs.by));
    }
  }
  return stanza;
}

function isStanzaId(e: Element): boolean {
  return e.ns === STANZA_ID_NS && e.name === "stanza-id";
}
