/** What follows when a session becomes available, changes its presence or goes (RFC 6121 §4.2-4.5). */

import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import type { Session } from "../../lib/session.ts";
import { slot } from "../../lib/session.ts";
import { presence, Stanza } from "../../lib/stanza.ts";
import { NS } from "../../lib/ns.ts";
import { parseXml } from "../../lib/xml/parser.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Roster } from "../../lib/hooks/roster.ts";
import { rosterGet } from "../../lib/hooks/roster.ts";
import { isBlocked } from "../../lib/hooks/blocking.ts";
import { presenceCheck } from "../../lib/hooks/presence.ts";
import type { ContactBook, Contacts } from "./contacts.ts";
import { takeAll } from "./directed.ts";

/** Set while others know the session as available. */
const announced = slot<true>();

/** Came back with a restart of the server, and was not resumed yet. */
const isRestored = slot<true>();

export class Broadcaster {
  readonly #host: ModuleHost;
  readonly #book: ContactBook;

  constructor(host: ModuleHost, book: ContactBook) {
    this.#host = host;
    this.#book = book;
  }

  /** `stanza` has no `to`. */
  available(session: Session, stanza: Stanza, initial: boolean): Later<void> {
    return then(this.#book.of(session.account), (contacts) => {
      // It may have become unavailable, or ended, while its contacts were looked up.
      if (session.presence === undefined) return;
      if (announced.get(session) !== true) announced.set(session, true);
      toOwn(session, stanza);
      this.#toWatchers(session, stanza, contacts);
      if (initial) return this.#begin(session, contacts);
    });
  }

  /** It is back after a restart of the server: those who see it have never seen it go. */
  restored(session: Session): void {
    if (session.presence === undefined) return;
    announced.set(session, true);
    isRestored.set(session, true);
  }

  /** The restart of a server may have been that of others, too: contacts elsewhere are asked anew. */
  resumed(session: Session): Later<void> {
    if (isRestored.get(session) !== true) return;
    isRestored.set(session, undefined);
    if (session.presence === undefined) return;
    return then(this.#book.of(session.account), ({ watched }) => {
      const elsewhere = watched.filter((c) => c.domain !== this.#host.domain);
      this.#sendEach(presence({ type: "probe", from: session.account.jid }), elsewhere);
    });
  }

  /**
   * Sessions are lost with the server's process (§4.5.3): those who are back and have seen them learn
   * that they are gone.
   */
  async vanished(jids: readonly Jid[]): Promise<void> {
    const gone = new Map<string, Jid[]>();
    for (const jid of jids) {
      const others = gone.get(jid.bare);
      if (others === undefined) gone.set(jid.bare, [jid]);
      else others.push(jid);
    }
    for (const account of [...this.#host.accounts()]) {
      const own = account.jid;
      const { watched } = await this.#book.of(account);
      for (const contact of [own, ...watched]) {
        const lost = gone.get(contact.bare);
        if (lost === undefined || await this.#host.ask(isBlocked, contact, own) === true) continue;
        for (const from of lost) {
          this.#host.fanOut(presence({ type: "unavailable", from }), [own]);
        }
      }
    }
  }

  unavailable(session: Session, stanza: Stanza): Later<void> {
    if (announced.get(session) !== true) return this.#leave(session, stanza, undefined);
    announced.set(session, undefined);
    return then(this.#book.of(session.account), (contacts) => {
      toOwn(session, stanza);
      this.#toWatchers(session, stanza, contacts);
      this.#leave(session, stanza, contacts);
    });
  }

  /**
   * A contact on this host that is blocked is left out by the filter on its own account's way; one
   * elsewhere must be left out here (XEP-0191 §3.4).
   */
  #toWatchers(session: Session, stanza: Stanza, { watchers, elsewhere }: Contacts): void {
    if (watchers.length === 0) return;
    const { jid } = session.account;
    const open = elsewhere
      ? watchers.filter((w) =>
        w.domain === this.#host.domain || this.#host.ask(isBlocked, jid, w) !== true
      )
      : watchers;
    this.#host.fanOut(stanza, open);
  }

  /** A session that was never available is over; it may have sent directed presence. */
  closed(session: Session): void {
    this.#leave(session, undefined, undefined);
  }

  /** Tells those who had directed presence and do not hear the broadcast (§4.6.3). */
  #leave(session: Session, stanza: Stanza | undefined, contacts: Contacts | undefined): void {
    const told = takeAll(session);
    if (told.length === 0) return;
    const rest = contacts === undefined
      ? told
      : told.filter((jid) => !this.#book.isWatcher(contacts, jid));
    this.#host.fanOut(stanza ?? presence({ type: "unavailable", from: session.jid }), rest);
  }

  /** A presence session begins: the client is shown who is there and who has asked. */
  #begin(session: Session, contacts: Contacts): Later<void> {
    const { account } = session;
    const first = account.sessions.every((s) => s === session || s.presence === undefined);
    if (!first) {
      for (const s of account.sessions) {
        if (s !== session && s.presence !== undefined) {
          session.send(s.presence, session.jid.full);
        }
      }
    }
    const waits: Promise<void>[] = [];
    this.#showContacts(session, contacts, waits);
    if (first && contacts.asked.length > 0) {
      // §3.1.2: what was lost on its way is asked again.
      this.#sendEach(presence({ type: "subscribe", from: account.jid }), contacts.asked);
    }
    if (contacts.requests > 0) {
      const roster = this.#host.ask(rosterGet, account.jid);
      const shown = then(roster, (r) => this.#showRequests(session, r!));
      if (shown instanceof Promise) waits.push(shown);
    }
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }

  /** Contacts elsewhere are asked by probe (§4.3.1); those here are looked up. */
  #showContacts(session: Session, contacts: Contacts, waits: Promise<void>[]): void {
    const { domain } = this.#host;
    let elsewhere: Jid[] | undefined;
    for (const contact of contacts.watched) {
      if (contact.domain !== domain || contact.node === "") {
        (elsewhere ??= []).push(contact);
        continue;
      }
      const shown = this.#showContact(session, contact);
      if (shown instanceof Promise) waits.push(shown);
    }
    if (elsewhere === undefined) return;
    this.#sendEach(presence({ type: "probe", from: session.account.jid }), elsewhere);
  }

  /** Nobody waits for these: the client's next stanza is not held up by another server. */
  #sendEach(stanza: Stanza, contacts: readonly Jid[]): void {
    for (const contact of contacts) {
      const sent = this.#host.send(stanza.addressedTo(contact));
      if (sent instanceof Promise) sent.catch(() => {}); // refusals have been answered
    }
  }

  #showContact(session: Session, contact: Jid): Later<void> {
    const known = this.#host.ask(presenceCheck, contact, session.account.jid);
    if (known === undefined) return this.#showSessions(session, contact);
    return then(known, (stanzas) => {
      if (stanzas === undefined) return this.#showSessions(session, contact);
      for (const stanza of stanzas) session.send(stanza, session.jid.full);
    });
  }

  #showSessions(session: Session, contact: Jid): Later<void> {
    const account = this.#host.account(contact);
    if (account === undefined) return;
    return then(this.#book.of(account), (theirs) => {
      if (!this.#book.isWatcher(theirs, session.account.jid)) return;
      for (const s of account.sessions) {
        if (s.presence !== undefined) session.send(s.presence, session.jid.full);
      }
    });
  }

  /** §3.1.3: with every new available resource, until the request is answered. */
  #showRequests(session: Session, roster: Roster): void {
    for (const { pendingIn, jid } of roster.items.values()) {
      if (pendingIn === undefined) continue;
      const stanza = stored(pendingIn);
      if (stanza !== undefined) session.send(stanza, session.account.jid.bare);
      else this.#host.log.warn("a kept request cannot be read", { contact: jid });
    }
  }
}

/** To all available resources of the account, the one that it is about included (§4.2.2). */
function toOwn(session: Session, stanza: Stanza): void {
  for (const s of session.account.sessions) {
    if (s.presence !== undefined || s === session) s.send(stanza, s.jid.full);
  }
}

function stored(text: string): Stanza | undefined {
  try {
    const { attrs, children, source, contentAt } = parseXml(text);
    const stanza = new Stanza("presence", NS.client, attrs, children);
    stanza.source = source;
    stanza.contentAt = contentAt;
    return stanza;
  } catch {
    return undefined;
  }
}
