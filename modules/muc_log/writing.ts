/** The statements that change a log. */

import { sql } from "kysely";
import type { Database, Parameter, Store } from "../../lib/store/mod.ts";

type Key = { host: string; room: string };

export type RoomRow = Key & {
  name: string;
  description: string;
  open: number;
  logging: number;
};

export type EntryRow = Key & {
  at: number;
  open: number;
  kind: string;
  nick: string;
  text: string;
  detail: string;
  stanza: string | null;
  origin: string | null;
  corrects: string | null;
};

type DayRow = Key & { day: number; open: number; am: number; pm: number };

/** Entries that one statement removes at most: others wait meanwhile. */
export const PORTION = 200;

export function writing(store: Store) {
  return {
    /** Notes what a room is that is logged. */
    room: store.prepare<RoomRow>((db, p) =>
      db.insertInto("room_log_rooms").values({
        host: p("host"),
        room: p("room"),
        name: p("name"),
        description: p("description"),
        open: p("open"),
        logging: p("logging"),
        live: 1,
        gone: 0,
      }).onConflict((c) =>
        c.columns(["host", "room"]).doUpdateSet({
          name: sql`excluded.name`,
          description: sql`excluded.description`,
          open: sql`excluded.open`,
          logging: sql`excluded.logging`,
          live: 1,
        })
      )
    ),
    /** The same of a room that may have a log from before, or none. */
    update: store.prepare<RoomRow>((db, p) =>
      db.updateTable("room_log_rooms").set({
        name: p("name"),
        description: p("description"),
        open: p("open"),
        logging: p("logging"),
        live: 1,
      }).where("host", "=", p("host")).where("room", "=", p("room"))
    ),
    entry: store.prepare<EntryRow>((db, p) =>
      db.insertInto("room_log_entries").values({
        host: p("host"),
        room: p("room"),
        at: p("at"),
        open: p("open"),
        kind: p("kind"),
        nick: p("nick"),
        text: p("text"),
        detail: p("detail"),
        stanza: p("stanza"),
        origin: p("origin"),
        corrects: p("corrects"),
      })
    ),
    day: store.prepare<DayRow>((db, p) =>
      db.insertInto("room_log_days").values({
        host: p("host"),
        room: p("room"),
        day: p("day"),
        open: p("open"),
        am: p("am"),
        pm: p("pm"),
      }).onConflict((c) =>
        c.columns(["host", "room", "day", "open"]).doUpdateSet({
          am: sql`room_log_days.am | excluded.am`,
          pm: sql`room_log_days.pm | excluded.pm`,
        })
      )
    ),

    // ---- retraction: in this order, for the first finds what it changes by the second ----

    /** Corrections of the message are other texts of the same. */
    retractCorrections: store.prepare<Key & { stanza: string; detail: string }>((db, p) =>
      db.updateTable("room_log_entries")
        .set({ kind: "retracted", text: "", detail: p("detail") })
        .where("host", "=", p("host")).where("room", "=", p("room"))
        .where("corrects", "=", retracted(db, p, "origin"))
        .where("nick", "=", retracted(db, p, "nick"))
    ),
    retract: store.prepare<Key & { stanza: string; detail: string }>((db, p) =>
      db.updateTable("room_log_entries")
        .set({ kind: "retracted", text: "", detail: p("detail") })
        .where("host", "=", p("host")).where("room", "=", p("room"))
        .where("stanza", "=", p("stanza"))
    ),

    // ---- removal ----

    /** The room is destroyed, and its log is kept. */
    close: store.prepare<Key>((db, p) =>
      db.updateTable("room_log_rooms").set({ live: 0, logging: 0 })
        .where("host", "=", p("host")).where("room", "=", p("room"))
    ),
    /** Hides what is there up to this moment. */
    hide: store.prepare<Key & { gone: number }>((db, p) =>
      db.updateTable("room_log_rooms").set({ live: 0, logging: 0, gone: p("gone") })
        .where("host", "=", p("host")).where("room", "=", p("room"))
    ),
    days: store.prepare<Key>((db, p) =>
      db.deleteFrom("room_log_days").where("host", "=", p("host")).where("room", "=", p("room"))
    ),
    /** A portion of what is older. */
    portion: store.prepare<Key & { until: number }>((db, p) =>
      db.deleteFrom("room_log_entries").where(
        "id",
        "in",
        db.selectFrom("room_log_entries").select("id")
          .where("host", "=", p("host")).where("room", "=", p("room"))
          .where("at", "<=", p("until")).orderBy("at").orderBy("id").limit(PORTION),
      )
    ),
    oldDays: store.prepare<{ host: string; before: number }>((db, p) =>
      db.deleteFrom("room_log_days").where("host", "=", p("host")).where("day", "<", p("before"))
    ),
    /** All is removed: of a room that was made again, the rest of the row stays. */
    forget: store.prepare<Key & { gone: number }>((db, p) =>
      db.deleteFrom("room_log_rooms").where("host", "=", p("host")).where("room", "=", p("room"))
        .where("gone", "=", p("gone")).where("live", "=", 0)
    ),
    removed: store.prepare<Key & { gone: number }>((db, p) =>
      db.updateTable("room_log_rooms").set({ gone: 0 })
        .where("host", "=", p("host")).where("room", "=", p("room")).where("gone", "=", p("gone"))
    ),
  };
}

/** A column of the message that is being retracted. */
function retracted(
  db: Database,
  p: Parameter<Key & { stanza: string }>,
  column: "origin" | "nick",
) {
  return db.selectFrom("room_log_entries as m").select(`m.${column}`)
    .where("m.host", "=", p("host")).where("m.room", "=", p("room"))
    .where("m.stanza", "=", p("stanza")).limit(1);
}

export type Writing = ReturnType<typeof writing>;
