/** How occupants are shown: to everybody, to moderators alone, and to themselves (XEP-0045 §7.2.2). */

import { xml } from "../../lib/xml/element.ts";
import type { Element } from "../../lib/xml/element.ts";
import { Status, USER } from "./names.ts";
import type { Client, Notice, Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";
import type { Stanza } from "../../lib/stanza.ts";

function* except(clients: Iterable<Client>, occupant: Occupant): Iterable<Client> {
  for (const client of clients) if (client.occupant !== occupant) yield client;
}

/** Shows an occupant as it is now to everybody else. */
export function showToOthers(room: Room, occupant: Occupant, notice?: Notice): void {
  const was = occupant.visible;
  const is = occupant.visible = room.shows(occupant);
  const stanza = (withAddress: boolean) =>
    notice === undefined ? occupant.presence(withAddress) : occupant.notice(notice, withAddress);
  if (is && room.open) {
    return room.tell(stanza(true), except(room.clients.values(), occupant));
  }
  if (room.moderators.size > 0) room.tell(stanza(true), except(room.moderators, occupant));
  if (is) room.tell(stanza(false), except(room.mere, occupant));
  else if (was) {
    // Its role is one that is not shown any more.
    const gone = occupant.notice({ type: "unavailable", role: "none", children: [] }, room.open);
    room.tell(gone, except(room.mere, occupant));
  }
}

/** Shows an occupant to its own clients, or to one of them: with status 110. */
export function showToItself(
  room: Room,
  occupant: Occupant,
  notice: Notice = {},
  only?: Client,
): void {
  const status = [Status.Self, ...notice.status ?? []];
  const stanza = occupant.notice({ ...notice, status }, true);
  room.tell(stanza, only === undefined ? occupant.clients : [only]);
}

/** Shows an occupant as it is now: to all others first, then to itself. */
export function show(room: Room, occupant: Occupant, notice?: Notice): void {
  occupant.changed();
  showToOthers(room, occupant, notice);
  showToItself(room, occupant, notice);
}

/** Who is in the room, for somebody who has just come; itself not. */
export function* roster(room: Room, client: Client): Iterable<Stanza> {
  const all = client.occupant.role === "moderator";
  const withAddress = all || room.open;
  for (const occupant of room.occupants()) {
    if (occupant === client.occupant || !(all || occupant.visible)) continue;
    yield occupant.presence(withAddress);
  }
}

export function showRoom(room: Room, client: Client): void {
  room.tellBurst(roster(room, client), client);
}

/** An occupant is gone: `seen` is whether people without a moderator's rights knew of it. */
export function showGone(room: Room, occupant: Occupant, notice: Notice): void {
  const full = { ...notice, type: "unavailable", role: "none" } as const;
  if (room.open && occupant.visible) return room.tellAll(occupant.notice(full, true));
  if (room.moderators.size > 0) room.tell(occupant.notice(full, true), room.moderators);
  if (occupant.visible && room.mere.size > 0) {
    room.tell(occupant.notice(full, room.open), room.mere);
  }
}

/** Who has done it, for those who may know: the nickname (§8.2). */
export function actorElement(by: Occupant | undefined): Element | undefined {
  return by === undefined ? undefined : xml("actor", USER, { nick: by.nick });
}
