/**
 * The module registry: finds modules by name or source, sets them up for a host, and takes them down
 * again without a trace (DESIGN §2.7).
 */

import type { Host } from "./host.ts";
import type { ModuleConfig, ModuleConfigInfo } from "./config/config.ts";
import type { ModuleDefinition } from "./module.ts";
import type { Store } from "./store/mod.ts";
import { ModuleScope } from "./module_scope.ts";

// deno-lint-ignore no-explicit-any
export type AnyModule = ModuleDefinition<any>;

/** Built-in modules by name, each behind a literal import so that compiling embeds it. */
export type Builtin = Readonly<Record<string, () => Promise<{ default: unknown }>>>;

export class Registry {
  readonly #builtin: Builtin;
  /** Modules from elsewhere, by URL; a reload that changes the URL's content needs a restart. */
  readonly #loaded = new Map<string, AnyModule>();
  /** Modules whose tables are up to date. */
  readonly #migrated = new Set<string>();

  constructor(builtin: Builtin) {
    this.#builtin = builtin;
  }

  get names(): string[] {
    return Object.keys(this.#builtin);
  }

  /** The definition, imported at the first use. Throws if it cannot be loaded; undefined if unknown. */
  async find(name: string, source?: string): Promise<AnyModule | undefined> {
    const key = source ?? name;
    const known = this.#loaded.get(key);
    if (known !== undefined) return known;
    const load = source !== undefined ? () => import(source) : this.#builtin[name];
    if (load === undefined) return undefined;
    const definition = (await load() as { default?: unknown }).default as AnyModule | undefined;
    if (typeof definition?.setup !== "function") {
      throw new Error(`${key} has no default export made by defineModule()`);
    }
    this.#loaded.set(key, definition);
    return definition;
  }

  /** For the configuration: a module's settings. */
  readonly schemas = async (
    name: string,
    source?: string,
  ): Promise<ModuleConfigInfo | undefined> => {
    const m = await this.find(name, source);
    return m && { schema: m.config, enabledByDefault: m.enabledByDefault ?? true };
  };

  /** Brings the tables of the modules up to date. */
  async migrate(store: Store, modules: Iterable<ModuleConfig>): Promise<void> {
    for (const m of modules) {
      if (!m.enabled || this.#migrated.has(m.name)) continue;
      const definition = await this.find(m.name, m.source);
      if (definition?.migrations !== undefined) await store.migrate(m.name, definition.migrations);
      this.#migrated.add(m.name);
    }
  }

  /** Sets a module up for a host. */
  async load(host: Host, config: ModuleConfig): Promise<ModuleScope> {
    const definition = await this.find(config.name, config.source);
    if (definition === undefined) throw new Error(`there is no module ${config.name}`);
    const scope = new ModuleScope(host, definition, config);
    try {
      await definition.setup(scope);
    } catch (e) {
      await scope.unload();
      throw e;
    }
    return scope;
  }
}
