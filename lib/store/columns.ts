/** The few places where a portable schema has to name a type of its database. */

import { type CreateTableBuilder, type RawBuilder, sql } from "kysely";
import type { Dialect } from "./store.ts";

/**
 * Adds a primary key that the database counts up; a value is never given twice. Read it back with
 * `.returning("id")`, which works on every dialect.
 */
export function idColumn<T extends string, C extends string>(
  builder: CreateTableBuilder<T, C>,
  dialect: Dialect,
  name = "id",
): CreateTableBuilder<T, C> {
  if (dialect === "sqlite") {
    return builder.addColumn(name as C, "integer", (c) => c.primaryKey().autoIncrement());
  }
  return builder.addColumn(
    name as C,
    "bigint",
    (c) => c.generatedByDefaultAsIdentity().primaryKey(),
  );
}

/** Type of a column of bytes (Uint8Array). */
export function binaryType(dialect: Dialect): "blob" | "bytea" {
  return dialect === "sqlite" ? "blob" : "bytea";
}

/**
 * Type of a column of text that is compared or sorted. SQLite compares code points; PostgreSQL
 * would follow the locale of its database, so it is told not to.
 */
export function textType(dialect: Dialect): RawBuilder<unknown> {
  return dialect === "sqlite" ? sql`text` : sql`text collate "C"`;
}

/**
 * Type of every whole number, truth value (0 or 1) and time in milliseconds: 64 bits on both. Read
 * as a number, so it must stay within 2^53.
 */
export const integerType = "bigint";
