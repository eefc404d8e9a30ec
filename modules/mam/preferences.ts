/**
 * What an account wants to have archived (XEP-0441): everything, nothing, or what it exchanges with its
 * contacts; and whom it excepts from that.
 */

import { sql } from "kysely";
import { StanzaError } from "../../lib/errors.ts";
import { MAM_NS } from "../../lib/formats/mam.ts";
import { rosterGetItem } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { type Later, then } from "../../lib/later.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { Recent } from "../../lib/recent.ts";
import { type Account, type Session, slot } from "../../lib/session.ts";
import type { Store } from "../../lib/store/mod.ts";
import { type Element, xml } from "../../lib/xml/element.ts";

export const BEHAVIOURS = ["always", "never", "roster"] as const;
export type Behaviour = typeof BEHAVIOURS[number];

export interface Preferences {
  readonly default: Behaviour;
  /** Prepared addresses, bare or full. */
  readonly always: ReadonlySet<string>;
  readonly never: ReadonlySet<string>;
}

export interface PreferencesConfig {
  readonly default: Behaviour;
  readonly exceptions: number;
  readonly remembered: number;
}

/** Another process may change them: what is remembered of accounts that are offline holds so long. */
const REMEMBERED_MS = 10 * 60_000;

/** On an account that is online. */
const kept = slot<Preferences>();

type Host = Pick<
  ModuleHost<PreferencesConfig>,
  "account" | "accounts" | "ask" | "config" | "domain" | "store"
>;

export class PreferencesKeeper {
  readonly #host: Host;
  readonly #sql: ReturnType<typeof statements>;
  readonly #offline: Recent<Preferences>;
  /** Of everybody who has not said anything: one object, so that it is recognised at a glance. */
  readonly #usual: Preferences;

  constructor(host: Host) {
    this.#host = host;
    this.#sql = statements(host.store);
    this.#offline = new Recent(host.config.remembered, REMEMBERED_MS);
    this.#usual = { default: host.config.default, always: new Set(), never: new Set() };
  }

  /** Nothing of a session is handled before its account's preferences are there. */
  load(account: Account): Later<void> {
    if (kept.get(account) !== undefined) return;
    return then(this.get(account.jid), (preferences) => {
      if (kept.get(account) === undefined) kept.set(account, preferences);
    });
  }

  closed({ account }: Session): void {
    const preferences = kept.get(account);
    if (account.sessions.length === 0 && preferences !== undefined) {
      this.#offline.set(account.jid.node, preferences);
    }
  }

  unload(): void {
    for (const account of this.#host.accounts()) kept.set(account, undefined);
  }

  /** Those of an account, online or not. */
  get(account: Jid): Later<Preferences> {
    const online = this.#host.account(account);
    const known = (online && kept.get(online)) ?? this.#offline.get(account.node);
    if (known !== undefined) return known;
    const key = { host: this.#host.domain, node: account.node };
    return this.#sql.get.first(key).then((row) => {
      const preferences = row === undefined ? this.#usual : fromText(row.preferences);
      this.#offline.set(account.node, preferences);
      return preferences;
    });
  }

  async set(account: Jid, preferences: Preferences): Promise<void> {
    const { exceptions } = this.#host.config;
    if (preferences.always.size + preferences.never.size > exceptions) {
      throw new StanzaError("policy-violation", { text: `at most ${exceptions} addresses` });
    }
    await this.#sql.set.run({
      host: this.#host.domain,
      node: account.node,
      preferences: toText(preferences),
    });
    this.#offline.set(account.node, preferences);
    const online = this.#host.account(account);
    if (online !== undefined) kept.set(online, preferences);
  }

  async forget(account: Jid): Promise<void> {
    await this.#sql.remove.run({ host: this.#host.domain, node: account.node });
    this.#offline.delete(account.node);
  }

  /** Whether a message to or from `other` is archived for the account (§2.3). */
  allows(account: Jid, other: Jid): Later<boolean> {
    const preferences = this.get(account);
    if (preferences === this.#usual && preferences.default !== "roster") {
      return preferences.default === "always";
    }
    return then(preferences, (p) => this.#judge(p, account, other));
  }

  #judge(preferences: Preferences, account: Jid, other: Jid): Later<boolean> {
    const { always, never } = preferences;
    if (never.size > 0 && (never.has(other.bare) || never.has(other.full))) return false;
    if (always.size > 0 && (always.has(other.bare) || always.has(other.full))) return true;
    if (preferences.default !== "roster") return preferences.default === "always";
    if (other.bare === account.bare) return true;
    return then(
      this.#host.ask(rosterGetItem, account.toBare(), other.toBare()),
      (item) => item !== undefined && item !== "none" && item.listed,
    );
  }
}

interface Stored {
  readonly default: Behaviour;
  readonly always: readonly string[];
  readonly never: readonly string[];
}

function toText({ default: usual, always, never }: Preferences): string {
  const stored: Stored = { default: usual, always: [...always], never: [...never] };
  return JSON.stringify(stored);
}

function fromText(text: string): Preferences {
  const { default: usual, always, never } = JSON.parse(text) as Stored;
  return { default: usual, always: new Set(always), never: new Set(never) };
}

export function preferencesElement(preferences: Preferences): Element {
  const list = (name: "always" | "never") =>
    xml(name, MAM_NS, {}, ...Array.from(preferences[name], (jid) => xml("jid", MAM_NS, {}, jid)));
  return xml("prefs", MAM_NS, { default: preferences.default }, list("always"), list("never"));
}

/** @throws StanzaError `bad-request`, or `jid-malformed` */
export function readPreferences(prefs: Element): Preferences {
  const { default: usual } = prefs.attrs;
  const behaviour = BEHAVIOURS.find((b) => b === usual);
  if (behaviour === undefined) {
    throw new StanzaError("bad-request", { text: "the default is always, never or roster" });
  }
  const list = (name: "always" | "never") => {
    const jids = prefs.child(name)?.elements("jid") ?? [];
    return new Set(jids.map((element) => {
      const jid = parseJid(element.text().trim());
      if (jid === undefined) throw new StanzaError("jid-malformed", { text: "a <jid/> is none" });
      return jid.full;
    }));
  };
  return { default: behaviour, always: list("always"), never: list("never") };
}

type Key = { host: string; node: string };

function statements(store: Store) {
  const table = "archive_preferences";
  return {
    get: store.prepare<Key, { preferences: string }>((db, p) =>
      db.selectFrom(table).select("preferences").where("host", "=", p("host"))
        .where("node", "=", p("node"))
    ),
    set: store.prepare<Key & { preferences: string }>((db, p) =>
      db.insertInto(table)
        .values({ host: p("host"), node: p("node"), preferences: p("preferences") })
        .onConflict((c) =>
          c.columns(["host", "node"]).doUpdateSet({ preferences: sql`excluded.preferences` })
        )
    ),
    remove: store.prepare<Key>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
  };
}
