/**
 * The registrations of accounts, as they are needed: with an account that is online they stay, those
 * of others are remembered for a while. Nobody waits for them on the way of a stanza.
 */

import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { Recent } from "../../lib/recent.ts";
import { type Account, slot } from "../../lib/session.ts";
import type { Element } from "../../lib/xml/element.ts";
import { parseXml } from "../../lib/xml/parser.ts";
import type { PushTable, Row } from "./table.ts";

/** An app server and node that wants to be told, and what has happened with it so far. */
export interface Registration {
  readonly service: Jid;
  /** The node at the app server; "" for none. */
  readonly target: string;
  /** Resource of the client that has enabled it. */
  readonly resource: string;
  readonly options: Element | undefined;
  /** What the client has missed since it was here. */
  missed: number;
  /** When the last push left (`performance.now()`); undefined since the client was here. */
  pushed: number | undefined;
  /** Pushes that have failed in a row. */
  failures: number;
  /** Before that nothing is tried (`performance.now()`). */
  notBefore: number;
  underWay: boolean;
  /** Disabled, or its account is gone: nothing may leave any more. */
  over: boolean;
}

export type Registrations = readonly Registration[];

/** Those of nearly everybody: one object, to be told at a glance. */
export const NONE: Registrations = [];

/** Another node may change them: what is remembered of accounts elsewhere holds so long. */
const REMEMBERED_MS = 10 * 60_000;

const ofAccount = slot<Registrations>();

export class RegistrationBook {
  readonly #host: ModuleHost;
  readonly #table: PushTable;
  readonly #recent: Recent<Registrations>;
  readonly #loading = new Map<string, Promise<Registrations>>();
  /** The last change under way, by node: changes of one list wait for each other. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(host: ModuleHost, table: PushTable, remembered: number) {
    this.#host = host;
    this.#table = table;
    this.#recent = new Recent(remembered, REMEMBERED_MS);
  }

  /** What is known at once; undefined if it must be read. */
  known(account: Jid): Registrations | undefined {
    const online = this.#host.account(account);
    return (online && ofAccount.get(online)) ?? this.#recent.get(account.node);
  }

  of(account: Jid): Later<Registrations> {
    const known = this.known(account);
    if (known !== undefined) {
      this.#pin(account, known);
      return known;
    }
    const { node } = account;
    let loading = this.#loading.get(node);
    if (loading === undefined) {
      loading = this.#load(account.toBare()).finally(() => this.#loading.delete(node));
      this.#loading.set(node, loading);
    }
    return loading;
  }

  async #load(account: Jid): Promise<Registrations> {
    const rows = await this.#table.get(account);
    // Somebody may have changed them meanwhile.
    const known = this.known(account);
    if (known !== undefined) return known;
    const list = rows.length === 0 ? NONE : rows.map(fromRow);
    this.#keep(account, list);
    return list;
  }

  /** Enabled, anew or again; false if the account has `most` others. */
  add(account: Jid, row: Row, most: number): Promise<boolean> {
    return this.#inTurn(account, async () => {
      const list = await this.of(account);
      const others = list.filter((r) => !isAt(r, row));
      if (others.length >= most) return false;
      await this.#table.set(account, row);
      for (const r of list) if (!others.includes(r)) r.over = true;
      this.#keep(account, [...others, fromRow(row)]);
      return true;
    });
  }

  /** Disabled; all nodes of the app server without a `target`. */
  remove(account: Jid, service: string, target?: string): Promise<void> {
    return this.#inTurn(account, () => this.#remove(account, service, target));
  }

  /** The app server does not take it; nothing happens if it was enabled again meanwhile. */
  giveUp(account: Jid, registration: Registration): Promise<void> {
    return this.#inTurn(account, async () => {
      if (registration.over) return;
      registration.over = true;
      await this.#remove(account, registration.service.full, registration.target);
    });
  }

  async #remove(account: Jid, service: string, target: string | undefined): Promise<void> {
    const list = await this.of(account);
    const gone = list.filter((r) => isAt(r, { service, target: target ?? r.target }));
    if (gone.length === 0) return;
    for (const r of gone) r.over = true;
    const rest = list.filter((r) => !gone.includes(r));
    this.#keep(account, rest.length === 0 ? NONE : rest);
    for (const r of gone) await this.#table.remove(account, service, r.target);
  }

  wipe(account: Jid): Promise<void> {
    return this.#inTurn(account, async () => {
      for (const r of this.known(account) ?? NONE) r.over = true;
      this.#keep(account, NONE);
      await this.#table.wipe(account);
      this.#recent.delete(account.node);
    });
  }

  async #inTurn<T>(account: Jid, change: () => Promise<T>): Promise<T> {
    const { node } = account;
    const before = this.#changes.get(node);
    const run = (async () => {
      await before?.catch(() => {});
      return await change();
    })();
    this.#changes.set(node, run);
    try {
      return await run;
    } finally {
      if (this.#changes.get(node) === run) this.#changes.delete(node);
    }
  }

  /** The account's last session is over. */
  left(account: Account): void {
    const list = ofAccount.get(account);
    if (list !== undefined) this.#recent.set(account.jid.node, list);
  }

  unpin(): void {
    for (const account of this.#host.accounts()) ofAccount.set(account, undefined);
  }

  #keep(account: Jid, list: Registrations): void {
    this.#recent.set(account.node, list);
    this.#pin(account, list);
  }

  #pin(account: Jid, list: Registrations): void {
    const online = this.#host.account(account);
    if (online !== undefined) ofAccount.set(online, list);
  }
}

function fromRow({ service, target, resource, options }: Row): Registration {
  return {
    service: parseJid(service)!,
    target,
    resource,
    options: options === "" ? undefined : parseXml(options),
    missed: 0,
    pushed: undefined,
    failures: 0,
    notBefore: 0,
    underWay: false,
    over: false,
  };
}

/** Whether both are at the same app server and node. */
export function isSame(a: Registration, b: Registration): boolean {
  return a.service.full === b.service.full && a.target === b.target;
}

function isAt(r: Registration, { service, target }: { service: string; target: string }): boolean {
  return r.service.full === service && r.target === target;
}
