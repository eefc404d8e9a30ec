/** Hooks about accounts: who exists, who may log in, who comes and goes. */

import type { Jid } from "../jid.ts";
import type { ScramHash, ScramKeys } from "../sasl/credentials.ts";
import { ask, filter, tell } from "./hook.ts";

export const accountExists = ask<[account: Jid], boolean>(
  "account.exists",
  "whether there is such an account on this host (disabled ones too)",
  { fallback: () => false, djabberd: ["CheckJID"] },
);

/** Keys from which SCRAM checks a login. */
export const scramKeys = ask<[account: Jid, hash: ScramHash], ScramKeys | "unknown">(
  "auth.scram-keys",
  'the SCRAM keys of an account for a hash; "unknown" ends the search',
  { timeout: 20_000, djabberd: ["GetPassword", "CheckDigest"] },
);

export const checkPassword = ask<[account: Jid, password: string], boolean>(
  "auth.check-password",
  "whether this is the account's password; false refuses, declining asks the next",
  { timeout: 20_000, djabberd: ["CheckCleartext"] },
);

export const checkCertificate = ask<
  [chain: readonly Uint8Array[], host: string],
  readonly Jid[]
>(
  "auth.check-certificate",
  "the accounts that a client's certificate chain (DER, leaf first) speaks for; an empty list for none",
  { djabberd: ["CheckCert"] },
);

export const saslMechanisms = filter<string[], [secure: boolean]>(
  "auth.mechanisms",
  "the SASL mechanisms about to be offered on a stream, in order of preference",
  { djabberd: ["GetSASLManager"] },
);

/** Whether an account may log in at all (suspended, banned, ...); asked after its proof was right. */
export const mayLogin = ask<[account: Jid], true | "account-disabled" | "credentials-expired">(
  "auth.may-login",
  "whether a proven account may log in now",
  { fallback: () => true },
);

export const createAccount = ask<[account: Jid, password: string], "created" | "conflict">(
  "account.create",
  "creates an account",
  { djabberd: ["RegisterJID"] },
);

/** Changes the password of an existing account. */
export const setPassword = ask<[account: Jid, password: string], boolean>(
  "account.set-password",
  "changes a password; false if there is no such account",
);

/** Told by whoever answers `account.set-password` and `account.set-enabled`, once it is done. */
export const credentialsRevoked = tell<[account: Jid, why: "password-changed" | "disabled"]>(
  "account.credentials-revoked",
  "what clients have been given to log in without the password must not be good any more",
);

/** The hashes for which SCRAM keys are kept of new passwords. */
export const keptScramHashes = ask<[], readonly ScramHash[]>(
  "auth.kept-hashes",
  "the hashes for which SCRAM keys of new passwords are kept",
);

export const missingScramHashes = ask<[account: Jid], readonly ScramHash[]>(
  "auth.missing-hashes",
  "those of the kept hashes for which an account has no SCRAM keys, or too weak ones",
);

/** Keys made by a client that has just proved that it knows the password. */
export const addScramKeys = ask<[account: Jid, keys: ScramKeys], boolean>(
  "auth.add-scram-keys",
  "keeps the SCRAM keys of an account's password for one more hash",
);

export const deleteAccount = ask<[account: Jid], boolean>(
  "account.delete",
  "deletes an account; false if there is no such account",
  { djabberd: ["UnregisterJID"] },
);

/** All stored data of the account must go: every module removes its own. */
export const accountDeleted = tell<[account: Jid]>(
  "account.deleted",
  "an account was deleted, or a guest has left: remove what belongs to it",
);

/** Lets an account log in or not. */
export const setAccountEnabled = ask<[account: Jid, enabled: boolean], boolean>(
  "account.set-enabled",
  "disables an account or enables it again; false if there is no such account",
);

/** What `confab user show` prints. Times in ms since the epoch. */
export interface AccountInfo {
  readonly jid: string;
  readonly enabled: boolean;
  readonly created: number | undefined;
  readonly lastLogin: number | undefined;
}

export const accountInfo = ask<[account: Jid], AccountInfo | "unknown">(
  "account.info",
  "facts about an account",
);

/** All accounts of the host, in order; for administration. */
export const listAccounts = ask<[], readonly AccountInfo[]>(
  "account.list",
  "all accounts of the host",
);
