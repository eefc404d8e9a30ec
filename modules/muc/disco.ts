/** XEP-0045 §6: the service, its rooms, and what a room tells about itself (XEP-0030, XEP-0128). */

import { StanzaError } from "../../lib/errors.ts";
import { type Field, form } from "../../lib/formats/form.ts";
import { MAM_EXTENDED_NS, MAM_NS } from "../../lib/formats/mam.ts";
import { pageElement, readPage } from "../../lib/formats/rsm.ts";
import type { PageRequest } from "../../lib/formats/rsm.ts";
import { STANZA_ID_NS } from "../../lib/formats/stanza_id.ts";
import type { DiscoInfo, DiscoItem } from "../../lib/hooks/disco.ts";
import { roomCount } from "../../lib/hooks/room_storage.ts";
import type { RoomListing } from "../../lib/hooks/room_storage.ts";
import { roomLogs } from "../../lib/hooks/rooms.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Element } from "../../lib/xml/element.ts";
import { hatsHash } from "./hats.ts";
import { visibleRooms } from "./listed.ts";
import {
  CONFIG_FORM,
  HATS,
  INFO_FORM,
  MODERATE,
  MODERATE_BEFORE,
  MUC,
  NICK_NODE,
  OCCUPANT_ID,
  REGISTER,
  REGISTER_FORM,
  REQUEST_FORM,
  RETRACT,
  SELF_PING,
  STABLE_ID,
  TRAFFIC_NODE,
  UNIQUE,
  VCARD,
  VERSIONS,
} from "./names.ts";
import type { Room } from "./room.ts";
import { SEARCH } from "./search.ts";
import type { MucService } from "./service.ts";

const ROOM_FEATURES = [
  MUC,
  STABLE_ID,
  SELF_PING,
  REGISTER_FORM,
  REQUEST_FORM,
  CONFIG_FORM,
  INFO_FORM,
  STANZA_ID_NS,
  OCCUPANT_ID,
  MODERATE,
  MODERATE_BEFORE,
  RETRACT,
  VERSIONS,
  HATS,
  VCARD,
  "http://jabber.org/protocol/disco#info",
  "http://jabber.org/protocol/disco#items",
];

/** Owners that are named. */
const CONTACTS = 20;

export const SERVICE_FEATURES = [
  MUC,
  STABLE_ID,
  OCCUPANT_ID,
  UNIQUE,
  REGISTER_FORM,
  "http://jabber.org/protocol/rsm",
  SEARCH,
  VCARD,
  "muc_rooms",
];

export async function info(
  muc: MucService,
  to: Jid,
  node: string,
  from: Jid,
): Promise<DiscoInfo | undefined> {
  if (to.node === "") {
    if (node !== "") return undefined;
    const identity = { category: "conference", type: "text", name: muc.settings.title };
    return { identities: [identity], features: new Set(), forms: [] };
  }
  const room = await muc.find(to.node);
  const inside = room?.client(from) !== undefined;
  if (room === undefined || (room.locked && !inside)) return undefined;
  const rank = await room.standing(from);
  if (node === NICK_NODE) return nickInfo(room, from);
  // §18.1.1: no namespace is held back.
  if (node === TRAFFIC_NODE) throw new StanzaError("service-unavailable");
  if (node !== "") return undefined;
  if (!inside && rank === "outcast") throw new StanzaError("forbidden");
  if (!inside && !await muc.isVisible(to.node, from)) return undefined;
  return await roomInfo(room);
}

/** §7.12. */
function nickInfo(room: Room, from: Jid): DiscoInfo {
  const nick = room.affiliations.get(from.bare)?.nick ?? "";
  const identities = nick === "" ? [] : [{ category: "conference", type: "text", name: nick }];
  return { identities, features: new Set(), forms: [] };
}

/** §6.4. */
async function roomInfo(room: Room): Promise<DiscoInfo> {
  const { config: c } = room;
  const features = new Set<string>([
    ...ROOM_FEATURES,
    c.public ? "muc_public" : "muc_hidden",
    c.persistent ? "muc_persistent" : "muc_temporary",
    c.membersOnly ? "muc_membersonly" : "muc_open",
    c.moderated ? "muc_moderated" : "muc_unmoderated",
    c.whois === "anyone" ? "muc_nonanonymous" : "muc_semianonymous",
    c.password === "" ? "muc_unsecured" : "muc_passwordprotected",
  ]);
  if (c.allowRegistration) features.add(REGISTER);
  if (room.history.archived) { for (const ns of [MAM_NS, MAM_EXTENDED_NS]) features.add(ns); }
  if (room.history.archived) features.add(`${RETRACT}#tombstone`);
  return {
    identities: [{
      category: "conference",
      type: "text",
      name: c.name === "" ? room.jid.node : c.name,
      ...(c.lang === "" ? {} : { lang: c.lang }),
    }],
    features,
    forms: [await infoForm(room)],
  };
}

