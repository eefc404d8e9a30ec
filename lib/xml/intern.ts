/**
 * A small cache of the names and namespaces seen last, so that a parsed name is the one string kept
 * for it: nothing is allocated for it, comparing and looking it up go by identity, and no element
 * keeps the text it came from alive by its name.
 *
 * It holds a fixed number of short strings whatever is sent, and forgets by overwriting.
 */

const SLOTS = 4096;
const LONGEST = 128;

const cache: string[] = new Array(SLOTS).fill("");

/** The string `s.slice(from, to)`, whose {@link mix}ed hash is `hash`. */
export function intern(s: string, from: number, to: number, hash: number): string {
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const known = cache[slot]!;
  if (known.length === to - from && s.startsWith(known, from)) return known;
  const name = s.slice(from, to);
  return name.length > LONGEST ? name : (cache[slot] = unique(name));
}

/** One step of the hash, begun with 0. */
export function mix(hash: number, unit: number): number {
  return (Math.imul(hash, 31) + unit) | 0;
}

/** {@link intern} for a part of a string that was not hashed while scanning it. */
export function internPart(s: string, from: number, to: number): string {
  let hash = 0;
  for (let i = from; i < to; i++) hash = mix(hash, s.charCodeAt(i));
  return intern(s, from, to, hash);
}

/** A copy that is no slice of another string: engines keep exactly one of each property name. */
function unique(name: string): string {
  const holder: { [name: string]: true } = Object.create(null);
  holder[name] = true;
  for (const key in holder) return key;
  return name;
}
