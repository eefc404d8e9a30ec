/**
 * A virtual host: its own modules, hooks, accounts online, settings and certificate (DESIGN §1).
 * Hosts come and go at run time.
 */

import type { Later } from "./later.ts";
import { isLater, then } from "./later.ts";
import { Jid } from "./jid.ts";
import type { HostConfig } from "./config/config.ts";
import type { Log } from "./log.ts";
import type { Server } from "./server.ts";
import { Chains } from "./hooks/chains.ts";
import { IqTable, Requests } from "./iq.ts";
import { Commands } from "./commands.ts";
import { HttpRoutes } from "./http/routes.ts";
import type { Bound } from "./session.ts";
import { Account, Session } from "./session.ts";
import type { StreamSettings } from "./stream/reader.ts";
import type { XmppStream } from "./stream/stream.ts";
import { StreamError } from "./errors.ts";
import { NS } from "./ns.ts";
import { result } from "./module.ts";
import { accountDeleted } from "./hooks/accounts.ts";
import { sessionBound, sessionClosed } from "./hooks/streams.ts";

/** A multiset: two modules may announce the same feature, and one of them may go. */
class Announcements {
  readonly #counts = new Map<string, number>();

  add(what: string): () => void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    return () => {
      const left = this.#counts.get(what)! - 1;
      if (left === 0) this.#counts.delete(what);
      else this.#counts.set(what, left);
    };
  }

  list(): string[] {
    return [...this.#counts.keys()];
  }
}

export class Host {
  readonly jid: Jid;
  readonly server: Server;
  /** Replaced by a reload. */
  config: HostConfig;
  readonly hooks: Chains;
  readonly iqs: IqTable;
  readonly requests: Requests;
  readonly commands = new Commands();
  readonly http = new HttpRoutes();
  /** Accounts with a bound resource, by node. */
  readonly online = new Map<string, Account>();
  /** Features in service discovery, of the host and of its accounts. */
  readonly features = new Announcements();
  readonly accountFeatures = new Announcements();
  readonly log: Log;
  #streamSettings: StreamSettings | undefined = undefined;
  /** What sessions that are over leave to be done. */
  readonly #leaving = new Set<Promise<void>>();
  /** Set once it is about to go: the reason, for whoever still comes. */
  #ending: StreamError | undefined = undefined;
  /** What waits for the modules; undefined when they are there. */
  #openers: (() => Later<void>)[] | undefined = [];
  /** What waits for the sessions; undefined when they are there. */
  #restorers: (() => Later<void>)[] | undefined = [];

  constructor(server: Server, config: HostConfig) {
    this.server = server;
    this.config = config;
    this.jid = Jid.of("", config.domain);
    this.log = server.log;
    this.hooks = new Chains(server.deadlines, server.log.area("hooks"));
    this.iqs = new IqTable(server.log.area("iq"));
    this.requests = new Requests(server.deadlines);
    // RFC 3921's session establishment: a step that old clients insist on and that does nothing.
    for (const scope of ["host", "owner"] as const) {
      this.iqs.add("set", NS.session, "session", {
        module: "core",
        handler: () => result(),
        scope,
      });
    }
  }

  get domain(): string {
    return this.config.domain;
  }

