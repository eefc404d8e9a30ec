/** The table of accounts. */

import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("accounts")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("created", integerType, (c) => c.notNull())
        .addColumn("enabled", integerType, (c) => c.notNull())
        // 1 once the account is deleted, until all that belongs to it is gone: nobody may take the
        // name before, and a restart goes on where it was.
        .addColumn("deleted", integerType, (c) => c.notNull().defaultTo(0))
        .addColumn("last_login", integerType)
        // One line per hash, as `encodeKeys` writes them: a login reads them all at once.
        .addColumn("scram", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("accounts_pk", ["host", "node"])
        .execute();
    },
  },
};

export type Key = { host: string; node: string };

export interface AccountRow {
  readonly node: string;
  readonly created: number;
  readonly enabled: number;
  readonly last_login: number | null;
  readonly scram: string;
}

/** One SELECT is all that a login costs. */
export function statements(store: Store) {
  return {
    exists: store.prepare<Key, { node: string }>((db, p) =>
      db.selectFrom("accounts").select("node")
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0)
    ),
    row: store.prepare<Key, AccountRow>((db, p) =>
      db.selectFrom("accounts").select(["node", "created", "enabled", "last_login", "scram"])
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0)
    ),
    list: store.prepare<{ host: string }, Omit<AccountRow, "scram">>((db, p) =>
      db.selectFrom("accounts").select(["node", "created", "enabled", "last_login"])
        .where("host", "=", p("host")).where("deleted", "=", 0).orderBy("node")
    ),
    insert: store.prepare<Key & { scram: string; created: number }>((db, p) =>
      db.insertInto("accounts").values({
        host: p("host"),
        node: p("node"),
        created: p("created"),
        enabled: 1,
        last_login: null,
        scram: p("scram"),
      }).onConflict((c) => c.columns(["host", "node"]).doNothing())
    ),
    setScram: store.prepare<Key & { scram: string }>((db, p) =>
      db.updateTable("accounts").set({ scram: p("scram") })
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0)
    ),
    renew: store.prepare<Key & { scram: string; old: string }>((db, p) =>
      db.updateTable("accounts").set({ scram: p("scram") })
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0).where(
          "scram",
          "=",
          p("old"),
        )
    ),
    setEnabled: store.prepare<Key & { enabled: number }>((db, p) =>
      db.updateTable("accounts").set({ enabled: p("enabled") })
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0)
    ),
    loggedIn: store.prepare<Key & { time: number }>((db, p) =>
      db.updateTable("accounts").set({ last_login: p("time") })
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0)
    ),
    markDeleted: store.prepare<Key>((db, p) =>
      db.updateTable("accounts").set({ deleted: 1, scram: "" })
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 0)
    ),
    deleted: store.prepare<{ host: string }, { node: string }>((db, p) =>
      db.selectFrom("accounts").select("node")
        .where("host", "=", p("host")).where("deleted", "=", 1)
    ),
    remove: store.prepare<Key>((db, p) =>
      db.deleteFrom("accounts")
        .where("host", "=", p("host")).where("node", "=", p("node")).where("deleted", "=", 1)
    ),
  };
}
