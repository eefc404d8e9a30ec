/**
 * XEP-0502: how much is being said in a room: messages counted by the hour, and the mean of the last
 * day's whole hours.
 */

const HOUR_MS = 3_600_000;
/** The hour that is not over, and 24 before it. */
const HOURS = 25;

export class Activity {
  #hours: number[];
  #hour: number;
  /** Something was counted since it was stored. */
  isNews = false;

  /** @param hours the oldest first, up to `hour`, which is counted since the epoch */
  constructor(hours: readonly number[], hour: number) {
    this.#hours = [...hours].slice(-HOURS);
    this.#hour = hour;
  }

  get hours(): readonly number[] {
    return this.#hours;
  }

  get hour(): number {
    return this.#hour;
  }

  /** A message was sent. */
  count(now = Date.now()): void {
    this.#advance(now);
    this.#hours[this.#hours.length - 1]!++;
    this.isNews = true;
  }

  /** Messages per hour; undefined before the first hour is over. */
  rate(now = Date.now()): number | undefined {
    this.#advance(now);
    const whole = this.#hours.slice(0, -1);
    if (whole.length === 0) return undefined;
    return whole.reduce((sum, n) => sum + n, 0) / whole.length;
  }

  #advance(now: number): void {
    const hour = Math.floor(now / HOUR_MS);
    if (this.#hours.length === 0 || hour - this.#hour >= HOURS) {
      // Nothing for a day, or nothing at all: there is no more to remember than that.
      this.#hours = this.#hours.length === 0 ? [0] : new Array(HOURS).fill(0);
      this.#hour = hour;
      return;
    }
    for (; this.#hour < hour; this.#hour++) {
      this.#hours.push(0);
      if (this.#hours.length > HOURS) this.#hours.shift();
    }
  }
}
