/** The `[hosts."..."]` tables. */

import { prepDomain } from "../jid.ts";
import type { CertificateFiles, HostConfig, HostLimits, Limits } from "./config.ts";
import { checkHostLimits } from "./checks.ts";
import { certificateFiles } from "./files.ts";
import { expectedGot, formatKey, type Path, type Report } from "./problem.ts";
import { coreSchema, hostLimits, hostSchema, type ModuleTables } from "./schema.ts";
import { entriesOf, isTable, validate } from "./walk.ts";

/** A host without its modules, which need their schemas. */
export interface HostInput {
  /** Missing if it has a problem of its own. */
  readonly host: Omit<HostConfig, "modules"> | undefined;
  /** Where its `modules` table stands. */
  readonly path: Path;
  readonly tables: ModuleTables;
}

/** What hosts take from the rest of the configuration. */
export interface HostDefaults {
  /** Missing if there is a problem with them. */
  readonly limits: Limits | undefined;
  readonly certificate: CertificateFiles | undefined;
  /** May have `{host}` in it. */
  readonly publicUrl: string | undefined;
  readonly folder: string;
}

/** Checks every host, without its modules. */
export function readHosts(
  tables: Readonly<Record<string, unknown>>,
  defaults: HostDefaults,
  report: Report,
): HostInput[] {
  const found: HostInput[] = [];
  const domains = new Map<string, string>();
  for (const [name, value] of Object.entries(tables)) {
    const path = ["hosts", name];
    const domain = prepDomain(name);
    if (domain === undefined) {
      report(path, `expected a domain name such as "example.org", got ${JSON.stringify(name)}`);
    } else if (domains.has(domain)) {
      report(path, `is the same host as ${formatKey(["hosts", domains.get(domain)!])}`);
    } else domains.set(domain, name);
    const modules = isTable(value) && isTable(value.modules) ? value.modules : {};
    const host = readHost(domain ?? name, value, path, defaults, report);
    found.push({ host, path: [...path, "modules"], tables: modules });
  }
  return found;
}

function readHost(
  domain: string,
  value: unknown,
  path: Path,
  defaults: HostDefaults,
  report: Report,
): HostInput["host"] {
  if (!isTable(value)) {
    report(path, expectedGot("a table", value));
    return undefined;
  }
  const misplaced = (at: Path) => dotted(at, value) ?? global(at);
  const host = validate(hostSchema, value, path, report, { folder: defaults.folder, misplaced });
  if (host === undefined) return undefined;
  const own = certificateFiles(host, path, report);
  if (defaults.limits === undefined) return undefined;
  const limits = mergeLimits(defaults.limits, host.limits);
  if (value.limits !== undefined) checkHostLimits(limits, [...path, "limits"], report);
  return {
    domain,
    certificate: own ?? defaults.certificate,
    anonymous: host.anonymous,
    see_other_host: host.see_other_host,
    public_url: publicUrl(host.public_url ?? defaults.publicUrl, domain),
    limits,
  };
}

/** In a URL a domain has A-labels. */
function publicUrl(given: string | undefined, domain: string): string | undefined {
  if (given === undefined) return undefined;
  const url = new URL(given.replaceAll("{host}", domain));
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function mergeLimits(all: Limits, own: Partial<HostLimits>): HostLimits {
  const merged: Record<string, number> = {};
  for (const key of Object.keys(hostLimits) as (keyof HostLimits)[]) {
    merged[key] = own[key] ?? all[key];
  }
  return merged as unknown as HostLimits;
}

/** `[hosts.example.org]` is a table `org` in a host `example`: TOML wants quotes. */
function dotted(at: Path, host: Readonly<Record<string, unknown>>): string | undefined {
  const [, name, key] = at;
  if (
    at.length !== 3 || String(name).includes(".") || typeof key !== "string" || !isTable(host[key])
  ) return undefined;
  const labels = [name, key];
  const known = entriesOf(hostSchema)!;
  let inside = host[key];
  for (;;) {
    const keys = Object.keys(inside);
    const next = keys[0];
    if (keys.length !== 1 || next === undefined || Object.hasOwn(known, next)) break;
    const deeper: unknown = inside[next];
    if (!isTable(deeper)) break;
    labels.push(next);
    inside = deeper;
  }
  const full = labels.join(".");
  if (prepDomain(full) === undefined) return undefined;
  return `unknown key; if ${JSON.stringify(full)} is a host, write [hosts.${JSON.stringify(full)}]`;
}

/** A key that only the whole server has. */
function global(at: Path): string | undefined {
  const [, , table, key] = at;
  const server = entriesOf(coreSchema)!;
  if (at.length === 3 && Object.hasOwn(server, table!)) {
    return `[${table}] is for the whole server, not for one host`;
  }
  if (at.length !== 4 || table !== "limits") return undefined;
  const limits = entriesOf(server.limits!)!;
  return Object.hasOwn(limits, key!)
    ? "is a limit of the whole server, not of one host"
    : undefined;
}
