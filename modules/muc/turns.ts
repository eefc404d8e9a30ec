/**
 * The order of things in a room. Everything that is told to the room is told in the order in which it
 * was accepted, although some of it has to wait: a message until it is on the disk, a change until it
 * is stored.
 *
 * Messages do not wait for each other: those that follow one another are begun at once, and finished
 * in order, so that many go to the disk together. All else has the room for itself.
 *
 * A crowded room takes its turns in slices of the event loop (`lib/slices.ts`): telling 2,000 people
 * something takes milliseconds, and others want to talk, too.
 */

import type { Later } from "../../lib/later.ts";

interface Turn {
  /** Set for messages: what is done before its turn comes. */
  begin: (() => Later<unknown>) | undefined;
  begun: Later<unknown>;
  /** What is done in its turn, with the outcome of the beginning. */
  readonly finish: (outcome: unknown) => Later<void>;
  /** For whoever waits. */
  resolve: (() => void) | undefined;
  reject: ((e: unknown) => void) | undefined;
}

export interface TurnsOptions {
  /** True while turns are to be taken in slices. */
  crowded(): boolean;
  /** Runs a step in a slice of the event loop. */
  slice(step: () => void): void;
  /** Something failed of which nobody waits to be told. */
  failed(e: unknown): void;
}

export class Turns {
  readonly #options: TurnsOptions;
  readonly #queue: Turn[] = [];
  /** Turns at the head of the queue that are messages and begun. */
  #begun = 0;
  /** The head is under way, or a slice was asked for. */
  #busy = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** Does something in its turn: at once if nothing is before it. What it throws is the caller's. */
  act(f: () => Later<void>): Later<void> {
    if (this.#queue.length === 0 && !this.#busy && !this.#options.crowded()) {
      const done = this.#alone(f);
      return done;
    }
    return new Promise((resolve, reject) => {
      this.#add({ begin: undefined, begun: undefined, finish: f, resolve, reject });
    });
  }

  /**
   * A message: `begin` accepts it or throws, and says when it may be told; `finish` tells it, in its
   * turn. Nobody waits for the second.
   */
  say<T>(begin: () => Later<T>, finish: (outcome: T) => void): Later<void> {
    const finishes = finish as Turn["finish"];
    if (this.#begun < this.#queue.length || (this.#busy && this.#queue.length === 0)) {
      // Something else comes first, which may decide whether this is accepted at all.
      return new Promise((resolve, reject) => {
        this.#add({ begin, begun: undefined, finish: finishes, resolve, reject });
      });
    }
    const begun = begin();
    if (this.#queue.length === 0 && !(begun instanceof Promise) && !this.#options.crowded()) {
      finish(begun);
      return;
    }
    if (begun instanceof Promise) begun.catch(() => {}); // dealt with in its turn
    this.#begun++;
    this.#add({
      begin: undefined,
      begun,
      finish: finishes,
      resolve: undefined,
      reject: undefined,
    });
  }

  #alone(f: () => Later<void>): Later<void> {
    this.#busy = true;
    let done: Later<void>;
    try {
      done = f();
    } catch (e) {
      this.#busy = false;
      throw e;
    }
    if (!(done instanceof Promise)) {
      this.#busy = false;
      this.#next();
      return;
    }
    return done.finally(() => {
      this.#busy = false;
      this.#next();
    });
  }

  #add(turn: Turn): void {
    this.#queue.push(turn);
    if (!this.#busy) this.#next();
  }

  /** Begins what may be begun, and sees to the head of the queue. */
  #next(): void {
    if (this.#busy || this.#queue.length === 0) return;
    this.#beginMessages();
    const head = this.#queue[0];
    if (head === undefined) return;
    this.#busy = true;
    if (head.begun instanceof Promise) {
      head.begun.then(
        (outcome) => this.#turnOf(head, outcome),
        (e) => this.#over(head, e),
      );
      return;
    }
    this.#turnOf(head, head.begun);
  }

  /** Those at the head: their time has come, whatever they wait for. */
  #beginMessages(): void {
    while (this.#begun < this.#queue.length) {
      const turn = this.#queue[this.#begun]!;
      const { begin } = turn;
      if (begin === undefined) return;
      turn.begin = undefined;
      try {
        turn.begun = begin();
        turn.resolve?.();
        turn.resolve = turn.reject = undefined;
        if (turn.begun instanceof Promise) turn.begun.catch(() => {});
        this.#begun++;
      } catch (e) {
        this.#queue.splice(this.#begun, 1);
        turn.reject?.(e);
      }
    }
  }

  #turnOf(turn: Turn, outcome: unknown): void {
    if (this.#options.crowded()) this.#options.slice(() => this.#take(turn, outcome));
    else this.#take(turn, outcome);
  }

  #take(turn: Turn, outcome: unknown): void {
    try {
      const done = turn.finish(outcome);
      if (!(done instanceof Promise)) return this.#over(turn);
      done.then(() => this.#over(turn), (e) => this.#over(turn, e));
    } catch (e) {
      this.#over(turn, e);
    }
  }

  #over(turn: Turn, failure?: unknown): void {
    this.#queue.shift();
    if (this.#begun > 0) this.#begun--;
    if (failure === undefined) turn.resolve?.();
    else if (turn.reject !== undefined) turn.reject(failure);
    else this.#options.failed(failure);
    this.#busy = false;
    // Not deeper and deeper: the next one may be over at once, too.
    if (this.#queue.length > 0) queueMicrotask(() => this.#next());
  }
}
