/** Strict UTF-8 (RFC 3629) to strings, in the cheapest way the content allows. */

import { Buffer, isAscii, isUtf8 } from "node:buffer";

/** The native decoders, which a plain Uint8Array may borrow: a Buffer view costs more than they. */
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, from: number, to: number): string;
  utf8Slice(this: Uint8Array, from: number, to: number): string;
};

/** What could be decoded. */
export interface Decoded {
  readonly text: string;
  /** Bytes of a sequence that the next chunk must complete, copied; `undefined` if none is open. */
  readonly rest: Uint8Array | undefined;
  /** True if the bytes after `text` are not UTF-8. */
  readonly bad: boolean;
}

/** The text of bytes known to be ASCII, or `undefined` if they are not. */
export function decodeAscii(bytes: Uint8Array): string | undefined {
  return isAscii(bytes) ? latin1Slice.call(bytes, 0, bytes.length) : undefined;
}

/** Decodes up to the last complete character, or up to the first error. */
export function decodeUtf8(bytes: Uint8Array): Decoded {
  const end = wholeEnd(bytes, 0, bytes.length);
  const good = validEnd(bytes, 0, end);
  const bad = good < end;
  const rest = bad || end === bytes.length ? undefined : bytes.slice(end);
  return { text: utf8Slice.call(bytes, 0, good), rest, bad };
}

/** `to`, less the bytes (at most three) of a sequence that begins before it and ends after it. */
export function wholeEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let back = 1; back <= 3 && to - back >= from; back++) {
    const b = bytes[to - back]!;
    if (b < 0x80) return to;
    if (b < 0xc0) continue;
    const length = b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf8 ? 4 : 1;
    return length > back && possible(bytes, to - back, to) ? to - back : to;
  }
  return to;
}

/** False if an unfinished sequence cannot become a character whatever follows. */
function possible(bytes: Uint8Array, at: number, to: number): boolean {
  const lead = bytes[at]!;
  if (lead < 0xc2 || lead > 0xf4) return false;
  if (to - at < 2) return true;
  const second = bytes[at + 1]!;
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xf0) return second >= 0x90;
  if (lead === 0xf4) return second < 0x90;
  return true;
}

/** The end of the UTF-8 that begins at `from`: `to`, or the offset of the first wrong sequence. */
export function validEnd(bytes: Uint8Array, from: number, to: number): number {
  if (from === to || isUtf8(bytes.subarray(from, to))) return to;
  let good = from;
  let bad = to;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUtf8(bytes.subarray(from, wholeEnd(bytes, from, middle)))) good = middle;
    else bad = middle;
  }
  return wholeEnd(bytes, from, good);
}
