/** Questions to one archive: pages of messages, its ends, how many there are. */

import { sql } from "kysely";
import { StanzaError } from "../../lib/errors.ts";
import type {
  Archived,
  ArchivedMessage,
  ArchiveEnds,
  ArchivePage,
  ArchiveQuery,
} from "../../lib/hooks/archive.ts";
import type { Dialect, Statement, Store } from "../../lib/store/mod.ts";
import type { Archive } from "./archive.ts";
import { ABOVE, BELOW, firstIdOf, lastIdOf, stampOf } from "./ids.ts";
import { numbersOf } from "./owners.ts";
import type { Search } from "./search.ts";

export interface PageLimits {
  /** Messages of a page if the reader does not say, and at most. */
  readonly page: number;
  readonly max_page: number;
  /** Size of a page, in bytes; the first message is given whatever its size. */
  readonly page_bytes: number;
}

/** All that a statement may need; bounds are not included. */
type Values = {
  owner: number;
  low: number;
  high: number;
  peer: string;
  resource: string;
  ids: string;
  words: string;
  limit: number;
  bytes: number;
};

interface Row {
  readonly id: number;
  readonly xml: string;
  /** Messages that match, at most one more than wanted; not all need be among the rows. */
  readonly found: number;
}

/** What a query asks for; each kind is a statement of its own. */
interface Shape {
  readonly peer: boolean;
  readonly resource: boolean;
  readonly ids: boolean;
  readonly words: boolean;
  readonly backwards: boolean;
}

export class Pages {
  readonly #archive: Archive;
  readonly #store: Store;
  readonly #search: Search;
  readonly #limits: PageLimits;
  readonly #sql: ReturnType<typeof statements>;
  readonly #pages = new Map<string, Statement<Values, Row>>();
  readonly #counts = new Map<string, Statement<Values, { count: number }>>();

  constructor(archive: Archive, search: Search, limits: PageLimits) {
    this.#archive = archive;
    this.#store = archive.store;
    this.#search = search;
    this.#limits = limits;
    this.#sql = statements(archive.store);
  }

  /** See the hook `archiveQuery`. */
  async query(owner: string, query: ArchiveQuery): Promise<ArchivePage> {
    const { page } = query;
    if (page?.index !== undefined) {
      throw new StanzaError("feature-not-implemented", { text: "pages are found by id only" });
    }
    const number = await this.#archive.settled(owner);
    const named = this.#idsNamed(query);
    if (named.size > 0) await this.#check(number, named);
    if (number === undefined) return { messages: [], complete: true, count: 0 };

    const words = query.text === undefined ? undefined : await this.#search.match(
      number,
      query.text,
    );
    // Nothing that could be a word: nothing can be found.
    if (words === "") return { messages: [], complete: true, count: 0 };
    const shape: Shape = {
      peer: query.with !== undefined,
      resource: query.with !== undefined && !query.with.isBare,
      ids: query.ids !== undefined,
      words: words !== undefined,
      backwards: page?.before !== undefined,
    };
    const most = Math.min(page?.max ?? this.#limits.page, this.#limits.max_page);
    const values: Values = {
      owner: number,
      ...this.#bounds(query),
      peer: query.with?.bare ?? "",
      resource: query.with?.resource ?? "",
      ids: query.ids === undefined ? "" : JSON.stringify(query.ids.map((id) => this.#read(id))),
      words: words ?? "",
      limit: most + 1,
      bytes: this.#limits.page_bytes,
    };
    if (most === 0) return await this.#count(shape, values);
    const rows = await this.#pageStatement(shape).all(values);
    const given = rows.slice(0, most);
    if (shape.backwards) given.reverse();
    const found = rows[0]?.found ?? 0;
    const complete = found === given.length;
    const messages = given.map((row): ArchivedMessage => ({
      ...this.#place(row.id),
      xml: row.xml,
    }));
    const whole = complete && page?.after === undefined && !page?.before;
    return { messages, complete, count: whole ? found : undefined };
  }

  /** See the hook `archiveMetadata`. */
  async ends(owner: string): Promise<ArchiveEnds | "empty"> {
    const number = await this.#archive.settled(owner);
    if (number === undefined) return "empty";
    const row = await this.#sql.ends.first({ owner: number });
    if (row?.first == null || row.last === null) return "empty";
    return { first: this.#place(row.first), last: this.#place(row.last) };
  }

  /** Which of these ids name messages of an archive. */
  async known(owner: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const number = await this.#archive.settled(owner);
    const byId = new Map<number, string>();
    for (const text of ids) {
      const id = this.#archive.cipher.read(text);
      if (id !== undefined) byId.set(id, text);
    }
    if (number === undefined || byId.size === 0) return new Set();
    const rows = await this.#sql.known.all({
      owner: number,
      ids: JSON.stringify([...byId.keys()]),
    });
    return new Set(rows.map((row) => byId.get(row.id)!));
  }

  #place(id: number): Archived {
    return { id: this.#archive.cipher.write(id), stamp: stampOf(id) };
  }

  #read(text: string): number {
    const id = this.#archive.cipher.read(text);
    if (id === undefined) throw new StanzaError("item-not-found");
    return id;
  }

  /** All ids that must be in the archive (XEP-0313 §4.1.3, §4.3.2). */
  #idsNamed({ ids = [], afterId, beforeId, page }: ArchiveQuery): Set<number> {
    const named = new Set<number>();
    for (const text of [...ids, afterId, beforeId, page?.after, page?.before]) {
      // An empty `before` asks for the last page.
      if (text !== undefined && !(text === "" && text === page?.before)) {
        named.add(this.#read(text));
      }
    }
    return named;
  }

