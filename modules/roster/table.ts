/**
 * The tables of rosters. `roster_versions` has one row for every account that has ever had a contact:
 * an account without it costs a login one index look-up.
 */

import { sql } from "kysely";
import type { RosterItem, Subscription } from "../../lib/hooks/roster.ts";
import type { Migrations } from "../../lib/module.ts";
import type { Bound, Statement, Store } from "../../lib/store/mod.ts";
import { integerType, textType } from "../../lib/store/mod.ts";
import { NO_GROUPS } from "./item.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("roster_versions")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("account", text, (c) => c.notNull())
        .addColumn("version", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("roster_versions_pk", ["host", "account"])
        .execute();
      await db.schema.createTable("roster_items")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("account", text, (c) => c.notNull())
        .addColumn("contact", text, (c) => c.notNull())
        .addColumn("name", text, (c) => c.notNull())
        .addColumn("subscription", text, (c) => c.notNull())
        .addColumn("ask", integerType, (c) => c.notNull())
        .addColumn("approved", integerType, (c) => c.notNull())
        .addColumn("listed", integerType, (c) => c.notNull())
        .addColumn("groups", text, (c) => c.notNull())
        .addColumn("pending_in", text)
        .addPrimaryKeyConstraint("roster_items_pk", ["host", "account", "contact"])
        .execute();
    },
  },
};

/** A row of an item; all columns are null for an account that has a version but no contacts. */
interface Row {
  readonly version: number;
  readonly contact: string | null;
  readonly name: string;
  readonly subscription: Subscription;
  readonly ask: number;
  readonly approved: number;
  readonly listed: number;
  readonly groups: string;
  readonly pending_in: string | null;
}

type Owner = { host: string; account: string };
type ItemKey = Owner & { contact: string };
type ItemParams = ItemKey & {
  name: string;
  subscription: string;
  ask: number;
  approved: number;
  listed: number;
  groups: string;
  pending_in: string | null;
};

/** A stored roster: items in no order, and the number of its version, 0 for one never touched. */
export interface StoredRoster {
  readonly version: number;
  readonly items: readonly RosterItem[];
}

const ITEM_COLUMNS = [
  "contact",
  "name",
  "subscription",
  "ask",
  "approved",
  "listed",
  "groups",
  "pending_in",
] as const;

/** The statements of one host. */
export class RosterTable {
  readonly #host: string;
  readonly #store: Store;
  readonly #load: Statement<Owner, Row>;
  readonly #item: Statement<ItemKey, Row>;
  readonly #put: Statement<ItemParams, never>;
  readonly #remove: Statement<ItemKey, never>;
  readonly #removeAll: Statement<Owner, never>;
  readonly #known: Statement<Owner, never>;
  readonly #touch: Statement<Owner & { now: number; by: number }, never>;
  readonly #forget: Statement<Owner, never>;

