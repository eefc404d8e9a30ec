/** One connection of HTTP: what it is waiting for, and for how long it may. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Deadline } from "../deadlines.ts";
import { tcpHandle } from "../net/socket.ts";
import type { Server } from "../server.ts";

/** How long a client that has sent too much is listened to, so that it sees the answer. */
const LINGER_MS = 2000;

export class Connection {
  readonly secure: boolean;
  /** The peer's address; at the other end of a proxy the client has another. */
  readonly remote: string;
  /** Bytes of bodies so far. */
  received = 0;
  /** A body is being read, and it is the client's turn. */
  waiting = false;
  #flowing = true;
  readonly #socket: Socket;
  readonly #server: Server;
  /** Requests that are not answered yet. */
  #active = 0;
  /** Something of an answer may have been sent. */
  answering = false;
  /** The last request that has begun. */
  #latest: IncomingMessage | undefined;
  /** No further request after those under way. */
  ending = false;
  #deadline: Deadline | undefined;
  #watching: Deadline | undefined;

  constructor(socket: Socket, secure: boolean, server: Server) {
    this.#socket = socket;
    this.#server = server;
    this.secure = secure;
    this.remote = socket.remoteAddress ?? "";
    this.#expect(server.config.http.header_timeout);
  }

  /**
   * Stops or starts the reading below TLS: pausing a stream above it does not, and the runtime would go
   * on decrypting into memory without bound.
   */
  flow(on: boolean): void {
    if (this.#flowing === on || this.#socket.destroyed) return;
    this.#flowing = on;
    const handle = tcpHandle(this.#socket);
    if (on) handle?.readStart?.();
    else handle?.readStop?.();
  }

  /** For the header Keep-Alive. */
  get patience(): string {
    return `timeout=${Math.floor(this.#server.config.http.idle_timeout / 1000)}`;
  }

  /** A request is there; returns how many are now. */
  begin(request: IncomingMessage): number {
    this.#deadline?.cancel();
    this.#latest = request;
    return ++this.#active;
  }

  /**
   * Whether what is written now can be nothing but the answer to what the client sends at the moment:
   * no answer is under way, and no earlier request waits for one.
   */
  get isNext(): boolean {
    if (this.#active === 0) return true;
    return this.#active === 1 && !this.answering && this.#latest?.complete === false;
  }

  /** A request is dealt with. */
  end(): void {
    // Of several it is the last one whose body is still being read, and watched.
    if (--this.#active > 0) return;
    this.waiting = false;
    this.answering = false;
    this.flow(true);
    this.#watching?.cancel();
    this.#watching = undefined;
    if (this.#socket.destroyed) return;
    if (this.ending) this.#socket.end();
    this.#expect(this.#server.config.http.idle_timeout);
  }

  /** No further request after those under way. */
  endSoon(): void {
    this.ending = true;
    if (this.#active === 0) this.#socket.destroy();
  }

  /** The answer says all; the client may still be sending. */
  linger(): void {
    this.#expect(LINGER_MS);
  }

  /** Ends the connection if the client sends nothing, or next to nothing, while it is its turn. */
  watch(): void {
    if (this.#watching !== undefined) return;
    const { stall_timeout, min_rate } = this.#server.config.http;
    const before = this.received;
    this.#watching = this.#server.deadlines.after(stall_timeout, () => {
      this.#watching = undefined;
      const enough = Math.max(1, min_rate * stall_timeout / 1000);
      if (this.waiting && this.received - before < enough) return void this.#socket.destroy();
      if (this.waiting) this.watch();
    });
  }

  /** Resolves when the socket takes more, false if it does not for too long, or is gone. */
  drained(response: ServerResponse): Promise<boolean> {
    if (response.destroyed || this.#socket.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const slow = this.#server.deadlines.after(this.#server.config.http.stall_timeout, () => {
        this.#socket.destroy();
      });
      const done = (ok: boolean) => {
        slow.cancel();
        response.off("drain", drain);
        response.off("close", close);
        resolve(ok);
      };
      const drain = () => done(true);
      const close = () => done(false);
      response.on("drain", drain);
      response.on("close", close);
    });
  }

  /** Resolves when the last byte is on its way, or the connection is gone. */
  finished(response: ServerResponse): Promise<void> {
    if (response.writableFinished || response.destroyed || this.#socket.destroyed) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const slow = this.#server.deadlines.after(this.#server.config.http.stall_timeout, () => {
        this.#socket.destroy();
      });
      const done = () => {
        slow.cancel();
        response.off("finish", done);
        response.off("close", done);
        resolve();
      };
      response.on("finish", done);
      response.on("close", done);
    });
  }

  closed(): void {
    this.#deadline?.cancel();
    this.#watching?.cancel();
  }

  #expect(ms: number): void {
    this.#deadline?.cancel();
    this.#deadline = this.#server.deadlines.after(ms, () => this.#socket.destroy());
  }
}
