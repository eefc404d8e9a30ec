/**
 * Hands an account's kept messages to a session that has become available (XEP-0160 §2).
 *
 * One session of an account is served at a time. A message is removed from the store when the
 * connection has taken it; if the session ends before, what is left is for the next one.
 *
 * With stream management it is removed when the session answers for it: when it is in the journal, or
 * acknowledged. What is on the way between the two is named in the session's state, which comes into
 * the journal together with the messages: if the server dies in between, they are removed at its next
 * start, and are there once.
 */

import type { ModuleHost } from "../../lib/module.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { withDelay } from "../../lib/formats/delay.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { sessionSend } from "../../lib/hooks/stanzas.ts";
import { offlineList, offlineRemove } from "../../lib/hooks/storage.ts";
import { sessionFreeze, sessionResumed, sessionThaw } from "../../lib/hooks/streams.ts";
import type { OfflineMessage } from "../../lib/hooks/storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { KeptElsewhere } from "../../lib/outbox.ts";
import { type Account, type Session, slot } from "../../lib/session.ts";
import type { XmppStream } from "../../lib/stream/stream.ts";

/** Handed over, and then removed from the store, at once: at most so many, and so many characters. */
const PORTION = 200;
const PORTION_SIZE = 65_536;

/** How long to wait for a slow client before looking again, in ms. */
const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 1000;

/** The session takes messages for its account: available, with a priority that is not negative. */
const takesMessages = slot<boolean>();

/** The session reads its messages by itself (XEP-0013 §2.2). */
const retrieves = slot<boolean>();

/** Messages that the session answers for, while they are still in the store: ids and stamps. */
const handed = slot<readonly Handed[]>();
type Handed = readonly [id: number, stamp: number];

/** What is kept with a session over a restart of the server. */
interface Frozen {
  readonly handed?: readonly Handed[];
  readonly retrieves?: boolean;
}

export class Replays {
  readonly #host: ModuleHost;
  /** Sessions to be served, by node; the first one is being served. */
  readonly #queues = new Map<string, Session[]>();
  #stopped = false;

  constructor(host: ModuleHost) {
    this.#host = host;
    host.on(sessionResumed, (session) => {
      if (takesMessages.get(session) === true) this.#serve(session);
    });
    host.on(sessionFreeze, (state, session) => {
      const frozen: Frozen = { handed: handed.get(session), retrieves: retrieves.get(session) };
      if (frozen.handed !== undefined || frozen.retrieves !== undefined) state.offline = frozen;
    });
    host.on(sessionThaw, (session, state) => this.#thaw(session, state.offline as Frozen));
  }

  async #thaw(session: Session, { handed = [], retrieves: reads }: Frozen = {}): Promise<void> {
    if (reads === true) retrieves.set(session, true);
    takesMessages.set(session, session.presence !== undefined && session.priority >= 0);
    if (handed.length === 0) return;
    const account = session.account.jid;
    const stamps = new Map(handed);
    const kept = await this.#host.ask(offlineList, account) ?? [];
    const twice = kept.filter(({ id, stamp }) => stamps.get(id) === stamp);
    await this.#host.ask(offlineRemove, account, twice.map((m) => m.id));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** A session's presence has changed. */
  presence(session: Session): void {
    if (session.presence === undefined || session.priority < 0) {
      if (takesMessages.get(session) === true) takesMessages.set(session, false);
      return;
    }
    if (takesMessages.get(session) === true) return;
    takesMessages.set(session, true);
    this.#serve(session);
  }

  /** A message was stored. Somebody may have logged in while that was under way. */
  arrived(account: Jid): void {
    const online = this.#host.account(account);
    if (online === undefined) return;
    const session = online.sessions.find((s) => takesMessages.get(s) === true);
    if (session !== undefined) this.#serve(session);
  }

  /** From now on the session asks for its messages; no session of the account gets them unasked. */
  retrievedBy(session: Session): void {
    retrieves.set(session, true);
    session.changed();
  }

  #serve(session: Session): void {
    const { node } = session.account.jid;
    const queue = this.#queues.get(node);
    if (queue === undefined) {
      const begun = [session];
      this.#queues.set(node, begun);
      void this.#run(node, begun);
    } else if (!queue.includes(session, 1)) {
      // Also if it is the one being served: its messages may have been listed before the new one.
      queue.push(session);
    }
  }

