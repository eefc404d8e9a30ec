/**
 * Rooms (XEP-0045) as all modules see them: what a room is configured to be, who is in it, and what
 * is stored of it. The hooks are in `hooks/rooms.ts` and `hooks/room_storage.ts`.
 */

import type { Affiliation, PresentRole } from "./formats/muc.ts";
import type { Jid } from "./jid.ts";

/** What an owner can set (XEP-0045 §10.2). Everything has a value. */
export interface RoomConfig {
  readonly name: string;
  readonly description: string;
  /** A language tag, or "". */
  readonly lang: string;
  /** Remains when the last occupant has left. */
  readonly persistent: boolean;
  /** Listed by the service. */
  readonly public: boolean;
  readonly moderated: boolean;
  readonly membersOnly: boolean;
  /** "" for none. */
  readonly password: string;
  /** Who sees real addresses: everybody in a non-anonymous room. */
  readonly whois: "anyone" | "moderators";
  /** Occupants at most; 0: as many as the service allows. */
  readonly maxUsers: number;
  readonly allowPm: "anyone" | "participants" | "moderators" | "none";
  /** Members may invite, which makes members in a members-only room; otherwise admins alone. */
  readonly allowInvites: boolean;
  /** Participants may change the subject; otherwise moderators alone. */
  readonly changeSubject: boolean;
  /** Roles whose presence all occupants get. */
  readonly presenceBroadcast: readonly PresentRole[];
  /** Who may read the lists of members, admins and owners, besides admins. */
  readonly getMemberList: readonly PresentRole[];
  readonly allowVisitorNickChange: boolean;
  readonly allowVisitorStatus: boolean;
  readonly allowVoiceRequests: boolean;
  /** Whoever may enter may register: at once in an open room, with an admin's approval in others. */
  readonly allowRegistration: boolean;
  /** Who has registered a nickname has that one and no other. */
  readonly lockNicks: boolean;
  /** Pages of the discussion are public (module `muc_log`). */
  readonly logging: boolean;
  /** Messages go into the room's archive (XEP-0313), if there are archives. */
  readonly archive: boolean;
  /** Messages of history that somebody who enters gets at most. */
  readonly maxHistory: number;
  /** Seconds between two messages of one participant; 0 for none (XEP-0500). */
  readonly slowMode: number;
  /** Members who are away get messages that mention them (XEP-0452). */
  readonly forwardMentions: boolean;
  /** XMPP URI of a node that goes with the room, or "". */
  readonly pubsub: string;
  /** Bare JIDs to turn to; empty: the owners. */
  readonly contacts: readonly string[];
}

/** Somebody in a room: one nickname, with one client or several. */
export interface RoomOccupant {
  readonly nick: string;
  /** `room@service/nick` */
  readonly jid: Jid;
  /** Who it really is, bare. */
  readonly user: Jid;
  readonly role: PresentRole;
  readonly affiliation: Affiliation;
  /** XEP-0421. */
  readonly id: string;
}

/** A room that is awake. */
export interface Room {
  readonly jid: Jid;
  readonly config: RoomConfig;
  /** Nobody but its maker may enter until it is configured (§10.1). */
  readonly locked: boolean;
  /** How many occupants there are. */
  readonly size: number;
  occupants(): Iterable<RoomOccupant>;
  /** By nickname. */
  occupant(nick: string): RoomOccupant | undefined;
  /** All occupants of a user. */
  occupantsOf(user: Jid): readonly RoomOccupant[];
  /** As the room has it; `room.affiliation` may say otherwise. */
  affiliationOf(user: Jid): Affiliation;
}

// ---- what is stored ----

export interface StoredAffiliation {
  /** Bare JID, or a domain. */
  readonly jid: string;
  /** `none` remains for a while, for who asks what has changed (XEP-0463). */
  readonly affiliation: Affiliation;
  /** The nickname that is reserved, or "". */
  readonly nick: string;
  readonly reason: string;
  /** The room's version with which it came into being (XEP-0463). */
  readonly version: number;
  /** The version since which it has been an owner, admin or member without a break. */
  readonly since: number;
}

/** XEP-0317. */
export interface StoredHat {
  readonly uri: string;
  readonly title: string;
  /** An angle as text (XEP-0392), or "". */
  readonly hue: string;
  /** Bare JIDs of those who wear it. */
  readonly wearers: readonly string[];
}

export interface StoredSubject {
  /** The message as in `formats/stored.ts`, without `to`. */
  readonly xml: string;
  /** ms since the epoch. */
  readonly stamp: number;
}

/** All about a room but its affiliations. */
export interface RoomRecord {
  /** Bare JID. */
  readonly creator: string;
  /** ms since the epoch. */
  readonly created: number;
  readonly config: RoomConfig;
  readonly subject: StoredSubject | undefined;
  readonly hats: readonly StoredHat[];
  /** Key of the occupants' ids (XEP-0421), in hex. */
  readonly secret: string;
  /** SHA-1 of the photos in the room's vCard (XEP-0486). */
  readonly avatars: readonly string[];
  /** The version of the affiliations, and the oldest one of which changes are known (XEP-0463). */
  readonly version: number;
  readonly oldestVersion: number;
  /** Messages of each of the last hours, the oldest first, and the hour since the epoch of the last. */
  readonly activity: readonly number[];
  readonly activeHour: number;
}

export interface StoredRoom extends RoomRecord {
  readonly affiliations: readonly StoredAffiliation[];
}
