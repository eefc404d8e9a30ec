/**
 * What is on its way to the disk, for those who vouch for it.
 *
 * Whoever keeps something that a client may rely on pledges the promise of its commit, and goes on
 * without waiting. Who acknowledges (XEP-0198) asks for the barrier: everything pledged before is
 * settled by then. So a stanza costs nothing here, and an acknowledgement waits for the group commit
 * that is under way, and no longer.
 *
 * A pledge that fails counts as settled: whoever made it has dealt with its failure.
 */

import type { Later } from "./later.ts";

interface Waiter {
  readonly until: number;
  readonly done: () => void;
}

export class Durability {
  /** Pledges made and, of these, the number up to which all are settled. */
  #made = 0;
  #settled = 0;
  /** Pledges settled out of order. */
  readonly #early = new Set<number>();
  /** In order of `until`. */
  #waiters: Waiter[] = [];

  /** Announces a commit under way. */
  pledge(commit: Promise<unknown>): void {
    const number = ++this.#made;
    const settle = () => this.#settle(number);
    commit.then(settle, settle);
  }

  /** Pledges that are not settled yet. */
  get pending(): number {
    return this.#made - this.#settled;
  }

  /** Comes when everything that is pledged by now is settled; at once if it is. */
  barrier(): Later<void> {
    if (this.#settled === this.#made) return;
    const until = this.#made;
    return new Promise((done) => this.#waiters.push({ until, done }));
  }

  #settle(number: number): void {
    if (number !== this.#settled + 1) {
      this.#early.add(number);
      return;
    }
    this.#settled = number;
    while (this.#early.delete(this.#settled + 1)) this.#settled++;
    let ready = 0;
    while (ready < this.#waiters.length && this.#waiters[ready]!.until <= this.#settled) ready++;
    for (const w of this.#waiters.splice(0, ready)) w.done();
  }
}
