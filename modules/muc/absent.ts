/**
 * Members who are not in the room when something is said: those who are mentioned get the message
 * (XEP-0452), and their app servers learn of it (XEP-0357), if the module `push` is on.
 */

import { delayElement } from "../../lib/formats/delay.ts";
import { traitsOf } from "../../lib/formats/message_traits.ts";
import { FORWARD_NS } from "../../lib/formats/mam.ts";
import { newStanzaId } from "../../lib/formats/stanza_id.ts";
import { roomMissed } from "../../lib/hooks/rooms.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { MENTIONS, REFERENCE } from "./names.ts";
import type { Room } from "./room.ts";

const NOBODY: ReadonlySet<string> = new Set();

/** People that one message may mention. */
const MENTIONED = 20;

/** Tells those who are not there. Nobody waits for it. */
export function tellAbsent(room: Room, said: Stanza): void {
  const { host, settings } = room.service;
  const mentioned = room.config.forwardMentions ? forwardMentions(room, said) : NOBODY;
  if (!host.has(roomMissed) || !traitsOf(said).urgent) return;
  const absent = room.absentMembers();
  if (absent.length > settings.notify_members) return;
  for (const user of absent) {
    // Who was mentioned learns of it by that.
    if (user.domain === host.domain && !mentioned.has(user.bare)) {
      void host.tell(roomMissed, room, said, user);
    }
  }
}

/** XEP-0452 §3.2. */
function forwardMentions(room: Room, said: Stanza): ReadonlySet<string> {
  const mentioned = new Set<string>();
  for (const reference of said.elements("reference", REFERENCE)) {
    const { type, uri = "" } = reference.attrs;
    if (type !== "mention" || !uri.startsWith("xmpp:")) continue;
    const user = userOf(room, uri.slice(5));
    if (user !== undefined && mentioned.size < MENTIONED) mentioned.add(user);
  }
  for (const bare of mentioned) {
    const user = room.absentMembers().find((jid) => jid.bare === bare);
    if (user !== undefined) void room.service.host.send(forwarded(room, said, user));
  }
  return mentioned;
}

/** The URI names a user, or somebody by a nickname that is reserved. */
function userOf(room: Room, address: string): string | undefined {
  const jid = parseJid(decodeUri(address));
  if (jid === undefined) return undefined;
  if (jid.bare !== room.jid.bare) return jid.bare;
  return room.reservedBy(jid.resource);
}

function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function forwarded(room: Room, said: Stanza, user: Jid): Stanza {
  return message(
    { from: room.jid, to: user, id: newStanzaId() },
    xml(
      "mentions",
      MENTIONS,
      {},
      xml(
        "forwarded",
        FORWARD_NS,
        {},
        delayElement(room.jid.bare, Date.now()),
        said.addressedTo(room.jid),
      ),
    ),
  );
}
