/**
 * What a broadcast needs of a roster, worked out once and kept with the account while it is online
 * and its roster stays as it is.
 */

import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import type { Account } from "../../lib/session.ts";
import { slot } from "../../lib/session.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Roster } from "../../lib/hooks/roster.ts";
import { rosterGet, rosterGetItem } from "../../lib/hooks/roster.ts";
import { rosterChanged } from "../../lib/hooks/roster_changes.ts";
import { JidPool } from "./jid_pool.ts";

export interface Contacts {
  /** Who sees the account's presence: `from` and `both`. */
  readonly watchers: readonly Jid[];
  /** Some of them are on other hosts. */
  readonly elsewhere: boolean;
  /** Whose presence the account sees: `to` and `both`. */
  readonly watched: readonly Jid[];
  /** Who has not yet answered a request of the account. */
  readonly asked: readonly Jid[];
  /** How many requests the account has not yet answered. */
  readonly requests: number;
}

const NOBODY: Contacts = { watchers: [], elsewhere: false, watched: [], asked: [], requests: 0 };

const book = slot<Contacts>();

export class ContactBook {
  readonly #host: ModuleHost;
  readonly #pool = new JidPool();
  #changes = 0;

  constructor(host: ModuleHost) {
    this.#host = host;
    host.on(rosterChanged, (jid) => {
      this.#changes++;
      const account = host.account(jid);
      if (account !== undefined) book.set(account, undefined);
    });
    host.onUnload(() => {
      for (const account of host.accounts()) book.set(account, undefined);
    });
  }

  /** The contacts of an account that is online: at once, if its roster is there at once. */
  of(account: Account): Later<Contacts> {
    const known = book.get(account);
    if (known !== undefined) return known;
    const roster = this.#host.ask(rosterGet, account.jid);
    if (!(roster instanceof Promise)) {
      const contacts = this.#sort(roster!);
      book.set(account, contacts);
      return contacts;
    }
    const before = this.#changes;
    return roster.then((r) => {
      const contacts = this.#sort(r!);
      if (this.#changes === before) book.set(account, contacts);
      return contacts;
    });
  }

  /** Whether `who` may see the account's presence. */
  sees(account: Jid, who: Jid): Later<boolean> {
    if (who.bare === account.bare) return true;
    const online = this.#host.account(account);
    if (online !== undefined) {
      const contacts = this.of(online);
      if (contacts instanceof Promise) return contacts.then((c) => this.isWatcher(c, who));
      return this.isWatcher(contacts, who);
    }
    const item = this.#host.ask(rosterGetItem, account, who.toBare());
    const allowed = (i: typeof item) =>
      i !== undefined && i !== "none" && !(i instanceof Promise) &&
      (i.subscription === "from" || i.subscription === "both");
    return item instanceof Promise ? item.then(allowed) : allowed(item);
  }

  isWatcher(contacts: Contacts, who: Jid): boolean {
    const shared = this.#pool.peek(who.bare);
    return shared !== undefined && contacts.watchers.includes(shared);
  }

  #sort(roster: Roster): Contacts {
    if (roster.items.size === 0) return NOBODY;
    const watchers: Jid[] = [];
    const watched: Jid[] = [];
    const asked: Jid[] = [];
    let requests = 0;
    let alike = true;
    for (const item of roster.items.values()) {
      if (item.pendingIn !== undefined) requests++;
      const { subscription } = item;
      if (subscription === "none" && !item.ask) continue;
      const jid = this.#pool.get(item.jid);
      if (jid === undefined) continue;
      if (item.ask) asked.push(jid);
      if (subscription === "from" || subscription === "both") watchers.push(jid);
      if (subscription === "to" || subscription === "both") watched.push(jid);
      if (subscription === "from" || subscription === "to") alike = false;
    }
    const elsewhere = watchers.some((w) => w.domain !== this.#host.domain);
    return { watchers, elsewhere, watched: alike ? watchers : watched, asked, requests };
  }
}
