/**
 * What an operator may ask of a server: the same functions answer the control socket of a running
 * one and the command line working on the store alone. Answers are plain data; the command line
 * makes them readable.
 */

import type { Host } from "../host.ts";
import type { Server } from "../server.ts";
import { protocolOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import type { AccountInfo } from "../hooks/accounts.ts";
import {
  accountInfo,
  createAccount,
  deleteAccount,
  listAccounts,
  setAccountEnabled,
  setPassword,
} from "../hooks/accounts.ts";
import { createInvitation, listInvitations, revokeInvitation } from "../hooks/invitations.ts";
import { parseTime } from "../config/units.ts";
import type { Jid } from "../jid.ts";
import { parseJid, prepPassword } from "../jid.ts";
import { StanzaError } from "../errors.ts";
import { reload } from "../reload.ts";
import type { ReloadReport } from "../reload.ts";
import { VERSION } from "../version.ts";

/** A refusal with a sentence for the operator. */
export class CommandError extends Error {}

/** What commands need besides the server. */
export interface CommandContext {
  readonly server: Server;
  /** Reads the configuration again; throws an error with all problems in its message. */
  readonly readConfig: () => Promise<Config>;
  /** Ends the process in good order. */
  readonly stop: () => void;
}

export type Args = Readonly<Record<string, string | undefined>>;
export type Command = (context: CommandContext, args: Args) => unknown;

export const commands: Readonly<Record<string, Command>> = {
  "user add": async ({ server }, args) => {
    const { host, jid } = account(server, args.jid);
    const done = await host.hooks.ask(createAccount, jid, password(args.password));
    if (done === undefined) throw new CommandError(`no module of ${host.domain} keeps accounts`);
    if (done === "conflict") throw new CommandError(`there is already an account ${jid.bare}`);
    return { jid: jid.bare };
  },
  "user passwd": async ({ server }, args) => {
    const { host, jid } = account(server, args.jid);
    await found(host.hooks.ask(setPassword, jid, password(args.password)), jid);
    return { jid: jid.bare };
  },
  "user delete": async ({ server }, args) => {
    const { host, jid } = account(server, args.jid);
    await found(host.hooks.ask(deleteAccount, jid), jid);
    return { jid: jid.bare };
  },
  "user disable": (context, args) => enable(context, args, false),
  "user enable": (context, args) => enable(context, args, true),
  "user show": async ({ server }, args) => {
    const { host, jid } = account(server, args.jid);
    const info = await host.hooks.ask(accountInfo, jid);
    if (info === undefined || info === "unknown") {
      throw new CommandError(`there is no account ${jid.bare}`);
    }
    return { ...info, sessions: sessionsOf(host, jid) };
  },
  "user list": async ({ server }, args) => {
    const hosts = hostsOf(server, args.host);
    const all: (AccountInfo & { sessions: number })[] = [];
    for (const host of hosts) {
      for (const info of await host.hooks.ask(listAccounts) ?? []) {
        all.push({ ...info, sessions: sessionsOf(host, parseJid(info.jid)!).length });
      }
    }
    return all;
  },
  "invite": ({ server }, args) => invite(server, args),
  "invite list": ({ server }, args) => invitations(server, args.host),
  "invite revoke": async ({ server }, args) => {
    const id = args.jid ?? "";
    for (const host of hostsOf(server, args.host)) {
      if (await host.hooks.ask(revokeInvitation, id) === true) return { id };
    }
    throw new CommandError(`there is no open invitation ${id}`);
  },
  "host list": ({ server }) =>
    [...server.hosts.values()].map((h) => ({
      domain: h.domain,
      sessions: h.sessions,
      modules: [...server.modules.get(h)!.keys()],
      certificate: certificateOf(server, h),
    })),
  "modules": ({ server }) => modules(server),
  "hooks": ({ server }, args) =>
    hooks(
      args.host === undefined ? server.hosts.values().next().value! : hostNamed(server, args.host),
    ),
  "status": ({ server }) => status(server),
  "reload": async (context): Promise<ReloadReport> => {
    try {
      return await reload(context.server, await context.readConfig());
    } catch (e) {
      throw new CommandError(`nothing was changed:\n${e instanceof Error ? e.message : e}`);
    }
  },
  "stop": (context) => {
    setTimeout(context.stop, 0);
    return { stopped: true };
  },
};

/** By whom the invitations of the command line are made, as `invite list` shows it. */
const OPERATOR = "command line";

async function invite(server: Server, args: Args): Promise<unknown> {
  const contact = args.contact === undefined ? undefined : account(server, args.contact).jid;
  const domain = args.host ?? contact?.domain ?? server.defaultDomain;
  const uses = args.count === undefined ? 1 : Number(args.count);
  if (!Number.isInteger(uses) || uses < 1) {
    throw new CommandError(`--count is a whole number, not "${args.count}"`);
  }
  const lifetime = args.expires === undefined ? undefined : parseTime(args.expires);
  if (args.expires !== undefined && lifetime === undefined) {
    throw new CommandError(`--expires is a time such as 7d or 12h, not "${args.expires}"`);
  }
  const made = await hostNamed(server, domain).hooks.ask(createInvitation, {
    contact,
    register: true,
    username: args.for,
    uses,
    lifetime,
    by: OPERATOR,
  });
  if (made !== undefined) return made;
  throw new CommandError(`nobody keeps invitations at ${domain}: switch the module invites on`);
}

async function invitations(server: Server, domain: string | undefined): Promise<unknown> {
  const all = [];
  for (const host of hostsOf(server, domain)) {
    for (const one of await host.hooks.ask(listInvitations) ?? []) {
      all.push({ host: host.domain, ...one });
    }
  }
  return all;
}

async function enable({ server }: CommandContext, args: Args, enabled: boolean): Promise<unknown> {
  const { host, jid } = account(server, args.jid);
  await found(host.hooks.ask(setAccountEnabled, jid, enabled), jid);
  return { jid: jid.bare, enabled };
}

async function found(answer: unknown, jid: Jid): Promise<void> {
  if (await answer !== true) throw new CommandError(`there is no account ${jid.bare}`);
}

function account(server: Server, text = ""): { host: Host; jid: Jid } {
  const jid = parseJid(text);
  if (jid === undefined || jid.node === "" || !jid.isBare) {
    throw new CommandError(`"${text}" is no account's address: write name@${server.defaultDomain}`);
  }
  return { host: hostNamed(server, jid.domain), jid };
}

function hostsOf(server: Server, domain: string | undefined): Host[] {
  return domain === undefined ? [...server.hosts.values()] : [hostNamed(server, domain)];
}

function hostNamed(server: Server, domain: string): Host {
  const host = server.hosts.get(domain);
  if (host !== undefined) return host;
  throw new CommandError(
    `${domain} is not a host of this server; it has ${[...server.hosts.keys()].join(", ")}`,
  );
}

function password(text: string | undefined): string {
  const prepared = prepPassword(text ?? "");
  if (prepared === undefined) {
    throw new CommandError(
      "that cannot be a password: it is empty or has characters that RFC 8265 excludes",
    );
  }
  return prepared;
}

function sessionsOf(host: Host, jid: Jid) {
  return (host.account(jid)?.sessions ?? []).map((s) => ({
    resource: s.jid.resource,
    since: s.since,
    remote: s.stream?.transport.remote ?? "",
    secure: s.stream?.transport.secure?.protocol ?? "none",
    available: s.presence !== undefined,
    priority: s.priority,
  }));
}

function certificateOf(server: Server, host: Host) {
  const c = server.certificates.get(host.domain);
  return c && { names: c.names, until: c.notAfter.toISOString() };
}

function modules(server: Server) {
  const rows = new Map<
    string,
    { name: string; description: string; xeps: object; hosts: string[] }
  >();
  for (const [host, loaded] of server.modules) {
    for (const [name, scope] of loaded) {
      const { description, xeps = {} } = scope.definition;
      let row = rows.get(name);
      if (row === undefined) rows.set(name, row = { name, description, xeps, hosts: [] });
      row.hosts.push(host.domain);
    }
  }
  return [...rows.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

function hooks(host: Host) {
  return host.hooks.list().map(({ hook, handlers }) => ({
    name: hook.name,
    kind: hook.kind,
    doc: hook.doc,
    handlers: handlers.map((h) => ({
      module: h.module,
      calls: h.calls,
      errors: h.errors,
      timeouts: h.timeouts,
      meanMs: h.timed === 0 ? 0 : h.totalMs / h.timed,
      slowestMs: h.slowestMs,
    })),
  }));
}

async function status(server: Server) {
  let store = "works";
  try {
    await server.store.ping();
  } catch (e) {
    store = e instanceof Error ? e.message : String(e);
  }
  return {
    version: VERSION,
    started: server.started,
    pid: Deno.pid,
    listening: server.listeners.map((l) => ({
      address: l.endpoint.address,
      port: l.port,
      tls: l.endpoint.tls,
      protocol: protocolOf(l.endpoint),
    })),
    connections: server.admission.open,
    httpConnections: server.http.open,
    sessions: [...server.hosts.values()].reduce((n, h) => n + h.sessions, 0),
    memoryMiB: Math.round(Deno.memoryUsage().rss / 1048576),
    store: { kind: server.store.dialect, state: store, ...server.store.stats() },
  };
}

/** Runs a command; every failure becomes a sentence. */
export async function runCommand(
  context: CommandContext,
  name: string,
  args: Args,
): Promise<unknown> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new CommandError(`there is no command "${name}"`);
  try {
    return await command(context, args);
  } catch (e) {
    if (e instanceof StanzaError) throw new CommandError(e.toString());
    throw e;
  }
}