  async #check(number: number | undefined, named: ReadonlySet<number>): Promise<void> {
    const ids = JSON.stringify([...named]);
    const rows = number === undefined ? [] : await this.#sql.known.all({ owner: number, ids });
    if (rows.length < named.size) throw new StanzaError("item-not-found");
  }

  #bounds({ start, end, afterId, beforeId, page }: ArchiveQuery): { low: number; high: number } {
    const low = [BELOW];
    const high = [ABOVE];
    if (start !== undefined) low.push(firstIdOf(start) - 1);
    if (end !== undefined) high.push(lastIdOf(end) + 1);
    if (afterId !== undefined) low.push(this.#read(afterId));
    if (page?.after !== undefined) low.push(this.#read(page.after));
    if (beforeId !== undefined) high.push(this.#read(beforeId));
    if (page?.before) high.push(this.#read(page.before));
    return { low: Math.max(...low), high: Math.min(...high) };
  }

  async #count(shape: Shape, values: Values): Promise<ArchivePage> {
    const key = JSON.stringify(shape);
    let statement = this.#counts.get(key);
    if (statement === undefined) {
      this.#counts.set(key, statement = countStatement(this.#store, shape));
    }
    const count = Number((await statement.first(values))?.count ?? 0);
    return { messages: [], complete: count === 0, count };
  }

  #pageStatement(shape: Shape): Statement<Values, Row> {
    const key = JSON.stringify(shape);
    let statement = this.#pages.get(key);
    if (statement === undefined) {
      this.#pages.set(key, statement = pageStatement(this.#store, shape));
    }
    return statement;
  }
}

type Place = <K extends keyof Values & string>(name: K) => ReturnType<typeof sql.val>;

/**
 * Where messages are looked for, first what narrows most; and the column that is their order. Without
 * `whole` the messages themselves are not wanted.
 */
function sourceOf(dialect: Dialect, shape: Shape, whole: boolean): { from: string; key: string } {
  if (dialect === "postgres") {
    return shape.words
      ? { from: "archive a join archive_words w on w.id = a.id", key: "a.id" }
      : { from: "archive a", key: "a.id" };
  }
  // `cross join` keeps SQLite to this order.
  if (shape.words) {
    return {
      from: "archive_words w cross join archive a on a.id = w.rowid",
      key: "w.rowid",
    };
  }
  if (shape.ids) return { from: "archive a", key: "a.id" };
  const index = shape.peer ? "archive_by_peer" : "archive_by_time";
  if (!whole) return { from: `${index} i`, key: "i.id" };
  return { from: `${index} i cross join archive a on a.id = i.id`, key: "i.id" };
}

function matching(dialect: Dialect, shape: Shape, p: Place, what: string, whole: boolean) {
  const { from, key } = sourceOf(dialect, shape, whole);
  const indexed = dialect === "sqlite" && !shape.words && !shape.ids;
  const id = sql.raw(key);
  const of = sql.raw(indexed ? "i" : "a");
  const conditions = [
    sql`${of}.owner = ${p("owner")}`,
    sql`${id} > ${p("low")}`,
    sql`${id} < ${p("high")}`,
  ];
  if (shape.peer) conditions.push(sql`${of}.peer = ${p("peer")}`);
  if (shape.resource) conditions.push(sql`${of}.resource = ${p("resource")}`);
  if (shape.ids) conditions.push(sql`a.id in ${numbersOf(dialect, p("ids") as never)}`);
  if (shape.words) {
    conditions.push(
      dialect === "sqlite"
        ? sql`archive_words match ${p("words")}`
        : sql`w.words @@ ${p("words")}::text::tsquery`,
    );
  }
  return {
    id,
    query: sql`select ${sql.raw(what)} from ${sql.raw(from)} where ${
      sql.join(conditions, sql` and `)
    }`,
  };
}

function pageStatement(store: Store, shape: Shape): Statement<Values, Row> {
  const order = sql.raw(shape.backwards ? "desc" : "asc");
  return store.prepare<Values, Row>((db, p) => {
    const place = p as unknown as Place;
    const { id, query } = matching(store.dialect, shape, place, "a.id as id, a.xml as xml", true);
    // Sizes are added up in the database, so that no more than a page's worth leaves it.
    return db.selectFrom(
      sql<Row & { before: number }>`(
        select id, xml, count(*) over () as found,
          sum(octet_length(xml)) over (order by id ${order}) - octet_length(xml) as before
        from (${query} order by ${id} ${order} limit ${place("limit")}) m
      )`.as("page"),
    ).select(["id", "xml", "found"]).where("before", "<", p("bytes"))
      .orderBy("id", shape.backwards ? "desc" : "asc");
  });
}

function countStatement(store: Store, shape: Shape): Statement<Values, { count: number }> {
  return store.prepare<Values, { count: number }>((db, p) => {
    const { query } = matching(
      store.dialect,
      shape,
      p as unknown as Place,
      "count(*) as count",
      false,
    );
    return db.selectFrom(sql<{ count: number }>`(${query})`.as("counted")).select("count");
  });
}

function statements(store: Store) {
  const byTime = store.dialect === "sqlite" ? "archive_by_time" : "archive";
  return {
    ends: store.prepare<{ owner: number }, { first: number | null; last: number | null }>((db, p) =>
      db.selectNoFrom([
        db.selectFrom(byTime).select("id").where("owner", "=", p("owner"))
          .orderBy("id").limit(1).as("first"),
        db.selectFrom(byTime).select("id").where("owner", "=", p("owner"))
          .orderBy("id", "desc").limit(1).as("last"),
      ])
    ),
    known: store.prepare<{ owner: number; ids: string }, { id: number }>((db, p) =>
      db.selectFrom("archive").select("id").where("owner", "=", p("owner"))
        .where("id", "in", numbersOf(store.dialect, p("ids")))
    ),
  };
}
