/** What happens in a room, to all who are in it: one text, and little work for each copy. */

import type { Later } from "./later.ts";
import { isLater } from "./later.ts";
import type { Host } from "./host.ts";
import type { Session } from "./session.ts";
import type { Jid } from "./jid.ts";
import type { Stanza } from "./stanza.ts";
import type { Refusals } from "./refusals.ts";
import type { Flusher } from "./net/flush.ts";
import { Fifo } from "./fifo.ts";
import { settle } from "./fan_out.ts";
import { DROP, type Drop } from "./hooks/hook.ts";
import { deliver, messageToAccount, sessionSend, stanzaToAccount } from "./hooks/stanzas.ts";

/** Copies that may wait for one session because a filter has not answered; it takes no more then. */
const LATE_COPIES = 1000;

/** A recipient without a session here: routed to, or known to be gone. */
interface Rest {
  readonly to: Jid;
  readonly stanza: Stanza | undefined;
  readonly unreachable: (jid: Jid) => void;
}

/** Copies to a session of which the first waits for a filter. */
interface Late {
  waiting: number;
  /** When all of them are dealt with. Never rejects. */
  last: Promise<void>;
}

export class Broadcaster {
  readonly #hosts: ReadonlyMap<string, Host>;
  readonly #flusher: Flusher;
  readonly #refusals: Refusals;
  readonly #route: (stanza: Stanza) => Later<void>;
  readonly #late = new Map<Session, Late>();
  readonly #rest = new Fifo<Rest>();
  #atRest = false;

  /** @param route brings a stanza to any address and answers what is refused */
  constructor(
    hosts: ReadonlyMap<string, Host>,
    flusher: Flusher,
    refusals: Refusals,
    route: (stanza: Stanza) => Later<void>,
  ) {
    this.#hosts = hosts;
    this.#flusher = flusher;
    this.#refusals = refusals;
    this.#route = route;
  }

  /** See `ModuleHost.broadcast`. */
  send(
    stanza: Stanza,
    recipients: Iterable<{ readonly jid: Jid }>,
    unreachable: (jid: Jid) => void,
  ): void {
    this.#flusher.bulk(() => {
      this.#toSessions(stanza, recipients, unreachable);
      this.#toRest();
    });
  }

  /** See `ModuleHost.burst`. */
  burst(stanzas: Iterable<Stanza>, to: Jid, unreachable: (jid: Jid) => void): void {
    const host = this.#hosts.get(to.domain);
    const session = host?.online.get(to.node)?.session(to.resource);
    if (host === undefined || session === undefined || host.hooks.has(deliver)) {
      const one = [{ jid: to }];
      for (const stanza of stanzas) this.send(stanza, one, unreachable);
      return;
    }
    this.#flusher.bulk(() => {
      const { full } = to;
      const filtered = isFiltered(host, undefined);
      for (const stanza of stanzas) {
        if (!filtered) void session.send(stanza, full);
        else if (!this.#copy(session, stanza, to)) {
          this.#rest.push({ to, stanza: undefined, unreachable });
          break;
        }
      }
      this.#toRest();
    });
  }

  #toSessions(
    stanza: Stanza,
    recipients: Iterable<{ readonly jid: Jid }>,
    unreachable: (jid: Jid) => void,
  ): void {
    let domain: string | undefined;
    let host: Host | undefined;
    let filtered = false;
    for (const { jid: to } of recipients) {
      if (to.domain !== domain) {
        domain = to.domain;
        host = this.#hosts.get(domain);
        if (host?.hooks.has(deliver) === true) host = undefined;
        filtered = host !== undefined && isFiltered(host, stanza);
      }
      if (host === undefined || to.node === "") {
        this.#rest.push({ to, stanza, unreachable });
        continue;
      }
      const session = host.online.get(to.node)?.session(to.resource);
      if (session === undefined) this.#rest.push({ to, stanza: undefined, unreachable });
      else if (!filtered) void session.send(stanza, to.full);
      else if (!this.#copy(session, stanza, to)) {
        this.#rest.push({ to, stanza: undefined, unreachable });
      }
    }
  }

  /**
   * Goes on where another broadcast has begun: who is gone leads to the next broadcast, and that to
   * others who are gone. So nothing overtakes what waits here, and the stack does not grow.
   */
  #toRest(): void {
    if (this.#atRest) return;
    this.#atRest = true;
    for (let next = this.#rest.shift(); next !== undefined; next = this.#rest.shift()) {
      const { to, stanza, unreachable } = next;
      try {
        if (stanza === undefined) unreachable(to);
        else settle(this.#route(stanza.addressedTo(to)));
      } catch (e) {
        reportError(e);
      }
    }
    this.#atRest = false;
  }

  // ---- where somebody filters ----

  /** Sends a copy behind all earlier ones for this session; false if too many of them wait. */
  #copy(session: Session, stanza: Stanza, to: Jid): boolean {
    const late = this.#late.size === 0 ? undefined : this.#late.get(session);
    if (late === undefined) {
      const done = this.#guarded(session, stanza, to);
      if (isLater(done)) this.#wait(session, { waiting: 0, last: done });
      return true;
    }
    if (late.waiting >= LATE_COPIES) return false;
    late.last = late.last.then(() =>
      this.#resumed(session, () => this.#guarded(session, stanza, to))
    );
    this.#wait(session, late);
    return true;
  }

  #wait(session: Session, late: Late): void {
    late.waiting++;
    this.#late.set(session, late);
    late.last = late.last.then(() => {
      if (--late.waiting === 0) this.#late.delete(session);
    });
  }

  /** What is refused is dropped: a room could not tell for whom. */
  #guarded(session: Session, stanza: Stanza, to: Jid): Later<void> {
    try {
      const done = this.#toAccount(session, stanza, to);
      return isLater(done) ? done.catch((e) => this.#refusals.noted(stanza, e)) : done;
    } catch (e) {
      this.#refusals.noted(stanza, e);
    }
  }

  #toAccount(session: Session, stanza: Stanza, to: Jid): Later<void> {
    const passed = session.host.hooks.filter(stanzaToAccount, stanza, to);
    return passed instanceof Promise
      ? passed.then((s) => this.#resumed(session, () => this.#accepted(session, s, to)))
      : this.#accepted(session, passed, to);
  }

  #accepted(session: Session, stanza: Stanza | Drop, to: Jid): Later<void> {
    if (stanza === DROP) return;
    if (stanza.name !== "message") return session.send(stanza, to.full);
    const passed = session.host.hooks.filter(messageToAccount, stanza, to);
    if (passed instanceof Promise) {
      return passed.then((s) =>
        s === DROP ? undefined : this.#resumed(session, () => session.send(s, to.full))
      );
    }
    if (passed !== DROP) return session.send(passed, to.full);
  }

  /** A filter has answered: the session may be over, and this is no part of the broadcast any more. */
  #resumed(session: Session, step: () => Later<void>): Later<void> {
    return session.bound ? this.#flusher.bulk(step) : undefined;
  }
}

/** Whether anybody may have a say about single copies of it, or of any stanza. */
function isFiltered({ hooks }: Host, stanza: Stanza | undefined): boolean {
  return hooks.has(stanzaToAccount) || hooks.has(sessionSend) ||
    (stanza?.name !== "presence" && hooks.has(messageToAccount));
}
