/**
 * Changes of logs on their way to the database. They are written in groups, in the order in which they
 * came, and nobody waits: a commit costs as much as the writing of dozens of entries.
 *
 * While the database cannot be reached changes wait here, as many as there is room for; then entries are
 * lost, and counted in the log, but no retraction and no removal.
 */

import { type Bound, type Store, StoreError } from "../../lib/store/mod.ts";

/** A group is written when it is so old, or has so many changes. */
const GROUP_MS = 50;
const GROUP_SIZE = 256;

/** Changes that may wait, after which entries are dropped. */
export const MOST_WAITING = 20_000;

/** Until it is tried again with a database that cannot be reached. */
const RETRY_MS = 2000;

interface Group {
  readonly written: Promise<void>;
  readonly done: () => void;
}

export interface QueueOptions {
  readonly store: Pick<Store, "batch">;
  /** Told of each group when it is begun. */
  pledge(written: Promise<void>): void;
  /** Told when changes were lost. */
  lost(changes: number, reason: string): void;
}

export class Queue {
  readonly #options: QueueOptions;
  #waiting: Bound[] = [];
  #group: Group | undefined;
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failing = false;
  #dropped = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** There is room for an entry; if not, it counts as lost. */
  hasRoom(): boolean {
    if (this.#waiting.length < MOST_WAITING) return true;
    this.#dropped++;
    return false;
  }

  add(change: Bound): void {
    this.#waiting.push(change);
    if (this.#group === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#group = { written: promise, done: resolve };
      this.#options.pledge(promise);
    }
    if (this.#writing !== undefined) return;
    if (this.#waiting.length >= GROUP_SIZE && !this.#failing) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), GROUP_MS);
  }

  /** Comes when everything is written, or cannot be at the moment. */
  async settled(): Promise<void> {
    await this.#writing;
    do {
      this.#flush();
      await this.#writing;
    } while (this.#waiting.length > 0 && !this.#failing);
  }

  /** Writes everything, or tries to a last time. */
  async close(): Promise<void> {
    await this.settled();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    this.#options.lost(this.#waiting.splice(0).length, "the database cannot be reached");
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changes = this.#waiting.slice(0, GROUP_SIZE);
    if (changes.length === 0) return;
    const group = this.#group;
    const last = changes.length === this.#waiting.length;
    if (last) this.#group = undefined;
    this.#writing = this.#write(changes).then((kept) => {
      this.#writing = undefined;
      this.#failing = !kept;
      if (kept) this.#waiting.splice(0, changes.length);
      // No acknowledgement is kept waiting for a database that is away.
      if (last || !kept) group?.done();
      if (!kept) this.#group = undefined;
      if (this.#waiting.length > 0) {
        this.#timer ??= setTimeout(() => this.#flush(), kept ? 0 : RETRY_MS);
      }
    });
  }

  /** False if it is worth another try, which may write twice what was under way when it failed. */
  async #write(changes: readonly Bound[]): Promise<boolean> {
    const { store, lost } = this.#options;
    try {
      await store.batch(changes);
    } catch (e) {
      if (isPassing(e)) return false;
      // One of them is at fault, and no other shall go with it.
      if (changes.length > 1) return await this.#writeSingly(changes);
      lost(1, e instanceof Error ? e.message : String(e));
    }
    if (this.#dropped > 0) lost(this.#dropped, "too many were waiting for the database");
    this.#dropped = 0;
    return true;
  }

  async #writeSingly(changes: readonly Bound[]): Promise<boolean> {
    for (const change of changes) {
      if (!await this.#write([change])) return false;
    }
    return true;
  }
}

function isPassing(e: unknown): boolean {
  return e instanceof StoreError &&
    (e.code === "busy" || e.code === "unavailable" || e.code === "full");
}
