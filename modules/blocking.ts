/**
 * XEP-0191: Blocking Command: an account says from whom it does not want to hear.
 *
 * The list of an account that is online hangs on the account, so that the filters, which see every
 * stanza, only look at a slot. The lists of accounts that are offline are read when somebody writes
 * to them, and remembered for a while.
 */

import * as v from "valibot";
import { defineModule, EMPTY_RESULT, type ModuleHost } from "../lib/module.ts";
import { setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { contactsBlocked, isBlocked } from "../lib/hooks/blocking.ts";
import { DROP, type Drop } from "../lib/hooks/hook.ts";
import { rosterGet, rosterGetItem } from "../lib/hooks/roster.ts";
import { deliverRemote, stanzaFromClient, stanzaToAccount } from "../lib/hooks/stanzas.ts";
import { blocklistGet, blocklistSet } from "../lib/hooks/storage.ts";
import { sessionBound, sessionClosed, sessionFreeze, sessionThaw } from "../lib/hooks/streams.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { then } from "../lib/later.ts";
import { Recent } from "../lib/recent.ts";
import { type Account, type Session, slot } from "../lib/session.ts";
import { errorOf, iq as iqStanza, presence, type Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { BlockTable, migrations } from "./blocking/table.ts";

const BLOCKING_NS = "urn:xmpp:blocking";
const ERRORS_NS = "urn:xmpp:blocking:errors";

const config = v.strictObject({
  items: setting(wholeNumber(1, 100_000), 1000, "Addresses that one account may block."),
  remembered: setting(
    wholeNumber(0, 10_000_000),
    20_000,
    "Accounts that are offline whose lists are remembered for some minutes.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** Blocked addresses, prepared. */
type Blocklist = ReadonlySet<string>;

/** The list of nearly everybody: one object, so that the filters can tell it at a glance. */
const EMPTY: Blocklist = new Set();

/** Another node may change a list: what is remembered of accounts elsewhere holds so long. */
const REMEMBERED_MS = 10 * 60_000;

/** On an account that is online: its list. */
const lists = slot<Blocklist>();

/** On a session: it has asked for the list, so it is told of changes (§3.3). */
const interested = slot<true>();

export default defineModule({
  name: "blocking",
  description: "Lets accounts block addresses",
  xeps: { "XEP-0191": "1.3" },
  config,
  migrations,
  setup(host) {
    const blocking = new Blocking(host);
    const table = new BlockTable(host.store, host.domain);
    host.feature(BLOCKING_NS);

    host.on(sessionBound, (session) => blocking.load(session.account));
    host.on(sessionClosed, (session) => blocking.closed(session));
    host.on(sessionFreeze, (state, session) => {
      if (interested.get(session) === true) state.blocking = true;
    });
    host.on(sessionThaw, (session, state) => {
      if (state.blocking === true) interested.set(session, true);
    });
    host.on(stanzaToAccount, (stanza, to) => blocking.inbound(stanza, to), { priority: 1000 });
    host.on(stanzaFromClient, (stanza, session) => blocking.outbound(stanza, session), {
      priority: 1000,
    });
    host.on(deliverRemote, (stanza) => blocking.isHidden(stanza, stanza.to!) ? true : undefined, {
      priority: 1000,
    });
    host.on(isBlocked, (account, other) => blocking.isBlocked(account, other));

    host.iq.get(BLOCKING_NS, "blocklist", (iq) => blocking.show(iq), "owner");
    host.iq.set(BLOCKING_NS, "block", (iq, block) => blocking.block(iq, block), "owner");
    host.iq.set(BLOCKING_NS, "unblock", (iq, unblock) => blocking.unblock(iq, unblock), "owner");

    host.on(blocklistGet, (account) => table.get(account));
    host.on(blocklistSet, (account, jids) => table.set(account, jids));
    host.on(accountDeleted, async (account) => {
      await table.wipe(account);
      blocking.forget(account);
    });
    host.onUnload(() => {
      for (const account of host.accounts()) lists.set(account, undefined);
    });
    return blocking.loadAll();
  },
});

class Blocking {
  readonly #host: Host;
  readonly #offline: Recent<Blocklist>;
  /** The last change under way, by node: changes of a list wait for each other. */
  readonly #changes = new Map<string, Promise<unknown>>();
  #pushes = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#offline = new Recent(host.config.remembered, REMEMBERED_MS);
  }

  // ---- lists ----

  /** Nothing of a session is handled before its list is there. */
  load(account: Account): Later<void> {
    if (lists.get(account) !== undefined) return;
    return then(this.#read(account.jid), (list) => {
      if (lists.get(account) === undefined) lists.set(account, list);
    });
  }

  /** For who is online already when the module is loaded. */
  async loadAll(): Promise<void> {
    for (const account of [...this.#host.accounts()]) await this.load(account);
  }

  closed(session: Session): void {
    const { account } = session;
    const list = lists.get(account);
    if (account.sessions.length === 0 && list !== undefined) {
      this.#offline.set(account.jid.node, list);
    }
  }

  forget(account: Jid): void {
    this.#offline.delete(account.node);
    const online = this.#host.account(account);
    if (online !== undefined) lists.set(online, undefined);
  }

  #read(account: Jid): Later<Blocklist> {
    return then(this.#host.ask(blocklistGet, account), (jids) => {
      const list = jids === undefined || jids.length === 0 ? EMPTY : new Set(jids);
      this.#offline.set(account.node, list);
      return list;
    });
  }

  /** The list of an account, online or not. */
  #listOf(account: Jid): Later<Blocklist> {
    const online = this.#host.account(account);
    return (online && lists.get(online)) ?? this.#offline.get(account.node) ??
      this.#read(account.toBare());
  }

  isBlocked(account: Jid, other: Jid): Later<boolean> {
    const list = this.#listOf(account);
    if (list === EMPTY) return false;
    return then(list, (l) => covers(l, other));
  }

  // ---- the filters ----

  /** What others send to an account (§3.3). */
  inbound(stanza: Stanza, to: Jid): Later<void | Drop> {
    const { from } = stanza;
    if (from === undefined) return;
    if (stanza.name === "presence" && this.isHidden(stanza, to)) return DROP;
    const online = this.#host.account(to);
    if (online === undefined && stanza.name === "presence" && !isSubscription(stanza)) return;
    const list = (online && lists.get(online)) ?? this.#offline.get(to.node);
    if (list === EMPTY) return;
    if (list !== undefined) return this.#judgeInbound(list, stanza, from, to);
    return then(this.#read(to.toBare()), (l) => this.#judgeInbound(l, stanza, from, to));
  }

  #judgeInbound(list: Blocklist, stanza: Stanza, from: Jid, to: Jid): void | Drop {
    if (list === EMPTY || this.#isExempt(from, to) || !covers(list, from)) return;
    if (stanza.name === "presence" || isReply(stanza)) return DROP;
    throw new StanzaError("service-unavailable");
  }

  /** Presence that is broadcast in an account's name, and not for somebody it has blocked. */
  isHidden(stanza: Stanza, to: Jid): boolean {
    const { from, type } = stanza;
    if (stanza.name !== "presence" || from === undefined) return false;
    if (type !== undefined && type !== "unavailable") return false;
    const online = this.#host.account(from);
    const list = online && lists.get(online);
    if (list === undefined || list === EMPTY) return false;
    return !this.#isExempt(to, from) && covers(list, to);
  }

  /** What an account sends to others (§3.3). */
  outbound(stanza: Stanza, session: Session): void | Drop {
    const list = lists.get(session.account);
    if (list === EMPTY || list === undefined) return;
    const { to } = stanza;
    if (to === undefined || this.#isExempt(to, session.jid) || !covers(list, to)) return;
    if (!isReply(stanza)) {
      // Straight to the client: as a stanza from the blocked address it would not arrive.
      const app = xml("blocked", ERRORS_NS);
      const error = new StanzaError("not-acceptable", { type: "cancel", app });
      void session.send(errorOf(stanza, error));
    }
    return DROP;
  }

  /** An account's own resources (§5), and the server that it talks to its own account through. */
  #isExempt(other: Jid, account: Jid): boolean {
    return other.bare === account.bare || other.full === this.#host.domain;
  }

  // ---- commands ----

  show(iq: Stanza): Later<Element> {
    const session = this.#host.session(iq.from!);
    if (session !== undefined && interested.get(session) !== true) {
      interested.set(session, true);
      session.changed();
    }
    return then(this.#listOf(iq.from!), (list) => itemsElement("blocklist", list));
  }

  async block(iq: Stanza, payload: Element): Promise<typeof EMPTY_RESULT> {
    const named = itemsOf(payload);
    if (named.length === 0) throw new StanzaError("bad-request", { text: "nobody is named" });
    const account = iq.from!.toBare();
    await this.#change(account, async (account, old) => {
      const added = named.filter((jid) => !old.has(jid.full));
      if (added.length === 0) return;
      const list = new Set(old);
      for (const jid of added) list.add(jid.full);
      const { items } = this.#host.config;
      if (list.size > items) {
        throw new StanzaError("policy-violation", { text: `at most ${items} addresses` });
      }
      await this.#host.ask(blocklistSet, account, [...list]);
      // Before it holds: afterwards no presence gets through.
      await this.#tellAbsence(account, added, old);
      this.#hold(account, list);
      this.#push(account, itemsElement("block", added.map((jid) => jid.full)));
    });
    await this.#host.tell(contactsBlocked, account, payload.elements("item"));
    return EMPTY_RESULT;
  }

  unblock(iq: Stanza, payload: Element): Promise<typeof EMPTY_RESULT> {
    const named = itemsOf(payload);
    return this.#change(iq.from!.toBare(), async (account, old) => {
      const removed = (named.length > 0 ? named : [...old].map((jid) => parseJid(jid)!))
        .filter((jid) => old.has(jid.full));
      if (removed.length === 0) return;
      const list = new Set(old);
      for (const jid of removed) list.delete(jid.full);
      await this.#host.ask(blocklistSet, account, [...list]);
      this.#hold(account, list);
      const said = named.length > 0 ? removed.map((jid) => jid.full) : [];
      this.#push(account, itemsElement("unblock", said));
      await this.#tellPresence(account, removed, list);
    });
  }

  /** Runs a change after those of the same account that are under way. */
  async #change(
    account: Jid,
    change: (account: Jid, old: Blocklist) => Promise<void>,
  ): Promise<typeof EMPTY_RESULT> {
    const before = this.#changes.get(account.node);
    const run = (async () => {
      await before?.catch(() => {});
      await change(account, await this.#listOf(account));
    })();
    this.#changes.set(account.node, run);
    try {
      await run;
    } finally {
      if (this.#changes.get(account.node) === run) this.#changes.delete(account.node);
    }
    return EMPTY_RESULT;
  }

  #hold(account: Jid, list: Blocklist): void {
    const kept = list.size === 0 ? EMPTY : list;
    this.#offline.set(account.node, kept);
    const online = this.#host.account(account);
    if (online !== undefined) lists.set(online, kept);
  }

  #push(account: Jid, payload: Element): void {
    for (const session of this.#host.account(account)?.sessions ?? []) {
      if (interested.get(session) !== true) continue;
      const id = `blocking-${++this.#pushes}`;
      void session.send(iqStanza({ type: "set", id, from: account, to: session.jid }, payload));
    }
  }

  // ---- presence ----

  /** To those who could see the account until now, it goes offline. */
  async #tellAbsence(account: Jid, blocked: readonly Jid[], old: Blocklist): Promise<void> {
    const sessions = this.#host.account(account)?.available() ?? [];
    if (sessions.length === 0) return;
    for (const to of await this.#watchers(account, blocked)) {
      if (covers(old, to)) continue;
      for (const { jid: from } of sessions) {
        await this.#host.send(presence({ type: "unavailable", from, to }));
      }
    }
  }

  /** To those who may see the account again, it comes online. */
  async #tellPresence(account: Jid, unblocked: readonly Jid[], list: Blocklist): Promise<void> {
    const sessions = this.#host.account(account)?.available() ?? [];
    if (sessions.length === 0) return;
    for (const to of await this.#watchers(account, unblocked)) {
      if (covers(list, to)) continue;
      for (const session of sessions) {
        const now = session.presence;
        if (now !== undefined) await this.#host.send(now.addressedTo(to));
      }
    }
  }

  /** Those among the addresses who are subscribed to the account's presence. */
  async #watchers(account: Jid, jids: readonly Jid[]): Promise<Jid[]> {
    const watchers: Jid[] = [];
    for (const jid of jids) {
      if (jid.node !== "") {
        const item = await this.#host.ask(rosterGetItem, account, jid.toBare());
        if (item !== undefined && item !== "none" && sees(item)) watchers.push(jid);
        continue;
      }
      const roster = await this.#host.ask(rosterGet, account);
      for (const item of roster?.items.values() ?? []) {
        const contact = parseJid(item.jid);
        if (contact !== undefined && sees(item) && covers(new Set([jid.full]), contact)) {
          watchers.push(contact);
        }
      }
    }
    return watchers;
  }
}

