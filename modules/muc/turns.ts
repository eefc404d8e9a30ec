/**
 * The order of things in a room. Everything that is told to the room is told in the order in which it
 * was accepted, although some of it has to wait: a message until it is on the disk, a change until it
 * is stored.
 *
 * Messages do not wait for each other: those that follow one another are checked at once, are given
 * their places one after the other, and are told in that order when they are kept, so that many go to
 * the disk together. What has no say in who may speak, such as people who come and go, takes its turn
 * without keeping the messages behind it from all this. Any other act has the room for itself.
 *
 * A crowded room takes its turns in slices of the event loop (`lib/slices.ts`): telling 2,000 people
 * something takes milliseconds, and others want to talk, too.
 *
 * Whatever does not end is given up in time (`overdue`), and the room goes on without it.
 */

import { StanzaError } from "../../lib/errors.ts";
import type { Later } from "../../lib/later.ts";

/** A message on its way to the room. Its steps are taken in this order, each at most once. */
export interface Saying {
  /** Throws what refuses it; false: it is dropped without a word. */
  check(): Later<boolean>;
  /** Gives it its place behind all that was said before. */
  place(): Later<void>;
  /** Asked after `place`: whether it is kept for good, and may be told. */
  readonly kept: Later<boolean>;
  /** Tells it to everybody; or, if it could not be kept, whoever has said it. */
  tell(kept: boolean): void;
}

export interface TurnsOptions {
  /** True while turns are to be taken in slices. */
  crowded(): boolean;
  /** Runs a step in a slice of the event loop. */
  slice(step: () => void): void;
  /** Something failed of which nobody waits to be told. */
  failed(e: unknown): void;
}

const enum Stage {
  /** Its time has not come. */
  Waiting,
  /** A message whose check is under way. */
  Checking,
  /** A message that waits for those before it to be placed, or is being placed. */
  Checked,
  /** A message that is accepted, and told when it is kept and all before it are told. */
  Placed,
  Over,
}

/** Turns that may wait before whoever speaks has to wait until that is told. */
const BACKLOG = 1000;

class Turn {
  readonly saying: Saying | undefined;
  readonly act: (() => Later<void>) | undefined;
  /** Messages behind it need not wait for it to be accepted. */
  readonly aside: boolean;
  stage: Stage = Stage.Waiting;
  /** Since when somebody is waited for (`performance.now()`); 0 while nobody is. */
  since = 0;
  kept: boolean | undefined = undefined;
  next: Turn | undefined = undefined;
  /** For whoever waits for it. */
  resolve: (() => void) | undefined = undefined;
  reject: ((e: unknown) => void) | undefined = undefined;
  /** Whoever has brought it was told that all is well. */
  answered = false;
  failed = false;
  failure: unknown = undefined;

  constructor(saying: Saying | undefined, act: Turn["act"], aside: boolean) {
    this.saying = saying;
    this.act = act;
    this.aside = aside;
  }

  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  answer(): void {
    this.answered = true;
    this.resolve?.();
  }

  refuse(e: unknown): void {
    this.failed = true;
    this.failure = e;
    this.reject?.(e);
  }
}

export class Turns {
  readonly #options: TurnsOptions;
  #head: Turn | undefined = undefined;
  #tail: Turn | undefined = undefined;
  #length = 0;
  /** The first that is not begun, because an act comes before it, or it is one. */
  #unbegun: Turn | undefined = undefined;
  /** The first message that has no place, or an act before it. */
  #unplaced: Turn | undefined = undefined;
  /** The message that is being placed, if that takes its time. */
  #placing: Turn | undefined = undefined;
  /** The head is under way. */
  #busy = false;
  /** The head waits for its slice. */
  #sliced: Turn | undefined = undefined;
  #going = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** How many wait, or are under way. */
  get length(): number {
    return this.#length;
  }

  /**
   * Does something in its turn: at once if nothing is before it. What is said behind it is accepted, or
   * refused, when it is done. What it throws is the caller's.
   */
  act(f: () => Later<void>): Later<void> {
    return this.#take(new Turn(undefined, f, false));
  }

  /** The same for what has no say in who may speak. */
  aside(f: () => Later<void>): Later<void> {
    return this.#take(new Turn(undefined, f, true));
  }

  /**
   * A message. Comes when it is accepted, and whatever is promised with that is under way; nobody waits
   * until it is told, unless much waits already. What refuses it is the caller's.
   */
  say(saying: Saying): Later<void> {
    return this.#take(new Turn(saying, undefined, false));
  }

  #take(turn: Turn): Later<void> {
    if (this.#tail === undefined) this.#head = turn;
    else this.#tail.next = turn;
    this.#tail = turn;
    this.#length++;
    this.#unbegun ??= turn;
    this.#unplaced ??= turn;
    this.#go();
    if (turn.failed) throw turn.failure;
    if (!turn.answered) return turn.wait();
  }

  /** Does all that can be done. */
  #go(): void {
    if (this.#going) return;
    this.#going = true;
    do {
      this.#begin();
      this.#place();
    } while (this.#step());
    this.#going = false;
  }

  // ---- messages, before their turn ----

  #begin(): void {
    for (let turn = this.#unbegun; turn !== undefined; turn = this.#unbegun) {
      if (turn.saying === undefined && !turn.aside) return;
      this.#unbegun = turn.next;
      if (turn.saying !== undefined && turn.stage === Stage.Waiting) {
        this.#check(turn, turn.saying);
      }
    }
  }

