/**
 * XEP-0424, XEP-0425: messages that are taken back by whoever has written them, or by a moderator. In
 * the archive a tombstone takes their place, and those who enter later do not get them.
 */

import { StanzaError } from "../../lib/errors.ts";
import { formatDateTime } from "../../lib/formats/datetime.ts";
import { newStanzaId } from "../../lib/formats/stanza_id.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { archiveQuery } from "../../lib/hooks/archive.ts";
import { roomRetracted, roomSent } from "../../lib/hooks/rooms.ts";
import { type Later, then } from "../../lib/later.ts";
import { type IqReply, NO_REPLY } from "../../lib/module.ts";
import { NS } from "../../lib/ns.ts";
import { message, resultOf, Stanza } from "../../lib/stanza.ts";
import { AttributeMap, type Element, xml } from "../../lib/xml/element.ts";
import { occupantIdElement } from "./enter.ts";
import { readBefore, retractionBefore } from "./moderate_before.ts";
import { MODERATE, OCCUPANT_ID, RETRACT } from "./names.ts";
import type { Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";
import { checkReason } from "./reason.ts";

/** Attributes that remain of a message. */
const KEPT_ATTRIBUTES = ["from", "id", "type"] as const;

/** The message that is retracted by a message, if any. */
function targetOf(stanza: Stanza): string | undefined {
  return stanza.child("retract", RETRACT)?.attrs.id;
}

/** XEP-0424 §5: nobody retracts what somebody else has said. Throws if that is tried. */
export function retractedBy(room: Room, occupant: Occupant, stanza: Stanza): Later<void> {
  const id = targetOf(stanza);
  if (id === undefined) return;
  return then(find(room, id), (original) => {
    if (original === undefined) return; // it may have been another one's, or be forgotten
    if (authorOf(original) !== occupant.id) {
      throw new StanzaError("forbidden", { text: "that message is another's" });
    }
  });
}

/** After the retraction was sent to all: its author was found to be the right one. */
export function buryOwn(room: Room, retraction: Stanza): void {
  const id = targetOf(retraction);
  if (id === undefined) return;
  const { service } = room;
  const work = async () => {
    const original = await find(room, id);
    const author = retraction.child("occupant-id", OCCUPANT_ID)?.attrs.id;
    if (original === undefined || isRetracted(original) || authorOf(original) !== author) return;
    const stamp = formatDateTime(Date.now());
    await room.history.bury(
      id,
      tombstone(original, xml("retracted", RETRACT, { id: retraction.id, stamp })),
    );
    await service.host.tell(roomRetracted, room, id, undefined);
  };
  service.inBackground(room, work());
}

/** `<moderate/>` of a moderator (XEP-0425 §3). */
export function moderate(room: Room, iq: Stanza, request: Element): Promise<IqReply> {
  const asked = request.child("retract", RETRACT) !== undefined;
  return moderateBy(room, iq, asked ? request.attrs.id : undefined, request.childText("reason"));
}

/** `<apply-to/>`, as it was before. */
export function moderateBefore(room: Room, iq: Stanza, request: Element): Promise<IqReply> {
  const asked = readBefore(request);
  return moderateBy(room, iq, asked?.id, asked?.reason);
}

async function moderateBy(
  room: Room,
  iq: Stanza,
  id: string | undefined,
  why: string | undefined,
): Promise<IqReply> {
  const client = room.client(iq.from!);
  const by = client?.occupant;
  if (by === undefined) throw new StanzaError("not-acceptable");
  if (!await room.may(by, "moderate", by.role === "moderator")) {
    throw new StanzaError("forbidden", { text: "only moderators may moderate messages" });
  }
  if (id === undefined) {
    throw new StanzaError("bad-request", { text: "which message is to be retracted?" });
  }
  const reason = checkReason(room, why);
  const original = await find(room, id);
  if (original === undefined || isRetracted(original)) throw new StanzaError("item-not-found");
  await room.history.bury(id, tombstone(original, retractedElement(by, reason)));
  await room.service.host.send(resultOf(iq));
  await announce(room, by, id, reason);
  return NO_REPLY;
}

/** §3.1: everybody is told, the moderator too; and it goes into the archive. */
async function announce(
  room: Room,
  by: Occupant,
  id: string,
  reason: string | undefined,
): Promise<void> {
  const { host } = room.service;
  const retract = xml("retract", RETRACT, { id }, moderated(by), reasonElement(reason));
  const before = retractionBefore(id, by.jid.full, reason);
  const said = message({ from: room.jid, type: "groupchat", id: newStanzaId() }, retract, before);
  const placed = await room.history.place(said, by.main.jid, true, true);
  await placed.kept;
  room.history.remember(placed);
  room.tellAll(placed.message);
  await host.tell(roomRetracted, room, id, reason);
  if (host.has(roomSent)) {
    await host.tell(roomSent, room, placed.message, undefined, placed.id, placed.stamp);
  }
}

function moderated(by: Occupant): Element {
  return xml("moderated", MODERATE, { by: by.jid.full }, occupantIdElement(by));
}

function reasonElement(reason: string | undefined): Element | undefined {
  return reason === undefined ? undefined : xml("reason", RETRACT, {}, reason);
}

function retractedElement(by: Occupant, reason: string | undefined): Element {
  const stamp = formatDateTime(Date.now());
  return xml("retracted", RETRACT, { stamp }, moderated(by), reasonElement(reason));
}

/** What stands in the archive in place of a message: no word of it. */
function tombstone(original: Stanza, retracted: Element): Stanza {
  const attrs = new AttributeMap();
  for (const name of KEPT_ATTRIBUTES) {
    const value = original.attrs[name];
    if (value !== undefined) attrs[name] = value;
  }
  const author = original.child("occupant-id", OCCUPANT_ID);
  const children = author === undefined ? [retracted] : [author, retracted];
  return new Stanza("message", NS.client, attrs, children);
}

function isRetracted(original: Stanza): boolean {
  return original.child("retracted", RETRACT) !== undefined;
}

function authorOf(original: Stanza): string | undefined {
  return original.child("occupant-id", OCCUPANT_ID)?.attrs.id;
}

/** A message of the room by its id: as it is in the archive, or else remembered. */
function find(room: Room, id: string): Later<Stanza | undefined> {
  const known = room.history.find(id)?.message;
  if (known !== undefined || !room.service.archives) return known;
  return archived(room, id);
}

async function archived(room: Room, id: string): Promise<Stanza | undefined> {
  try {
    const found = await room.service.host.ask(archiveQuery, room.history.owner, { ids: [id] });
    const text = found?.messages[0]?.xml;
    return text === undefined ? undefined : parseStored(text);
  } catch (e) {
    if (e instanceof StanzaError && e.condition === "item-not-found") return undefined;
    throw e;
  }
}
