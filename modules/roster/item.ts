/** Roster items as records and as XML (RFC 6121 §2.1.2). */

import type { Roster, RosterItem } from "../../lib/hooks/roster.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";

export const NS_ROSTER = "jabber:iq:roster";

/** No groups: one array for all. */
export const NO_GROUPS: readonly string[] = [];

/** A contact of whom nothing is known yet. */
export function blankItem(jid: string): RosterItem {
  return {
    jid,
    name: "",
    subscription: "none",
    ask: false,
    approved: false,
    groups: NO_GROUPS,
    pendingIn: undefined,
    listed: false,
  };
}

/** True if there is nothing to keep about the contact. */
export function isVoid(item: RosterItem): boolean {
  return !item.listed && !item.approved && item.pendingIn === undefined;
}

/**
 * True if clients must hear of a change (the "roster modification" of RFC 6121 §2.6.3). That a
 * contact's request came or went is no such change; setting an item again as it was is one.
 */
export function isModification(
  before: RosterItem | undefined,
  after: RosterItem | undefined,
): boolean {
  if (after === undefined || !after.listed) return before?.listed === true;
  if (before === undefined || !before.listed) return true;
  return before.pendingIn === after.pendingIn || !looksAlike(before, after);
}

function looksAlike(a: RosterItem, b: RosterItem): boolean {
  return a.name === b.name && a.subscription === b.subscription && a.ask === b.ask &&
    a.approved === b.approved && a.groups.length === b.groups.length &&
    a.groups.every((group, i) => group === b.groups[i]);
}

/** `<item/>` as clients see it. */
export function itemElement(item: RosterItem): Element {
  return xml(
    "item",
    NS_ROSTER,
    {
      jid: item.jid,
      name: item.name === "" ? undefined : item.name,
      subscription: item.subscription,
      ask: item.ask ? "subscribe" : undefined,
      approved: item.approved ? "true" : undefined,
    },
    ...item.groups.map((group) => xml("group", NS_ROSTER, undefined, group)),
  );
}

/** `<item/>` of a push for a contact that is gone. */
export function removedElement(jid: string): Element {
  return xml("item", NS_ROSTER, { jid, subscription: "remove" });
}

/** `<query/>` with items and the version, if the storage has versions. */
export function queryElement(version: string, items: readonly Element[]): Element {
  return xml("query", NS_ROSTER, { ver: version === "" ? undefined : version }, ...items);
}

/** `<query/>` with all that clients see of a roster. */
export function rosterElement(roster: Roster): Element {
  const items: Element[] = [];
  for (const item of roster.items.values()) if (item.listed) items.push(itemElement(item));
  return queryElement(roster.version, items);
}
