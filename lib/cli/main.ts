/** The command line: finds the configuration, then runs the server or one command. */

import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { CommandError, runCommand } from "../control/commands.ts";
import type { Args } from "../control/commands.ts";
import { ask } from "../control/socket.ts";
import { createLog } from "../log.ts";
import type { Builtin } from "../registry.ts";
import { Registry } from "../registry.ts";
import { Server } from "../server.ts";
import { VERSION } from "../version.ts";
import type { CommandLine } from "./args.ts";
import { helpText, readArgs, UsageError } from "./args.ts";
import { ConfigError } from "./config_error.ts";
import { print } from "./print.ts";
import { readPassword } from "./password.ts";
import { run } from "./run.ts";

/** Commands that only a running server can answer. */
const NEEDS_SERVER = new Set(["status", "reload", "stop"]);
/** How long a server may take to stop, in ms. */
const STOP_MS = 15_000;
const NEEDS_PASSWORD = new Set(["user add", "user passwd"]);

/** Runs the command line; the exit code is 0, 1 for a refusal, 2 for a mistake in writing. */
export async function main(args: readonly string[], builtin: Builtin): Promise<number> {
  try {
    const line = readArgs(args);
    if (line.version) {
      console.log(`Confab ${VERSION}`);
      return 0;
    }
    if (line.help) {
      console.log(helpText(line.named ? line.command : undefined));
      return 0;
    }
    const registry = new Registry(builtin);
    const readConfig = () => configOf(line, registry);
    if (line.command === "check") {
      const { check } = await import("./check.ts");
      return await check(line, registry, readConfig);
    }
    if (line.command === "run") return await run(await readConfig(), registry, readConfig, line);
    return await command(line, registry, readConfig);
  } catch (e) {
    return failed(e);
  }
}

function failed(e: unknown): number {
  if (e instanceof UsageError) {
    console.error(`confab: ${e.message}`);
    return 2;
  }
  console.error(e instanceof Error ? e.message : String(e));
  return 1;
}

async function configOf(line: CommandLine, registry: Registry): Promise<Config> {
  const loaded = await loadConfig({
    file: line.config,
    dataDir: line.data,
    moduleNames: registry.names,
    moduleSchemas: registry.schemas,
  });
  if ("problems" in loaded) throw new ConfigError(loaded.problems);
  return loaded.config;
}

/** Asks the running server; without one the command works on the store. */
async function command(
  line: CommandLine,
  registry: Registry,
  readConfig: () => Promise<Config>,
): Promise<number> {
  const config = await readConfig().catch((e) => {
    // The running server would say the same.
    if (line.command !== "reload" || !(e instanceof ConfigError)) throw e;
    throw new CommandError(`nothing was changed:\n${e.message}`);
  });
  const args: Args = {
    jid: line.operands[0],
    host: line.host,
    count: line.count,
    expires: line.expires,
    for: line.for,
    contact: line.contact,
    password: NEEDS_PASSWORD.has(line.command) ? line.password ?? await readPassword() : undefined,
  };
  const answer = await ask(config.data, line.command, args);
  if (answer !== undefined) {
    if ("error" in answer) throw new CommandError(answer.error);
    if (line.command === "stop") await gone(config.data);
    return print(line, answer.ok);
  }
  if (NEEDS_SERVER.has(line.command)) {
    throw new CommandError(`no server is running on ${config.data}`);
  }
  return print(line, await withoutServer(config, registry, readConfig, line.command, args));
}

/** Waits until a server that is stopping has let go of its data. */
async function gone(data: string): Promise<void> {
  const end = performance.now() + STOP_MS;
  while (await ask(data, "status", {}) !== undefined) {
    if (performance.now() > end) throw new CommandError("the server is still busy stopping");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function withoutServer(
  config: Config,
  registry: Registry,
  readConfig: () => Promise<Config>,
  name: string,
  args: Args,
): Promise<unknown> {
  const log = createLog({ ...config.log, level: "warn", levels: {} });
  const server = new Server(config, registry, log);
  await server.start({ listen: false });
  try {
    return await runCommand({ server, readConfig, stop: () => {} }, name, args);
  } finally {
    await server.stop();
    await log.close();
  }
}
