/** XEP-0045 §7.2: entering a room. */

import { StanzaError } from "../../lib/errors.ts";
import type { Affiliation, PresentRole } from "../../lib/formats/muc.ts";
import { roomEnter, roomEntered } from "../../lib/hooks/rooms.ts";
import type { RoomEntry } from "../../lib/hooks/rooms.ts";
import type { Jid } from "../../lib/jid.ts";
import { type Later, then } from "../../lib/later.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { NS } from "../../lib/ns.ts";
import { delayElement } from "../../lib/formats/delay.ts";
import { MUC, OCCUPANT_ID, Status } from "./names.ts";
import { nickOf } from "./nick.ts";
import { type Client, type Notice, Occupant } from "./occupant.ts";
import { showRoom, showToItself, showToOthers } from "./presence.ts";
import { defaultRole, isAdmin, isMember } from "./rights.ts";
import type { Room } from "./room.ts";
import { shownChildren } from "./status.ts";
import { tellAvatar } from "./vcard.ts";
import { currentElement, tellVersions } from "./versions.ts";

/** A presence with `<x xmlns='http://jabber.org/protocol/muc'/>`, from somebody who is not there. */
export function enter(room: Room, stanza: Stanza, join: Element, created: boolean): Later<void> {
  const from = stanza.from!;
  const asked = nickOf(room, stanza.to!.resource);
  return then(room.rank(from), (affiliation) => {
    // §9.1, and nobody can let an outcast in.
    if (affiliation === "outcast") throw new StanzaError("forbidden");
    if (room.locked && !created && from.bare !== room.creator) {
      throw new StanzaError("item-not-found", { text: "this room is not open yet" });
    }
    const { host } = room.service;
    const decided = host.has(roomEnter) ? host.ask(roomEnter, room, from, asked, stanza) : {};
    return then(decided, (entry = {}) => {
      if (room.destroyed) throw new StanzaError("gone");
      if (entry.admitted !== true) checkRules(room, affiliation, join);
      const nick = entry.nick ?? ownNick(room, from, asked);
      checkNick(room, from, nick);
      return take(room, stanza, join, { nick, affiliation, entry, created });
    });
  });
}

/** §7.2.5, §7.2.6, §7.2.9. */
function checkRules(room: Room, affiliation: Affiliation, join: Element): void {
  const { config, service } = room;
  if (config.membersOnly && !isMember(affiliation)) throw new StanzaError("registration-required");
  if (config.password !== "" && affiliation !== "owner") {
    if (join.childText("password") !== config.password) throw new StanzaError("not-authorized");
  }
  const most = Math.min(config.maxUsers || Infinity, service.settings.occupants);
  const places = most + (isAdmin(affiliation) ? service.settings.reserve : 0);
  if (room.clients.size >= places) {
    throw new StanzaError("service-unavailable", { type: "wait", text: "the room is full" });
  }
}

/** §7.10: where nicknames are locked down, the one that is registered. */
function ownNick(room: Room, from: Jid, asked: string): string {
  const own = room.affiliations.get(from.bare)?.nick ?? "";
  return room.config.lockNicks && own !== "" ? own : asked;
}

/** §7.2.8: somebody else has it, or has reserved it. */
export function checkNick(room: Room, user: Jid, nick: string): void {
  const owner = room.reservedBy(nick);
  const holder = room.occupant(nick);
  const isTaken = (owner !== undefined && owner !== user.bare) ||
    (holder !== undefined && holder.user.bare !== user.bare);
  if (isTaken) throw new StanzaError("conflict", { text: "this nickname is another's" });
}

interface Decided {
  readonly nick: string;
  readonly affiliation: Affiliation;
  readonly entry: RoomEntry;
  readonly created: boolean;
}

