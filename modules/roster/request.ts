/** What a client may put in a roster set (RFC 6121 §2.1.5, §2.3.3). */

import type { Jid } from "../../lib/jid.ts";
import { parseJid } from "../../lib/jid.ts";
import { StanzaError } from "../../lib/errors.ts";
import type { Element } from "../../lib/xml/element.ts";
import { NO_GROUPS } from "./item.ts";

export interface RosterLimits {
  /** Characters. */
  readonly name_length: number;
  /** Characters. */
  readonly group_length: number;
  readonly groups_per_item: number;
}

export type RosterRequest =
  | { readonly kind: "remove"; readonly contact: Jid }
  | {
    readonly kind: "set";
    readonly contact: Jid;
    readonly name: string;
    readonly groups: readonly string[];
  };

/** Reads the `<query/>` of a roster set. Throws the `StanzaError` that the RFC names. */
export function parseRequest(query: Element, limits: RosterLimits): RosterRequest {
  const items = query.elements("item");
  const item = items[0];
  if (item === undefined || items.length > 1) {
    throw new StanzaError("bad-request", { text: "a roster set has exactly one item" });
  }
  const contact = contactOf(item);
  // Any other value is ignored: subscriptions are changed with presence.
  if (item.attrs.subscription === "remove") return { kind: "remove", contact };
  const name = item.attrs.name ?? "";
  if (name.length > limits.name_length) throw tooLong("name", limits.name_length);
  return { kind: "set", contact, name, groups: groupsOf(item, limits) };
}

/** The contact's bare JID: subscriptions know no resources. */
function contactOf(item: Element): Jid {
  const text = item.attrs.jid;
  if (text === undefined) throw new StanzaError("bad-request", { text: "the item has no jid" });
  const jid = parseJid(text);
  if (jid === undefined) throw new StanzaError("jid-malformed", { text: "the item's jid is none" });
  return jid.toBare();
}

function groupsOf(item: Element, limits: RosterLimits): readonly string[] {
  const groups = item.elements("group").map((group) => group.text());
  if (groups.length === 0) return NO_GROUPS;
  if (new Set(groups.map((group) => group.normalize("NFC"))).size < groups.length) {
    throw new StanzaError("bad-request", { text: "a group is named twice" });
  }
  for (const group of groups) {
    if (group === "") throw new StanzaError("not-acceptable", { text: "a group has no name" });
    if (group.length > limits.group_length) throw tooLong("name of a group", limits.group_length);
  }
  if (groups.length > limits.groups_per_item) {
    const text = `an item is in at most ${limits.groups_per_item} groups`;
    throw new StanzaError("not-acceptable", { text });
  }
  return groups;
}

function tooLong(what: string, limit: number): StanzaError {
  return new StanzaError("not-acceptable", { text: `the ${what} is longer than ${limit}` });
}
