/**
 * The tables of the archives, all in one set for all owners.
 *
 * SQLite pays for every page that a commit touches, and an index by owner touches a page for nearly
 * every message. So there a message is only put at the end of `archive`, whose key is its id; the tables
 * by which it is found, `archive_by_time` and `archive_by_peer`, are filled later, for many messages
 * at once (see `indexing.ts`). PostgreSQL has ordinary indexes in their place.
 */

import { sql } from "kysely";
import type { Migrations } from "../../lib/module.ts";
import { idColumn, integerType, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      const sqlite = dialect === "sqlite";

      await db.schema.createTable("archive_state")
        .addColumn("name", text, (c) => c.primaryKey())
        .addColumn("value", text, (c) => c.notNull())
        .execute();
      await db.insertInto("archive_state").values([
        { name: "key", value: crypto.getRandomValues(new Uint8Array(16)).toHex() },
        { name: "indexed", value: "-1" },
      ]).execute();

      // `searched`: up to which id its words are known; null if nobody has ever searched there.
      await idColumn(db.schema.createTable("archive_owners"), dialect)
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("owner", text, (c) => c.notNull().unique())
        .addColumn("searched", integerType)
        .execute();
      await db.schema.createIndex("archive_owners_host").on("archive_owners")
        .columns(["host", "id"]).execute();

      await db.schema.createTable("archive")
        .addColumn("id", sqlite ? "integer" : "bigint", (c) => c.primaryKey())
        .addColumn("owner", integerType, (c) => c.notNull())
        .addColumn("peer", text, (c) => c.notNull())
        .addColumn("resource", text, (c) => c.notNull())
        .addColumn("xml", "text", (c) => c.notNull())
        .execute();
      if (sqlite) {
        await db.schema.createTable("archive_by_time")
          .addColumn("owner", integerType, (c) => c.notNull())
          .addColumn("id", integerType, (c) => c.notNull())
          .addPrimaryKeyConstraint("archive_by_time_pk", ["owner", "id"])
          .modifyEnd(sql`without rowid`).execute();
        await db.schema.createTable("archive_by_peer")
          .addColumn("owner", integerType, (c) => c.notNull())
          .addColumn("peer", text, (c) => c.notNull())
          .addColumn("id", integerType, (c) => c.notNull())
          // So that looking for one resource of many reads no messages.
          .addColumn("resource", text, (c) => c.notNull())
          .addPrimaryKeyConstraint("archive_by_peer_pk", ["owner", "peer", "id"])
          .modifyEnd(sql`without rowid`).execute();
        await sql`create virtual table archive_words using fts5(
          words, content='', contentless_delete=1, detail='none', tokenize='ascii')`.execute(db);
      } else {
        await db.schema.createIndex("archive_by_time").on("archive")
          .columns(["owner", "id"]).execute();
        await db.schema.createIndex("archive_by_peer").on("archive")
          .columns(["owner", "peer", "id", "resource"]).execute();
        await db.schema.createTable("archive_words")
          .addColumn("id", "bigint", (c) => c.primaryKey())
          .addColumn("words", sql`tsvector`, (c) => c.notNull())
          .execute();
        await db.schema.createIndex("archive_words_index").on("archive_words").using("gin")
          .column("words").execute();
      }

      await db.schema.createTable("archive_preferences")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("preferences", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("archive_preferences_pk", ["host", "node"])
        .execute();
    },
  },
};
