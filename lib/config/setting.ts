/**
 * The words in which a configuration is described, for the server's own tables and for modules:
 *
 * ```ts
 * config: v.strictObject({
 *   quota: setting(wholeNumber(1, 100_000), 100, "Messages kept per account."),
 * })
 * ```
 *
 * Defaults are written as the TOML writes them (`"30s"`, `"256 KiB"`); the validated value has its
 * unit resolved (ms, bytes). Each schema names what it expects, for messages and for
 * config.example.toml.
 */

import { isIP } from "node:net";
import * as v from "valibot";
import { alternatives, expectedGot } from "./problem.ts";
import { formatSize, parseSize, parseTime } from "./units.ts";

// deno-lint-ignore no-explicit-any
export type AnySchema = v.GenericSchema<any, any>;

/** What this file attaches to schemas (with `v.metadata`) for messages, paths and the example. */
export interface SettingMeta {
  /** What a valid value is: "a whole number from 1 to 10". */
  readonly expected?: string;
  readonly description?: string;
  /** A value to show for a setting that has no default. */
  readonly example?: unknown;
  /** The string names a file, which must exist; the loader makes its path absolute. */
  readonly path?: "file";
  /** The value is never shown in messages. */
  readonly secret?: true;
}

/** A key with a default (given as in the TOML) and one line that describes it. */
export function setting<const S extends AnySchema>(
  schema: S,
  value: v.InferInput<S>,
  description: string,
): v.OptionalSchema<S, v.InferInput<S>> {
  return v.optional(describe(schema, { description }), value) as unknown as v.OptionalSchema<
    S,
    v.InferInput<S>
  >;
}

/** A key that may be absent and has no default; `example` stands in config.example.toml. */
export function optionalSetting<const S extends AnySchema>(
  schema: S,
  example: v.InferInput<S>,
  description: string,
): v.OptionalSchema<S, undefined> {
  return v.optional(describe(schema, { description, example })) as unknown as v.OptionalSchema<
    S,
    undefined
  >;
}

/** A key that must be there. */
export function requiredSetting<const S extends AnySchema>(
  schema: S,
  example: v.InferInput<S>,
  description: string,
): S {
  return describe(schema, { description, example });
}

type Table<E extends v.ObjectEntries> = v.StrictObjectSchema<E, undefined>;

/** A table of settings. A table that is absent is one with all defaults. */
export function table<const E extends v.ObjectEntries>(
  entries: E,
  description = "",
): v.OptionalSchema<Table<E>, v.InferInput<Table<E>>> {
  const schema = describe(v.strictObject(entries), { description });
  return v.optional(schema, {} as v.InferInput<Table<E>>);
}

export function wholeNumber(min: number, max: number): v.GenericSchema<number, number> {
  return value<number>(
    `a whole number from ${min} to ${max}`,
    (x) => typeof x === "number" && Number.isInteger(x) && x >= min && x <= max,
  );
}

/** A whole number, or 0 for "none" or "no limit". */
export function wholeNumberOrOff(min: number, max: number): v.GenericSchema<number, number> {
  return value<number>(
    `a whole number from ${min} to ${max}, or 0`,
    (x) => x === 0 || (typeof x === "number" && Number.isInteger(x) && x >= min && x <= max),
  );
}

export function flag(): v.GenericSchema<boolean, boolean> {
  return value<boolean>("true or false", (x) => typeof x === "boolean");
}

/** A string that is not empty. */
export function text(what = "a string"): v.GenericSchema<string, string> {
  return value<string>(what, (x) => typeof x === "string" && x !== "");
}

/** A string that no message ever shows: a password, a token. */
export function secret(): v.GenericSchema<string, string> {
  const schema = v.custom<string>(
    (x) => typeof x === "string" && x !== "",
    "expected a string (the value is not shown)",
  );
  return describe(schema, { expected: "a string", secret: true });
}

export function oneOf<const T extends string>(...values: readonly T[]): v.GenericSchema<T, T> {
  return value<T>(alternatives(values), (x) => values.includes(x as T));
}

/** A list of values of one kind, none of them twice. */
export function list<T, U>(item: v.GenericSchema<T, U>): v.GenericSchema<T[], U[]> {
  const array = v.array(item, (issue) => expectedGot("a list", issue.input));
  const once = v.check(
    (items: U[]) => new Set(items).size === items.length,
    (issue) => {
      const items = issue.input as U[];
      return `${JSON.stringify(items.find((x, i) => items.indexOf(x) !== i))} is in the list twice`;
    },
  );
  const expected = metaOf(item).expected;
  const what = expected === undefined ? "a list" : `a list; in it: ${expected}`;
  return describe(v.pipe(array, once), { expected: what }) as v.GenericSchema<T[], U[]>;
}

