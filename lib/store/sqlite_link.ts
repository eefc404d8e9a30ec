/** The event loop's end of the SQLite worker: queues requests, resolves their promises. */

import { setImmediate } from "node:timers";
import type { Row } from "./backend.ts";
import type { ExecutorResult } from "./kysely.ts";
import { HEADER, Op, Reply, WORKER_NAME } from "./sqlite_protocol.ts";
import type { WorkerStart, WorkerStarted } from "./sqlite_protocol.ts";
import { type BoundWrite, type Compiled, encode } from "./statement.ts";
import { type Params, StoreError, type StoreErrorCode, type WriteResult } from "./store.ts";
// Makes the worker's module part of the graph: `deno compile` and `deno cache` follow imports only.
import "./sqlite_worker.ts";

/** After a failed start of the worker, requests are refused for so long before it is tried again. */
const RETRY_MS = 1000;

export interface LinkOptions extends Omit<WorkerStart, "port"> {
  readonly queueLimit: number;
  /** False if the data dies with the worker (`:memory:`): then it is not started again. */
  readonly restart: boolean;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: StoreError) => void;
  /** Statement whose columns name the values of the rows. */
  readonly statement: number;
  /** Writes in a batch. */
  readonly size: number;
}

export interface LinkCounters {
  commits: number;
  rows: number;
  slowestCommitMs: number;
  failures: number;
  losses: number;
}

export interface Link {
  readonly counters: Readonly<LinkCounters>;
  /** Requests without an answer. */
  waiting(): number;
  /** Resolves when the database is open. @throws {StoreError} */
  start(): Promise<void>;
  read(statement: Compiled, params: Params): Promise<Row[]>;
  writeRows(statement: Compiled, params: Params): Promise<Row[]>;
  write(statement: Compiled, params: Params): Promise<WriteResult>;
  batch(writes: readonly BoundWrite[]): Promise<WriteResult[]>;
  /** A request that is not a statement: its operation, then what follows its number. */
  request<T extends ExecutorResult | void>(op: number, ...rest: unknown[]): Promise<T>;
  /** Answers everything issued so far, then ends the worker. */
  close(): Promise<void>;
}

