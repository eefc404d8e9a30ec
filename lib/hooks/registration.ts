/** Hooks about new accounts that people make themselves, and about who is let in to do so. */

import type { Jid } from "../jid.ts";
import type { Negotiation } from "../stream/negotiation.ts";
import { ask } from "./hook.ts";

/** What lets somebody make an account where not everybody may: an invitation. */
export interface Admission {
  /** The only name that it is for; undefined if it may be chosen. */
  readonly username: string | undefined;
  /** Uses it for an account about to be made; false if it has been used up in the meantime. */
  take(): Promise<boolean>;
  /** The account could not be made after all. */
  giveBack(): Promise<void>;
  /** The account is there. */
  made(account: Jid): Promise<void>;
}

export interface RegistrationRequest {
  readonly username: string;
  readonly password: string;
  /** IP address of who asks. */
  readonly remote: string;
  /** Whether the password has come over TLS. */
  readonly secure: boolean;
  readonly admission: Admission | undefined;
}

/**
 * Makes an account by the rules for people who make their own: names, passwords, how many. Throws
 * `StanzaError` with a text for them.
 */
export const registerAccount = ask<[request: RegistrationRequest], Jid>(
  "account.register",
  "makes an account for somebody, by the rules of registration; unanswered: nobody makes accounts",
);

export const registrationAdmission = ask<[negotiation: Negotiation], Admission>(
  "account.admission",
  "what lets the client of a stream make an account, if it has shown something",
);

export const nameReserved = ask<[account: Jid], boolean>(
  "account.name-reserved",
  "whether a name that is free is kept for somebody else",
  { fallback: () => false },
);
