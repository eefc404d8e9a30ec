/** How far a session's queue is written to its present stream, and the rest of it after a resumption. */

import type { Session } from "../../lib/session.ts";
import type { XmppStream } from "../../lib/stream/stream.ts";
import type { Asker } from "./asker.ts";
import type { Queue } from "./queue.ts";
import { delayed } from "./texts.ts";

/** Characters handed to a stream at a time when a session is resumed. */
const PORTION = 65_536;
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 500;

export class Sending {
  readonly #session: Session;
  readonly #queue: Queue;
  readonly #asker: Asker;
  /** The number of the last stanza that was written to the present stream. */
  #sent: number;
  /** Up to here it was sent before, on another stream, or may have been. */
  #resendUpTo = 0;

  constructor(session: Session, queue: Queue, asker: Asker) {
    this.#session = session;
    this.#queue = queue;
    this.#asker = asker;
    this.#sent = queue.sent;
  }

  /** The last stanza that the client may have got, on whatever stream. */
  get furthest(): number {
    return Math.max(this.#sent, this.#resendUpTo);
  }

  /** The last stanza in the queue is new: it leaves at once, unless others have to leave before. */
  next(text: string): void {
    const { stream } = this.#session;
    if (stream === undefined || this.#sent !== this.#queue.sent - 1) return;
    this.#sent++;
    stream.send(text);
    this.#asker.perhaps();
  }

  /** The client has acknowledged. */
  acknowledged(): void {
    if (this.#sent < this.#queue.acked) this.#sent = this.#queue.acked;
  }

  /** There is another stream: all that is not acknowledged has to be sent on it. */
  restart(): void {
    this.#sent = this.#queue.acked;
    this.#resendUpTo = this.#queue.sent;
  }

  /** Sends what the client has not got, no faster than it reads. */
  async resend(stream: XmppStream): Promise<void> {
    const queue = this.#queue;
    const session = this.#session;
    const { domain } = session.host;
    for (let wait = FIRST_WAIT_MS; session.stream === stream && !stream.closed;) {
      while (this.#sent < queue.sent && stream.waiting < PORTION) {
        const number = ++this.#sent;
        const entry = queue.at(number);
        stream.send(number <= this.#resendUpTo ? delayed(entry, domain) : entry.text);
      }
      if (this.#sent === queue.sent) return this.#asker.now();
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = stream.waiting < PORTION ? FIRST_WAIT_MS : Math.min(2 * wait, LONGEST_WAIT_MS);
    }
  }
}
