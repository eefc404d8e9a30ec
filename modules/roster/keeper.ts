/**
 * The built-in storage of rosters: the store, and the roster of every account that is online in
 * memory. Reads of such an account are answered at once.
 *
 * All that touches one account's rows runs in order, so that a load never misses a write before it
 * and never undoes one behind it. Memory changes when the store has committed, not before.
 */

import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import type { Account } from "../../lib/session.ts";
import { slot } from "../../lib/session.ts";
import type { Roster, RosterItem } from "../../lib/hooks/roster.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { CompactRoster, UNTOUCHED } from "./compact.ts";
import { isModification } from "./item.ts";
import { nextVersion, RosterTable } from "./table.ts";
import type { StoredRoster } from "./table.ts";
import { Serial } from "./serial.ts";

const kept = slot<CompactRoster>();

/** What a write did: the item as it was, as far as that was in memory. */
export interface Written {
  readonly before: RosterItem | undefined;
  /** False if there was nothing to remove. */
  readonly done: boolean;
}

export class Keeper {
  readonly #host: ModuleHost;
  readonly #table: RosterTable;
  readonly #serial = new Serial();

  constructor(host: ModuleHost) {
    this.#host = host;
    this.#table = new RosterTable(host.store, host.domain);
  }

  /** The roster: now if the account is online and loaded, else from the store. */
  get(jid: Jid): Later<Roster> {
    const held = this.#held(jid);
    if (held !== undefined) return held.roster;
    return this.#serial.run(jid.bare, () => then(this.#load(jid), (loaded) => loaded.roster));
  }

  /** One contact, without loading the rest. */
  getItem(jid: Jid, contact: string): Later<RosterItem | "none"> {
    const held = this.#held(jid);
    if (held !== undefined) return held.roster.items.get(contact) ?? "none";
    return this.#serial.run(jid.bare, () => this.#table.item(jid.node, contact));
  }

  set(jid: Jid, item: RosterItem): Later<Written> {
    return this.#write(jid, async (held) => {
      const before = held?.roster.items.get(item.jid);
      const touch = held === undefined ? item.listed : isModification(before, item);
      const now = touch ? Date.now() : undefined;
      await this.#table.put(jid.node, item, now);
      this.#replace(jid, held, now, 1, (items) => items.set(item.jid, item));
      return { before, done: true };
    });
  }

  remove(jid: Jid, contact: string): Later<Written> {
    return this.#write(jid, async (held) => {
      const before = held?.roster.items.get(contact);
      if (held !== undefined && before === undefined) return { before, done: false };
      const now = before?.listed === false ? undefined : Date.now();
      const done = await this.#table.remove(jid.node, contact, now);
      this.#replace(jid, held, now, 1, (items) => items.delete(contact));
      return { before, done };
    });
  }

  /** Removes all items, each a version of its own; returns those that were in memory. */
  wipe(jid: Jid): Later<readonly RosterItem[]> {
    return this.#write(jid, async (held) => {
      const items = held === undefined ? [] : [...held.roster.items.values()];
      const now = Date.now();
      const by = Math.max(1, items.length);
      await this.#table.wipe(jid.node, now, by);
      this.#replace(jid, held, now, by, (items) => items.clear());
      return items;
    });
  }

  /** Removes all traces of an account. */
  forget(jid: Jid): Later<void> {
    return this.#write(jid, async () => {
      await this.#table.forget(jid.node);
      const account = this.#host.account(jid);
      if (account !== undefined) kept.set(account, UNTOUCHED);
    });
  }

  #held(jid: Jid): CompactRoster | undefined {
    const account = this.#host.account(jid);
    return account && kept.get(account);
  }

  /** Runs in the account's turn. Only what belongs to an online account stays in memory. */
  #load(jid: Jid): Later<CompactRoster> {
    const account = this.#host.account(jid);
    const held = account && kept.get(account);
    if (held !== undefined) return held;
    return this.#table.load(jid.node).then((stored) => {
      const roster = compact(stored);
      if (account !== undefined) kept.set(account, roster);
      return roster;
    });
  }

  #write<T>(jid: Jid, write: (held: CompactRoster | undefined) => Promise<T>): Later<T> {
    return this.#serial.run(jid.bare, async () => {
      const account = this.#host.account(jid);
      try {
        return await write(account && kept.get(account));
      } catch (e) {
        if (account !== undefined) this.#reload(jid, account);
        throw e;
      }
    });
  }

  /** A write that failed may have been kept all the same; until that is known the old state holds. */
  #reload(jid: Jid, account: Account): void {
    if (kept.get(account) === undefined) return;
    const load = () =>
      this.#table.load(jid.node).then(
        (stored) => kept.set(account, compact(stored)),
        (e) => this.#host.log.warn("a roster could not be read again", { error: String(e) }),
      );
    // In its turn, which comes when the failed write has left.
    queueMicrotask(() => void this.#serial.run(jid.bare, load));
  }

  #replace(
    jid: Jid,
    held: CompactRoster | undefined,
    now: number | undefined,
    by: number,
    change: (items: Map<string, RosterItem>) => void,
  ): void {
    const account = this.#host.account(jid);
    // One that came online meanwhile loads after us.
    if (held === undefined || account === undefined || kept.get(account) !== held) return;
    const items = new Map(held.roster.items);
    change(items);
    const version = now === undefined ? held.version : nextVersion(held.version, now, by);
    kept.set(account, new CompactRoster(version, items.values()));
  }
}

function compact({ version, items }: StoredRoster): CompactRoster {
  return version === 0 && items.length === 0 ? UNTOUCHED : new CompactRoster(version, items);
}
