/** Settings of registration, and what names and passwords must be like. */

import * as v from "valibot";
import {
  flag,
  list,
  setting,
  text,
  wholeNumber,
  wholeNumberOrOff,
} from "../../lib/config/setting.ts";
import { StanzaError } from "../../lib/errors.ts";
import { prepNode, prepPassword } from "../../lib/jid.ts";

const RESERVED = [
  "abuse",
  "admin",
  "administrator",
  "hostmaster",
  "noreply",
  "postmaster",
  "root",
  "security",
  "support",
  "system",
  "webmaster",
  "xmpp",
];

export const config = v.strictObject({
  allowed: setting(
    flag(),
    true,
    "Everybody may make an account. If not, only who is invited may (module invites).",
  ),
  password_change: setting(flag(), true, "Users may change their passwords."),
  removal: setting(flag(), true, "Users may remove their accounts."),
  require_tls: setting(
    flag(),
    false,
    "Over TLS only, even where logins without it are allowed (c2s.plaintext_auth).",
  ),
  per_address: setting(
    wholeNumberOrOff(1, 1_000_000),
    5,
    "New accounts from one IP address (IPv6: one /64) in an hour; 0 for no limit.",
  ),
  name_length: setting(wholeNumber(1, 1023), 64, "Longest name of a new account, in characters."),
  password_length: setting(
    wholeNumber(1, 256),
    8,
    "Shortest password, in characters.",
  ),
  reserved: setting(list(text()), RESERVED, "Names that nobody may register."),
  instructions: setting(
    text(),
    "Choose a name and a password for your account.",
    "What a client shows above the form.",
  ),
});

export type RegisterConfig = v.InferOutput<typeof config>;

/** All throw `not-acceptable`, with a text for people. */
export class Rules {
  readonly #config: RegisterConfig;
  readonly #reserved: ReadonlySet<string>;

  constructor(config: RegisterConfig) {
    this.#config = config;
    this.#reserved = new Set(config.reserved.map((name) => prepNode(name) ?? name));
  }

  /** @param given the name that an invitation is for: whoever has made it may give away any */
  checkName(name: string, given: string | undefined): string {
    const node = prepNode(name);
    if (node === undefined) {
      throw new StanzaError("not-acceptable", {
        text: "the name has characters that no address may have",
      });
    }
    if (node === given) return node;
    const { name_length } = this.#config;
    if ([...node].length > name_length) {
      throw new StanzaError("not-acceptable", {
        text: `a name has at most ${name_length} characters`,
      });
    }
    if (this.#reserved.has(node)) {
      throw new StanzaError("not-acceptable", { text: "this name is reserved" });
    }
    return node;
  }

  checkPassword(password: string): void {
    const prepared = prepPassword(password);
    if (prepared === undefined) {
      throw new StanzaError("not-acceptable", {
        text: "the password has characters not allowed in one",
      });
    }
    const { password_length } = this.#config;
    if ([...prepared].length < password_length) {
      throw new StanzaError("not-acceptable", {
        text: `a password has at least ${password_length} characters`,
      });
    }
  }
}
