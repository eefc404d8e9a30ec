/**
 * One flush for everybody: streams that have something to send are written once per turn of the
 * event loop, after all the input of that turn was handled. Many small stanzas become one write.
 *
 * What goes to very many at once, as in a large room, waits in a lane of its own, which is flushed in
 * slices: others' input and output come between.
 */

import { Fifo } from "../fifo.ts";
import { afterInput } from "./turn.ts";

/** Where a stream is registered. A higher lane is flushed before a lower one. */
export type Lane = typeof NO_LANE | typeof BULK | typeof PROMPT;
export const NO_LANE = 0;
export const BULK = 1;
/** Flushed wholly in every turn. */
export const PROMPT = 2;

export interface Flushable {
  flush(): void;
}

/** How long the bulk lane may be flushed in one turn, in ms. */
const SLICE_MS = 4;
/**
 * After a pass over the bulk lane that took more than a slice, the next one waits for twice that time,
 * but not longer than this, in ms: a write costs more than what is in it, and more is in a later one.
 */
const GATHER_MS = 120;

export class Flusher {
  readonly #clock: () => number;
  #lane: Lane = PROMPT;
  #prompt: Flushable[] = [];
  readonly #bulk = new Fifo<Flushable>();
  #scheduled = false;
  /** The bulk lane has had its slice, and waits until others have had their turn. */
  #resting = false;
  /** Streams of the bulk lane that are still to come in this pass, and the ms that it has taken. */
  #pass = 0;
  #spent = 0;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Where streams are registered at the moment. */
  get lane(): Lane {
    return this.#lane;
  }

  /**
   * Has `stream.flush()` called, at the end of this turn or when the bulk lane comes to it. Call once
   * per lane; who has been flushed in a higher lane finds nothing to do in a lower one.
   */
  add(stream: Flushable): void {
    if (this.#lane === BULK) {
      this.#bulk.push(stream);
      if (this.#resting) return;
    } else {
      this.#prompt.push(stream);
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  /** Runs `send`; streams that have nothing else to send meanwhile are registered in the bulk lane. */
  bulk<T>(send: () => T): T {
    const before = this.#lane;
    this.#lane = BULK;
    try {
      return send();
    } finally {
      this.#lane = before;
    }
  }

  /** Flushes all that is registered, now. */
  flush(): void {
    this.#flushPrompt();
    for (let left = this.#bulk.length; left > 0; left--) flushed(this.#bulk.shift()!);
    this.#pass = 0;
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#flushPrompt();
    if (!this.#resting) this.#flushSlice();
  };

  readonly #rested = (): void => {
    this.#resting = false;
    this.#flushPrompt();
    this.#flushSlice();
  };

  #flushPrompt(): void {
    const streams = this.#prompt;
    if (streams.length === 0) return;
    this.#prompt = [];
    for (let i = 0; i < streams.length; i++) flushed(streams[i]!);
  }

  #flushSlice(): void {
    const lane = this.#bulk;
    if (lane.length === 0) return;
    if (this.#pass === 0) {
      this.#pass = lane.length;
      this.#spent = 0;
    }
    const start = this.#clock();
    let now = start;
    do {
      // All that somebody gets who enters a large room takes ms by itself.
      flushed(lane.shift()!);
      this.#pass--;
      now = this.#clock();
    } while (this.#pass > 0 && now < start + SLICE_MS);
    this.#spent += now - start;
    if (this.#pass === 0 && this.#spent > SLICE_MS) {
      this.#resting = true;
      setTimeout(this.#rested, Math.min(GATHER_MS, 2 * this.#spent));
    } else if (lane.length > 0) {
      this.#resting = true;
      afterInput(this.#rested);
    }
  }
}

function flushed(stream: Flushable): void {
  try {
    stream.flush();
  } catch (e) {
    reportError(e); // the others are not registered again: this is their turn
  }
}
