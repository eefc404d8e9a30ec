/** The moment between an account's end and that of its data. */

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
