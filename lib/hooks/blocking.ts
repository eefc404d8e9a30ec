/** Whom an account does not want to hear from, as a question for other modules (XEP-0191). */

import type { Jid } from "../jid.ts";
import type { Element } from "../xml/element.ts";
import { ask, tell } from "./hook.ts";

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

/** `items` are those of the command, with whatever they have inside; also of addresses blocked before. */
export const contactsBlocked = tell<[account: Jid, items: readonly Element[]]>(
  "blocking.blocked",
  "an account has blocked the addresses of these items of a command",
);
