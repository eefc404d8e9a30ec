/**
 * When a client is asked for an acknowledgement (XEP-0198 §4): at once beyond so many stanzas, for
 * fewer when they are left alone for a while. One that does not answer counts as lost.
 */

import type { Deadline } from "../../lib/deadlines.ts";
import { StreamError } from "../../lib/errors.ts";
import type { Session } from "../../lib/session.ts";
import type { Queue } from "./queue.ts";
import type { Settings } from "./settings.ts";

export const SM_NS = "urn:xmpp:sm:3";

const REQUEST = `<r xmlns='${SM_NS}'/>`;

/** What it needs of a session. */
export interface Asked {
  readonly session: Session;
  readonly queue: Queue;
  readonly keeper: { readonly config: Settings };
}

export class Asker {
  readonly #of: Asked;
  /** An `<r/>` of ours is not answered. */
  #asked = false;
  /** Until we ask, or until the answer is late. */
  #timer: Deadline | undefined = undefined;

  constructor(of: Asked) {
    this.#of = of;
  }

  /** There is something to be acknowledged. */
  perhaps(): void {
    if (this.#asked) return;
    const { ack_stanzas, ack_delay } = this.#of.keeper.config;
    if (this.#of.queue.length >= ack_stanzas) this.now();
    else this.#timer ??= this.#after(ack_delay, () => this.now());
  }

  now(): void {
    if (this.#asked) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const { stream } = this.#of.session;
    if (stream === undefined || this.#of.queue.length === 0) return;
    this.#asked = true;
    stream.send(REQUEST);
    const { ack_timeout } = this.#of.keeper.config;
    this.#timer = this.#after(ack_timeout, () => {
      this.#timer = undefined;
      const late = new StreamError("connection-timeout", "no answer to a request for an ack");
      this.#of.session.drop(late);
    });
  }

  #after(ms: number, f: () => void): Deadline {
    return this.#of.session.host.server.deadlines.after(ms, f);
  }

  /** The client has answered, or can no more. */
  stop(): void {
    this.#asked = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
