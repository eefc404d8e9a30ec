/** The `modules` tables: which modules each host has, and with what settings. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as v from "valibot";
import type { ModuleConfig, ModuleConfigInfo, ModuleSchemas } from "./config.ts";
import { expectedGot, type Path, type Report, unknownName } from "./problem.ts";
import type { ModuleTables } from "./schema.ts";
import { fileProblem, isTable, validate } from "./walk.ts";

export interface ModulesInput {
  /** `[modules]` */
  readonly everywhere: ModuleTables;
  /** `[hosts."...".modules]` of each host, with its path. */
  readonly hosts: readonly { readonly path: Path; readonly tables: ModuleTables }[];
  /** The built-in modules. */
  readonly names: readonly string[];
  readonly schemas: ModuleSchemas;
  /** What relative paths start from. */
  readonly folder: string;
  readonly report: Report;
}

type Modules = Readonly<Record<string, ModuleConfig>>;

/** One module's entry in one table: a switch, or a table of settings. */
interface Entry {
  readonly path: Path;
  readonly enabled: boolean;
  readonly source: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
}

const EMPTY: Readonly<Record<string, unknown>> = Object.freeze({});

/** The modules of each host, in the order of `hosts`. Problems go to `report`. */
export async function resolveModules(input: ModulesInput): Promise<Modules[]> {
  const resolver = new Resolver(input);
  const everywhere = resolver.entries(input.everywhere, ["modules"]);
  const own = input.hosts.map(({ path, tables }) => resolver.entries(tables, path));
  const names = new Set([
    ...input.names,
    ...everywhere.keys(),
    ...own.flatMap((o) => [...o.keys()]),
  ]);

  const resolved: Record<string, ModuleConfig>[] = own.map(() => Object.create(null));
  for (const name of names) {
    const global = everywhere.get(name);
    const shared = own.length === 0 || own.some((entries) => !entries.has(name));
    const common = await resolver.module(name, global, undefined, shared);
    for (const [i, entries] of own.entries()) {
      const entry = entries.get(name);
      const found = entry === undefined ? common : await resolver.module(name, global, entry, true);
      if (found !== undefined) resolved[i]![name] = found;
    }
  }
  return resolved;
}

class Resolver {
  readonly #input: ModulesInput;
  readonly #known: Set<string>;
  readonly #infos = new Map<string, ModuleConfigInfo | undefined>();

  constructor(input: ModulesInput) {
    this.#input = input;
    this.#known = new Set(input.names);
  }

  /** Reads one `modules` table, as far as it is the same for all modules. */
  entries(tables: ModuleTables, path: Path): Map<string, Entry> {
    const found = new Map<string, Entry>();
    for (const [name, value] of Object.entries(tables)) {
      const entry = this.#entry(value, [...path, name]);
      if (entry !== undefined) found.set(name, entry);
    }
    return found;
  }

  #entry(value: unknown, path: Path): Entry | undefined {
    const { report } = this.#input;
    if (typeof value === "boolean") {
      return { path, enabled: value, source: undefined, settings: EMPTY };
    }
    if (!isTable(value)) {
      report(path, expectedGot("true, false or a table of settings", value));
      return undefined;
    }
    const { enabled = true, source, ...settings } = value;
    if (typeof enabled !== "boolean") {
      report([...path, "enabled"], expectedGot("true or false", enabled));
      return undefined;
    }
    if (source === undefined) return { path, enabled, source, settings };
    if (typeof source !== "string" || source === "") {
      report([...path, "source"], expectedGot("a path or URL", source));
      return undefined;
    }
    const url = this.#locate(source, [...path, "source"]);
    return url === undefined ? undefined : { path, enabled, source: url, settings };
  }

  #locate(source: string, path: Path): string | undefined {
    if (/^[A-Za-z][A-Za-z0-9+.-]+:/.test(source)) return source;
    const file = resolve(this.#input.folder, source);
    const problem = fileProblem(file);
    if (problem === undefined) return pathToFileURL(file).href;
    this.#input.report(path, `${problem}: ${file}`);
    return undefined;
  }

  /**
   * A module as one host has it; `undefined` if there is a problem, or nothing at all.
   * @param used whether a host takes it as it is: then no required setting may be missing
   */
  async module(
    name: string,
    everywhere: Entry | undefined,
    own: Entry | undefined,
    used: boolean,
  ): Promise<ModuleConfig | undefined> {
    const source = own?.source ?? everywhere?.source;
    const explicit = own?.enabled ?? everywhere?.enabled;
    const settings = { ...everywhere?.settings, ...own?.settings };
    const builtIn = this.#known.has(name);
    // Nothing said, and none of ours: another host has it.
    if (explicit === undefined && !builtIn) return undefined;
    const nearest = own ?? everywhere;
    if (nearest !== undefined && !builtIn && source === undefined) {
      const otherwise = 'one that is not built in needs a "source"';
      this.#input.report(nearest.path, unknownName("module", name, this.#known, otherwise));
      return undefined;
    }
    // What is switched off is not even loaded, so that a broken module can be switched off.
    if (explicit === false && Object.keys(settings).length === 0) {
      return { name, enabled: false, source, settings: EMPTY };
    }
    const info = await this.#info(name, source, nearest?.path ?? ["modules", name]);
    if (info === undefined) return undefined;
    const enabled = explicit ?? info.enabledByDefault;

    const report: Report = (path, message) => {
      if ((!enabled || !used) && message.startsWith("must be set")) return;
      const key = path[0];
      const entry = key !== undefined && own !== undefined && Object.hasOwn(own.settings, key)
        ? own
        : everywhere ?? own;
      this.#input.report([...entry?.path ?? ["modules", name], ...path], message);
    };
    const schema = info.schema ?? v.strictObject({});
    const checked = validate(schema, settings, [], report, { folder: this.#input.folder });
    return { name, enabled, source, settings: checked ?? EMPTY };
  }

  async #info(
    name: string,
    source: string | undefined,
    path: Path,
  ): Promise<ModuleConfigInfo | undefined> {
    const id = `${name} ${source ?? ""}`;
    if (this.#infos.has(id)) return this.#infos.get(id);
    let info: ModuleConfigInfo | undefined;
    try {
      info = await this.#input.schemas(name, source);
      if (info === undefined) this.#input.report(path, "there is no such module");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#input.report(path, `cannot be loaded: ${whyNot(reason.split("\n")[0]!, source)}`);
    }
    this.#infos.set(id, info);
    return info;
  }
}

/** The runtime tells to unfreeze the lock file; that would let any text of the module in. */
function whyNot(reason: string, source: string | undefined): string {
  if (source === undefined || !reason.startsWith("The lockfile is out of date")) return reason;
  return "it, or what it imports, is not in deno.lock; read it, and if you trust it run " +
    `"deno cache --frozen=false ${source}" in Confab's folder`;
}
