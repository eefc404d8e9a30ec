/** The statements that read logs. `least` is 1 where only what everybody could hear may be seen. */

import type { Store } from "../../lib/store/mod.ts";
import type { Entry } from "./entries.ts";
import type { MarkedDay } from "./quarters.ts";

type Key = { host: string; room: string };

export type LogRow = {
  readonly room: string;
  readonly name: string;
  readonly description: string;
  readonly open: number;
  readonly logging: number;
  readonly live: number;
  readonly gone: number;
};

type Days = Key & { least: number; day: number; limit: number };
type Span = Key & { least: number; start: number; end: number };

const ROOM = ["room", "name", "description", "open", "logging", "live", "gone"] as const;
const DAY = ["day", "am", "pm"] as const;

export function reading(store: Store) {
  return {
    room: store.prepare<Key, LogRow>((db, p) =>
      db.selectFrom("room_log_rooms").select(ROOM)
        .where("host", "=", p("host")).where("room", "=", p("room"))
    ),
    rooms: store.prepare<{ host: string }, LogRow>((db, p) =>
      db.selectFrom("room_log_rooms").select(ROOM).where("host", "=", p("host")).orderBy("room")
    ),
    gone: store.prepare<{ host: string }, LogRow>((db, p) =>
      db.selectFrom("room_log_rooms").select(ROOM)
        .where("host", "=", p("host")).where("gone", ">", 0)
    ),
    /** Rooms whose log anybody may read, with the moment of the last entry that is shown. */
    listed: store.prepare<
      { host: string; after: string; limit: number },
      LogRow & { last: number | null }
    >((db, p) =>
      db.selectFrom("room_log_rooms as r").select((e) => [
        ...ROOM.map((name) => `r.${name}` as const),
        e.selectFrom("room_log_entries as m").select("m.at")
          .whereRef("m.host", "=", "r.host").whereRef("m.room", "=", "r.room")
          .where("m.open", "=", 1).whereRef("m.at", ">", "r.gone")
          .orderBy("m.at", "desc").limit(1).as("last"),
      ]).where("r.host", "=", p("host")).where("r.room", ">", p("after"))
        .where("r.open", "=", 1)
        .where((e) => e.or([e("r.live", "=", 1), e("r.gone", "=", 0)]))
        .orderBy("r.room").limit(p("limit"))
    ),

    /** Days of UTC up to one, the latest first; and from one on, the earliest first. */
    daysBefore: store.prepare<Days, MarkedDay>((db, p) =>
      db.selectFrom("room_log_days").select(DAY)
        .where("host", "=", p("host")).where("room", "=", p("room"))
        .where("day", "<=", p("day")).where("open", ">=", p("least"))
        .orderBy("day", "desc").limit(p("limit"))
    ),
    daysAfter: store.prepare<Days, MarkedDay>((db, p) =>
      db.selectFrom("room_log_days").select(DAY)
        .where("host", "=", p("host")).where("room", "=", p("room"))
        .where("day", ">=", p("day")).where("open", ">=", p("least"))
        .orderBy("day").limit(p("limit"))
    ),

    count: store.prepare<Span, { entries: number }>((db, p) =>
      db.selectFrom("room_log_entries").select((e) => e.fn.countAll<number>().as("entries"))
        .where("host", "=", p("host")).where("room", "=", p("room"))
        .where("at", ">=", p("start")).where("at", "<", p("end")).where("open", ">=", p("least"))
    ),
    entries: store.prepare<Span & { limit: number; offset: number }, Entry>((db, p) =>
      db.selectFrom("room_log_entries")
        .select(["id", "at", "kind", "nick", "text", "detail", "origin", "corrects"])
        .where("host", "=", p("host")).where("room", "=", p("room"))
        .where("at", ">=", p("start")).where("at", "<", p("end")).where("open", ">=", p("least"))
        .orderBy("at").orderBy("id").limit(p("limit")).offset(p("offset"))
    ),
  };
}

export type Reading = ReturnType<typeof reading>;
