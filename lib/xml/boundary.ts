/**
 * A stanza that has not arrived whole: its bytes, and how far its end was looked for.
 *
 * Every byte is looked at once, whatever pieces it arrives in, so a stanza that dribbles in costs no
 * more than twice one that arrives at once. What is looked for is only where the stanza must end if
 * it is well-formed; whether it is, the reader decides on the whole text. Something the reader is
 * sure to refuse ends the wait at once.
 */

import { CLASS, NAME_START } from "./chars.ts";
import { validEnd, wholeEnd } from "./decode.ts";

const TEXT = 0; // outside of tags
const OPEN = 1; // behind "<"
const TAG = 2; // in a start tag
const SLASH = 3; // behind "/" in a start tag
const APOS = 4; // in a value within '
const QUOT = 5; // in a value within "
const END = 6; // in an end tag or a declaration
const BANG = 7; // in "<![CDATA["
const CDATA = 8;
const CDATA_1 = 9; // behind "]" in CDATA
const CDATA_2 = 10; // behind "]]" or more of them in CDATA

const CDATA_START = [0x5b, 0x43, 0x44, 0x41, 0x54, 0x41, 0x5b]; // [CDATA[
const LEAST = 1024;

export class Partial {
  /** The bytes, of which `length` are in use. Begins with `<`. */
  bytes: Uint8Array;
  length: number;
  /** True if the first tag is all that is waited for (stream header, declaration). */
  readonly #single: boolean;
  #at = 0;
  #checked = 0;
  #state = TEXT;
  #depth = 0;
  #matched = 0;

  /** Takes over `bytes`. */
  constructor(bytes: Uint8Array, single: boolean) {
    this.bytes = bytes;
    this.length = bytes.length;
    this.#single = single;
  }

  /** Adds a copy of `chunk`. */
  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(LEAST, 2 * length));
      grown.set(
        this.length === this.bytes.length ? this.bytes : this.bytes.subarray(0, this.length),
      );
      this.bytes = grown;
    }
    this.bytes.set(chunk, this.length);
    this.length = length;
  }

  /** True if the end is here, or what is here is surely wrong. */
  ready(): boolean {
    const from = this.#at;
    const { bytes, length } = this;
    let high = 0;
    let state = this.#state;
    let i = from;
    for (; i < length; i++) {
      const b = bytes[i]!;
      high |= b;
      switch (state) {
        case TEXT:
          if (b === 60 /* < */) state = OPEN;
          break;
        case OPEN:
          if (b === 47 /* / */) state = END;
          else if (b === 33 /* ! */) {
            state = BANG;
            this.#matched = 0;
          } else if (b === 63 /* ? */) {
            if (!this.#single) return true;
            state = END;
          } else if (b < 0x80 && (CLASS[b]! & NAME_START) === 0) return true;
          else state = TAG;
          break;
        case TAG:
          if (b === 62 /* > */) {
            if (this.#single) return true;
            this.#depth++;
            state = TEXT;
          } else if (b === 47) state = SLASH;
          else if (b === 39 /* ' */) state = APOS;
          else if (b === 34 /* " */) state = QUOT;
          else if (b === 60) return true;
          break;
        case SLASH:
          if (b !== 62 || this.#single || this.#depth === 0) return true;
          state = TEXT;
          break;
        case APOS:
          if (b === 39) state = TAG;
          else if (b === 60) return true;
          break;
        case QUOT:
          if (b === 34) state = TAG;
          else if (b === 60) return true;
          break;
        case END:
          if (b === 62) {
            if (--this.#depth <= 0) return true;
            state = TEXT;
          } else if (b === 60) return true;
          break;
        case BANG:
          if (b !== CDATA_START[this.#matched]) {
            if (b < 0x80) return true;
            // The reader sees whole characters only: wait for what follows this one.
            this.#matched = CDATA_START.length;
            break;
          }
          if (++this.#matched === CDATA_START.length) {
            if (this.#depth === 0) return true;
            state = CDATA;
          }
          break;
        case CDATA:
          if (b === 93 /* ] */) state = CDATA_1;
          break;
        case CDATA_1:
          state = b === 93 ? CDATA_2 : CDATA;
          break;
        case CDATA_2:
          if (b === 62) state = TEXT;
          else if (b !== 93) state = CDATA;
          break;
      }
    }
    this.#at = length;
    this.#state = state;
    if (high < 0x80 && this.#checked === from) {
      this.#checked = length;
      return false;
    }
    return this.#wrongUtf8();
  }

  #wrongUtf8(): boolean {
    const whole = wholeEnd(this.bytes, this.#checked, this.length);
    if (validEnd(this.bytes, this.#checked, whole) < whole) return true;
    this.#checked = whole;
    return false;
  }
}
