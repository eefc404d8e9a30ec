/**
 * TLS endpoints. One `tls.Server` that never listens stands for each certificate: plain connections
 * are handed to it after STARTTLS, when the stream has named its host, or at once for direct TLS.
 */

import type { Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import { createServer } from "node:tls";
import type { TlsContext } from "./transport.ts";

export interface EndpointOptions {
  /** PEM chain and key. */
  readonly cert: string;
  readonly key: string;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly alpn: readonly string[];
  /** What is left of a handshake that was broken off stays in memory for so long, 6 KiB of it. */
  readonly handshakeTimeoutMs: number;
  /** PEM of the authorities whose clients may show a certificate; none: it is not asked for. */
  readonly clientCa?: string;
  /** Hash of `cert` for the channel binding. */
  readonly endPoint: Uint8Array | undefined;
  /**
   * For direct TLS where hosts have several certificates: the context for a name the client asks
   * for. It costs about 20 KiB per connection, so it is set only where it is needed.
   */
  readonly choose?: (servername: string) => SecureContext | undefined;
}

type Done = Parameters<TlsContext["accept"]>[1];
type WithParent = { _parent?: Socket };

/** Makes the endpoint of a certificate. */
export function tlsEndpoint(options: EndpointOptions): TlsContext {
  const waiting = new WeakMap<Socket, Done>();
  const { choose } = options;
  const server = createServer({
    cert: options.cert,
    key: options.key,
    minVersion: options.minVersion,
    ALPNProtocols: [...options.alpn],
    handshakeTimeout: options.handshakeTimeoutMs,
    ...(options.clientCa !== undefined &&
      { requestCert: true, rejectUnauthorized: false, ca: options.clientCa }),
    ...(choose !== undefined && {
      SNICallback: (name: string, done: (e: Error | null, context?: SecureContext) => void) =>
        done(null, choose(name)),
    }),
  });
  const settle = (tls: TLSSocket | undefined, plain: Socket | undefined, error?: Error) => {
    const done = plain === undefined ? undefined : waiting.get(plain);
    if (plain !== undefined) waiting.delete(plain);
    done?.(tls, error);
  };
  server.on("secureConnection", (tls) => settle(tls, (tls as WithParent)._parent));
  server.on(
    "tlsClientError",
    (error, tls) => settle(undefined, (tls as WithParent)?._parent, error),
  );
  return {
    endPoint: options.endPoint,
    asksForCertificate: options.clientCa !== undefined,
    accept(socket, done) {
      waiting.set(socket, done);
      server.emit("connection", socket);
    },
  };
}
