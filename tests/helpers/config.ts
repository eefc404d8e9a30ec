/** What the tests of the configuration share: a few modules, and loading from a text. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Config, ModuleConfigInfo } from "../../lib/config/config.ts";
import { loadConfig, type Loaded, type LoadOptions } from "../../lib/config/load.ts";
import { formatProblem } from "../../lib/config/problem.ts";
import {
  bytes,
  file,
  requiredSetting,
  secret,
  setting,
  table,
  text,
  wholeNumber,
} from "../../lib/config/setting.ts";

/** A host, for files that need one. */
export const HOST = '[hosts."example.org"]\n';

export const MODULES: Readonly<Record<string, ModuleConfigInfo>> = {
  ping: { schema: undefined, enabledByDefault: true },
  offline: {
    schema: v.strictObject({
      quota: setting(wholeNumber(1, 100_000), 100, "Messages kept per account."),
      size: setting(bytes(1, 1 << 30), "1 MiB", "Bytes kept per account."),
      keep: table({ days: setting(wholeNumber(1, 365), 30, "Days.") }),
    }),
    enabledByDefault: true,
  },
  register: {
    schema: v.strictObject({
      rate: setting(wholeNumber(1, 100), 3, "Accounts per hour."),
      mode: v.optional(v.picklist(["open", "invite"]), "open"),
    }),
    enabledByDefault: false,
  },
  ldap: {
    schema: v.strictObject({
      url: requiredSetting(text("an LDAP URL"), "ldap://localhost", "The directory."),
      password: v.optional(secret()),
      ca: v.optional(file()),
    }),
    enabledByDefault: false,
  },
};

export function options(over: Partial<LoadOptions> = {}): LoadOptions {
  return {
    cwd: "/nowhere",
    moduleNames: Object.keys(MODULES),
    moduleSchemas: (name) => MODULES[name],
    ...over,
  };
}

export function configOf(loaded: Loaded): Config {
  if ("config" in loaded) return loaded.config;
  throw new assert.AssertionError({ message: loaded.problems.map(formatProblem).join("\n") });
}

/** The problems of a text, as lines without the name of the file. */
export async function problems(toml: string, over: Partial<LoadOptions> = {}): Promise<string[]> {
  const loaded = await loadConfig(options({ file: "server.toml", text: toml, ...over }));
  if ("config" in loaded) return [];
  return loaded.problems.map((p) => formatProblem(p).replace(/^server\.toml:/, ""));
}

export async function good(toml: string, over: Partial<LoadOptions> = {}): Promise<Config> {
  return configOf(await loadConfig(options({ file: "server.toml", text: toml, ...over })));
}

/** Runs `f` with a new folder that holds the given files. */
export async function withFiles(
  files: Readonly<Record<string, string>>,
  f: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "confab-config-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    await f(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
