/** A port for clients: takes connections in, within the bounds, and starts their streams. */

import type { Socket } from "node:net";
import { createServer } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Endpoint } from "./config/checks.ts";
import type { Server } from "./server.ts";
import { roomForConnections } from "./net/open_files.ts";
import { SocketTransport } from "./net/socket.ts";
import type { TlsContext } from "./net/transport.ts";
import { Negotiation } from "./stream/negotiation.ts";
import { XmppStream } from "./stream/stream.ts";

export interface Listener {
  readonly endpoint: Endpoint;
  /** The real port, if 0 was asked for. */
  readonly port: number;
  /** Stops accepting; connections stay. */
  close(): void;
}

/** Opens a port on an address; rejects naming it if it cannot be had. */
export async function listen(server: Server, endpoint: Endpoint): Promise<Listener> {
  const { address, port } = endpoint;
  // node:net throws out of nowhere where the runtime refuses.
  const host = where(address, port);
  if (Deno.permissions.querySync({ name: "net", host }).state !== "granted") {
    throw new Error(`cannot listen on ${host}: Deno was started without --allow-net for it`);
  }
  const net = createServer({ noDelay: true }, (socket) => accept(server, endpoint, socket));
  await new Promise<void>((resolve, reject) => {
    net.once("error", (e: NodeJS.ErrnoException) => reject(cannotListen(address, port, e)));
    const { backlog } = roomForConnections();
    net.listen({ host: address, port, backlog, ipv6Only: address.includes(":") }, resolve);
  });
  const at = net.address();
  return {
    endpoint,
    port: at !== null && typeof at === "object" ? at.port : port,
    close: () => void net.close(),
  };
}

function cannotListen(address: string, port: number, e: NodeJS.ErrnoException): Error {
  const why: Record<string, string> = {
    EADDRINUSE: "another program (perhaps another Confab) listens there already",
    EACCES: "ports below 1024 need privileges",
    EADDRNOTAVAIL: "this machine has no such address",
  };
  const text = `cannot listen on ${where(address, port)}: ${why[e.code ?? ""] ?? e.message}`;
  return new Error(text, { cause: e });
}

function where(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function accept(server: Server, endpoint: Endpoint, socket: Socket): void {
  const address = socket.remoteAddress ?? "";
  const http = endpoint.kind === "http";
  const area = http ? "http" : "c2s";
  const refused = (http ? server.http.full() : undefined) ??
    server.admission.enter(address, http && server.http.trusts(address));
  if (refused !== undefined) {
    server.log.area(area).warn("connection refused", { remote: address, reason: refused });
    socket.on("error", () => {});
    socket.destroy();
    return;
  }
  socket.once("close", () => server.admission.leave(address));
  if (http) {
    server.http.count(socket);
    if (endpoint.tls === "none") return server.http.take(socket, false);
    return acceptTls(server, socket, server.httpTls, area, (tls) => server.http.take(tls, true));
  }
  if (endpoint.tls === "starttls") return start(server, new SocketTransport(socket));
  const context = server.directTls;
  acceptTls(server, socket, context, area, (tls) => {
    start(server, new SocketTransport(tls, context));
  });
}

function acceptTls(
  server: Server,
  socket: Socket,
  context: TlsContext,
  area: string,
  done: (tls: TLSSocket) => void,
): void {
  const slow = server.deadlines.after(server.config.c2s.handshake_timeout, () => socket.destroy());
  const handshake = { fail: () => void socket.destroy() };
  server.unbound.add(handshake);
  socket.once("close", () => server.unbound.delete(handshake));
  socket.on("error", () => socket.destroy());
  context.accept(socket, (tls, error) => {
    slow.cancel();
    server.unbound.delete(handshake);
    if (tls !== undefined) return done(tls);
    server.log.area(area).debug("TLS handshake failed", {
      remote: socket.remoteAddress ?? "",
      error: error?.message ?? "",
    });
    socket.destroy();
  });
}

function start(server: Server, transport: SocketTransport): void {
  const stream = new XmppStream(transport, server.streamSettings, NOBODY);
  const negotiation = new Negotiation(stream, server);
  stream.reader = negotiation;
  server.unbound.add(stream);
  negotiation.startTimer(stream);
}

/** Reads a stream in the moment before its negotiation does. */
const NOBODY = { onHeader() {}, onElement() {}, onClosed() {} };
