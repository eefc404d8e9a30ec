/** Small things about strings that PRECIS and IDNA share. */

/** Octets of a well-formed string in UTF-8. */
export function utf8Length(s: string): number {
  let octets = s.length;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c < 0x80) continue;
    // The two halves of a surrogate pair count two each: four octets for the pair.
    octets += c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 1 : 2;
  }
  return octets;
}

/** The code points of a string; a lone surrogate stands for itself. */
export function codePoints(s: string): number[] {
  const points: number[] = [];
  for (let i = 0; i < s.length; i++) {
    const cp = s.codePointAt(i)!;
    if (cp > 0xffff) i++;
    points.push(cp);
  }
  return points;
}

/** True if all is U+0000 to U+007F. */
export function isAscii(s: string): boolean {
  for (let i = 0; i < s.length; i++) if (s.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Applies rules until nothing changes any more: undefined if they refuse or do not settle. */
export function settle(
  s: string,
  rules: (s: string) => string | undefined,
): string | undefined {
  let before = s;
  // Once, and three times more: RFC 8264 §7.
  for (let round = 0; round < 4; round++) {
    const after = rules(before);
    if (after === undefined || after === before) return after;
    before = after;
  }
  return undefined;
}
