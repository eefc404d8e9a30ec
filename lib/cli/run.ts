/** `confab run`: the server in the foreground, until a signal or `confab stop`. */

import { protocolOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import { openControl } from "../control/socket.ts";
import { createLog } from "../log.ts";
import type { Log } from "../log.ts";
import type { Registry } from "../registry.ts";
import { reload } from "../reload.ts";
import { Server } from "../server.ts";
import { VERSION } from "../version.ts";
import type { CommandLine } from "./args.ts";

/**
 * Runs until told to stop; resolves with the exit code. Told to restart, it begins anew with the
 * configuration as it is by then; with the one it had, if that has mistakes or does not work.
 */
export async function run(
  config: Config,
  registry: Registry,
  readConfig: () => Promise<Config>,
  line: CommandLine,
): Promise<number> {
  let current = config;
  let before: Config | undefined;
  for (;;) {
    try {
      if (await serve(current, registry, readConfig, line) === "stop") return 0;
      before = current;
      current = await readConfig();
    } catch (e) {
      // Once: a second failure is of the configuration that has worked.
      if (before === undefined) throw e;
      current = before;
      before = undefined;
      await logOldConfiguration(current, e);
    }
  }
}

async function logOldConfiguration(config: Config, e: unknown): Promise<void> {
  const log = createLog(config.log);
  log.area("server").error("restarted with the old configuration", {
    error: e instanceof Error ? e.message : String(e),
  });
  await log.close();
}

/** One life of the server. */
async function serve(
  config: Config,
  registry: Registry,
  readConfig: () => Promise<Config>,
  line: CommandLine,
): Promise<"stop" | "restart"> {
  const log = createLog(config.log);
  const server = new Server(config, registry, log);
  const { promise: ending, resolve } = Promise.withResolvers<void>();
  let stopping = false;
  let again = true;
  const restart = () => {
    stopping = true;
    resolve();
  };
  // Also while it is about to restart: who says stop means it.
  const stop = () => {
    again = false;
    restart();
  };
  server.control = { stop, restart };
  await Deno.mkdir(config.data, { recursive: true, mode: 0o700 });
  const control = await openControl({ server, readConfig, stop }, config.data);
  try {
    await server.start();
  } catch (e) {
    await control.close();
    await log.close();
    throw e;
  }
  const reread = () =>
    stopping ? Promise.reject(new Error("the server is being stopped")) : readConfig();
  const unwatch = watchSignals(server, reread, log, stop);
  console.log(banner(server, line));
  await ending;
  await server.stop();
  // Last: while it answers, no other server starts on this data.
  await control.close();
  await log.close();
  if (!again) return "stop";
  unwatch();
  return "restart";
}

/**
 * SIGTERM and SIGINT stop, SIGHUP reloads; what nobody caught is logged and survived. To the end of
 * the process: a signal to a whole group arrives more than once, and must not cut the stopping off.
 * Only the next life of the server ends it, by what is returned.
 */
function watchSignals(
  server: Server,
  readConfig: () => Promise<Config>,
  log: Log,
  stop: () => void,
): () => void {
  const area = log.area("server");
  const onHangup = async () => {
    try {
      const { changes, needsRestart } = await reload(server, await readConfig());
      area.info("configuration reloaded", {
        changes: changes.join("; "),
        restart: needsRestart.join(", "),
      });
    } catch (e) {
      area.error("the new configuration was not taken over", {
        error: e instanceof Error ? e.message : String(e),
      });
    }
  };
  const onRejection = (e: PromiseRejectionEvent) => {
    e.preventDefault();
    area.error("a promise failed and nobody noticed", {
      error: e.reason instanceof Error ? e.reason.stack ?? e.reason.message : String(e.reason),
    });
  };
  const onError = (e: ErrorEvent) => {
    e.preventDefault();
    area.error("an exception that nobody caught", {
      error: e.error instanceof Error ? e.error.stack ?? e.message : e.message,
    });
  };
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGHUP", onHangup);
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return () => {
    Deno.removeSignalListener("SIGTERM", stop);
    Deno.removeSignalListener("SIGINT", stop);
    Deno.removeSignalListener("SIGHUP", onHangup);
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onError);
  };
}

/** What listens where, and the one command that adds an account. */
function banner(server: Server, line: CommandLine): string {
  const { config } = server;
  const options = (line.config === undefined ? "" : ` --config ${line.config}`) +
    (line.data === undefined ? "" : ` --data ${line.data}`);
  const lines = [`Confab ${VERSION} serves ${[...server.hosts.keys()].join(", ")}`];
  for (const l of server.listeners) {
    const { address, kind, tls } = l.endpoint;
    const where = address.includes(":") ? `[${address}]:${l.port}` : `${address}:${l.port}`;
    if (kind === "http") lines.push(`  web      ${where}  ${protocolOf(l.endpoint)}`);
    else lines.push(`  clients  ${where}  ${tls === "direct" ? "direct TLS" : "STARTTLS"}`);
  }
  lines.push(`  data     ${config.data}`);
  lines.push(`Add an account: deno run -A main.ts user add NAME@${server.defaultDomain}${options}`);
  return lines.join("\n");
}
