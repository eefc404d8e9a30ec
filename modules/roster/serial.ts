/** Tasks with the same key run one after the other; tasks of different keys do not wait. */

import type { Later } from "../../lib/later.ts";

export class Serial {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs the task now if nothing with its key is under way, otherwise in its turn. */
  run<T>(key: string, task: () => Later<T>): Later<T> {
    const before = this.#tails.get(key);
    const done = before === undefined ? task() : before.then(task);
    if (!(done instanceof Promise)) return done;
    const leave = () => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    const tail: Promise<void> = done.then(leave, leave);
    this.#tails.set(key, tail);
    return done;
  }
}
