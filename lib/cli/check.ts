/** `confab check`: the configuration, and whether what it names is there and works. */

import { promises as dns } from "node:dns";
import { createServer } from "node:net";
import type { Config } from "../config/config.ts";
import { endpoints } from "../config/checks.ts";
import type { Endpoint } from "../config/checks.ts";
import { ask } from "../control/socket.ts";
import type { Registry } from "../registry.ts";
import { openStore } from "../store/mod.ts";
import { loadCertificate, nameMatches } from "../tls/certificate.ts";
import type { CommandLine } from "./args.ts";
import { ConfigError } from "./config_error.ts";
import { formatProblem } from "../config/problem.ts";

export interface Finding {
  readonly level: "ok" | "note" | "error";
  readonly about: "configuration" | "ports" | "certificate" | "database" | "dns" | "server";
  readonly text: string;
}

const EXPIRY_WARNING_DAYS = 14;
const DNS_TIMEOUT_MS = 3000;

/** Prints all findings; 1 if there is an error among them. */
export async function check(
  line: CommandLine,
  registry: Registry,
  readConfig: () => Promise<Config>,
): Promise<number> {
  const findings = await findAll(registry, readConfig);
  if (line.json) console.log(JSON.stringify(findings));
  else for (const f of findings) console.log(`${f.level.padEnd(5)}  ${f.about}: ${f.text}`);
  return findings.some((f) => f.level === "error") ? 1 : 0;
}

async function findAll(registry: Registry, readConfig: () => Promise<Config>): Promise<Finding[]> {
  let config: Config;
  try {
    config = await readConfig();
  } catch (e) {
    if (!(e instanceof ConfigError)) throw e;
    return e.problems.map((p) => ({
      level: "error",
      about: "configuration",
      text: formatProblem(p),
    }));
  }
  const findings: Finding[] = [{
    level: "ok",
    about: "configuration",
    text: config.file === undefined ? "no file: the defaults hold" : `${config.file} is valid`,
  }];
  const running = await ask(config.data, "status", {}) !== undefined;
  if (running) {
    findings.push({ level: "note", about: "server", text: `one is running on ${config.data}` });
  }
  findings.push(...await ports(config, running));
  for (const host of config.hosts) findings.push(await certificate(config, host.domain));
  findings.push(await database(config, registry));
  for (const host of config.hosts) findings.push(...await srv(config, host.domain));
  return findings;
}

async function ports(config: Config, running: boolean): Promise<Finding[]> {
  const all = endpoints(config.listen);
  if (running) {
    return [{ level: "note", about: "ports", text: "not tried: the running server has them" }];
  }
  return await Promise.all(all.map(async (e) => {
    const where = e.address.includes(":") ? `[${e.address}]:${e.port}` : `${e.address}:${e.port}`;
    const problem = await tryPort(e);
    return problem === undefined
      ? { level: "ok", about: "ports", text: `${where} is free` } as const
      : { level: "error", about: "ports", text: `${where}: ${problem}` } as const;
  }));
}

function tryPort(e: Endpoint): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(error.message));
    server.listen({ host: e.address, port: e.port, ipv6Only: e.address.includes(":") }, () => {
      server.close(() => resolve(undefined));
    });
  });
}

async function certificate(config: Config, domain: string): Promise<Finding> {
  const about = "certificate";
  const given = config.hosts.find((h) => h.domain === domain)?.certificate ??
    config.tls.certificate;
  if (given === undefined) {
    return { level: "note", about, text: `${domain}: self-signed, made by the server` };
  }
  try {
    const c = await loadCertificate({ certFile: given.certificate, keyFile: given.key });
    if (!nameMatches(c, domain)) {
      return {
        level: "error",
        about,
        text: `${domain}: ${given.certificate} is for ${c.names.join(", ")}`,
      };
    }
    const days = Math.floor((c.notAfter.getTime() - Date.now()) / 86_400_000);
    const level = days < EXPIRY_WARNING_DAYS ? "error" : "ok";
    return { level, about, text: `${domain}: ${given.certificate} is good for ${days} days` };
  } catch (e) {
    return { level: "error", about, text: `${domain}: ${e instanceof Error ? e.message : e}` };
  }
}

async function database(config: Config, registry: Registry): Promise<Finding> {
  const about = "database";
  const { kind, location } = config.store;
  try {
    await Deno.mkdir(config.data, { recursive: true, mode: 0o700 });
    const store = await openStore({ url: kind === "sqlite" ? `sqlite:${location}` : location });
    try {
      for (const host of config.hosts) await registry.migrate(store, Object.values(host.modules));
      await store.ping();
    } finally {
      await store.close();
    }
    return {
      level: "ok",
      about,
      text: kind === "sqlite" ? `${location} works` : "PostgreSQL works",
    };
  } catch (e) {
    return { level: "error", about, text: e instanceof Error ? e.message : String(e) };
  }
}

async function srv(config: Config, domain: string): Promise<Finding[]> {
  const about = "dns";
  if (domain === "localhost" || domain.endsWith(".localhost")) {
    return [{ level: "note", about, text: `${domain} has no DNS records and needs none` }];
  }
  const resolver = new dns.Resolver({ timeout: DNS_TIMEOUT_MS, tries: 1 });
  const ports = new Set(config.listen.c2s.map((l) => l.port));
  return await Promise.all(["_xmpp-client._tcp", "_xmpps-client._tcp"].map(async (service) => {
    const name = `${service}.${domain}`;
    try {
      const records = await resolver.resolveSrv(name);
      const text = records.map((r) => `${r.name}:${r.port}`).join(", ");
      const ours = records.some((r) => ports.has(r.port));
      return ours
        ? { level: "ok", about, text: `${name}: ${text}` } as const
        : { level: "error", about, text: `${name} names ${text}, and no port of ours` } as const;
    } catch (e) {
      const code = (e as { code?: string }).code ?? "";
      const text = code === "ENOTFOUND" || code === "ENODATA"
        ? `${name}: no record; clients then try ${domain}:5222`
        : `${name}: could not be resolved here (${code})`;
      return { level: "note", about, text } as const;
    }
  }));
}
