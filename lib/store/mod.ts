/**
 * Storage: SQLite beside the server, or PostgreSQL. Modules see one interface, write portable SQL
 * with Kysely, and get grouped commits from both.
 */

import { createStore } from "./create.ts";
import { type Store, StoreError, type StoreOptions } from "./store.ts";

export * from "./columns.ts";
export * from "./store.ts";

/**
 * Opens the database at `options.url`, creating a SQLite file (mode 0600) and its folder (0700).
 * @throws {StoreError} `unavailable` if it cannot be opened, `failed` if the URL is not understood.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url } = options;
  // Only the driver that is used is loaded: the other one would cost megabytes of memory.
  if (url.startsWith("sqlite:")) {
    const { openSqlite } = await import("./sqlite.ts");
    return createStore(await openSqlite(url.slice(7), options));
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import("./postgres.ts");
    return createStore(await openPostgres(options));
  }
  throw new StoreError("failed", 'a database URL starts with "sqlite:" or "postgres://"');
}
