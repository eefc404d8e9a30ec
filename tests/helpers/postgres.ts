/** A PostgreSQL server of the tests' own: a temporary cluster that leaves nothing behind. */

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

export interface Cluster {
  /** `postgres://` URL of the database `postgres`. */
  readonly url: string;
  /** Folder of its Unix socket. */
  readonly folder: string;
  /** Creates an empty database and returns its URL. */
  database(): Promise<string>;
  /** Ends the server, cutting connections off, so that `up` can start it again. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

const USER = "confab";

async function run(command: readonly string[]): Promise<string> {
  const [program, ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(program!, { args }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  throw new Error(`${command.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`);
}

/** Folder of the newest server's programs, where Debian keeps them. */
function findPrograms(): { folder: string; version: number } | undefined {
  const root = "/usr/lib/postgresql";
  let found: { folder: string; version: number } | undefined;
  try {
    for (const { name } of Deno.readDirSync(root)) {
      const version = Number(name);
      if (!(version > (found?.version ?? 0))) continue;
      const folder = `${root}/${name}/bin`;
      try {
        Deno.statSync(`${folder}/initdb`);
        found = { folder, version };
      } catch {
        // Only the client is installed.
      }
    }
  } catch {
    return undefined;
  }
  return found;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function start(): Promise<Cluster | string> {
  const programs = findPrograms();
  if (!programs) return "no PostgreSQL server is installed in /usr/lib/postgresql";
  // The server refuses to run as root.
  const asRoot = Deno.uid() === 0;
  const prefix = asRoot ? ["runuser", "-u", "postgres", "--"] : [];
  const folder = await Deno.makeTempDir({ prefix: "confab-pg-" });
  const data = `${folder}/data`;
  const program = (name: string) => [...prefix, `${programs.folder}/${name}`];
  try {
    if (asRoot) await run(["chown", "postgres", folder]);
    // Where it can, the server sorts as a dictionary does: the store must not depend on it.
    const locale = programs.version >= 15
      ? ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
      : ["--locale=C.UTF-8"];
    const auth = ["-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync"];
    await run([...program("initdb"), "-D", data, ...auth, ...locale]);
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }

  let port = 0;
  async function up(): Promise<void> {
    const fixed = port !== 0;
    for (let attempt = 1;; attempt++) {
      if (!fixed) port = await freePort();
      const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off ` +
        "-c deadlock_timeout=20ms";
      try {
        const log = ["-l", `${folder}/log`];
        await run([...program("pg_ctl"), "-D", data, "-w", ...log, "-o", settings, "start"]);
        return;
      } catch (error) {
        if (attempt === 3) throw error; // the free port may have been taken meanwhile
      }
    }
  }
  const down = async () => {
    await run([...program("pg_ctl"), "-D", data, "-w", "-m", "fast", "stop"]);
  };

  try {
    await up();
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
  let databases = 0;
  const urlOf = (database: string) => `postgres://${USER}@127.0.0.1:${port}/${database}`;
  return {
    url: urlOf("postgres"),
    folder,
    async database() {
      const name = `test${++databases}`;
      const to = ["-h", "127.0.0.1", "-p", String(port), "-U", USER];
      await run([...program("createdb"), ...to, name]);
      return urlOf(name);
    },
    up,
    down,
    async stop() {
      await down();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/**
 * Starts a PostgreSQL server of its own, or says why it cannot and returns undefined. With
 * CONFAB_NO_SKIPS=1 it throws instead.
 */
export async function withPostgres(): Promise<Cluster | undefined> {
  const cluster = await start();
  if (typeof cluster !== "string") return cluster;
  if (Deno.env.get("CONFAB_NO_SKIPS") === "1") throw new Error(cluster);
  console.log(`tests on PostgreSQL are skipped: ${cluster}`);
  return undefined;
}
