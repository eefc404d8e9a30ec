/** A client of a SOCKS5 bytestreams proxy (XEP-0065), over a real socket. */

import { Buffer } from "node:buffer";
import { createHash, hash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connected } from "./wire.ts";

const PATIENCE_MS = 5000;

/** SHA1(SID + requester + target), in hex. */
export function bytestream(sid: string, requester: string, target: string): string {
  return hash("sha1", sid + requester + target, "hex");
}

/** Version 5, one method: none. */
export const GREETING = [5, 1, 0];

/** A CONNECT request for a domain name. */
export function request(name: string, { command = 1, type = 3 } = {}): number[] {
  return [5, command, 0, type, name.length, ...Buffer.from(name), 0, 0];
}

export class Socks {
  readonly socket: Socket;
  /** Bytes received, and their SHA-1 so far. */
  received = 0;
  readonly sha1 = createHash("sha1");
  ended = false;
  closed = false;
  #kept = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes: Uint8Array) => {
      this.received += bytes.length;
      this.sha1.update(bytes);
      if (this.#kept.length < 1024) this.#kept = Buffer.concat([this.#kept, bytes]);
      this.#wake();
    });
    socket.on("end", () => {
      this.ended = true;
      this.#wake();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<Socks> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    return new Socks(await connected(socket, "connect"));
  }

  /** Connected, greeted, and accepted for a bytestream. */
  static async join(port: number, digest: string): Promise<Socks> {
    const socks = await Socks.connect(port);
    socks.send(GREETING);
    await socks.receives([5, 0]);
    socks.send(request(digest));
    // The address comes back as it was asked for.
    await socks.receives([5, 0, 0, 3, 40, ...Buffer.from(digest), 0, 0]);
    return socks;
  }

  send(bytes: readonly number[] | Uint8Array): void {
    this.socket.write(Uint8Array.from(bytes));
  }

  /** The next bytes are these. */
  async receives(expected: readonly number[] | Uint8Array): Promise<void> {
    const wanted = Buffer.from(Uint8Array.from(expected));
    await this.until(() => this.#kept.length >= wanted.length || this.closed, "bytes");
    const got = this.#kept.subarray(0, wanted.length);
    if (!got.equals(wanted)) {
      throw new Error(`expected ${wanted.toString("hex")}, got ${got.toString("hex")}`);
    }
    this.#kept = this.#kept.subarray(wanted.length);
  }

  /** Counts what comes from now on anew. */
  restart(): void {
    this.received = 0;
  }

  async closes(): Promise<void> {
    await this.until(() => this.closed || this.ended, "the end of the connection");
    this.socket.destroy();
  }

  async until(condition: () => boolean, what: string, ms = PATIENCE_MS): Promise<void> {
    const end = Date.now() + ms;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