  constructor(store: Store, host: string) {
    this.#store = store;
    this.#host = host;
    this.#load = store.prepare((db, p) =>
      db.selectFrom("roster_versions as v")
        .leftJoin("roster_items as i", (join) =>
          join.onRef("i.host", "=", "v.host").onRef("i.account", "=", "v.account"))
        .select([
          "v.version",
          ...ITEM_COLUMNS.map((column) =>
            `i.${column}` as const
          ),
        ])
        .where("v.host", "=", p("host")).where("v.account", "=", p("account"))
    );
    this.#item = store.prepare((db, p) =>
      db.selectFrom("roster_items").select(ITEM_COLUMNS)
        .where("host", "=", p("host")).where("account", "=", p("account"))
        .where("contact", "=", p("contact"))
    );
    this.#put = store.prepare((db, p) => {
      const values = {
        name: p("name"),
        subscription: p("subscription"),
        ask: p("ask"),
        approved: p("approved"),
        listed: p("listed"),
        groups: p("groups"),
        pending_in: p("pending_in"),
      };
      return db.insertInto("roster_items")
        .values({ host: p("host"), account: p("account"), contact: p("contact"), ...values })
        .onConflict((c) => c.columns(["host", "account", "contact"]).doUpdateSet(values));
    });
    this.#remove = store.prepare((db, p) =>
      db.deleteFrom("roster_items").where("host", "=", p("host"))
        .where("account", "=", p("account")).where("contact", "=", p("contact"))
    );
    this.#removeAll = store.prepare((db, p) =>
      db.deleteFrom("roster_items").where("host", "=", p("host"))
        .where("account", "=", p("account"))
    );
    this.#known = store.prepare((db, p) =>
      db.insertInto("roster_versions")
        .values({ host: p("host"), account: p("account"), version: 0 })
        .onConflict((c) => c.columns(["host", "account"]).doNothing())
    );
    this.#touch = store.prepare((db, p) =>
      db.insertInto("roster_versions")
        .values({ host: p("host"), account: p("account"), version: p("now") })
        .onConflict((c) =>
          c.columns(["host", "account"]).doUpdateSet({
            version: sql`case when roster_versions.version + ${p("by")} > ${p("now")}
              then roster_versions.version + ${p("by")} else ${p("now")} end`,
          })
        )
    );
    this.#forget = store.prepare((db, p) =>
      db.deleteFrom("roster_versions").where("host", "=", p("host"))
        .where("account", "=", p("account"))
    );
  }

  async load(account: string): Promise<StoredRoster> {
    const rows = await this.#load.all({ host: this.#host, account });
    const items: RosterItem[] = [];
    for (const row of rows) if (row.contact !== null) items.push(itemOf(row.contact, row));
    return { version: rows[0]?.version ?? 0, items };
  }

  async item(account: string, contact: string): Promise<RosterItem | "none"> {
    const row = await this.#item.first({ host: this.#host, account, contact });
    return row === undefined ? "none" : itemOf(contact, row);
  }

  /** Stores an item; with `now` the version becomes `nextVersion(version, now)`. */
  async put(account: string, item: RosterItem, now: number | undefined): Promise<void> {
    const put = this.#put.bind({
      host: this.#host,
      account,
      contact: item.jid,
      name: item.name,
      subscription: item.subscription,
      ask: item.ask ? 1 : 0,
      approved: item.approved ? 1 : 0,
      listed: item.listed ? 1 : 0,
      groups: item.groups.length === 0 ? "" : JSON.stringify(item.groups),
      pending_in: item.pendingIn ?? null,
    });
    await this.#store.batch([put, this.#versionChange(account, now, 1)]);
  }

  /** Removes an item and sets the version like `put`; false if there was none. */
  async remove(account: string, contact: string, now: number | undefined): Promise<boolean> {
    const remove = this.#remove.bind({ host: this.#host, account, contact });
    const [removed] = await this.#store.batch([remove, this.#versionChange(account, now, 1)]);
    return removed!.changes > 0;
  }

  /** Removes all items; the version grows by at least `by`. */
  async wipe(account: string, now: number, by: number): Promise<void> {
    const removeAll = this.#removeAll.bind({ host: this.#host, account });
    await this.#store.batch([removeAll, this.#versionChange(account, now, by)]);
  }

  /** Removes all traces of an account. */
  async forget(account: string): Promise<void> {
    const owner = { host: this.#host, account };
    await this.#store.batch([this.#removeAll.bind(owner), this.#forget.bind(owner)]);
  }

  #versionChange(account: string, now: number | undefined, by: number): Bound {
    const owner = { host: this.#host, account };
    return now === undefined ? this.#known.bind(owner) : this.#touch.bind({ ...owner, now, by });
  }
}

/**
 * The number of the version after `version`. Mostly the time of the change in ms: an account that is
 * made anew does not repeat the versions of its namesake, which a client may still remember.
 */
export function nextVersion(version: number, now: number, by = 1): number {
  return version + by > now ? version + by : now;
}

function itemOf(jid: string, row: Row): RosterItem {
  return {
    jid,
    name: row.name,
    subscription: row.subscription,
    ask: row.ask !== 0,
    approved: row.approved !== 0,
    groups: row.groups === "" ? NO_GROUPS : JSON.parse(row.groups) as string[],
    pendingIn: row.pending_in ?? undefined,
    listed: row.listed !== 0,
  };
}
