/** Where what is sent to a service's rooms goes: messages, presence, and IQs to occupants. */

import { StanzaError } from "../../lib/errors.ts";
import { FORMS_NS, readForm } from "../../lib/formats/form.ts";
import { NS } from "../../lib/ns.ts";
import { type Later, then } from "../../lib/later.ts";
import { Stanza } from "../../lib/stanza.ts";
import { AttributeMap, type Element, xml } from "../../lib/xml/element.ts";
import { enter, joinElement, synchronise } from "./enter.ts";
import { onUserElement } from "./invite.ts";
import { leave } from "./leave.ts";
import { onGroupchat } from "./messages.ts";
import { MUC, REGISTER_FORM, REQUEST_FORM, Status, USER } from "./names.ts";
import { changeNick, nickOf } from "./nick.ts";
import { statusElements } from "./occupant.ts";
import { onPrivate } from "./private.ts";
import { onRegisterForm } from "./register.ts";
import type { Room } from "./room.ts";
import type { MucService } from "./service.ts";
import { changeStatus } from "./status.ts";
import { onVoiceForm } from "./voice.ts";

/** True for what was handled. */
type Handled = Later<true | undefined>;

export function onStanza(muc: MucService, stanza: Stanza): Handled {
  if (stanza.to!.node === "") return stanza.name === "presence" ? true : undefined;
  switch (stanza.name) {
    case "message":
      return then(muc.find(stanza.to!.node), (room) => toRoom(room, stanza));
    case "presence":
      return onPresence(muc, stanza);
  }
  if (stanza.to!.isBare) return undefined;
  return then(muc.find(stanza.to!.node), (room) => muc.passed.onIq(room, stanza));
}

const done = () => true as const;

// ---- messages ----

function toRoom(room: Room | undefined, stanza: Stanza): Handled {
  if (stanza.isError) {
    if (room !== undefined) return then(onError(room, stanza), done);
    return true;
  }
  // §17.2: to a room that is not there yet.
  if (room === undefined || (room.locked && room.client(stanza.from!) === undefined)) {
    throw new StanzaError("item-not-found");
  }
  if (!stanza.to!.isBare) return then(room.turns.aside(() => onPrivate(room, stanza)), done);
  if (stanza.type === "groupchat") return then(onGroupchat(room, stanza), done);
  return then(room.turns.act(() => otherMessage(room, stanza)), done);
}

/** Invitations and their refusals, and forms that were filled in. */
function otherMessage(room: Room, stanza: Stanza): Later<void> {
  return then(onUserElement(room, stanza), (handled) => {
    if (handled === true) return;
    const x = stanza.child("x", FORMS_NS);
    if (x === undefined) {
      throw new StanzaError("bad-request", { text: "messages to a room are of type groupchat" });
    }
    const form = readForm(x);
    if (form.type === "cancel") return;
    const finished = form.formType === REQUEST_FORM
      ? onVoiceForm(room, stanza, form)
      : form.formType === REGISTER_FORM
      ? onRegisterForm(room, stanza, form)
      : undefined;
    if (finished === undefined) throw new StanzaError("bad-request", { text: "an unknown form" });
    return finished.then(() => {});
  });
}

/** §11.1: what was sent to a client did not reach it. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  "gone",
  "internal-server-error",
  "item-not-found",
  "jid-malformed",
  "recipient-unavailable",
  "redirect",
  "remote-server-not-found",
  "remote-server-timeout",
  "service-unavailable",
]);

function onError(room: Room, stanza: Stanza): Later<void> {
  const client = room.client(stanza.from!);
  const error = stanza.child("error");
  const condition = error?.elements().find((e) => e.ns === NS.stanzaErrors && e.name !== "text");
  if (client === undefined || (condition !== undefined && !UNREACHABLE.has(condition.name))) return;
  // Of somebody who is there it says that a private message was unwelcome (XEP-0191 §3.2).
  const isThere = room.service.host.session(client.jid) !== undefined;
  if (isThere && condition?.name === "service-unavailable") return;
  return room.service.lost(room, client.jid);
}

// ---- presence ----

function onPresence(muc: MucService, stanza: Stanza): Handled {
  switch (stanza.type) {
    case undefined:
      return then(stanza.to!.isBare ? available(muc, stanza) : asNick(muc, stanza), done);
    case "unavailable":
    case "error":
      return then(leaving(muc, stanza), done);
  }
  return true; // rooms are nobody's contacts
}

/** A room that sleeps has nobody in it: it is not woken for that. */
function leaving(muc: MucService, stanza: Stanza): Later<void> {
  const room = muc.rooms.get(stanza.to!.node);
  const client = room?.client(stanza.from!);
  if (room === undefined || client === undefined) return; // §17.3
  if (stanza.type === "error") return onError(room, stanza);
  client.isLeaving = true;
  return room.turns.aside(() =>
    room.client(client.jid) === client ? leave(room, client, stanza) : undefined
  );
}

