/** SASL PLAIN (RFC 4616). */

import { prepNode, prepPassword } from "../jid.ts";
import { then } from "../later.ts";
import { isOwnAuthzid } from "./authzid.ts";
import type { Mechanism, SaslContext, SaslStep } from "./mechanism.ts";
import { decodeUtf8 } from "./text.ts";

const MALFORMED: SaslStep = { kind: "failure", condition: "malformed-request" };

/** Checks a clear password. The authorization identity must be empty or the account's own. */
export function plain(context: SaslContext): Mechanism {
  return {
    step(input) {
      const message = input && decodeUtf8(input);
      if (message === undefined) return MALFORMED;
      const parts = message.split("\0", 4);
      if (parts.length !== 3) return MALFORMED;
      const [authzid, name, secret] = parts as [string, string, string];
      if (name === "" || secret === "") return MALFORMED;
      const node = prepNode(name);
      if (node === undefined) return { kind: "failure", condition: "not-authorized" };
      if (authzid !== "" && !isOwnAuthzid(authzid, node, context.domain)) {
        return { kind: "failure", condition: "invalid-authzid" };
      }
      const password = prepPassword(secret);
      if (password === undefined) return { kind: "failure", condition: "not-authorized", node };
      return then(context.checkPassword(node, password), (right): SaslStep => {
        if (!right) return { kind: "failure", condition: "not-authorized", node };
        if (authzid === "") return { kind: "success", node };
        return { kind: "success", node, authzid: `${node}@${context.domain}` };
      });
    },
  };
}
