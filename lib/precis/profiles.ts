/**
 * The PRECIS profiles that XMPP addresses and passwords use (RFC 8265), and that of nicknames
 * (RFC 8266), with the rules in the order of RFC 8264 §7: what a mapping makes valid is valid. RFC 8265 §3.3.2 would have the code points looked
 * at before the case is mapped, too; RFC 7622 §4 asks to be liberal here, and the result is the same
 * string wherever both accept.
 */

import { hasRightToLeft, satisfiesBidiRule } from "./bidi.ts";
import { CONTEXTJ, CONTEXTO, FREE_PVAL, PVALID } from "./bits.ts";
import { contextsAllow } from "./context.ts";
import { collapseSpaces, mapCase, mapSpaces, mapWidth } from "./mapping.ts";
import { allAssigned, precisOf } from "./properties.ts";
import { codePoints, settle } from "./text.ts";

const SPACE = 0x20;
const TILDE = 0x7e;

/** UsernameCaseMapped (RFC 8265 §3.3): the string enforced, or undefined if invalid or empty. */
export function usernameCaseMapped(s: string): string | undefined {
  return enforce(s, (before) => {
    const after = mapCase(mapWidth(before)).normalize("NFC");
    const points = codePoints(after);
    if (hasRightToLeft(points) && !satisfiesBidiRule(points)) return undefined;
    return isIdentifier(points) ? after : undefined;
  });
}

/** OpaqueString (RFC 8265 §4.2): the string enforced, or undefined if invalid or empty. */
export function opaqueString(s: string): string | undefined {
  return enforce(s, (before) => {
    const after = mapSpaces(before).normalize("NFC");
    return isFreeform(codePoints(after)) ? after : undefined;
  });
}

/**
 * Nickname (RFC 8266 §2.3): the string enforced, or undefined if invalid or empty. Spaces at the ends
 * go, others become one each; letters keep their case.
 */
export function nickname(s: string): string | undefined {
  return isPlain(s) ? s : enforce(s, (before) => mapNickname(before));
}

/** What two nicknames have in common that are the same (RFC 8266 §2.4); undefined as above. */
export function nicknameKey(s: string): string | undefined {
  return isPlain(s) ? s.toLowerCase() : enforce(s, (before) => mapNickname(before, mapCase));
}

function mapNickname(before: string, casing?: (s: string) => string): string | undefined {
  const spaced = collapseSpaces(mapSpaces(before));
  const after = (casing === undefined ? spaced : casing(spaced)).normalize("NFKC");
  return isFreeform(codePoints(after)) ? after : undefined;
}

/** True if all is visible ASCII, with single spaces in between: a nickname on which no rule acts. */
function isPlain(s: string): boolean {
  let before = SPACE;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c < SPACE || c > TILDE || (c === SPACE && before === SPACE)) return false;
    before = c;
  }
  return before !== SPACE;
}

function enforce(s: string, rules: (s: string) => string | undefined): string | undefined {
  if (!allAssigned(codePoints(s))) return undefined;
  const enforced = settle(s, rules);
  return enforced === "" ? undefined : enforced;
}

/** Whether code points conform to the IdentifierClass (RFC 8264 §4.2). */
export function isIdentifier(points: readonly number[]): boolean {
  return conforms(points, false);
}

/** Whether code points conform to the FreeformClass (RFC 8264 §4.3). */
export function isFreeform(points: readonly number[]): boolean {
  return conforms(points, true);
}

function conforms(points: readonly number[], freeform: boolean): boolean {
  let contexts = false;
  for (const cp of points) {
    const derived = precisOf(cp);
    if (derived === PVALID || (derived === FREE_PVAL && freeform)) continue;
    if (derived !== CONTEXTJ && derived !== CONTEXTO) return false;
    contexts = true;
  }
  return !contexts || contextsAllow(points);
}
