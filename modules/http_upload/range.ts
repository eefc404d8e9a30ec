/** Ranges of bytes (RFC 9110 §14). */

export interface Range {
  readonly start: number;
  /** The last byte, included. */
  readonly end: number;
}

/**
 * What a field `Range` asks for of so many bytes. All of it (undefined) also where the field makes no
 * sense or asks for several ranges, which a server need not serve (§14.2).
 */
export function rangeOf(field: string | null, size: number): Range | "unsatisfiable" | undefined {
  const match = field === null ? null : /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(field);
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") return undefined;
    const suffix = Number(last);
    if (suffix === 0 || size === 0) return "unsatisfiable";
    return { start: Math.max(0, size - suffix), end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Number(last);
  if (last !== "" && end < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: Math.min(end, size - 1) };
}
