/**
 * XEP-0480: SASL Upgrade Tasks: a client that has logged in by SCRAM makes the keys of its password
 * for hashes that the server has none of, so that it can log in by those from then on. The password
 * itself stays with the client.
 */

import { randomBytes } from "node:crypto";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { addScramKeys, keptScramHashes, missingScramHashes } from "../lib/hooks/accounts.ts";
import { type LoginTask, sasl2Offer, sasl2Tasks, type TaskStep } from "../lib/hooks/sasl2.ts";
import type { Jid } from "../lib/jid.ts";
import { then } from "../lib/later.ts";
import { hashBytes, keysOfSalted, saltBytes, type ScramHash } from "../lib/sasl/credentials.ts";
import { decodeBase64, encodeBase64 } from "../lib/sasl/text.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";

const UPGRADE_NS = "urn:xmpp:sasl:upgrade:0";
const SCRAM_NS = "urn:xmpp:scram-upgrade:0";

/** Least rounds that the task may ask for (§8). */
const LEAST_ROUNDS = 4096;

const PREFIX = "UPGR-SCRAM-";

export default defineModule({
  name: "sasl_upgrade",
  description:
    "Has clients add the keys of stronger login mechanisms to their accounts (with sasl2)",
  xeps: { "XEP-0480": "0.2.0" },
  setup(host) {
    host.on(sasl2Offer, (more) =>
      then(host.ask(keptScramHashes), (hashes = []) => {
        const names = hashes.filter((hash) => hash !== "SHA-1").map((hash) => PREFIX + hash);
        return [...more, ...names.map((name) => xml("upgrade", UPGRADE_NS, {}, name))];
      }));

    host.on(sasl2Tasks, async (tasks, _n, account, mechanism, request) => {
      const wished = new Set(request.elements("upgrade", UPGRADE_NS).map((e) => e.text().trim()));
      // Only who has proved to know the password may add keys of it.
      if (wished.size === 0 || !mechanism.startsWith("SCRAM-")) return undefined;
      const missing = await host.ask(missingScramHashes, account) ?? [];
      const due = missing.filter((hash) => hash !== "SHA-1" && wished.has(PREFIX + hash));
      return [...tasks, ...due.map((hash) => upgrade(host, account, hash))];
      // §2.2: after all that the login must prove besides.
    }, { priority: -1000 });
  },
});

/** §3: a salt is sent, the client answers with the SaltedPassword. */
function upgrade(host: ModuleHost, account: Jid, hash: ScramHash): LoginTask {
  const iterations = Math.max(LEAST_ROUNDS, host.settings.iterations);
  const salt = randomBytes(saltBytes);
  return {
    name: PREFIX + hash,
    async step(message: Element): Promise<TaskStep> {
      if (message.name === "next") {
        const attrs = { iterations: String(iterations) };
        return { kind: "data", content: [xml("salt", SCRAM_NS, attrs, encodeBase64(salt))] };
      }
      const text = message.childText("hash", SCRAM_NS);
      const salted = text === undefined ? undefined : decodeBase64(text);
      if (text !== undefined && salted === undefined) {
        return { kind: "failure", condition: "incorrect-encoding" };
      }
      if (salted === undefined || salted.length !== hashBytes(hash)) {
        return { kind: "failure", condition: "malformed-request" };
      }
      const keys = keysOfSalted(salted, { hash, iterations, salt });
      if (await host.ask(addScramKeys, account, keys) === true) {
        host.log.info("SCRAM keys added", { account: account.bare, hash });
        return { kind: "done" };
      }
      // The password was changed meanwhile, or set up for this hash by another client.
      return { kind: "failure", condition: "temporary-auth-failure" };
    },
  };
}
