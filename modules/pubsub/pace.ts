/** What keeps a client that comes online, again and again or to very much, from being too much for us. */

import type { Session } from "../../lib/session.ts";
import { drained } from "../offline/replay.ts";

/** Characters sent before we look whether the client takes them; one item may be larger. */
const PORTION = 65_536;

/**
 * Sends no more than a client takes: what it is sent by itself when it comes online is not bounded by
 * what it has asked for, and more than waits at most would end its session.
 */
export class Pace {
  readonly #session: Session;
  #size = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** So many characters are to be sent. False if the client is not there any more. */
  async room(size: number): Promise<boolean> {
    const sent = this.#size;
    this.#size += size;
    if (sent > 0 && this.#size > PORTION) {
      this.#size = size;
      const { outbox, stream } = this.#session;
      if (outbox !== undefined) await outbox.room();
      else if (stream !== undefined) await drained(stream, () => this.#isGone());
    }
    return !this.#isGone();
  }

  #isGone(): boolean {
    const { presence, stream, outbox } = this.#session;
    return presence === undefined || (stream === undefined && outbox === undefined);
  }
}

/** One run of a task for a session at a time: what comes meanwhile, however often, is one more. */
export class Turns {
  /** The sessions that are served now, and whether they want it once more. */
  readonly #again = new WeakMap<Session, boolean>();

  async run(session: Session, task: () => Promise<void>): Promise<void> {
    if (this.#again.has(session)) {
      this.#again.set(session, true);
      return;
    }
    try {
      do {
        this.#again.set(session, false);
        await task();
      } while (this.#again.get(session) === true);
    } finally {
      this.#again.delete(session);
    }
  }
}