function take(room: Room, stanza: Stanza, join: Element, decided: Decided): Later<void> {
  const { nick, affiliation, entry, created } = decided;
  const jid = stanza.from!;
  const present = room.occupant(nick);
  const occupant = present ?? new Occupant(
    nick,
    room.jid.withResource(nick),
    jid.toBare(),
    room.occupantId(jid),
    entry.role ?? roleOf(room, jid, affiliation),
    affiliation,
  );
  occupant.hats = room.service.hatsOf(room, occupant.user);
  const client: Client = {
    jid,
    occupant,
    presence: shownChildren(room, occupant, stanza),
    lang: stanza.attrs["xml:lang"],
    shownAt: -Infinity,
    showsLater: false,
    isLeaving: false,
  };
  return then(room.service.presenceOf(room, occupant, stanza, client.presence), (children) => {
    // It may have taken so long that the room has gone on.
    if (room.destroyed) throw new StanzaError("gone");
    if (room.occupant(nick) !== present) throw new StanzaError("conflict");
    client.presence = children;
    if (present === undefined) room.seat(occupant);
    room.addClient(client);
    occupant.main = client;
    occupant.changed();
    room.service.entered(room, client);
    const status = [
      ...(created ? [Status.Created] : []),
      ...(occupant.nick !== stanza.to!.resource ? [Status.NickAssigned] : []),
    ];
    welcome(room, client, join, status, stanza.id);
    if (present === undefined) return room.service.host.tell(roomEntered, room, occupant);
  });
}

/** §5.1: in a moderated room a role is remembered. */
function roleOf(room: Room, user: Jid, affiliation: Affiliation): PresentRole {
  const usual = defaultRole(affiliation, room.config.moderated);
  return usual === "moderator" ? usual : room.roles.get(user.bare) ?? usual;
}

/** §7.1: all that somebody gets who enters, in that order; the others learn of it in between. */
function welcome(
  room: Room,
  client: Client,
  join: Element,
  status: readonly Status[],
  id: string | undefined,
): void {
  const { occupant } = client;
  tellVersions(room, client, join);
  showRoom(room, client);
  showToOthers(room, occupant);
  // The other clients of the same occupant see which presence is shown now.
  const others = occupant.clients.filter((c) => c !== client);
  for (const other of others) showToItself(room, occupant, {}, other);
  showToItself(room, occupant, selfNotice(room, status, id), client);
  tellAvatar(room, client);
  room.tellBurst(room.history.wanted(join).map((item) => item.message), client);
  tellSubject(room, client);
}

function selfNotice(room: Room, status: readonly Status[], id: string | undefined): Notice {
  const codes = [
    ...(room.open ? [Status.NonAnonymous] : []),
    ...(room.config.logging ? [Status.Logged] : []),
    ...status,
  ];
  return { status: codes, extra: [currentElement(room)], id };
}

/** §7.2.1: it has lost its synchronisation and gets everything once more. */
export function synchronise(
  room: Room,
  client: Client,
  stanza: Stanza,
  join: Element,
): Later<void> {
  const { occupant } = client;
  const before = client.presence.map(String).join("");
  const said = shownChildren(room, occupant, stanza);
  return then(room.service.presenceOf(room, occupant, stanza, said), (children) => {
    client.presence = children;
    client.lang = stanza.attrs["xml:lang"];
    occupant.main = client;
    occupant.changed();
    const isNews = before !== children.map(String).join("");
    tellVersions(room, client, join);
    showRoom(room, client);
    if (isNews) showToOthers(room, occupant);
    showToItself(room, occupant, selfNotice(room, [], stanza.id), client);
    tellAvatar(room, client);
    room.tellBurst(room.history.wanted(join).map((item) => item.message), client);
    tellSubject(room, client);
  });
}

/** §7.2.15. */
export function tellSubject(room: Room, client: Client): void {
  const { subject } = room;
  if (subject === undefined) {
    const none = message({ from: room.jid, type: "groupchat" }, xml("subject", NS.client));
    return room.tellOne(none, client);
  }
  const delay = delayElement(room.jid.bare, subject.stamp);
  room.tellOne(subject.message.append(delay), client);
}

/** A room's own messages bear no id of an occupant; what it says of one does. */
export function occupantIdElement(occupant: Occupant): Element {
  return xml("occupant-id", OCCUPANT_ID, { id: occupant.id });
}

/** The element with which a client asks to enter. */
export function joinElement(stanza: Stanza): Element | undefined {
  return stanza.child("x", MUC);
}
