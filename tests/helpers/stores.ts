/** The same test on every database. */

import { openStore, type Store, type StoreOptions } from "../../lib/store/mod.ts";
import { withPostgres } from "./postgres.ts";

export interface Fixture {
  readonly store: Store;
  /** Opens one more store on the same database; it is closed after the test. */
  open(options?: Partial<StoreOptions>): Promise<Store>;
}

export type StoreTest = (
  name: string,
  body: (fixture: Fixture) => Promise<void>,
  options?: Partial<StoreOptions>,
) => void;

async function use(
  url: string,
  options: Partial<StoreOptions>,
  body: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const opened: Store[] = [];
  const open = async (more: Partial<StoreOptions> = {}) => {
    const store = await openStore({ url, ...options, ...more });
    opened.push(store);
    return store;
  };
  try {
    await body({ store: await open(), open });
  } finally {
    for (const store of opened) await store.close();
  }
}

/**
 * Starts what the tests of a file need and returns the function that declares them. Call it once,
 * at the top of the file: the servers are ended after its last test.
 */
export async function storeTests(): Promise<StoreTest> {
  const cluster = await withPostgres();
  Deno.test.afterAll(async () => await cluster?.stop());
  return (name, body, options = {}) => {
    Deno.test(`sqlite: ${name}`, async () => {
      const folder = await Deno.makeTempDir({ prefix: "confab-store-" });
      try {
        await use(`sqlite:${folder}/data/confab.db`, options, body);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
    if (!cluster) return;
    Deno.test(`postgres: ${name}`, async () => use(await cluster.database(), options, body));
  };
}
