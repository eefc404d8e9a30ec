/**
 * Work that may wait for a moment, in slices: a thousand tasks of some milliseconds each must not
 * keep everybody else waiting for seconds.
 */

import { Fifo } from "./fifo.ts";
import { afterInput } from "./net/turn.ts";

/** How long the tasks of one turn of the event loop may take together, in ms. */
const SLICE_MS = 4;

export class Slices {
  readonly #ms: number;
  readonly #clock: () => number;
  readonly #tasks = new Fifo<() => void>();
  #scheduled = false;

  constructor(ms: number = SLICE_MS, clock: () => number = () => performance.now()) {
    this.#ms = ms;
    this.#clock = clock;
  }

  /** How many tasks wait. */
  get length(): number {
    return this.#tasks.length;
  }

  /** Runs a task in one of the next turns, after all that came before it. */
  run(task: () => void): void {
    this.#tasks.push(task);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#slice);
  }

  /** At least one task; further ones while there is time. */
  readonly #slice = (): void => {
    const end = this.#clock() + this.#ms;
    do {
      const task = this.#tasks.shift();
      if (task === undefined) break;
      try {
        task();
      } catch (e) {
        reportError(e);
      }
    } while (this.#clock() < end);
    this.#scheduled = this.#tasks.length > 0;
    if (this.#scheduled) afterInput(this.#slice);
  };
}
