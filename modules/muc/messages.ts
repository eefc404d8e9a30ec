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
import type { Saying } from "./turns.ts";

const CORRECTION = "urn:xmpp:message-correct:0";

/** A message of type groupchat to the room itself. */
export function onGroupchat(room: Room, stanza: Stanza): Later<void> {
  return room.turns.say(new Speech(room, stanza));
}

/** A message on its way to everybody. */
class Speech implements Saying {
  readonly #room: Room;
  readonly #original: Stanza;
  #client!: Client;
  /** As it was when it spoke. */
  #occupant!: Occupant;
  /** As it goes out. */
  #message!: Stanza;
  #traits!: MessageTraits;
  #isSubject = false;
  #placed!: Placed;
  kept: Later<boolean> = true;

  constructor(room: Room, stanza: Stanza) {
    this.#room = room;
    this.#original = stanza;
  }

  check(): Later<boolean> {
    const room = this.#room;
    const stanza = this.#original;
    const client = this.#client = sender(room, stanza);
    const occupant = this.#occupant = client.occupant;
    room.service.checkRate(occupant.user, stanza);
    const subject = this.#isSubject = isSubject(stanza);
    return then(mayBeSent(room, occupant, stanza, subject), () => {
      this.#message = cleanMessage(stanza, room.jid, occupant.jid, "groupchat");
      const { host } = room.service;
      if (!host.has(roomMessage)) return true;
      return then(host.filter(roomMessage, this.#message, room, occupant), (passed) => {
        if (passed === DROP) return false;
        this.#message = passed;
        return true;
      });
    });
  }

  place(): Later<void> {
    const { history } = this.#room;
    const message = this.#message.append(occupantIdElement(this.#occupant));
    const { history: keep } = this.#traits = traitsOf(message);
    const placed = history.place(message, this.#client.jid, keep, keep && !this.#isSubject);
    return then(placed, (placed) => {
      this.#placed = placed;
      this.#message = placed.message;
      this.kept = this.#isSubject ? this.#subjectKept(placed) : placed.kept;
    });
  }

  /** Whoever enters after a restart is told the subject that everybody has seen. */
  #subjectKept({ message, stamp, kept }: Awaited<ReturnType<Room["history"]["place"]>>) {
    const subject = { xml: message.wire(undefined), stamp };
    return then(kept, async (kept) => {
      if (kept) await this.#room.save({ subject });
      return kept;
    });
  }

  tell(kept: boolean): void {
    const room = this.#room;
    if (room.destroyed) return;
    if (!kept) return this.#sorry();
    const message = this.#message;
    const { id, stamp } = this.#placed;
    const { history } = this.#traits;
    if (this.#isSubject) room.subject = { message, stamp };
    else if (history) room.history.remember(this.#placed);
    room.tellAll(message);
    if (message.child("body") !== undefined) {
      if (message.child("replace", CORRECTION) === undefined) room.activity.count();
      tellAbsent(room, message);
    }
    buryOwn(room, message);
    const { host } = room.service;
    if (host.has(roomSent)) void host.tell(roomSent, room, message, this.#occupant, id, stamp);
  }

  /** Whoever gets it back may rely on its being in the archive. */
  #sorry(): void {
    const text = "the message could not be kept";
    const error = new StanzaError("internal-server-error", { type: "wait", text });
    void this.#room.service.host.send(errorOf(this.#original, error));
  }
}

function sender(room: Room, stanza: Stanza): Client {
  const client = room.client(stanza.from!);
  if (client === undefined || client.isLeaving || room.destroyed) {
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