function sees({ subscription }: { subscription: string }): boolean {
  return subscription === "from" || subscription === "both";
}

/** §6: the address itself, its bare JID, or its domain is in the list. */
function covers(list: Blocklist, jid: Jid): boolean {
  return list.has(jid.full) || list.has(jid.bare) || list.has(jid.domain);
}

const SUBSCRIPTIONS: ReadonlySet<string> = new Set([
  "subscribe",
  "subscribed",
  "unsubscribe",
  "unsubscribed",
]);

function isSubscription(stanza: Stanza): boolean {
  return SUBSCRIPTIONS.has(stanza.type ?? "");
}

/** What is never answered with an error. */
function isReply(stanza: Stanza): boolean {
  return stanza.type === "error" || (stanza.name === "iq" && stanza.type === "result");
}

/** The addresses named by a command. */
function itemsOf(payload: Element): Jid[] {
  return payload.elements("item").map((item) => {
    const { jid: text } = item.attrs;
    if (text === undefined) throw new StanzaError("bad-request", { text: "an item without jid" });
    const jid = parseJid(text);
    if (jid === undefined) {
      throw new StanzaError("jid-malformed", { text: "an item's jid is none" });
    }
    return jid;
  });
}

function itemsElement(name: string, jids: Iterable<string>): Element {
  const items = Array.from(jids, (jid) => xml("item", BLOCKING_NS, { jid }));
  return xml(name, BLOCKING_NS, {}, ...items);
}
