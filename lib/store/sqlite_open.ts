/** Opening the database file, and what SQLite's errors mean. Runs in the worker. */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlValue, StoreErrorCode } from "./store.ts";
import type { WorkerStart } from "./sqlite_protocol.ts";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const CODES: Readonly<Record<number, StoreErrorCode>> = {
  5: "unavailable", // BUSY
  6: "unavailable", // LOCKED
  8: "unavailable", // READONLY
  10: "unavailable", // IOERR
  11: "unavailable", // CORRUPT
  13: "full", // FULL
  14: "unavailable", // CANTOPEN
  19: "constraint", // CONSTRAINT
  26: "unavailable", // NOTADB
};

/** Not every error of node:sqlite carries SQLite's result code, but each carries its text. */
const TEXTS: readonly (readonly [RegExp, StoreErrorCode])[] = [
  [/database (table )?is locked|disk I\/O error|malformed|not a database/, "unavailable"],
  [/unable to open|readonly database/, "unavailable"],
  [/database or disk is full/, "full"],
  [/constraint failed/, "constraint"],
];

/** A prepared statement; a row is an array of values in the order of the columns. */
export interface ArrayStatement {
  readonly columns: readonly string[];
  all(values: SqlValue[]): unknown[][];
  run(values: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
}

export interface Failure {
  readonly code: StoreErrorCode;
  readonly message: string;
}

/** What to tell about an error thrown by node:sqlite. */
export function describe(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: "failed", message: String(error) };
  const errcode = (error as { errcode?: number }).errcode;
  const known = errcode === undefined ? undefined : CODES[errcode & 0xff];
  const code = known ?? TEXTS.find(([text]) => text.test(error.message))?.[1] ?? "failed";
  return { code, message: error.message };
}

/** Opens the database with the settings every process of Confab uses. */
export function openDatabase(start: WorkerStart): DatabaseSync {
  const db = new DatabaseSync(start.path, {
    timeout: start.busyTimeoutMs,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
  });
  try {
    useWal(db, start.busyTimeoutMs);
    db.exec(`pragma synchronous = ${start.synchronous}`);
    db.exec("pragma temp_store = memory");
    db.exec("pragma cache_size = -8192");
    db.exec("pragma journal_size_limit = 67108864");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Two processes that switch a new file to WAL at once are told BUSY without being made to wait. */
function useWal(db: DatabaseSync, patienceMs: number): void {
  const end = Date.now() + patienceMs;
  for (;;) {
    try {
      db.exec("pragma journal_mode = wal");
      return;
    } catch (error) {
      if (Date.now() > end || !/locked/.test(describe(error).message)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** Prepares a statement whose rows come as arrays, and names its columns. */
export function prepareArrays(db: DatabaseSync, sql: string): ArrayStatement {
  const statement = db.prepare(sql) as StatementSync & { setReturnArrays(on: boolean): void };
  statement.setReturnArrays(true);
  return {
    columns: statement.columns().map((c) => c.name),
    all: (values) => statement.all(...values) as unknown as unknown[][],
    run: (values) => statement.run(...values),
  };
}
