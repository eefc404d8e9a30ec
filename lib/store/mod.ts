/**
 * Storage: SQLite beside the server, or PostgreSQL. Modules see one interface, write portable SQL
 * with Kysely, and get grouped commits from both.
 */

import { createStore } from "./create.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";
import { type Store, StoreError, type StoreOptions } from "./store.ts";

export * from "./columns.ts";
export * from "./store.ts";

/**
 * Opens the database at `options.url`, creating a SQLite file (mode 0600) and its folder (0700).
 * @throws {StoreError} `unavailable` if it cannot be opened, `failed` if the URL is not understood.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url } = options;
  if (url.startsWith("sqlite:")) return createStore(await openSqlite(url.slice(7), options));
  if (/^postgres(ql)?:\/\//.test(url)) return createStore(await openPostgres(options));
  throw new StoreError("failed", 'a database URL starts with "sqlite:" or "postgres://"');
}
