/**
 * A real server in this process, on free ports and a data folder of its own.
 *
 * ```ts
 * const server = await startServer({ c2s: { auth_timeout: "1s" } });
 * ...
 * await server.stop();
 * ```
 *
 * Settings are those of the TOML, laid over a few defaults: one host `localhost`, no limits of rates,
 * TLS only. `modules` loads these built-in modules alone. With `stop` all clients of the test are cut
 * off, the folder goes, and the test fails if the server has logged an error, which tests that want
 * one allow with `mayLogErrors`.
 */

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { loadConfig } from "../../lib/config/load.ts";
import { formatProblem } from "../../lib/config/problem.ts";
import { createAccount } from "../../lib/hooks/accounts.ts";
import type { Host } from "../../lib/host.ts";
import { parseJid } from "../../lib/jid.ts";
import { createLog } from "../../lib/log.ts";
import { Registry } from "../../lib/registry.ts";
import { Server } from "../../lib/server.ts";
import { builtin } from "../../modules/index.ts";
import type { TestClient } from "./client.ts";

/** A table of the TOML. */
export type Table = { readonly [key: string]: unknown };

export interface ServerOptions {
  /** The built-in modules to load; all that are on by default if not given. */
  readonly modules?: readonly string[];
  /** The server may log errors in this test. */
  readonly mayLogErrors?: boolean;
  /** A data folder of which a copy is taken: what another server has left, or has at the moment. */
  readonly copyOf?: string;
}

export interface TestServer {
  /** Ports on 127.0.0.1: STARTTLS, and TLS from the first byte. */
  readonly port: number;
  readonly tlsPort: number;
  /** The data folder. */
  readonly data: string;
  /** What is being tested, for what no client can see. */
  readonly inner: Server;
  /** Lines of the log so far, as JSON. */
  readonly log: readonly string[];
  /** Connected test clients; each adds and removes itself. */
  readonly clients: Set<TestClient>;
  host(domain?: string): Host;
  /** Makes an account unless it is there. */
  addUser(jid: string, password: string): Promise<void>;
  stop(): Promise<void>;
}

const DEFAULTS: Table = {
  hosts: { localhost: {} },
  listen: {
    c2s: [
      { address: ["127.0.0.1"], port: 0, tls: "starttls" },
      { address: ["127.0.0.1"], port: 0, tls: "direct" },
    ],
    http: [],
  },
  log: { level: "debug", format: "json" },
  store: { synchronous: "normal" },
  limits: { bytes_per_second: 0, connections_per_second: 0 },
};

export async function startServer(
  settings: Table = {},
  options: ServerOptions = {},
): Promise<TestServer> {
  const data = await mkdtemp(join(tmpdir(), "confab-test-"));
  if (options.copyOf !== undefined) await cp(options.copyOf, data, { recursive: true });
  try {
    return await start(data, settings, options);
  } catch (e) {
    await rm(data, { recursive: true, force: true });
    throw e;
  }
}

async function start(data: string, settings: Table, options: ServerOptions): Promise<TestServer> {
  const registry = new Registry(builtin);
  const laid = over(DEFAULTS, settings);
  const text = stringify({ ...laid, data, modules: modulesTable(options, laid.modules as Table) });
  const loaded = await loadConfig({
    text,
    cwd: Deno.cwd(),
    moduleNames: registry.names,
    moduleSchemas: registry.schemas,
  });
  if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  const lines: string[] = [];
  const keep = (text: string) => void lines.push(...text.trimEnd().split("\n"));
  const log = createLog(loaded.config.log, { write: keep, writeSync: keep });
  const server = new Server(loaded.config, registry, log);
  await server.start();

  const clients = new Set<TestClient>();
  const accounts = new Set<string>();
  const host = (domain = "localhost") => server.hosts.get(domain)!;
  const port = (tls: "starttls" | "direct") =>
    server.listeners.find((l) => l.endpoint.kind === "c2s" && l.endpoint.tls === tls)?.port ?? 0;
  return {
    port: port("starttls"),
    tlsPort: port("direct"),
    data,
    inner: server,
    log: lines,
    clients,
    host,
    async addUser(text, password) {
      if (accounts.has(text)) return;
      const jid = parseJid(text)!;
      const made = await host(jid.domain).hooks.ask(createAccount, jid, password);
      if (made === undefined) throw new Error(`nothing makes the account ${text}`);
      accounts.add(text);
    },
    async stop() {
      for (const client of clients) client.cut();
      await server.stop();
      await log.close();
      await rm(data, { recursive: true, force: true });
      const errors = lines.filter((line) => line.includes('"level":"error"'));
      if (errors.length > 0 && options.mayLogErrors !== true) {
        throw new Error(`the server has logged errors:\n${errors.join("\n")}`);
      }
    },
  };
}

/** With a list of modules all others are switched off. */
function modulesTable({ modules }: ServerOptions, settings: Table = {}): Table {
  if (modules === undefined) return settings;
  const off = Object.keys(builtin).filter((name) => !modules.includes(name));
  const on = modules.filter((name) => settings[name] === undefined);
  return {
    ...settings,
    ...Object.fromEntries([...off.map((name) => [name, false]), ...on.map((name) => [name, true])]),
  };
}

/** Tables are merged, everything else is replaced. */
function over(below: Table, above: Table): Table {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    merged[key] = isTable(old) && isTable(value) ? over(old, value) : value;
  }
  // The hosts of a test are its own.
  if (above.hosts !== undefined) merged.hosts = above.hosts;
  return merged;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Runs a test's transcript against a server, which is stopped whatever happens. */
export async function withServer(
  settings: Table,
  options: ServerOptions,
  transcript: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(settings, options);
  try {
    await transcript(server);
  } catch (e) {
    // What the server has to say about it comes with the test's own failure.
    await server.stop().catch((logged) => {
      if (e instanceof Error) e.message += `\n${logged.message}`;
    });
    throw e;
  }
  await server.stop();
}
