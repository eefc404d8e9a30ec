/** The command line, taken apart (node:util `parseArgs`): a command, its operands, its options. */

import { parseArgs } from "node:util";

export interface CommandLine {
  /** One or two words: `run`, `user add`. */
  readonly command: string;
  /** False if no command was written and `run` is meant. */
  readonly named: boolean;
  readonly operands: readonly string[];
  readonly config: string | undefined;
  readonly data: string | undefined;
  readonly host: string | undefined;
  readonly password: string | undefined;
  /** Of an invitation: its uses, how long it is good, for which name, to whom. */
  readonly count: string | undefined;
  readonly expires: string | undefined;
  readonly for: string | undefined;
  readonly contact: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** A mistake on the command line; the message says what to write instead. */
export class UsageError extends Error {}

/** Commands of two words, with their second ones; some are commands without them, too. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  user: ["add", "passwd", "delete", "disable", "enable", "list", "show"],
  host: ["list"],
  invite: ["list", "revoke"],
};

/** How many operands a command takes: [least, most]. */
export const COMMANDS: Readonly<
  Record<string, { operands: readonly [number, number]; usage: string; does: string }>
> = {
  "run": {
    operands: [0, 0],
    usage: "run",
    does: "run the server (what happens without a command)",
  },
  "check": {
    operands: [0, 0],
    usage: "check",
    does: "check the configuration, ports, certificates, database and DNS",
  },
  "user add": { operands: [1, 1], usage: "user add JID [--password P]", does: "add an account" },
  "user passwd": {
    operands: [1, 1],
    usage: "user passwd JID [--password P]",
    does: "change a password",
  },
  "user delete": {
    operands: [1, 1],
    usage: "user delete JID",
    does: "delete an account and all that belongs to it",
  },
  "user disable": {
    operands: [1, 1],
    usage: "user disable JID",
    does: "keep an account from logging in",
  },
  "user enable": { operands: [1, 1], usage: "user enable JID", does: "let it log in again" },
  "user list": { operands: [0, 0], usage: "user list [--host DOMAIN]", does: "list accounts" },
  "user show": {
    operands: [1, 1],
    usage: "user show JID",
    does: "show an account and its sessions",
  },
  "invite": {
    operands: [0, 0],
    usage: "invite [--for NAME] [--contact JID] [--count N] [--expires 7d]",
    does: "make an invitation: a link for somebody who wants an account",
  },
  "invite list": {
    operands: [0, 0],
    usage: "invite list [--host DOMAIN]",
    does: "list open invitations",
  },
  "invite revoke": {
    operands: [1, 1],
    usage: "invite revoke ID",
    does: "take an invitation back",
  },
  "host list": { operands: [0, 0], usage: "host list", does: "list the virtual hosts" },
  "modules": {
    operands: [0, 0],
    usage: "modules",
    does: "list the loaded modules and what they implement",
  },
  "hooks": {
    operands: [0, 0],
    usage: "hooks [--host DOMAIN]",
    does: "list every hook with its handlers in order",
  },
  "status": { operands: [0, 0], usage: "status", does: "what the running server is doing" },
  "reload": {
    operands: [0, 0],
    usage: "reload",
    does: "take over a changed configuration, no session lost",
  },
  "stop": { operands: [0, 0], usage: "stop", does: "stop the running server" },
};

/** Throws UsageError. */
export function readArgs(args: readonly string[]): CommandLine {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (e) {
    throw new UsageError(e instanceof Error ? e.message : String(e));
  }
  const { values, positionals } = parsed;
  const command = commandOf(positionals, values.help === true);
  const operands = positionals.slice(positionals.length === 0 ? 0 : command.split(" ").length);
  const known = own(COMMANDS, command);
  if (known !== undefined && values.help !== true) {
    const [least, most] = known.operands;
    if (operands.length < least || operands.length > most) {
      throw new UsageError(`write: ${known.usage}`);
    }
  }
  return {
    command,
    named: positionals.length > 0,
    operands,
    config: values.config,
    data: values.data,
    host: values.host,
    password: values.password,
    count: values.count,
    expires: values.expires,
    for: values.for,
    contact: values.contact,
    json: values.json === true,
    help: values.help === true,
    version: values.version === true,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: "string", short: "c" },
      data: { type: "string" },
      host: { type: "string" },
      password: { type: "string" },
      count: { type: "string" },
      expires: { type: "string" },
      for: { type: "string" },
      contact: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
    },
  });
}

function commandOf(words: readonly string[], help: boolean): string {
  const [first, second] = words;
  if (first === undefined) return "run";
  const group = own(GROUPS, first);
  if (group !== undefined) {
    if (second !== undefined && group.includes(second)) return `${first} ${second}`;
    if (help || own(COMMANDS, first) !== undefined) return first;
    throw new UsageError(`write "${first}" and one of: ${group.join(", ")}`);
  }
  if (own(COMMANDS, first) !== undefined) return first;
  throw new UsageError(`there is no command "${first}"; "--help" lists all`);
}

/** What a record holds under a word somebody wrote; not what every object inherits. */
function own<T>(record: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(record, word) ? record[word] : undefined;
}

/** What `--help` prints: all commands, or those beginning with `only`. */
export function helpText(only: string | undefined): string {
  const rows = Object.entries(COMMANDS).filter(([name]) =>
    only === undefined || name.startsWith(only)
  );
  const width = Math.max(...rows.map(([, c]) => c.usage.length));
  const lines = rows.map(([, c]) => `  ${c.usage.padEnd(width)}  ${c.does}`);
  return [
    "usage: deno run -A main.ts [COMMAND] [OPTIONS]",
    "",
    ...lines,
    "",
    "options of every command:",
    "  --config FILE   the configuration; without it ./server.toml, or the defaults",
    "  --data DIR      the data folder, in place of the configuration's",
    "  --json          print JSON, for machines",
    "  --help          this text",
    "",
  ].join("\n");
}
