/**
 * A new configuration while sessions go on. What can fail is tried before anything is changed; a
 * module that refuses its new settings gets its old ones back.
 */

import { isIPv6 } from "node:net";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config/config.ts";
import { type Endpoint, protocolOf } from "./config/checks.ts";
import { diffConfig } from "./config/diff.ts";
import type { ConfigDiff } from "./config/diff.ts";
import type { Host } from "./host.ts";
import { listen } from "./listener.ts";
import type { Listener } from "./listener.ts";
import type { Server } from "./server.ts";

export interface ReloadReport {
  /** What was changed, one line each; empty if nothing was different. */
  readonly changes: readonly string[];
  /** Keys that are different in the file and take effect only at the next start. */
  readonly needsRestart: readonly string[];
}

/** The last reload of each server: they come one after the other. */
const running = new WeakMap<Server, Promise<unknown>>();

/** Brings the server to that configuration. Rejects, with everything as before, if it cannot be. */
export function reload(server: Server, next: Config): Promise<ReloadReport> {
  const before = running.get(server) ?? Promise.resolve();
  const mine = before.then(() => take(server, next));
  running.set(server, mine.catch(() => {}));
  return mine;
}

async function take(server: Server, next: Config): Promise<ReloadReport> {
  const diff = diffConfig(server.config, next);
  if (diff.same) return { changes: [], needsRestart: [] };
  const before = server.config;
  const takeCertificates = await server.prepare(next);
  const ports = new Ports(server);
  try {
    await ports.open(diff.listeners.added, diff.listeners.removed);
    await changeHosts(server, diff, before, next);
  } catch (e) {
    await ports.undo();
    throw e;
  }
  takeCertificates();
  server.apply(next);
  ports.closeOld(diff.listeners.removed);
  return { changes: describe(diff), needsRestart: diff.needsRestart };
}

/** The listeners of one reload. */
class Ports {
  readonly #server: Server;
  readonly #opened: Listener[] = [];
  /** Closed early because a new one wants their port. */
  readonly #displaced: Endpoint[] = [];

  constructor(server: Server) {
    this.#server = server;
  }

  async open(added: readonly Endpoint[], removed: readonly Endpoint[]): Promise<void> {
    for (const e of added) {
      for (const old of removed) {
        if (collide(e, old) && this.#close(old)) this.#displaced.push(old);
      }
      this.#opened.push(await listen(this.#server, e));
    }
    this.#server.listeners.push(...this.#opened);
  }

  closeOld(removed: readonly Endpoint[]): void {
    const left = [...removed];
    for (const e of this.#displaced) left.splice(left.indexOf(e), 1);
    for (const e of left) this.#close(e);
  }

  async undo(): Promise<void> {
    const server = this.#server;
    for (const l of this.#opened) l.close();
    server.listeners = server.listeners.filter((l) => !this.#opened.includes(l));
    for (const e of this.#displaced) server.listeners.push(await listen(server, e));
  }

  /** Closes an old listener; false if it is closed already. */
  #close(e: Endpoint): boolean {
    const { listeners } = this.#server;
    const at = listeners.findIndex((l) =>
      !this.#opened.includes(l) && isDeepStrictEqual(l.endpoint, e)
    );
    if (at < 0) return false;
    listeners[at]!.close();
    listeners.splice(at, 1);
    return true;
  }
}

/** Both cannot be open at once: a port is the same, and so is the address, or one is "any". */
function collide(a: Endpoint, b: Endpoint): boolean {
  const any = (e: Endpoint) => e.address === "0.0.0.0" || e.address === "::";
  return a.port === b.port && a.port !== 0 && isIPv6(a.address) === isIPv6(b.address) &&
    (a.address === b.address || any(a) || any(b));
}

/** Hosts and modules; what was done before a failure is undone. */
async function changeHosts(
  server: Server,
  diff: ConfigDiff,
  before: Config,
  next: Config,
): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  const configOf = (c: Config, domain: string) => c.hosts.find((h) => h.domain === domain)!;
  try {
    for (const domain of diff.hosts.added) {
      const host = await server.addHost(configOf(next, domain));
      undo.push(() => server.removeHost(host));
    }
    for (const change of diff.hosts.changed) {
      const host = server.hosts.get(change.domain)!;
      const old = configOf(before, change.domain);
      undo.push(async () => {
        host.config = old;
        await Promise.resolve();
      });
      host.config = configOf(next, change.domain);
      await changeModules(server, host, change.modules, old, undo);
    }
  } catch (e) {
    for (const step of undo.reverse()) await step();
    throw e;
  }
  for (const domain of diff.hosts.removed) await server.removeHost(server.hosts.get(domain)!);
}

type ModuleChanges = ConfigDiff["hosts"]["changed"][number]["modules"];

async function changeModules(
  server: Server,
  host: Host,
  changes: ModuleChanges,
  old: Host["config"],
  undo: (() => Promise<void>)[],
): Promise<void> {
  const withConfig = async (config: Host["config"], step: () => Promise<void>) => {
    const current = host.config;
    host.config = config;
    try {
      await step();
    } finally {
      host.config = current;
    }
  };
  for (const name of [...changes.removed, ...changes.changed, ...changes.replaced]) {
    await server.unloadModule(host, name);
    undo.push(() => withConfig(old, () => server.loadModule(host, name)));
  }
  for (const name of [...changes.added, ...changes.changed, ...changes.replaced]) {
    undo.push(() => server.unloadModule(host, name));
    await server.loadModule(host, name);
  }
}

function describe(diff: ConfigDiff): string[] {
  const lines: string[] = [];
  const where = (e: Endpoint) =>
    `${e.address.includes(":") ? `[${e.address}]` : e.address}:${e.port}`;
  for (const e of diff.listeners.added) lines.push(`listening on ${where(e)} (${protocolOf(e)})`);
  for (const e of diff.listeners.removed) lines.push(`no longer listening on ${where(e)}`);
  for (const domain of diff.hosts.added) lines.push(`host ${domain} added`);
  for (const domain of diff.hosts.removed) lines.push(`host ${domain} removed`);
  for (const h of diff.hosts.changed) {
    for (const name of h.modules.added) lines.push(`${h.domain}: module ${name} loaded`);
    for (const name of h.modules.removed) lines.push(`${h.domain}: module ${name} unloaded`);
    for (const name of h.modules.changed) {
      lines.push(`${h.domain}: module ${name} has new settings`);
    }
    for (const name of h.modules.replaced) {
      lines.push(`${h.domain}: module ${name} comes from elsewhere`);
    }
    if (h.certificate) lines.push(`${h.domain}: new certificate`);
    if (h.limits) lines.push(`${h.domain}: new limits`);
    if (h.settings) lines.push(`${h.domain}: new settings`);
  }
  for (const part of ["admins", "log", "tls", "http", "c2s", "limits", "auth", "bind"] as const) {
    if (diff[part]) lines.push(`new settings in [${part}]`);
  }
  return lines;
}
