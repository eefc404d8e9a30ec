/** The Bidi Rule of RFC 5893 §2. */

import { bidiOf } from "./properties.ts";

const IN_RTL = new Set(["R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
const IN_LTR = new Set(["L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
const ENDS_RTL = new Set(["R", "AL", "EN", "AN"]);
const ENDS_LTR = new Set(["L", "EN"]);

/** True if there is a code point of class R, AL or AN: then the rule is to be satisfied. */
export function hasRightToLeft(points: readonly number[]): boolean {
  for (const cp of points) {
    const bidi = bidiOf(cp);
    if (bidi === "R" || bidi === "AL" || bidi === "AN") return true;
  }
  return false;
}

/** Whether a label, or a whole username, satisfies the six conditions. */
export function satisfiesBidiRule(points: readonly number[]): boolean {
  if (points.length === 0) return false;
  const first = bidiOf(points[0]!);
  const rightToLeft = first === "R" || first === "AL";
  if (!rightToLeft && first !== "L") return false; // condition 1
  const allowed = rightToLeft ? IN_RTL : IN_LTR;
  let last = "";
  let european = false;
  let arabic = false;
  for (const cp of points) {
    const bidi = bidiOf(cp);
    if (!allowed.has(bidi)) return false; // conditions 2 and 5
    if (bidi === "EN") european = true;
    if (bidi === "AN") arabic = true;
    if (bidi !== "NSM") last = bidi;
  }
  if (rightToLeft && european && arabic) return false; // condition 4
  return (rightToLeft ? ENDS_RTL : ENDS_LTR).has(last); // conditions 3 and 6
}
