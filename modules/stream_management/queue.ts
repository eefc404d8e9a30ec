/**
 * What was sent to a client and is not acknowledged yet, in order. Stanzas are numbered from 1 since
 * stream management was enabled; on the wire the numbers are those modulo 2^32.
 */

/** Another session of the account has got it as well. */
export const COPIED = 1;
/** Its sender keeps it until it is safe here. */
export const UNTIL_SAFE = 2;
/** Its sender keeps it for good. */
export const ELSEWHERE = 4;

export interface Entry {
  readonly text: string;
  /** When it was sent first, ms since the epoch. */
  readonly stamp: number;
  flags: number;
}

/** Items given up at the front before the array is moved. */
const SLACK = 64;

export class Queue {
  #items: Entry[] = [];
  #head = 0;
  /** Characters of all texts in it. */
  size = 0;
  /** The number of the last stanza that was acknowledged. */
  acked: number;

  constructor(acked = 0) {
    this.acked = acked;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The number of the last stanza that was sent. */
  get sent(): number {
    return this.acked + this.#items.length - this.#head;
  }

  push(entry: Entry): void {
    this.#items.push(entry);
    this.size += entry.text.length;
  }

  /** The stanza of that number, which must be in the queue. */
  at(number: number): Entry {
    return this.#items[this.#head + number - this.acked - 1]!;
  }

  /**
   * Takes an acknowledgement as it stands on the wire.
   * @returns how many characters have left; undefined if so much was never sent
   */
  acknowledge(h: number): number | undefined {
    const count = (h - this.acked) >>> 0;
    if (count > this.length) return undefined;
    return this.drop(count);
  }

  /** Forgets the oldest so many; how many characters that were. */
  drop(count: number): number {
    const before = this.size;
    const items = this.#items;
    const end = this.#head + count;
    for (; this.#head < end; this.#head++) {
      this.size -= items[this.#head]!.text.length;
      items[this.#head] = undefined!; // its text may go
    }
    this.acked += count;
    if (this.#head === items.length) {
      items.length = 0;
      this.#head = 0;
    } else if (this.#head >= SLACK && this.#head * 2 > items.length) {
      items.splice(0, this.#head);
      this.#head = 0;
    }
    return before - this.size;
  }

  /** What stands behind the stanza of that number. */
  behind(number: number): Entry[] {
    return this.#items.slice(this.#head + number - this.acked);
  }

  /** Puts others in the place of all behind the stanza of that number; characters that have left. */
  replaceBehind(number: number, entries: readonly Entry[]): number {
    const before = this.size;
    this.#items.length = this.#head + number - this.acked;
    for (const entry of entries) this.#items.push(entry);
    this.size = 0;
    for (let i = this.#head; i < this.#items.length; i++) this.size += this.#items[i]!.text.length;
    return before - this.size;
  }
}
