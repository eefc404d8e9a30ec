/** Those who wait for something to become so, or never: see `Outbox.room` and `Outbox.safe`. */

interface Waiter {
  /** What it waits for; undefined: not yet. */
  readonly test: () => boolean | undefined;
  readonly done: (answer: boolean) => void;
}

export class Waiters {
  #all: Waiter[] | undefined = undefined;

  wait(test: Waiter["test"]): Promise<boolean> {
    const now = test();
    if (now !== undefined) return Promise.resolve(now);
    return new Promise((done) => (this.#all ??= []).push({ test, done }));
  }

  /** Something has changed. */
  wake(): void {
    if (this.#all === undefined) return;
    const all = this.#all;
    this.#all = undefined;
    for (const waiter of all) {
      const answer = waiter.test();
      if (answer === undefined) (this.#all ??= []).push(waiter);
      else waiter.done(answer);
    }
  }
}
