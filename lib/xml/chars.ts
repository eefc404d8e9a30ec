/**
 * Character classes of XML 1.0 (fifth edition) by UTF-16 code unit: one table look-up per unit, for
 * ASCII and everything else alike.
 *
 * Surrogates are classed so that in well-formed UTF-16 (which is all that strict UTF-8 can give)
 * units can be judged one by one: U+10000..U+EFFFF, the name characters beyond the BMP, are exactly
 * those with a high surrogate up to U+DB7F.
 */

/** May begin a name; the colon is left out, as in NCName. */
export const NAME_START = 1;
/** May stand in a name; the colon is left out. */
export const NAME = 2;
/** Ordinary in text: anything but `<`, `&`, `]`, a carriage return and illegal characters. */
export const TEXT = 4;
/** Ordinary in an attribute value: not `<`, `&`, quotes, white space to be normalised, illegal. */
export const VALUE = 8;
/** White space (production S). */
export const SPACE = 16;
/** Legal at all (production Char). */
export const CHAR = 32;

const START: readonly (readonly [number, number])[] = [
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
  [0xc0, 0xd6],
  [0xd8, 0xf6],
  [0xf8, 0x2ff],
  [0x370, 0x37d],
  [0x37f, 0x1fff],
  [0x200c, 0x200d],
  [0x2070, 0x218f],
  [0x2c00, 0x2fef],
  [0x3001, 0xd7ff],
  [0xd800, 0xdb7f],
  [0xf900, 0xfdcf],
  [0xfdf0, 0xfffd],
];

const REST: readonly (readonly [number, number])[] = [
  [0x2d, 0x2e],
  [0x30, 0x39],
  [0xb7, 0xb7],
  [0x300, 0x36f],
  [0x203f, 0x2040],
  [0xdc00, 0xdfff],
];

/** The classes of every UTF-16 code unit, as a set of the bits above. */
export const CLASS: Uint8Array = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(0x10000);
  table.fill(TEXT | VALUE | CHAR, 0x20, 0xfffe);
  for (const c of [0x09, 0x0a, 0x0d, 0x20]) table[c] = table[c]! | SPACE | CHAR;
  for (const c of [0x09, 0x0a]) table[c] = table[c]! | TEXT;
  for (const c of "<&]") clear(table, c, TEXT);
  for (const c of "<&'\"") clear(table, c, VALUE);
  for (const [from, to] of START) for (let c = from; c <= to; c++) table[c]! |= NAME_START | NAME;
  for (const [from, to] of REST) for (let c = from; c <= to; c++) table[c]! |= NAME;
  return table;
}

function clear(table: Uint8Array, char: string, bit: number): void {
  const c = char.charCodeAt(0);
  table[c] = table[c]! & ~bit;
}

/** The character of a character reference, or `undefined` if it is not a legal XML character. */
export function legalCharacter(code: number): string | undefined {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  if (code < 0x10000 && (CLASS[code]! & CHAR) === 0) return undefined;
  return String.fromCodePoint(code);
}
