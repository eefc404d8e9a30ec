/**
 * Writes what can be said from the code: `deno task docs`.
 *
 * - `config.example.toml`, from the schemas of the server and of the built-in modules;
 * - `docs/protocols.md` and `doap.xml`, from what the core and the modules implement;
 * - the table of hooks in `docs/modules.md`, from their declarations.
 *
 * A test compares the files with what this would write.
 */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type ExampleModule, exampleToml } from "../lib/config/example.ts";
import { type AnyHook, declared } from "../lib/hooks/hook.ts";
import type { AnyModule } from "../lib/registry.ts";
import { Registry } from "../lib/registry.ts";
import { VERSION } from "../lib/version.ts";
import { builtin } from "../modules/index.ts";
import { type SuiteRow, suites } from "./compliance.ts";
import { messageKinds } from "./message_kinds.ts";
import { roomSections } from "./room_sections.ts";
import { core, linkTo, parts, titles } from "./specifications.ts";

const ROOT = new URL("../", import.meta.url);

/** Every file with generated text in it, by its path from the root, as it should be. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const modules = await builtinModules();
  const guide = await readFile(new URL("docs/modules.md", ROOT), "utf8");
  return new Map([
    ["config.example.toml", exampleToml(exampleModules(modules))],
    ["docs/protocols.md", protocols(modules)],
    ["doap.xml", doap(modules)],
    ["docs/modules.md", withTable(guide, "hooks", await hookTables())],
  ]);
}

/** The definitions of all built-in modules, in order of their names. */
export async function builtinModules(): Promise<AnyModule[]> {
  const registry = new Registry(builtin);
  const found = await Promise.all(registry.names.sort().map((name) => registry.find(name)));
  return found.map((m) => m!);
}

/** The modules as config.example.toml shows them. */
export function exampleModules(modules: readonly AnyModule[]): ExampleModule[] {
  return modules.map(({ name, description, config, enabledByDefault }) => ({
    name,
    description: `${description.replace(/\.$/, "")}.`,
    schema: config,
    enabledByDefault: enabledByDefault ?? true,
  }));
}

// ---- specifications ----

interface Implemented {
  readonly id: string;
  readonly version: string | undefined;
  readonly part: string | undefined;
  /** Modules or files, as Markdown. */
  readonly where: readonly string[];
}

