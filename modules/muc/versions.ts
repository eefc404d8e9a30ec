/**
 * XEP-0463: MUC Affiliations Versioning: every change of an affiliation makes another version of the
 * room, and whoever enters with an older one is told what has changed since.
 */

import { StanzaError } from "../../lib/errors.ts";
import type { Affiliation } from "../../lib/formats/muc.ts";
import type { StoredAffiliation } from "../../lib/rooms.ts";
import { message } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { USER, VERSIONS } from "./names.ts";
import type { Client, Occupant } from "./occupant.ts";
import { isAdmin } from "./rights.ts";
import type { Room } from "./room.ts";

/** Removals that are remembered; whoever has an older version gets everything. */
const REMOVALS = 1000;

/** Items in one message. */
const ITEMS = 200;

/** Opaque to others: another room of the same name has other versions. */
function versionText(room: Room, version: number): string {
  return `${room.created.toString(36)}-${version.toString(36)}`;
}

function readVersion(room: Room, text: string): number | undefined {
  const [epoch, version] = text.split("-");
  if (epoch !== room.created.toString(36) || version === undefined) return undefined;
  const n = parseInt(version, 36);
  return Number.isSafeInteger(n) && versionText(room, n) === text ? n : undefined;
}

/** `<mav/>` for a change that has led to the present version, and for self-presence. */
export function changeElement(room: Room, since: number): Element {
  return xml("mav", VERSIONS, {
    since: versionText(room, since),
    until: versionText(room, room.version),
  });
}

export function currentElement(room: Room): Element {
  return xml("mav", VERSIONS, { until: versionText(room, room.version) });
}

/** Who may read the lists: as by IQ (XEP-0045 §9.5). */
export function mayKnow(room: Room, client: Client): boolean {
  const { affiliation, role } = client.occupant;
  return isAdmin(affiliation) || (room.open && room.config.getMemberList.includes(role));
}

/** Answers the `<mav/>` of somebody who enters, before any presence is sent (§5.2.1). */
export function tellVersions(room: Room, client: Client, join: Element): void {
  const request = join.child("mav", VERSIONS);
  if (request === undefined) return;
  const { occupant } = client;
  const entry = room.affiliations.get(occupant.user.bare);
  const { since } = request.attrs;
  // §6: who belongs to the room by nothing is told how it is, and not how it was.
  const isStranger = occupant.affiliation === "none";
  const asked = since === undefined ? undefined : readVersion(room, since);
  const known = isStranger && asked !== room.version ? undefined : asked;
  // §6: nobody learns of times before its own.
  const isTooOld = known !== undefined && entry !== undefined && known < entry.since &&
    !isAdmin(occupant.affiliation);
  if (!mayKnow(room, client) || isTooOld) {
    const error = new StanzaError("forbidden").toElement();
    room.tellOne(message({ from: room.jid, type: "error" }, error), client);
    return;
  }
  if (known === room.version) return;
  const full = known === undefined || known < room.oldestVersion || known > room.version;
  const items = [...room.affiliations.values()]
    .filter((a) => full ? a.affiliation !== "none" : a.version > known)
    .map((a) => ({ jid: a.jid, affiliation: shown(room, a, occupant) }))
    .filter((a) => !full || a.affiliation !== "none");
  if (!room.service.mayList(occupant.user, items.length)) {
    const error = new StanzaError("policy-violation", { type: "wait" }).toElement();
    room.tellOne(message({ from: room.jid, type: "error" }, error), client);
    return;
  }
  send(room, client, full ? undefined : known, items);
}

/**
 * What somebody may know of it, as by IQ: bans are the admins' business, and who the owners and admins
 * of a semi-anonymous room are, the owners' (XEP-0045 §10.5, §10.8).
 */
export function shown(
  room: Room,
  { jid, affiliation }: Pick<StoredAffiliation, "jid" | "affiliation">,
  { user, affiliation: rank }: Occupant,
): Affiliation {
  const isSecret = affiliation === "outcast" ? !isAdmin(rank) : isAdmin(affiliation) &&
    !room.open && rank !== "owner" && jid !== user.bare;
  return isSecret ? "none" : affiliation;
}

/** In portions: the versions between them are only for this, and are no versions of the room. */
function send(
  room: Room,
  client: Client,
  known: number | undefined,
  items: readonly { jid: string; affiliation: Affiliation }[],
): void {
  const until = versionText(room, room.version);
  let since = known === undefined ? undefined : versionText(room, known);
  for (let from = 0; from === 0 || from < items.length; from += ITEMS) {
    const isLast = from + ITEMS >= items.length;
    const next = isLast ? until : `${until}-${from + ITEMS}`;
    const x = xml(
      "x",
      USER,
      {},
      xml("mav", VERSIONS, { since, until: next }),
      ...items.slice(from, from + ITEMS).map((item) => xml("item", USER, item)),
    );
    room.tellOne(message({ from: room.jid }, x), client);
    since = next;
  }
}

/**
 * Removals beyond what is remembered, to be forgotten, and the oldest version that is left by that. Those
 * who wear a hat are not: see `hats.ts`.
 */
export function forgetRemovals(
  affiliations: Iterable<StoredAffiliation>,
  oldest: number,
  isWearer: (jid: string) => boolean,
): { readonly forget: readonly string[]; readonly oldest: number } {
  const removed = [...affiliations].filter((a) =>
    a.affiliation === "none" && a.nick === "" && !isWearer(a.jid)
  );
  if (removed.length <= REMOVALS) return { forget: [], oldest };
  removed.sort((a, b) => a.version - b.version);
  const forget = removed.slice(0, removed.length - REMOVALS / 2);
  return { forget: forget.map((a) => a.jid), oldest: forget.at(-1)!.version };
}
