/**
 * The transport over node:net and node:tls. Listeners are shared functions that find their transport
 * through a property of the socket: a connection costs no closures.
 */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { presentedChain } from "../tls/certificate.ts";
import type { SecureInfo, TlsContext, Transport, TransportOwner } from "./transport.ts";

const OWN = Symbol("transport");
type Owned = Socket & { [OWN]?: SocketTransport };

/** Minutes of silence after which the system probes whether the other side is still there. */
const KEEPALIVE_MS = 300_000;

export class SocketTransport implements Transport {
  owner: TransportOwner | undefined = undefined;
  secure: SecureInfo | undefined = undefined;
  readonly remoteAddress: string;
  readonly #port: number;
  #socket: Owned;
  #closed = false;

  /** For a TLS socket give its context, from which the channel binding comes. */
  constructor(socket: Socket, tls?: TlsContext) {
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? "");
    this.#port = socket.remotePort ?? 0;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    this.#listen();
    if (tls !== undefined) this.secure = secureInfo(socket as TLSSocket, tls);
  }

  get remote(): string {
    const a = this.remoteAddress;
    return a.includes(":") ? `[${a}]:${this.#port}` : `${a}:${this.#port}`;
  }

  get loopback(): boolean {
    return this.remoteAddress.startsWith("127.") || this.remoteAddress === "::1";
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  write(text: string, isAscii = false): void {
    if (this.#closed) return;
    // Copied as it stands, a third of the work; TLS makes bytes of it first, and that more slowly.
    this.#socket.write(text, isAscii && this.secure === undefined ? "latin1" : "utf8");
  }

  pause(): void {
    this.#socket.pause();
    tcpHandle(this.#socket)?.readStop?.();
  }

  resume(): void {
    tcpHandle(this.#socket)?.readStart?.();
    this.#socket.resume();
  }

  startTls(context: TlsContext): void {
    const plain = this.#socket;
    // Only the close is still of interest on the plain socket: bytes belong to TLS from here on.
    plain.removeListener("data", onData);
    plain.removeListener("end", onEnd);
    context.accept(plain, (tls, error) => {
      if (this.#closed) return;
      if (tls === undefined) {
        this.#gone(error?.message ?? "TLS failed");
        plain.destroy();
        return;
      }
      plain.removeListener("close", onClose);
      delete plain[OWN];
      this.#socket = tls;
      this.secure = secureInfo(tls, context);
      this.#listen();
      this.owner?.onSecure();
    });
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#gone(undefined);
  }

  #listen(): void {
    const socket = this.#socket;
    socket[OWN] = this;
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  #gone(reason: string | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    const { owner } = this;
    this.owner = undefined;
    owner?.onClose(reason);
  }

  /** For the shared listeners below. */
  static closed(transport: SocketTransport, reason: string | undefined): void {
    transport.#gone(reason);
  }
}

function onData(this: Owned, chunk: Uint8Array): void {
  this[OWN]?.owner?.onData(chunk);
}

function onEnd(this: Owned): void {
  this[OWN]?.owner?.onEnd();
}

function onError(this: Owned, error: Error): void {
  const transport = this[OWN];
  if (transport !== undefined) SocketTransport.closed(transport, error.message);
  this.destroy();
}

function onClose(this: Owned): void {
  const transport = this[OWN];
  if (transport !== undefined) SocketTransport.closed(transport, undefined);
}

/** IPv4 clients of an IPv6 socket come as `::ffff:1.2.3.4`. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

function secureInfo(socket: TLSSocket, context: TlsContext): SecureInfo {
  const name = (socket as { servername?: string | false }).servername;
  const endPoint = name && context.endPointOf !== undefined
    ? context.endPointOf(name)
    : context.endPoint;
  return {
    protocol: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher()?.name ?? "unknown",
    endPoint,
    peerChain: context.asksForCertificate ? presentedChain(socket) : [],
  };
}

interface TcpHandle {
  readStart?(): void;
  readStop?(): void;
}

/**
 * The handle below a TLS socket. Pausing a TLS socket does not stop the runtime from reading, and
 * decrypting into memory without bound: the TCP handle under it must be stopped, too. Undocumented;
 * where it is missing only that bound is.
 */
export function tcpHandle(socket: Socket): TcpHandle | undefined {
  return (socket as { _handle?: { _parent?: TcpHandle } })._handle?._parent;
}
