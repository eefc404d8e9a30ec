/**
 * Who may do what to whom in a room, as XEP-0045 has it (§5, §8, §9, §10), in tables that were written
 * from its text: `+` allowed, `=` nothing changes, `F` forbidden, `N` not-allowed, `C` conflict.
 */

import type { Affiliation, Role } from "../../lib/formats/muc.ts";

export type Outcome = "+" | "=" | "F" | "N" | "C";

/** What goes with each letter in an answer. */
export const CONDITIONS: Readonly<Record<Outcome, string | undefined>> = {
  "+": undefined,
  "=": undefined,
  F: "forbidden",
  N: "not-allowed",
  C: "conflict",
};

/** Standings that occur: admins and owners are always moderators (§5.1.2, §8.4, §9.7). */
export const STANDINGS = {
  O: { affiliation: "owner", role: "moderator" },
  A: { affiliation: "admin", role: "moderator" },
  MM: { affiliation: "member", role: "moderator" },
  MP: { affiliation: "member", role: "participant" },
  MV: { affiliation: "member", role: "visitor" },
  NM: { affiliation: "none", role: "moderator" },
  NP: { affiliation: "none", role: "participant" },
  NV: { affiliation: "none", role: "visitor" },
} as const;

export type StandingName = keyof typeof STANDINGS;
export const STANDING_NAMES = Object.keys(STANDINGS) as StandingName[];

/** The columns of the tables of roles. */
export const WANTED_ROLES: readonly Role[] = ["moderator", "participant", "visitor", "none"];

/**
 * By who does it, and to whom. Whoever is no moderator may do nothing (§8: forbidden).
 *
 * - §9.6: moderators are made by owners and admins alone (§9: forbidden).
 * - §9.7, §9.8: owners and admins stay moderators (not-allowed); others lose it by owners and admins
 *   (§5.1.3), which is forbidden to mere moderators (§9).
 * - §8.4, §8.5: nobody takes voice from owners and admins, nor from whom is at or above the own level
 *   (not-allowed). To have no affiliation is no level: otherwise moderators without one, to whom §5.1.1
 *   gives that privilege, could take voice from nobody.
 * - §8.2: nobody kicks whom is above (not-allowed), nor, without being an admin, a moderator (§5.1.3).
 */
const ROLES: Readonly<Record<string, Readonly<Record<StandingName, string>>>> = {
  //                moderator, participant, visitor, none
  O: {
    O: "=NN+",
    A: "=NN+",
    MM: "=+++",
    MP: "+=++",
    MV: "++=+",
    NM: "=+++",
    NP: "+=++",
    NV: "++=+",
  },
  A: {
    O: "=NNN",
    A: "=NN+",
    MM: "=+++",
    MP: "+=++",
    MV: "++=+",
    NM: "=+++",
    NP: "+=++",
    NV: "++=+",
  },
  MM: {
    O: "=NNN",
    A: "=NNN",
    MM: "=FNN",
    MP: "F=N+",
    MV: "F+=+",
    NM: "=FFN",
    NP: "F=++",
    NV: "F+=+",
  },
  NM: {
    O: "=NNN",
    A: "=NNN",
    MM: "=FNN",
    MP: "F=NN",
    MV: "F+=N",
    NM: "=FFN",
    NP: "F=++",
    NV: "F+=+",
  },
};

/** What becomes of it when `by` wants to give another occupant a role. */
export function roleOutcome(by: StandingName, of: StandingName, to: Role): Outcome {
  return (ROLES[by]?.[of][WANTED_ROLES.indexOf(to)] ?? "F") as Outcome;
}

/** The columns of the tables of affiliations. */
export const WANTED_AFFILIATIONS: readonly Affiliation[] = [
  "owner",
  "admin",
  "member",
  "none",
  "outcast",
];

/**
 * §5.2.2: owners may do everything; admins move users between member, none and outcast. All that touches
 * the lists of owners and admins is forbidden to them (§10.5, §10.8), and to ban one of these is
 * not-allowed (§9.1). To all others everything is forbidden (§9).
 */
const BY_OWNER: Readonly<Record<Affiliation, string>> = {
  //      owner, admin, member, none, outcast
  owner: "=++++",
  admin: "+=+++",
  member: "++=++",
  none: "+++=+",
  outcast: "++++=",
};

const BY_ADMIN: Readonly<Record<Affiliation, string>> = {
  owner: "FFFFN",
  admin: "FFFFN",
  member: "FF=++",
  none: "FF+=+",
  outcast: "FF++=",
};

/** What becomes of it when `by` wants to give somebody else an affiliation. */
export function affiliationOutcome(by: Affiliation, of: Affiliation, to: Affiliation): Outcome {
  const table = by === "owner" ? BY_OWNER : by === "admin" ? BY_ADMIN : undefined;
  return (table?.[of][WANTED_AFFILIATIONS.indexOf(to)] ?? "F") as Outcome;
}

/**
 * The same about oneself: nobody bans oneself (§9.1), the last owner stays one (§10.4), another one may
 * step down, and admins are not masters of their own list.
 */
const OWN: Readonly<Record<string, string>> = {
  lastOwner: "=CCCC",
  owner: "=+++C",
  admin: "FFFFC",
};

export function ownOutcome(by: Affiliation, isLastOwner: boolean, to: Affiliation): Outcome {
  const row = OWN[isLastOwner ? "lastOwner" : by];
  return (row?.[WANTED_AFFILIATIONS.indexOf(to)] ?? "F") as Outcome;
}
