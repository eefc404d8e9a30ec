/**
 * Removes what is too old, and the logs of rooms that are gone: in small portions, for every statement
 * keeps the others waiting.
 */

import type { Store } from "../../lib/store/mod.ts";
import { dayNumber } from "./quarters.ts";
import { type Reading, reading } from "./reading.ts";
import { PORTION, type Writing, writing } from "./writing.ts";
import { DAY_MS } from "./zone.ts";

/** Between two portions, in ms: others come first. */
const PAUSE_MS = 5;

export class Removal {
  readonly #host: string;
  /** ms; 0 for no end. */
  readonly #keep: number;
  readonly #write: Writing;
  readonly #read: Reading;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(store: Store, host: string, keep: number) {
    this.#host = host;
    this.#keep = keep;
    this.#write = writing(store);
    this.#read = reading(store);
  }

  /** Removes everything that has to go by now. */
  sweep(): Promise<void> {
    if (this.#running !== undefined) this.#again = true;
    return this.#running ??= this.#run().finally(() => this.#running = undefined);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => {});
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      await this.#removeGone();
      if (this.#keep > 0) await this.#removeOld();
    } while (this.#again && !this.#stopped);
  }

  async #removeGone(): Promise<void> {
    const host = this.#host;
    for (const { room, gone } of await this.#read.gone.all({ host })) {
      await this.#removeUpTo(room, gone);
      if (this.#stopped) return;
      await this.#write.forget.run({ host, room, gone });
      await this.#write.removed.run({ host, room, gone });
    }
  }

  /** Whole days of UTC, so that what is known of days stays true. */
  async #removeOld(): Promise<void> {
    const host = this.#host;
    const before = dayNumber(Date.now() - this.#keep);
    for (const { room } of await this.#read.rooms.all({ host })) {
      await this.#removeUpTo(room, before * DAY_MS - 1);
      if (this.#stopped) return;
    }
    await this.#write.oldDays.run({ host, before });
  }

  async #removeUpTo(room: string, until: number): Promise<void> {
    while (!this.#stopped) {
      const { changes } = await this.#write.portion.run({ host: this.#host, room, until });
      if (changes < PORTION) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
