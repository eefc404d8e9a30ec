/** The store on PostgreSQL: one connection for the writes, the others for everything else. */

import type { Backend, Row } from "./backend.ts";
import type { ExecutorResult, Session } from "./kysely.ts";
import { type Client, createClient, parseAddress, type Transaction } from "./postgres_client.ts";
import { isBroken, isRefusal, toStoreError } from "./postgres_errors.ts";
import { createWriter, type Written } from "./postgres_writer.ts";
import { type BoundWrite, type Compiled, encode } from "./statement.ts";
import { type Params, type SqlValue, StoreError, type StoreOptions } from "./store.ts";
import type { WriteResult } from "./store.ts";

async function execute(
  client: Pick<Client, "unsafe">,
  sql: string,
  params: readonly unknown[],
): Promise<ExecutorResult> {
  const values = params.map((v) => typeof v === "boolean" ? Number(v) : v);
  const rows = await client.unsafe(sql, values as never[]);
  return { rows: Array.from(rows) as Row[], changes: rows.count ?? 0 };
}

/**
 * Opens a transaction on a connection of `client` and hands it out step by step. The server ends it
 * after `idleMs` without a query.
 */
function begin(client: Client, secret: string, idleMs: number): Promise<Session> {
  return new Promise((opened, refused) => {
    const rolledBack = new Error("rolled back");
    let broken: unknown;
    let end!: () => void;
    let undo!: (reason: Error) => void;
    const body = (tx: Transaction) =>
      new Promise<void>((resolve, reject) => {
        end = resolve;
        undo = reject;
        const session: Session = {
          async execute(sql, params) {
            if (broken) throw toStoreError(broken, secret);
            try {
              return await execute(tx, sql, params);
            } catch (error) {
              // Nothing more may be written to a socket that is gone.
              if (!isRefusal(error)) broken = error;
              throw toStoreError(error, secret);
            }
          },
          async commit() {
            if (broken) throw toStoreError(broken, secret);
            end();
            await done;
          },
          async rollback() {
            if (broken) return;
            undo(rolledBack);
            await done.catch(() => {});
          },
        };
        tx.unsafe(`set local idle_in_transaction_session_timeout = ${idleMs}`)
          .then(() => opened(session), refused);
      });
    const done = client.begin(body).then(() => {}, (error: unknown) => {
      broken = error;
      const reported = toStoreError(error, secret);
      refused(reported);
      throw reported;
    });
    done.catch(() => {}); // reported by what waits for it
  });
}

/** Opens the database at a `postgres://` URL. */
export async function openPostgres(options: StoreOptions): Promise<Backend> {
  const address = parseAddress(options.url);
  const { secret } = address;
  const queueLimit = options.queueLimit ?? 100_000;
  const counters = { commits: 0, rows: 0, slowestCommitMs: 0, failures: 0, losses: 0 };
  let waiting = 0;
  let closing: Promise<void> | undefined;
  let idle: (() => void) | undefined;

  const onLoss = () => {
    if (!closing) counters.losses++;
  };
  let readers: Client;
  let writer: Client;
  try {
    readers = createClient(address, Math.max(1, (options.poolSize ?? 4) - 1), onLoss);
    writer = createClient(address, 1, onLoss);
  } catch (error) {
    // The driver reads the PG* variables, which a permission may forbid, and checks the options.
    throw new StoreError("failed", `PostgreSQL: ${toStoreError(error, secret).message}`);
  }
  const write = createWriter(writer, options.groupLimit ?? 1000, counters);

  /** Counts a request in, or says why it cannot be taken. */
  function enter(): StoreError | undefined {
    if (!closing && waiting < queueLimit) return void waiting++;
    counters.failures++;
    if (closing) return new StoreError("closed", "the store is closed");
    return new StoreError("busy", `${waiting} requests are waiting for the database`);
  }

  function leave(): void {
    if (--waiting === 0) idle?.();
  }

  async function counted<T>(request: () => Promise<T>): Promise<T> {
    const refused = enter();
    if (refused) throw refused;
    try {
      return await request();
    } catch (error) {
      counters.failures++;
      throw toStoreError(error, secret);
    } finally {
      leave();
    }
  }

  function submit<T>(writes: readonly BoundWrite[], map: (results: Written[]) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const refused = enter();
      if (refused) return reject(refused);
      write({
        writes,
        resolve(results) {
          leave();
          resolve(map(results));
        },
        reject(error) {
          counters.failures++;
          leave();
          reject(toStoreError(error, secret));
        },
      });
    });
  }

  function encoded(statement: Compiled, params: Params): SqlValue[] {
    const values: SqlValue[] = [];
    encode(statement, params, values);
    return values;
  }

  async function read(statement: Compiled, params: Params): Promise<Row[]> {
    const values = encoded(statement, params);
    const query = () =>
      readers.unsafe(statement.sql, values as never[], { prepare: true, simple: false } as never);
    try {
      return Array.from(await query()) as Row[];
    } catch (error) {
      if (!isBroken(error)) throw error;
      return Array.from(await query()) as Row[];
    }
  }

  async function ping(): Promise<void> {
    await Promise.all([readers.unsafe("select 1"), writer.unsafe("select 1")]);
  }

  /** @param patience how long transactions that are still open may take, in seconds */
  async function end(patience: number): Promise<void> {
    if (waiting > 0) await new Promise<void>((resolve) => idle = resolve);
    await Promise.all([readers.end({ timeout: patience }), writer.end({ timeout: patience })]);
  }

  try {
    await ping();
  } catch (error) {
    closing = end(0);
    await closing;
    const { code, message } = toStoreError(error, secret);
    throw new StoreError(code, `PostgreSQL at ${address.shown}: ${message}`);
  }

  return {
    dialect: "postgres",
    executor: {
      execute: (sql, params) => counted(() => execute(readers, sql, params)),
      begin: () => counted(() => begin(readers, secret, options.transactionIdleMs ?? 30_000)),
    },
    rows(statement, params) {
      if (statement.reads) return counted(() => read(statement, params));
      try {
        const values = encoded(statement, params);
        return submit([{ statement, values }], (results) => Array.from(results[0]!.rows));
      } catch (error) {
        return Promise.reject(error);
      }
    },
    write(statement, params) {
      try {
        return submit([{ statement, values: encoded(statement, params) }], (r) => changes(r[0]!));
      } catch (error) {
        return Promise.reject(error);
      }
    },
    batch: (writes) => submit(writes, (results) => results.map(changes)),
    stats() {
      const { commits, rows } = counters;
      return { queued: waiting, rowsPerCommit: commits === 0 ? 0 : rows / commits, ...counters };
    },
    ping: () => counted(ping),
    close: () => closing ??= end(5),
  };
}

function changes(written: Written): WriteResult {
  return { changes: written.count ?? 0 };
}
