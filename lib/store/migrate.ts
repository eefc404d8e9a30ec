/** Schema migrations, recorded per module. */

import { sql } from "kysely";
import { type Database, type Dialect, type Migrations, StoreError } from "./store.ts";

const TABLE = "confab_migrations";

/** Key of the PostgreSQL advisory lock that one migrating process holds ("confab" in ASCII). */
const LOCK_KEY = 0x636f6e666162;

async function appliedTo(db: Database, module: string): Promise<Set<string>> {
  const rows = await db.selectFrom(TABLE).select("name").where("module", "=", module).execute();
  return new Set(rows.map((row) => row.name as string));
}

function refuseUnknown(applied: ReadonlySet<string>, module: string, known: Migrations): void {
  for (const name of applied) {
    if (Object.hasOwn(known, name)) continue;
    throw new StoreError(
      "newer",
      `the database holds migration "${name}" of module "${module}", which this version does ` +
        "not know: it was written by a newer Confab; use that version or restore a backup",
    );
  }
}

async function createTable(db: Database): Promise<void> {
  await db.schema.createTable(TABLE).ifNotExists()
    .addColumn("module", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("applied_at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("confab_migrations_pk", ["module", "name"])
    .execute();
}

/** See `Store.migrate`. */
export async function migrate(
  db: Database,
  dialect: Dialect,
  module: string,
  migrations: Migrations,
): Promise<void> {
  // The transaction is exclusive from its start (BEGIN IMMEDIATE, or the advisory lock), so what
  // it reads is still so when it writes, whoever else starts at the same time.
  await db.transaction().execute(async (trx) => {
    if (dialect === "postgres") {
      await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_KEY)})`.execute(trx);
    }
    await createTable(trx);
    const applied = await appliedTo(trx, module);
    refuseUnknown(applied, module, migrations);
    for (const [name, migration] of Object.entries(migrations)) {
      if (applied.has(name)) continue;
      try {
        await migration.up(trx, dialect);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        const code = cause instanceof StoreError ? cause.code : "failed";
        const text = `migration "${name}" of module "${module}" failed: ${why}`;
        throw new StoreError(code, text, { cause });
      }
      await trx.insertInto(TABLE).values({ module, name, applied_at: Date.now() }).execute();
    }
  });
}
