/** Answers of commands, for people; with `--json` as they are. */

import type { CommandLine } from "./args.ts";

// deno-lint-ignore no-explicit-any
type Data = any;

/** Prints an answer; the exit code. */
export function print(line: CommandLine, data: Data): number {
  if (line.json) console.log(JSON.stringify(data));
  else console.log((SHOW[line.command] ?? ((d: Data) => JSON.stringify(d, null, 2)))(data));
  return 0;
}

const SHOW: Readonly<Record<string, (data: Data) => string>> = {
  "user add": (d) => `${d.jid} can log in now`,
  "user passwd": (d) => `${d.jid} has a new password`,
  "user delete": (d) => `${d.jid} and all that belonged to it is gone`,
  "user disable": (d) => `${d.jid} can no longer log in`,
  "user enable": (d) => `${d.jid} can log in again`,
  "user list": (d) =>
    d.length === 0 ? "no accounts" : table(
      ["account", "state", "created", "last login", "sessions"],
      d.map((
        a: Data,
      ) => [
        a.jid,
        a.enabled ? "" : "disabled",
        day(a.created),
        day(a.lastLogin),
        String(a.sessions),
      ]),
    ),
  "user show": (d) =>
    [
      `${d.jid}${d.enabled ? "" : " (disabled)"}`,
      `created     ${time(d.created)}`,
      `last login  ${time(d.lastLogin)}`,
      ...d.sessions.map((s: Data) =>
        `session     ${s.resource} ${
          s.remote === "" ? "waits to be resumed," : `from ${s.remote} (${s.secure})`
        } since ${time(s.since)}${s.available ? `, priority ${s.priority}` : ", not available"}`
      ),
    ].join("\n"),
  "invite": (d) =>
    [
      d.url ?? d.uri,
      "",
      ...(d.url === undefined ? [] : [`for clients  ${d.uri}`]),
      `good until   ${time(d.expires)}${d.uses === 1 ? ", once" : `, ${d.uses} times`}`,
      `take back    invite revoke ${d.id}`,
    ].join("\n"),
  "invite list": (d) =>
    d.length === 0 ? "no open invitations" : table(
      ["id", "host", "for", "contact", "used", "until", "by"],
      d.map((
        i: Data,
      ) => [
        i.id,
        i.host,
        i.username ?? (i.register ? "a new account" : "a contact"),
        i.contact ?? "",
        `${i.used} of ${i.uses}`,
        day(i.expires),
        i.by,
      ]),
    ),
  "invite revoke": (d) => `the invitation ${d.id} is void`,
  "host list": (d) =>
    table(
      ["host", "sessions", "certificate until", "modules"],
      d.map((
        h: Data,
      ) => [
        h.domain,
        String(h.sessions),
        h.certificate?.until.slice(0, 10) ?? "",
        h.modules.join(" "),
      ]),
    ),
  "modules": (d) =>
    table(
      ["module", "hosts", "implements", ""],
      d.map((m: Data) => [m.name, m.hosts.join(" "), Object.keys(m.xeps).join(" "), m.description]),
    ),
  "hooks": (d) => d.map(hook).join("\n"),
  "status": (d) =>
    [
      `Confab ${d.version}, process ${d.pid}, since ${time(d.started)}`,
      `listening    ${
        d.listening.map((l: Data) => `${l.address}:${l.port} (${l.protocol})`).join(", ")
      }`,
      `connections  ${d.connections}`,
      `sessions     ${d.sessions}`,
      `memory       ${d.memoryMiB} MiB`,
      `store        ${d.store.kind}: ${d.store.state}`,
    ].join("\n"),
  "reload": (d) =>
    [
      ...(d.changes.length === 0 ? ["nothing has changed"] : d.changes),
      ...d.needsRestart.map((key: string) => `${key} takes effect at the next start`),
    ].join("\n"),
  "stop": () => "stopped",
};

function hook(h: Data): string {
  const handlers = h.handlers.map((x: Data, i: number) =>
    `    ${i + 1}. ${x.module.padEnd(14)} ${x.calls} calls, ${x.meanMs.toFixed(3)} ms` +
    (x.errors > 0 ? `, ${x.errors} errors` : "") +
    (x.timeouts > 0 ? `, ${x.timeouts} timeouts` : "")
  );
  return [`${h.name} (${h.kind}): ${h.doc}`, ...handlers].join("\n");
}

/** Columns wide enough for what is in them. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  return [head, ...rows].map((r) =>
    r.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()
  ).join("\n");
}

function time(ms: number | undefined): string {
  return ms === undefined
    ? "never"
    : new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC";
}

function day(ms: number | undefined): string {
  return ms === undefined ? "never" : new Date(ms).toISOString().slice(0, 10);
}
