/**
 * The way in to HTTP: counts connections and hands them to the engine, whose code is loaded with the
 * first of them.
 */

import type { Socket } from "node:net";
import type { Config } from "../config/config.ts";
import { roomForConnections } from "../net/open_files.ts";
import type { Server } from "../server.ts";
import type { Engine } from "./engine.ts";
import { proxies } from "./proxy.ts";

/** How long answers under way may take when the server stops, in ms. */
const STOP_MS = 5000;

const room = roomForConnections().connections;

/**
 * Connections of HTTP at once: as configured, up to half of all that may be and a quarter of what the
 * system has room for, so that clients of XMPP find theirs. For each of them the system needs a file
 * more, the one that is sent or stored.
 */
export function mostHttpConnections({ http, limits, listen }: Config): number {
  if (listen.http.length === 0) return 0;
  const bound = Math.min(Math.floor(limits.connections / 2), Math.floor(room / 4));
  return Math.min(http.connections, Math.max(1, bound));
}

export class HttpGate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #engine: Engine | undefined;
  #loading: Promise<Engine> | undefined;
  #stopped = false;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Connections now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** The reason why no connection is accepted, if none is. */
  full(): string | undefined {
    const most = mostHttpConnections(this.#server.config);
    return this.#sockets.size < most ? undefined : "http.connections is reached";
  }

  /** Whether an address is that of a reverse proxy. */
  trusts(address: string): boolean {
    return proxies(this.#server.config.http.trusted_proxies).has(address);
  }

  /** A connection, before TLS. */
  count(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Reads requests from a connection. */
  take(socket: Socket, secure: boolean): void {
    socket.on("error", () => socket.destroy());
    if (this.#engine !== undefined) return this.#engine.take(socket, secure);
    this.#loading ??= import("./engine.ts").then(({ Engine }) =>
      this.#engine = new Engine(this.#server)
    );
    this.#loading.then((engine) => {
      if (this.#stopped) socket.destroy();
      else engine.take(socket, secure);
    }, (e) => {
      this.#server.log.area("http").error("HTTP could not be loaded", { error: String(e) });
      socket.destroy();
    });
  }

  /** Answers under way get a moment; everything else is cut. Ports are closed already. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loading?.catch(() => {});
    await this.#engine?.stop(STOP_MS);
    for (const socket of this.#sockets) socket.destroy();
  }
}
