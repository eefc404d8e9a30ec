/** What is asked of the tables, compiled once. */

import { type RawBuilder, sql } from "kysely";
import type { Dialect, Statement, Store } from "../../lib/store/mod.ts";
import type { Prefix } from "./tables.ts";

type Key = { owner: string; node: string };
export type ItemRow = {
  id: string;
  payload: string | null;
  publisher: string;
  modified: number;
  created: number;
};
type RangeParams = Key & { above: number; below: number; limit: number; offset: number };

/** A JSON array of texts as one parameter. */
function textIn(dialect: Dialect, column: string, json: RawBuilder<string>): RawBuilder<boolean> {
  return dialect === "sqlite"
    ? sql<boolean>`${sql.ref(column)} in (select value from json_each(${json}))`
    : sql<boolean>`${sql.ref(column)} in (select json_array_elements_text(${json}::text::json))`;
}

/** A JSON array of pairs as a table of `owner` and `node`. */
function pairs(dialect: Dialect, json: RawBuilder<string>): RawBuilder<unknown> {
  return dialect === "sqlite"
    ? sql`(select value ->> 0 as owner, value ->> 1 as node from json_each(${json}))`
    : sql`(select value ->> 0 as owner, value ->> 1 as node from json_array_elements(${json}::text::json))`;
}

