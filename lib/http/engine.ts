/**
 * HTTP/1.1 on connections that are accepted and, if need be, already under TLS. The protocol itself is
 * the runtime's `node:http`: it takes connections from elsewhere, so that certificates follow SNI and
 * reloads, and the limits of the listener hold. What it leaves open is here: who serves a request, and
 * that nobody holds a connection for nothing.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import type { LogArea } from "../log.ts";
import type { Server } from "../server.ts";
import { bodyOf, type BodyState } from "./body.ts";
import { Connection } from "./connection.ts";
import { clientAddress, proxies } from "./proxy.ts";
import type { HttpEnv, HttpRoute } from "./routes.ts";
import { send, sendText } from "./send.ts";
import { hostOf, pathOf } from "./target.ts";

/** Header of a request: more is refused (431). */
const HEADER_BYTES = 16 << 10;
/** Requests on one connection that wait for their turn. */
const PIPELINED = 8;

/** Headers of every answer, unless the application has set them: nothing of it is active content. */
const DEFAULT_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
};

/** What goes wrong before there is a request, by the parser's code. */
const BROKEN: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
};

export class Engine {
  readonly #server: Server;
  readonly #log: LogArea;
  readonly #http: ReturnType<typeof createServer>;
  readonly #connections = new Map<Socket, Connection>();
  /** Applications at work. */
  readonly #running = new Set<Promise<void>>();

