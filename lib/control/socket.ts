/**
 * The control socket: a unix socket in the data folder, for whoever may read that folder. One line of
 * JSON asks, one line answers.
 */

import { join } from "node:path";
import { createConnection, createServer } from "node:net";
import type { Socket } from "node:net";
import type { Args, CommandContext } from "./commands.ts";
import { CommandError, runCommand } from "./commands.ts";

/** Longest request, in characters: a password and an address fit easily. */
const MAX_REQUEST = 65_536;

/** Longest path of a unix socket, in bytes (unix(7): 108 with the zero at its end). */
const MAX_PATH = 107;

/** How long a server may take to answer, in ms. */
const ANSWER_MS = 60_000;

type Answer = { readonly ok: unknown } | { readonly error: string };

export function controlPath(data: string): string {
  return join(data, "control.sock");
}

/** Opens the socket. Rejects if another server has it: then that one works on this data. */
export async function openControl(
  context: CommandContext,
  data: string,
): Promise<{ close(): Promise<void> }> {
  const path = controlPath(data);
  if (new TextEncoder().encode(path).length > MAX_PATH) {
    throw new Error(`the path of the data folder is too long for a socket in it: ${data}`);
  }
  const lock = await takeLock(data);
  if (lock === undefined || await ask(data, "status", {}) !== undefined) {
    lock?.close();
    throw new Error(`another Confab is running on ${data} (it answers on ${path})`);
  }
  await Deno.remove(path).catch(() => {}); // left behind by a server that was killed
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(context, socket);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    await Deno.chmod(path, 0o600);
  } catch (e) {
    lock.close();
    throw e;
  }
  return {
    close: async () => {
      server.close();
      for (const s of sockets) s.destroy();
      await Deno.remove(path).catch(() => {});
      lock.close();
    },
  };
}

/**
 * Two servers that start at the same moment would each find no socket, and the second would take away
 * that of the first. The system gives the lock back whatever ends the process.
 */
async function takeLock(data: string): Promise<Deno.FsFile | undefined> {
  const file = await Deno.open(join(data, "control.lock"), {
    write: true,
    create: true,
    mode: 0o600,
  });
  if (await file.tryLock(true)) return file;
  file.close();
  return undefined;
}

function serve(context: CommandContext, socket: Socket): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > MAX_REQUEST) return void socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    const line = text.slice(0, end);
    text = "";
    answer(context, line).then((a) => socket.end(JSON.stringify(a) + "\n"));
  });
}

async function answer(context: CommandContext, line: string): Promise<Answer> {
  try {
    const { command, args } = request(line);
    return { ok: await runCommand(context, command, args) ?? null };
  } catch (e) {
    if (!(e instanceof CommandError)) {
      context.server.log.area("control").error("a command failed", {
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    }
    return { error: e instanceof Error ? e.message : String(e) };
  }
}

/** Takes a line apart. Throws CommandError if it is not what {@link ask} writes. */
function request(line: string): { command: string; args: Args } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new CommandError("a request is one line of JSON");
  }
  if (typeof value !== "object" || value === null) {
    throw new CommandError('a request is {"command": ..., "args": {...}}');
  }
  const { command, args = {} } = value as { command?: unknown; args?: unknown };
  const isText = (x: unknown) => typeof x === "string";
  if (
    typeof command !== "string" || typeof args !== "object" || args === null ||
    !Object.values(args).every(isText)
  ) throw new CommandError("the command and all its arguments are strings");
  return { command, args: args as Args };
}

/**
 * Asks a running server; undefined if none runs on this data. One that is there and does not answer
 * is an error, for its data must not be touched.
 */
export function ask(data: string, command: string, args: Args): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(controlPath(data));
    let text = "";
    let connected = false;
    socket.setEncoding("utf8");
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("connect", () => {
      connected = true;
      socket.write(JSON.stringify({ command, args }) + "\n");
    });
    socket.on("data", (chunk: string) => text += chunk);
    socket.on("close", () => {
      if (!connected) return resolve(undefined);
      try {
        resolve(JSON.parse(text));
      } catch {
        resolve({ error: `the server running on ${data} did not answer` });
      }
    });
  });
}
