/** XEP-0500: MUC Slow Mode: participants wait between two messages, whatever client they use. */

import { StanzaError } from "../../lib/errors.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Occupant } from "./occupant.ts";
import { isAdmin } from "./rights.ts";
import type { Room } from "./room.ts";

/** Users remembered at most: beyond it the one who has spoken longest ago may speak again. */
const REMEMBERED = 10_000;

/** Throws `policy-violation` if it is too early; otherwise the time runs from now. */
export function checkSlowMode(room: Room, { user, role, affiliation }: Occupant, m: Stanza): void {
  const wait = room.config.slowMode * 1000;
  if (wait === 0 || role === "moderator" || isAdmin(affiliation)) return;
  if (m.child("body") === undefined) return;
  const now = performance.now();
  const last = room.spoken.get(user.bare) ?? -Infinity;
  const left = Math.ceil((last + wait - now) / 1000);
  if (left > 0) {
    throw new StanzaError("policy-violation", {
      type: "wait",
      text: `slow mode: wait ${left} seconds until your next message`,
    });
  }
  // Behind all others: those who have spoken longest ago come first.
  room.spoken.delete(user.bare);
  room.spoken.set(user.bare, now);
  if (room.spoken.size > REMEMBERED) room.spoken.delete(room.spoken.keys().next().value!);
}
