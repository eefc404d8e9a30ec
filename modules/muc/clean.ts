/**
 * What a client says, without what only the room may say (XEP-0045 §17.3): roles and status codes, ids
 * of occupants and of stanzas, delays in the room's name, hats, copies, moderation.
 */

import { DELAY_NS } from "../../lib/formats/delay.ts";
import { MAM_NS } from "../../lib/formats/mam.ts";
import { newStanzaId, STANZA_ID_NS } from "../../lib/formats/stanza_id.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import { Stanza } from "../../lib/stanza.ts";
import { AttributeMap, type Element } from "../../lib/xml/element.ts";
import {
  ADDRESS,
  ADMIN,
  FASTEN,
  HATS,
  MENTIONS,
  MODERATE,
  MUC,
  OCCUPANT_ID,
  OWNER,
  RETRACT,
  USER,
  VERSIONS,
} from "./names.ts";
import { isModerationBefore } from "./moderate_before.ts";

/** Never passed on, whatever is in it. */
const OURS: ReadonlySet<string> = new Set([
  MUC,
  USER,
  ADMIN,
  OWNER,
  HATS,
  OCCUPANT_ID,
  MENTIONS,
  MODERATE,
  VERSIONS,
  MAM_NS,
  "urn:xmpp:carbons:2",
  ADDRESS,
]);

function isForged(e: Element, room: Jid): boolean {
  if (OURS.has(e.ns)) return true;
  switch (e.ns) {
    case FASTEN:
      return isModerationBefore(e);
    case STANZA_ID_NS:
      return e.name === "stanza-id" && namesUs(e.attrs.by, room);
    case DELAY_NS:
    case "jabber:x:delay":
      return namesUs(e.attrs.from, room);
    case RETRACT:
      // The past tense is of tombstones alone; moderators ask the room (XEP-0425 §5).
      return e.name === "retracted" || e.child("moderated", MODERATE) !== undefined;
  }
  return false;
}

/** In the name of the room, of its service or of nobody. */
function namesUs(by: string | undefined, room: Jid): boolean {
  if (by === undefined || by === room.bare) return true;
  const jid = parseJid(by);
  return jid === undefined || jid.domain === room.domain;
}

/** A message as the room passes it on, from an occupant's address and to nobody yet. */
export function cleanMessage(stanza: Stanza, room: Jid, from: Jid, type = stanza.type): Stanza {
  const kept = stanza.filter((c) => !isForged(c, room));
  const attrs = new AttributeMap();
  if (type !== undefined) attrs.type = type;
  attrs.id = stanza.id ?? newStanzaId();
  const lang = stanza.attrs["xml:lang"];
  if (lang !== undefined) attrs["xml:lang"] = lang;
  const clean = new Stanza("message", NS.client, attrs, kept.children);
  clean.source = kept.source;
  clean.contentAt = kept.contentAt;
  clean.stampFrom(from);
  return clean;
}

/** What a client's presence says of it. */
export function cleanPresence(stanza: Stanza, room: Jid): Element[] {
  const children: Element[] = [];
  for (const c of stanza.children) {
    if (typeof c !== "string" && !isForged(c, room)) children.push(c);
  }
  return children;
}
