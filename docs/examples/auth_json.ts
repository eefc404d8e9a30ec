/**
 * An example of a module from outside: accounts and passwords come from a JSON file.
 *
 * ```toml
 * [modules]
 * auth = false
 * auth_json = { source = "docs/examples/auth_json.ts", file = "users.json" }
 * ```
 *
 * `users.json` is a table of passwords by name: `{ "romeo": "wherefore", "juliet": "..." }`.
 */

import * as v from "valibot";
import { defineModule } from "../../lib/module.ts";
import { file, requiredSetting } from "../../lib/config/setting.ts";
import { accountExists, checkPassword, saslMechanisms } from "../../lib/hooks/mod.ts";

export default defineModule({
  name: "auth_json",
  description: "Accounts from a JSON file",
  config: v.strictObject({
    file: requiredSetting(file(), "users.json", "The file: passwords by name."),
  }),
  async setup(host) {
    const passwords = v.parse(
      v.record(v.string(), v.string()),
      JSON.parse(await Deno.readTextFile(host.config.file)),
    );
    const knows = (name: string) => Object.hasOwn(passwords, name);
    // What this file does not know is left to others: to decline is to answer nothing.
    host.on(accountExists, ({ node }) => knows(node) || undefined);
    host.on(
      checkPassword,
      ({ node }, given) => knows(node) ? passwords[node] === given : undefined,
    );
    // Passwords can be compared here, and nothing else: SCRAM would need keys (`scramKeys`).
    host.on(saslMechanisms, (offered) => offered.filter((name) => name === "PLAIN"));
  },
});
