/**
 * The tables of rooms, of all services in one set: the domain of the service is in every key.
 *
 * What is stored of a room is one JSON text, which can be long. What lists and searches need of the
 * public ones is kept a second time in `muc_listed`, in the order of lists and without the rest, so
 * that looking through many rooms reads little. `muc_services` has the numbers of rooms: counting a
 * million rooms for each page of a list would take longer than the page.
 */

import { sql } from "kysely";
import type { Migrations } from "../../lib/module.ts";
import { integerType, textType } from "../../lib/store/mod.ts";

/** All tables that have rows of a room, and their column of its node. */
export const TABLES = {
  muc_rooms: "node",
  muc_listed: "node",
  muc_affiliations: "room",
  muc_cards: "room",
  muc_history: "room",
  muc_occupants: "room",
} as const;

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      // Rows of one room side by side, and lists in their order, which is what PostgreSQL's indexes
      // are for and SQLite's tables can be by themselves.
      const clustered = dialect === "sqlite" ? sql`without rowid` : sql``;

      await db.schema.createTable("muc_rooms")
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("creator", text, (c) => c.notNull())
        .addColumn("created", integerType, (c) => c.notNull())
        .addColumn("persistent", integerType, (c) => c.notNull())
        .addColumn("public", integerType, (c) => c.notNull())
        // JSON: the whole of it; what is a column besides is there to be found by.
        .addColumn("record", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("muc_rooms_pk", ["service", "node"])
        .execute();
      await db.schema.createIndex("muc_rooms_creator").on("muc_rooms")
        .columns(["creator", "service"]).execute();
      await db.schema.createIndex("muc_rooms_temporary").on("muc_rooms")
        .columns(["service", "node"]).where(sql.ref("persistent"), "=", sql.lit(0)).execute();

      await db.schema.createTable("muc_listed")
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("name", "text", (c) => c.notNull())
        .addColumn("description", "text", (c) => c.notNull())
        .addColumn("lang", "text", (c) => c.notNull())
        .addColumn("open", integerType, (c) => c.notNull())
        .addColumn("anonymous", integerType, (c) => c.notNull())
        // Without case and accents (`folded.ts`): databases have their own ideas of these.
        .addColumn("search_address", text, (c) => c.notNull())
        .addColumn("search_name", text, (c) => c.notNull())
        .addColumn("search_description", text, (c) => c.notNull())
        .addPrimaryKeyConstraint("muc_listed_pk", ["service", "node"])
        .modifyEnd(clustered).execute();

      await db.schema.createTable("muc_services")
        .addColumn("service", text, (c) => c.primaryKey())
        .addColumn("rooms", integerType, (c) => c.notNull())
        .addColumn("listed", integerType, (c) => c.notNull())
        .execute();

      await db.schema.createTable("muc_affiliations")
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        .addColumn("jid", text, (c) => c.notNull())
        .addColumn("affiliation", text, (c) => c.notNull())
        .addColumn("nick", "text", (c) => c.notNull())
        .addColumn("reason", "text", (c) => c.notNull())
        .addColumn("version", integerType, (c) => c.notNull())
        .addColumn("since", integerType, (c) => c.notNull())
        // Not the service first: SQLite would take that for the way to the rooms of a JID.
        .addPrimaryKeyConstraint("muc_affiliations_pk", ["room", "service", "jid"])
        .modifyEnd(clustered).execute();
      await db.schema.createIndex("muc_affiliations_jid").on("muc_affiliations")
        .columns(["jid", "service", "room", "affiliation"]).execute();

      await db.schema.createTable("muc_cards")
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        .addColumn("card", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("muc_cards_pk", ["service", "room"])
        .execute();

      await db.schema.createTable("muc_history")
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        // Rising within a room.
        .addColumn("seq", integerType, (c) => c.notNull())
        .addColumn("id", text, (c) => c.notNull())
        .addColumn("stamp", integerType, (c) => c.notNull())
        .addColumn("xml", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("muc_history_pk", ["service", "room", "seq"])
        .modifyEnd(clustered).execute();

      await db.schema.createTable("muc_occupants")
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        .addColumn("nick", text, (c) => c.notNull())
        .addColumn("jid", text, (c) => c.notNull())
        .addPrimaryKeyConstraint("muc_occupants_pk", ["service", "room", "nick", "jid"])
        .modifyEnd(clustered).execute();
    },
  },
};
