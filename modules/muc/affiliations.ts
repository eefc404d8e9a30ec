/**
 * Changes of affiliations (XEP-0045 §9, §10.3-10.8), wherever they come from: an admin's request, the
 * configuration, a registration, an invitation. They are stored first, then everybody is told.
 */

import { StanzaError } from "../../lib/errors.ts";
import type { Affiliation } from "../../lib/formats/muc.ts";
import { roomAffiliationChanged } from "../../lib/hooks/rooms.ts";
import type { Later } from "../../lib/later.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { nicknameKey } from "../../lib/precis/profiles.ts";
import type { StoredAffiliation } from "../../lib/rooms.ts";
import { message } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { putOut, type Removal } from "./leave.ts";
import { Status, USER } from "./names.ts";
import type { Client, Notice, Occupant } from "./occupant.ts";
import { actorElement, show, showRoom } from "./presence.ts";
import { isMember, roleAfter } from "./rights.ts";
import type { Room } from "./room.ts";
import { changeElement, forgetRemovals, mayKnow, shown } from "./versions.ts";

/** What is to become of one address. */
export interface Change {
  /** Bare, or a domain. */
  readonly user: Jid;
  readonly affiliation: Affiliation;
  /** The nickname to reserve; "" for none, undefined to leave it. */
  readonly nick: string | undefined;
  readonly reason: string | undefined;
}

/** Changes of absent people that one message tells of. */
const ABSENT = 100;

/** Throws `conflict` if another address has the nickname. */
export function checkReserved(room: Room, user: Jid, nick: string): void {
  const owner = room.reservedBy(nick);
  const holder = room.occupant(nick);
  if (
    (owner !== undefined && owner !== user.bare) ||
    (holder !== undefined && holder.user.bare !== user.bare)
  ) throw new StanzaError("conflict", { text: `the nickname ${nick} is another's` });
}

/** The same for several changes at once, which may pass nicknames on. */
export function checkAllReserved(room: Room, changes: readonly Change[]): void {
  const givenUp = new Set<string>();
  for (const { user, affiliation, nick } of changes) {
    const old = room.affiliations.get(user.bare)?.nick ?? "";
    if (old !== "" && (!isMember(affiliation) || nick !== undefined)) givenUp.add(keyOf(old));
  }
  const taken = new Set<string>();
  for (const { user, affiliation, nick } of changes) {
    if (nick === undefined || nick === "" || !isMember(affiliation)) continue;
    const key = keyOf(nick);
    const holder = room.occupant(nick)?.user.bare ?? user.bare;
    if (!givenUp.has(key) || holder !== user.bare) checkReserved(room, user, nick);
    if (taken.has(key)) {
      throw new StanzaError("conflict", { text: `the nickname ${nick} is wanted twice` });
    }
    taken.add(key);
  }
}

function keyOf(nick: string): string {
  return nicknameKey(nick) ?? nick;
}

/**
 * Makes the changes, all or none. `between` is called when they are kept and those who have to leave
 * know it, before the others are told.
 */
export async function changeAffiliations(
  room: Room,
  changes: readonly Change[],
  by: Client | undefined,
  between: () => void = () => {},
): Promise<void> {
  const before = new Map(changes.map((c) => [c.user.bare, room.affiliationOf(c.user)]));
  const since = room.version;
  const version = since + 1;
  const rows = changes.map((change) => rowOf(room, change, version));
  checkCount(room, changes);
  const merged = new Map(room.affiliations);
  for (const row of rows) merged.set(row.jid, row);
  const { forget, oldest } = forgetRemovals(
    merged.values(),
    room.oldestVersion,
    (jid) => room.hats.some((hat) => hat.wearers.includes(jid)),
  );
  await room.save({ version, oldestVersion: oldest }, rows, forget);
  room.version = version;
  room.oldestVersion = oldest;
  for (const row of rows) keepRow(room, row);
  for (const jid of forget) room.affiliations.delete(jid);
  room.membersChanged();

  const told: (() => Later<void>)[] = [];
  const absent: Change[] = [];
  const present = Map.groupBy(room.occupants(), (o) => o.user.bare);
  for (const change of changes) {
    const concerned = concernedBy(room, change, present);
    if (concerned.length === 0) absent.push(change);
    else told.push(...apply(room, change, concerned, by, since));
  }
  const portions = Math.ceil(absent.length / ABSENT);
  for (let i = 0; i < portions; i++) {
    const some = absent.slice(i * ABSENT, (i + 1) * ABSENT);
    told.push(() => tellOfAbsent(room, some, since));
  }
  between();
  await room.pieces.each(told, (tell) => tell());
  for (const { user, affiliation } of changes) {
    const was = before.get(user.bare)!;
    if (was === affiliation) continue;
    await room.service.host.tell(
      roomAffiliationChanged,
      room,
      user,
      affiliation,
      was,
      by?.occupant.user,
    );
  }
}