/** What is implemented, each specification once, in order of kind and number. */
function implemented(modules: readonly AnyModule[]): Implemented[] {
  const all = new Map<string, Implemented>();
  for (const { id, version, part, files } of core) {
    all.set(id, { id, version, part, where: files.map((f) => `\`${f}\``) });
  }
  for (const { name, xeps = {}, enabledByDefault = true } of modules) {
    const where = `module ${name}${enabledByDefault ? "" : " (off by default)"}`;
    for (const [id, version] of Object.entries(xeps) as [string, string][]) {
      const other = all.get(id);
      if (other?.version !== undefined && other.version !== version) {
        throw new Error(`${id} is ${version} in module ${name} and ${other.version} elsewhere`);
      }
      all.set(id, { id, version, part: parts[id], where: [...other?.where ?? [], where] });
    }
  }
  for (const id of all.keys()) {
    if (titles[id] === undefined) throw new Error(`docs/specifications.ts has no title for ${id}`);
  }
  return [...all.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}

function protocols(modules: readonly AnyModule[]): string {
  const all = implemented(modules);
  const rows = (kind: string) => all.filter(({ id }) => id.startsWith(kind));
  const link = (id: string) => `[${id}](${linkTo(id)})`;
  return `# Protocols

What Confab ${VERSION} implements. This file is written by \`deno task docs\`: the XEPs of a module stand
in its \`xeps\`, those of the core and the RFCs in \`docs/specifications.ts\`. What a running server has
loaded is told by \`deno run -A main.ts modules\`.

A XEP is advertised to clients only while its module is on. "Part" says what of a specification is
there if not all of it that concerns a server.

## Compliance

The rows of [XEP-0479](${linkTo("XEP-0479")}) (XMPP Compliance Suites 2023) that
concern a server. What a level needs, the one above it needs as well.

${complianceTables(all)}
## RFCs

${
    table(
      ["RFC", "Title", "Part", "Where"],
      rows("RFC").map((s) => [link(s.id), titles[s.id]!, s.part ?? "", s.where.join(", ")]),
    )
  }

## XEPs

${
    table(
      ["XEP", "Title", "Version", "Part", "Where"],
      rows("XEP").map((s) => [
        link(s.id),
        titles[s.id]!,
        s.version!,
        s.part ?? "",
        s.where.join(", "),
      ]),
    )
  }

## Messages

What becomes of a message, by what it carries (\`lib/formats/message_traits.ts\`). An empty cell is a
no.

- Archive: the archives of both accounts keep it.
- Offline: it is kept for an account without an available client.
- Carbons: the other clients of its sender and of its recipient get a copy.
- CSI and push: what is urgent is sent to an inactive client at once, with all that was held back,
  and pushed to a client that is not there.

${messageTable()}

An error is copied if what it answers was.

## Rooms

Where the use cases of [XEP-0045](${linkTo("XEP-0045")}) and of what goes with
it are tested, each as transcripts of what is sent and received, what is refused included.

${
    table(
      ["Section", "What", "Tests"],
      roomSections.map(({ section, what, tests }) => [
        section,
        what,
        tests.map((name) => `[${name}](../tests/protocol/${name}_test.ts)`).join(", "),
      ]),
    )
  }
`;
}

/** The rows of `message_kinds.ts`. */
export function messageTable(): string {
  const copies = (carbons: { readonly sent: boolean; readonly received: boolean }) =>
    carbons.received ? "yes" : carbons.sent ? "to the sender's" : "";
  const urgency = (urgent: boolean, isState: boolean | undefined) =>
    urgent ? "urgent" : isState === true ? "held; the last one counts" : "held";
  return table(
    ["Message", "Specification", "Archive", "Offline", "Carbons", "CSI and push"],
    messageKinds.map(({ kind, spec, archive, offline, carbons, urgent, chatState }) => [
      kind,
      spec,
      archive ? "yes" : "",
      offline ? "yes" : "",
      copies(carbons),
      urgency(urgent, chatState),
    ]),
  );
}

/** One table for each suite: which of its rows are met, by what is implemented. */
function complianceTables(all: readonly Implemented[]): string {
  const known = new Map(all.map((s) => [s.id, s]));
  const row = ({ feature, level, specifications }: SuiteRow) => [
    feature,
    level,
    specifications.map((id) => `[${id}](${linkTo(id)})`).join(", "),
    stateOf(specifications, known),
  ];
  return Object.entries(suites).map(([name, rows]) =>
    `### ${name}\n\n${table(["Feature", "Level", "Specification", "State"], rows.map(row))}\n`
  ).join("\n");
}

function stateOf(
  specifications: readonly string[],
  known: ReadonlyMap<string, Implemented>,
): string {
  const missing = specifications.filter((id) => !known.has(id));
  if (missing.length === specifications.length) return "no";
  if (missing.length > 0) return `in part: no ${missing.join(", ")}`;
  const some = specifications.flatMap((id) => {
    const { part } = known.get(id)!;
    return part === undefined ? [] : [`${id}: ${part}`];
  });
  return some.length === 0 ? "yes" : `in part (${some.join("; ")})`;
}

/** XEP-0453. */
function doap(modules: readonly AnyModule[]): string {
  const lines = implemented(modules).flatMap(({ id, version, part }) => {
    if (!id.startsWith("XEP")) return [`    <implements rdf:resource='${linkTo(id)}' />`];
    const note = part === undefined ? [] : doapNote(part);
    return [
      "    <implements>",
      "      <xmpp:SupportedXep>",
      `        <xmpp:xep rdf:resource='${linkTo(id)}' />`,
      `        <xmpp:status>${part === undefined ? "complete" : "partial"}</xmpp:status>`,
      `        <xmpp:version>${version}</xmpp:version>`,
      ...note,
      "      </xmpp:SupportedXep>",
      "    </implements>",
    ];
  });
  return `<?xml version='1.0' encoding='UTF-8'?>
<rdf:RDF
  xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'
  xmlns='http://usefulinc.com/ns/doap#'
  xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>
  <Project xml:lang='en'>
    <name>Confab</name>
    <shortdesc>XMPP server</shortdesc>
    <description>XMPP server in TypeScript, on Deno, with typed hooks for modules</description>
    <license rdf:resource='https://spdx.org/licenses/MIT.html' />
    <programming-language>TypeScript</programming-language>
    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server' />
${lines.join("\n")}
    <release>
      <Version>
        <revision>${VERSION}</revision>
      </Version>
    </release>
  </Project>
</rdf:RDF>
`;
}

/** In two lines, as the formatter wants it, where one would be too long. */
function doapNote(part: string): string[] {
  const note = `xml:lang='en'>${escape(part)}</xmpp:note>`;
  const line = `        <xmpp:note ${note}`;
  return line.length <= 100 ? [line] : ["        <xmpp:note", `          ${note}`];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

// ---- hooks ----

const DEFAULT_SECONDS = 30;

/** One table for each file of `lib/hooks/` that declares hooks. */
async function hookTables(): Promise<string> {
  const files = (await readdir(new URL("lib/hooks/", ROOT))).filter((f) => f.endsWith(".ts"))
    .sort();
  const shown = new Set<AnyHook>();
  const sections: string[] = [];
  for (const file of files) {
    if (file === "mod.ts") continue;
    const exported = Object.entries(await import(new URL(`lib/hooks/${file}`, ROOT).href));
    const hooks = exported.filter((e): e is [string, AnyHook] =>
      declared.includes(e[1] as AnyHook)
    );
    if (hooks.length === 0) continue;
    hooks.sort(([, a], [, b]) => a.index - b.index);
    for (const [, hook] of hooks) shown.add(hook);
    sections.push(`\`lib/hooks/${file}\`:\n\n${table(HEAD, hooks.map(hookRow))}`);
  }
  const missing = declared.filter((hook) => !shown.has(hook)).map((hook) => hook.name);
  if (missing.length > 0) throw new Error(`not exported by lib/hooks: ${missing.join(", ")}`);
  return sections.join("\n\n");
}

const HEAD = ["Hook", "Constant", "Kind", "What it is", "DJabberd"];

function hookRow([constant, hook]: [string, AnyHook]): string[] {
  const seconds = hook.timeout / 1000;
  return [
    `\`${hook.name}\``,
    `\`${constant}\``,
    seconds === DEFAULT_SECONDS ? hook.kind : `${hook.kind}, ${seconds} s`,
    hook.doc,
    hook.djabberd.map((name) => `\`${name}\``).join(", "),
  ];
}

/** A Markdown table with columns of even width, as the formatter wants it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, i) => Math.max(3, ...all.map((row) => row[i]!.length)));
  const lines = all.map((row) => `| ${row.map((c, i) => c.padEnd(widths[i]!)).join(" | ")} |`);
  const rule = `| ${widths.map((w) => "-".repeat(w)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** The text with what stands between the two marks of that name replaced. */
function withTable(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- end of generated: ${name} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/modules.md lacks the marks for ${name}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

if (import.meta.main) {
  for (const [path, text] of await generate()) {
    const file = fileURLToPath(new URL(path, ROOT));
    if (await readFile(file, "utf8").catch(() => "") === text) continue;
    await writeFile(file, text);
    console.log(`${path} was written`);
  }
}
