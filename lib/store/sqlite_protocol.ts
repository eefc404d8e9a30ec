/**
 * Messages between the event loop and the SQLite worker. A message is one flat array that carries
 * many requests or replies: an array costs a twentieth of as many single messages.
 */

/** Requests. `ID` is the number of the request, answered by a reply of that number. */
export const Op = {
  /** STATEMENT, sql, number of values */
  define: 0,
  /** ID, STATEMENT, ...values. Replied with rows. */
  read: 1,
  /** ID, STATEMENT, ...values. Replied with rows after the commit. */
  writeRows: 2,
  /** ID, STATEMENT, ...values. Replied with changes after the commit. */
  write: 3,
  /** ID, count, then count times: STATEMENT, ...values. Replied with count changes. */
  batch: 4,
  /** ID, sql, number of values, ...values. Not grouped with others. Replied with a result. */
  query: 5,
  /** ID, SESSION */
  begin: 6,
  /** ID, SESSION, sql, number of values, ...values. Replied with a result. */
  sessionQuery: 7,
  /** ID, SESSION */
  commit: 8,
  /** ID, SESSION */
  rollback: 9,
  /** ID */
  close: 10,
} as const;

/** Replies. A message starts with HEADER counters, then replies follow. */
export const Reply = {
  /** ID, code, message */
  error: 0,
  /** ID, rows, ...values row by row; the columns were sent before. */
  rows: 1,
  /** ID, changes */
  changes: 2,
  /** ID, ...changes, as many as the batch has writes. */
  batch: 3,
  /** ID, columns, ...names, rows, ...values, changes, last rowid */
  result: 4,
  /** STATEMENT, columns, ...names */
  columns: 5,
  /** ID */
  done: 6,
} as const;

/** Length of the head of a reply message: commits, statements in them, slowest commit in ms. */
export const HEADER = 3;

/** First message to the worker, over `postMessage` of the worker itself. */
export interface WorkerStart {
  readonly port: MessagePort;
  readonly path: string;
  readonly synchronous: "full" | "normal";
  readonly busyTimeoutMs: number;
  readonly groupLimit: number;
  /** A transaction without a query for so long is rolled back: it keeps every write waiting. */
  readonly transactionIdleMs: number;
}

/** First message of the worker over the port: nothing, or why the database cannot be opened. */
export type WorkerStarted = readonly [] | readonly [code: string, message: string];

/** Name by which the worker's module knows that it runs as the worker. */
export const WORKER_NAME = "confab-sqlite";

/**
 * Where the request at `at` of a message ends.
 * @param arity number of values of a defined statement
 */
export function endOfRequest(
  message: readonly unknown[],
  at: number,
  arity: (statement: number) => number,
): number {
  switch (message[at]) {
    case Op.define:
    case Op.query: {
      const fixed = at + 4;
      return message[at] === Op.define ? fixed : fixed + (message[at + 3] as number);
    }
    case Op.read:
    case Op.writeRows:
    case Op.write:
      return at + 3 + arity(message[at + 2] as number);
    case Op.batch: {
      let end = at + 3;
      for (let i = message[at + 2] as number; i > 0; i--) end += 1 + arity(message[end] as number);
      return end;
    }
    case Op.sessionQuery:
      return at + 5 + (message[at + 4] as number);
    case Op.begin:
    case Op.commit:
    case Op.rollback:
      return at + 3;
    default:
      return at + 2;
  }
}
