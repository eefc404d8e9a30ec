/** The store on SQLite, in a file beside the server. */

import { dirname } from "node:path";
import type { Backend } from "./backend.ts";
import type { ExecutorResult, Session } from "./kysely.ts";
import { createLink, type Link } from "./sqlite_link.ts";
import { Op } from "./sqlite_protocol.ts";
import { StoreError, type StoreOptions } from "./store.ts";

/** Only the server's user may read what people wrote; SQLite gives its side files the same mode. */
async function createFile(path: string): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
    file.close();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreError("unavailable", `${path}: cannot be created: ${why}`);
  }
}

async function begin(link: Link, number: number): Promise<Session> {
  await link.request<void>(Op.begin, number);
  return {
    execute: (sql, params) =>
      link.request<ExecutorResult>(Op.sessionQuery, number, sql, params.length, ...params),
    commit: () => link.request<void>(Op.commit, number),
    rollback: () => link.request<void>(Op.rollback, number),
  };
}

/** Opens (and creates) the database at `path`, which may be `:memory:`. */
export async function openSqlite(path: string, options: StoreOptions): Promise<Backend> {
  const inMemory = path === ":memory:";
  if (path === "") throw new StoreError("failed", "sqlite: the path of the database is missing");
  if (!inMemory) await createFile(path);
  const link = createLink({
    path,
    synchronous: options.synchronous ?? "full",
    busyTimeoutMs: options.busyTimeoutMs ?? 10_000,
    groupLimit: options.groupLimit ?? 1000,
    transactionIdleMs: options.transactionIdleMs ?? 30_000,
    queueLimit: options.queueLimit ?? 100_000,
    restart: !inMemory,
  });
  await link.start();

  const execute = (sql: string, params: readonly unknown[]) =>
    link.request<ExecutorResult>(Op.query, sql, params.length, ...params.map(booleanToNumber));
  let sessions = 0;

  return {
    dialect: "sqlite",
    executor: { execute, begin: () => begin(link, ++sessions) },
    rows: (statement, params) =>
      statement.reads ? link.read(statement, params) : link.writeRows(statement, params),
    write: link.write,
    batch: link.batch,
    stats() {
      const { commits, rows, slowestCommitMs, failures, losses } = link.counters;
      const rowsPerCommit = commits === 0 ? 0 : rows / commits;
      const queued = link.waiting();
      return { queued, commits, rows, rowsPerCommit, slowestCommitMs, failures, losses };
    },
    ping: async () => void await execute("select 1", []),
    close: link.close,
  };
}

function booleanToNumber(value: unknown): unknown {
  return typeof value === "boolean" ? Number(value) : value;
}
