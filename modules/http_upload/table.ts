/** The table of slots and files. */

import { type RawBuilder, sql } from "kysely";
import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

/** What a row stands for. */
export const SLOT = 0;
export const STORED = 1;
/** The file is gone; its bytes still count for the day. */
export const GONE = 2;

/** A moment that never comes. */
export const NEVER = Number.MAX_SAFE_INTEGER;

export const PURPOSES = ["message", "profile", "ephemeral", "permanent"] as const;
export type Purpose = typeof PURPOSES[number];

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("uploads")
        .addColumn("id", text, (c) => c.primaryKey())
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("name", "text", (c) => c.notNull())
        .addColumn("type", "text", (c) => c.notNull())
        .addColumn("size", integerType, (c) => c.notNull())
        .addColumn("purpose", text, (c) => c.notNull())
        .addColumn("secret", "text", (c) => c.notNull())
        .addColumn("state", integerType, (c) => c.notNull())
        .addColumn("created", integerType, (c) => c.notNull())
        .addColumn("stored", integerType, (c) => c.notNull())
        .addColumn("until", integerType, (c) => c.notNull())
        .addColumn("expires", integerType, (c) => c.notNull())
        .execute();
      await db.schema.createIndex("uploads_account").on("uploads")
        .columns(["host", "node", "created"]).execute();
      await db.schema.createIndex("uploads_expires").on("uploads")
        .columns(["host", "expires"]).execute();
    },
  },
};

/** A slot or a file. Times in ms since the epoch. */
export type Row = {
  /** 32 hexadecimal digits. */
  id: string;
  host: string;
  node: string;
  name: string;
  /** Content type; empty while nobody has told it. */
  type: string;
  size: number;
  purpose: string;
  /** Whoever has it may upload. */
  secret: string;
  state: number;
  created: number;
  stored: number;
  /** When its owner wants the file gone, at the latest. */
  until: number;
  /** When the slot, or the file, goes. */
  expires: number;
};

export type Statements = ReturnType<typeof statements>;

/** The end of a file that is kept for so many ms, unless its owner wants it gone before. */
function due(ms: RawBuilder<number>): RawBuilder<number> {
  return sql<number>`case when created + ${ms} < until then created + ${ms} else until end`;
}

type Account = { host: string; node: string };

export function statements(store: Store) {
  const table = "uploads";
  return {
    insert: store.prepare<Row>((db, p) =>
      db.insertInto(table).values({
        id: p("id"),
        host: p("host"),
        node: p("node"),
        name: p("name"),
        type: p("type"),
        size: p("size"),
        purpose: p("purpose"),
        secret: p("secret"),
        state: p("state"),
        created: p("created"),
        stored: p("stored"),
        until: p("until"),
        expires: p("expires"),
      })
    ),
    get: store.prepare<{ id: string; host: string }, Row>((db, p) =>
      db.selectFrom(table).selectAll().where("id", "=", p("id")).where("host", "=", p("host"))
    ),
    /** What an account has: files and slots. */
    usage: store.prepare<
      Account & { now: number },
      { count: number; size: number | null; next: number | null }
    >((db, p) =>
      db.selectFrom(table).select([
        sql<number>`count(*)`.as("count"),
        sql<number>`sum(size)`.as("size"),
        sql<number>`min(expires)`.as("next"),
      ]).where("host", "=", p("host")).where("node", "=", p("node"))
        .where("state", "<", GONE).where("expires", ">", p("now"))
    ),
    profile: store.prepare<Account & { now: number }, { size: number | null }>((db, p) =>
      db.selectFrom(table).select(sql<number>`sum(size)`.as("size"))
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("state", "<", GONE).where("expires", ">", p("now"))
        .where("purpose", "=", "profile")
    ),
    /** What it has asked for since, whether it is still there or not. Slots never used do not count. */
    since: store.prepare<
      Account & { since: number; now: number },
      { size: number | null; first: number | null }
    >((db, p) =>
      db.selectFrom(table).select([
        sql<number>`sum(size)`.as("size"),
        sql<number>`min(created)`.as("first"),
      ]).where("host", "=", p("host")).where("node", "=", p("node"))
        .where("created", ">", p("since"))
        .where((e) => e.or([e("state", ">", SLOT), e("expires", ">", p("now"))]))
    ),
    total: store.prepare<{ host: string }, { size: number | null }>((db, p) =>
      db.selectFrom(table).select(sql<number>`sum(size)`.as("size"))
        .where("host", "=", p("host")).where("state", "<", GONE)
    ),
    list: store.prepare<Account & { now: number; limit: number }, Row>((db, p) =>
      db.selectFrom(table).selectAll().where("host", "=", p("host")).where("node", "=", p("node"))
        .where("state", "=", STORED).where("expires", ">", p("now"))
        .orderBy("created", "desc").limit(p("limit"))
    ),
    /** A slot becomes a file, unless it has been taken away. */
    keep: store.prepare<
      { id: string; type: string; stored: number; expires: number; now: number }
    >((db, p) =>
      db.updateTable(table).set({
        state: STORED,
        type: p("type"),
        stored: p("stored"),
        expires: p("expires"),
        secret: "",
      }).where("id", "=", p("id")).where("state", "=", SLOT).where("expires", ">", p("now"))
    ),
    /** A slot in use does not expire. */
    hold: store.prepare<{ id: string; now: number; expires: number }>((db, p) =>
      db.updateTable(table).set({ expires: p("expires") }).where("id", "=", p("id"))
        .where("state", "=", SLOT).where("expires", ">", p("now"))
    ),
    /** Other rules for how long files are kept. */
    renew: store.prepare<{ host: string; purpose: string; ms: number }>((db, p) =>
      db.updateTable(table).set({ expires: due(p("ms")) })
        .where("host", "=", p("host")).where("purpose", "=", p("purpose"))
        .where("state", "=", STORED).where("expires", ">", 0).where("expires", "<>", due(p("ms")))
    ),
    /** All that an account has is over. */
    end: store.prepare<Account>((db, p) =>
      db.updateTable(table).set({ expires: 0 }).where("host", "=", p("host"))
        .where("node", "=", p("node")).where("state", "<", GONE)
    ),
    /** After an account has gone there is no day to count for. */
    forget: store.prepare<Account>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
        .where("state", "=", GONE)
    ),
    endOne: store.prepare<{ id: string; host: string; now: number }>((db, p) =>
      db.updateTable(table).set({ expires: 0 }).where("id", "=", p("id"))
        .where("host", "=", p("host")).where("state", "=", STORED).where("expires", ">", p("now"))
    ),
    expired: store.prepare<{ host: string; now: number; limit: number }, Row>((db, p) =>
      db.selectFrom(table).selectAll().where("host", "=", p("host"))
        .where("expires", "<=", p("now")).where("state", "<", GONE)
        .orderBy("expires").limit(p("limit"))
    ),
    drop: store.prepare<{ id: string }>((db, p) => db.deleteFrom(table).where("id", "=", p("id"))),
    gone: store.prepare<{ id: string; expires: number }>((db, p) =>
      db.updateTable(table).set({ state: GONE, expires: p("expires") }).where("id", "=", p("id"))
    ),
    purge: store.prepare<{ host: string; now: number }>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("expires", "<=", p("now"))
        .where("state", "=", GONE)
    ),
    /** Ids from one to another. */
    ids: store.prepare<{ host: string; from: string; to: string }, { id: string }>((db, p) =>
      db.selectFrom(table).select("id").where("id", ">=", p("from")).where("id", "<", p("to"))
        .where("host", "=", p("host")).where("state", "<", GONE)
    ),
  };
}
