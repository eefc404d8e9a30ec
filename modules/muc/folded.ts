/** How texts of rooms are compared with what people look for. */

const NOT_ASCII = /[^\p{ASCII}]/u;
const MARKS = /\p{M}+/gu;

/**
 * A text in which case, accents and forms of width do not count. What is searched and what is searched
 * for go through here, so no database has rules of its own. A part of a word is folded as it is in the
 * whole word: a sigma is the same at its end.
 */
export function folded(text: string): string {
  return NOT_ASCII.test(text)
    ? text.normalize("NFKD").replace(MARKS, "").toLowerCase().replaceAll("ς", "σ")
    : text.toLowerCase();
}

/**
 * The order of nodes in the tables: by code points. JavaScript compares halves of surrogate pairs, which
 * are less than some characters that they stand behind.
 */
export function compareNodes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const isHalf = (x & 0xf800) === 0xd800;
    return isHalf === ((y & 0xf800) === 0xd800) ? x - y : isHalf ? 1 : -1;
  }
  return a.length - b.length;
}
