/** Two sockets of one bytestream, joined: what comes on one goes out on the other. */

import type { Socket } from "node:net";
import type { Deadline } from "../../lib/deadlines.ts";

export interface PipeLimits {
  /** Bytes in each direction in a second, in the long run; 0 for no limit. */
  readonly bytesPerSecond: number;
  /** Bytes in both directions together; 0 for no limit. */
  readonly bytes: number;
}

type After = (ms: number, f: () => void) => Deadline;

export class Pipe {
  /** When something came last (`performance.now()`). */
  touched = performance.now();
  /** Bytes that have come from both. */
  bytes = 0;
  readonly #limits: PipeLimits;
  readonly #ways: readonly [Way, Way];
  readonly #onClosed: (pipe: Pipe) => void;
  #open = 2;

  /**
   * @param after a coarse timer
   * @param onClosed both sockets are closed
   */
  constructor(
    a: Socket,
    b: Socket,
    limits: PipeLimits,
    after: After,
    onClosed: (pipe: Pipe) => void,
  ) {
    this.#limits = limits;
    this.#onClosed = onClosed;
    this.#ways = [
      new Way(this, a, b, limits.bytesPerSecond, after),
      new Way(this, b, a, limits.bytesPerSecond, after),
    ];
    for (const socket of [a, b]) socket.once("close", () => this.#closed());
  }

  /** Counts what has come; false if it is too much, and the stream is over. */
  count(bytes: number): boolean {
    this.touched = performance.now();
    this.bytes += bytes;
    if (this.#limits.bytes === 0 || this.bytes <= this.#limits.bytes) return true;
    this.destroy();
    return false;
  }

  /** Cuts both connections. */
  destroy(): void {
    for (const way of this.#ways) way.source.destroy();
  }

  #closed(): void {
    if (--this.#open > 0) return;
    for (const way of this.#ways) way.stop();
    this.#onClosed(this);
  }
}

/** One direction. The source is read only as fast as the target takes, and as the limit allows. */
class Way {
  readonly source: Socket;
  readonly #pipe: Pipe;
  readonly #target: Socket;
  readonly #rate: number;
  readonly #after: After;
  #tokens: number;
  #at = performance.now();
  #wait: Deadline | undefined;
  #isFull = false;
  #ended = false;

  constructor(pipe: Pipe, source: Socket, target: Socket, rate: number, after: After) {
    this.#pipe = pipe;
    this.source = source;
    this.#target = target;
    this.#rate = rate;
    this.#tokens = rate;
    this.#after = after;
    source.on("data", (chunk: Uint8Array) => this.#data(chunk));
    source.once("end", () => {
      this.#ended = true;
      target.end();
    });
    // Cut, not ended: what the target got is not all.
    source.once("close", () => {
      if (!this.#ended) target.destroy();
    });
    target.on("drain", () => {
      this.#isFull = false;
      this.#resume();
    });
  }

  stop(): void {
    this.#wait?.cancel();
    this.#wait = undefined;
  }

  #data(chunk: Uint8Array): void {
    if (!this.#pipe.count(chunk.length) || this.#target.destroyed) return;
    this.#isFull = !this.#target.write(chunk);
    const isFast = this.#rate > 0 && this.#isTooFast(chunk.length);
    if (this.#isFull || isFast) this.source.pause();
  }

  /** A token bucket of one second. */
  #isTooFast(bytes: number): boolean {
    const now = performance.now();
    const gained = (now - this.#at) / 1000 * this.#rate;
    this.#at = now;
    this.#tokens = Math.min(this.#rate, this.#tokens + gained) - bytes;
    if (this.#tokens >= 0) return this.#wait !== undefined;
    this.#wait ??= this.#after(-this.#tokens / this.#rate * 1000, () => {
      this.#wait = undefined;
      // A pause that the limit demands is no silence.
      this.#pipe.touched = performance.now();
      this.#resume();
    });
    return true;
  }

  #resume(): void {
    if (!this.#isFull && this.#wait === undefined) this.source.resume();
  }
}
