/**
 * Connections that speak no XMPP, and what a server must look like when they are gone: for tests of
 * abuse, where {@link TestClient} is too well-behaved or too costly.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { online } from "./client.ts";
import type { TestServer } from "./server.ts";

const PATIENCE_MS = 10_000;

/** A bare TCP connection that collects what comes, byte by byte as it is. */
export class Raw {
  /** What came so far; bytes as Latin-1. */
  text = "";
  /** Resolves when the other side has ended the connection, in whatever way. */
  readonly ended: Promise<void>;
  readonly #conn: Deno.TcpConn;
  #closed = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder("latin1");
    const buffer = new Uint8Array(2048);
    try {
      for (;;) {
        const n = await this.#conn.read(buffer);
        if (n === null) break;
        this.text += decoder.decode(buffer.subarray(0, n));
      }
    } catch {
      // reset, or closed by ourselves
    }
    this.close();
  }

  /** Sends all of it; false if the connection went away before. */
  async write(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      return true;
    } catch {
      return false;
    }
  }

  /** Sends our FIN; reading goes on. */
  async finish(): Promise<void> {
    await this.#conn.closeWrite().catch(() => {});
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}

export async function rawConnect(port: number): Promise<Raw> {
  return new Raw(await Deno.connect({ hostname: "127.0.0.1", port }));
}

/** The condition of the stream error in what a connection received; undefined without one. */
export function streamErrorIn(text: string): string | undefined {
  return /<stream:error><([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-streams'/.exec(text)?.[1];
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string | (() => string)): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > end) {
      throw new Error(`in vain awaited: ${typeof what === "string" ? what : what()}`);
    }
    await sleep(10);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a server holds for its connections. */
export interface Held {
  readonly connections: number;
  readonly sessions: number;
  readonly accounts: number;
  /** Connections without a session. */
  readonly unbound: number;
  /** Timeouts that are running. */
  readonly deadlines: number;
}

export function held(server: TestServer): Held {
  const { inner } = server;
  let accounts = 0;
  let sessions = 0;
  for (const host of inner.hosts.values()) {
    accounts += host.online.size;
    sessions += host.sessions;
  }
  return {
    connections: inner.admission.open,
    sessions,
    accounts,
    unbound: inner.unbound.size,
    deadlines: inner.deadlines.size,
  };
}

/** Waits until the server holds no more than before. */
export function isBackTo(server: TestServer, before: Held): Promise<void> {
  const keys = Object.keys(before) as (keyof Held)[];
  return until(
    () => {
      const now = held(server);
      return keys.every((key) => now[key] <= before[key]);
    },
    () => `${JSON.stringify(before)}, still ${JSON.stringify(held(server))}`,
  );
}

let gc: (() => void) | undefined;

/** Bytes in use on the heap and in array buffers, with all garbage collected. */
export async function memoryInUse(): Promise<number> {
  if (gc === undefined) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  // What was just let go may wait for the end of a turn of the event loop.
  for (let i = 0; i < 3; i++) {
    await sleep(20);
    gc();
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Lines of the log that contain `text`. */
export function logged(server: TestServer, text: string): readonly string[] {
  server.inner.log.flush();
  return server.log.filter((line) => line.includes(text));
}

/**
 * Two who chat before and after an attack and must not notice it; then the server must hold no more
 * than before. The attack has to close what it opens.
 */
export async function undisturbed(
  server: TestServer,
  attack: () => Promise<void>,
): Promise<void> {
  const carol = await online(server, "carol", { tls: "none" });
  const dave = await online(server, "dave", { tls: "none" });
  const chat = async () => {
    const id = crypto.randomUUID();
    carol.send(`<message to='dave@localhost' type='chat' id='${id}'><body>hi</body></message>`);
    await dave.receives(`<message type='chat' id='${id}' from='${carol.jid}'/>`);
    dave.send(`<message to='carol@localhost' type='chat' id='${id}'><body>ho</body></message>`);
    await carol.receives(`<message type='chat' id='${id}' from='${dave.jid}'/>`);
  };
  await chat();
  const before = held(server);
  await attack();
  await chat();
  await isBackTo(server, before);
  await carol.receivesNothing();
  await dave.receivesNothing();
}
