/** Archives by number: whoever has one is a small whole number in the big tables. */

import { type RawBuilder, sql } from "kysely";
import { Recent } from "../../lib/recent.ts";
import type { Dialect, Store } from "../../lib/store/mod.ts";

/** Numbers remembered: of those whose messages come and go at the moment. */
const REMEMBERED = 50_000;

/** A list of texts or numbers as one parameter: a JSON array. */
export function listOf<T>(dialect: Dialect, json: RawBuilder<string>): RawBuilder<T> {
  return dialect === "sqlite"
    ? sql<T>`(select value from json_each(${json}))`
    : sql<T>`(select value from json_array_elements_text(${json}::text::json))`;
}

/** As `listOf`, of whole numbers. */
export function numbersOf(dialect: Dialect, json: RawBuilder<string>): RawBuilder<number> {
  return dialect === "sqlite"
    ? sql<number>`(select value from json_each(${json}))`
    : sql<number>`(select value::bigint from json_array_elements_text(${json}::text::json))`;
}

interface OwnerRow {
  readonly id: number;
  readonly owner: string;
}

export class Owners {
  readonly #store: Store;
  readonly #sql: ReturnType<typeof statements>;
  readonly #known = new Recent<number>(REMEMBERED);
  /** Archives abandoned so far: what was read before the last one was need not hold any more. */
  #abandoned = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#sql = statements(store);
  }

  /** The number of an archive; undefined if nothing was ever kept in it. */
  async find(owner: string): Promise<number | undefined> {
    const known = this.#known.get(owner);
    if (known !== undefined) return known;
    const before = this.#abandoned;
    const row = await this.#sql.find.first({ owner });
    if (row !== undefined && before === this.#abandoned) this.#known.set(owner, row.id);
    return row?.id;
  }

  /** The numbers of these archives, which are made where they are missing. */
  async numbers(
    wanted: readonly { readonly host: string; readonly owner: string }[],
  ): Promise<ReadonlyMap<string, number>> {
    const numbers = new Map<string, number>();
    const missing = new Map<string, string>();
    for (const { host, owner } of wanted) {
      if (numbers.has(owner)) continue;
      const number = this.#known.get(owner);
      if (number !== undefined) numbers.set(owner, number);
      else missing.set(owner, host);
    }
    if (missing.size === 0) return numbers;
    const before = this.#abandoned;
    await this.#store.batch(
      [...missing].map(([owner, host]) => this.#sql.add.bind({ host, owner })),
    );
    const rows = await this.#sql.list.all({ owners: JSON.stringify([...missing.keys()]) });
    for (const { id, owner } of rows) {
      if (before === this.#abandoned) this.#known.set(owner, id);
      numbers.set(owner, id);
    }
    return numbers;
  }

  /**
   * Takes the archive out of reach; its messages are removed later, for there may be many. What comes
   * for the owner from now on makes a new archive. False if there was none.
   */
  async abandon(owner: string): Promise<boolean> {
    const done = this.#sql.abandon.run({ owner });
    this.#abandoned++;
    this.#known.delete(owner);
    const { changes } = await done;
    this.#abandoned++;
    this.#known.delete(owner);
    return changes > 0;
  }

  /** Numbers of abandoned archives of a host, some at a time. */
  async abandoned(host: string): Promise<readonly number[]> {
    return (await this.#sql.abandoned.all({ host })).map((row) => row.id);
  }

  /** All archives of a host behind the number `after`, some at a time, in order. */
  async some(host: string, after: number): Promise<readonly number[]> {
    return (await this.#sql.some.all({ host, after })).map((row) => row.id);
  }

  /** Forgets an abandoned archive that is empty. */
  async remove(number: number): Promise<void> {
    await this.#sql.remove.run({ id: number });
  }
}

const SOME = 100;

function statements(store: Store) {
  const table = "archive_owners";
  return {
    find: store.prepare<{ owner: string }, OwnerRow>((db, p) =>
      db.selectFrom(table).select(["id", "owner"]).where("owner", "=", p("owner"))
    ),
    list: store.prepare<{ owners: string }, OwnerRow>((db, p) =>
      db.selectFrom(table).select(["id", "owner"])
        .where("owner", "in", listOf<string>(store.dialect, p("owners")))
    ),
    add: store.prepare<{ host: string; owner: string }>((db, p) =>
      db.insertInto(table).values({ host: p("host"), owner: p("owner"), searched: null })
        .onConflict((c) => c.column("owner").doNothing())
    ),
    // No address begins with a slash.
    abandon: store.prepare<{ owner: string }>((db, p) =>
      db.updateTable(table).set({ owner: sql`'/' || id` }).where("owner", "=", p("owner"))
    ),
    abandoned: store.prepare<{ host: string }, { id: number }>((db, p) =>
      db.selectFrom(table).select("id").where("host", "=", p("host"))
        .where("owner", ">=", "/").where("owner", "<", "0").limit(SOME)
    ),
    some: store.prepare<{ host: string; after: number }, { id: number }>((db, p) =>
      db.selectFrom(table).select("id").where("host", "=", p("host"))
        .where("id", ">", p("after")).orderBy("id").limit(SOME)
    ),
    remove: store.prepare<{ id: number }>((db, p) =>
      db.deleteFrom(table).where("id", "=", p("id")).where("owner", ">=", "/")
        .where("owner", "<", "0")
    ),
  };
}
