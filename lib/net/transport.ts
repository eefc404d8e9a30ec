/** What a stream needs of its connection. TCP and TLS today; anything that carries text fits. */

import type { TLSSocket } from "node:tls";

/** What TLS has settled, for SASL and for the logs. */
export interface SecureInfo {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  /** The data of the channel binding `tls-server-end-point` (RFC 5929 §4). */
  readonly endPoint: Uint8Array | undefined;
  /** The chain the client presented, leaf first, in DER; empty if none. */
  readonly peerChain: readonly Uint8Array[];
}

/** Who is told what happens on a transport. */
export interface TransportOwner {
  /** Bytes came in. The chunk is only valid during the call. */
  onData(chunk: Uint8Array): void;
  /** The other side has stopped sending. */
  onEnd(): void;
  /** The connection is gone. Always the last call, and made once. */
  onClose(reason: string | undefined): void;
  /** TLS, begun by {@link Transport.startTls}, is established. */
  onSecure(): void;
}

export interface Transport {
  owner: TransportOwner | undefined;
  /** `address:port` of the other side. */
  readonly remote: string;
  /** The other side's address alone. */
  readonly remoteAddress: string;
  /** True if the connection does not leave this machine. */
  readonly loopback: boolean;
  readonly secure: SecureInfo | undefined;
  /** Bytes accepted but not yet taken by the system. */
  readonly buffered: number;
  /** `isAscii` may be true for text that holds nothing else: it need not be encoded. */
  write(text: string, isAscii?: boolean): void;
  pause(): void;
  resume(): void;
  /** Turns a plain connection into TLS, as the server; `onSecure` or `onClose` follows. */
  startTls(context: TlsContext): void;
  /** Sends what is written, then closes. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

/** A host's TLS endpoint: connections are handed to it once their host is known. */
export interface TlsContext {
  /** Takes a plain socket and yields its TLS successor, or the reason it failed. */
  accept(
    socket: import("node:net").Socket,
    done: (tls: TLSSocket | undefined, error?: Error) => void,
  ): void;
  /** Hash of the certificate for `tls-server-end-point`. */
  readonly endPoint: Uint8Array | undefined;
  /** Clients are asked for a certificate. */
  readonly asksForCertificate: boolean;
  /** Where SNI chooses among several certificates: the hash of the one chosen for a name. */
  readonly endPointOf?: (servername: string) => Uint8Array | undefined;
}
