/**
 * What is wrong with a configuration: where, which key, and what was expected instead. Problems are
 * values, collected and shown all at once.
 */

/** The keys (and list positions, from 0) that lead to a value. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** The file as the operator named it; none if the value came from elsewhere (`--data`). */
  readonly file: string | undefined;
  /** Line in that file, from 1. */
  readonly line: number | undefined;
  /** Column, from 1; known for errors of TOML syntax only. */
  readonly column?: number;
  /** The key as written in TOML, e.g. `hosts."example.org".limits.depth`; empty for a whole file. */
  readonly key: string;
  readonly message: string;
}

/** Takes a problem with the value at `path`. */
export type Report = (path: Path, message: string) => void;

/** `server.toml:41: limits.depth: expected a whole number from 8 to 1000, got "lots"` */
export function formatProblem(p: Problem): string {
  let where = p.file ?? "";
  if (p.line !== undefined) where += `:${p.line}`;
  if (p.column !== undefined) where += `:${p.column}`;
  return [where, p.key, p.message].filter((part) => part !== "").map(printable).join(": ");
}

/** A path as TOML writes it: bare keys bare, others quoted, list positions in brackets. */
export function formatKey(path: Path): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else {out += (out === "" ? "" : ".") +
        (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part));}
  }
  return out;
}

const SHOWN = 60;

/** A value as a message shows it: short, on one line, without what is inside lists and tables. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") {
    return JSON.stringify(value.length > SHOWN ? value.slice(0, SHOWN) + "..." : value);
  }
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") {
    return String(value);
  }
  if (value instanceof Date) return "a date";
  return Array.isArray(value) ? "a list" : "a table";
}

/** The one form of all messages about values. */
export function expectedGot(expected: string, value: unknown): string {
  return `expected ${expected}, got ${show(value)}`;
}

/** `"a", "b" or "c"` */
export function alternatives(values: readonly string[]): string {
  const quoted = values.map((value) => JSON.stringify(value));
  const last = quoted.pop() ?? "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}

/**
 * The message for a name nobody knows, with the nearest one that is known.
 * @param kind what it is the name of: "key", "module"
 */
export function unknownName(
  kind: string,
  name: string,
  known: Iterable<string>,
  otherwise = "",
): string {
  const near = nearest(name, known);
  if (near !== undefined) return `unknown ${kind}; did you mean "${near}"?`;
  return otherwise === "" ? `unknown ${kind}` : `unknown ${kind}; ${otherwise}`;
}

/** The known name with the smallest edit distance, unless even that one is too far to be meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase().replaceAll("-", "_");
  // Longer names may hold more slips: one in three characters, at least one.
  let best = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let found: string | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase(), best);
    if (distance >= best) continue;
    best = distance;
    found = candidate;
  }
  return found;
}

/**
 * Edit distance with neighbours swapped as one edit (optimal string alignment). Stops early, with
 * `limit`, when the distance cannot be below it.
 */
export function editDistance(a: string, b: string, limit = Infinity): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > limit) return limit;
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** Control characters from a file must not act on the terminal that shows the problem. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
