/** SASL SCRAM Downgrade Protection (XEP-0474 0.5.0). */

import { hashOf, type ScramHash } from "./credentials.ts";
import { encodeBase64 } from "./text.ts";

/**
 * The value of the attribute "h" in the server's first message (XEP-0474 §6.1): a hash, in base64,
 * of what was advertised in the SASL profile that the client uses.
 *
 * @param bindings empty if no channel-binding types were advertised by XEP-0440
 */
export function downgradeHash(
  hash: ScramHash,
  mechanisms: readonly string[],
  bindings: readonly string[],
): string {
  // The names are ASCII, for which the order of UTF-16 units is that of "i;octet".
  let list = [...mechanisms].sort().join("\x1e");
  if (bindings.length > 0) list += "\x1f" + [...bindings].sort().join("\x1e");
  return encodeBase64(hashOf(hash, list));
}
