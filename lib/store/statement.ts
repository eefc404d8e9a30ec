/** Statements compiled once by Kysely; afterwards only values move. */

import { RawNode, SelectQueryNode, sql } from "kysely";
import type { RootOperationNode } from "kysely";
import { type Database, type Params, type Query, type SqlValue, StoreError } from "./store.ts";

/** Stands in the compiled parameter list where a named parameter goes. */
class Placeholder {
  readonly parameter: string;

  constructor(parameter: string) {
    this.parameter = parameter;
  }
}

/** A compiled statement. `names[i]` is the parameter at place i, or undefined for `constants[i]`. */
export interface Compiled {
  /** Number of the statement in its store, from 1. */
  readonly id: number;
  readonly sql: string;
  readonly names: readonly (string | undefined)[];
  readonly constants: readonly SqlValue[];
  /** True if it only reads. */
  readonly reads: boolean;
}

/** A write with its values in the order of the statement's places. */
export interface BoundWrite {
  readonly statement: Compiled;
  readonly values: readonly SqlValue[];
}

function readsOnly(node: RootOperationNode): boolean {
  if (SelectQueryNode.is(node)) return true;
  return RawNode.is(node) && /^\s*(select|values|explain)\b/i.test(node.sqlFragments[0] ?? "");
}

function constant(value: unknown): SqlValue {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === undefined) return null;
  return value as SqlValue;
}

/** Builds and compiles a statement. */
export function compileStatement(
  id: number,
  db: Database,
  build: (db: Database, p: (name: string) => ReturnType<typeof sql.val>) => Query,
): Compiled {
  const compiled = build(db, (name) => sql.val(new Placeholder(name))).compile();
  const places = compiled.parameters;
  return {
    id,
    sql: compiled.sql,
    names: places.map((v) => v instanceof Placeholder ? v.parameter : undefined),
    constants: places.map((v) => v instanceof Placeholder ? null : constant(v)),
    reads: readsOnly(compiled.query),
  };
}

/**
 * Appends the values of a call to `out`, in the order of the places. Binary values are copied: the
 * message leaves later, and a view would drag its whole buffer along.
 * @throws {StoreError} `failed` if a parameter is missing or has no SQL type; `out` is as before.
 */
export function encode(statement: Compiled, params: Params, out: unknown[]): void {
  const { names, constants } = statement;
  const start = out.length;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = name === undefined ? constants[i] : params[name];
    if (typeof value === "string" || typeof value === "number" || value === null) {
      out.push(value);
      continue;
    }
    if (value instanceof Uint8Array) {
      out.push(new Uint8Array(value));
      continue;
    }
    out.length = start;
    throw new StoreError("failed", `parameter "${name}" is ${typeof value}, not an SQL value`);
  }
}
