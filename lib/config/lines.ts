/**
 * Finds the line of each key in a TOML text. The TOML parser tells positions for syntax errors only;
 * this scanner tells them for what is valid. It relies on the text being well-formed TOML 1.0 or
 * 1.1 (the parser has said so) and never fails: an unknown key yields the line of its nearest table.
 */

import type { Path } from "./problem.ts";

/** The line (from 1) of the value at a path, or of the nearest table around it; or `undefined`. */
export type LineOf = (path: Path) => number | undefined;

/** Scans the text once. */
export function findLines(text: string): LineOf {
  const scanner = new Scanner(text);
  scanner.document();
  return (path) => {
    for (let n = path.length; n > 0; n--) {
      const line = scanner.lines.get(id(path.slice(0, n)));
      if (line !== undefined) return line;
    }
    return undefined;
  };
}

function id(path: Path): string {
  return JSON.stringify(path);
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\x1b",
};

class Scanner {
  readonly lines = new Map<string, number>();
  /** How many elements each array of tables has so far. */
  readonly #elements = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    let table: Path = [];
    for (;;) {
      this.#blank(true);
      const c = this.#text[this.#at];
      if (c === undefined) return;
      if (c === "[") table = this.#header();
      else this.#pair(table);
    }
  }

  /** `[a.b]` or `[[a.b]]`; returns the path of the table it opens. */
  #header(): Path {
    const line = this.#line;
    const array = this.#text.startsWith("[[", this.#at);
    this.#at += array ? 2 : 1;
    const keys = this.#key();
    this.#at += array ? 2 : 1;
    const path: (string | number)[] = [];
    keys.forEach((key, i) => {
      path.push(key);
      this.#note(path, line);
      const name = id(path);
      if (array && i === keys.length - 1) {
        const position = this.#elements.get(name) ?? 0;
        this.#elements.set(name, position + 1);
        path.push(position);
        this.#note(path, line);
        return;
      }
      // A table below an array of tables belongs to its last element.
      const count = this.#elements.get(name);
      if (count !== undefined) path.push(count - 1);
    });
    // `[a]` may come after `[a.b]`, which has noted `a` already: its own header is the better line.
    this.lines.set(id(path), line);
    return path;
  }

  /** `key = value` */
  #pair(table: Path): void {
    const line = this.#line;
    const path = [...table];
    for (const key of this.#key()) {
      path.push(key);
      this.#note(path, line);
    }
    if (this.#text[this.#at] !== "=") {
      // Not TOML: go on, so that a caller with unparsed text still gets an end.
      this.#at++;
      return;
    }
    this.#at++;
    this.#blank(false);
    this.#value(path);
  }

  /** A dotted key, with the blanks around it. */
  #key(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#blank(false);
      const c = this.#text[this.#at];
      if (c === '"' || c === "'") keys.push(this.#string());
      else {
        const start = this.#at;
        while (/[^\s.=\]"'#]/.test(this.#text[this.#at] ?? " ")) this.#at++;
        keys.push(this.#text.slice(start, this.#at));
      }
      this.#blank(false);
      if (this.#text[this.#at] !== ".") return keys;
      this.#at++;
    }
  }

  #value(path: Path): void {
    const c = this.#text[this.#at];
    if (c === '"' || c === "'") this.#string();
    else if (c === "[") this.#list(path);
    else if (c === "{") this.#inlineTable(path);
    else while (/[^\n#,\]}]/.test(this.#text[this.#at] ?? "\n")) this.#at++;
  }

  #list(path: Path): void {
    this.#at++;
    for (let i = 0;; i++) {
      this.#blank(true);
      const c = this.#text[this.#at];
      if (c === "]" || c === undefined) break;
      const element = [...path, i];
      this.#note(element, this.#line);
      this.#value(element);
      this.#blank(true);
      if (this.#text[this.#at] !== ",") break;
      this.#at++;
    }
    this.#at++;
  }

  #inlineTable(path: Path): void {
    this.#at++;
    for (;;) {
      this.#blank(true);
      const c = this.#text[this.#at];
      if (c === "}" || c === undefined) break;
      this.#pair(path);
      this.#blank(true);
      if (this.#text[this.#at] !== ",") break;
      this.#at++;
    }
    this.#at++;
  }

  /** Any of the four kinds of string; returns what it says (of a one-line string). */
  #string(): string {
    const quote = this.#text[this.#at]!;
    const escapes = quote === '"';
    if (this.#text.startsWith(quote.repeat(3), this.#at)) {
      this.#longString(quote, escapes);
      return "";
    }
    this.#at++;
    let out = "";
    for (;;) {
      const c = this.#text[this.#at];
      // The end of the line is for text that is not TOML.
      if (c === undefined || c === "\n") return out;
      this.#at++;
      if (c === quote) return out;
      out += c === "\\" && escapes ? this.#escape() : c;
    }
  }

  #longString(quote: string, escapes: boolean): void {
    this.#at += 3;
    while (this.#at < this.#text.length) {
      if (this.#text.startsWith(quote.repeat(3), this.#at)) {
        this.#at += 3;
        // Up to two quotes may stand right before the closing three.
        for (let i = 0; i < 2 && this.#text[this.#at] === quote; i++) this.#at++;
        return;
      }
      const c = this.#text[this.#at++];
      if (c === "\n") this.#line++;
      if (c === "\\" && escapes) {
        if (this.#text[this.#at] === "\n") this.#line++;
        this.#at++;
      }
    }
  }

  #escape(): string {
    const c = this.#text[this.#at++] ?? "";
    const digits = c === "x" ? 2 : c === "u" ? 4 : c === "U" ? 8 : 0;
    if (digits === 0) return ESCAPES[c] ?? c;
    const code = parseInt(this.#text.slice(this.#at, this.#at + digits), 16);
    this.#at += digits;
    return code <= 0x10ffff ? String.fromCodePoint(code) : "";
  }

  /** Skips spaces; with `lines` also ends of lines and comments. */
  #blank(lines: boolean): void {
    for (;;) {
      const c = this.#text[this.#at];
      if (c === "\n" && lines) this.#line++;
      else if (c === "#" && lines) {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
        continue;
      } else if (c !== " " && c !== "\t" && !(c === "\r" && lines)) return;
      this.#at++;
    }
  }

  /** The first mention counts. */
  #note(path: Path, line: number): void {
    const name = id(path);
    if (!this.lines.has(name)) this.lines.set(name, line);
  }
}
