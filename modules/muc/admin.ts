/**
 * XEP-0045 §8 and §9: requests with `<query xmlns='http://jabber.org/protocol/muc#admin'/>`: lists, and
 * changes of roles (by nickname) and affiliations (by address). All items of a request, or none.
 */

import { StanzaError } from "../../lib/errors.ts";
import { type Affiliation, isAffiliation, isRole, type Role } from "../../lib/formats/muc.ts";
import { type Later, then } from "../../lib/later.ts";
import { type IqReply, NO_REPLY, result } from "../../lib/module.ts";
import type { StoredAffiliation } from "../../lib/rooms.ts";
import { resultOf, type Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import {
  type Change,
  changeAffiliations,
  checkAllReserved,
  setRole,
  userAt,
} from "./affiliations.ts";
import { inviteMember } from "./invite.ts";
import { putOut } from "./leave.ts";
import { ADMIN, Status } from "./names.ts";
import { nickOf } from "./nick.ts";
import type { Client, Occupant } from "./occupant.ts";
import { actorElement } from "./presence.ts";
import { checkReason } from "./reason.ts";
import { isAdmin, isMember, mayChangeAffiliation, mayChangeOwn, mayChangeRole } from "./rights.ts";
import type { Room } from "./room.ts";

/** Items in one request, or changes by one form. */
export const ITEMS = 500;

// ---- lists (§8.5, §9.2, §9.5, §9.8, §10.5, §10.8) ----

export async function list(room: Room, iq: Stanza, query: Element): Promise<IqReply> {
  const item = query.child("item");
  const { affiliation, role } = item?.attrs ?? {};
  if (affiliation !== undefined && role !== undefined) {
    throw new StanzaError("bad-request", { text: "either a role or an affiliation is listed" });
  }
  const rank = await room.standing(iq.from!);
  const client = room.client(iq.from!);
  if (isRole(role)) return result(listed(listRole(room, role, rank, client)));
  if (!isAffiliation(affiliation)) {
    throw new StanzaError("bad-request", { text: "which role or affiliation is to be listed?" });
  }
  await checkMayList(room, affiliation, rank, client);
  const items = listAffiliation(room, affiliation);
  if (!room.service.mayList(iq.from!, items.length)) {
    throw new StanzaError("policy-violation", { type: "wait", text: "too many lists" });
  }
  return result(listed(items.map(affiliationItem)));
}

function listed(items: readonly Element[]): Element {
  return xml("query", ADMIN, {}, ...items);
}

/** Moderators only. */
function listRole(
  room: Room,
  role: Role,
  rank: Affiliation,
  client: Client | undefined,
): Element[] {
  if (client?.occupant.role !== "moderator" && !isAdmin(rank)) throw new StanzaError("forbidden");
  const items: Element[] = [];
  for (const o of room.occupants()) {
    if (o.role !== role) continue;
    const { nick, affiliation, main: { jid } } = o;
    items.push(xml("item", ADMIN, { nick, role, affiliation, jid: jid.full }));
  }
  return items;
}

/**
 * §9.5, §10.5, §10.8: members read what is no secret in a non-anonymous room; bans are the admins', and
 * who the owners and admins of a semi-anonymous room are, the owners'.
 */
async function checkMayList(
  room: Room,
  affiliation: Affiliation,
  rank: Affiliation,
  client: Client | undefined,
): Promise<void> {
  if (rank === "owner") return;
  if (rank === "admin" && (room.open || !isAdmin(affiliation))) return;
  const occupant = client?.occupant;
  const mayRead = occupant === undefined
    ? isMember(rank)
    : room.config.getMemberList.includes(occupant.role);
  const usual = room.open && mayRead && affiliation !== "outcast";
  const allowed = occupant === undefined ? usual : await room.may(occupant, "read-lists", usual);
  if (!allowed || affiliation === "outcast") throw new StanzaError("forbidden");
}

function listAffiliation(room: Room, affiliation: Affiliation): readonly StoredAffiliation[] {
  if (affiliation === "none") return []; // nobody keeps such a list (§5.2)
  return [...room.affiliations.values()].filter((a) => a.affiliation === affiliation);
}

function affiliationItem({ jid, affiliation, nick, reason }: StoredAffiliation): Element {
  const attrs = { affiliation, jid, nick: nick === "" ? undefined : nick };
  return xml("item", ADMIN, attrs, reason !== "" && xml("reason", ADMIN, {}, reason));
}

// ---- changes ----

export async function change(room: Room, iq: Stanza, query: Element): Promise<IqReply> {
  const items = query.elements("item");
  if (items.length === 0 || items.length > ITEMS) {
    throw new StanzaError("bad-request", { text: `from 1 to ${ITEMS} items are to be changed` });
  }
  const roles = items.filter((i) => i.attrs.role !== undefined);
  // §17.4: not both, in one item or in one request.
  if (roles.length > 0 && items.some((i) => i.attrs.affiliation !== undefined)) {
    throw new StanzaError("bad-request", { text: "roles and affiliations go in requests apart" });
  }
  if (roles.length === items.length) return changeRoles(room, iq, items);
  if (roles.length > 0) throw new StanzaError("bad-request", { text: "an item has no role" });
  return await changeListed(room, iq, items);
}

interface RoleChange {
  readonly occupant: Occupant;
  readonly role: Role;
  readonly reason: string | undefined;
}

function changeRoles(room: Room, iq: Stanza, items: readonly Element[]): Later<IqReply> {
  const by = room.client(iq.from!);
  if (by === undefined) throw new StanzaError("forbidden");
  const changes = items.map((item) => readRoleChange(room, by, item));
  if (new Set(changes.map((c) => c.occupant)).size < changes.length) {
    throw new StanzaError("bad-request", { text: "an occupant is there twice" });
  }
  const told: (() => Later<void>)[] = [];
  for (const { occupant, role, reason } of changes) {
    if (role !== "none") continue;
    const actor = actorElement(by.occupant);
    told.push(putOut(room, occupant, { status: [Status.Kicked], reason, actor, why: "kicked" }));
  }
  void room.service.host.send(resultOf(iq));
  for (const { occupant, role, reason } of changes) {
    if (role === "none" || role === occupant.role) continue;
    const actor = actorElement(by.occupant);
    told.push(() => setRole(room, occupant, role, { reason, actor }));
  }
  return then(room.pieces.each(told, (tell) => tell()), () => NO_REPLY);
}

/** §8.2-8.5, §9.6-9.8: by nickname. */
function readRoleChange(room: Room, by: Client, item: Element): RoleChange {
  const { nick, role } = item.attrs;
  if (nick === undefined || !isRole(role)) {
    throw new StanzaError("bad-request", { text: "a role is changed by nickname" });
  }
  if (by.occupant.role !== "moderator") throw new StanzaError("forbidden");
  const occupant = room.occupant(nick);
  if (occupant === undefined) throw new StanzaError("item-not-found");
  // §8.2: whoever likes may kick oneself; one could leave as well.
  const ownExit = role === "none" && occupant === by.occupant;
  const refusal = ownExit ? undefined : mayChangeRole(by.occupant, occupant, role);
  if (refusal !== undefined) throw new StanzaError(refusal);
  return { occupant, role, reason: checkReason(room, item.childText("reason")) };
}

/** §9.1-9.5, §10.3-10.8: by address, or that of an occupant. */
async function changeListed(
  room: Room,
  iq: Stanza,
  items: readonly Element[],
): Promise<IqReply> {
  const from = iq.from!;
  const rank = await room.standing(from);
  if (!isAdmin(rank)) throw new StanzaError("forbidden");
  const changes = items.map((item) => readChange(room, item));
  const ranks: Affiliation[] = [];
  for (const { user } of changes) ranks.push(await room.rank(user));
  checkChanges(room, from.bare, rank, changes, ranks);
  checkAllReserved(room, changes);
  const strangers = changes.filter(({ user, affiliation }) =>
    isMember(affiliation) && !isMember(room.affiliationOf(user))
  );
  await changeAffiliations(room, changes, room.client(from), () => {
    void room.service.host.send(resultOf(iq));
  });
  // §9.5: whoever has become a member of a members-only room is told so.
  if (room.config.membersOnly) {
    for (const { user, reason } of strangers) inviteMember(room, from, user, reason);
  }
  return NO_REPLY;
}

function readChange(room: Room, item: Element): Change {
  const { affiliation, jid, nick } = item.attrs;
  if (!isAffiliation(affiliation)) {
    throw new StanzaError("bad-request", { text: "there is no such affiliation" });
  }
  // Old clients name somebody who is there by nickname.
  const named = jid === undefined && nick !== undefined ? room.occupant(nick)?.user : undefined;
  if (jid === undefined && named === undefined) {
    throw new StanzaError(nick === undefined ? "bad-request" : "item-not-found");
  }
  const user = named ?? userAt(jid);
  const reserved = jid === undefined || nick === undefined ? undefined : nick;
  return {
    user,
    affiliation,
    nick: reserved === undefined || reserved === "" ? reserved : nickOf(room, reserved),
    reason: checkReason(room, item.childText("reason")),
  };
}

function checkChanges(
  room: Room,
  own: string,
  rank: Affiliation,
  changes: readonly Change[],
  ranks: readonly Affiliation[],
): void {
  let owners = room.owners;
  const seen = new Set<string>();
  for (const [i, { user, affiliation }] of changes.entries()) {
    if (seen.has(user.bare)) {
      throw new StanzaError("bad-request", { text: `${user.bare} is there twice` });
    }
    seen.add(user.bare);
    const before = room.affiliations.get(user.bare)?.affiliation ?? "none";
    // A whole domain may be banned, or let in; it cannot rule.
    if (user.node === "" && isAdmin(affiliation)) throw new StanzaError("not-allowed");
    const isOwn = user.bare === own || (user.node === "" && own.endsWith(`@${user.domain}`));
    // Whoever is more than what is stored, as the server's administrators are, is not banned either.
    const refusal = (isOwn ? mayChangeOwn(before, affiliation, owners) : undefined) ??
      mayChangeAffiliation(rank, ranks[i]!, affiliation) ??
      mayChangeAffiliation(rank, before, affiliation);
    if (refusal !== undefined) throw new StanzaError(refusal);
    if (before === "owner" && affiliation !== "owner") owners--;
    if (before !== "owner" && affiliation === "owner") owners++;
  }
  if (owners < 1 && room.owners > 0) {
    throw new StanzaError("conflict", { text: "a room needs an owner" });
  }
}
