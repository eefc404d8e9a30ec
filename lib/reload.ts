/**
 * A new configuration while sessions go on. What can fail is tried before anything is changed; a
 * module that refuses its new settings gets its old ones back.
 */

import type { Config } from "./config/config.ts";
import type { Endpoint } from "./config/checks.ts";
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

/** Brings the server to that configuration. Rejects, with everything as before, if it cannot be. */
export async function reload(server: Server, next: Config): Promise<ReloadReport> {
  const diff = diffConfig(server.config, next);
  if (diff.same) return { changes: [], needsRestart: [] };
  const before = server.config;
  const take = await server.prepare(next);
  const opened: Listener[] = [];
  try {
    for (const e of diff.listeners.added) {
      const sameSpot = diff.listeners.removed.some((r) =>
        r.address === e.address && r.port === e.port
      );
      if (sameSpot) closeListeners(server, [e]);
      opened.push(await listen(server, e));
    }
    await changeHosts(server, diff, before, next);
  } catch (e) {
    for (const l of opened) l.close();
    throw e;
  }
  take();
  server.apply(next);
  server.listeners.push(...opened);
  closeListeners(server, diff.listeners.removed, opened);
  return { changes: describe(diff), needsRestart: diff.needsRestart };
}

function closeListeners(
  server: Server,
  gone: readonly Endpoint[],
  except: readonly Listener[] = [],
): void {
  const isGone = (l: Listener) =>
    !except.includes(l) &&
    gone.some((e) => e.address === l.endpoint.address && e.port === l.endpoint.port);
  for (const l of server.listeners) if (isGone(l)) l.close();
  server.listeners = server.listeners.filter((l) => !isGone(l));
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
  for (const e of diff.listeners.added) lines.push(`listening on ${where(e)} (${e.tls})`);
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
  for (const part of ["admins", "log", "tls", "c2s", "limits", "auth", "bind"] as const) {
    if (diff[part]) lines.push(`new settings in [${part}]`);
  }
  return lines;
}
