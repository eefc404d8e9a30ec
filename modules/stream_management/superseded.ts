/** Presence in the queue of a session that waits, of which only the last of each sender counts. */

import { isMereState } from "../../lib/formats/mere_presence.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { type Entry, type Queue, UNTIL_SAFE } from "./queue.ts";

/**
 * Gives up presence behind the stanza of the number `after`, the last that the client may have got.
 * The stanzas behind `from` have other numbers then; `left` are characters that have left, 0 if it
 * would be so little that it is not worth writing the queue anew.
 */
export function thinOut(queue: Queue, after: number): { from: number; left: number } {
  let from = after;
  for (let n = from + 1; n <= queue.sent; n++) {
    if ((queue.at(n).flags & UNTIL_SAFE) !== 0) from = n; // somebody waits for that number
  }
  const entries = queue.behind(from);
  const rest = withoutSuperseded(entries);
  if ((entries.length - rest.length) * 8 < queue.length) return { from, left: 0 };
  return { from, left: queue.replaceBehind(from, rest) };
}

/** The same entries, in order, without presence behind which there is newer. */
export function withoutSuperseded(entries: readonly Entry[]): Entry[] {
  const seen = new Set<string>();
  const left: Entry[] = [];
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i]!;
    const key = keyOf(entry);
    if (key !== undefined && seen.has(key)) continue;
    if (key !== undefined) seen.add(key);
    left.push(entry);
  }
  return left.reverse();
}

/** Of mere presence: whose it is. */
function keyOf({ text }: Entry): string | undefined {
  if (!text.startsWith("<presence")) return undefined;
  const stanza = parseStored(text);
  return isMereState(stanza) ? `${stanza.attrs.from} ${stanza.attrs.to}` : undefined;
}