export function createLink(options: LinkOptions): Link {
  const counters: LinkCounters = {
    commits: 0,
    rows: 0,
    slowestCommitMs: 0,
    failures: 0,
    losses: 0,
  };
  const pending: (Pending | undefined)[] = [];
  const free: number[] = [];
  let waiting = 0;
  let out: unknown[] = [];
  let flushing = false;
  let closing: Promise<void> | undefined;

  let worker: Worker | undefined;
  let port: MessagePort | undefined;
  let starting: Promise<void> | undefined;
  let failedAt = -Infinity;
  /** Statements the present worker knows; columns[id] are the names of the rows' values. */
  let defined: boolean[] = [];
  let columns: string[][] = [];

  function refusal(): StoreError | undefined {
    if (closing) return new StoreError("closed", "the store is closed");
    if (waiting >= options.queueLimit) {
      return new StoreError("busy", `${waiting} requests are waiting for the database`);
    }
    if (worker || starting) return;
    if (counters.losses > 0 && !options.restart) {
      return new StoreError("unavailable", "the database in memory was lost with its worker");
    }
    if (performance.now() - failedAt < RETRY_MS) {
      return new StoreError("unavailable", "the database could not be opened again");
    }
  }

  function flush(): void {
    flushing = false;
    if (!port || starting || out.length === 0) return;
    const message = out;
    out = [];
    port.postMessage(message);
  }

  function schedule(): void {
    if (!worker && !starting) start().catch(() => {}); // the requests are told by `lose`
    if (flushing) return;
    flushing = true;
    setImmediate(flush);
  }

  function enter(resolve: Pending["resolve"], reject: Pending["reject"], statement = 0, size = 0) {
    const id = free.pop() ?? pending.length;
    pending[id] = { resolve, reject, statement, size };
    waiting++;
    return id;
  }

  function leave(id: number): Pending {
    const p = pending[id]!;
    pending[id] = undefined;
    free.push(id);
    waiting--;
    return p;
  }

  function define(statement: Compiled): void {
    if (defined[statement.id]) return;
    defined[statement.id] = true;
    out.push(Op.define, statement.id, statement.sql, statement.names.length);
  }

  function submit<T>(op: number, statement: Compiled, params: Params): Promise<T> {
    return new Promise((resolve, reject) => {
      const refused = refusal();
      if (refused) {
        counters.failures++;
        return reject(refused);
      }
      define(statement);
      const at = out.length;
      out.push(op, 0, statement.id);
      try {
        encode(statement, params, out);
      } catch (error) {
        out.length = at;
        counters.failures++;
        return reject(error);
      }
      out[at + 1] = enter(resolve, reject, statement.id);
      schedule();
    });
  }

  function batch(writes: readonly BoundWrite[]): Promise<WriteResult[]> {
    return new Promise((resolve, reject) => {
      const refused = refusal();
      if (refused) {
        counters.failures++;
        return reject(refused);
      }
      for (const { statement } of writes) define(statement);
      out.push(Op.batch, enter(resolve, reject, 0, writes.length), writes.length);
      for (const { statement, values } of writes) {
        out.push(statement.id);
        for (const value of values) out.push(value);
      }
      schedule();
    });
  }

  function request<T>(op: number, ...rest: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      const refused = refusal();
      if (refused) {
        counters.failures++;
        return reject(refused);
      }
      out.push(op, enter(resolve, reject), ...rest);
      schedule();
    });
  }

  function receive(m: readonly unknown[]): void {
    counters.commits += m[0] as number;
    counters.rows += m[1] as number;
    counters.slowestCommitMs = Math.max(counters.slowestCommitMs, m[2] as number);
    let at = HEADER;
    while (at < m.length) at = answer(m, at);
  }

  /** Takes the reply at `at` and returns where the next one starts. */
  function answer(m: readonly unknown[], at: number): number {
    const id = m[at] as number;
    const kind = m[at + 1];
    const third = m[at + 2] as number;
    if (kind === Reply.columns) {
      columns[id] = m.slice(at + 3, at + 3 + third) as string[];
      return at + 3 + third;
    }
    const p = leave(id);
    switch (kind) {
      case Reply.changes:
        p.resolve({ changes: third } as never);
        return at + 3;
      case Reply.rows: {
        const names = columns[p.statement]!;
        p.resolve(toRows(m, at + 3, names, third) as never);
        return at + 3 + names.length * third;
      }
      case Reply.batch: {
        const results = (m.slice(at + 2, at + 2 + p.size) as number[]).map((changes) => ({
          changes,
        }));
        p.resolve(results as never);
        return at + 2 + p.size;
      }
      case Reply.result: {
        const names = m.slice(at + 3, at + 3 + third) as string[];
        const from = at + 3 + third;
        const count = m[from] as number;
        const end = from + 1 + third * count;
        const result: ExecutorResult = {
          rows: toRows(m, from + 1, names, count),
          changes: m[end] as number,
          insertId: m[end + 1] as number,
        };
        p.resolve(result as never);
        return end + 2;
      }
      case Reply.error:
        counters.failures++;
        p.reject(new StoreError(m[at + 2] as StoreErrorCode, m[at + 3] as string));
        return at + 4;
      default:
        p.resolve(undefined as never);
        return at + 2;
    }
  }

  /** The worker is gone: nobody else will answer what was asked of it. */
  function lose(error: StoreError): void {
    port?.close();
    worker?.terminate();
    port = worker = starting = undefined;
    out = [];
    defined = [];
    columns = [];
    const lost = pending.splice(0);
    free.length = 0;
    waiting = 0;
    for (const p of lost) {
      if (!p) continue;
      counters.failures++;
      p.reject(error);
    }
  }

  function start(): Promise<void> {
    return starting = new Promise((resolve, reject) => {
      const channel = new MessageChannel();
      const url = new URL("./sqlite_worker.ts", import.meta.url);
      const w = worker = new Worker(url, { type: "module", name: WORKER_NAME });
      port = channel.port1;
      w.onerror = (event) => {
        event.preventDefault(); // else it would end the process
        if (worker !== w) return;
        counters.losses++;
        if (starting) failedAt = performance.now();
        const lost = new StoreError("unavailable", `the SQLite worker died: ${event.message}`);
        lose(lost);
        reject(lost);
      };
      port.onmessage = (event: MessageEvent<WorkerStarted>) => {
        const [code, message] = event.data;
        if (code) {
          const error = new StoreError(code as StoreErrorCode, `${options.path}: ${message}`);
          failedAt = performance.now();
          lose(error);
          return reject(error);
        }
        starting = undefined;
        port!.onmessage = (event: MessageEvent<unknown[]>) => receive(event.data);
        flush();
        resolve();
      };
      const { path, synchronous, busyTimeoutMs, groupLimit, transactionIdleMs } = options;
      const first: WorkerStart = {
        port: channel.port2,
        path,
        synchronous,
        busyTimeoutMs,
        groupLimit,
        transactionIdleMs,
      };
      w.postMessage(first, [channel.port2]);
    });
  }

  function close(): Promise<void> {
    if (closing) return closing;
    const last = worker || starting ? request<void>(Op.close) : Promise.resolve();
    const gone = new StoreError("closed", "the store is closed");
    return closing = last.then(() => lose(gone), () => lose(gone));
  }

  return {
    counters,
    waiting: () => waiting,
    start,
    read: (statement, params) => submit(Op.read, statement, params),
    writeRows: (statement, params) => submit(Op.writeRows, statement, params),
    write: (statement, params) => submit(Op.write, statement, params),
    batch,
    request,
    close,
  };
}

function toRows(
  m: readonly unknown[],
  from: number,
  names: readonly string[],
  count: number,
): Row[] {
  const rows = new Array<Row>(count);
  let at = from;
  for (let r = 0; r < count; r++) {
    const row: Row = {};
    for (let c = 0; c < names.length; c++) row[names[c]!] = m[at++];
    rows[r] = row;
  }
  return rows;
}
