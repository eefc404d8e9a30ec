/**
 * Bookmarks of rooms as items of their own (XEP-0402) and in one list (XEP-0048), converted both ways
 * (XEP-0402 §5.3).
 */

import type { Child, Element } from "../../lib/xml/element.ts";
import { toXml, xml } from "../../lib/xml/element.ts";
import { fingerprint } from "../../lib/xml/fingerprint.ts";
import { parseJid } from "../../lib/jid.ts";

export const NATIVE_NS = "urn:xmpp:bookmarks:1";
export const LEGACY_NS = "storage:bookmarks";

/** One room. */
export interface Bookmark {
  /** The room's JID: the id of the item. */
  readonly id: string;
  /** `<conference xmlns='urn:xmpp:bookmarks:1'/>` */
  readonly payload: Element;
}

/** The list of all rooms, and of what else was in it (links, what is no room). */
export function toList(bookmarks: readonly Bookmark[], others: readonly Child[]): Element {
  const rooms = bookmarks.map(({ id, payload }) =>
    xml(
      "conference",
      LEGACY_NS,
      { ...payload.attrs, jid: id },
      ...payload.children.map((child) => cast(child, NATIVE_NS, LEGACY_NS)),
    )
  );
  return xml("storage", LEGACY_NS, {}, ...rooms, ...others);
}

/** What a list holds: rooms, each once, and all that is none. */
export function readList(list: Element): { rooms: Map<string, Element>; others: Element[] } {
  const rooms = new Map<string, Element>();
  const others: Element[] = [];
  for (const child of list.elements()) {
    const jid = child.is("conference", LEGACY_NS) ? parseJid(child.attrs.jid ?? "") : undefined;
    if (jid === undefined) others.push(child);
    else if (!rooms.has(jid.bare)) rooms.set(jid.bare, child);
  }
  return { rooms, others };
}

/**
 * The payload for a room of a list. Lists know no extensions: what clients had put beside the
 * nickname becomes one, and those of `before`, the payload so far, stay.
 */
export function toPayload(room: Element, before: Element | undefined): Element {
  const { jid: _, ...attrs } = room.attrs;
  const known: Child[] = [];
  const foreign: Element[] = [];
  for (const child of room.elements()) {
    if (child.ns !== LEGACY_NS) foreign.push(child);
    else if (child.name !== "extensions") known.push(cast(child, LEGACY_NS, NATIVE_NS));
  }
  const given = room.child("extensions") ?? before?.child("extensions", NATIVE_NS);
  const kept = given?.elements().filter((e) => !foreign.some((f) => f.is(e.name, e.ns))) ?? [];
  const extensions = [...kept, ...foreign];
  if (extensions.length > 0) known.push(xml("extensions", NATIVE_NS, {}, ...extensions));
  return xml("conference", NATIVE_NS, attrs, ...known);
}

/** A copy in another namespace; what is in neither stays as it is. */
function cast(child: Child, from: string, to: string): Child {
  if (!child || typeof child === "string" || child.ns !== from) return child;
  return xml(child.name, to, child.attrs, ...child.children.map((c) => cast(c, from, to)));
}

/** The same text for payloads that mean the same. */
export function meaningOf(payload: Element): string {
  const { autojoin, ...attrs } = payload.attrs;
  const joins = autojoin === "true" || autojoin === "1";
  const names = Object.keys(attrs).filter((name) => attrs[name] !== "").sort();
  const children = payload.elements()
    .filter((e) => e.children.length > 0 || Object.keys(e.attrs).length > 0)
    .map((e) => fingerprint(e));
  return JSON.stringify([joins, names.map((name) => [name, attrs[name]]), children.sort()]);
}

/** A list as it is kept: nothing if there is nothing in it. */
export function textOf(list: Element): string {
  return list.children.length === 0 ? "" : toXml(list, "");
}