async function infoForm(room: Room): Promise<Element> {
  const { config: c, service } = room;
  const text = (name: string, label: string, value: string | undefined): Field | false =>
    value !== undefined && value !== "" &&
    { var: name, type: "text-single", label, value };
  const owners = [...room.affiliations.values()].filter((a) => a.affiliation === "owner");
  const contacts = c.contacts.length > 0
    ? c.contacts
    : c.whois === "anyone"
    ? owners.slice(0, CONTACTS).map((a) => a.jid)
    : [];
  const url = c.logging ? await service.host.ask(roomLogs, room.jid) : undefined;
  // §9 of XEP-0502: only of rooms that are there for everybody.
  const isForAll = c.public && c.persistent && !c.membersOnly && c.password === "";
  const rate = isForAll ? room.activity.rate() : undefined;
  const fields: (Field | false)[] = [
    text("muc#roominfo_description", "Description", c.description),
    text("muc#roominfo_lang", "Language of the discussion", c.lang),
    text(
      "muc#roominfo_subject",
      "Subject",
      c.public ? room.subject?.message.childText("subject") : undefined,
    ),
    {
      var: "muc#roominfo_subjectmod",
      type: "boolean",
      label: "Participants may change the subject",
      value: c.changeSubject,
    },
    {
      var: "muc#roomconfig_changesubject",
      type: "boolean",
      label: "Participants may change the subject",
      value: c.changeSubject,
    },
    {
      var: "muc#roominfo_occupants",
      type: "text-single",
      label: "Occupants",
      value: String(room.size),
    },
    {
      var: "muc#maxhistoryfetch",
      type: "text-single",
      label: "Messages of history at most",
      value: String(c.maxHistory),
    },
    {
      var: "muc#roominfo_contactjid",
      type: "jid-multi",
      label: "Whom to turn to",
      value: contacts,
    },
    text("muc#roominfo_logs", "Log of the discussion", url === "unreachable" ? undefined : url),
    text("muc#roominfo_pubsub", "Associated node", c.pubsub),
    {
      var: "muc#roomconfig_allowinvites",
      type: "boolean",
      label: "Members may invite others",
      value: c.allowInvites,
    },
    {
      var: "muc#roomconfig_allowpm",
      type: "text-single",
      label: "Who may send private messages",
      value: c.allowPm,
    },
    room.avatars.length > 0 &&
    {
      var: "muc#roominfo_avatarhash",
      type: "text-multi",
      label: "Avatar hash",
      value: room.avatars.join("\n"),
    },
    c.slowMode > 0 &&
    text(
      "muc#roominfo_slow_mode_duration",
      "Slow mode: seconds between two messages",
      String(c.slowMode),
    ),
    text("hats#hash", "Hats hash", hatsHash(room)),
    text("{urn:xmpp:muc-activity}message-activity", "Messages per hour", rate?.toFixed(2)),
  ];
  return form({
    type: "result",
    formType: INFO_FORM,
    fields: fields.filter((f): f is Field => f !== false),
  });
}

// ---- items ----

export async function items(
  muc: MucService,
  to: Jid,
  node: string,
  from: Jid,
  query: Element,
): Promise<{ items: readonly DiscoItem[]; set?: Element } | undefined> {
  if (to.node !== "") {
    const room = await muc.find(to.node);
    // §6.5: who is there is for those who are there.
    return room === undefined || room.locked ? undefined : { items: [] };
  }
  if (node !== "") return undefined;
  return await listRooms(muc, from, readPage(query));
}

/** §6.3: public rooms by address. Those that are awake are stored, too, unless they are locked. */
async function listRooms(
  muc: MucService,
  from: Jid,
  page: PageRequest | undefined,
): Promise<{ items: readonly DiscoItem[]; set?: Element }> {
  const max = Math.min(page?.max ?? muc.settings.page, muc.settings.page);
  const count = await muc.host.ask(roomCount, muc.service.jid, "public") ?? 0;
  if (page?.max === 0) return { items: [], set: pageElement({ count }) };
  if (page?.index !== undefined) {
    throw new StanzaError("feature-not-implemented", { text: "pages go from item to item" });
  }
  const listing = await visibleRooms(muc, from, {
    after: page?.after === undefined ? undefined : nodeOf(page.after),
    before: page?.before === undefined ? undefined : nodeOf(page.before),
    limit: max,
  });
  const found = listing.map((room) => itemOf(muc, room));
  if (page === undefined && (listing.length < max || count <= max)) return { items: found };
  const [first, last] = [listing[0], listing.at(-1)];
  const set = first === undefined || last === undefined
    ? pageElement({ count })
    : pageElement({ first: address(muc, first), last: address(muc, last), count });
  return { items: found, set };
}

function address(muc: MucService, { node }: RoomListing): string {
  return `${node}@${muc.domain}`;
}

/** What a page's ends are named by; anything else is taken for a node as well. */
function nodeOf(text: string): string {
  const at = text.indexOf("@");
  return at < 0 ? text : text.slice(0, at);
}

function itemOf(muc: MucService, room: RoomListing): DiscoItem {
  return { jid: address(muc, room), name: room.name === "" ? room.node : room.name };
}
