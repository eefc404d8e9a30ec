/** What people give as a reason: limited in length. */

import { StanzaError } from "../../lib/errors.ts";
import type { Room } from "./room.ts";

/** The reason, or undefined if it says nothing. Throws `policy-violation` if it is too long. */
export function checkReason(room: Room, reason: string | undefined): string | undefined {
  const { reason_length } = room.service.settings;
  if (reason !== undefined && reason.length > reason_length) {
    throw new StanzaError("policy-violation", {
      text: `a reason has at most ${reason_length} characters`,
    });
  }
  return reason === "" ? undefined : reason;
}
