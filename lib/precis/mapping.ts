/** The mappings of PRECIS profiles and of IDNA (RFC 8264 §5.2, RFC 5895 §2). */

import { SPACE } from "./bits.ts";
import { propertiesOf } from "./properties.ts";
import { WIDTHS } from "./tables.ts";
import { isAscii } from "./text.ts";
import { decodeNumbers } from "./varint.ts";

const WIDTH_TARGETS: ReadonlyMap<number, string> = widthTargets();

function widthTargets(): Map<number, string> {
  const targets = new Map<number, string>();
  const numbers = decodeNumbers(WIDTHS);
  for (let i = 0; i < numbers.length; i += 3) {
    for (let n = 0; n < numbers[i + 1]!; n++) {
      targets.set(numbers[i]! + n, String.fromCodePoint(numbers[i + 2]! + n));
    }
  }
  return targets;
}

/** Maps fullwidth and halfwidth code points to their decompositions, and only those. */
export function mapWidth(s: string): string {
  if (isAscii(s)) return s;
  let out = "";
  for (const c of s) out += WIDTH_TARGETS.get(c.codePointAt(0)!) ?? c;
  return out;
}

/**
 * Maps to lower case, each code point by itself: a capital sigma becomes U+03C3 even at the end of a
 * word, where the runtime's own mapping would give U+03C2 (RFC 7622 §3.5 on examples 9 to 11).
 */
export function mapCase(s: string): string {
  if (isAscii(s)) return s.toLowerCase();
  let out = "";
  for (const c of s) out += c.toLowerCase();
  return out;
}

/** Maps all spaces (General_Category Zs) to U+0020. */
export function mapSpaces(s: string): string {
  if (isAscii(s)) return s;
  let out = "";
  for (const c of s) out += (propertiesOf(c.codePointAt(0)!) & SPACE) === 0 ? c : " ";
  return out;
}

/** Removes U+0020 at both ends, and leaves one of several in between. */
export function collapseSpaces(s: string): string {
  return s.split(" ").filter((word) => word !== "").join(" ");
}
