/**
 * XEP-0045 §7.5: private messages from occupant to occupant; and IQs that occupants send each other,
 * who need not know each other's addresses (§17.4).
 */

import { StanzaError } from "../../lib/errors.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { roomWhisper } from "../../lib/hooks/rooms.ts";
import type { Jid } from "../../lib/jid.ts";
import { type Later, then } from "../../lib/later.ts";
import { type Stanza } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { cleanMessage } from "./clean.ts";
import { occupantIdElement } from "./enter.ts";
import { USER } from "./names.ts";
import type { Client, Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";

/** A message to an occupant's address. */
export function onPrivate(room: Room, stanza: Stanza): Later<void> {
  if (stanza.type === "groupchat") {
    throw new StanzaError("bad-request", { text: "a private message is not of type groupchat" });
  }
  const client = room.client(stanza.from!);
  if (client === undefined) throw new StanzaError("not-acceptable");
  const target = occupantAt(room, stanza.to!);
  const { occupant } = client;
  room.service.checkRate(occupant.user, stanza);
  return then(room.may(occupant, "whisper", mayWhisper(room, occupant, target)), (allowed) => {
    if (!allowed) throw new StanzaError("forbidden", { text: "no private messages here" });
    const clean = cleanMessage(stanza, room.jid, occupant.jid)
      .append(xml("x", USER), occupantIdElement(occupant));
    const { host } = room.service;
    if (!host.has(roomWhisper)) return deliver(room, clean, target);
    return then(
      host.filter(roomWhisper, clean, room, occupant, target),
      (passed) => passed === DROP ? undefined : deliver(room, passed, target),
    );
  });
}

/** To all of the occupant's clients (§7.2.8), as an ordinary message: it is kept if they are not there. */
function deliver(room: Room, whisper: Stanza, { clients }: Occupant): void {
  for (const { jid } of clients) void room.service.host.send(whisper.addressedTo(jid));
}

/** Moderators can always be turned to, and may turn to everybody. */
function mayWhisper(room: Room, from: Occupant, to: Occupant): boolean {
  switch (room.config.allowPm) {
    case "anyone":
      return true;
    case "participants":
      return from.role !== "visitor" || to.role === "moderator";
    case "moderators":
      return from.role === "moderator" || to.role === "moderator";
    case "none":
      return false;
  }
}

export function occupantAt(room: Room, jid: Jid): Occupant {
  const occupant = room.occupant(jid.resource);
  if (occupant === undefined) throw new StanzaError("item-not-found");
  return occupant;
}

/** Where an IQ to an occupant goes: what the account's server answers goes to the account. */
export function addresseeOf(request: Stanza, target: Client): Jid {
  const payload = request.first();
  const isAccounts = payload !== undefined && (payload.is("vCard", "vcard-temp") ||
    payload.is("pubsub", "http://jabber.org/protocol/pubsub"));
  return isAccounts ? target.jid.toBare() : target.jid;
}
