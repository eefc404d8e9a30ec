/** Kysely over a store: its queries travel the same way as prepared statements. */

import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { type Database, type Dialect, StoreError } from "./store.ts";

export interface ExecutorResult {
  readonly rows: Record<string, unknown>[];
  readonly changes: number;
  /** Rowid of the last inserted row, where the database tells it. */
  readonly insertId?: number;
}

/** An open transaction that has the writing side of the database to itself. */
export interface Session {
  execute(sql: string, params: readonly unknown[]): Promise<ExecutorResult>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

export interface Executor {
  /** One query, in a transaction of its own. */
  execute(sql: string, params: readonly unknown[]): Promise<ExecutorResult>;
  begin(): Promise<Session>;
}

interface Connection extends DatabaseConnection {
  session: Session | undefined;
}

function connect(executor: Executor): Connection {
  return {
    session: undefined,
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const by = this.session ?? executor;
      const { rows, changes, insertId } = await by.execute(query.sql, query.parameters);
      return {
        rows: rows as R[],
        numAffectedRows: BigInt(changes),
        insertId: insertId === undefined ? undefined : BigInt(insertId),
      };
    },
    // deno-lint-ignore require-yield
    async *streamQuery() {
      throw new StoreError("failed", "the store does not stream rows; page through them instead");
    },
  };
}

function take(connection: DatabaseConnection): Session {
  const c = connection as Connection;
  const session = c.session;
  if (!session) throw new StoreError("failed", "no transaction is open");
  c.session = undefined;
  return session;
}

function createDriver(executor: Executor): Driver {
  return {
    async init() {},
    async acquireConnection() {
      return connect(executor);
    },
    async beginTransaction(connection) {
      (connection as Connection).session = await executor.begin();
    },
    commitTransaction: async (connection) => take(connection).commit(),
    rollbackTransaction: async (connection) => take(connection).rollback(),
    async releaseConnection() {},
    async destroy() {},
  };
}

/** A Kysely whose queries go through `executor`. */
export function createKysely(dialect: Dialect, executor: Executor): Database {
  if (dialect === "sqlite") {
    return new Kysely({
      dialect: {
        createDriver: () => createDriver(executor),
        createAdapter: () => new SqliteAdapter(),
        createQueryCompiler: () => new SqliteQueryCompiler(),
        createIntrospector: (db) => new SqliteIntrospector(db),
      },
    });
  }
  return new Kysely({
    dialect: {
      createDriver: () => createDriver(executor),
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (db) => new PostgresIntrospector(db),
    },
  });
}
