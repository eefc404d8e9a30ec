/** Tasks with the same key run one after the other; tasks of different keys do not wait. */

export class Serial {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs the task when all before it with its key are done, whatever became of them. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const done = before === undefined ? task() : before.then(task, task);
    this.#tails.set(key, done);
    const leave = () => {
      if (this.#tails.get(key) === done) this.#tails.delete(key);
    };
    done.then(leave, leave);
    return done;
  }

  /** Resolves when the tasks of all keys with this beginning that are there now are done. */
  async idle(prefix: string): Promise<void> {
    const tails = [...this.#tails].filter(([key]) => key.startsWith(prefix)).map(([, t]) => t);
    await Promise.allSettled(tails);
  }
}
