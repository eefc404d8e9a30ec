import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { COMMANDS, helpText } from "../../lib/cli/args.ts";
import { coreSchema } from "../../lib/config/schema.ts";
import { entriesOf } from "../../lib/config/walk.ts";
import { declared } from "../../lib/hooks/hook.ts";
import * as hooks from "../../lib/hooks/mod.ts";
import { builtinModules } from "../../docs/generate.ts";
import { names, page, pages, prose, ROOT } from "./pages.ts";

/** The anchor that a heading gets. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

Deno.test("documents: links within the repository lead somewhere", () => {
  const broken: string[] = [];
  for (const p of pages) {
    for (const [, target] of prose(p).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const url = new URL(target!, new URL(p.path, ROOT));
      const anchor = url.hash.slice(1);
      url.hash = "";
      const found = existsSync(url);
      const right = found &&
        (anchor === "" || anchors(readFileSync(url, "utf8")).includes(anchor));
      if (!right) broken.push(`${p.path}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

Deno.test("documents: files that are mentioned exist", () => {
  const missing = pages.flatMap((p) =>
    names(p)
      .filter((name) => /^(lib|modules|tests|docs|\.ci)\/[\w./-]*$/.test(name))
      .filter((name) => !existsSync(new URL(name, ROOT)))
      .map((name) => `${p.path}: ${name}`)
  );
  assert.deepEqual(missing, []);
});

Deno.test("documents: functions and members that docs/architecture.md names are there", () => {
  const code = [...sources("lib"), ...sources("modules")];
  const gone = names(page("docs/architecture.md")).filter((name) => {
    const member = /^([A-Z]\w+)\.(#?\w+)$/.exec(name);
    if (member !== null) {
      const owner = new RegExp(`(class|interface) ${member[1]}\\b`);
      const used = new RegExp(`^ +(readonly |get |async )*${member[2]}\\b`, "m");
      return !code.some((text) => owner.test(text) && used.test(text));
    }
    if (!/^[a-zA-Z]+[A-Z]\w*$/.test(name)) return false;
    return !code.some((text) => new RegExp(`\\b${name}\\b`).test(text));
  });
  assert.deepEqual(gone.filter((name) => name !== "TLSSocket"), []);
});

function sources(folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, ROOT), { recursive: true, encoding: "utf8" })
    .filter((f) => f.endsWith(".ts"))
    .map((f) => readFileSync(new URL(`${folder}/${f}`, ROOT), "utf8"));
}

Deno.test("documents: keys and hooks that are named exist", async () => {
  const known = new Set(declared.map((h) => h.name));
  const modules = Object.fromEntries((await builtinModules()).map((m) => [m.name, m.config]));
  const tables = Object.keys(entriesOf(coreSchema)!);
  const areas = new Set(declared.map((h) => h.name.split(".")[0]!));
  areas.delete("host"); // in a module's code that is its handle, with members of its own
  const wrong: string[] = [];
  for (const p of pages) {
    for (const name of names(p)) {
      const [path] = name.split(" = ");
      if (known.has(name) || !/^[a-z0-9_]+(\.[a-z0-9_-]+)+$/.test(path!)) continue;
      const [first, ...rest] = path!.split(".");
      if (/\.(ts|md|toml|json|sqlite|lock|crt|sock|xml|pem)$/.test(path!)) continue;
      const root = first === "modules" ? modules : entriesOf(coreSchema)!;
      const key = first === "modules" ? rest : [first!, ...rest];
      if (isMember(first!, rest[0]!)) continue;
      if (tables.includes(first!) ? has(root, key) : !areas.has(first!)) continue;
      wrong.push(`${p.path}: ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** What modules' code has under these names, and where it is declared. */
const OBJECTS: Readonly<Record<string, string>> = {
  session: "lib/session.ts",
  stanza: "lib/stanza.ts",
  iq: "lib/stanza.ts",
};

function isMember(name: string, member: string): boolean {
  const file = Object.hasOwn(OBJECTS, name) ? OBJECTS[name] : undefined;
  if (file === undefined) return false;
  const text = readFileSync(new URL(file, ROOT), "utf8");
  return new RegExp(`^  (readonly |get )?${member}\\b`, "m").test(text);
}

// deno-lint-ignore no-explicit-any
function has(entries: any, [key, ...rest]: string[]): boolean {
  if (key === undefined) return true;
  if (entries === undefined || !Object.hasOwn(entries, key)) return false;
  return rest.length === 0 || has(entries[key] && entriesOf(entries[key]), rest);
}

Deno.test("documents: commands that are written exist", () => {
  const wrong: string[] = [];
  for (const p of pages) {
    for (const [, words] of p.text.matchAll(/main\.ts ((?:user |host )?[a-z]+)\b/g)) {
      if (!Object.hasOwn(COMMANDS, words!)) wrong.push(`${p.path}: main.ts ${words}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(page("docs/operators.md").text.includes(helpText(undefined).split("\n\n")[1]!));
});

Deno.test("lib/hooks/mod.ts exports every hook, as docs/modules.md says", () => {
  const exported = new Set<unknown>(Object.values(hooks));
  assert.deepEqual(declared.filter((h) => !exported.has(h)).map((h) => h.name), []);
});

Deno.test("documents: tasks that are written exist", () => {
  const { tasks } = JSON.parse(readFileSync(new URL("deno.json", ROOT), "utf8"));
  for (const p of pages) {
    for (const [, task] of p.text.matchAll(/(?:deno|deno@[\d.]+) task (\w+)/g)) {
      assert.ok(Object.hasOwn(tasks, task!), `${p.path}: deno task ${task}`);
    }
  }
});
