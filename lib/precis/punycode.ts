/** Punycode (RFC 3492), as IDNA uses it: lower case, no case flags. */

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_N = 128;
const MAX_CODE_POINT = 0x10ffff;
const DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";
const DELIMITER = "-";

/** The bias for the next delta (RFC 3492 §6.1). */
function adapt(delta: number, points: number, first: boolean): number {
  let rest = first ? Math.floor(delta / DAMP) : delta >> 1;
  rest += Math.floor(rest / points);
  let k = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) >> 1; k += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}

function threshold(k: number, bias: number): number {
  return Math.min(T_MAX, Math.max(T_MIN, k - bias));
}

/** A number as generalised variable-length integer (RFC 3492 §3.3). */
function encodeDelta(delta: number, bias: number): string {
  let out = "";
  let rest = delta;
  for (let k = BASE;; k += BASE) {
    const t = threshold(k, bias);
    if (rest < t) return out + DIGITS[rest];
    out += DIGITS[t + ((rest - t) % (BASE - t))];
    rest = Math.floor((rest - t) / (BASE - t));
  }
}

/** Encodes code points. The work grows with the square of their number: for labels only. */
export function encodePunycode(points: readonly number[]): string {
  let out = "";
  for (const cp of points) if (cp < INITIAL_N) out += String.fromCharCode(cp);
  const basic = out.length;
  if (basic > 0) out += DELIMITER;
  let n = INITIAL_N;
  let delta = 0;
  let bias = INITIAL_BIAS;
  for (let handled = basic; handled < points.length;) {
    let next = MAX_CODE_POINT;
    for (const cp of points) if (cp >= n && cp < next) next = cp;
    delta += (next - n) * (handled + 1);
    for (const cp of points) {
      if (cp < next) delta++;
      if (cp !== next) continue;
      out += encodeDelta(delta, bias);
      bias = adapt(delta, handled + 1, handled === basic);
      delta = 0;
      handled++;
    }
    n = next + 1;
    delta++;
  }
  return out;
}

/** Decodes to code points; undefined if the text is not Punycode in lower case. */
export function decodePunycode(text: string): number[] | undefined {
  const points: number[] = [];
  // A delimiter with nothing before it is none (RFC 3492 §6.2), and so no digit either.
  const delimiter = Math.max(0, text.lastIndexOf(DELIMITER));
  for (let i = 0; i < delimiter; i++) {
    const c = text.charCodeAt(i);
    if (c >= INITIAL_N) return undefined;
    points.push(c);
  }
  let n = INITIAL_N;
  let index = 0;
  let bias = INITIAL_BIAS;
  for (let at = delimiter > 0 ? delimiter + 1 : 0; at < text.length;) {
    const before = index;
    for (let weight = 1, k = BASE;; k += BASE) {
      const digit = at < text.length ? DIGITS.indexOf(text[at++]!) : -1;
      if (digit < 0) return undefined;
      index += digit * weight;
      // The largest delta that can mean anything: all code points at the last of 64 places.
      if (index > MAX_CODE_POINT * (text.length + 1)) return undefined;
      const t = threshold(k, bias);
      if (digit < t) break;
      weight *= BASE - t;
    }
    const length = points.length + 1;
    bias = adapt(index - before, length, before === 0);
    n += Math.floor(index / length);
    if (n > MAX_CODE_POINT) return undefined;
    index %= length;
    points.splice(index++, 0, n);
  }
  return points;
}
