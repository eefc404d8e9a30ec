/**
 * What has to be told of many to many, such as a list of members to a crowd: in slices of the event
 * loop, between which others are served. The room's turn lasts until all of it is told.
 */

import { Fifo } from "../../lib/fifo.ts";
import { type Later, then } from "../../lib/later.ts";

/** Copies that are sent without a pause: some ms. */
const COPIES = 10_000;

export interface PiecesOptions {
  /** To how many each is told. */
  audience(): number;
  /** Runs a step in a slice of the event loop. */
  slice(step: () => void): void;
}

export class Pieces {
  readonly #options: PiecesOptions;
  readonly #steps = new Fifo<() => void>();

  constructor(options: PiecesOptions) {
    this.#options = options;
  }

  /** Does it for each, in this order. */
  async each<T>(items: readonly T[], tell: (item: T) => Later<unknown>): Promise<void> {
    if (items.length * this.#options.audience() <= COPIES) {
      for (const item of items) await tell(item);
      return;
    }
    await Promise.all(items.map((item) => this.#later(() => tell(item))));
  }

  #later(step: () => Later<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#steps.push(() => {
        try {
          resolve(then(step(), () => {}));
        } catch (e) {
          reject(e);
        }
      });
      this.#options.slice(this.#next);
    });
  }

  readonly #next = (): void => this.#steps.shift()?.();

  /** Slices that were asked for before will not come any more. */
  resume(): void {
    for (let left = this.#steps.length; left > 0; left--) this.#options.slice(this.#next);
  }
}
