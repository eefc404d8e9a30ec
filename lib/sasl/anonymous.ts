/** SASL ANONYMOUS (RFC 4505) with the account names of XEP-0175. */

import { then } from "../later.ts";
import type { Mechanism, SaslContext, SaslStep } from "./mechanism.ts";
import { decodeUtf8 } from "./text.ts";

/** Characters of trace information at most (RFC 4505 §2: `token = 1*255TCHAR`). */
const MAX_TRACE = 255;

/** Lets anybody in under a fresh name; the trace information is checked and then dropped. */
export function anonymous(context: SaslContext): Mechanism | undefined {
  if (context.anonymousNode === undefined) return undefined;
  return {
    step(input) {
      const trace = decodeUtf8(input ?? new Uint8Array(0));
      if (trace === undefined || trace.includes("\0") || [...trace].length > MAX_TRACE) {
        return { kind: "failure", condition: "malformed-request" };
      }
      return then(context.anonymousNode!(), (node): SaslStep => ({ kind: "success", node }));
    },
  };
}
