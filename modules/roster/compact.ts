/**
 * A roster in the memory of an account that is online: one string, about 30 bytes a contact where the
 * objects would take 150. The objects are made when somebody asks and last as long as the garbage
 * collector lets them.
 */

import type { Roster, RosterItem, Subscription } from "../../lib/hooks/roster.ts";
import { EMPTY_ROSTER } from "../../lib/hooks/roster.ts";
import { NO_GROUPS } from "./item.ts";

/** Jid, bits, name, groups and request; what is empty at the end is left out. */
type Row = [jid: string, bits: number, name?: string, groups?: string[] | 0, pendingIn?: string];

const SUBSCRIPTIONS: readonly Subscription[] = ["none", "to", "from", "both"];
const ASK = 4;
const APPROVED = 8;
const LISTED = 16;

export class CompactRoster {
  readonly version: number;
  readonly #text: string;
  #objects: WeakRef<Roster> | undefined = undefined;

  constructor(version: number, items: Iterable<RosterItem>) {
    this.version = version;
    const rows: Row[] = [];
    for (const item of items) rows.push(rowOf(item));
    this.#text = rows.length === 0 ? "" : JSON.stringify(rows);
  }

  get roster(): Roster {
    const made = this.#objects?.deref();
    if (made !== undefined) return made;
    const roster: Roster = { version: String(this.version), items: itemsOf(this.#text) };
    this.#objects = new WeakRef(roster);
    return roster;
  }
}

/** The roster of every account that has never had a contact. */
export const UNTOUCHED: CompactRoster = new CompactRoster(0, []);

function itemsOf(text: string): ReadonlyMap<string, RosterItem> {
  if (text === "") return EMPTY_ROSTER.items;
  const items = new Map<string, RosterItem>();
  for (const row of JSON.parse(text) as Row[]) items.set(row[0], itemOf(row));
  return items;
}

function rowOf(item: RosterItem): Row {
  const bits = SUBSCRIPTIONS.indexOf(item.subscription) | (item.ask ? ASK : 0) |
    (item.approved ? APPROVED : 0) | (item.listed ? LISTED : 0);
  const row: Row = [item.jid, bits];
  const groups = item.groups.length === 0 ? 0 : [...item.groups];
  if (item.pendingIn !== undefined) row.push(item.name, groups, item.pendingIn);
  else if (groups !== 0) row.push(item.name, groups);
  else if (item.name !== "") row.push(item.name);
  return row;
}

function itemOf(row: Row): RosterItem {
  const [jid, bits, name = "", groups = 0, pendingIn] = row;
  return {
    jid,
    name,
    subscription: SUBSCRIPTIONS[bits & 3]!,
    ask: (bits & ASK) !== 0,
    approved: (bits & APPROVED) !== 0,
    groups: groups === 0 ? NO_GROUPS : groups,
    pendingIn,
    listed: (bits & LISTED) !== 0,
  };
}
