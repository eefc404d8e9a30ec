/** What every store offers, whatever database is behind it. */

import type { Compilable, Kysely, RawBuilder } from "kysely";

/** A value as it is bound to a statement or read from a row. Truth values are 0 and 1. */
export type SqlValue = string | number | Uint8Array | null;

export type Dialect = "sqlite" | "postgres";

/** Kysely without a table interface: modules own their tables, so no common one can be named. */
// deno-lint-ignore no-explicit-any
export type Database = Kysely<any>;

/** Anything Kysely can compile; rows are typed by the caller of `prepare`. */
// deno-lint-ignore no-explicit-any
export type Query = Compilable<any>;

/**
 * Why a request failed.
 *
 * - `busy`: too many requests are waiting; nothing was done.
 * - `closed`: the store has been closed; nothing was done.
 * - `unavailable`: the database cannot be reached, is locked, or went away. A write that was under
 *   way may or may not have been kept.
 * - `full`: no space left; nothing was kept.
 * - `constraint`: a key, a foreign key, a check or NOT NULL was violated; nothing was kept.
 * - `newer`: the database was written by a newer version.
 * - `failed`: any other refusal of the database, or a wrong use of the store; nothing was kept.
 */
export type StoreErrorCode =
  | "busy"
  | "closed"
  | "unavailable"
  | "full"
  | "constraint"
  | "newer"
  | "failed";

/** The only kind of error a store rejects with. The message holds no password. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface StoreOptions {
  /** `sqlite:PATH`, `sqlite::memory:`, or `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** SQLite: `full` (default) survives a power failure, `normal` only the death of the process. */
  readonly synchronous?: "full" | "normal";
  /** PostgreSQL: connections, one of them for the writes. Default 4, at least 2. */
  readonly poolSize?: number;
  /** Requests that may wait at once before more are refused with `busy`. Default 100 000. */
  readonly queueLimit?: number;
  /** Rows written in one transaction at most when writes are grouped. Default 1000. */
  readonly groupLimit?: number;
  /** SQLite: how long to wait for another process that is writing. Default 10 000 ms. */
  readonly busyTimeoutMs?: number;
  /** A transaction of `db` without a query for so long is rolled back. Default 30 000 ms. */
  readonly transactionIdleMs?: number;
}

export interface WriteResult {
  /** Rows inserted, updated or deleted. */
  readonly changes: number;
}

/** Parameters of a statement by name. Use a type alias, not an interface. */
export type Params = Record<string, SqlValue>;

declare const bound: unique symbol;

/** A write with its parameters, ready for `Store.batch`. */
export interface Bound {
  readonly [bound]: true;
}

/** A statement compiled once. Its SQL text reaches the database once; a call sends parameters. */
export interface Statement<P, R> {
  /** All rows. If the statement writes (`returning`), resolves only after the commit. */
  all(params: P): Promise<R[]>;
  /** The first row of `all`; all are fetched, so limit the query to one. If the statement writes (`returning`), resolves only after the commit. */
  first(params: P): Promise<R | undefined>;
  /** A write; resolves only after the commit. */
  run(params: P): Promise<WriteResult>;
  /** The write with its parameters, for `batch`. Parameters are copied now. */
  bind(params: P): Bound;
}

/** `p("name")` in a `prepare` callback: the place of the parameter `name`. */
export type Parameter<P> = <K extends keyof P & string>(name: K) => RawBuilder<P[K]>;

/** Migrations of one module, in the order in which they are applied. Names are never reused. */
export type Migrations = Readonly<
  Record<string, { up(db: Database, dialect: Dialect): Promise<void> }>
>;

/** Counters since the store was opened, for metrics. */
export interface StoreStats {
  /** Requests waiting for their answer now. */
  readonly queued: number;
  /** Transactions committed for `run`, `batch` and writing `all` and `first`. */
  readonly commits: number;
  /** Statements executed in them. */
  readonly rows: number;
  readonly rowsPerCommit: number;
  /** Longest commit, in milliseconds. */
  readonly slowestCommitMs: number;
  /** Requests that were rejected, for any reason. */
  readonly failures: number;
  /** Times the connection, or the SQLite worker, was lost. */
  readonly losses: number;
}

/**
 * A database.
 *
 * Order: a read sees every write whose promise was resolved before the read was issued. On SQLite
 * requests are moreover executed in the order in which they were issued, and a read that saw a
 * write is answered only after that write's commit. On PostgreSQL a read may overtake a write that
 * has not been awaited: await a write before reading what it wrote.
 * Writes are executed in the order in which they were issued, on both.
 */
export interface Store {
  readonly dialect: Dialect;
  /**
   * Schema, administration and rare queries. Each query is a commit of its own;
   * `db.transaction()` works, but keeps all other writes waiting: for migrations and the command
   * line only.
   */
  readonly db: Database;
  /** Compiles a statement. Tables need not exist yet. Throws StoreError if it has no parameter. */
  prepare<P extends Params, R = Record<string, never>>(
    build: (db: Database, p: Parameter<P>) => Query,
  ): Statement<P, R>;
  /**
   * Several writes as one atomic unit, in order; resolves after the commit. An empty list resolves
   * at once. One failing write undoes the whole unit, and nothing but the unit.
   */
  batch(units: readonly Bound[]): Promise<WriteResult[]>;
  /**
   * Brings the tables of a module up to date. Safe when several processes do it at once. All
   * pending migrations of the module are applied, or none.
   * @throws {StoreError} `newer` if the database holds a migration this code does not know.
   */
  migrate(module: string, migrations: Migrations): Promise<void>;
  stats(): StoreStats;
  /** Resolves if the database answers. */
  ping(): Promise<void>;
  /** Waits for everything that was issued, then closes. Later requests are refused. */
  close(): Promise<void>;
}
