/** Reads and checks the configuration: a TOML file, a text, or nothing (the defaults). */

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import type * as v from "valibot";
import { checkAuth, checkLimits, checkListeners, checkPublicUrls } from "./checks.ts";
import type { Config, ModuleSchemas, StoreConfig } from "./config.ts";
import { certificateFiles, checkAuthorities } from "./files.ts";
import { readHosts } from "./hosts.ts";
import { findLines, type LineOf } from "./lines.ts";
import { resolveModules } from "./modules.ts";
import { expectedGot, formatKey, type Problem, type Report, unknownName } from "./problem.ts";
import { coreEntries } from "./schema.ts";
import type { AnySchema } from "./setting.ts";
import { isTable, systemError, validate } from "./walk.ts";

export interface LoadOptions {
  /** The file to read; without it (and without `text`) `server.toml` in `cwd` if there is one. */
  readonly file?: string;
  /** The TOML itself; `file` then only names it. */
  readonly text?: string;
  /** `--data`: wins over the file; relative to `cwd`. */
  readonly dataDir?: string;
  /** The working directory if not given. */
  readonly cwd?: string;
  /** The built-in modules. */
  readonly moduleNames: readonly string[];
  readonly moduleSchemas: ModuleSchemas;
}

export type Loaded = { readonly config: Config } | { readonly problems: readonly Problem[] };

/** The hosts when there is no file. */
const DEFAULT_HOSTS = { localhost: {} };

/** Never throws for what is in the file: all its problems come back at once, in order of lines. */
export async function loadConfig(options: LoadOptions): Promise<Loaded> {
  const cwd = resolve(options.cwd ?? ".");
  const file = options.file ?? (options.text === undefined ? defaultFile(cwd) : undefined);
  const source = read(file, options.text, cwd);
  if ("problems" in source) return source;

  const problems: Problem[] = [];
  const report: Report = (path, message) => {
    const problem = { file, line: source.lineOf(path), key: formatKey(path), message };
    const same = (p: Problem) => p.key === problem.key && p.message === message;
    if (!problems.some(same)) problems.push(problem);
  };
  const folder = file === undefined ? cwd : dirname(resolve(cwd, file));
  const { dataDir } = options;
  const data = dataDir === undefined ? undefined : resolve(cwd, dataDir);
  const config = await build(source.document, { ...options, folder, data, report });
  if (data !== undefined && !isFolderOrNothing(data)) {
    problems.push({
      file: undefined,
      line: undefined,
      key: "--data",
      message: `not a folder: ${data}`,
    });
  }
  if (config === undefined || problems.length > 0) {
    problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    return { problems };
  }
  const path = file === undefined ? undefined : resolve(cwd, file);
  return { config: freeze({ file: path, ...config }) };
}

function defaultFile(cwd: string): string | undefined {
  return existsSync(resolve(cwd, "server.toml")) ? "server.toml" : undefined;
}

interface Source {
  readonly document: Readonly<Record<string, unknown>>;
  readonly lineOf: LineOf;
}

