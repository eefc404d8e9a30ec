/**
 * The journal: what would be lost of sessions with the process, in files of the data folder.
 *
 * Sessions say that something about them has changed; at most every few milliseconds the changes of
 * all of them are written as one frame. The group is pledged (see `lib/durability.ts`) when its first
 * change comes, so whoever acknowledges a stanza waits until what it has led to is written.
 *
 * A count of handled stanzas (`h`) promises that all that these stanzas have led to is safe, also in
 * the archive and elsewhere. It is therefore written only when everything pledged before is settled:
 * in the same frame if nothing else is under way, in a later one otherwise; and it goes to the client
 * only when it is written, for a client that has been told a count must never be told a lower one.
 *
 * When the journal cannot be written (a full disk), the pledge stays open: acknowledgements to all
 * clients wait, stanzas do not. It is tried again every second with a new segment.
 */

import type { Durability as Pledges } from "../../lib/durability.ts";
import type { LogArea } from "../../lib/log.ts";
import type { Queue } from "./queue.ts";
import type { Aside, Opened, State } from "./records.ts";
import { record } from "./records.ts";
import type { Segments } from "./segments.ts";

/** What has changed about a session; bits. */
export const OPENED = 1;
export const STATE = 2;
export const QUEUE = 4;
export const HANDLED = 8;
/** Its count may be written: what it rests on is safe. */
const HANDLED_SAFELY = 16;
export const CLOSED = 32;
export const ASIDE = 64;

/** What the journal needs of a session. It keeps its own marks on it, so that a change costs nothing. */
export interface Journalled {
  readonly queue: Queue;
  /** Stanzas of the client's that were handled. */
  readonly count: number;
  /** Its number in the journal; 0 before. */
  journalNumber: number;
  /** Changes that are not written. */
  dirty: number;
  /** The last stanza in the queue that is written, or not worth it. */
  written: number;
  /** The last acknowledgement that is written. */
  ackWritten: number;
  /** A count of handled stanzas that may be written, and the last one that is. */
  countSafe: number;
  countWritten: number;
  opened(): Opened;
  /** What its gate has taken since the last time, or all that it holds; undefined: that is over. */
  takeAside(all: boolean): readonly (Aside | undefined)[];
  state(): State;
  /** A group is written. */
  journalled(): void;
}

/** Between two groups, in ms. */
const GROUP_MS = 4;
const RETRY_MS = 1000;
/** How long a store may take to settle what was pledged before the end, in ms. */
const CLOSE_MS = 2000;
/** Characters of a snapshot that are put together at a time. */
const CHUNK = 1 << 18;

export class Journal {
  readonly #segments: Segments;
  readonly #pledges: Pledges;
  readonly #log: LogArea;
  /** Size beyond which a segment is given up, in bytes; and never before it has doubled. */
  readonly #segmentBytes: number;
  readonly #sessions = new Set<Journalled>();
  /** Names of the available sessions that are not in the journal. */
  readonly #available: () => Iterable<string>;
  /** Records of such sessions that are not written. */
  #shown = "";
  #dirty: Journalled[] = [];
  #numbers = 0;
  /** Settles the pledge of the group that is being gathered. */
  #settle: (() => void) | undefined = undefined;
  /** Pledges of ours that are open. */
  #open = 0;
  #scheduled = false;
  #flushing: Promise<void> | undefined = undefined;
  #lastFlush = 0;
  /** Since when nothing can be written, ms since the epoch; 0 if all is well. */
  #failedAt = 0;
  #closed = false;

  constructor(
    segments: Segments,
    pledges: Pledges,
    log: LogArea,
    segmentBytes: number,
    available: () => Iterable<string>,
  ) {
    this.#segments = segments;
    this.#pledges = pledges;
    this.#log = log;
    this.#segmentBytes = segmentBytes;
    this.#available = available;
  }