/** §7.2, §7.6: clients know by the element that the room refuses them, or another nickname. */
function asNick(muc: MucService, stanza: Stanza): Later<void> {
  try {
    const entered = available(muc, stanza);
    return entered instanceof Promise ? entered.catch(refuseNick) : entered;
  } catch (e) {
    return refuseNick(e);
  }
}

/** The password that came with it is not repeated. */
function refuseNick(e: unknown): never {
  throw e instanceof StanzaError ? e.returning(xml("x", MUC)) : e;
}

function available(muc: MucService, stanza: Stanza): Later<void> {
  muc.checkPresenceSize(stanza);
  const { node } = stanza.to!;
  // Only who is in it has anything else to say to it.
  const enters = joinElement(stanza) !== undefined;
  return then(enters ? muc.find(node) : muc.rooms.get(node), (room) => {
    if (room !== undefined) return inRoom(room, stanza);
    if (!enters) return putOutStranger(muc, stanza);
    checkJoin(muc, stanza);
    if (stanza.to!.isBare) throw new StanzaError("jid-malformed", { text: "no nickname is named" });
    return muc.create(node, stanza.from!).then((made) => inRoom(made, stanza, true));
  });
}

function inRoom(room: Room, stanza: Stanza, created = false): Later<void> {
  const join = joinElement(stanza);
  const before = room.client(stanza.from!);
  // Another nickname is another sender's address: what is said behind it has to wait for that.
  const isAside = before === undefined || before.occupant.nick === stanza.to!.resource;
  return room.turns[isAside ? "aside" : "act"](() => {
    const client = room.client(stanza.from!);
    const { service } = room;
    if (client === undefined) {
      if (join === undefined) return putOutStranger(service, stanza);
      // The last one has just left it: this is another one's now.
      if (room.isOver) return available(service, stanza);
      if (room.destroyed) throw new StanzaError("recipient-unavailable");
      if (!created) checkJoin(service, stanza);
      const made = created && room.size === 0 && room.creator === stanza.from!.bare;
      return made ? enterNew(room, stanza, join) : enter(room, stanza, join, false);
    }
    // Another way to write the same nickname, such as other capitals, is another nickname.
    const { nick } = client.occupant;
    if (stanza.to!.resource === nick || nickOf(room, stanza.to!.resource) === nick) {
      if (join === undefined) return changeStatus(room, client, stanza);
      countJoin(service, stanza);
      return synchronise(room, client, stanza, join);
    }
    countJoin(service, stanza);
    return then(
      changeNick(room, client, stanza),
      () => join === undefined ? undefined : synchronise(room, client, stanza, join),
    );
  });
}

/** Whoever cannot enter has made nothing. */
async function enterNew(room: Room, stanza: Stanza, join: Element): Promise<void> {
  try {
    await enter(room, stanza, join, true);
  } catch (e) {
    if (room.size === 0) await room.service.destroy(room, {});
    throw e;
  }
}

function checkJoin(muc: MucService, stanza: Stanza): void {
  if (!muc.mayEnter(stanza.from!)) {
    throw new StanzaError("forbidden", { text: "accounts of this host only" });
  }
  countJoin(muc, stanza);
}

/** What is told to all of a room, or tells somebody all of it. */
function countJoin(muc: MucService, { from }: Stanza): void {
  if (muc.settings.joins > 0 && !muc.quotas.joins.take(from!.bare)) {
    throw new StanzaError("resource-constraint", { text: "too many entries within a minute" });
  }
}

/** §7.2.18: it believes to be there, and learns that it is not. */
function putOutStranger(muc: MucService, { from, to, id }: Stanza): void {
  if (to!.isBare) return;
  const attrs = new AttributeMap();
  attrs.type = "unavailable";
  if (id !== undefined) attrs.id = id;
  const codes = [Status.Self, Status.Kicked, Status.Failure];
  const item = xml("item", USER, { affiliation: "none", role: "none" });
  const stanza = new Stanza("presence", NS.client, attrs, [
    xml("x", USER, {}, item, ...statusElements(codes)),
  ]);
  stanza.stampFrom(to!);
  stanza.stampTo(from!);
  void muc.host.send(stanza);
}
