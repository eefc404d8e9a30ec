/** What is asked of the tables of rooms, compiled once; lists and searches are in `lists.ts`. */

import { type RawBuilder, sql } from "kysely";
import type { Bound, Database, Dialect, Statement, Store } from "../../lib/store/mod.ts";
import type { RoomHistoryItem } from "../../lib/hooks/room_storage.ts";
import type { StoredAffiliation } from "../../lib/rooms.ts";
import { TABLES } from "./tables.ts";

export type Key = { service: string; room: string };
type RecordRow = { creator: string; created: number; record: string };
type Saved = Key & RecordRow & { persistent: number; public: number };
type Listed = Key & {
  name: string;
  description: string;
  lang: string;
  open: number;
  anonymous: number;
  search_address: string;
  search_name: string;
  search_description: string;
};
const LISTED = [
  "name",
  "description",
  "lang",
  "open",
  "anonymous",
  "search_address",
  "search_name",
  "search_description",
] as const;

/** Rows that one statement takes, as a JSON array of arrays in one parameter. */
const ROWS = 1000;

/** A statement for any number of rows. */
export function inRows<P extends { rows: string }>(
  statement: Statement<P, never>,
  params: Omit<P, "rows">,
  rows: readonly (readonly unknown[])[],
): Bound[] {
  const bound: Bound[] = [];
  for (let i = 0; i < rows.length; i += ROWS) {
    const json = JSON.stringify(rows.slice(i, i + ROWS));
    bound.push(statement.bind({ ...params, rows: json } as P));
  }
  return bound;
}

/** The elements of a JSON array as a table with the column `value`. */
function each(dialect: Dialect, json: RawBuilder<string>): RawBuilder<unknown> {
  return dialect === "sqlite"
    ? sql`json_each(${json})`
    : sql`json_array_elements(${json}::text::json)`;
}

const raw = (db: Database, query: RawBuilder<unknown>) => ({ compile: () => query.compile(db) });

export function statements(store: Store) {
  const { dialect } = store;
  const wipe = (table: keyof typeof TABLES): Statement<Key, never> =>
    store.prepare<Key, never>((db, p) =>
      db.deleteFrom(table).where("service", "=", p("service"))
        .where(TABLES[table], "=", p("room"))
    );

  return {
    record: store.prepare<Key, RecordRow>((db, p) =>
      db.selectFrom("muc_rooms").select(["creator", "created", "record"])
        .where("service", "=", p("service")).where("node", "=", p("room"))
    ),
    affiliations: store.prepare<Key, StoredAffiliation>((db, p) =>
      db.selectFrom("muc_affiliations")
        .select(["jid", "affiliation", "nick", "reason", "version", "since"])
        .where("service", "=", p("service")).where("room", "=", p("room")).orderBy("jid")
    ),

    /**
     * Counts a room that is about to be written: `rooms` and `listed` are 1 if it will be there and
     * listed. Touches nothing where nothing changes.
     */
    count: store.prepare<Key & { rooms: number; listed: number }>((db, p) =>
      raw(
        db,
        sql`
        insert into muc_services (service, rooms, listed)
        select ${p("service")}, ${p("rooms")} - count(*),
          ${p("listed")} - cast(coalesce(sum(public), 0) as bigint)
        from muc_rooms where service = ${p("service")} and node = ${p("room")}
        having count(*) <> ${p("rooms")} or
          cast(coalesce(sum(public), 0) as bigint) <> ${p("listed")}
        on conflict (service) do update set rooms = muc_services.rooms + excluded.rooms,
          listed = muc_services.listed + excluded.listed`,
      )
    ),
    save: store.prepare<Saved>((db, p) =>
      db.insertInto("muc_rooms").values({
        service: p("service"),
        node: p("room"),
        creator: p("creator"),
        created: p("created"),
        persistent: p("persistent"),
        public: p("public"),
        record: p("record"),
      }).onConflict((c) =>
        c.columns(["service", "node"]).doUpdateSet({
          creator: sql`excluded.creator`,
          created: sql`excluded.created`,
          persistent: sql`excluded.persistent`,
          public: sql`excluded.public`,
          record: sql`excluded.record`,
        })
      )
    ),
    /** Most changes of a room are none of what is listed: then nothing is written. */
    list: store.prepare<Listed>((db, p) => {
      const values = Object.fromEntries(LISTED.map((c) => [c, p(c)]));
      const changed = LISTED.map((c) =>
        sql`${sql.ref(`muc_listed.${c}`)} <> excluded.${sql.ref(c)}`
      );
      return db.insertInto("muc_listed")
        .values({ service: p("service"), node: p("room"), ...values })
        .onConflict((c) =>
          c.columns(["service", "node"])
            .doUpdateSet(Object.fromEntries(LISTED.map((c) => [c, sql`excluded.${sql.ref(c)}`])))
            .where(sql<boolean>`(${sql.join(changed, sql` or `)})`)
        );
    }),
    unlist: wipe("muc_listed"),
    /** Rows: JID, affiliation, nickname, reason, version, since; no JID twice. */
    affiliate: store.prepare<Key & { rows: string }, never>((db, p) =>
      raw(
        db,
        sql`
        insert into muc_affiliations
          (service, room, jid, affiliation, nick, reason, version, since)
        select ${p("service")}, ${p("room")}, value ->> 0, value ->> 1, value ->> 2, value ->> 3,
          cast(value ->> 4 as bigint), cast(value ->> 5 as bigint)
        from ${each(dialect, p("rows"))} where true
        on conflict (service, room, jid) do update set affiliation = excluded.affiliation,
          nick = excluded.nick, reason = excluded.reason, version = excluded.version,
          since = excluded.since`,
      )
    ),
    /** Rows: JID. */
    forget: store.prepare<Key & { rows: string }, never>((db, p) =>
      raw(
        db,
        sql`
        delete from muc_affiliations where service = ${p("service")} and room = ${p("room")}
          and jid in (select value ->> 0 from ${each(dialect, p("rows"))})`,
      )
    ),
    wipes: (Object.keys(TABLES) as (keyof typeof TABLES)[]).map(wipe),

    counts: store.prepare<{ service: string }, { rooms: number; listed: number }>((db, p) =>
      db.selectFrom("muc_services").select(["rooms", "listed"]).where("service", "=", p("service"))
    ),
    countOf: store.prepare<{ service: string; creator: string }, { count: number }>((db, p) =>
      db.selectFrom("muc_rooms").select(sql<number>`count(*)`.as("count"))
        .where("creator", "=", p("creator")).where("service", "=", p("service"))
    ),
    temporary: store.prepare<{ service: string }, { node: string }>((db, p) =>
      // A literal: the index of these rooms is not used for a parameter.
      db.selectFrom("muc_rooms").select("node").where("service", "=", p("service"))
        .where("persistent", "=", sql.lit(0)).orderBy("node")
    ),
    roomsOf: store.prepare<{ service: string; jid: string }, { room: string }>((db, p) =>
      db.selectFrom("muc_affiliations").select("room").where("jid", "=", p("jid"))
        .where("service", "=", p("service")).orderBy("room")
    ),
    roomsBy: store.prepare<{ service: string; creator: string }, { room: string }>((db, p) =>
      db.selectFrom("muc_rooms").select("node as room").where("creator", "=", p("creator"))
        .where("service", "=", p("service")).orderBy("node")
    ),

    card: store.prepare<Key, { card: string }>((db, p) =>
      db.selectFrom("muc_cards").select("card")
        .where("service", "=", p("service")).where("room", "=", p("room"))
    ),
    setCard: store.prepare<Key & { card: string }>((db, p) =>
      db.insertInto("muc_cards")
        .values({ service: p("service"), room: p("room"), card: p("card") })
        .onConflict((c) => c.columns(["service", "room"]).doUpdateSet({ card: sql`excluded.card` }))
    ),
    removeCard: wipe("muc_cards"),

    ...history(store),
    ...occupants(store),
  };
}