  /** Takes a session in, all of it. */
  add(session: Journalled): void {
    if (this.#sessions.has(session)) return;
    session.journalNumber = ++this.#numbers;
    session.written = session.ackWritten = session.queue.acked;
    session.dirty = 0;
    this.#sessions.add(session);
    this.changed(session, OPENED | QUEUE | HANDLED);
  }

  /** The stanzas in its queue have other numbers: it is written anew. */
  renumbered(session: Journalled): void {
    session.written = session.queue.acked;
    this.changed(session, OPENED | QUEUE);
  }

  /** The session is over; what was kept for it is kept elsewhere by now. */
  remove(session: Journalled): void {
    if (!this.#sessions.delete(session)) return;
    this.changed(session, CLOSED);
  }

  /** A session that is not in the journal has become available, or is not any more. */
  shown(name: string, available: boolean): void {
    if (this.#closed) return;
    this.#shown += record.shown(name, available);
    if (this.#settle === undefined) this.#pledge();
    this.#schedule();
  }

  /** False while nothing can be written. */
  get works(): boolean {
    return this.#failedAt === 0 && !this.#closed;
  }

  /** Something about a session has changed. */
  changed(session: Journalled, what: number): void {
    if (this.#closed) return;
    if (session.dirty === 0) this.#dirty.push(session);
    else if ((session.dirty & what) === what) return;
    session.dirty |= what;
    if ((what & ~(HANDLED | HANDLED_SAFELY)) !== 0 && this.#settle === undefined) this.#pledge();
    this.#schedule();
  }

  #pledge(): void {
    this.#open++;
    this.#pledges.pledge(new Promise<void>((done) => this.#settle = done));
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing !== undefined) return;
    this.#scheduled = true;
    const wait = this.#lastFlush + GROUP_MS - performance.now();
    if (wait <= 0) setImmediate(this.#due);
    else setTimeout(this.#due, wait);
  }

  readonly #due = (): void => {
    this.#scheduled = false;
    if (this.#closed || this.#flushing !== undefined) return;
    this.#busyWith(this.#flush());
  };

  /** Writes a group. Never rejects. */
  async #flush(): Promise<void> {
    this.#lastFlush = performance.now();
    const batch = this.#dirty;
    this.#dirty = [];
    const settle = this.#settle;
    this.#settle = undefined;
    const counts = this.#counts(batch);
    let content = this.#shown;
    this.#shown = "";
    for (const session of batch) content += this.#recordsOf(session);
    try {
      if (content !== "") await this.#write(content);
    } catch (e) {
      await this.#recover(e);
    }
    if (settle !== undefined) {
      this.#open--;
      settle();
    }
    for (const session of batch) session.journalled();
    if (counts !== undefined) this.#whenSafe(counts);
  }

  /**
   * Allows the counts of these sessions to be written with them, if nothing else is under way that
   * they may rest on; otherwise gives what is to wait for it.
   */
  #counts(batch: readonly Journalled[]): { session: Journalled; count: number }[] | undefined {
    const alone = this.#pledges.pending === this.#open;
    let waiting: { session: Journalled; count: number }[] | undefined;
    for (const session of batch) {
      if ((session.dirty & HANDLED) === 0) continue;
      if (alone) {
        session.countSafe = session.count;
        session.dirty |= HANDLED_SAFELY;
      } else {
        (waiting ??= []).push({ session, count: session.count });
      }
    }
    if (waiting === undefined) return undefined;
    // What is pledged from here on has nothing to do with these counts.
    const barrier = this.#pledges.barrier();
    this.#barrier = barrier instanceof Promise ? barrier : undefined;
    return waiting;
  }

  #barrier: Promise<void> | undefined = undefined;

  #whenSafe(counts: { session: Journalled; count: number }[]): void {
    const take = () => {
      for (const { session, count } of counts) {
        session.countSafe = count;
        if (this.#sessions.has(session)) this.changed(session, HANDLED_SAFELY);
      }
    };
    if (this.#barrier === undefined) take();
    else void this.#barrier.then(take);
  }

  #recordsOf(session: Journalled): string {
    const { journalNumber: number, dirty, queue } = session;
    session.dirty = 0;
    if ((dirty & CLOSED) !== 0) return record.closed(number);
    let records = "";
    if ((dirty & OPENED) !== 0) records += record.opened(number, session.opened());
    else if ((dirty & STATE) !== 0) records += record.state(number, session.state());
    if ((dirty & (ASIDE | OPENED)) !== 0) {
      for (const a of session.takeAside((dirty & OPENED) !== 0)) {
        records += a === undefined ? record.asideOver(number) : record.aside(number, a);
      }
    }
    if ((dirty & QUEUE) !== 0) {
      if (session.ackWritten !== queue.acked || (dirty & OPENED) !== 0) {
        records += record.acked(number, session.ackWritten = queue.acked);
      }
      const { sent } = queue;
      for (let n = Math.max(session.written, queue.acked) + 1; n <= sent; n++) {
        records += record.queued(number, n, queue.at(n));
      }
      session.written = sent;
    }
    if ((dirty & (HANDLED_SAFELY | OPENED)) !== 0) {
      records += record.handled(number, session.countWritten = session.countSafe);
    }
    return records;
  }

  async #write(content: string): Promise<void> {
    const { size, begun } = this.#segments;
    await this.#segments.append(content);
    if (size > this.#segmentBytes && size > 2 * begun) await this.begin();
  }

  /** Nothing can be written: tries until it can, for as long as the server runs. */
  async #recover(e: unknown): Promise<void> {
    this.#failedAt = Date.now();
    this.#log.error("the journal cannot be written: acknowledgements wait until it can", {
      error: String(e),
    });
    while (!this.#closed) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      try {
        await this.begin();
        this.#log.warn("the journal can be written again", {
          seconds: Math.round((Date.now() - this.#failedAt) / 1000),
        });
        this.#failedAt = 0;
        return;
      } catch {
        // Later, perhaps.
      }
    }
  }

