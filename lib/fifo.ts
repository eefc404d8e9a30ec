/** A queue: first in, first out. It is one array, which is let go when nothing is left in it. */

/** Below this many empty places at the front they are not worth a copy of the rest. */
const WORTH_CUTTING = 1024;

export class Fifo<T> {
  #items: (T | undefined)[] = [];
  /** The place of the first; those before it are empty. */
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first out; undefined if there is none. */
  shift(): T | undefined {
    const items = this.#items;
    if (this.#first === items.length) return undefined;
    const item = items[this.#first];
    items[this.#first++] = undefined;
    if (this.#first === items.length) {
      this.#items = [];
      this.#first = 0;
    } else if (this.#first >= WORTH_CUTTING && 2 * this.#first >= items.length) {
      this.#items = items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}