/**
 * A time in ms, written in seconds (`30`) or with a unit (`"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`).
 * @param off whether 0 is also right, for "never"
 */
export function duration(
  min: string,
  max: string,
  { off = false } = {},
): v.GenericSchema<number | string, number> {
  const what = `a time from "${min}" to "${max}"${off ? ", or 0" : ""}`;
  return scaledValue(what, parseTime, parseTime(min)!, parseTime(max)!, off);
}

/**
 * A number of bytes, written as such (`262144`) or with a unit (`"256 KiB"`, `"1 MB"`).
 * @param off whether 0 is also right, for "no limit"
 */
export function bytes(
  min: number,
  max: number,
  { off = false } = {},
): v.GenericSchema<number | string, number> {
  const named = [min, max].map(formatSize).map((size) => / /.test(size) ? `"${size}"` : size);
  const what = `a size from ${named[0]} to ${named[1]}${off ? ", or 0" : ""}`;
  return scaledValue(what, parseSize, min, max, off);
}

/** The path of a file that must exist, relative to the TOML; the validated value is absolute. */
export function file(): v.GenericSchema<string, string> {
  return describe(text("the path of a file"), { path: "file" });
}

export function ipAddress(): v.GenericSchema<string, string> {
  return value<string>("an IP address", (x) => typeof x === "string" && isIP(x) !== 0);
}

/** An address, or a network as `10.0.0.0/8`. */
export function network(): v.GenericSchema<string, string> {
  return value<string>('an IP address, or a network such as "10.0.0.0/8"', (x) => {
    const [address = "", prefix, ...more] = typeof x === "string" ? x.split("/") : [];
    const family = isIP(address);
    if (family === 0 || more.length > 0) return false;
    return prefix === undefined ||
      (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
  });
}

/** An http or https URL without query; `{host}` in it may stand for a domain. No slash at the end. */
export function url(): v.GenericSchema<string, string> {
  const right = (x: unknown) => {
    const parsed = typeof x === "string" ? URL.parse(x.replaceAll("{host}", "host.example")) : null;
    return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.search === "" &&
      parsed.hash === "" && parsed.username === "" && parsed.password === "";
  };
  const schema = value<string>('a URL such as "https://xmpp.example.org"', right);
  return v.pipe(schema, v.transform((x) => x.replace(/\/+$/, "")));
}

/** A value that is right if `check` says so; `expected` is the phrase for messages. */
export function value<T>(
  expected: string,
  check: (x: unknown) => boolean,
): v.GenericSchema<T, T> {
  const schema = v.custom<T>(check, (issue) => expectedGot(expected, issue.input));
  return describe(schema, { expected });
}

function scaledValue(
  expected: string,
  parse: (x: unknown) => number | undefined,
  min: number,
  max: number,
  off: boolean,
): v.GenericSchema<number | string, number> {
  const right = (x: unknown) => {
    const n = parse(x);
    return n !== undefined && ((n >= min && n <= max) || (off && n === 0));
  };
  return v.pipe(value<number | string>(expected, right), v.transform((x) => parse(x)!));
}

/** The schema with more metadata. */
function describe<S extends AnySchema>(schema: S, meta: SettingMeta): S {
  return v.pipe(schema, v.metadata(meta as Record<string, unknown>)) as unknown as S;
}

/** All metadata of a schema, that of what it wraps included; plain `v.description` counts too. */
export function metaOf(schema: AnySchema): SettingMeta {
  const found: Record<string, unknown> = {};
  collect(schema, found);
  return found;
}

interface Parts {
  readonly pipe?: readonly (AnySchema & Parts)[];
  readonly wrapped?: AnySchema;
  readonly type?: string;
  readonly metadata?: Record<string, unknown>;
  readonly description?: string;
}

function collect(schema: AnySchema, into: Record<string, unknown>): void {
  const parts = schema as Parts;
  if (parts.wrapped !== undefined) collect(parts.wrapped, into);
  // The first part of a pipe is the schema itself, which has a pipe only if it is a pipe of its own.
  for (const part of parts.pipe ?? []) {
    const { type, kind } = part as { type?: string; kind?: string };
    if (kind === "schema") collect(part, into);
    else if (type === "metadata") Object.assign(into, part.metadata);
    else if (type === "description") into.description = part.description;
  }
}
