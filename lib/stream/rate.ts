/** A token bucket over bytes of input: the rate limit of one stream. */

import type { Deadline, Deadlines } from "../deadlines.ts";

export interface RateLimit {
  /** Sustained bytes per second. */
  readonly bytesPerSecond: number;
  /** Bytes that may come at once after a rest. */
  readonly burst: number;
}

export class Rate {
  #tokens: number;
  #at = performance.now();
  #wait: Deadline | undefined;
  readonly limit: RateLimit;
  readonly #deadlines: Deadlines;
  readonly #stream: { rateReady(): void };

  constructor(limit: RateLimit, deadlines: Deadlines, stream: { rateReady(): void }) {
    this.limit = limit;
    this.#deadlines = deadlines;
    this.#stream = stream;
    this.#tokens = limit.burst;
  }

  /** False while the debt is being waited off: the reader should pause. */
  get ready(): boolean {
    return this.#wait === undefined;
  }

  /** Accounts for bytes that came in; false if more came than allowed and reading should pause. */
  take(bytes: number): boolean {
    const now = performance.now();
    const { burst, bytesPerSecond } = this.limit;
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#at) / 1000 * bytesPerSecond) - bytes;
    this.#at = now;
    if (this.#tokens >= 0) return true;
    this.#wait ??= this.#deadlines.after(-this.#tokens / bytesPerSecond * 1000, () => {
      this.#wait = undefined;
      this.#stream.rateReady();
    });
    return false;
  }

  stop(): void {
    this.#wait?.cancel();
    this.#wait = undefined;
  }
}
