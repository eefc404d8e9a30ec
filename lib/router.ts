/**
 * The one place that decides who handles a stanza: RFC 6120 §8.1 and §10, RFC 6121 §8.
 *
 * `fromClient` takes in what a session's stream has read; `route` takes anything with trusted
 * addresses. Both return a promise only if somebody on the way really waits.
 */

import type { Later } from "./later.ts";
import { isLater, then } from "./later.ts";
import type { Host } from "./host.ts";
import type { Service } from "./service.ts";
import type { Account, Session } from "./session.ts";
import type { LogArea } from "./log.ts";
import { Jid, parseJid } from "./jid.ts";
import type { Stanza } from "./stanza.ts";
import { presence } from "./stanza.ts";
import { StanzaError, StreamError } from "./errors.ts";
import { Refusals } from "./refusals.ts";
import type { Flusher } from "./net/flush.ts";
import { Broadcaster } from "./broadcast.ts";
import { FanOut, notify } from "./fan_out.ts";
import { checkFrom, checkIq, checkPresenceType, isAnswer, priorityOf } from "./stanza_rules.ts";
import { conditionOf, deliveryRules, fittingSessions, messageType } from "./delivery.ts";
import { DROP } from "./hooks/hook.ts";
import { accountExists } from "./hooks/accounts.ts";
import {
  deliver,
  deliverRemote,
  iqToSession,
  messageDelivered,
  messageOffline,
  messageToAccount,
  stanzaFromClient,
  stanzaToAccount,
  stanzaToHost,
} from "./hooks/stanzas.ts";
import {
  presenceAvailable,
  presenceChanged,
  presenceFromClient,
  presenceToAccount,
  presenceUnavailable,
} from "./hooks/presence.ts";

export class Router {
  readonly #hosts: ReadonlyMap<string, Host>;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #refusals: Refusals;
  /** For what goes to many. */
  readonly fanOut: FanOut;
  readonly broadcaster: Broadcaster;

  constructor(
    hosts: ReadonlyMap<string, Host>,
    services: ReadonlyMap<string, Service>,
    flusher: Flusher,
    log: LogArea,
  ) {
    this.#hosts = hosts;
    this.#services = services;
    this.#refusals = new Refusals(log, (stanza) => this.#route(stanza));
    const route = (stanza: Stanza) => this.route(stanza);
    this.fanOut = new FanOut(hosts, this.#refusals, route);
    this.broadcaster = new Broadcaster(hosts, flusher, this.#refusals, route);
  }

  // ---- from a client ----

  /** Takes in a stanza from a bound stream. Throws `StreamError`; all else is answered. */
  fromClient(session: Session, stanza: Stanza): Later<void> {
    checkFrom(session, stanza);
    stanza.stampFrom(session.jid);
    if (session.lang !== undefined) stanza.stampLang(session.lang);
    try {
      const done = this.#accept(session, stanza);
      return isLater(done) ? done.catch((e) => this.#refusals.refused(stanza, e)) : done;
    } catch (e) {
      return this.#refusals.refused(stanza, e);
    }
  }

  #accept(session: Session, stanza: Stanza): Later<void> {
    const to = stanza.attrs.to;
    if (to !== undefined) {
      const jid = parseJid(to);
      if (jid === undefined) throw new StanzaError("jid-malformed", { text: "`to` is no JID" });
      stanza.stampTo(jid);
    }
    if (stanza.name === "iq") checkIq(stanza);
    const { hooks } = session.host;
    if (!hooks.has(stanzaFromClient)) return this.#fromClient(session, stanza);
    const passed = hooks.filter(stanzaFromClient, stanza, session);
    if (passed instanceof Promise) {
      return passed.then((s) => s === DROP ? undefined : this.#fromClient(session, s));
    }
    if (passed !== DROP) return this.#fromClient(session, passed);
  }

  #fromClient(session: Session, stanza: Stanza): Later<void> {
    if (stanza.name === "presence") return this.#presenceFromClient(session, stanza);
    // RFC 6120 §10.3: without `to` it is for the account itself.
    if (stanza.to === undefined) stanza.stampTo(session.account.jid);
    return this.#route(stanza);
  }

  #presenceFromClient(session: Session, stanza: Stanza): Later<void> {
    const { type } = stanza;
    if (stanza.to === undefined) {
      if (type === undefined) return this.#available(session, stanza);
      if (type === "unavailable") return this.#unavailable(session, stanza);
      throw new StanzaError("bad-request", { text: `presence of type ${type} needs a recipient` });
    }
    checkPresenceType(type);
    // It ended while a filter had the stanza: nobody would be told of its absence any more.
    if (type === undefined && !session.bound) return;
    return then(
      session.host.hooks.ask(presenceFromClient, session, stanza),
      (handled) => handled === true ? undefined : this.#route(stanza),
    );
  }

  /** Initial presence or an update (RFC 6121 §4.2, §4.4). */
  #available(session: Session, stanza: Stanza): Later<void> {
    const priority = priorityOf(stanza);
    return then(session.host.hooks.filter(presenceAvailable, stanza, session), (s) => {
      if (s === DROP || !session.bound) return;
      const initial = session.presence === undefined;
      session.presence = s;
      session.priority = priority;
      return session.host.hooks.tell(presenceChanged, session, s, initial);
    });
  }