  /** Limits of the streams of this host's sessions. */
  get streamSettings(): StreamSettings {
    const { limits } = this.config;
    return this.#streamSettings ??= this.server.settingsFor(
      this.server.config,
      limits,
      limits.stanza_bytes,
      this.domain,
    );
  }

  /** Brings the limits of a changed configuration to all sessions. */
  applyLimits(): void {
    this.#streamSettings = undefined;
    for (const s of this.#all()) s.stream?.configure(this.streamSettings);
  }

  /** Ends sessions from which nothing has come since `since` (`performance.now()`). */
  endIdle(since: number): void {
    for (const s of [...this.#all()]) {
      if (s.stream !== undefined && s.stream.lastInput < since) {
        s.drop(new StreamError("connection-timeout", "nothing was heard for too long"));
      }
    }
  }

  *#all(): Iterable<Session> {
    for (const account of this.online.values()) yield* account.sessions;
  }

  account(jid: Jid): Account | undefined {
    return jid.domain === this.domain ? this.online.get(jid.node) : undefined;
  }

  session(jid: Jid): Session | undefined {
    return this.account(jid)?.session(jid.resource);
  }

  /** Number of bound sessions. */
  get sessions(): number {
    let n = 0;
    for (const account of this.online.values()) n += account.sessions.length;
    return n;
  }

  /**
   * Registers a bound resource; its handlers may still be loading what it needs. Throws `StreamError`
   * if the host is about to go.
   */
  bind(full: Jid, bound: Bound): Later<Session> {
    const { stream } = bound;
    if (this.#ending !== undefined) throw this.#ending;
    let account = this.online.get(full.node);
    if (account === undefined) {
      account = new Account(full.toBare(), bound.guest);
      this.online.set(full.node, account);
    }
    const session = new Session(full, account, this, bound);
    account.sessions.push(session);
    if (stream !== undefined) {
      stream.reader = session;
      this.server.unbound.delete(stream);
    }
    return then(this.hooks.tell(sessionBound, session), () => session);
  }

  /**
   * Gives a session another stream (XEP-0198 §5); one that it still has is ended with `conflict`.
   * Throws `StreamError` if the host is about to go.
   */
  rebind(session: Session, stream: XmppStream): void {
    if (this.#ending !== undefined) throw this.#ending;
    session.stream?.abandon(new StreamError("conflict", "resumed on another stream"));
    session.stream = stream;
    stream.reader = session;
    stream.clearDeadline();
    this.server.unbound.delete(stream);
  }

  /** Runs `f` when all modules are set up and before anybody connects; at once if they are. */
  whenOpen(f: () => Later<void>): Later<void> {
    if (this.#openers === undefined) return f();
    this.#openers.push(f);
  }

  /**
   * Runs `f` when all that others do at `whenOpen` is done, and with that all sessions are restored that
   * are to be; at once if they are.
   */
  whenRestored(f: () => Later<void>): Later<void> {
    if (this.#restorers === undefined) return f();
    this.#restorers.push(f);
  }

  /** All modules are set up. */
  async open(): Promise<void> {
    const openers = this.#openers ?? [];
    this.#openers = undefined;
    for (const f of openers) await f();
    const restorers = this.#restorers ?? [];
    this.#restorers = undefined;
    for (const f of restorers) await f();
  }

  /**
   * A session is over: it is not found any more, its absence is announced, and the account goes with
   * its last session, and with a guest's all that it has left.
   */
  unbind(session: Session, reason: string | undefined): Later<void> {
    const { account } = session;
    const at = account.sessions.indexOf(session);
    if (at < 0) return;
    account.sessions.splice(at, 1);
    session.stream = undefined;
    const lost = session.presence === undefined ? undefined : this.server.router.lost(session);
    const ended = then(lost, () =>
      then(this.#closed(session, reason), () => {
        if (account.sessions.length > 0 || this.online.get(account.jid.node) !== account) return;
        this.online.delete(account.jid.node);
        if (account.guest) return this.hooks.tell(accountDeleted, account.jid);
      }));
    if (isLater(ended)) {
      this.#leaving.add(ended);
      const left = () => void this.#leaving.delete(ended);
      ended.then(left, left);
    }
    return ended;
  }

  #closed(session: Session, reason: string | undefined): Later<void> {
    return then(
      this.hooks.tell(sessionClosed, session, reason),
      () => session.outbox?.over(),
    );
  }

  /**
   * Ends all sessions; resolves when what they leave behind is dealt with. With `suspend` those that
   * can be are kept for the next start of the server.
   */
  async end(error: StreamError, { suspend = false } = {}): Promise<void> {
    this.#ending = error;
    for (const account of [...this.online.values()]) {
      for (const session of [...account.sessions]) {
        if (suspend) session.suspend(error);
        else session.end(error);
      }
    }
    await Promise.allSettled(this.#leaving);
  }
}
