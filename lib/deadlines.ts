/**
 * Coarse timeouts, many at a time. A `setTimeout` costs 8 us; an entry here costs a Set insertion.
 * Good for handshakes, idle streams, hooks that do not answer: never early, at most one tick late.
 */

const TICK_MS = 250;

export interface Deadline {
  /** Takes it back; harmless when it has fired. */
  cancel(): void;
}

class Entry implements Deadline {
  constructor(readonly bucket: Set<Entry>, readonly fire: () => void) {}
  cancel(): void {
    this.bucket.delete(this);
  }
}

export class Deadlines {
  readonly #buckets = new Map<number, Set<Entry>>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #next = 0;

  /** Calls `fire` once, `ms` from now or up to one tick later. */
  after(ms: number, fire: () => void): Deadline {
    const now = Math.floor(performance.now() / TICK_MS);
    const due = now + Math.ceil(ms / TICK_MS) + 1;
    if (this.#timer === undefined) {
      this.#next = now;
      this.#timer = setInterval(() => this.#tick(), TICK_MS);
    }
    let bucket = this.#buckets.get(due);
    if (bucket === undefined) this.#buckets.set(due, bucket = new Set());
    const entry = new Entry(bucket, fire);
    bucket.add(entry);
    return entry;
  }

  #tick(): void {
    const now = Math.floor(performance.now() / TICK_MS);
    for (; this.#next <= now; this.#next++) {
      const bucket = this.#buckets.get(this.#next);
      if (bucket === undefined) continue;
      this.#buckets.delete(this.#next);
      // A deadline that fires may cancel another of the same bucket: the Set shows that at once.
      for (const entry of bucket) {
        bucket.delete(entry);
        try {
          entry.fire();
        } catch (e) {
          reportError(e); // one that fails must not keep the others from theirs
        }
      }
    }
    if (this.#buckets.size === 0) this.stop();
  }

  /** Timeouts that are running. */
  get size(): number {
    let n = 0;
    for (const bucket of this.#buckets.values()) n += bucket.size;
    return n;
  }

  /** Forgets everything. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#buckets.clear();
  }
}