  /** The first segment. If it cannot be written, that is tried again like everything else. */
  start(): Promise<void> {
    const begun = this.begin();
    this.#busyWith(begun.catch((e) => this.#recover(e)));
    return begun.catch(() => {});
  }

  #busyWith(writing: Promise<void>): void {
    this.#flushing = writing.finally(() => {
      this.#flushing = undefined;
      if (this.#dirty.length > 0 || this.#shown !== "") this.#schedule();
    });
  }

  /** Begins a segment with all there is, in place of the one before. Rejects if it cannot. */
  async begin(): Promise<void> {
    await this.#segments.begin(async (append) => {
      let content = "";
      this.#shown = "";
      for (const name of this.#available()) content += record.shown(name, true);
      for (const session of [...this.#sessions]) {
        if (!this.#sessions.has(session)) continue;
        content += this.#snapshotOf(session);
        if (content.length < CHUNK) continue;
        await append(content);
        content = "";
      }
      if (content !== "") await append(content);
    });
  }

  /** A session as it is now; changes from here on come behind it. */
  #snapshotOf(session: Journalled): string {
    const left = session.dirty & (HANDLED | HANDLED_SAFELY);
    session.written = session.ackWritten = session.queue.acked;
    session.dirty = OPENED | QUEUE;
    const records = this.#recordsOf(session);
    session.dirty = left;
    return records;
  }

  /** Writes what has gathered and closes the files. */
  async close(): Promise<void> {
    if (this.#failedAt !== 0) this.#closed = true;
    await this.#flushing;
    if (!this.#closed) {
      await this.#flush();
      // A count comes behind what it rests on.
      await settledOrLate(this.#pledges);
      await this.#flush();
    }
    this.#closed = true;
    this.#segments.close();
    this.#settle?.();
  }
}

async function settledOrLate(pledges: Pledges): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS));
  await Promise.race([pledges.barrier(), late]);
  clearTimeout(timer);
}