function history(store: Store) {
  return {
    history: store.prepare<Key, RoomHistoryItem>((db, p) =>
      db.selectFrom("muc_history").select(["id", "stamp", "xml"])
        .where("service", "=", p("service")).where("room", "=", p("room")).orderBy("seq")
    ),
    remember: store.prepare<Key & { id: string; stamp: number; xml: string }>((db, p) =>
      db.insertInto("muc_history").values({
        service: p("service"),
        room: p("room"),
        seq: sql`coalesce((select max(seq) from muc_history
          where service = ${p("service")} and room = ${p("room")}), 0) + 1`,
        id: p("id"),
        stamp: p("stamp"),
        xml: p("xml"),
      })
    ),
    trim: store.prepare<Key & { keep: number }>((db, p) =>
      db.deleteFrom("muc_history")
        .where("service", "=", p("service")).where("room", "=", p("room"))
        .where(
          "seq",
          "<=",
          db.selectFrom("muc_history").select("seq")
            .where("service", "=", p("service")).where("room", "=", p("room"))
            .orderBy("seq", "desc").limit(1).offset(p("keep")),
        )
    ),
    replace: store.prepare<Key & { id: string; xml: string }>((db, p) =>
      db.updateTable("muc_history").set({ xml: p("xml") })
        .where("service", "=", p("service")).where("room", "=", p("room"))
        .where("id", "=", p("id"))
    ),
    remove: store.prepare<Key & { id: string }>((db, p) =>
      db.deleteFrom("muc_history")
        .where("service", "=", p("service")).where("room", "=", p("room"))
        .where("id", "=", p("id"))
    ),
  };
}

/** Rows of both writes: service, room, nickname, JID. */
function occupants(store: Store) {
  const { dialect } = store;
  return {
    enter: store.prepare<{ rows: string }, never>((db, p) =>
      raw(
        db,
        sql`
        insert into muc_occupants (service, room, nick, jid)
        select value ->> 0, value ->> 1, value ->> 2, value ->> 3
        from ${each(dialect, p("rows"))} where true
        on conflict (service, room, nick, jid) do nothing`,
      )
    ),
    leave: store.prepare<{ rows: string }, never>((db, p) =>
      raw(
        db,
        sql`
        delete from muc_occupants where (service, room, nick, jid) in
          (select value ->> 0, value ->> 1, value ->> 2, value ->> 3
          from ${each(dialect, p("rows"))})`,
      )
    ),
    takeOccupants: store.prepare<
      { service: string },
      { room: string; nick: string; jid: string }
    >((db, p) =>
      db.deleteFrom("muc_occupants").where("service", "=", p("service"))
        .returning(["room", "nick", "jid"])
    ),
  };
}