  constructor(server: Server) {
    this.#server = server;
    this.#log = server.log.area("http");
    // Timeouts are ours: those of the runtime do not reach connections from elsewhere, and are
    // longer than any that can be configured.
    this.#http = createServer({ maxHeaderSize: HEADER_BYTES, keepAliveTimeout: 3600_000 });
    // The runtime keeps no connection for another request on a server that does not listen by itself.
    Object.defineProperty(this.#http, "listening", { value: true });
    this.#http.timeout = 0;
    const serve = (request: IncomingMessage, response: ServerResponse, expects: boolean) => {
      const done = this.#serve(request, response, expects).catch((e) => this.#failed(e));
      this.#running.add(done);
      done.finally(() => this.#running.delete(done));
    };
    this.#http.on("request", (request, response) => serve(request, response, false));
    this.#http.on("checkContinue", (request, response) => serve(request, response, true));
    this.#http.on("checkExpectation", (_, response) => {
      response.writeHead(417, { "connection": "close", "content-length": "0" }).end();
    });
    this.#http.on("clientError", (error: Error & { code?: string }, socket) => {
      this.#log.debug("a request was broken", { error: error.message });
      const status = BROKEN[error.code ?? ""] ?? "400 Bad Request";
      const connection = this.#connections.get(socket as Socket);
      // In the middle of another answer, or before it, it would be taken for that one.
      if (connection?.isNext === false) return void socket.destroy();
      if (socket.writable) {
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      }
      // What else the client has to say is not read.
      connection?.linger();
    });
  }

  /** Reads requests from a connection, which must have a listener for errors. */
  take(socket: Socket, secure: boolean): void {
    if (socket.destroyed) return;
    const connection = new Connection(socket, secure, this.#server);
    this.#connections.set(socket, connection);
    socket.once("close", () => {
      connection.closed();
      this.#connections.delete(socket);
    });
    this.#http.emit("connection", socket);
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    expects: boolean,
  ): Promise<void> {
    const { socket } = request;
    const connection = this.#connections.get(socket);
    if (connection === undefined) return void socket.destroy();
    if (connection.begin(request) > PIPELINED) return void socket.destroy();
    request.on("error", () => {}); // a connection that is lost shows in the body and in `close`
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      await this.#answer(request, response, connection, expects, gone.signal);
    } finally {
      connection.end();
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    expects: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const refuse = (status: number) =>
      sendText(request, response, status, connection, DEFAULT_HEADERS);
    const found = this.#find(request);
    if (typeof found === "number") return refuse(found);
    const { config } = this.#server;
    const limit = found.route.bodyBytes ?? config.http.body_bytes;
    const { method, headers } = request;
    const hasBody = headers["transfer-encoding"] !== undefined ||
      (headers["content-length"] ?? "0") !== "0";
    if (hasBody && (method === "GET" || method === "HEAD")) return refuse(400);
    const state: BodyState = { limit, read: 0, tooLarge: false, broken: false };
    if (Number(headers["content-length"] ?? 0) > limit) {
      return refuse(413);
    }
    const env = this.#env(request, connection, found.domain);
    let answer: Response;
    try {
      const app = await found.route.app();
      const scheme = env.secure ? "https" : "http";
      answer = await app.fetch(
        new Request(`${scheme}://${found.authority}${found.rest}`, {
          method: request.method ?? "GET",
          headers: headersOf(request),
          body: bodyOf(request, connection, state, expects ? response : undefined),
          signal,
        }),
        env,
      );
    } catch (e) {
      // Nobody is there to hear it, or has been told already: it is the client's fault, not the module's.
      if (state.broken || (signal.aborted && response.destroyed)) return;
      if (state.tooLarge) return refuse(413);
      this.#log.error("a module could not answer an HTTP request", {
        module: found.route.module,
        host: found.domain,
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
      return refuse(500);
    }
    // An application may have caught the error of the body and made something else of it.
    if (state.tooLarge) {
      await answer.body?.cancel();
      return refuse(413);
    }
    this.#log.debug("request", {
      remote: env.remote,
      host: found.domain,
      method: request.method ?? "",
      route: found.route.path,
      status: answer.status,
    });
    await send(request, response, answer, connection, DEFAULT_HEADERS);
  }

  /** Who serves a request, or the status that says that nobody does. */
  #find(request: IncomingMessage): Found | number {
    if (request.method === "TRACE" || request.method === "CONNECT") return 405;
    const target = pathOf(request);
    if (target === undefined) return 400;
    const host = hostOf(this.#server, target.authority);
    if (host === undefined) return 421;
    let { path } = target;
    let route = host.http.find(path);
    if (route === undefined && host.config.public_url !== undefined) {
      // A proxy may leave the path of its own at the front.
      const prefix = new URL(host.config.public_url).pathname;
      if (prefix !== "/" && path.startsWith(prefix + "/")) {
        path = path.slice(prefix.length);
        route = host.http.find(path);
      }
    }
    if (route === undefined) return 404;
    const rest = path.slice(route.path.length);
    return {
      route,
      domain: host.domain,
      authority: target.authority,
      rest: (rest === "" ? "/" : rest) + target.query,
    };
  }

  #env(request: IncomingMessage, connection: Connection, domain: string): HttpEnv {
    const trusted = proxies(this.#server.config.http.trusted_proxies);
    const { remote } = connection;
    const { "x-forwarded-for": chain, "x-forwarded-proto": proto } = request.headers;
    const list = (x: string | string[] | undefined) => Array.isArray(x) ? x.join(",") : x;
    return {
      remote: clientAddress(remote, list(chain) ?? null, trusted),
      secure: connection.secure || (trusted.has(remote) && list(proto)?.trim() === "https"),
      domain,
    };
  }

  #failed(e: unknown): void {
    this.#log.error("an HTTP request failed", {
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
  }

  /** Ends idle connections now, others with their answers, and all after `ms`. */
  async stop(ms: number): Promise<void> {
    for (const connection of this.#connections.values()) connection.endSoon();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((done) => timer = setTimeout(done, ms));
    await Promise.race([Promise.allSettled([...this.#running]), late]);
    clearTimeout(timer);
    // A moment for the last bytes.
    const closed = [...this.#connections.keys()].map((socket) =>
      new Promise<void>((done) => socket.destroyed ? done() : socket.once("close", () => done()))
    );
    const cut = setTimeout(() => {
      for (const socket of this.#connections.keys()) socket.destroy();
    }, FLUSH_MS);
    await Promise.all(closed);
    clearTimeout(cut);
  }
}

/** How long the last bytes of answers may take when the server stops, in ms. */
const FLUSH_MS = 500;

interface Found {
  readonly route: HttpRoute;
  readonly domain: string;
  readonly authority: string;
  /** Path below the route, and query. */
  readonly rest: string;
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  return headers;
}
