/** How often somebody may do something: a count per key that starts anew after a while. */

import { Recent } from "./recent.ts";

interface Count {
  used: number;
  /** When it starts anew, by the clock. */
  readonly until: number;
}

export class Quota {
  readonly #counts: Recent<Count>;
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #clock: () => number;

  /**
   * @param limit what each key has in a window
   * @param keys keys remembered; beyond that the ones longest unused start anew
   * @param clock now, in ms; monotonic
   */
  constructor(
    limit: number,
    windowMs: number,
    keys = 20_000,
    clock: () => number = () => performance.now(),
  ) {
    this.#counts = new Recent(keys, Infinity, clock);
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** Nothing is left. */
  isSpent(key: string): boolean {
    const count = this.#counts.get(key);
    return count !== undefined && count.until > this.#clock() && count.used >= this.#limit;
  }

  /** Takes `n`, all or nothing; false if so much is not left. */
  take(key: string, n = 1): boolean {
    const now = this.#clock();
    let count = this.#counts.get(key);
    if (count === undefined || count.until <= now) {
      count = { used: 0, until: now + this.#windowMs };
      this.#counts.set(key, count);
    }
    if (count.used + n > this.#limit) return false;
    count.used += n;
    return true;
  }
}
