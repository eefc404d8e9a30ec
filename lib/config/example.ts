/** Writes config.example.toml from the schemas: every key, its default, and one line about it. */

import type { ModuleConfigInfo } from "./config.ts";
import { formatKey } from "./problem.ts";
import { coreSchema, hostSchema } from "./schema.ts";
import { type AnySchema, metaOf } from "./setting.ts";
import { entriesOf, isTable } from "./walk.ts";

export interface ExampleModule extends ModuleConfigInfo {
  readonly name: string;
  /** One line. */
  readonly description: string;
}

const WIDTH = 100;

const HEAD =
  `# Every key of Confab's configuration with its default. Copy what you change to server.toml.
#
# Times are numbers of seconds or strings with a unit: "500ms", "30s", "5m", "2h", "7d".
# Sizes are numbers of bytes or strings with a unit: "256 KiB" (1024s), "1 MB" (1000s).
# Relative paths start from the folder of this file.
`;

const MODULES =
  `# Modules of all hosts: true, false, or a table of settings, which switches the module on unless
# it says enabled = false. A module that is not built in has a source, a path or a URL:
# [modules.my_auth]
# source = "./my_auth.ts"
`;

const HOSTS = `# The domains this server is responsible for, one table each; dots need the quotes:
# [hosts."example.org"]. Without any file the host is localhost. A host may also have
# [hosts."example.org".modules], laid over [modules] key by key, and
# [hosts."example.org".limits] with these keys of [limits]:
`;

/** The text, for the given modules in their order. */
export function exampleToml(modules: readonly ExampleModule[]): string {
  const out = [HEAD];
  const { modules: _, ...server } = entriesOf(coreSchema)!;
  tables(server, {}, [], out);
  out.push(moduleTables(modules));
  out.push(hostTable());
  return out.map((block) => block.trimEnd()).join("\n\n") + "\n";
}

type Entries = Readonly<Record<string, AnySchema>>;
type Values = Readonly<Record<string, unknown>>;

/** Writes a table, then the tables in it. Where `values` has nothing, the default holds. */
function tables(entries: Entries, values: Values, path: readonly string[], out: string[]): void {
  const inner: [string, AnySchema][] = [];
  const lines: string[] = [];
  for (const [key, schema] of Object.entries(entries)) {
    if (entriesOf(schema) !== undefined || itemsOf(schema) !== undefined) inner.push([key, schema]);
    else lines.push(...keyLines(key, schema, values[key] ?? defaultOf(schema)));
  }
  if (lines.length > 0) out.push(lines.join("\n"));
  for (const [key, schema] of inner) {
    const at = [...path, key];
    const items = itemsOf(schema);
    if (items === undefined) innerTable(schema, at, out);
    else arrayOfTables(schema, items, at, out);
  }
}

function innerTable(schema: AnySchema, path: readonly string[], out: string[]): void {
  const block: string[] = [];
  tables(entriesOf(schema)!, {}, path, block);
  const plain = Object.values(entriesOf(schema)!).some((entry) =>
    entriesOf(entry) === undefined && itemsOf(entry) === undefined
  );
  if (plain) {
    block[0] = [...comment(metaOf(schema).description), `[${formatKey(path)}]`, block[0]].join(
      "\n",
    );
  }
  out.push(...block);
}

/** The keys are explained at the first one only. Where there are none, examples are commented out. */
function arrayOfTables(
  schema: AnySchema,
  entries: Entries,
  path: readonly string[],
  out: string[],
): void {
  const { description, example } = metaOf(schema);
  const given = defaultOf(schema);
  const isExample = Array.isArray(given) && given.length === 0;
  const values = isExample ? example : given;
  if (!Array.isArray(values)) return;
  values.forEach((value: Values, i) => {
    const lines = Object.entries(entries).flatMap(([key, schema]) =>
      keyLines(key, schema, value[key] ?? defaultOf(schema), i === 0)
    );
    const head = i === 0 ? comment(description) : [];
    const block = [...head, `[[${formatKey(path)}]]`, ...lines].join("\n");
    out.push(isExample ? block.replaceAll(/^(?!#)/gm, "# ") : block);
  });
}

function keyLines(key: string, schema: AnySchema, value: unknown, explained = true): string[] {
  const { description, expected, example } = metaOf(schema);
  const lines = explained ? comment(description) : [];
  const name = formatKey([key]);
  const shown = value ?? example;
  if (shown === undefined) return [...lines, `# ${name} =`];
  let line = `${name} = ${toml(shown, name.length + 3)}`;
  const range = explained && expected !== undefined && /^(a whole|a time|a size|")/.test(expected);
  if (range && line.length + expected.length + 4 <= WIDTH) line += `  # ${expected}`;
  if (value === undefined) line = line.replaceAll(/^/gm, "# ");
  return [...lines, line];
}

function moduleTables(modules: readonly ExampleModule[]): string {
  const switches: string[] = [];
  const blocks: string[] = [];
  for (const { name, description, schema, enabledByDefault } of modules) {
    const entries = schema === undefined ? {} : entriesOf(schema) ?? {};
    if (Object.keys(entries).length === 0) {
      switches.push(...comment(description), `${formatKey([name])} = ${enabledByDefault}`);
      continue;
    }
    const block: string[] = [];
    tables(entries, {}, ["modules", name], block);
    const head = `[${formatKey(["modules", name])}]\nenabled = ${enabledByDefault}`;
    blocks.push([...comment(description), head, ...block].join("\n"));
  }
  return [[MODULES + "[modules]", ...switches].join("\n"), ...blocks].join("\n\n");
}

function hostTable(): string {
  const { limits, modules: _, ...entries } = entriesOf(hostSchema)!;
  const names = Object.keys(entriesOf(limits!)!).join(", ");
  const block: string[] = [];
  tables(entries, {}, ["hosts", "localhost"], block);
  return `${HOSTS}${comment(names + ".").join("\n")}\n[hosts.localhost]\n${block.join("\n")}`;
}

/** The text as comment lines of the usual width. */
function comment(text: string | undefined): string[] {
  if (text === undefined || text === "") return [];
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** A value as TOML; lists that do not fit the line get one line for each element. */
function toml(value: unknown, indent = 0): string {
  if (Array.isArray(value)) {
    const elements = value.map((element) => toml(element));
    const line = `[${elements.join(", ")}]`;
    if (line.length + indent <= WIDTH) return line;
    return `[\n${elements.map((element) => `  ${element},\n`).join("")}]`;
  }
  if (!isTable(value)) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, one]) => `${formatKey([key])} = ${toml(one)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

function defaultOf(schema: AnySchema): unknown {
  const value: unknown = (schema as { default?: unknown }).default;
  return typeof value === "function" ? value() : value;
}

/** The entries of the tables in an array of tables; `undefined` for anything else. */
function itemsOf(schema: AnySchema): Entries | undefined {
  let here = schema as { wrapped?: AnySchema; item?: AnySchema };
  while (here.wrapped !== undefined) here = here.wrapped as typeof here;
  return here.item === undefined ? undefined : entriesOf(here.item);
}
