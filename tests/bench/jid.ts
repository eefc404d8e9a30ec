/** What it costs to read a JID. */

import { parseJid, setJidCacheSize } from "../../lib/jid.ts";
import { type Figure, perCall, scaled } from "./figure.ts";

/** How many different JIDs are read in turn; as many fit into the cache at its usual size. */
const COUNT = 1000;
const USUAL_CACHE = 4096;

const ascii = (i: number) => `juliet${i}@example.org/balcony-${i}`;
const capitals = (i: number) => `Juliet${i}@Example.org/balcony-${i}`;
const other = (i: number) => `žofie${i}@bücher${i % 10}.example/Küche ${i}`;

export function jidFigures(scale: number): Figure[] {
  const times = scaled(200, scale);
  try {
    return [
      figure("ASCII, not in the cache", ascii, 0, times),
      figure("ASCII, from the cache", ascii, USUAL_CACHE, times),
      figure("ASCII with capitals, not in the cache", capitals, 0, times),
      figure("not ASCII, not in the cache", other, 0, scaled(times, 0.1)),
    ];
  } finally {
    setJidCacheSize(USUAL_CACHE);
  }
}

function figure(what: string, jid: (i: number) => string, cache: number, times: number): Figure {
  setJidCacheSize(cache);
  const texts = Array.from({ length: COUNT }, (_, i) => jid(i));
  const input = texts.join("");
  const ends: number[] = [];
  let end = 0;
  for (const text of texts) ends.push(end += text.length);
  const value = perCall(() => {
    let at = 0;
    for (const next of ends) {
      // A slice of the input, as the parser hands it out: a string that nobody has hashed yet.
      if (parseJid(input.slice(at, next)) === undefined) throw new Error("that is a JID");
      at = next;
    }
  }, times);
  return { what, unit: "µs", value: value / COUNT };
}
