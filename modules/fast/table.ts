/** The table of tokens. What is in it is no token: see keys.ts. */

import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("fast_tokens")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        // The id of the client's user agent.
        .addColumn("client", text, (c) => c.notNull())
        .addColumn("nonce", text, (c) => c.notNull())
        .addColumn("mechanism", text, (c) => c.notNull())
        .addColumn("issued", integerType, (c) => c.notNull())
        .addColumn("expires", integerType, (c) => c.notNull())
        // When it was last used; 0 before.
        .addColumn("used", integerType, (c) => c.notNull())
        // The highest count seen (XEP-0484 §3.4); -1 before.
        .addColumn("count", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("fast_tokens_pk", ["host", "node", "client", "nonce"])
        .execute();
      await db.schema.createIndex("fast_tokens_expires").on("fast_tokens").column("expires")
        .execute();
    },
  },
};

export type Account = { host: string; node: string };
export type Client = Account & { client: string };
export type Key = Client & { nonce: string };

export interface TokenRow {
  readonly client: string;
  readonly nonce: string;
  readonly mechanism: string;
  /** ms since the epoch, as all times here. */
  readonly issued: number;
  readonly expires: number;
  readonly used: number;
  readonly count: number;
}

const COLUMNS = ["client", "nonce", "mechanism", "issued", "expires", "used", "count"] as const;

export function statements(store: Store) {
  const table = "fast_tokens";
  return {
    ofClient: store.prepare<Client, TokenRow>((db, p) =>
      db.selectFrom(table).select(COLUMNS)
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("client", "=", p("client"))
    ),
    ofAccount: store.prepare<Account, TokenRow>((db, p) =>
      db.selectFrom(table).select(COLUMNS)
        .where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    insert: store.prepare<
      Key & { mechanism: string; issued: number; expires: number }
    >((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        client: p("client"),
        nonce: p("nonce"),
        mechanism: p("mechanism"),
        issued: p("issued"),
        expires: p("expires"),
        used: 0,
        count: -1,
      })
    ),
    /** Changes nothing if the token is gone by now, or its count was used by another login. */
    use: store.prepare<Key & { used: number; count: number; above: number }>((db, p) =>
      db.updateTable(table).set({ used: p("used"), count: p("count") })
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("client", "=", p("client")).where("nonce", "=", p("nonce"))
        .where("count", "<=", p("above"))
    ),
    /**
     * Those that a client has been given before the one it has used (§3.5). That is told by when they
     * were issued: the lifetime in the configuration may have become shorter since.
     */
    removeEarlier: store.prepare<Client & { issued: number }>((db, p) =>
      db.deleteFrom(table)
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("client", "=", p("client")).where("issued", "<", p("issued"))
    ),
    /** Those that a client was given and has never used. */
    removeUnused: store.prepare<Client & { issued: number }>((db, p) =>
      db.deleteFrom(table)
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("client", "=", p("client")).where("used", "=", 0)
        .where("issued", "<=", p("issued"))
    ),
    remove: store.prepare<Key>((db, p) =>
      db.deleteFrom(table)
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("client", "=", p("client")).where("nonce", "=", p("nonce"))
    ),
    removeClient: store.prepare<Client>((db, p) =>
      db.deleteFrom(table)
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("client", "=", p("client"))
    ),
    removeAccount: store.prepare<Account>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    removeExpired: store.prepare<{ host: string; before: number }>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("expires", "<", p("before"))
    ),
  };
}
