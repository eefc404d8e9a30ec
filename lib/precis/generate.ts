/**
 * Writes `tables.ts` from the Unicode Character Database:
 *
 *     deno run -A lib/precis/generate.ts DIRECTORY
 *
 * where DIRECTORY holds the database's files with their `extracted` folder, as Debian's package
 * `unicode-data` installs them in /usr/share/unicode. The runtime must know the same version of
 * Unicode or a later one: it does the normalisation, which is stable for code points once assigned.
 */

import {
  BIDI_CLASSES,
  BIDI_SHIFT,
  CONTEXTJ,
  CONTEXTO,
  DISALLOWED,
  FREE_PVAL,
  GREEK,
  HEBREW,
  IDNA_PVALID,
  JOINING_SHIFT,
  JOINING_TYPES,
  KANA_OR_HAN,
  MARK,
  PVALID,
  SCRIPT_SHIFT,
  SPACE,
  UNASSIGNED,
  VIRAMA,
} from "./bits.ts";
import { encodeNumbers } from "./varint.ts";

const CODE_POINTS = 0x110000;

/** Exceptions (RFC 5892 §2.6): first and last code point, derived property. */
const EXCEPTIONS: readonly (readonly [number, number, number])[] = [
  [0x00df, 0x00df, PVALID],
  [0x03c2, 0x03c2, PVALID],
  [0x06fd, 0x06fe, PVALID],
  [0x0f0b, 0x0f0b, PVALID],
  [0x3007, 0x3007, PVALID],
  [0x00b7, 0x00b7, CONTEXTO],
  [0x0375, 0x0375, CONTEXTO],
  [0x05f3, 0x05f4, CONTEXTO],
  [0x30fb, 0x30fb, CONTEXTO],
  [0x0660, 0x0669, CONTEXTO],
  [0x06f0, 0x06f9, CONTEXTO],
  [0x0640, 0x0640, DISALLOWED],
  [0x07fa, 0x07fa, DISALLOWED],
  [0x302e, 0x302f, DISALLOWED],
  [0x3031, 0x3035, DISALLOWED],
  [0x303b, 0x303b, DISALLOWED],
];

/** BackwardCompatible (RFC 5892 §2.7) is still empty: RFC 6452 and RFC 9233 left it so. */

const LETTER_DIGITS = ["Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"];
const OTHER_LETTER_DIGITS = ["Lt", "Nl", "No", "Me"];
const SYMBOLS = ["Sm", "Sc", "Sk", "So"];
const PUNCTUATION = ["Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"];
const IGNORABLE_BLOCKS = [
  "Combining Diacritical Marks for Symbols",
  "Musical Symbols",
  "Ancient Greek Musical Notation",
];

/** One property of each code point, "" where the file names none. */
type Property = readonly string[];

interface Database {
  readonly version: string;
  readonly category: Property;
  readonly bidi: Property;
  readonly joining: Property;
  readonly combining: Property;
  readonly hangul: Property;
  readonly script: Property;
  readonly block: Property;
  readonly ignorable: Property;
  readonly nonCharacter: Property;
  readonly whiteSpace: Property;
  readonly joinControl: Property;
  /** Full case folding (C and F of CaseFolding.txt). */
  readonly folding: ReadonlyMap<number, string>;
}

