/** Words of Multi-User Chat (XEP-0045) that more than the module `muc` needs. */

export const MUC_NS = "http://jabber.org/protocol/muc";
export const MUC_USER_NS = "http://jabber.org/protocol/muc#user";
export const MUC_ADMIN_NS = "http://jabber.org/protocol/muc#admin";
export const MUC_OWNER_NS = "http://jabber.org/protocol/muc#owner";

/** XEP-0045 §5.2, from the highest to the lowest. */
export const AFFILIATIONS = ["owner", "admin", "member", "none", "outcast"] as const;
export type Affiliation = typeof AFFILIATIONS[number];

/** XEP-0045 §5.1, from the highest to the lowest. */
export const ROLES = ["moderator", "participant", "visitor", "none"] as const;
export type Role = typeof ROLES[number];

/** A role of somebody who is in the room. */
export type PresentRole = Exclude<Role, "none">;

export function isAffiliation(text: string | undefined): text is Affiliation {
  return (AFFILIATIONS as readonly (string | undefined)[]).includes(text);
}

export function isRole(text: string | undefined): text is Role {
  return (ROLES as readonly (string | undefined)[]).includes(text);
}

/** Above zero if `a` stands higher than `b`. */
export function compareAffiliations(a: Affiliation, b: Affiliation): number {
  return AFFILIATIONS.indexOf(b) - AFFILIATIONS.indexOf(a);
}
