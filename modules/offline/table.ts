/** The table of kept messages: the built-in answers to the hooks `offline.*`. */

import { type RawBuilder, sql } from "kysely";
import type { Migrations, ModuleHost } from "../../lib/module.ts";
import type { OfflineMessage } from "../../lib/hooks/storage.ts";
import type { Jid } from "../../lib/jid.ts";
import { Recent } from "../../lib/recent.ts";
import { type Dialect, idColumn, integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await idColumn(db.schema.createTable("offline_messages"), dialect)
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("stamp", integerType, (c) => c.notNull())
        .addColumn("sender", "text", (c) => c.notNull())
        .addColumn("xml", "text", (c) => c.notNull())
        .execute();
      await db.schema.createIndex("offline_messages_account").on("offline_messages")
        .columns(["host", "node", "id"]).execute();
    },
  },
};

export interface OfflineLimits {
  readonly quota: number;
  readonly quota_bytes: number;
  /** ms; 0 for none. */
  readonly max_age: number;
}

type Key = { host: string; node: string };

/** How much an account has kept. Changed in place by every message. */
interface Usage {
  count: number;
  size: number;
}

/** Accounts whose usage is remembered, and how long: another node may store for the same account. */
const USAGES = 10_000;
const USAGE_MS = 60_000;

/** Rows looked at by one step of a sweep: it must not keep other queries waiting. */
const SWEEP_ROWS = 5000;

/** What of a module's host the table needs. */
type Host = Pick<ModuleHost<OfflineLimits>, "domain" | "config" | "store">;

export class OfflineTable {
  readonly #host: Host;
  readonly #sql: ReturnType<typeof statements>;
  readonly #usages = new Recent<Usage>(USAGES, USAGE_MS);

  constructor(host: Host) {
    this.#host = host;
    this.#sql = statements(host.store);
  }

  #key(account: Jid): Key {
    return { host: this.#host.domain, node: account.node };
  }

  async store(account: Jid, message: Omit<OfflineMessage, "id">): Promise<"stored" | "full"> {
    const usage = this.#usages.get(account.node) ?? await this.#usage(account);
    const { quota, quota_bytes } = this.#host.config;
    const size = message.xml.length;
    if (usage.count >= quota || usage.size + size > quota_bytes) return "full";
    usage.count++;
    usage.size += size;
    try {
      await this.#sql.insert.run({
        host: this.#host.domain,
        node: account.node,
        stamp: message.stamp,
        sender: message.from,
        xml: message.xml,
      });
    } catch (e) {
      usage.count--;
      usage.size -= size;
      throw e;
    }
    return "stored";
  }

  async #usage(account: Jid): Promise<Usage> {
    const row = await this.#sql.usage.first(this.#key(account));
    // Another message may have asked at the same time: all must count in the same place.
    const known = this.#usages.get(account.node);
    if (known !== undefined) return known;
    const usage = { count: Number(row?.count ?? 0), size: Number(row?.size ?? 0) };
    this.#usages.set(account.node, usage);
    return usage;
  }

  list(account: Jid): Promise<readonly OfflineMessage[]> {
    return this.#sql.list.all({ ...this.#key(account), since: this.#oldest() });
  }

  /** Messages from before this moment are given up. */
  #oldest(): number {
    const { max_age } = this.#host.config;
    return max_age === 0 ? 0 : Date.now() - max_age;
  }

  async remove(account: Jid, ids: readonly number[]): Promise<true> {
    if (ids.length > 0) {
      await this.#sql.remove.run({ ...this.#key(account), ids: JSON.stringify(ids) });
      this.#usages.delete(account.node);
    }
    return true;
  }

  async wipe(account: Jid): Promise<void> {
    await this.#sql.wipe.run(this.#key(account));
    this.#usages.delete(account.node);
  }

  /** Removes what has become too old, a few rows at a time. */
  async sweep(): Promise<void> {
    const range = await this.#sql.range.first({ host: this.#host.domain });
    if (range?.first == null || range.last === null) return;
    for (let id = range.first; id <= range.last; id += SWEEP_ROWS) {
      await this.#sql.sweep.run({
        host: this.#host.domain,
        first: id,
        last: id + SWEEP_ROWS - 1,
        before: this.#oldest(),
      });
    }
  }
}

/** A list of ids as one parameter: a JSON array. */
function idsIn(dialect: Dialect, json: RawBuilder<string>): RawBuilder<boolean> {
  return dialect === "sqlite"
    ? sql<boolean>`id in (select value from json_each(${json}))`
    : sql<boolean>`id in (select value::bigint from json_array_elements_text(${json}::text::json))`;
}

function statements(store: Store) {
  const table = "offline_messages";
  return {
    usage: store.prepare<Key, { count: number; size: number | null }>((db, p) =>
      db.selectFrom(table)
        .select([sql<number>`count(*)`.as("count"), sql<number>`sum(length(xml))`.as("size")])
        .where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    insert: store.prepare<Key & { stamp: number; sender: string; xml: string }>((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        stamp: p("stamp"),
        sender: p("sender"),
        xml: p("xml"),
      })
    ),
    list: store.prepare<Key & { since: number }, OfflineMessage>((db, p) =>
      db.selectFrom(table).select(["id", "stamp", "sender as from", "xml"])
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("stamp", ">=", p("since")).orderBy("id")
    ),
    remove: store.prepare<Key & { ids: string }>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
        .where(idsIn(store.dialect, p("ids")))
    ),
    wipe: store.prepare<Key>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    range: store.prepare<{ host: string }, { first: number | null; last: number | null }>((db, p) =>
      db.selectFrom(table)
        .select([sql<number>`min(id)`.as("first"), sql<number>`max(id)`.as("last")])
        .where("host", "=", p("host"))
    ),
    sweep: store.prepare<{ host: string; first: number; last: number; before: number }>((db, p) =>
      db.deleteFrom(table).where("id", ">=", p("first")).where("id", "<=", p("last"))
        .where("host", "=", p("host")).where("stamp", "<", p("before"))
    ),
  };
}
