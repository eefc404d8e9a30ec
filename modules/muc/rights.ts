/**
 * Who may do what to whom (XEP-0045 §5): the tables of privileges, as functions of nothing but roles
 * and affiliations. The answer is undefined if it is allowed, or the condition of the refusal.
 */

import type { StanzaCondition } from "../../lib/errors.ts";
import type { Affiliation, PresentRole, Role } from "../../lib/formats/muc.ts";
import { compareAffiliations } from "../../lib/formats/muc.ts";

export interface Standing {
  readonly affiliation: Affiliation;
  readonly role: Role;
}

type Refusal = StanzaCondition | undefined;

export function isAdmin(affiliation: Affiliation): boolean {
  return affiliation === "owner" || affiliation === "admin";
}

/** Owners, admins and members. */
export function isMember(affiliation: Affiliation): boolean {
  return isAdmin(affiliation) || affiliation === "member";
}

/** §5.1.2. */
export function defaultRole(affiliation: Affiliation, moderated: boolean): PresentRole {
  if (isAdmin(affiliation)) return "moderator";
  return affiliation === "member" || !moderated ? "participant" : "visitor";
}

/** The role that goes with another affiliation (§5.1.3): what was granted on its own is kept. */
export function roleAfter(
  role: PresentRole,
  before: Affiliation,
  after: Affiliation,
  moderated: boolean,
): PresentRole {
  const usual = defaultRole(after, moderated);
  if (usual === "moderator") return usual;
  if (role === "moderator") return isAdmin(before) ? usual : role;
  if (usual === "participant") return usual;
  return isMember(before) ? usual : role;
}

/** Another role for an occupant; `none` is a kick (§8.2-8.4, §9.6, §9.7). */
export function mayChangeRole(by: Standing, of: Standing, to: Role): Refusal {
  if (by.role !== "moderator") return "forbidden";
  if (of.role === to) return undefined;
  if (to === "moderator") return isAdmin(by.affiliation) ? undefined : "forbidden";
  if (to === "none") {
    if (compareAffiliations(of.affiliation, by.affiliation) > 0) return "not-allowed";
    return of.role === "moderator" && !isAdmin(by.affiliation) ? "not-allowed" : undefined;
  }
  // What goes with an affiliation is not taken away without it.
  if (isAdmin(of.affiliation)) return "not-allowed";
  if (isAdmin(by.affiliation)) return undefined;
  // §8.4: at or above one's own level; to have no affiliation is no level.
  if (to === "visitor" && of.affiliation === "member") return "not-allowed";
  return of.role === "moderator" ? "forbidden" : undefined;
}

/** Another affiliation for a user (§5.2.2, §9.1-9.5, §10.3-10.8); about oneself see `mayChangeOwn`. */
export function mayChangeAffiliation(by: Affiliation, of: Affiliation, to: Affiliation): Refusal {
  if (!isAdmin(by)) return "forbidden";
  if (by === "owner") return undefined;
  // Not even to reserve another nickname for one of them: these lists are the owners'.
  if (isAdmin(of)) return to === "outcast" ? "not-allowed" : "forbidden";
  return isAdmin(to) ? "forbidden" : undefined;
}

/** Nobody bans oneself (§9.1), and the last owner stays one (§10.4). */
export function mayChangeOwn(own: Affiliation, to: Affiliation, owners: number): Refusal {
  if (to === "outcast") return "conflict";
  return own === "owner" && to !== "owner" && owners < 2 ? "conflict" : undefined;
}