function read(
  file: string | undefined,
  given: string | undefined,
  cwd: string,
): Source | { problems: Problem[] } {
  let text = given;
  if (text === undefined) {
    if (file === undefined) return { document: { hosts: DEFAULT_HOSTS }, lineOf: () => undefined };
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(resolve(cwd, file)));
    } catch (error) {
      const message = error instanceof TypeError ? "is not UTF-8" : systemError(error);
      return { problems: [{ file, line: undefined, key: "", message }] };
    }
  }
  text = text.replace(/^\ufeff/, "");
  try {
    return { document: parse(text), lineOf: findLines(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split("\n")[0]!.replace("Invalid TOML document: ", "not TOML: ");
    const { line, column } = error;
    return { problems: [{ file, line, column, key: "", message }] };
  }
}

interface BuildOptions extends LoadOptions {
  readonly folder: string;
  /** The data folder if the command line has set it, absolute. */
  readonly data: string | undefined;
  readonly report: Report;
}

type Sections = {
  [K in keyof typeof coreEntries]: v.InferOutput<typeof coreEntries[K]> | undefined;
};

/** Puts the configuration together; `undefined` only after a report. */
async function build(
  document: Readonly<Record<string, unknown>>,
  { folder, data, report, moduleNames, moduleSchemas }: BuildOptions,
): Promise<Omit<Config, "file"> | undefined> {
  const top = [...Object.keys(coreEntries), "hosts"];
  for (const key of Object.keys(document)) {
    if (!top.includes(key)) report([key], unknownName("key", key, top));
  }
  const sections = {} as Record<string, unknown>;
  for (const [key, schema] of Object.entries(coreEntries) as [string, AnySchema][]) {
    // Absent keys get their defaults, as `optional` says.
    sections[key] = validate(schema, document[key], [key], report, { folder });
  }
  const { admins, log, store, tls, listen, http, c2s, limits, auth, bind, modules } =
    sections as Sections;

  const folderOfData = data ?? dataFolder(sections.data as string | undefined, folder, report);
  const database = store && folderOfData && storeConfig(store, folderOfData, report);
  const certificate = tls && certificateFiles(tls, ["tls"], report);
  checkAuthorities(tls?.client_ca, ["tls", "client_ca"], report);
  if (listen) checkListeners(listen, ["listen"], report);
  if (limits) checkLimits(limits, ["limits"], report);
  if (auth) checkAuth(auth, ["auth"], report);

  const hosts = readHosts(
    hostTables(document.hosts, report),
    { limits, certificate, publicUrl: http?.public_url, folder },
    report,
  );
  checkPublicUrls(hosts.flatMap(({ host }) => host ?? []), ["http", "public_url"], report);
  if (auth?.mechanisms.length === 0 && hosts.some(({ host }) => host?.anonymous === false)) {
    report(
      ["auth", "mechanisms"],
      "expected at least one mechanism, as not all hosts are anonymous",
    );
  }
  const own = await resolveModules({
    everywhere: modules ?? {},
    hosts,
    names: moduleNames,
    schemas: moduleSchemas,
    folder,
    report,
  });
  if (!admins || !log || !database || !folderOfData || !tls || !listen) return undefined;
  if (!http || !c2s || !limits || !auth || !bind) return undefined;
  return {
    data: folderOfData,
    admins,
    log,
    store: database,
    tls: { client_ca: tls.client_ca, min_version: tls.min_version, certificate },
    listen,
    http,
    c2s,
    limits,
    auth,
    bind,
    hosts: hosts.flatMap(({ host }, i) =>
      host === undefined ? [] : [{ ...host, modules: own[i]! }]
    ),
  };
}

function hostTables(value: unknown, report: Report): Readonly<Record<string, unknown>> {
  if (value !== undefined && !isTable(value)) {
    report(["hosts"], expectedGot("a table", value));
    return {};
  }
  if (value === undefined || Object.keys(value).length === 0) {
    report(["hosts"], 'there is no host; add one such as [hosts."example.org"]');
    return {};
  }
  return value;
}

function dataFolder(value: string | undefined, folder: string, report: Report): string | undefined {
  if (value === undefined) return undefined;
  const data = resolve(folder, value);
  if (!isFolderOrNothing(data)) report(["data"], `not a folder: ${data}`);
  return data;
}

type Store = NonNullable<Sections["store"]>;

function storeConfig({ url, ...rest }: Store, data: string, report: Report): StoreConfig {
  if (!url.startsWith("sqlite:")) return { ...rest, kind: "postgres", location: url };
  const name = url.slice("sqlite:".length);
  if (name === ":memory:") return { ...rest, kind: "sqlite", location: name };
  const location = resolve(data, name);
  // The data folder is made when it is missing; others are the operator's.
  if (dirname(location) !== data && !existsSync(dirname(location))) {
    report(["store", "url"], `no such folder: ${dirname(location)}`);
  }
  return { ...rest, kind: "sqlite", location };
}

function isFolderOrNothing(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

/** Freezes records and lists all the way down; what else a module's schema may make stays as it is. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && prototype !== Array.prototype) {
    return value;
  }
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
}
