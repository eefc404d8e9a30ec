/**
 * Validates a value of the TOML against a schema and reports every problem under its key. What
 * valibot does not tell (all unknown keys with the name that was meant, tables that are lists, files
 * that are not there) comes from a walk over schema and value.
 */

import { statSync } from "node:fs";
import { resolve } from "node:path";
import * as v from "valibot";
import { type AnySchema, metaOf } from "./setting.ts";
import { expectedGot, formatKey, type Path, type Report, show, unknownName } from "./problem.ts";

interface Parts {
  readonly type: string;
  readonly wrapped?: AnySchema;
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly item?: AnySchema;
  readonly value?: AnySchema;
}

export interface WalkOptions {
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Keys that would be right elsewhere, with the words for them. */
  readonly misplaced?: (path: Path) => string | undefined;
}

/**
 * The validated value, with defaults filled in and files as absolute paths; `undefined` after at
 * least one problem.
 * @param path where the value stands, for the reports
 */
export function validate<S extends AnySchema>(
  schema: S,
  value: unknown,
  path: Path,
  report: Report,
  options: WalkOptions,
): v.InferOutput<S> | undefined {
  const reported = new Set<string>();
  const once: Report = (at, message) => {
    reported.add(formatKey(at));
    report(at, message);
  };
  structure(schema, value, path, once, options);
  const result = v.safeParse(schema, value);
  for (const issue of result.issues ?? []) {
    const at = [...path, ...(issue.path ?? []).map((item) => item.key as string | number)];
    if (at.some((_, i) => reported.has(formatKey(at.slice(0, i + 1))))) continue;
    once(at, issueMessage(issue, lookUp(schema, at.slice(path.length))));
  }
  if (reported.size > 0) return undefined;
  const output = files(schema, result.output, path, once, options.folder);
  return reported.size > 0 ? undefined : output as v.InferOutput<S>;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/** The keys of a table's schema; none if it is something else. */
export function entriesOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | undefined {
  return unwrap(schema).entries;
}

/** The schema below `optional` and the like. */
function unwrap(schema: AnySchema): AnySchema & Parts {
  let parts = schema as AnySchema & Parts;
  while (parts.wrapped !== undefined) parts = parts.wrapped as AnySchema & Parts;
  return parts;
}

function lookUp(schema: AnySchema, path: Path): AnySchema | undefined {
  let here: AnySchema | undefined = schema;
  for (const part of path) {
    if (here === undefined) return undefined;
    const parts: Parts = unwrap(here);
    here = typeof part === "number" ? parts.item : parts.entries?.[part] ?? parts.value;
  }
  return here;
}

/** Names that valibot leaves out of records without a word. */
const DROPPED: ReadonlySet<string> = new Set(["__proto__", "prototype", "constructor"]);

/** Reports unknown keys, and lists and dates where tables should be (valibot lets those pass). */
function structure(
  schema: AnySchema,
  value: unknown,
  path: Path,
  report: Report,
  options: WalkOptions,
): void {
  const { type, entries, item, value: element } = unwrap(schema);
  if (item !== undefined && Array.isArray(value)) {
    value.forEach((one, i) => structure(item, one, [...path, i], report, options));
    return;
  }
  if (entries === undefined && element === undefined) return;
  if (value === undefined) return;
  if (!isTable(value)) {
    report(path, expectedGot("a table", value));
    return;
  }
  for (const [key, one] of Object.entries(value)) {
    const at = [...path, key];
    const own = entries !== undefined && Object.hasOwn(entries, key) ? entries[key] : undefined;
    const known = own ?? (DROPPED.has(key) ? undefined : element);
    if (known !== undefined) structure(known, one, at, report, options);
    else if (type === "object" || type === "strict_object" || type === "record") {
      report(at, options.misplaced?.(at) ?? unknownName("key", key, Object.keys(entries ?? {})));
    }
  }
}

/** Makes the paths of files absolute and reports those that are not there. */
function files(
  schema: AnySchema,
  value: unknown,
  path: Path,
  report: Report,
  folder: string,
): unknown {
  const parts = unwrap(schema);
  if (typeof value === "string" && metaOf(schema).path === "file") {
    const absolute = resolve(folder, value);
    const problem = fileProblem(absolute);
    if (problem !== undefined) report(path, `${problem}: ${absolute}`);
    return absolute;
  }
  if (Array.isArray(value) && parts.item !== undefined) {
    return value.map((one, i) => files(parts.item!, one, [...path, i], report, folder));
  }
  if (isTable(value) && (parts.entries ?? parts.value) !== undefined) {
    for (const [key, one] of Object.entries(value)) {
      const known = parts.entries?.[key] ?? parts.value;
      if (known !== undefined) value[key] = files(known, one, [...path, key], report, folder);
    }
  }
  return value;
}

/** Why a path is no readable file; `undefined` if it is one. */
export function fileProblem(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? undefined : "is not a file";
  } catch (error) {
    return systemError(error);
  }
}

/** The words for an error of the operating system. */
export function systemError(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === "ENOENT" || code === "ENOTDIR") return "no such file";
  if (code === "EACCES" || code === "EPERM") return "no permission to read";
  if (code === "EISDIR") return "is a folder";
  return `cannot be read (${code ?? (error instanceof Error ? error.message : String(error))})`;
}

const NATIVE: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  boolean: "true or false",
  Array: "a list",
  Object: "a table",
  Date: "a date",
};

/** Valibot's own messages in the words of ours; messages that a schema gives itself stay. */
function issueMessage(issue: v.BaseIssue<unknown>, schema: AnySchema | undefined): string {
  const meta = schema === undefined ? {} : metaOf(schema);
  const missing = issue.input === undefined && issue.expected !== "never" &&
    (issue.type === "strict_object" || issue.type === "object" || issue.type === "loose_object");
  if (missing) {
    return meta.expected === undefined ? "must be set" : `must be set: ${meta.expected}`;
  }
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  if (issue.expected === "never") return "unknown key";
  const got = meta.secret ? "something else" : show(issue.input);
  const expected = (issue.expected ?? "another value").replace(/^\((.*)\)$/, "$1");
  return `expected ${NATIVE[expected] ?? expected.replaceAll(" | ", " or ")}, got ${got}`;
}
