/**
 * Fills the tables by which messages are found on SQLite: not message by message but in passes, in
 * their own order, so that neighbours share a page. Who asks an archive does not wait for a pass: that
 * archive alone is brought up to date first. On PostgreSQL there is nothing to do.
 */

import type { Store } from "../../lib/store/mod.ts";
import { ABOVE, BELOW } from "./ids.ts";

/** Messages written before a pass is made, and taken by one pass after a restart. */
const PASS_ROWS = 4000;

/** Steps of a pass: between two of them the database does what else is asked of it. */
const STEPS = 4;

export class Indexing {
  readonly #store: Store;
  readonly #sql: ReturnType<typeof statements> | undefined;
  /** Archives, by number, with messages that are not in the tables; and those of the pass under way. */
  #behind = new Set<number>();
  #passing = new Set<number>();
  /** Last id up to which everything is in the tables, and last id that is in `archive`. */
  #upTo = BELOW;
  #last = BELOW;
  /** Messages behind `#last` of the last pass. */
  #rows = 0;
  #pass: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#sql = store.dialect === "sqlite" ? statements(store) : undefined;
  }

  /** Takes up where the last process has stopped. */
  async start(upTo: number): Promise<void> {
    const sql = this.#sql;
    if (sql === undefined) return;
    this.#upTo = upTo;
    for (;;) {
      const row = await sql.next.first({ after: this.#upTo });
      if (row?.last == null) break;
      await this.#advance(row.last, []);
    }
    this.#last = this.#upTo;
  }

  /** Messages up to the id `last` were written, to these archives. */
  wrote(archives: Iterable<number>, last: number, rows: number): void {
    if (this.#sql === undefined) return;
    for (const number of archives) this.#behind.add(number);
    this.#last = last;
    this.#rows += rows;
    if (this.#rows < PASS_ROWS || this.#pass !== undefined) return;
    // What fails is tried again with the next group.
    this.#pass = this.#run().catch(() => {}).finally(() => this.#pass = undefined);
  }

  /** Comes when all that was written to an archive can be found; undefined if it can be now. */
  ready(number: number): Promise<void> | undefined {
    if (!this.#behind.has(number) && !this.#passing.has(number)) return undefined;
    return this.#catchUp(number);
  }

  /** Comes when no pass is under way. */
  async idle(): Promise<void> {
    await this.#pass;
  }

  async #catchUp(number: number): Promise<void> {
    const { timeOfOne, peerOfOne } = this.#sql!;
    const range = { after: this.#upTo, to: this.#last, owner: number };
    this.#behind.delete(number);
    this.#passing.delete(number);
    try {
      await this.#store.batch([timeOfOne.bind(range), peerOfOne.bind(range)]);
    } catch (e) {
      this.#behind.add(number);
      throw e;
    }
  }

  async #run(): Promise<void> {
    const passing = this.#passing = this.#behind;
    this.#behind = new Set();
    this.#rows = 0;
    try {
      const numbers = [...passing].sort((a, b) => a - b);
      const size = Math.ceil(numbers.length / STEPS);
      const limits = Array.from({ length: STEPS - 1 }, (_, i) => numbers[(i + 1) * size]);
      await this.#advance(this.#last, limits.filter((n) => n !== undefined));
    } catch (e) {
      for (const number of passing) this.#behind.add(number);
      throw e;
    } finally {
      this.#passing = new Set();
    }
  }

  /** Takes in all up to an id, the archives in portions that begin at these numbers. */
  async #advance(to: number, limits: readonly number[]): Promise<void> {
    const { byTime, byPeer, mark } = this.#sql!;
    const starts = [BELOW, ...limits];
    for (let i = 0; i < starts.length; i++) {
      const range = { after: this.#upTo, to, from: starts[i]!, until: starts[i + 1] ?? ABOVE };
      const writes = [byTime.bind(range), byPeer.bind(range)];
      if (i === starts.length - 1) writes.push(mark.bind({ value: String(to) }));
      await this.#store.batch(writes);
    }
    this.#upTo = to;
  }
}

/** Ids behind `after` up to `to`, of the archives from `from` on and before `until`. */
type Range = { after: number; to: number; from: number; until: number };
type OneRange = { after: number; to: number; owner: number };

function statements(store: Store) {
  // What was taken in already, for a reader or by a pass that did not come to its end, stays.
  const range = (index: string, columns: string[]) =>
    store.prepare<Range>((db, p) =>
      db.insertInto(index).columns(columns).expression(
        columns.reduce(
          (query, column) => query.orderBy(column),
          db.selectFrom("archive").select(columns)
            .where("id", ">", p("after")).where("id", "<=", p("to"))
            .where("owner", ">=", p("from")).where("owner", "<", p("until")),
        ),
      ).onConflict((c) => c.doNothing())
    );
  const one = (index: string, columns: string[]) =>
    store.prepare<OneRange>((db, p) =>
      db.insertInto(index).columns(columns).expression(
        db.selectFrom("archive").select(columns)
          .where("id", ">", p("after")).where("id", "<=", p("to"))
          .where("owner", "=", p("owner")),
      ).onConflict((c) => c.doNothing())
    );
  const [time, peer] = [["owner", "id"], ["owner", "peer", "id", "resource"]];
  return {
    byTime: range("archive_by_time", time),
    byPeer: range("archive_by_peer", peer),
    timeOfOne: one("archive_by_time", time),
    peerOfOne: one("archive_by_peer", peer),
    mark: store.prepare<{ value: string }>((db, p) =>
      db.updateTable("archive_state").set({ value: p("value") }).where("name", "=", "indexed")
    ),
    next: store.prepare<{ after: number }, { last: number | null }>((db, p) =>
      db.selectFrom(
        db.selectFrom("archive").select("id").where("id", ">", p("after")).orderBy("id")
          .limit(PASS_ROWS).as("next"),
      ).select((e) => e.fn.max<number>("id").as("last"))
    ),
  };
}