function lines(directory: string, file: string): string[][] {
  return Deno.readTextFileSync(`${directory}/${file}`).split("\n")
    .map((line) => line.replace(/#.*/, "").split(";").map((field) => field.trim()))
    .filter((fields) => fields.length > 1);
}

function property(directory: string, file: string, only?: string): Property {
  const values = new Array<string>(CODE_POINTS).fill("");
  for (const [range, value] of lines(directory, file)) {
    if (only !== undefined && value !== only) continue;
    const [first, last = first] = range!.split("..");
    values.fill(value!, parseInt(first!, 16), parseInt(last!, 16) + 1);
  }
  return values;
}

function readDatabase(directory: string): Database {
  const head = Deno.readTextFileSync(`${directory}/DerivedCoreProperties.txt`);
  const folding = new Map<number, string>();
  for (const [code, status, mapping] of lines(directory, "CaseFolding.txt")) {
    if (status !== "C" && status !== "F") continue;
    const folded = mapping!.split(" ").map((hex) => parseInt(hex, 16));
    folding.set(parseInt(code!, 16), String.fromCodePoint(...folded));
  }
  return {
    version: /^# DerivedCoreProperties-([0-9.]+)\.txt/.exec(head)![1]!,
    category: property(directory, "extracted/DerivedGeneralCategory.txt"),
    bidi: property(directory, "extracted/DerivedBidiClass.txt"),
    joining: property(directory, "extracted/DerivedJoiningType.txt"),
    combining: property(directory, "extracted/DerivedCombiningClass.txt"),
    hangul: property(directory, "HangulSyllableType.txt"),
    script: property(directory, "Scripts.txt"),
    block: property(directory, "Blocks.txt"),
    ignorable: property(
      directory,
      "DerivedCoreProperties.txt",
      "Default_Ignorable_Code_Point",
    ),
    nonCharacter: property(directory, "PropList.txt", "Noncharacter_Code_Point"),
    whiteSpace: property(directory, "PropList.txt", "White_Space"),
    joinControl: property(directory, "PropList.txt", "Join_Control"),
    folding,
  };
}

function exception(cp: number): number | undefined {
  return EXCEPTIONS.find(([first, last]) => cp >= first && cp <= last)?.[2];
}

function isUnassigned(db: Database, cp: number): boolean {
  return db.category[cp] === "Cn" && db.nonCharacter[cp] === "";
}

function isJamo(db: Database, cp: number): boolean {
  return ["L", "V", "T"].includes(db.hangul[cp]!);
}

/** The derived property of RFC 8264 §8, its rules in its order. */
function precis(db: Database, cp: number): number {
  const category = db.category[cp]!;
  const exceptional = exception(cp);
  if (exceptional !== undefined) return exceptional;
  if (isUnassigned(db, cp)) return UNASSIGNED;
  if (cp >= 0x21 && cp <= 0x7e) return PVALID;
  if (db.joinControl[cp] !== "") return CONTEXTJ;
  if (isJamo(db, cp)) return DISALLOWED;
  if (db.ignorable[cp] !== "" || db.nonCharacter[cp] !== "") return DISALLOWED;
  if (category === "Cc" || category === "Cs") return DISALLOWED;
  const character = String.fromCodePoint(cp);
  if (character.normalize("NFKC") !== character) return FREE_PVAL;
  if (LETTER_DIGITS.includes(category)) return PVALID;
  if (OTHER_LETTER_DIGITS.includes(category)) return FREE_PVAL;
  if (category === "Zs") return FREE_PVAL;
  if (SYMBOLS.includes(category) || PUNCTUATION.includes(category)) return FREE_PVAL;
  return DISALLOWED;
}

function isUnstable(db: Database, cp: number): boolean {
  const character = String.fromCodePoint(cp);
  let folded = "";
  for (const c of character.normalize("NFKC")) folded += db.folding.get(c.codePointAt(0)!) ?? c;
  return folded.normalize("NFKC") !== character;
}

/** Whether the derived property of RFC 5892 §3 is PVALID, its rules in its order. */
function isIdnaValid(db: Database, cp: number): boolean {
  const exceptional = exception(cp);
  if (exceptional !== undefined) return exceptional === PVALID;
  if (isUnassigned(db, cp)) return false;
  if (/[-0-9a-z]/.test(String.fromCodePoint(cp))) return true;
  if (db.joinControl[cp] !== "" || db.category[cp] === "Cs") return false;
  if (isUnstable(db, cp)) return false;
  if (db.ignorable[cp] !== "" || db.whiteSpace[cp] !== "" || db.nonCharacter[cp] !== "") {
    return false;
  }
  if (IGNORABLE_BLOCKS.includes(db.block[cp]!) || isJamo(db, cp)) return false;
  return LETTER_DIGITS.includes(db.category[cp]!);
}

function script(name: string): number {
  if (name === "Greek") return GREEK;
  if (name === "Hebrew") return HEBREW;
  return ["Hiragana", "Katakana", "Han"].includes(name) ? KANA_OR_HAN : 0;
}

function pack(db: Database, cp: number): number {
  const derived = precis(db, cp);
  if (derived === UNASSIGNED) return UNASSIGNED;
  let bits = derived;
  if (isIdnaValid(db, cp)) bits |= IDNA_PVALID;
  bits |= Math.max(0, BIDI_CLASSES.indexOf(db.bidi[cp]!)) << BIDI_SHIFT;
  bits |= Math.max(0, JOINING_TYPES.indexOf(db.joining[cp]!)) << JOINING_SHIFT;
  bits |= script(db.script[cp]!) << SCRIPT_SHIFT;
  if (db.combining[cp] === "9") bits |= VIRAMA;
  if (db.category[cp]!.startsWith("M")) bits |= MARK;
  if (db.category[cp] === "Zs") bits |= SPACE;
  return bits;
}

/** Lengths of the runs of code points alike, from 0 on, each with the index of its value. */
function runs(db: Database): { values: number[]; runs: number[] } {
  const values: number[] = [];
  const out: number[] = [];
  let previous = -1;
  for (let cp = 0; cp < CODE_POINTS; cp++) {
    const value = pack(db, cp);
    if (value === previous) {
      out[out.length - 2]!++;
      continue;
    }
    if (!values.includes(value)) values.push(value);
    out.push(1, values.indexOf(value));
    previous = value;
  }
  return { values, runs: out };
}

/** Width mappings as runs of first code point, length and first target, counting up together. */
function widths(directory: string): number[] {
  const out: number[] = [];
  for (const [code, , , , , decomposition] of lines(directory, "UnicodeData.txt")) {
    const match = /^<(?:wide|narrow)> ([0-9A-F]+)$/.exec(decomposition!);
    if (match === null) continue;
    const from = parseInt(code!, 16);
    const to = parseInt(match[1]!, 16);
    const [first, length, target] = out.slice(-3);
    if (from === first! + length! && to === target! + length!) out[out.length - 2]!++;
    else out.push(from, 1, to);
  }
  return out;
}

function literal(text: string): string {
  const parts = text.match(/.{1,90}/g)!.map((part) => `  "${part}"`);
  return `[\n${parts.join(",\n")},\n].join("")`;
}

function generate(directory: string): string {
  const db = readDatabase(directory);
  const table = runs(db);
  return `/**
 * Generated by generate.ts from the Unicode Character Database ${db.version}: do not edit. The numbers
 * are written as in varint.ts.
 */

/** The version of Unicode whose code points are known; later ones count as unassigned. */
export const UNICODE_VERSION = "${db.version}";

/** The values that RUNS refers to by their index, packed as bits.ts says. */
export const VALUES: string = ${literal(encodeNumbers(table.values))};

/** Runs of code points from 0 on: how many, and the index of their value. */
export const RUNS: string = ${literal(encodeNumbers(table.runs))};

/** Decompositions <wide> and <narrow>: first code point, how many, first target. */
export const WIDTHS: string = ${literal(encodeNumbers(widths(directory)))};
`;
}

if (import.meta.main) {
  const directory = Deno.args[0];
  if (directory === undefined) {
    console.error("usage: generate.ts DIRECTORY");
    Deno.exit(2);
  }
  Deno.writeTextFileSync(new URL("tables.ts", import.meta.url), generate(directory));
}
