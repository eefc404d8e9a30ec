/** XEP-0045 §7.14: leaving a room, by oneself or not (§8.2, §9.1, §10.2, §11). */

import { roomLeft } from "../../lib/hooks/rooms.ts";
import type { RoomDeparture } from "../../lib/hooks/rooms.ts";
import type { Affiliation } from "../../lib/formats/muc.ts";
import { type Later, then } from "../../lib/later.ts";
import { NS } from "../../lib/ns.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { Status } from "./names.ts";
import type { Client, Notice, Occupant } from "./occupant.ts";
import { show, showGone } from "./presence.ts";
import { defaultRole } from "./rights.ts";
import type { Room } from "./room.ts";
import { shownChildren } from "./status.ts";

/** A client says that it leaves, or its server says so. */
export function leave(room: Room, client: Client, stanza: Stanza | undefined): Later<void> {
  const children = stanza === undefined ? [] : shownChildren(room, client.occupant, stanza);
  const id = stanza?.id;
  return clientGone(room, client, { children, id }, {
    why: "left",
    reason: children.find((c) => c.is("status", NS.client))?.text(),
  });
}

/** §11.1: a client that cannot be reached any more is told so, in case it can. That is no kick (307). */
export function failed(room: Room, client: Client): Later<void> {
  const notice = { children: [], status: [Status.Failure] };
  return clientGone(room, client, notice, { why: "error", reason: undefined });
}

/** One client goes; the occupant with it if it was the last. */
function clientGone(
  room: Room,
  client: Client,
  notice: Notice,
  departure: RoomDeparture,
): Later<void> {
  const { occupant } = client;
  // §10.1.3: its maker has not configured it.
  if (room.locked && room.clients.size === 1) return room.service.destroy(room, {});
  room.dropClient(client);
  room.service.left(room, client);
  sayFarewell(room, occupant, client, notice);
  if (occupant.clients.length === 0) return occupantGone(room, occupant, notice, departure);
  if (occupant.main !== client) return;
  occupant.main = occupant.clients.at(-1)!;
  show(room, occupant);
}

function occupantGone(
  room: Room,
  occupant: Occupant,
  notice: Notice,
  departure: RoomDeparture,
): Later<void> {
  room.unseat(occupant);
  rememberRole(room, occupant);
  showGone(room, occupant, notice);
  return then(
    room.service.host.tell(roomLeft, room, occupant, departure),
    () => room.size === 0 ? room.service.emptied(room) : undefined,
  );
}

/** The last a client hears of the room: with status 110. */
function sayFarewell(room: Room, occupant: Occupant, client: Client, notice: Notice): void {
  // Its session may be over: then there is nobody to tell.
  const status = [Status.Self, ...notice.status ?? []];
  const full = { ...notice, type: "unavailable", role: "none", status } as const;
  const stanza = occupant.notice(full, true, client).addressedTo(client.jid);
  void room.service.host.send(stanza);
}

function rememberRole(room: Room, { user, role, affiliation }: Occupant): void {
  if (role === "moderator") return;
  if (role === defaultRole(affiliation, room.config.moderated)) room.roles.delete(user.bare);
  else room.roles.set(user.bare, role);
}

/** What those hear who are put out, and everybody else. */
export interface Removal {
  readonly status: readonly Status[];
  readonly reason: string | undefined;
  readonly actor: Element | undefined;
  /** The affiliation that it has now. */
  readonly affiliation?: Affiliation;
  readonly extra?: readonly Element[];
  readonly why: RoomDeparture["why"];
}

/**
 * Puts an occupant out with all its clients, which are told at once. What comes back tells everybody
 * else: whoever has asked for it is told in between (§8.2).
 */
export function putOut(room: Room, occupant: Occupant, removal: Removal): () => Later<void> {
  const { why, ...said } = removal;
  const notice: Notice = { ...said, children: [] };
  for (const client of [...occupant.clients]) {
    room.dropClient(client);
    room.service.left(room, client);
    sayFarewell(room, occupant, client, notice);
  }
  room.unseat(occupant);
  return () => {
    showGone(room, occupant, notice);
    const departure = { why, reason: removal.reason };
    return then(
      room.service.host.tell(roomLeft, room, occupant, departure),
      () => room.size === 0 ? room.service.emptied(room) : undefined,
    );
  };
}