  async #run(node: string, queue: Session[]): Promise<void> {
    for (; queue.length > 0; queue.shift()) {
      const session = queue[0]!;
      try {
        if (isWilling(session)) await this.#replay(session);
      } catch (e) {
        this.#host.log.error("kept messages could not be delivered", {
          account: session.account.jid.bare,
          error: e instanceof Error ? e.stack ?? e.message : String(e),
        });
      }
    }
    this.#queues.delete(node);
  }

  async #replay(session: Session): Promise<void> {
    const account = session.account.jid;
    const messages = await this.#host.ask(offlineList, account) ?? [];
    for (let from = 0; from < messages.length;) {
      const to = endOfPortion(messages, from);
      if (!await this.#handOver(session, messages, from, to)) return;
      await this.#host.ask(offlineRemove, account, messages.slice(from, to).map((m) => m.id));
      if (handed.get(session) !== undefined) {
        handed.set(session, undefined);
        session.changed();
      }
      from = to;
    }
  }

  /** False if the session cannot take them, or ended before its connection had. */
  async #handOver(
    session: Session,
    messages: readonly OfflineMessage[],
    from: number,
    to: number,
  ): Promise<boolean> {
    const { outbox } = session;
    if (outbox !== undefined && !await outbox.room()) return false;
    if (this.#stopped || !isWilling(session)) return false;
    const { stream } = session;
    if (stream === undefined || session.outbox !== outbox) return false;
    const texts = this.#filtered(session, messages.slice(from, to));
    if (texts instanceof Promise) {
      const ready = await texts;
      // What was sent to a stream that is gone could not be told from what was not.
      if (session.stream !== stream || session.outbox !== outbox) return false;
      sendAll(session, ready, "until-safe");
    } else {
      sendAll(session, texts, "until-safe");
    }
    if (outbox === undefined) return await drained(stream, () => this.#stopped);
    handed.set(session, messages.slice(from, to).map(({ id, stamp }) => [id, stamp] as const));
    session.changed();
    if (await outbox.safe()) return true;
    handed.set(session, undefined);
    return false;
  }

  /** The texts to be sent, through the filters that there are. */
  #filtered(
    session: Session,
    messages: readonly OfflineMessage[],
  ): readonly string[] | Promise<readonly string[]> {
    const texts = messages.map(({ xml, stamp }) => withDelay(xml, this.#host.domain, stamp));
    if (!session.host.hooks.has(sessionSend)) return texts;
    return this.#filter(session, texts);
  }

  async #filter(session: Session, texts: readonly string[]): Promise<readonly string[]> {
    const passed: string[] = [];
    for (const text of texts) {
      const stanza = await this.#host.filter(sessionSend, parseStored(text), session);
      if (stanza !== DROP) passed.push(stanza.wire());
    }
    return passed;
  }
}

/** Sends messages that are in the store as well. */
export function sendAll(session: Session, texts: readonly string[], kept: KeptElsewhere): void {
  for (const text of texts) session.sendText(text, kept);
}

/** XEP-0013 §2.2: nobody is flooded while a session reads the messages by itself. */
function isWilling(session: Session): boolean {
  return session.stream !== undefined && takesMessages.get(session) === true &&
    !isRetrieving(session.account);
}

function isRetrieving(account: Account): boolean {
  return account.sessions.some((s) => retrieves.get(s) === true);
}

/** Waits until the connection has taken all that was sent; false if it ends before. */
export async function drained(stream: XmppStream, gaveUp: () => boolean): Promise<boolean> {
  // Streams are written at the end of the turn, before this comes back.
  await new Promise((resolve) => setImmediate(resolve));
  for (let wait = FIRST_WAIT_MS; stream.waiting > 0; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    if (stream.closed || gaveUp()) return false;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return !stream.closed;
}

/** Where the portion that starts at `from` ends. */
export function endOfPortion(messages: readonly OfflineMessage[], from: number): number {
  let size = 0;
  let to = from;
  while (to < messages.length && to - from < PORTION && size < PORTION_SIZE) {
    size += messages[to++]!.xml.length;
  }
  return to;
}
