import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import * as v from "valibot";
import { type ExampleModule, exampleToml } from "../../lib/config/example.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { coreSchema, hostSchema } from "../../lib/config/schema.ts";
import { type AnySchema, metaOf } from "../../lib/config/setting.ts";
import { entriesOf, isTable } from "../../lib/config/walk.ts";
import { builtinModules, exampleModules } from "../../docs/generate.ts";
import { configOf, MODULES, options } from "../helpers/config.ts";

const modules: ExampleModule[] = Object.entries(MODULES).map(([name, info]) => ({
  name,
  description: `What ${name} is.`,
  ...info,
}));

/** The text with the keys that are only shown made real. */
function uncommented(text: string): string {
  return text.replaceAll(/^# ([a-z_]+ = .*)$/gm, "$1");
}

/** Paths of all keys in a schema. */
function keys(schema: AnySchema, path: string): string[] {
  return Object.entries(entriesOf(schema) ?? {}).flatMap(([key, entry]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return entriesOf(entry) === undefined ? [at] : keys(entry, at);
  });
}

function has(document: unknown, path: string): boolean {
  let here: unknown = document;
  for (const key of path.split(".")) {
    if (!isTable(here) || !Object.hasOwn(here, key)) return false;
    here = here[key];
  }
  return true;
}

Deno.test("example: it is valid and says what holds without a file", async () => {
  // The module with a required key is off, so that its key stays a comment.
  const text = exampleToml(modules);
  const written = configOf(await loadConfig(options({ file: "example.toml", text })));
  const defaults = configOf(await loadConfig(options()));
  const { file: _, ...rest } = written;
  const { file: __, ...expected } = defaults;
  assert.deepEqual(rest, expected);
});

Deno.test("example: every key is there, with one line on it", () => {
  const text = exampleToml(modules);
  const document = parse(uncommented(text));
  const missing = [
    ...keys(coreSchema, ""),
    ...keys(v.omit(hostSchema, ["limits", "modules"]), "hosts.localhost"),
    ...modules.flatMap(({ name, schema }) =>
      schema === undefined ? [`modules.${name}`] : keys(schema, `modules.${name}`)
    ),
  ].filter((path) =>
    !has(document, path) && !/^modules\.(register\.mode|ldap\.(password|ca))$/.test(path)
  );
  assert.deepEqual(missing, []);
  assert.deepEqual(Object.keys((document.listen as { c2s: object[] }).c2s[1]!), [
    "address",
    "port",
    "tls",
  ]);
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  for (const { description } of modules) {
    assert.ok(text.includes(`# ${description}\n`), description);
  }
});

Deno.test("example: every key of the server has a description", () => {
  const bare: string[] = [];
  const visit = (schema: AnySchema, path: string) => {
    for (const [key, entry] of Object.entries(entriesOf(schema) ?? {})) {
      if (key === "modules") continue;
      const description = metaOf(entry).description ?? "";
      const at = `${path}.${key}`;
      if (entriesOf(entry) !== undefined) visit(entry, at);
      else if (!/^["A-Z].*\.$/.test(description)) bare.push(`${at}: ${description}`);
    }
  };
  visit(coreSchema, "");
  visit(hostSchema, "hosts");
  assert.deepEqual(bare, []);
});

Deno.test("example: values of all kinds are written as TOML", () => {
  const schema = v.strictObject({
    "odd key": v.optional(v.string(), 'a "quote" \\ and\ttab'),
    list: v.optional(v.array(v.string()), Array.from({ length: 20 }, (_, i) => `element ${i}`)),
    inline: v.optional(v.record(v.string(), v.unknown()), { a: 1, "b c": [true, "x"] }),
    lazy: v.optional(v.number(), () => 1.5),
    inner: v.optional(v.strictObject({ deep: v.optional(v.boolean(), false) }), {}),
  });
  const text = exampleToml([{ name: "odd", description: "", schema, enabledByDefault: false }]);
  const { odd } = parse(text).modules as Record<string, Record<string, unknown>>;
  const { enabled, ...settings } = odd!;
  assert.equal(enabled, false);
  assert.deepEqual(v.parse(schema, structuredClone(settings)), v.parse(schema, {}));
});

Deno.test("example: where a list of tables is empty, one is shown as a comment", () => {
  const one = v.strictObject({ a: v.optional(v.number(), 1), b: v.string() });
  const list = v.pipe(v.array(one), v.metadata({ example: [{ b: "x" }] }));
  const schema = v.strictObject({ list: v.optional(list, []), none: v.optional(v.array(one), []) });
  const text = exampleToml([{ name: "m", description: "", schema, enabledByDefault: true }]);
  assert.ok(text.includes('\n# [[modules.m.list]]\n# a = 1\n# b = "x"\n'));
  assert.ok(!text.includes("modules.m.none"));
});

Deno.test("example: config.example.toml is what the schemas say", async () => {
  const file = new URL("../../config.example.toml", import.meta.url);
  const builtIn = exampleModules(await builtinModules());
  assert.equal(readFileSync(file, "utf8"), exampleToml(builtIn), "run `deno task docs`");
});
