/**
 * How `tables.ts` packs the properties of a code point into one number, lowest bits first. Shared by
 * the generator, which writes such numbers, and `properties.ts`, which reads them.
 */

/** Derived property of RFC 8264 §8: three bits. FREE_PVAL is valid in the FreeformClass alone. */
export const PRECIS_MASK = 7;
export const UNASSIGNED = 0;
export const DISALLOWED = 1;
export const PVALID = 2;
export const FREE_PVAL = 3;
export const CONTEXTJ = 4;
export const CONTEXTO = 5;

/** PVALID by RFC 5892 §3. What is CONTEXTJ or CONTEXTO there is so in RFC 8264, too. */
export const IDNA_PVALID = 1 << 3;

/** Bidi_Class: four bits. 0 stands for all that the Bidi Rule of RFC 5893 never allows. */
export const BIDI_SHIFT = 4;
export const BIDI_MASK = 15;
export const BIDI_CLASSES: readonly string[] = [
  "",
  "L",
  "R",
  "AL",
  "AN",
  "EN",
  "ES",
  "CS",
  "ET",
  "ON",
  "BN",
  "NSM",
];

/** Joining_Type: three bits. 0 stands for Non_Joining and Join_Causing. */
export const JOINING_SHIFT = 8;
export const JOINING_MASK = 7;
export const JOINING_TYPES: readonly string[] = ["", "L", "R", "D", "T"];

/** The scripts that contextual rules of RFC 5892 ask for: two bits. */
export const SCRIPT_SHIFT = 11;
export const SCRIPT_MASK = 3;
export const GREEK = 1;
export const HEBREW = 2;
/** Hiragana, Katakana or Han. */
export const KANA_OR_HAN = 3;

/** Canonical_Combining_Class = Virama. */
export const VIRAMA = 1 << 13;
/** General_Category = M: Mn, Mc or Me. */
export const MARK = 1 << 14;
/** General_Category = Zs. */
export const SPACE = 1 << 15;
