/** A random secret kept in the store: the same on all nodes and after every restart. */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Store } from "./store/mod.ts";

const MIGRATIONS = {
  "1_secrets": {
    up: async (db: Store["db"]) => {
      await db.schema.createTable("confab_secrets")
        .addColumn("name", "text", (c) => c.primaryKey())
        .addColumn("value", "text", (c) => c.notNull())
        .execute();
    },
  },
};

/** 32 random bytes, made at the first call on a database. */
export async function loadSecret(store: Store): Promise<Uint8Array> {
  await store.migrate("core", MIGRATIONS);
  await store.db.insertInto("confab_secrets")
    .values({ name: "pretend", value: randomBytes(32).toString("base64") })
    .onConflict((c) => c.doNothing())
    .execute();
  const { value } = await store.db.selectFrom("confab_secrets").select("value")
    .where("name", "=", "pretend").executeTakeFirstOrThrow() as { value: string };
  return new Uint8Array(Buffer.from(value, "base64"));
}
