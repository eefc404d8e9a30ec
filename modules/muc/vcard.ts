/** XEP-0054 and XEP-0486: the vCard of a room, and the avatar in it. */

import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { StanzaError } from "../../lib/errors.ts";
import { roomCardGet, roomCardSet } from "../../lib/hooks/room_storage.ts";
import { type IqReply, NO_REPLY, result } from "../../lib/module.ts";
import { presence, resultOf, type Stanza } from "../../lib/stanza.ts";
import { type Element, toXml, xml } from "../../lib/xml/element.ts";
import { parseXml } from "../../lib/xml/parser.ts";
import { Status, VCARD, VCARD_UPDATE } from "./names.ts";
import type { Client } from "./occupant.ts";
import { tellStatus } from "./owner.ts";
import type { Room } from "./room.ts";
import type { MucService } from "./service.ts";

/** Photos of one vCard that are announced (§5.1). */
const PHOTOS = 5;

/** The service's own. */
export function serviceCard({ settings, domain }: MucService): Element {
  const field = (name: string, text: string) => xml(name, VCARD, {}, text);
  return xml("vCard", VCARD, {}, field("FN", settings.title), field("JABBERID", domain));
}

export async function card(room: Room, iq: Stanza): Promise<IqReply> {
  if (await room.standing(iq.from!) === "outcast") throw new StanzaError("forbidden");
  const text = await room.service.host.ask(roomCardGet, room.jid);
  return result(text === undefined || text === "" ? xml("vCard", VCARD) : parseXml(text));
}

export async function setCard(room: Room, iq: Stanza, element: Element): Promise<IqReply> {
  if (await room.standing(iq.from!) !== "owner") {
    throw new StanzaError("forbidden", { text: "only owners may change the vCard of a room" });
  }
  // It may never be one of which anything is stored (XEP-0045 §10.1).
  if (room.locked) {
    throw new StanzaError("unexpected-request", { text: "the room has to be configured first" });
  }
  const { settings: { vcard_bytes }, host } = room.service;
  const text = element.children.length === 0 ? "" : toXml(element, "");
  if (Buffer.byteLength(text) > vcard_bytes) {
    throw new StanzaError("policy-violation", {
      text: `a room's vCard has at most ${vcard_bytes} bytes`,
    });
  }
  const avatars = photoHashes(element);
  await host.ask(roomCardSet, room.jid, text);
  await room.save({ avatars });
  room.avatars = avatars;
  await host.send(resultOf(iq));
  tellStatus(room, [Status.ConfigChanged]);
  for (const client of room.clients.values()) tellAvatar(room, client);
  return NO_REPLY;
}

/** XEP-0153: of each photo. */
function photoHashes(element: Element): string[] {
  const hashes: string[] = [];
  for (const photo of element.elements("PHOTO").slice(0, PHOTOS)) {
    const data = Buffer.from(photo.childText("BINVAL") ?? "", "base64");
    if (data.length > 0) hashes.push(hash("sha1", data, "hex"));
  }
  return hashes;
}

/** §5.2: older clients look for it in presence of the room itself. */
export function tellAvatar(room: Room, client: Client): void {
  const { settings } = room.service;
  if (!settings.avatar_presence) return;
  const [first] = room.avatars;
  if (first === undefined && !room.hadAvatar) return;
  room.hadAvatar = true;
  const photo = xml("photo", VCARD_UPDATE, {}, first);
  room.tellOne(presence({ from: room.jid }, xml("x", VCARD_UPDATE, {}, photo)), client);
}
