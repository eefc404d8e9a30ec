/**
 * A session with stream management: what was sent and is not acknowledged, what was handled, and when
 * to ask. It stays itself from stream to stream.
 */

import type { Deadline } from "../../lib/deadlines.ts";
import type { Durability } from "../../lib/durability.ts";
import { StreamError } from "../../lib/errors.ts";
import { DELAY_NS, withDelay } from "../../lib/formats/delay.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { type Frozen, sessionFreeze } from "../../lib/hooks/streams.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import type { Later } from "../../lib/later.ts";
import { isLater } from "../../lib/later.ts";
import type { KeptElsewhere, Outbox } from "../../lib/outbox.ts";
import type { Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { XmppStream } from "../../lib/stream/stream.ts";
import { xml } from "../../lib/xml/element.ts";
import { escapeAttribute } from "../../lib/xml/escape.ts";
import { HANDLED, type Journal, type Journalled, STATE } from "./journal.ts";
import type { Keeper } from "./keeper.ts";
import { COPIED, ELSEWHERE, type Entry, Queue, UNTIL_SAFE } from "./queue.ts";
import type { Opened, Saved, State } from "./records.ts";

export const SM_NS = "urn:xmpp:sm:3";

const REQUEST = `<r xmlns='${SM_NS}'/>`;

/** Characters handed to a stream at a time when a session is resumed. */
const PORTION = 65_536;
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 500;

interface Waiter {
  /** What it waits for; undefined: not yet. */
  readonly test: () => boolean | undefined;
  readonly done: (answer: boolean) => void;
}

export class Managed implements Outbox, Journalled {
  readonly session: Session;
  /** The SM-ID; undefined if the session cannot be resumed. */
  readonly id: string | undefined;
  /** How long it may be resumed, in ms. */
  readonly max: number;
  readonly queue: Queue;
  /** Stanzas of the client's that were handled, modulo 2^32. */
  count: number;
  /** Replaced when the module's settings change. */
  keeper: Keeper;
  /** When the stream was lost, ms since the epoch; 0 while there is one. */
  lostAt = 0;
  /** The client who is resuming it at the moment. */
  resuming: unknown = undefined;
  isOver = false;
  /**
   * The number of the last stanza that the client may know of a session that the journal has brought
   * back; undefined once it was resumed.
   */
  beforeRestart: number | undefined;

  journalNumber = 0;
  dirty = 0;
  written = 0;
  ackWritten = 0;
  countSafe: number;
  countWritten: number;

  /** The number of the last stanza that was written to the present stream. */
  #sent: number;
  /** Up to here it was sent before, on another stream, or may have been. */
  #resendUpTo = 0;
  /** Up to here the journal has it for good. */
  #durable: number;
  /** An `<r/>` of ours is not answered. */
  #asked = false;
  /** Until we ask, until the answer is late, or until the session is given up. */
  #timer: Deadline | undefined = undefined;
  /** Requests of the client's that wait for the journal, and the count they want at least. */
  #wanted = 0;
  #wantedCount = 0;
  /** The stanza that is being handled. */
  #handling: Promise<void> | undefined = undefined;
  #waiters: Waiter[] | undefined = undefined;
  /** Too much waits; told at the end of this turn. */
  #overflowed = false;

  constructor(
    session: Session,
    keeper: Keeper,
    id: string | undefined,
    max: number,
    saved?: Saved,
  ) {
    this.session = session;
    this.keeper = keeper;
    this.id = id;
    this.max = max;
    this.queue = new Queue(saved?.acked);
    this.count = this.countSafe = this.countWritten = saved?.handled ?? 0;
    for (const entry of saved?.entries ?? []) this.queue.push(entry);
    this.#sent = this.#durable = this.queue.sent;
    this.beforeRestart = saved === undefined
      ? undefined
      : saved.opened.beforeRestart ?? this.queue.sent;
  }

  get #durability(): Durability {
    return this.session.host.server.durability;
  }

  // ---- to the client ----

  push(text: string, stanza: Stanza | undefined, kept: KeptElsewhere): void {
    const { queue, session, keeper } = this;
    const entry = { text, stamp: Date.now(), flags: flagsOf(stanza, kept) };
    if (this.isOver) return void keeper.redeliver(session, entry);
    queue.push(entry);
    const { stream } = session;
    if (stream !== undefined && this.#sent === queue.sent - 1) {
      this.#sent++;
      stream.send(text);
      this.#perhapsAsk();
    }
    keeper.grown(this, text.length);
    if (stream === undefined && stanza !== undefined) keeper.held(stanza, session);
    const { config } = keeper;
    if (queue.length > config.queue || queue.size > config.queue_bytes) this.#overflow();
  }

  /** Not ended here: whoever sends may be in the midst of an account's sessions. */
  #overflow(): void {
    if (this.#overflowed) return;
    this.#overflowed = true;
    setImmediate(() => {
      if (this.isOver) return;
      this.keeper.log.info("session ended: too much is not acknowledged", {
        jid: this.session.jid.full,
        stanzas: this.queue.length,
      });
      this.session.end(new StreamError("resource-constraint", "too much is not acknowledged"));
    });
  }

  /** Asks at once beyond so many stanzas, and for fewer when they are left alone for a while. */
  #perhapsAsk(): void {
    if (this.#asked) return;
    const { ack_stanzas, ack_delay } = this.keeper.config;
    if (this.queue.length >= ack_stanzas) this.#ask();
    else this.#timer ??= this.#after(ack_delay, () => this.#ask());
  }

  #ask(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { stream } = this.session;
    if (stream === undefined || this.queue.length === 0) return;
    this.#asked = true;
    stream.send(REQUEST);
    const { ack_timeout } = this.keeper.config;
    this.#timer = this.#after(ack_timeout, () => {
      this.#timer = undefined;
      this.session.drop(new StreamError("connection-timeout", "no answer to a request for an ack"));
    });
  }

  #after(ms: number, f: () => void): Deadline {
    return this.session.host.server.deadlines.after(ms, f);
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The client has acknowledged. @throws StreamError if it has got more than was sent */
  acknowledged(h: number): void {
    this.#take(h);
    this.#asked = false;
    this.#stopTimer();
    if (this.queue.length > 0) this.#perhapsAsk();
    this.#wake();
  }

  #take(h: number): void {
    const { queue } = this;
    const before = queue.acked;
    const left = queue.acknowledge(h);
    if (left === undefined) throw tooHigh(h, queue.sent >>> 0);
    if (queue.acked === before) return;
    if (this.#sent < queue.acked) this.#sent = queue.acked;
    this.keeper.shrunk(this, left);
  }

  // ---- from the client ----

  handled(done: Later<void>): Later<void> {
    if (!isLater(done)) return this.#counted();
    return this.#handling = done.then(this.#counted);
  }

  readonly #counted = (): void => {
    this.count = (this.count + 1) >>> 0;
    this.#journal?.changed(this, HANDLED);
  };

  /** The client wants to know what was handled. */
  requested(): void {
    if (this.#journal === undefined) {
      const { count } = this;
      const safe = this.#durability.barrier();
      if (isLater(safe)) void safe.then(() => this.#acknowledge(count, 1));
      else this.#acknowledge(count, 1);
    } else if (this.countWritten === this.count) {
      this.#acknowledge(this.count, 1);
    } else {
      this.#wanted++;
      this.#wantedCount = this.count;
      this.#journal.changed(this, HANDLED);
    }
  }

  #acknowledge(count: number, times: number): void {
    this.session.stream?.send(`<a xmlns='${SM_NS}' h='${count}'/>`.repeat(times));
  }

  closing(): Later<void> {
    const { stream } = this.session;
    const { count } = this;
    const say = () => stream?.send(`<a xmlns='${SM_NS}' h='${count}'/>`);
    const safe = this.#durability.barrier();
    return isLater(safe) ? safe.then(say) : say();
  }

  // ---- without a stream ----

  hold(reason: string | undefined): boolean {
    if (this.id === undefined || this.isOver) return false;
    this.#detach();
    this.keeper.hibernated(this, reason);
    return true;
  }

  suspend(): boolean {
    if (this.#journal?.works !== true || this.isOver) return false;
    this.#detach();
    return true;
  }

  /** Came from the journal: waits from now on. */
  await(): void {
    this.#detach();
  }

  /** Stream management ends, the session does not. */
  dismiss(): void {
    this.isOver = true;
    this.#stopTimer();
    this.#wake();
  }

  /** Takes the stream away without a word: another one is to take its place. */
  park(): void {
    const { stream } = this.session;
    if (stream === undefined) return;
    this.session.stream = undefined;
    this.#detach();
    stream.abandon(new StreamError("conflict", "resumed on another stream"));
  }

  #detach(): void {
    this.lostAt = Date.now();
    this.#asked = false;
    this.#wanted = 0;
    this.#stopTimer();
    this.#timer = this.#after(this.max, () => {
      this.#timer = undefined;
      this.session.end(new StreamError("connection-timeout", "not resumed in time"));
    });
    this.#wake();
  }

  /** What the client has not acknowledged. */
  unacknowledged(): Stanza[] {
    const { queue } = this;
    const stanzas: Stanza[] = [];
    for (let n = queue.acked + 1; n <= queue.sent; n++) stanzas.push(parseStored(queue.at(n).text));
    return stanzas;
  }

  /** Whether the client can have got so much by what we know, or by what we may have forgotten. */
  canAcknowledge(h: number): boolean {
    const { queue, beforeRestart } = this;
    const known = (beforeRestart ?? queue.sent) - queue.acked;
    return ((h - queue.acked) >>> 0) <= known || this.#forgotten(h) > 0;
  }

  /**
   * How many stanzas the client has got of which the journal knows nothing: those of the last moment
   * before the server died. What was queued since has their numbers, and the client has none of it.
   */
  #forgotten(h: number): number {
    const { beforeRestart } = this;
    if (beforeRestart === undefined) return 0;
    const count = (h - beforeRestart) >>> 0;
    return count <= this.keeper.config.queue ? count : 0;
  }

  /** Waits until all that has come is handled, and the count of it may be told. */
  settled(): Later<void> {
    const handling = this.#handling;
    if (handling !== undefined) {
      const over = () => {
        if (this.#handling === handling) this.#handling = undefined;
        return this.settled();
      };
      return handling.then(over, over);
    }
    if (this.#journal === undefined) return this.#durability.barrier();
    if (this.countWritten === this.count) return;
    this.#journal.changed(this, HANDLED);
    return this.#wait(() => this.isOver || this.countWritten === this.count || undefined)
      .then(() => {});
  }

  /** Has another stream from now on; `h` is what the client has. What it lacks waits for `resend`. */
  attach(stream: XmppStream, h: number): void {
    this.session.host.rebind(this.session, stream);
    this.lostAt = 0;
    this.#stopTimer();
    const forgotten = this.#forgotten(h);
    this.#take(h - forgotten);
    if (this.beforeRestart !== undefined) {
      this.queue.acked += forgotten;
      this.beforeRestart = undefined;
      this.#journal?.renumbered(this);
    }
    this.#sent = this.queue.acked;
    this.#resendUpTo = this.queue.sent;
    this.#wake();
  }

  /** Sends again what the client has not got, no faster than it reads. */
  resend(): void {
    const { stream } = this.session;
    if (stream !== undefined) void this.#pump(stream);
  }

  async #pump(stream: XmppStream): Promise<void> {
    const { queue, session } = this;
    for (let wait = FIRST_WAIT_MS; session.stream === stream && !stream.closed;) {
      while (this.#sent < queue.sent && stream.waiting < PORTION) {
        const number = ++this.#sent;
        const entry = queue.at(number);
        stream.send(number <= this.#resendUpTo ? this.delayed(entry) : entry.text);
      }
      if (this.#sent === queue.sent) {
        if (!this.#asked) this.#ask();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = stream.waiting < PORTION ? FIRST_WAIT_MS : Math.min(2 * wait, LONGEST_WAIT_MS);
    }
  }

  /** A message says when it was sent first (XEP-0203). */
  delayed({ text, stamp }: Entry): string {
    if (!text.startsWith("<message")) return text;
    const { domain } = this.session.host;
    return isDelayed(text, domain) ? text : withDelay(text, domain, stamp);
  }

  over(): Later<void> {
    this.isOver = true;
    this.#stopTimer();
    this.keeper.closed(this);
    this.#wake();
    if (this.queue.length === 0) return this.#journal?.remove(this);
    return this.#handDown();
  }

  /** Each stanza leaves the journal when it has gone elsewhere. */
  async #handDown(): Promise<void> {
    const { queue, keeper, session } = this;
    while (queue.length > 0) {
      const entry = queue.at(queue.acked + 1);
      const done = keeper.redeliver(session, entry);
      if (isLater(done)) await done;
      keeper.shrunk(this, queue.drop(1));
    }
    this.#journal?.remove(this);
  }

  // ---- for others ----

  changed(): void {
    if (!this.isOver) this.#journal?.changed(this, STATE);
  }

  room(): Promise<boolean> {
    const { config } = this.keeper;
    return this.#wait(() => {
      if (this.isOver || this.session.stream === undefined) return false;
      const { length, size } = this.queue;
      return (length * 2 < config.queue && size * 2 < config.queue_bytes) || undefined;
    });
  }

  safe(): Promise<boolean> {
    const { queue } = this;
    const last = queue.sent;
    return this.#wait(() => {
      if (this.isOver) return false;
      if (queue.acked < last && (this.#journal === undefined || this.#durable < last)) return;
      for (let n = queue.acked + 1; n <= last; n++) queue.at(n).flags &= ~UNTIL_SAFE;
      return true;
    });
  }

  #wait(test: Waiter["test"]): Promise<boolean> {
    const now = test();
    if (now !== undefined) return Promise.resolve(now);
    return new Promise((done) => (this.#waiters ??= []).push({ test, done }));
  }

  #wake(): void {
    if (this.#waiters === undefined) return;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const waiter of waiters) {
      const answer = waiter.test();
      if (answer === undefined) (this.#waiters ??= []).push(waiter);
      else waiter.done(answer);
    }
  }

  // ---- the journal ----

  /** Only what can be resumed is worth one. */
  get #journal(): Journal | undefined {
    return this.id === undefined ? undefined : this.keeper.journal;
  }

  opened(): Opened {
    const { session, id, max } = this;
    const { node, resource } = session.jid;
    const { lang, since } = session;
    const { beforeRestart } = this;
    return { id: id!, node, resource, lang, since, max, beforeRestart, ...this.state() };
  }

  state(): State {
    const { session } = this;
    const frozen = session.host.hooks.filter(sessionFreeze, {} as Frozen, session);
    return {
      presence: session.presence?.wire(),
      frozen: isLater(frozen) || frozen === DROP ? {} : frozen,
    };
  }

  journalled(): void {
    this.#durable = this.written;
    if (this.#wanted > 0 && ((this.countWritten - this.#wantedCount) >>> 0) < 0x8000_0000) {
      const times = this.#wanted;
      this.#wanted = 0;
      this.#acknowledge(this.countWritten, times);
    }
    this.#wake();
  }
}

/** XEP-0203: the text has a delay that we have put there. */
export function isDelayed(text: string, domain: string): boolean {
  return text.includes(`<delay xmlns='${DELAY_NS}' from='${escapeAttribute(domain)}'`);
}

function flagsOf(stanza: Stanza | undefined, kept: KeptElsewhere): number {
  if (kept !== "no") return kept === "yes" ? ELSEWHERE : UNTIL_SAFE;
  return stanza !== undefined && stanza.copied ? COPIED : 0;
}

/** XEP-0198 §6. */
export function tooHigh(h: number, sent: number): StreamError {
  return new StreamError(
    "undefined-condition",
    `You acknowledged ${h} stanzas, but I only sent you ${sent} so far.`,
    xml("handled-count-too-high", SM_NS, { h: String(h), "send-count": String(sent) }),
  );
}
