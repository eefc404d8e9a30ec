/** Whom an account does not want to hear from, as a question for other modules (XEP-0191). */

import type { Jid } from "../jid.ts";
import { ask } from "./hook.ts";

/**
 * Answered at once for an account that is online. Stanzas are dealt with by the filters of the
 * blocking module; this is for what a server sends by itself in an account's name, such as presence
 * to its subscribers.
 */
export const isBlocked = ask<[account: Jid, other: Jid], boolean>(
  "blocking.is-blocked",
  "whether an account has blocked an address",
  { fallback: () => false },
);
