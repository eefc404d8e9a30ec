/**
 * The server as its operator has it: a process of its own, with a configuration file and a data folder
 * in a temporary folder, and the command line beside it.
 *
 * ```ts
 * await using confab = await startConfab(toml());
 * await confab.ok("user", "add", "juliet@localhost", "--password", "balcony");
 * const juliet = await login(confab.server, "juliet", { password: "balcony" });
 * confab.child.kill("SIGTERM");
 * ```
 */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask } from "../../lib/control/socket.ts";
import type { TestClient } from "../helpers/client.ts";
import type { TestServer } from "../helpers/server.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
/** How long a process may take for what it should do at once. */
const PATIENCE_MS = 20_000;

/** What a command has printed, and its exit code. */
export interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** What the command reads on standard input. */
  readonly stdin?: string;
  readonly cwd?: string;
}

/** A folder that goes with the test. */
export async function tempFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "confab-cli-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A configuration on free ports of 127.0.0.1; `more` is appended. */
export function toml(more = "", hosts: readonly string[] = ["localhost"]): string {
  return `[log]
level = "debug"
[store]
synchronous = "normal"
[listen]
http = []
[[listen.c2s]]
address = ["127.0.0.1"]
port = 0
[[listen.c2s]]
address = ["127.0.0.1"]
port = 0
tls = "direct"
${hosts.map((h) => `[hosts.${JSON.stringify(h)}]\n`).join("")}${more}`;
}

/** Runs one command to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Done> {
  const child = spawn(args, options.cwd, options.stdin === undefined ? "null" : "piped");
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin)).catch(() => {});
    await writer.close().catch(() => {});
  }
  const timer = setTimeout(() => kill(child), PATIENCE_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function spawn(
  args: readonly string[],
  cwd: string | undefined,
  stdin: "null" | "piped",
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Ends a process that was started here, if it has not ended yet. */
export function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

/** A port of 127.0.0.1 that is free now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

export interface StartOptions {
  /** Of the data folder and the configuration; it is the caller's to remove. */
  readonly folder?: string;
  /** Arguments in place of `run --config F --data D`. */
  readonly args?: readonly string[];
}

/** Starts a server and waits until it says what it listens on. */
export async function startConfab(config: string, options: StartOptions = {}): Promise<Confab> {
  const folder = options.folder ?? await mkdtemp(join(tmpdir(), "confab-cli-"));
  const confab = new Confab(folder, options.folder === undefined);
  await confab.write(config);
  try {
    await confab.start(options.args);
  } catch (e) {
    await confab[Symbol.asyncDispose]();
    throw e;
  }
  return confab;
}

export class Confab implements AsyncDisposable {
  readonly config: string;
  readonly data: string;
  /** The last process that was started. */
  child!: Deno.ChildProcess;
  /** What the process has printed so far. */
  out = "";
  /** Its log so far. */
  err = "";
  /** What `login` and its like need of a server. */
  readonly server: TestServer;
  readonly #accounts = new Set<string>();
  #port = 0;
  #tlsPort = 0;
  #running = false;
  #drained: Promise<unknown> = Promise.resolve();

  constructor(readonly folder: string, readonly owned: boolean) {
    this.config = join(folder, "server.toml");
    this.data = join(folder, "data");
    const port = () => this.#port;
    const tlsPort = () => this.#tlsPort;
    const part = {
      get port() {
        return port();
      },
      get tlsPort() {
        return tlsPort();
      },
      data: this.data,
      clients: new Set<TestClient>(),
      addUser: (jid: string, password: string) => this.addUser(jid, password),
    };
    // The rest of a server's inside is in another process.
    this.server = part as unknown as TestServer;
  }

  /** Writes the configuration file anew. */
  async write(config: string): Promise<void> {
    await Deno.writeTextFile(this.config, config);
  }

  /** Starts the process, again if it has ended. */
  async start(args?: readonly string[]): Promise<void> {
    this.out = this.err = "";
    this.child = spawn(args ?? ["run", ...this.options], this.folder, "null");
    this.#running = true;
    this.child.status.then(() => this.#running = false);
    this.#drained = Promise.all([
      drain(this.child.stdout, (text) => this.out += text),
      drain(this.child.stderr, (text) => this.err += text),
    ]);
    await this.until(() => this.out.includes("Add an account:"), "the start");
    this.ports();
  }

  /** Reads the ports from what the process has printed last. */
  ports(): void {
    this.#port = this.#portIn(/127\.0\.0\.1:(\d+) {2}STARTTLS/);
    this.#tlsPort = this.#portIn(/127\.0\.0\.1:(\d+) {2}direct TLS/);
  }

  #portIn(pattern: RegExp): number {
    return Number(pattern.exec(this.out)?.[1] ?? 0);
  }

  /** The options that every command of this server takes. */
  get options(): string[] {
    return ["--config", this.config, "--data", this.data];
  }

  /** Runs a command for this server. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Done> {
    return run([...args, ...this.options], { cwd: this.folder, ...options });
  }

  /** Runs a command that must do what it is told; what it prints. */
  async ok(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(args);
    assert.equal(code, 0, `${args.join(" ")}: ${out}${err}`);
    assert.equal(err, "", args.join(" "));
    return out.trimEnd();
  }

  /** Runs a command with `--json`. */
  // deno-lint-ignore no-explicit-any
  async json(...args: string[]): Promise<any> {
    return JSON.parse(await this.ok(...args, "--json"));
  }

  /** Runs a command that must be refused with exit code 1; what it says on standard error. */
  async refused(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(args);
    assert.equal(code, 1, `${args.join(" ")}: ${out}${err}`);
    assert.equal(out, "");
    return err.trimEnd();
  }

  /** Makes an account over the control socket, without a command of its own; twice does no harm. */
  async addUser(jid: string, password: string): Promise<void> {
    if (this.#accounts.has(jid)) return;
    this.#accounts.add(jid);
    const answer = await ask(this.data, "user add", { jid, password });
    if (answer === undefined) throw new Error("no server is running");
    if ("error" in answer && !answer.error.includes("already an account")) {
      throw new Error(answer.error);
    }
  }

  /** Waits until something is so; fails if the process ends before. */
  async until(isSo: () => boolean, what: string): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!isSo()) {
      if (!this.#running) {
        await this.#drained;
        if (isSo()) return;
        throw new Error(`the server ended before ${what}:\n${this.out}${this.err}`);
      }
      if (performance.now() > end) {
        throw new Error(`waited in vain for ${what}:\n${this.out}${this.err}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits for the end of the process; all of its output is there then. */
  async exited(): Promise<Deno.CommandStatus> {
    const timer = setTimeout(() => kill(this.child), PATIENCE_MS);
    const status = await this.child.status;
    clearTimeout(timer);
    await this.#drained;
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.server.clients) client.cut();
    if (this.child !== undefined) {
      kill(this.child);
      await this.exited();
    }
    if (this.owned) await rm(this.folder, { recursive: true, force: true });
  }
}

async function drain(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}
