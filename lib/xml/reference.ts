/** References: the five entities and characters by number (RFC 6120 §11.1, XML 1.0 §4.1). */

import { CLASS, legalCharacter, NAME, NAME_START } from "./chars.ts";
import { malformed, restricted } from "./error.ts";

/** What the reference from the `&` at `from` to the `;` at `end` stands for. */
export function entity(s: string, from: number, end: number): string {
  if (s.charCodeAt(from + 1) === 35 /* # */) return character(s, from + 2, end);
  switch (s.slice(from + 1, end)) {
    case "amp":
      return "&";
    case "lt":
      return "<";
    case "gt":
      return ">";
    case "quot":
      return '"';
    case "apos":
      return "'";
  }
  unfinished(s, from, end);
  if (end === from + 1) malformed("'&' without a name");
  return restricted("entity reference");
}

/** Refuses what can be no reference whatever follows `s.slice(from, end)`, an `&` without a `;`. */
export function unfinished(s: string, from: number, end: number = s.length): void {
  let p = from + 1;
  if (p >= end) return;
  if (s.charCodeAt(p) === 35) {
    for (p++; p < end; p++) {
      const c = s.charCodeAt(p);
      const x = c === 120 && p === from + 2;
      if (!x && digit(c) < 0) malformed("bad character reference");
    }
    return;
  }
  let want = NAME_START;
  for (; p < end; p++) {
    const c = s.charCodeAt(p);
    if ((CLASS[c]! & want) === 0) malformed("'&' without a reference");
    want = NAME;
  }
}

function character(s: string, from: number, end: number): string {
  const hex = s.charCodeAt(from) === 120 /* x */;
  if (hex) from++;
  if (from === end) malformed("empty character reference");
  const base = hex ? 16 : 10;
  let code = 0;
  for (let p = from; p < end; p++) {
    const d = digit(s.charCodeAt(p));
    if (d < 0 || d >= base) malformed("bad character reference");
    code = Math.min(code * base + d, 0x110000);
  }
  return legalCharacter(code) ?? malformed("reference to an illegal character");
}

function digit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  return c >= 65 && c <= 70 ? c - 55 : -1;
}