export function statements(store: Store, prefix: Prefix) {
  const nodes = `${prefix}_nodes`;
  const items = `${prefix}_items`;
  const affiliations = `${prefix}_affiliations`;
  const subscriptions = `${prefix}_subscriptions`;
  const itemColumns = ["item as id", "payload", "publisher", "modified", "created"] as const;

  const range = (by: "modified" | "created", direction: "asc" | "desc") =>
    store.prepare<RangeParams, ItemRow>((db, p) =>
      db.selectFrom(items).select(itemColumns)
        .where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where(by, ">", p("above")).where(by, "<", p("below"))
        .orderBy(by, direction).limit(p("limit")).offset(p("offset"))
    );
  const count = (by: "modified" | "created") =>
    store.prepare<Key & { above: number }, { count: number }>((db, p) =>
      db.selectFrom(items).select(sql<number>`count(*)`.as("count"))
        .where("owner", "=", p("owner")).where("node", "=", p("node")).where(by, ">", p("above"))
    );
  const wipe = (table: string): Statement<Key, never> =>
    store.prepare<Key, never>((db, p) =>
      db.deleteFrom(table).where("owner", "=", p("owner")).where("node", "=", p("node"))
    );
  const wipeOwner = (table: string): Statement<{ owner: string }, never> =>
    store.prepare<{ owner: string }, never>((db, p) =>
      db.deleteFrom(table).where("owner", "=", p("owner"))
    );
  const all = [nodes, items, affiliations, subscriptions];

  return {
    node: store.prepare<Key, { created: number; creator: string; options: string }>((db, p) =>
      db.selectFrom(nodes).select(["created", "creator", "options"])
        .where("owner", "=", p("owner")).where("node", "=", p("node"))
    ),
    list: store.prepare<
      { owner: string; after: string; limit: number },
      { node: string; created: number; creator: string; options: string }
    >((db, p) =>
      db.selectFrom(nodes).select(["node", "created", "creator", "options"])
        .where("owner", "=", p("owner")).where("node", ">", p("after"))
        .orderBy("node").limit(p("limit"))
    ),
    countNodes: store.prepare<{ owner: string }, { count: number }>((db, p) =>
      db.selectFrom(nodes).select(sql<number>`count(*)`.as("count"))
        .where("owner", "=", p("owner"))
    ),
    names: store.prepare<{ owners: string }, { owner: string; node: string }>((db, p) =>
      db.selectFrom(nodes).select(["owner", "node"])
        .where(textIn(store.dialect, "owner", p("owners")))
    ),
    save: store.prepare<Key & { created: number; creator: string; options: string }>((db, p) =>
      db.insertInto(nodes).values({
        owner: p("owner"),
        node: p("node"),
        created: p("created"),
        creator: p("creator"),
        options: p("options"),
      }).onConflict((c) =>
        c.columns(["owner", "node"]).doUpdateSet({ options: sql`excluded.options` })
      )
    ),
    wipes: all.map(wipe),
    wipeOwners: all.map(wipeOwner),

    affiliations: store.prepare<Key, { entity: string; affiliation: string }>((db, p) =>
      db.selectFrom(affiliations).select(["entity", "affiliation"])
        .where("owner", "=", p("owner")).where("node", "=", p("node"))
    ),
    setAffiliation: store.prepare<Key & { entity: string; affiliation: string }>((db, p) =>
      db.insertInto(affiliations).values({
        owner: p("owner"),
        node: p("node"),
        entity: p("entity"),
        affiliation: p("affiliation"),
      }).onConflict((c) =>
        c.columns(["owner", "node", "entity"]).doUpdateSet({
          affiliation: sql`excluded.affiliation`,
        })
      )
    ),
    removeAffiliation: store.prepare<Key & { entity: string }>((db, p) =>
      db.deleteFrom(affiliations).where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where("entity", "=", p("entity"))
    ),
    affiliationsOf: store.prepare<
      { owner: string; entity: string },
      { node: string; affiliation: string }
    >((db, p) =>
      db.selectFrom(affiliations).select(["node", "affiliation"])
        .where("entity", "=", p("entity")).where("owner", "=", p("owner")).orderBy("node")
    ),
    forgetAffiliations: store.prepare<{ entity: string }>((db, p) =>
      db.deleteFrom(affiliations).where("entity", "=", p("entity"))
    ),

    subscriptions: store.prepare<Key, { jid: string; state: string; options: string }>((db, p) =>
      db.selectFrom(subscriptions).select(["jid", "state", "options"])
        .where("owner", "=", p("owner")).where("node", "=", p("node"))
    ),
    setSubscription: store.prepare<
      Key & { jid: string; entity: string; state: string; options: string }
    >((db, p) =>
      db.insertInto(subscriptions).values({
        owner: p("owner"),
        node: p("node"),
        jid: p("jid"),
        entity: p("entity"),
        state: p("state"),
        options: p("options"),
      }).onConflict((c) =>
        c.columns(["owner", "node", "jid"]).doUpdateSet({
          state: sql`excluded.state`,
          options: sql`excluded.options`,
        })
      )
    ),
    removeSubscription: store.prepare<Key & { jid: string }>((db, p) =>
      db.deleteFrom(subscriptions).where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where("jid", "=", p("jid"))
    ),
    subscriptionsOf: store.prepare<
      { owner: string; entity: string },
      { node: string; jid: string; state: string; options: string }
    >((db, p) =>
      db.selectFrom(subscriptions).select(["node", "jid", "state", "options"])
        .where("entity", "=", p("entity")).where("owner", "=", p("owner")).orderBy("node")
    ),
    forgetSubscriptions: store.prepare<{ entity: string }>((db, p) =>
      db.deleteFrom(subscriptions).where("entity", "=", p("entity"))
    ),

    ranges: {
      modified: { asc: range("modified", "asc"), desc: range("modified", "desc") },
      created: { asc: range("created", "asc"), desc: range("created", "desc") },
    },
    counts: { modified: count("modified"), created: count("created") },
    byId: store.prepare<Key & { ids: string }, ItemRow>((db, p) =>
      db.selectFrom(items).select(itemColumns)
        .where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where(textIn(store.dialect, "item", p("ids"))).orderBy("modified")
    ),
    put: store.prepare<
      Key & {
        item: string;
        modified: number;
        created: number;
        publisher: string;
        payload: string | null;
      },
      { created: number }
    >((db, p) =>
      db.insertInto(items).values({
        owner: p("owner"),
        node: p("node"),
        item: p("item"),
        modified: p("modified"),
        created: p("created"),
        publisher: p("publisher"),
        payload: p("payload"),
      }).onConflict((c) =>
        c.columns(["owner", "node", "item"]).doUpdateSet({
          modified: sql`excluded.modified`,
          publisher: sql`excluded.publisher`,
          payload: sql`excluded.payload`,
        })
      ).returning("created")
    ),
    remove: store.prepare<Key & { ids: string }, { item: string }>((db, p) =>
      db.deleteFrom(items).where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where(textIn(store.dialect, "item", p("ids"))).returning("item")
    ),
    purge: store.prepare<Key, { item: string }>((db, p) =>
      db.deleteFrom(items).where("owner", "=", p("owner")).where("node", "=", p("node"))
        .returning("item")
    ),
    trim: store.prepare<Key & { oldest: number }, { item: string }>((db, p) =>
      db.deleteFrom(items).where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where(
          "item",
          "in",
          db.selectFrom(items).select("item")
            .where("owner", "=", p("owner")).where("node", "=", p("node"))
            .orderBy("modified").limit(p("oldest")),
        )
        .returning("item")
    ),
    expiring: store.prepare<
      { pattern: string },
      { owner: string; node: string; options: string }
    >((db, p) =>
      db.selectFrom(nodes).select(["owner", "node", "options"])
        .where("options", "like", p("pattern"))
    ),
    expire: store.prepare<Key & { before: number }>((db, p) =>
      db.deleteFrom(items).where("owner", "=", p("owner")).where("node", "=", p("node"))
        .where("modified", "<", p("before"))
    ),
    leased: store.prepare<
      { pattern: string },
      { owner: string; node: string; jid: string; options: string }
    >((db, p) =>
      db.selectFrom(subscriptions).select(["owner", "node", "jid", "options"])
        .where("options", "like", p("pattern"))
    ),
    last: store.prepare<
      { pairs: string; reader: string },
      ItemRow & {
        owner: string;
        node: string;
        options: string;
        affiliation: string | null;
        state: string | null;
      }
    >((db, p) => ({
      compile: () =>
        sql`
        select n.owner, n.node, n.options, i.item as id, i.payload, i.publisher, i.modified, i.created,
          a.affiliation as affiliation,
          (select min(s.state) from ${sql.table(subscriptions)} s where s.owner = n.owner
            and s.node = n.node and s.entity = ${p("reader")} and s.state = 'subscribed') as state
        from ${pairs(store.dialect, p("pairs"))} w
        join ${sql.table(nodes)} n on n.owner = w.owner and n.node = w.node
        join ${sql.table(items)} i on i.owner = n.owner and i.node = n.node and i.modified =
          (select max(m.modified) from ${sql.table(items)} m
            where m.owner = n.owner and m.node = n.node)
        left join ${sql.table(affiliations)} a on a.owner = n.owner and a.node = n.node
          and a.entity = ${p("reader")}
      `.compile(db),
    })),
  };
}
