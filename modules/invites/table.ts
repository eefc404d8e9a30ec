/** The table of invitations. Who reads it cannot use them: it has digests, not tokens. */

import { sql } from "kysely";
import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("invitations")
        .addColumn("host", text, (c) => c.notNull())
        // SHA-256 of the token, in hexadecimal.
        .addColumn("digest", text, (c) => c.notNull())
        // Nodes of accounts of the host; empty for none.
        .addColumn("contact", text, (c) => c.notNull())
        .addColumn("username", text, (c) => c.notNull())
        .addColumn("register", integerType, (c) => c.notNull())
        .addColumn("uses", integerType, (c) => c.notNull())
        .addColumn("used", integerType, (c) => c.notNull())
        .addColumn("created", integerType, (c) => c.notNull())
        .addColumn("expires", integerType, (c) => c.notNull())
        .addColumn("made_by", text, (c) => c.notNull())
        .addPrimaryKeyConstraint("invitations_pk", ["host", "digest"])
        .execute();
      await db.schema.createIndex("invitations_username")
        .on("invitations").columns(["host", "username"]).execute();
    },
  },
};

export type InvitationRow = {
  digest: string;
  contact: string;
  username: string;
  register: number;
  uses: number;
  used: number;
  created: number;
  expires: number;
  made_by: string;
};

type Key = { host: string; digest: string };

const COLUMNS = [
  "digest",
  "contact",
  "username",
  "register",
  "uses",
  "used",
  "created",
  "expires",
  "made_by",
] as const;

export function statements(store: Store) {
  return {
    insert: store.prepare<InvitationRow & { host: string }>((db, p) =>
      db.insertInto("invitations").values({
        host: p("host"),
        digest: p("digest"),
        contact: p("contact"),
        username: p("username"),
        register: p("register"),
        uses: p("uses"),
        used: p("used"),
        created: p("created"),
        expires: p("expires"),
        made_by: p("made_by"),
      })
    ),
    get: store.prepare<Key, InvitationRow>((db, p) =>
      db.selectFrom("invitations").select(COLUMNS)
        .where("host", "=", p("host")).where("digest", "=", p("digest"))
    ),
    list: store.prepare<{ host: string; now: number }, InvitationRow>((db, p) =>
      db.selectFrom("invitations").select(COLUMNS)
        .where("host", "=", p("host")).where("expires", ">", p("now"))
        .where(sql`used`, "<", sql`uses`)
        .orderBy("created").orderBy("digest")
    ),
    reserved: store.prepare<{ host: string; username: string; now: number }, { digest: string }>(
      (db, p) =>
        db.selectFrom("invitations").select("digest")
          .where("host", "=", p("host")).where("username", "=", p("username"))
          .where("expires", ">", p("now")).limit(1),
    ),
    madeBy: store.prepare<{ host: string; made_by: string; now: number }, { count: number }>(
      (db, p) =>
        db.selectFrom("invitations").select((e) => e.fn.countAll().as("count"))
          .where("host", "=", p("host")).where("made_by", "=", p("made_by"))
          .where("expires", ">", p("now")),
    ),
    take: store.prepare<Key>((db, p) =>
      db.updateTable("invitations").set({ used: sql`used + 1` })
        .where("host", "=", p("host")).where("digest", "=", p("digest"))
        .where(sql`used`, "<", sql`uses`)
    ),
    giveBack: store.prepare<Key>((db, p) =>
      db.updateTable("invitations").set({ used: sql`used - 1` })
        .where("host", "=", p("host")).where("digest", "=", p("digest"))
    ),
    removeUsed: store.prepare<Key>((db, p) =>
      db.deleteFrom("invitations")
        .where("host", "=", p("host")).where("digest", "=", p("digest"))
        .where(sql`used`, ">=", sql`uses`)
    ),
    remove: store.prepare<Key>((db, p) =>
      db.deleteFrom("invitations")
        .where("host", "=", p("host")).where("digest", "=", p("digest"))
    ),
    sweep: store.prepare<{ host: string; before: number }>((db, p) =>
      db.deleteFrom("invitations")
        .where("host", "=", p("host")).where("expires", "<", p("before"))
    ),
    forget: store.prepare<{ host: string; node: string; jid: string }>((db, p) =>
      db.deleteFrom("invitations").where("host", "=", p("host")).where((e) =>
        e.or([
          e("contact", "=", p("node")),
          e("username", "=", p("node")),
          e("made_by", "=", p("jid")),
        ])
      )
    ),
  };
}
