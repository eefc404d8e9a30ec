/** Delayed delivery (XEP-0203): as an element, and as text spliced into a stanza kept as text. */

import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";
import { escapeAttribute } from "../xml/escape.ts";
import { formatDateTime, parseDateTime } from "./datetime.ts";
import { insertAtEnd } from "./stored.ts";

export const DELAY_NS = "urn:xmpp:delay";

export interface Delay {
  /** Who delayed it, or sent it first; as it stands. */
  readonly from: string | undefined;
  /** When it was sent first, in ms since the epoch. */
  readonly stamp: number;
}

/** `<delay/>`; `from` is who delays, `stamp` in ms since the epoch. */
export function delayElement(from: string, stamp: number, reason?: string): Element {
  return xml("delay", DELAY_NS, { from, stamp: formatDateTime(stamp) }, reason);
}

/** The same as XML text. */
export function delayText(from: string, stamp: number): string {
  return `<delay xmlns='${DELAY_NS}' from='${escapeAttribute(from)}' stamp='${
    formatDateTime(stamp)
  }'/>`;
}

/** A stanza's text with a `<delay/>` put at its end. Nothing is parsed. */
export function withDelay(stanza: string, from: string, stamp: number): string {
  return insertAtEnd(stanza, delayText(from, stamp));
}

/** The first valid `<delay/>` of a stanza, of that sender if one is given. */
export function readDelay(stanza: Element, from?: string): Delay | undefined {
  for (const c of stanza.children) {
    if (typeof c === "string" || c.ns !== DELAY_NS || c.name !== "delay") continue;
    if (from !== undefined && c.attrs.from !== from) continue;
    const stamp = parseDateTime(c.attrs.stamp ?? "");
    if (stamp !== undefined) return { from: c.attrs.from, stamp };
  }
  return undefined;
}

/** The stanza without the `<delay/>` elements that name `from`; the same object if it has none. */
export function withoutDelay<E extends Element>(stanza: E, from: string): E {
  if (!stanza.hasNs(DELAY_NS)) return stanza;
  return stanza.filter((c) => c.ns !== DELAY_NS || c.attrs.from !== from);
}