  #check(turn: Turn, saying: Saying): void {
    turn.stage = Stage.Checking;
    try {
      const passed = saying.check();
      if (!(passed instanceof Promise)) return this.#checked(turn, passed);
      turn.since = performance.now();
      passed.then((passed) => this.#checked(turn, passed), (e) => this.#fail(turn, e))
        .then(() => this.#go());
    } catch (e) {
      this.#fail(turn, e);
    }
  }

  #checked(turn: Turn, passed: boolean): void {
    if (turn.stage !== Stage.Checking) return;
    turn.since = 0;
    turn.stage = passed ? Stage.Checked : Stage.Over;
    if (!passed) turn.answer();
  }

  #place(): void {
    let turn = this.#unplaced;
    for (; turn !== undefined && this.#placing === undefined; turn = this.#unplaced) {
      const { saying, stage, aside } = turn;
      if (saying === undefined ? !aside : stage <= Stage.Checking) return;
      this.#unplaced = turn.next;
      if (saying !== undefined && stage === Stage.Checked) this.#give(turn, saying);
    }
  }

  #give(turn: Turn, saying: Saying): void {
    try {
      const done = saying.place();
      if (!(done instanceof Promise)) return this.#placed(turn);
      turn.since = performance.now();
      this.#placing = turn;
      done.then(() => this.#placed(turn), (e) => this.#fail(turn, e)).then(() => this.#go());
    } catch (e) {
      this.#fail(turn, e);
    }
  }

  #placed(turn: Turn): void {
    if (this.#placing === turn) this.#placing = undefined;
    if (turn.stage !== Stage.Checked) return;
    turn.stage = Stage.Placed;
    if (this.#length <= BACKLOG) turn.answer();
    const { kept } = turn.saying!;
    if (!(kept instanceof Promise)) return void (turn.kept = kept);
    turn.since = performance.now();
    kept.then((kept) => this.#decided(turn, kept), () => this.#decided(turn, false));
  }

  /** Whether it is kept. */
  #decided(turn: Turn, kept: boolean): void {
    if (turn.stage !== Stage.Placed || turn.kept !== undefined) return;
    turn.since = 0;
    turn.kept = kept;
    if (turn === this.#head) this.#go();
  }

  // ---- the turn itself ----

  /** Sees to the head of the queue; true if the next one is to be looked at. */
  #step(): boolean {
    const turn = this.#head;
    if (this.#busy || turn === undefined) return false;
    if (turn.stage === Stage.Over) return this.#leave(turn);
    if (turn.saying !== undefined && turn.kept === undefined) return false;
    this.#busy = true;
    if (!this.#options.crowded()) return this.#run(turn);
    this.#slice(turn);
    return !this.#busy;
  }

  #slice(turn: Turn): void {
    this.#sliced = turn;
    this.#options.slice(() => {
      if (this.#sliced !== turn) return;
      this.#sliced = undefined;
      if (this.#run(turn)) this.#go();
    });
  }

  /** True if that was all. */
  #run(turn: Turn): boolean {
    try {
      if (turn.saying !== undefined) {
        turn.saying.tell(turn.kept!);
      } else {
        const done = turn.act!();
        if (done instanceof Promise) {
          turn.since = performance.now();
          done.then(() => this.#done(turn), (e) => this.#fail(turn, e)).then(() => this.#go());
          return false;
        }
      }
      this.#done(turn);
    } catch (e) {
      this.#fail(turn, e);
    }
    return true;
  }

  #done(turn: Turn): void {
    if (turn.stage === Stage.Over) return;
    turn.stage = Stage.Over;
    if (!turn.answered) turn.answer();
    this.#leave(turn);
  }

  /** It ends here, wherever it is. */
  #fail(turn: Turn, e: unknown): void {
    if (this.#placing === turn) this.#placing = undefined;
    if (turn.stage === Stage.Over) return;
    turn.stage = Stage.Over;
    if (turn.answered) this.#options.failed(e);
    else turn.refuse(e);
    this.#leave(turn);
  }

  /** The next one is the head, if this one is; true then. */
  #leave(turn: Turn): boolean {
    if (this.#head !== turn) return false;
    const { next } = turn;
    this.#head = next;
    if (next === undefined) this.#tail = undefined;
    if (this.#unbegun === turn) this.#unbegun = next;
    if (this.#unplaced === turn) this.#unplaced = next;
    this.#length--;
    this.#busy = false;
    return true;
  }

  // ---- when something goes wrong ----

  /**
   * Gives up what has been waited for since before that time: a message is refused, or taken for one
   * that could not be kept; an act has failed for whoever waits for it, although it may still be done.
   */
  overdue(before: number): void {
    for (const turn of [this.#head, this.#unplaced, this.#placing]) {
      if (turn === undefined || turn.stage === Stage.Over) continue;
      if (turn.since === 0 || turn.since > before) continue;
      this.#options.failed(new Error("it did not end in time, and was given up"));
      if (turn.stage === Stage.Placed) this.#decided(turn, false);
      else this.#fail(turn, new StanzaError("internal-server-error", { type: "wait" }));
    }
    this.#go();
  }

  /** Slices that were asked for before will not come any more. */
  resume(): void {
    if (this.#sliced !== undefined) this.#slice(this.#sliced);
  }

  /** The room is gone: whoever waits is told so. */
  end(e: unknown): void {
    for (let turn = this.#head; turn !== undefined; turn = turn.next) {
      if (turn.stage === Stage.Over) continue;
      turn.stage = Stage.Over;
      if (!turn.answered) turn.refuse(e);
    }
    this.#head =
      this.#tail =
      this.#unbegun =
      this.#unplaced =
        undefined;
    this.#placing = this.#sliced = undefined;
    this.#length = 0;
    this.#busy = false;
  }
}
