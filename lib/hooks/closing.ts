/** The moments between the end of an account, or of a host, and that of what belongs to it. */

import type { Jid } from "../jid.ts";
import { tell } from "./hook.ts";

/**
 * The account is gone for good: nobody can log in to it any more. What must still be said to its
 * sessions is said now; then they are ended, and `account.deleted` follows.
 */
export const accountClosing = tell<[account: Jid]>(
  "account.closing",
  "an account was deleted and its sessions are about to be ended",
);

/**
 * The host is about to go, or the server to stop: its sessions are ended, its modules are all still
 * there. What needs the other modules is done now, or put off until the next start.
 */
export const hostClosing = tell<[]>(
  "host.closing",
  "the modules of the host are about to be unloaded, all of them",
  { timeout: 5000 },
);
