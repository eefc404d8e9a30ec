/** The table of clients that have logged in. */

import { sql } from "kysely";
import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("client_access")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        // The id of the client's user agent.
        .addColumn("agent", text, (c) => c.notNull())
        .addColumn("software", "text", (c) => c.notNull())
        .addColumn("device", "text", (c) => c.notNull())
        // Whether it has shown the password that is set now, and a certificate.
        .addColumn("password", integerType, (c) => c.notNull())
        .addColumn("certificate", integerType, (c) => c.notNull())
        .addColumn("first_seen", integerType, (c) => c.notNull())
        .addColumn("last_seen", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("client_access_pk", ["host", "node", "agent"])
        .execute();
      await db.schema.createIndex("client_access_seen").on("client_access")
        .columns(["host", "last_seen"]).execute();
    },
  },
};

export type Account = { host: string; node: string };
export type Key = Account & { agent: string };

export interface ClientRow {
  readonly agent: string;
  readonly software: string;
  readonly device: string;
  readonly password: number;
  readonly certificate: number;
  /** ms since the epoch. */
  readonly first_seen: number;
  readonly last_seen: number;
}

export function statements(store: Store) {
  const table = "client_access";
  return {
    ofAccount: store.prepare<Account, ClientRow>((db, p) =>
      db.selectFrom(table).select([
        "agent",
        "software",
        "device",
        "password",
        "certificate",
        "first_seen",
        "last_seen",
      ]).where("host", "=", p("host")).where("node", "=", p("node")).orderBy("last_seen", "desc")
    ),
    put: store.prepare<Key & Omit<ClientRow, "agent">>((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        agent: p("agent"),
        software: p("software"),
        device: p("device"),
        password: p("password"),
        certificate: p("certificate"),
        first_seen: p("first_seen"),
        last_seen: p("last_seen"),
      }).onConflict((c) =>
        c.columns(["host", "node", "agent"]).doUpdateSet({
          software: sql`excluded.software`,
          device: sql`excluded.device`,
          password: sql`case when excluded.password = 1 then 1 else client_access.password end`,
          certificate:
            sql`case when excluded.certificate = 1 then 1 else client_access.certificate end`,
          last_seen: sql`excluded.last_seen`,
        })
      )
    ),
    forgetPasswords: store.prepare<Account>((db, p) =>
      db.updateTable(table).set({ password: 0 })
        .where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    remove: store.prepare<Key>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
        .where("agent", "=", p("agent"))
    ),
    removeAccount: store.prepare<Account>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    removeOld: store.prepare<{ host: string; before: number }>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("last_seen", "<", p("before"))
    ),
  };
}