function rowOf(room: Room, change: Change, version: number): StoredAffiliation {
  const { user, affiliation, nick, reason } = change;
  const old = room.affiliations.get(user.bare);
  const keepsNick = isMember(affiliation);
  const wasMember = old !== undefined && isMember(old.affiliation);
  return {
    jid: user.bare,
    affiliation,
    nick: keepsNick ? nick ?? old?.nick ?? "" : "",
    reason: reason ?? "",
    version,
    since: wasMember && keepsNick ? old.since : version,
  };
}

/** Throws `resource-constraint` if there were too many affiliations after the changes. */
export function checkCount(room: Room, changes: readonly Change[]): void {
  const { affiliations } = room.service.settings;
  const isNew = ({ user, affiliation }: Change) =>
    affiliation !== "none" &&
    (room.affiliations.get(user.bare)?.affiliation ?? "none") === "none";
  const added = changes.filter(isNew).length;
  if (added === 0) return;
  let count = added;
  for (const a of room.affiliations.values()) if (a.affiliation !== "none") count++;
  if (count > affiliations) {
    throw new StanzaError("resource-constraint", {
      text: `a room has at most ${affiliations} affiliations`,
    });
  }
}

function keepRow(room: Room, row: StoredAffiliation): void {
  const old = keyOf(room.affiliations.get(row.jid)?.nick ?? "");
  // Another row may have it now.
  if (room.reserved.get(old) === row.jid) room.reserved.delete(old);
  if (row.nick !== "") room.reserved.set(keyOf(row.nick), row.jid);
  room.affiliations.set(row.jid, row);
}

/** Those of the occupants, grouped by user, whom a change is about. */
function concernedBy(
  room: Room,
  { user }: Change,
  present: ReadonlyMap<string, readonly Occupant[]>,
): readonly Occupant[] {
  if (user.node !== "") return present.get(user.bare) ?? [];
  return [...room.occupants()].filter((o) => o.user.domain === user.domain);
}

/** What everybody has to be told; those who must leave are told right now. */
function apply(
  room: Room,
  { reason }: Change,
  concerned: readonly Occupant[],
  by: Client | undefined,
  since: number,
): (() => Later<void>)[] {
  const extra = [changeElement(room, since)];
  const actor = actorElement(by?.occupant);
  const told: (() => Later<void>)[] = [];
  for (const occupant of concerned) {
    const now = room.affiliationOf(occupant.user);
    if (now === occupant.affiliation) continue;
    const removal = removalFor(room, now);
    if (removal !== undefined) {
      occupant.affiliation = now;
      told.push(putOut(room, occupant, { ...removal, reason, actor, affiliation: now, extra }));
    } else {
      told.push(() => promote(room, occupant, now, { reason, actor, extra }));
    }
  }
  return told;
}

type Why = Pick<Removal, "status" | "why">;

/** §9.1, §9.4: who may not be there any more. */
function removalFor(room: Room, now: Affiliation): Why | undefined {
  if (now === "outcast") return { status: [Status.Banned], why: "banned" };
  if (room.config.membersOnly && !isMember(now)) {
    return { status: [Status.AffiliationLost], why: "affiliation" };
  }
  return undefined;
}

/** Another affiliation, and the role that goes with it. */
function promote(room: Room, occupant: Occupant, now: Affiliation, notice: Notice): void {
  const before = occupant.affiliation;
  occupant.affiliation = now;
  const { moderated } = room.config;
  setRole(room, occupant, roleAfter(occupant.role, before, now, moderated), notice);
}

/** Gives an occupant a role and shows it to all. */
export function setRole(
  room: Room,
  occupant: Occupant,
  role: Occupant["role"],
  notice: Notice,
): void {
  if (occupant.clients.length === 0) return; // it has left meanwhile
  const rises = role === "moderator" && occupant.role !== "moderator";
  occupant.role = role;
  for (const client of occupant.clients) {
    room.place(client);
    room.service.changed(client);
  }
  show(room, occupant, notice);
  // What moderators see and others do not (§7.2.4).
  if (rises && (!room.open || [...room.occupants()].some((o) => !o.visible))) {
    for (const client of occupant.clients) showRoom(room, client);
  }
}

/** §10.3, XEP-0463 §5.2.2: those in the room hear of it who may read the lists. */
function tellOfAbsent(
  room: Room,
  changes: readonly Change[],
  since: number,
): void {
  const extra = changeElement(room, since);
  const all = [...room.clients.values()].filter((client) => mayKnow(room, client));
  // None of those who are there is meant: what they may know goes by their own affiliation.
  for (const clients of Map.groupBy(all, (c) => c.occupant.affiliation).values()) {
    const items = changes.map(({ user, affiliation, reason }) => {
      const known = shown(room, { jid: user.bare, affiliation }, clients[0]!.occupant);
      return xml(
        "item",
        USER,
        { jid: user.bare, affiliation: known, role: "none" },
        reason !== undefined && known === affiliation && xml("reason", USER, {}, reason),
      );
    });
    room.tell(message({ from: room.jid }, xml("x", USER, {}, extra, ...items)), clients);
  }
}

/** An address that an admin has written: bare (§10.3). */
export function userAt(text: string | undefined): Jid {
  const jid = text === undefined ? undefined : parseJid(text);
  if (jid === undefined) throw new StanzaError("jid-malformed", { text: "`jid` is no address" });
  return jid.toBare();
}
