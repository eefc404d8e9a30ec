/** Properties of code points, from the generated tables. */

import { BIDI_CLASSES, BIDI_MASK, BIDI_SHIFT, PRECIS_MASK, UNASSIGNED } from "./bits.ts";
import { JOINING_MASK, JOINING_SHIFT, JOINING_TYPES } from "./bits.ts";
import { SCRIPT_MASK, SCRIPT_SHIFT } from "./bits.ts";
import { RUNS, VALUES } from "./tables.ts";
import { decodeNumbers } from "./varint.ts";

/** First code points of the runs, ascending, and the packed properties of each. */
interface Table {
  readonly starts: Uint32Array;
  readonly values: Uint16Array;
}

const TABLE: Table = decode();

function decode(): Table {
  const values = decodeNumbers(VALUES);
  const runs = decodeNumbers(RUNS);
  const table = {
    starts: new Uint32Array(runs.length / 2),
    values: new Uint16Array(runs.length / 2),
  };
  let start = 0;
  for (let i = 0; i < runs.length; i += 2) {
    table.starts[i >> 1] = start;
    table.values[i >> 1] = values[runs[i + 1]!]!;
    start += runs[i]!;
  }
  return table;
}

/** The properties of a code point, packed as `bits.ts` says. */
export function propertiesOf(cp: number): number {
  const { starts, values } = TABLE;
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= cp) low = middle;
    else high = middle - 1;
  }
  return values[low]!;
}

/** The derived property of RFC 8264 §8. */
export function precisOf(cp: number): number {
  return propertiesOf(cp) & PRECIS_MASK;
}

/** The Bidi_Class by its short name, "" if the Bidi Rule never allows it. */
export function bidiOf(cp: number): string {
  return BIDI_CLASSES[(propertiesOf(cp) >> BIDI_SHIFT) & BIDI_MASK]!;
}

/** The Joining_Type L, R, D or T, "" if none of them. */
export function joiningOf(cp: number): string {
  return JOINING_TYPES[(propertiesOf(cp) >> JOINING_SHIFT) & JOINING_MASK]!;
}

/** One of the scripts named in `bits.ts`, or 0. */
export function scriptOf(cp: number): number {
  return (propertiesOf(cp) >> SCRIPT_SHIFT) & SCRIPT_MASK;
}

/**
 * True if all code points are assigned in our version of Unicode. To be asked before any mapping: the
 * runtime may know later versions and map their letters to ones that we know.
 */
export function allAssigned(points: readonly number[]): boolean {
  for (const cp of points) if (precisOf(cp) === UNASSIGNED) return false;
  return true;
}
