/**
 * The tables of logs: rooms that have one, entries, and the days that have entries. Nobody's address is
 * in them but those of rooms.
 *
 * What was said while not everybody could enter a room is marked (`open` 0), and is never shown once the
 * room is open to all: neither a new setting nor a new owner makes it public.
 */

import type { Migrations } from "../../lib/module.ts";
import { idColumn, integerType, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("room_log_rooms")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        .addColumn("name", text, (c) => c.notNull())
        .addColumn("description", text, (c) => c.notNull())
        // Everybody may find and enter it, as it is configured now.
        .addColumn("open", integerType, (c) => c.notNull())
        .addColumn("logging", integerType, (c) => c.notNull())
        // 0 when the room was destroyed.
        .addColumn("live", integerType, (c) => c.notNull())
        // Entries up to this moment are hidden and being removed; 0 for none.
        .addColumn("gone", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("room_log_rooms_pk", ["host", "room"])
        .execute();

      const entries = db.schema.createTable("room_log_entries");
      await idColumn(entries, dialect)
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        .addColumn("at", integerType, (c) => c.notNull())
        .addColumn("open", integerType, (c) => c.notNull())
        .addColumn("kind", text, (c) => c.notNull())
        // Empty for the room itself.
        .addColumn("nick", text, (c) => c.notNull())
        .addColumn("text", text, (c) => c.notNull())
        .addColumn("detail", text, (c) => c.notNull())
        // Of messages: the room's id of it, its author's id, and which of those ids it corrects.
        .addColumn("stanza", text)
        .addColumn("origin", text)
        .addColumn("corrects", text)
        .execute();
      await db.schema.createIndex("room_log_entries_time")
        .on("room_log_entries").columns(["host", "room", "at", "id"]).execute();
      await db.schema.createIndex("room_log_entries_stanza")
        .on("room_log_entries").columns(["host", "room", "stanza"])
        .where("stanza", "is not", null).execute();
      await db.schema.createIndex("room_log_entries_corrects")
        .on("room_log_entries").columns(["host", "room", "corrects"])
        .where("corrects", "is not", null).execute();

      // See quarters.ts.
      await db.schema.createTable("room_log_days")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("room", text, (c) => c.notNull())
        .addColumn("day", integerType, (c) => c.notNull())
        .addColumn("open", integerType, (c) => c.notNull())
        .addColumn("am", integerType, (c) => c.notNull())
        .addColumn("pm", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("room_log_days_pk", ["host", "room", "day", "open"])
        .execute();
    },
  },
};
