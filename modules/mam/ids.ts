/**
 * Ids of archived messages. Within the server an id is a number that grows with time, so that it is
 * the key of the message, its place in the archive, and its time stamp at once. What others see is that
 * number enciphered: it says nothing, and nobody can guess the next one (XEP-0313 §3).
 *
 * The number counts 1/4096 ms since 2020; with 53 bits that lasts until 2089.
 */

const EPOCH = Date.UTC(2020, 0, 1);
const PER_MS = 4096;

/** Ids that no message has: below and above all. */
export const BELOW = -1;
export const ABOVE = Number.MAX_SAFE_INTEGER;

/** When the message of an id came, in ms since the epoch. */
export function stampOf(id: number): number {
  return Math.floor(id / PER_MS) + EPOCH;
}

/** The first id of a moment; may lie outside the range of ids. */
export function firstIdOf(stamp: number): number {
  return Math.max(0, Math.min((stamp - EPOCH) * PER_MS, ABOVE));
}

/** The last id of a moment. */
export function lastIdOf(stamp: number): number {
  return Math.max(BELOW, Math.min((stamp - EPOCH + 1) * PER_MS - 1, ABOVE));
}

/** Gives ids, each larger than all before, also when the clock is set back. */
export class IdClock {
  #last: number;
  readonly #now: () => number;

  /** @param last the largest id given so far */
  constructor(last: number, now: () => number = Date.now) {
    this.#last = last;
    this.#now = now;
  }

  next(): number {
    // The low bits keep processes that share a database apart.
    const fresh = (this.#now() - EPOCH) * PER_MS + ((Math.random() * PER_MS) | 0);
    return this.#last = fresh > this.#last ? fresh : this.#last + 1;
  }
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LENGTH = 11;
const ROUNDS = 27;

const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;

function rotateLeft(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

function rotateRight(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by));
}

/**
 * Speck 64/128 (Beaulieu et al., "The Simon and Speck Families of Lightweight Block Ciphers", 2013): a
 * block is an id, a handful of instructions enciphers it.
 */
export class IdCipher {
  readonly #keys = new Int32Array(ROUNDS);

  /** @param key 16 bytes, the first word of the schedule first, each little-endian */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 16);
    const l: number[] = [view.getInt32(4, true), view.getInt32(8, true), view.getInt32(12, true)];
    let k = view.getInt32(0, true);
    for (let i = 0; i < ROUNDS; i++) {
      this.#keys[i] = k;
      l.push(((k + rotateRight(l[i]!, 8)) | 0) ^ i);
      k = rotateLeft(k, 3) ^ l[i + 3]!;
    }
  }

  /** Both halves of a block, the upper one first. */
  encrypt(x: number, y: number): [x: number, y: number] {
    const keys = this.#keys;
    for (let i = 0; i < ROUNDS; i++) {
      x = ((rotateRight(x, 8) + y) | 0) ^ keys[i]!;
      y = rotateLeft(y, 3) ^ x;
    }
    return [x, y];
  }

  decrypt(x: number, y: number): [x: number, y: number] {
    const keys = this.#keys;
    for (let i = ROUNDS - 1; i >= 0; i--) {
      y = rotateRight(x ^ y, 3);
      x = rotateLeft(((x ^ keys[i]!) - y) | 0, 8);
    }
    return [x, y];
  }

  /** The text of an id: 11 characters. */
  write(id: number): string {
    const [x, y] = this.encrypt(Math.floor(id / 0x1_0000_0000) | 0, id | 0);
    return DIGITS.charAt(x >>> 26) + DIGITS.charAt((x >>> 20) & 63) +
      DIGITS.charAt((x >>> 14) & 63) + DIGITS.charAt((x >>> 8) & 63) +
      DIGITS.charAt((x >>> 2) & 63) + DIGITS.charAt(((x & 3) << 4) | (y >>> 28)) +
      DIGITS.charAt((y >>> 22) & 63) + DIGITS.charAt((y >>> 16) & 63) +
      DIGITS.charAt((y >>> 10) & 63) + DIGITS.charAt((y >>> 4) & 63) + DIGITS.charAt(y & 15);
  }

  /** The id of a text; undefined for what `write` has never given. */
  read(text: string): number | undefined {
    if (text.length !== LENGTH) return undefined;
    const d = new Int32Array(LENGTH);
    for (let i = 0; i < LENGTH; i++) {
      const code = text.charCodeAt(i);
      const value = code < 128 ? VALUES[code]! : -1;
      if (value < 0) return undefined;
      d[i] = value;
    }
    if (d[10]! > 15) return undefined;
    const x = (d[0]! << 26) | (d[1]! << 20) | (d[2]! << 14) | (d[3]! << 8) | (d[4]! << 2) |
      (d[5]! >>> 4);
    const y = ((d[5]! & 15) << 28) | (d[6]! << 22) | (d[7]! << 16) | (d[8]! << 10) | (d[9]! << 4) |
      d[10]!;
    const [high, low] = this.decrypt(x, y);
    const id = (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
    return Number.isSafeInteger(id) ? id : undefined;
  }
}
