/** How texts of rooms are compared with what people look for. */

const NOT_ASCII = /[^\p{ASCII}]/u;
const MARKS = /\p{M}+/gu;

/**
 * A text in which case, accents and forms of width do not count. What is searched and what is searched
 * for go through here, so no database has rules of its own.
 */
export function folded(text: string): string {
  return NOT_ASCII.test(text)
    ? text.normalize("NFKD").replace(MARKS, "").toLowerCase()
    : text.toLowerCase();
}
