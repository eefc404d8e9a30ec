/**
 * Hands an account's kept messages to a session that has become available (XEP-0160 §2).
 *
 * One session of an account is served at a time. A message is removed from the store when the
 * connection has taken it; if the session ends before, what is left is for the next one.
 */

import type { ModuleHost } from "../../lib/module.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { withDelay } from "../../lib/formats/delay.ts";
import { sessionSend } from "../../lib/hooks/stanzas.ts";
import { offlineList, offlineRemove } from "../../lib/hooks/storage.ts";
import type { OfflineMessage } from "../../lib/hooks/storage.ts";
import type { Jid } from "../../lib/jid.ts";
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

export class Replays {
  readonly #host: ModuleHost;
  /** Sessions to be served, by node; the first one is being served. */
  readonly #queues = new Map<string, Session[]>();
  #stopped = false;

  constructor(host: ModuleHost) {
    this.#host = host;
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
    if (this.#stopped || !isWilling(session)) return false;
    const { stream } = session;
    if (stream === undefined) return false;
    const filtered = session.host.hooks.has(sessionSend);
    for (let i = from; i < to; i++) {
      const { xml, stamp } = messages[i]!;
      const text = withDelay(xml, this.#host.domain, stamp);
      if (filtered) await session.send(parseStored(text));
      else stream.send(text);
    }
    return await drained(stream, () => this.#stopped);
  }
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