  #unavailable(session: Session, stanza: Stanza): Later<void> {
    return then(session.host.hooks.filter(presenceUnavailable, stanza, session), (s) => {
      if (s === DROP) return;
      session.presence = undefined;
      session.priority = 0;
      return session.host.hooks.tell(presenceChanged, session, s, false);
    });
  }

  /** The presence of a session that ended without taking its leave (RFC 6121 §4.5.3). */
  lost(session: Session): Later<void> {
    const gone = presence({ type: "unavailable", from: session.jid });
    // There is no stream any more that an error could end.
    const ignore = (e: unknown) =>
      e instanceof StreamError ? undefined : this.#refusals.refused(gone, e);
    try {
      const done = this.#unavailable(session, gone);
      return isLater(done) ? done.catch(ignore) : done;
    } catch (e) {
      return ignore(e);
    }
  }

  // ---- to anybody ----

  /** Routes a stanza with trusted `from` and `to`; a refusal goes back to its sender. */
  route(stanza: Stanza): Later<void> {
    return this.#refusals.guarded(stanza, () => this.#route(stanza));
  }

  /**
   * Routes a message again that a session had which is over now: to the account's other resources, to
   * where messages are kept, or back to its sender as an error. It has passed the filters on its way
   * to the account before, and is marked: see `hooks/stanzas.ts`.
   */
  redeliver(message: Stanza): Later<void> {
    const to = message.to!;
    const host = this.#hosts.get(to.domain);
    if (host === undefined) return;
    message.redelivered = true;
    message.copied = false;
    return this.#refusals.guarded(message, () => this.#toAccount(host, message, to));
  }

  #route(stanza: Stanza): Later<void> {
    const to = stanza.to!;
    const host = this.#hosts.get(to.domain);
    const hooks = (host ?? this.#hostOf(stanza.from?.domain))?.hooks;
    if (hooks?.has(deliver) === true) {
      return then(
        hooks.ask(deliver, stanza),
        (done) => done === true ? undefined : this.#deliver(host, stanza),
      );
    }
    return this.#deliver(host, stanza);
  }

  #deliver(host: Host | undefined, stanza: Stanza): Later<void> {
    const to = stanza.to!;
    if (host === undefined) {
      const service = this.#services.get(to.domain);
      return service === undefined ? this.#toRemote(stanza) : this.#toService(service, stanza, to);
    }
    if (to.node === "") return this.#toHost(host, stanza);
    if (!host.hooks.has(stanzaToAccount)) return this.#accepted(host, stanza, to);
    const passed = host.hooks.filter(stanzaToAccount, stanza, to);
    if (passed instanceof Promise) {
      return passed.then((s) => s === DROP ? undefined : this.#accepted(host, s, to));
    }
    if (passed !== DROP) return this.#accepted(host, passed, to);
  }

  #accepted(host: Host, stanza: Stanza, to: Jid): Later<void> {
    if (stanza.name !== "message" || !host.hooks.has(messageToAccount)) {
      return this.#toAccount(host, stanza, to);
    }
    const passed = host.hooks.filter(messageToAccount, stanza, to);
    if (passed instanceof Promise) {
      return passed.then((s) => s === DROP ? undefined : this.#toAccount(host, s, to));
    }
    if (passed !== DROP) return this.#toAccount(host, passed, to);
  }

  #toRemote(stanza: Stanza): Later<void> {
    const hooks = this.#hostOf(stanza.from?.domain)?.hooks;
    return then(hooks?.ask(deliverRemote, stanza), (done) => {
      if (done !== true) throw new StanzaError("remote-server-not-found");
    });
  }

  /** The host of an address here, also of a service's. */
  #hostOf(domain = ""): Host | undefined {
    return this.#hosts.get(domain) ?? this.#services.get(domain)?.host;
  }

  #toService(service: Service, stanza: Stanza, to: Jid): Later<void> {
    const { host, iqs } = service;
    if (stanza.name === "iq") {
      if (isAnswer(stanza) && host.requests.settle(stanza)) return;
      const payload = isAnswer(stanza) || !to.isBare ? undefined : stanza.first()!;
      const entry = payload &&
        iqs.find(to.node === "" ? "host" : "account", stanza, payload);
      if (entry !== undefined) return this.#answer(host, entry, stanza);
    }
    return then(service.handler?.(stanza), (handled) => {
      if (handled === true || stanza.name === "presence" || isAnswer(stanza)) return;
      throw new StanzaError("service-unavailable");
    });
  }

  #toHost(host: Host, stanza: Stanza): Later<void> {
    if (stanza.name === "iq") {
      if (isAnswer(stanza)) {
        host.requests.settle(stanza);
        return;
      }
      const payload = stanza.first()!;
      const entry = stanza.to!.isBare ? host.iqs.find("host", stanza, payload) : undefined;
      if (entry !== undefined) return this.#answer(host, entry, stanza);
    }
    return then(host.hooks.ask(stanzaToHost, stanza), (handled) => {
      if (handled !== true && stanza.name !== "presence") {
        throw new StanzaError("service-unavailable");
      }
    });
  }

  #answer(host: Host, entry: Parameters<Host["iqs"]["answer"]>[0], request: Stanza): Later<void> {
    return then(host.iqs.answer(entry, request, request.first()!), (answer) => {
      if (answer !== undefined) return this.#refusals.guarded(answer, () => this.#route(answer));
    });
  }

  #toAccount(host: Host, stanza: Stanza, to: Jid): Later<void> {
    const account = host.online.get(to.node);
    switch (stanza.name) {
      case "message":
        return this.#messageTo(host, account, stanza, to);
      case "iq":
        return this.#iqTo(host, account, stanza, to);
      default:
        return this.#presenceTo(host, account, stanza, to);
    }
  }

  // ---- to an account ----

  #messageTo(host: Host, account: Account | undefined, stanza: Stanza, to: Jid): Later<void> {
    const session = to.resource === "" ? undefined : account?.session(to.resource);
    if (session !== undefined) {
      if (host.hooks.has(messageDelivered)) return this.#handOver(host, stanza, to, [session]);
      return session.send(stanza);
    }
    if (account !== undefined) return this.#messageWithout(host, account, stanza, to, true);
    return then(
      host.hooks.ask(accountExists, to.toBare()),
      (exists) => this.#messageWithout(host, undefined, stanza, to, exists === true),
    );
  }

  /** No session has the address in `to`. */
  #messageWithout(
    host: Host,
    account: Account | undefined,
    stanza: Stanza,
    to: Jid,
    exists: boolean,
  ): Later<void> {
    const condition = exists ? conditionOf(account) : "no-account";
    const address = to.isBare ? "bare" : "no-match";
    switch (deliveryRules[condition][address][messageType(stanza.type)]) {
      case "most-available":
        return this.#handOver(host, stanza, to, fittingSessions(account!, false));
      case "all":
        return this.#handOver(host, stanza, to, fittingSessions(account!, true));
      case "offline":
        return then(host.hooks.ask(messageOffline, stanza, to.toBare()), (kept) => {
          if (kept !== true) throw new StanzaError("service-unavailable");
        });
      case "error":
        throw new StanzaError("service-unavailable");
    }
  }

  #handOver(host: Host, stanza: Stanza, to: Jid, sessions: Session[]): Later<void> {
    let waits: Promise<void>[] | undefined;
    if (sessions.length > 1) stanza.copied = true;
    // Before it is written: who copies it says so, for the case that one session never gets it.
    if (host.hooks.has(messageDelivered)) {
      const told = host.hooks.tell(messageDelivered, stanza, to.toBare(), sessions);
      if (isLater(told)) (waits ??= []).push(told);
    }
    for (const session of sessions) {
      const sent = session.send(stanza);
      if (isLater(sent)) (waits ??= []).push(sent);
    }
    if (waits !== undefined) return Promise.all(waits).then(() => {});
  }

  #iqTo(host: Host, account: Account | undefined, stanza: Stanza, to: Jid): Later<void> {
    if (to.resource !== "") {
      const session = account?.session(to.resource);
      if (isAnswer(stanza)) return session?.send(stanza);
      if (session === undefined) throw new StanzaError("service-unavailable");
      if (stanza.from?.bare === to.bare) return session.send(stanza);
      return then(host.hooks.ask(iqToSession, stanza, session), (may) => {
        if (may === false) throw new StanzaError("service-unavailable");
        return session.send(stanza);
      });
    }
    if (isAnswer(stanza)) {
      host.requests.settle(stanza); // of a module that has asked in the account's name
      return;
    }
    const entry = host.iqs.find("account", stanza, stanza.first()!);
    const own = stanza.from?.bare === to.bare;
    if (entry?.scope === "owner" && !own) throw new StanzaError("forbidden");
    if (own || account !== undefined) return this.#iqToBare(host, entry, stanza);
    return then(host.hooks.ask(accountExists, to), (exists) => {
      if (exists !== true) throw new StanzaError("service-unavailable");
      return this.#iqToBare(host, entry, stanza);
    });
  }

  #iqToBare(host: Host, entry: ReturnType<Host["iqs"]["find"]>, stanza: Stanza): Later<void> {
    if (entry === undefined) throw new StanzaError("service-unavailable");
    return this.#answer(host, entry, stanza);
  }

  #presenceTo(host: Host, account: Account | undefined, stanza: Stanza, to: Jid): Later<void> {
    const { type } = stanza;
    if (type === undefined || type === "unavailable" || type === "error") {
      return notify(account, stanza, to);
    }
    return then(host.hooks.ask(presenceToAccount, stanza, to.toBare()), () => {});
  }
}
