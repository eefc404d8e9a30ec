/** All sessions of a host that have stream management: found by SM-ID, counted, given up. */

import type { Host } from "../../lib/host.ts";
import { StanzaError, StreamError } from "../../lib/errors.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { sessionHibernated, stanzaHeld } from "../../lib/hooks/streams.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { isLater, then } from "../../lib/later.ts";
import type { LogArea } from "../../lib/log.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { Recent } from "../../lib/recent.ts";
import type { Account, Session } from "../../lib/session.ts";
import { errorOf, type Stanza } from "../../lib/stanza.ts";
import { type Journal, QUEUE } from "./journal.ts";
import { Managed } from "./managed.ts";
import { COPIED, ELSEWHERE, type Entry, UNTIL_SAFE } from "./queue.ts";
import type { Saved } from "./records.ts";
import type { Settings } from "./settings.ts";
import { delayed } from "./texts.ts";

/** Sessions that are over and still answered with their count (§5), and for how long. */
const PAST = 10_000;
const PAST_MS = 3_600_000;

/** Stanzas of a session that is over which are on their way elsewhere at a time. */
const HANDED_DOWN = 500;

export class Keeper {
  readonly host: ModuleHost<Settings>;
  readonly config: Settings;
  readonly log: LogArea;
  journal: Journal | undefined = undefined;
  readonly #byId = new Map<string, Managed>();
  readonly #past = new Recent<{ account: string; count: number }>(PAST, PAST_MS);
  /** Available, and not in the journal: their end is news to others after a restart. */
  readonly #shown = new Set<Session>();
  /** Characters in all queues. */
  #memory = 0;
  #relieving = false;

  constructor(host: ModuleHost<Settings>) {
    this.host = host;
    this.config = host.config;
    this.log = host.log;
  }

  // ---- sessions come and go ----

  /** Turns it on for a session. `max` is how long it may be resumed, in ms; 0 for not at all. */
  manage(session: Session, max: number): Managed {
    const managed = new Managed(session, this, max > 0 ? newId() : undefined, max);
    session.outbox = managed;
    this.#add(managed);
    return managed;
  }

  /** Brings a session of the journal back; it is bound and waits for its client. */
  restore(session: Session, saved: Saved): Managed {
    const { id, max } = saved.opened;
    const managed = new Managed(session, this, id, max, saved);
    session.outbox = managed;
    this.#add(managed);
    managed.detach();
    return managed;
  }

  /** Takes over the sessions that the module had before its settings were changed. */
  adopt(accounts: Iterable<Account>): void {
    for (const account of accounts) {
      for (const session of account.sessions) {
        const { outbox } = session;
        this.presence(session);
        if (!(outbox instanceof Managed)) continue;
        outbox.keeper = this;
        this.#add(outbox);
      }
    }
  }

  /** From now on everything is written, and what is there already at the journal's start. */
  startJournal(journal: Journal): void {
    this.journal = journal;
    for (const managed of this.#byId.values()) journal.add(managed);
  }

  #add(managed: Managed): void {
    this.#memory += managed.queue.size;
    if (managed.id === undefined) return;
    this.#byId.set(managed.id, managed);
    this.hide(managed.session);
    this.journal?.add(managed);
  }

