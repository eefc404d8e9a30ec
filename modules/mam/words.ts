/**
 * The words of a text, for full text search (XEP-0431). Texts and what is searched for in them go
 * through the same rules, so no database has rules of its own: case and accents do not count, what is
 * neither letter nor digit separates. Scripts that are written without blanks (Chinese, Japanese, Thai
 * and others) are taken apart into characters and pairs of characters.
 */

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+|[[\p{L}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]]+/gv;
const NOT_ASCII = /[^\p{ASCII}]/u;
const ASCII_WORD = /[a-z0-9]+/g;
const MARKS = /\p{M}+/gu;

/** Characters of a word that count. */
const WORD_LENGTH = 64;

/** The distinct words of a text, for an index; at most `most`. */
export function wordsOf(text: string, most: number): string[] {
  return collect(text, most, true);
}

/** What all must be in a text for it to be found. */
export function wordsSought(text: string, most: number): string[] {
  return collect(text, most, false);
}

function collect(text: string, most: number, forIndex: boolean): string[] {
  const words = new Set<string>();
  const ascii = !NOT_ASCII.test(text);
  const plain = ascii
    ? text.toLowerCase()
    : text.normalize("NFKD").replace(MARKS, "").toLowerCase();
  for (const [word] of plain.matchAll(ascii ? ASCII_WORD : WORD)) {
    if (words.size >= most) break;
    if (ascii || !UNSPACED.test(word)) words.add(word.slice(0, WORD_LENGTH));
    else for (const part of partsOf(word, forIndex)) words.add(part);
  }
  return [...words];
}

/** Pairs of neighbours; single characters too where somebody may look for one. */
function partsOf(run: string, forIndex: boolean): string[] {
  const chars = [...run];
  if (chars.length === 1) return chars;
  const pairs = chars.slice(1).map((c, i) => chars[i]! + c);
  return forIndex ? [...chars, ...pairs] : pairs;
}
