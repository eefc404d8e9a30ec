/**
 * Hooks about rooms (XEP-0045): who may make, find, enter them and speak there, and what happens in
 * them. A module that answers rules the rooms of the module `muc` from outside.
 */

import type { Affiliation, Role } from "../formats/muc.ts";
import type { Jid } from "../jid.ts";
import type { Room, RoomConfig, RoomOccupant } from "../rooms.ts";
import type { Stanza } from "../stanza.ts";
import { ask, filter, tell } from "./hook.ts";

/** `creator` is a full JID. Declining leaves it to the settings; false is `not-allowed`. */
export const roomMayCreate = ask<[room: Jid, creator: Jid], boolean>(
  "room.may-create",
  "whether somebody may make this room",
);

export const roomDefaults = filter<RoomConfig, [room: Jid, creator: Jid]>(
  "room.defaults",
  "the configuration that a new room begins with",
);

/** Whether the room is listed, and described, for somebody. Declining leaves it to the room. */
export const roomMayDiscover = ask<[room: Jid, who: Jid], boolean>(
  "room.may-discover",
  "whether somebody may see a room in lists and searches, and its description",
);

/** Asked when somebody enters, reads the archive or registers; declining: what the room has stored. */
export const roomAffiliation = ask<[room: Jid, user: Jid], Affiliation>(
  "room.affiliation",
  "the affiliation of a user (bare JID) with a room, in place of the one that the room has stored",
);

/** What is decided about somebody who enters. */
export interface RoomEntry {
  /** The room's own rules (password, members, number of occupants) are not asked. */
  readonly admitted?: true;
  /** Another role than the one that follows from the affiliation. */
  readonly role?: Exclude<Role, "none">;
  /** Another nickname, prepared; the occupant is told (status 210). */
  readonly nick?: string;
}

/** Throw `StanzaError` to refuse. Outcasts are refused before. */
export const roomEnter = ask<
  [room: Room, who: Jid, nick: string, presence: Stanza],
  RoomEntry
>(
  "room.enter",
  "admits somebody to a room, with a role or nickname; declining: by the room's rules",
);

export type RoomAction =
  | "speak"
  | "whisper"
  | "invite"
  | "change-subject"
  | "change-nick"
  | "request-voice"
  | "read-lists"
  | "moderate";

/** Asked for every message: answer at once where you can. Declining leaves it to the room's rules. */
export const roomMay = ask<[room: Room, who: RoomOccupant, action: RoomAction], boolean>(
  "room.may",
  "whether an occupant may do something",
);

/** The message has the occupant's address and no `to`; what is forged has been taken out. */
export const roomMessage = filter<Stanza, [room: Room, from: RoomOccupant]>(
  "room.message",
  "a message of an occupant about to be kept and sent to all, a change of the subject too",
);

export const roomWhisper = filter<Stanza, [room: Room, from: RoomOccupant, to: RoomOccupant]>(
  "room.whisper",
  "a private message from occupant to occupant",
);

export const roomPresence = filter<Stanza, [room: Room, who: RoomOccupant]>(
  "room.presence",
  "the presence of an occupant about to be shown to the room",
);

export const roomCreated = tell<[room: Room, creator: Jid]>(
  "room.created",
  "a room was made; it may still be locked",
);

export const roomConfigured = tell<[room: Room, before: RoomConfig]>(
  "room.configured",
  "the configuration of a room has changed, or it was unlocked",
);

export const roomDestroyed = tell<[room: Jid]>(
  "room.destroyed",
  "a room is gone for good: remove what belongs to it",
);

export const roomEntered = tell<[room: Room, occupant: RoomOccupant]>(
  "room.entered",
  "somebody has entered a room; not told of further clients of the same occupant",
);

export interface RoomDeparture {
  readonly why: "left" | "kicked" | "banned" | "affiliation" | "members-only" | "error";
  /** What the moderator or the occupant has said. */
  readonly reason: string | undefined;
}

/** `occupant` is as it was. */
export const roomLeft = tell<[room: Room, occupant: RoomOccupant, departure: RoomDeparture]>(
  "room.left",
  "an occupant is gone from a room, with all clients",
);

export const roomNickChanged = tell<[room: Room, occupant: RoomOccupant, before: string]>(
  "room.nick-changed",
  "an occupant has another nickname",
);

export const roomAffiliationChanged = tell<
  [room: Room, user: Jid, affiliation: Affiliation, before: Affiliation, by: Jid | undefined]
>("room.affiliation-changed", "a user has another affiliation with a room, for good");

/** `message` is what the occupants get, with its `<stanza-id/>`; `from` is undefined for the room itself. */
export const roomSent = tell<
  [room: Room, message: Stanza, from: RoomOccupant | undefined, id: string, stamp: number]
>("room.sent", "a message, or another subject, was sent to all occupants of a room");

/** `id` is the `<stanza-id/>` of the message. */
export const roomRetracted = tell<[room: Room, id: string, reason: string | undefined]>(
  "room.retracted",
  "a message of a room was retracted by its author or a moderator",
);

/** Told only if somebody listens, for local accounts. */
export const roomMissed = tell<[room: Room, message: Stanza, account: Jid]>(
  "room.missed",
  "a message that a member of the room misses who is not there",
);

/** Whether there are logs at all; without an answer rooms cannot be logged. */
export const roomLogs = ask<[room: Jid], string | "unreachable">(
  "room.logs",
  "the URL of a room's log, for people to read",
);

export const roomFind = ask<[room: Jid], Room>(
  "room.find",
  "a room of this server by its address, awake or woken",
);
