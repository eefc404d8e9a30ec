/** What is different between two configurations, for a reload while sessions go on. */

import { isDeepStrictEqual } from "node:util";
import { type Endpoint, endpoints } from "./checks.ts";
import type { Config, HostConfig, ModuleConfig } from "./config.ts";

/** Names of modules, as one host has them. */
export interface ModuleChanges {
  /** To be set up: off before, on now. */
  readonly added: readonly string[];
  /** To be taken down: on before, off now. */
  readonly removed: readonly string[];
  /** On before and now, with other settings. */
  readonly changed: readonly string[];
  /** On before and now, from another source. */
  readonly replaced: readonly string[];
}

export interface HostChange {
  readonly domain: string;
  /** Other files, or other contents of the same files. */
  readonly certificate: boolean;
  readonly limits: boolean;
  /** `anonymous`, `see_other_host` or `public_url`. */
  readonly settings: boolean;
  readonly modules: ModuleChanges;
}

export interface ConfigDiff {
  /** True if nothing is different at all. */
  readonly same: boolean;
  /** Keys whose change takes effect only after a restart, as the TOML has them. */
  readonly needsRestart: readonly string[];
  /** One that is here and there with another `tls` mode is in both lists: remove, then add. */
  readonly listeners: {
    readonly added: readonly Endpoint[];
    readonly removed: readonly Endpoint[];
  };
  readonly hosts: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly HostChange[];
  };
  readonly admins: boolean;
  readonly log: boolean;
  /** `[tls]` apart from the certificate, which is counted with each host that uses it. */
  readonly tls: boolean;
  readonly c2s: boolean;
  readonly http: boolean;
  /** `[limits]`; what of it holds for hosts is also counted there. */
  readonly limits: boolean;
  readonly auth: boolean;
  readonly bind: boolean;
}

export function diffConfig(before: Config, now: Config): ConfigDiff {
  const differs = (key: keyof Config) => !isDeepStrictEqual(before[key], now[key]);
  const diff = {
    needsRestart: restartKeys(before, now),
    listeners: diffListeners(before, now),
    hosts: diffHosts(before.hosts, now.hosts),
    admins: differs("admins"),
    log: differs("log"),
    tls: before.tls.client_ca !== now.tls.client_ca ||
      before.tls.min_version !== now.tls.min_version,
    c2s: differs("c2s"),
    http: differs("http"),
    limits: differs("limits"),
    auth: differs("auth"),
    bind: differs("bind"),
  };
  return { same: Object.values(diff).every(nothing), ...diff };
}

/** True for `false`, an empty list, and a record of nothing but these. */
function nothing(part: unknown): boolean {
  if (typeof part !== "object" || part === null) return part === false;
  return Array.isArray(part) ? part.length === 0 : Object.values(part).every(nothing);
}

function restartKeys(before: Config, now: Config): string[] {
  const keys: string[] = [];
  if (before.data !== now.data) keys.push("data");
  const a = before.store;
  const b = now.store;
  // A database file that only moved along with the data folder is not another complaint.
  if (a.kind !== b.kind || (a.location !== b.location && before.data === now.data)) {
    keys.push("store.url");
  }
  for (const key of ["synchronous", "pool", "queue"] as const) {
    if (a[key] !== b[key]) keys.push(`store.${key}`);
  }
  return keys;
}

function diffListeners(before: Config, now: Config): ConfigDiff["listeners"] {
  const old = endpoints(before.listen);
  const fresh = endpoints(now.listen);
  return { added: without(fresh, old), removed: without(old, fresh) };
}

/** Elements of `a` without one equal in `b` for each. */
function without(a: readonly Endpoint[], b: readonly Endpoint[]): Endpoint[] {
  const rest = b.map((endpoint) => JSON.stringify(endpoint));
  return a.filter((endpoint) => {
    const i = rest.indexOf(JSON.stringify(endpoint));
    if (i >= 0) rest.splice(i, 1);
    return i < 0;
  });
}

function diffHosts(before: readonly HostConfig[], now: readonly HostConfig[]): ConfigDiff["hosts"] {
  const old = new Map(before.map((host) => [host.domain, host]));
  const fresh = new Map(now.map((host) => [host.domain, host]));
  const changed: HostChange[] = [];
  for (const host of now) {
    const previous = old.get(host.domain);
    const change = previous === undefined ? undefined : diffHost(previous, host);
    if (change !== undefined) changed.push(change);
  }
  return {
    added: [...fresh.keys()].filter((domain) => !old.has(domain)),
    removed: [...old.keys()].filter((domain) => !fresh.has(domain)),
    changed,
  };
}

function diffHost(before: HostConfig, now: HostConfig): HostChange | undefined {
  const change = {
    certificate: !isDeepStrictEqual(before.certificate, now.certificate),
    limits: !isDeepStrictEqual(before.limits, now.limits),
    settings: before.anonymous !== now.anonymous || before.see_other_host !== now.see_other_host ||
      before.public_url !== now.public_url,
    modules: diffModules(before.modules, now.modules),
  };
  return nothing(change) ? undefined : { domain: now.domain, ...change };
}

type Modules = Readonly<Record<string, ModuleConfig>>;

function diffModules(before: Modules, now: Modules): ModuleChanges {
  const changes = { added: [], removed: [], changed: [], replaced: [] } as {
    [K in keyof ModuleChanges]: string[];
  };
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const a = before[name];
    const b = now[name];
    const wasOn = a?.enabled ?? false;
    const isOn = b?.enabled ?? false;
    if (!wasOn && !isOn) continue;
    if (!wasOn) changes.added.push(name);
    else if (!isOn) changes.removed.push(name);
    else if (a!.source !== b!.source) changes.replaced.push(name);
    else if (!isDeepStrictEqual(a!.settings, b!.settings)) changes.changed.push(name);
  }
  return changes;
}
