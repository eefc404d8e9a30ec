/**
 * Hooks behind which rooms are stored (XEP-0045): answer one for a service, or a room, and that data is
 * yours. `room` is the bare JID of a room. Every answer to a change comes after it is kept for good;
 * changes of one room are asked for one after the other.
 */

import type { Jid } from "../jid.ts";
import type { RoomRecord, StoredAffiliation, StoredRoom } from "../rooms.ts";
import { ask } from "./hook.ts";

export const roomLoad = ask<[room: Jid], StoredRoom | "none">(
  "room.load",
  "a stored room with its affiliations",
);

/**
 * Keeps a room, which may be new. `affiliations` are those that have changed, by address; `forget` names
 * those of which nothing need be known any more.
 */
export const roomSave = ask<
  [
    room: Jid,
    record: RoomRecord,
    affiliations?: readonly StoredAffiliation[],
    forget?: readonly string[],
  ],
  true
>("room.save", "keeps a room, and what has changed of its affiliations");

/** All that is stored of it, its vCard and history too. */
export const roomRemove = ask<[room: Jid], true>("room.remove", "forgets a room");

/** Public rooms in the order of their addresses. */
export interface RoomQuery {
  /** Only rooms behind (before) this node. With `before` the page ends there; "" for the last page. */
  readonly after?: string;
  readonly before?: string;
  readonly limit: number;
  /** Words in lower case that must all occur, each in one of these places. */
  readonly words?: readonly string[];
  readonly within?: readonly ("name" | "description" | "address")[];
}

export interface RoomListing {
  readonly node: string;
  readonly name: string;
  readonly description: string;
  readonly lang: string;
  /** Anybody may enter: no password, not for members only. */
  readonly open: boolean;
  readonly anonymous: boolean;
}

export const roomList = ask<[service: Jid, query: RoomQuery], readonly RoomListing[]>(
  "room.list",
  "stored public rooms of a service",
);

export const roomCount = ask<
  [service: Jid, which: "all" | "public" | { readonly creator: string }],
  number
>("room.count", "how many rooms a service has, lists, or has for one creator (bare JID)");

/** Rooms that it has made, or with any affiliation of it, `none` too: to be looked at when it is gone. */
export const roomsOf = ask<[service: Jid, user: Jid], readonly Jid[]>(
  "room.of-user",
  "the stored rooms of a service that know a user",
);

/** Nodes of stored rooms that are not persistent: what a process that died has left. */
export const roomTemporary = ask<[service: Jid], readonly Jid[]>(
  "room.temporary",
  "stored rooms that go with their last occupant",
);

export const roomCardGet = ask<[room: Jid], string>(
  "room.card-get",
  "the vCard of a room as XML, or empty",
);

export const roomCardSet = ask<[room: Jid, card: string], true>(
  "room.card-set",
  "stores the vCard of a room; empty removes it",
);

/** A message of a room's history, where there is no archive that has it. */
export interface RoomHistoryItem {
  readonly id: string;
  /** ms since the epoch. */
  readonly stamp: number;
  /** As in `formats/stored.ts`. */
  readonly xml: string;
}

/** The newest `keep` remain. */
export const roomHistoryAdd = ask<[room: Jid, item: RoomHistoryItem, keep: number], true>(
  "room.history-add",
  "keeps a message of a room's history",
);

export const roomHistoryGet = ask<[room: Jid], readonly RoomHistoryItem[]>(
  "room.history-get",
  "the history of a room, oldest first",
);

/** Text "" removes it. */
export const roomHistoryReplace = ask<[room: Jid, id: string, xml: string], true>(
  "room.history-replace",
  "puts another message in the place of one in a room's history",
);

/** Who was in which room: told to the others when the server's process has died. */
export interface StoredOccupant {
  readonly room: Jid;
  readonly nick: string;
  /** Full JID. */
  readonly jid: string;
}

/** Nobody waits for it. */
export const roomOccupantsChanged = ask<
  [entered: readonly StoredOccupant[], left: readonly StoredOccupant[]],
  true
>("room.occupants-changed", "notes who has entered rooms and left them, in that order");

/** All of a service, which are forgotten with that. */
export const roomOccupantsTake = ask<[service: Jid], readonly StoredOccupant[]>(
  "room.occupants-take",
  "who was in the rooms of a service when it was last heard of",
);