  /** A session's presence has changed. */
  presence(session: Session): void {
    session.changed();
    const { outbox } = session;
    if (session.presence === undefined) return this.hide(session);
    if (outbox instanceof Managed && outbox.id !== undefined) return;
    if (this.#shown.has(session)) return;
    this.#shown.add(session);
    this.journal?.shown(nameOf(session), true);
  }

  /** It is not available any more, or in the journal by itself. */
  hide(session: Session): void {
    if (this.#shown.delete(session)) this.journal?.shown(nameOf(session), false);
  }

  /** Sessions that are available, and not in the journal: `node/resource`. */
  *shown(): Iterable<string> {
    for (const session of this.#shown) yield nameOf(session);
  }

  /** The session of that SM-ID. */
  find(id: string): Managed | undefined {
    return this.#byId.get(id);
  }

  /** How much was handled of a session of that account which is over. */
  past(id: string, account: Jid): number | undefined {
    const past = this.#past.get(id);
    return past?.account === account.bare ? past.count : undefined;
  }

  /** Puts down the count of a session that is over. */
  remember(id: string, account: string, count: number): void {
    this.#past.set(id, { account, count });
  }

  closed({ id, session, count }: Managed): void {
    if (id === undefined || !this.#byId.delete(id)) return;
    this.remember(id, session.account.jid.bare, count);
  }

  hibernated(managed: Managed, reason: string | undefined): void {
    const { session } = managed;
    this.log.info("session hibernates", {
      jid: session.jid.full,
      reason: reason ?? "stream lost",
      stanzas: managed.queue.length,
    });
    managed.changed();
    void this.host.tell(sessionHibernated, session, () => unacknowledged(managed));
    this.#makeRoom(session.account);
  }

  /** The oldest of an account's give way. */
  #makeRoom(account: Account): void {
    const waiting = account.sessions
      .map(({ outbox }) => outbox)
      .filter((o): o is Managed => o instanceof Managed && o.lostAt > 0)
      .sort((a, b) => a.lostAt - b.lostAt);
    const tooMany = waiting.length - this.config.hibernated_per_account;
    for (const { session } of waiting.slice(0, Math.max(0, tooMany))) {
      session.end(new StreamError("resource-constraint", "too many sessions wait to be resumed"));
    }
  }

  held(stanza: Stanza, session: Session): void {
    if (this.host.has(stanzaHeld)) void this.host.tell(stanzaHeld, stanza, session);
  }

  // ---- memory ----

  grown(managed: Managed, size: number): void {
    this.#memory += size;
    if (managed.id !== undefined) this.journal?.changed(managed, QUEUE);
    if (this.#memory > this.config.memory) this.#relieve(managed);
  }

  shrunk(managed: Managed, size: number): void {
    this.#memory -= size;
    if (managed.id !== undefined) this.journal?.changed(managed, QUEUE);
  }

  /** The session that waits longest gives way, or else the one that has brought it about. */
  #relieve(managed: Managed): void {
    if (this.#relieving) return;
    this.#relieving = true;
    // Not at once: whoever sends may be in the midst of an account's sessions.
    setImmediate(() => {
      this.#relieving = false;
      if (this.#memory <= this.config.memory) return;
      let victim = managed;
      for (const m of this.#byId.values()) {
        if (m.lostAt > 0 && (victim.lostAt === 0 || m.lostAt < victim.lostAt)) victim = m;
      }
      if (victim.isOver) return;
      this.log.warn("session ended: too much waits in all sessions together", {
        jid: victim.session.jid.full,
        stanzas: victim.queue.length,
      });
      victim.session.end(new StreamError("resource-constraint", "too much waits"));
    });
  }

  // ---- what a session leaves behind ----

  /** Stanzas leave the journal when they have gone elsewhere. */
  handDown(managed: Managed): Later<void> {
    if (managed.queue.length > 0) return this.#handDownAll(managed);
    this.#forget(managed);
  }

  async #handDownAll(managed: Managed): Promise<void> {
    const { queue, session } = managed;
    while (queue.length > 0) {
      // Many in one turn: their client may be about to become available again, and has them in order.
      const count = Math.min(queue.length, HANDED_DOWN);
      const waits: Promise<void>[] = [];
      for (let n = 1; n <= count; n++) {
        const done = this.redeliver(session, queue.at(queue.acked + n));
        if (isLater(done)) waits.push(done);
      }
      await Promise.allSettled(waits);
      managed.keeper.shrunk(managed, queue.drop(count));
    }
    managed.keeper.#forget(managed);
  }

  #forget(managed: Managed): void {
    if (managed.id !== undefined) this.journal?.remove(managed);
  }

  /**
   * A stanza that the client of a session did not acknowledge goes the way of one to an unavailable
   * resource (§4); the session is over and not found any more.
   */
  redeliver(session: Session, entry: Entry): Later<void> {
    const { account, host } = session;
    const stanza = this.#leftOver(session, entry);
    if (stanza === undefined) return;
    const { router } = host.server;
    return then(host.hooks.ask(accountExists, account.jid), (exists) => {
      if (exists === true && !account.guest) return router.redeliver(stanza);
      if (stanza.from === undefined || stanza.isError) return;
      return router.route(errorOf(stanza, new StanzaError("service-unavailable")));
    });
  }

  /** The stanza, if it concerns anybody but this session. */
  #leftOver(session: Session, entry: Entry): Stanza | undefined {
    const { text, stamp, flags } = entry;
    if ((flags & (ELSEWHERE | UNTIL_SAFE)) !== 0) return undefined;
    if (!text.startsWith("<message") && !text.startsWith("<iq")) return undefined;
    const { account, host } = session;
    // Another one had it, or has it in its own queue.
    if ((flags & COPIED) !== 0 && account.sessions.some((s) => s.since <= stamp)) return undefined;
    const stanza = parseStored(delayed(entry, host.domain));
    const { type, from } = stanza;
    if (type === "error" || type === "result") return undefined;
    // Copies, results of queries, pushes: the account has what they tell.
    if (from === undefined || from.full === account.jid.bare) return undefined;
    if (stanza.to === undefined) stanza.stampTo(account.jid);
    return stanza;
  }

  // ---- the end ----

  /** Ends what nobody has adopted: the module is not loaded any more. Comes when all is handed down. */
  async abandon(host: Host): Promise<void> {
    const ended: Later<void>[] = [];
    for (const account of [...host.online.values()]) {
      for (const session of [...account.sessions]) {
        const { outbox } = session;
        if (!(outbox instanceof Managed) || outbox.keeper !== this) continue;
        if (session.stream === undefined) {
          session.end(new StreamError("reset", "stream management was switched off"));
          ended.push(session.ended);
        } else {
          session.outbox = undefined;
          outbox.dismiss();
        }
      }
    }
    await Promise.allSettled(ended);
  }
}

/** What its client has not acknowledged. */
function unacknowledged({ queue }: Managed): Stanza[] {
  const stanzas: Stanza[] = [];
  for (let n = queue.acked + 1; n <= queue.sent; n++) stanzas.push(parseStored(queue.at(n).text));
  return stanzas;
}

function nameOf({ jid }: Session): string {
  return `${jid.node}/${jid.resource}`;
}

/** Unguessable, and never given twice. */
function newId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
