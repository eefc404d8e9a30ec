/** XEP-0045 §7.4, §8.1: messages to all occupants, and the subject. */

import { StanzaError } from "../../lib/errors.ts";
import { type MessageTraits, traitsOf } from "../../lib/formats/message_traits.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { roomMessage, roomSent } from "../../lib/hooks/rooms.ts";
import { type Later, then } from "../../lib/later.ts";
import { errorOf, type Stanza } from "../../lib/stanza.ts";
import { cleanMessage } from "./clean.ts";
import { occupantIdElement } from "./enter.ts";
import { isSubject, type Placed } from "./history.ts";
import { tellAbsent } from "./absent.ts";
import type { Client, Occupant } from "./occupant.ts";
import { buryOwn, retractedBy } from "./retract.ts";
import type { Room } from "./room.ts";
import { checkSlowMode } from "./slow.ts";

/** A message that has been accepted, on its way to everybody. */
interface Accepted extends Placed {
  readonly client: Client;
  /** As it was when it spoke. */
  readonly occupant: Occupant;
  readonly traits: MessageTraits;
  readonly subject: boolean;
  readonly kept: boolean;
}

/** A message of type groupchat to the room itself. */
export function onGroupchat(room: Room, stanza: Stanza): Later<void> {
  return room.turns.say(
    () => accept(room, stanza),
    (accepted) => {
      if (accepted !== undefined) publish(room, accepted, stanza);
    },
  );
}

/** Throws what refuses it. What comes later, comes when the message is on the disk. */
function accept(room: Room, stanza: Stanza): Later<Accepted | undefined> {
  const client = sender(room, stanza);
  const { occupant } = client;
  room.service.checkRate(occupant.user, stanza);
  const subject = isSubject(stanza);
  return then(mayBeSent(room, occupant, stanza, subject), () => {
    const clean = cleanMessage(stanza, room.jid, occupant.jid, "groupchat");
    const { host } = room.service;
    if (!host.has(roomMessage)) return place(room, client, clean, subject);
    return then(
      host.filter(roomMessage, clean, room, occupant),
      (passed) => passed === DROP ? undefined : place(room, client, passed, subject),
    );
  });
}

function sender(room: Room, stanza: Stanza): Client {
  const client = room.client(stanza.from!);
  if (client === undefined || room.destroyed) {
    throw new StanzaError("not-acceptable", { text: "only occupants may send messages to a room" });
  }
  return client;
}

function mayBeSent(
  room: Room,
  occupant: Occupant,
  stanza: Stanza,
  subject: boolean,
): Later<void> {
  const moderates = occupant.role === "moderator";
  if (subject) {
    const usual = moderates || (room.config.changeSubject && occupant.role === "participant");
    return then(room.may(occupant, "change-subject", usual), (allowed) => {
      if (!allowed) throw new StanzaError("forbidden", { text: "you may not change the subject" });
      checkSubject(room, stanza);
    });
  }
  return then(room.may(occupant, "speak", occupant.role !== "visitor"), (allowed) => {
    if (!allowed) throw new StanzaError("forbidden", { text: "you have no voice here" });
    checkSlowMode(room, occupant, stanza);
    return retractedBy(room, occupant, stanza);
  });
}

function checkSubject(room: Room, stanza: Stanza): void {
  const { subject_length } = room.service.settings;
  for (const subject of stanza.elements("subject")) {
    if (subject.text().length <= subject_length) continue;
    throw new StanzaError("policy-violation", {
      text: `a subject has at most ${subject_length} characters`,
    });
  }
}

function place(room: Room, client: Client, clean: Stanza, subject: boolean): Later<Accepted> {
  const { occupant } = client;
  const message = clean.append(occupantIdElement(occupant));
  const traits = traitsOf(message);
  const placed = room.history.place(
    message,
    client.jid,
    traits.history,
    traits.history && !subject,
  );
  return then(placed, ({ kept, ...place }) => {
    const accepted = { ...place, client, occupant, traits, subject };
    return then(kept, (kept) => ({ ...accepted, kept }));
  });
}

/** In its turn: everybody gets it. */
function publish(room: Room, accepted: Accepted, original: Stanza): void {
  const { message, occupant, traits, subject, kept, id, stamp } = accepted;
  const { service } = room;
  if (room.destroyed) return;
  if (!kept) {
    // Whoever gets it back may rely on its being in the archive.
    const text = "the message could not be kept";
    const error = new StanzaError("internal-server-error", { type: "wait", text });
    return void service.host.send(errorOf(original, error));
  }
  if (subject) {
    room.subject = { message, stamp };
    void service.inBackground(room, room.save());
  } else if (traits.history) {
    room.history.remember(accepted);
  }
  room.tellAll(message);
  if (message.child("body") !== undefined) {
    if (message.child("replace", "urn:xmpp:message-correct:0") === undefined) room.activity.count();
    tellAbsent(room, message);
  }
  buryOwn(room, message);
  if (service.host.has(roomSent)) {
    void service.host.tell(roomSent, room, message, occupant, id, stamp);
  }
}
