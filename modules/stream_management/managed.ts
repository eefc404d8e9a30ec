/**
 * A session with stream management: what was sent and is not acknowledged, what was handled, and when
 * to ask. It stays itself from stream to stream.
 */

import type { Deadline } from "../../lib/deadlines.ts";
import type { Durability } from "../../lib/durability.ts";
import { StreamError } from "../../lib/errors.ts";
import type { Later } from "../../lib/later.ts";
import { isLater } from "../../lib/later.ts";
import type { Held } from "../../lib/gate.ts";
import type { KeptElsewhere, Outbox } from "../../lib/outbox.ts";
import type { Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { XmppStream } from "../../lib/stream/stream.ts";
import { Asides } from "./aside.ts";
import { Asker, SM_NS } from "./asker.ts";
import { ASIDE, HANDLED, type Journal, type Journalled, STATE } from "./journal.ts";
import type { Keeper } from "./keeper.ts";
import { Queue, UNTIL_SAFE } from "./queue.ts";
import type { Aside, Opened, Saved, State } from "./records.ts";
import { Sending } from "./sending.ts";
import { openedOf, stateOf } from "./snapshot.ts";
import { thinOut } from "./superseded.ts";
import { flagsOf, stampOf, tooHigh } from "./texts.ts";
import { Waiters } from "./waiters.ts";

const NO_ASIDES: readonly Aside[] = [];

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
  /** It had a stream until then, and nobody was told that it waits. */
  isParked = false;
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

  readonly #sending: Sending;
  /** Up to here the journal has it for good. */
  #durable: number;
  readonly #asker = new Asker(this);
  /** Until the session is given up. */
  #timer: Deadline | undefined = undefined;
  /** Requests of the client's that wait for the journal, and the count they want at least. */
  #wanted = 0;
  #wantedCount = 0;
  /** The stanza that is being handled. */
  #handling: Promise<void> | undefined = undefined;
  readonly #waiters = new Waiters();
  #asides: Asides | undefined = undefined;
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
    this.#sending = new Sending(session, this.queue, this.#asker);
    this.#durable = this.queue.sent;
    this.beforeRestart = saved === undefined
      ? undefined
      : saved.opened.beforeRestart ?? this.queue.sent;
    for (const { text, stamp, flags } of saved?.aside.values() ?? []) {
      this.queue.push({ text, stamp, flags });
    }
  }

  get #durability(): Durability {
    return this.session.host.server.durability;
  }

  // ---- to the client ----

  push(text: string, stanza: Stanza | undefined, kept: KeptElsewhere): void {
    const { queue, session, keeper } = this;
    const flags = flagsOf(stanza, kept);
    const entry = { text, stamp: stampOf(flags, session), flags };
    if (this.isOver) return void keeper.redeliver(session, entry);
    queue.push(entry);
    const { stream } = session;
    this.#sending.next(text);
    keeper.grown(this, text.length);
    if (stream === undefined && stanza !== undefined) keeper.held(stanza, session);
    if (this.#isTooMuch && !(stream === undefined && this.#thinOut())) this.#overflow();
  }

  get #isTooMuch(): boolean {
    const { queue, queue_bytes } = this.keeper.config;
    return this.queue.length > queue || this.queue.size > queue_bytes;
  }

  /**
   * Gives up presence that newer one has replaced, of what the client cannot have got. False if that
   * does not make room, or so little that it is not worth writing the queue anew.
   */
  #thinOut(): boolean {
    const { queue } = this;
    const { from, left } = thinOut(queue, this.#sending.furthest);
    if (left === 0) return false;
    this.keeper.shrunk(this, left);
    this.#durable = Math.min(this.#durable, from);
    this.#journal?.renumbered(this);
    return !this.#isTooMuch;
  }

  // ---- behind a gate ----

  aside(held: Held | undefined): void {
    if (this.#journal?.works !== true) return;
    (this.#asides ??= new Asides()).note(held);
    this.#journal.changed(this, ASIDE);
  }

  asideOver(): void {
    this.aside(undefined);
  }

  takeAside(all: boolean): readonly (Aside | undefined)[] {
    if (this.#asides === undefined && this.session.gate === undefined) return NO_ASIDES;
    return (this.#asides ??= new Asides()).take(this.session, all);
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

  /** The client has acknowledged. @throws StreamError if it has got more than was sent */
  acknowledged(h: number): void {
    this.#take(h);
    this.#asker.stop();
    if (this.queue.length > 0) this.#asker.perhaps();
    this.#waiters.wake();
  }

  #take(h: number): void {
    const { queue } = this;
    const before = queue.acked;
    const left = queue.acknowledge(h);
    if (left === undefined) throw tooHigh(h, queue.sent >>> 0);
    if (queue.acked === before) return;
    this.#sending.acknowledged();
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
    this.detach();
    this.keeper.hibernated(this, reason);
    return true;
  }

  suspend(): boolean {
    if (this.#journal?.works !== true || this.isOver) return false;
    this.detach();
    return true;
  }

  /** Stream management ends, the session does not. */
  dismiss(): void {
    this.isOver = true;
    this.#stopTimers();
    this.#waiters.wake();
  }

  /** Takes the stream away without a word: another one is to take its place. False without one. */
  park(): boolean {
    const { stream } = this.session;
    if (stream === undefined) return false;
    this.session.stream = undefined;
    this.detach();
    stream.abandon(new StreamError("conflict", "resumed on another stream"));
    return true;
  }

  /** Waits from now on for another stream. */
  detach(): void {
    this.lostAt = Date.now();
    this.#wanted = 0;
    this.#stopTimers();
    this.#timer = this.session.host.server.deadlines.after(this.max, () => {
      this.#timer = undefined;
      this.session.end(new StreamError("connection-timeout", "not resumed in time"));
    });
    this.#waiters.wake();
  }

  #stopTimers(): void {
    this.#asker.stop();
    this.#timer?.cancel();
    this.#timer = undefined;
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
    return this.#waiters.wait(() => this.isOver || this.countWritten === this.count || undefined)
      .then(() => {});
  }

  /** Has another stream from now on; `h` is what the client has. What it lacks waits for `resend`. */
  attach(stream: XmppStream, h: number): void {
    this.session.host.rebind(this.session, stream);
    this.lostAt = 0;
    this.#stopTimers();
    const forgotten = this.#forgotten(h);
    this.#take(h - forgotten);
    if (this.beforeRestart !== undefined) {
      this.queue.acked += forgotten;
      this.beforeRestart = undefined;
      this.#journal?.renumbered(this);
    }
    this.#sending.restart();
    this.#waiters.wake();
  }

  /** Sends again what the client has not got, no faster than it reads. */
  resend(): void {
    const { stream } = this.session;
    if (stream !== undefined) void this.#sending.resend(stream);
  }

  over(): Later<void> {
    this.isOver = true;
    this.#stopTimers();
    this.keeper.closed(this);
    this.#waiters.wake();
    return this.keeper.handDown(this);
  }

  // ---- for others ----

  changed(): void {
    if (!this.isOver) this.#journal?.changed(this, STATE);
  }

  room(): Promise<boolean> {
    const { config } = this.keeper;
    return this.#waiters.wait(() => {
      if (this.isOver || this.session.stream === undefined) return false;
      const { length, size } = this.queue;
      return (length * 2 < config.queue && size * 2 < config.queue_bytes) || undefined;
    });
  }

  safe(): Promise<boolean> {
    const { queue } = this;
    const last = queue.sent;
    return this.#waiters.wait(() => {
      if (this.isOver) return false;
      if (queue.acked < last && (this.#journal === undefined || this.#durable < last)) return;
      for (let n = queue.acked + 1; n <= last; n++) queue.at(n).flags &= ~UNTIL_SAFE;
      return true;
    });
  }

  // ---- the journal ----

  /** Only what can be resumed is worth one. */
  get #journal(): Journal | undefined {
    return this.id === undefined ? undefined : this.keeper.journal;
  }

  opened(): Opened {
    return openedOf(this);
  }

  state(): State {
    return stateOf(this.session);
  }

  journalled(): void {
    this.#durable = this.written;
    if (this.#wanted > 0 && ((this.countWritten - this.#wantedCount) >>> 0) < 0x8000_0000) {
      const times = this.#wanted;
      this.#wanted = 0;
      this.#acknowledge(this.countWritten, times);
    }
    this.#waiters.wake();
  }
}
