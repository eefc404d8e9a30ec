/** The contextual rules of RFC 5892, appendix A, which RFC 8264 takes over. */

import { CONTEXTJ, CONTEXTO, GREEK, HEBREW, KANA_OR_HAN, VIRAMA } from "./bits.ts";
import { joiningOf, precisOf, propertiesOf, scriptOf } from "./properties.ts";

const ZERO_WIDTH_NON_JOINER = 0x200c;
const ZERO_WIDTH_JOINER = 0x200d;
const MIDDLE_DOT = 0x00b7;
const KERAIA = 0x0375;
const GERESH = 0x05f3;
const GERSHAYIM = 0x05f4;
const KATAKANA_MIDDLE_DOT = 0x30fb;
const SMALL_L = 0x6c;

/**
 * Whether all CONTEXTJ and CONTEXTO code points of a label or string are allowed where they stand. One
 * pass, also for the rules that ask about the whole string: it may be long and made to be slow.
 */
export function contextsAllow(points: readonly number[]): boolean {
  let kanaOrHan = false;
  let middleDot = false;
  let arabicIndic = false;
  let extendedArabicIndic = false;
  for (let i = 0; i < points.length; i++) {
    const cp = points[i]!;
    const derived = precisOf(cp);
    if (derived !== CONTEXTJ && derived !== CONTEXTO) {
      if (scriptOf(cp) === KANA_OR_HAN) kanaOrHan = true;
    } else if (cp === KATAKANA_MIDDLE_DOT) middleDot = true;
    else if (isArabicIndic(cp)) arabicIndic = true;
    else if (isExtendedArabicIndic(cp)) extendedArabicIndic = true;
    else if (!allowedBetween(points, i)) return false;
  }
  if (middleDot && !kanaOrHan) return false;
  return !(arabicIndic && extendedArabicIndic);
}

/** The rules that ask about neighbours. */
function allowedBetween(points: readonly number[], index: number): boolean {
  const before = points[index - 1];
  const after = points[index + 1];
  switch (points[index]) {
    case ZERO_WIDTH_NON_JOINER:
      return isVirama(before) || joinsAround(points, index);
    case ZERO_WIDTH_JOINER:
      return isVirama(before);
    case MIDDLE_DOT:
      return before === SMALL_L && after === SMALL_L;
    case KERAIA:
      return after !== undefined && scriptOf(after) === GREEK;
    case GERESH:
    case GERSHAYIM:
      return before !== undefined && scriptOf(before) === HEBREW;
  }
  return false;
}

function isVirama(cp: number | undefined): boolean {
  return cp !== undefined && (propertiesOf(cp) & VIRAMA) !== 0;
}

/** Whether the letters on both sides would join, transparent ones aside. */
function joinsAround(points: readonly number[], index: number): boolean {
  let left = index - 1;
  while (left >= 0 && joiningOf(points[left]!) === "T") left--;
  let right = index + 1;
  while (right < points.length && joiningOf(points[right]!) === "T") right++;
  if (left < 0 || right === points.length) return false;
  const before = joiningOf(points[left]!);
  const after = joiningOf(points[right]!);
  return (before === "L" || before === "D") && (after === "R" || after === "D");
}

function isArabicIndic(cp: number): boolean {
  return cp >= 0x0660 && cp <= 0x0669;
}

function isExtendedArabicIndic(cp: number): boolean {
  return cp >= 0x06f0 && cp <= 0x06f9;
}
