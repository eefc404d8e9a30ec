/**
 * One connection of a test: the socket, the parser, and what has come in, in order. What a test says
 * and expects on it is in client.ts.
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { connect as connectTls } from "node:tls";
import { streamParser } from "./xml.ts";
import type { Tag } from "./xml.ts";

/** How long a test waits for what it expects. */
const PATIENCE_MS = 5_000;

export type Event =
  | { readonly kind: "header" | "element"; readonly tag: Tag }
  /** `</stream:stream>`, and the end of the connection. */
  | { readonly kind: "close" | "end" };

export class Wire {
  /** What was sent (`C:`) and received (`S:`), for messages and for tests of bytes. */
  readonly transcript: string[] = [];
  /** What has come and was not taken yet. */
  protected readonly events: Event[] = [];
  /** The connection is gone. */
  protected ended = false;
  #socket: Socket;
  #feed: (text: string) => void = () => {};
  #decoder = new TextDecoder("utf-8", { fatal: true });
  #wake: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
    this.newStream();
  }

  /** Sends text or bytes exactly as they are. */
  write(data: string | Uint8Array): void {
    const text = typeof data === "string" ? data : Buffer.from(data).toString("latin1");
    this.transcript.push(`C: ${shortened(text)}`);
    this.#socket.write(data);
  }

  /** Expects a new stream: what comes next is parsed from its header on. */
  newStream(): void {
    this.#feed = streamParser({
      header: (tag) => this.#push({ kind: "header", tag }),
      element: (tag) => this.isOurs(tag) || this.#push({ kind: "element", tag }),
      close: () => this.#push({ kind: "close" }),
      error: (e) => this.#failed(new Error(`not XML: ${e.message}`)),
    });
  }

  /** The TLS handshake, now. */
  async handshake(
    servername: string,
    alpn?: string[],
    more: ConnectionOptions = {},
  ): Promise<void> {
    this.#socket.removeAllListeners();
    const tls = connectTls({
      socket: this.#socket,
      servername,
      rejectUnauthorized: false,
      ALPNProtocols: alpn,
      ...more,
    });
    this.transcript.push("   (TLS)");
    this.#socket = await connected(tls, "secureConnect");
    this.#listen();
  }

  /** The TLS socket, for what only it knows (ALPN, certificate). */
  get tls(): TLSSocket {
    return this.#socket as TLSSocket;
  }

  /** Bytes that the server has not taken yet, beyond what the system's buffers hold. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Stops reading from the connection (one without TLS). */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.ended = true;
    this.#socket.destroy();
    this.onEnded();
  }

  /** Takes elements that the test itself has asked for, out of sight of the transcript. */
  protected isOurs(_tag: Tag): boolean {
    return false;
  }

  protected onEnded(): void {}

  protected async take(what: string): Promise<Event> {
    while (this.events.length === 0) await this.more(what);
    return this.events.shift()!;
  }

  /** Waits for one more event. `what` is expected, for the message. */
  protected async more(what: string): Promise<void> {
    this.#throwFailure();
    await this.patiently(new Promise<void>((resolve) => this.#wake = resolve), what);
    this.#throwFailure();
  }

  protected async patiently(wait: Promise<void>, what: string): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(this.report(`nothing came in ${PATIENCE_MS} ms; expected ${what}`)),
        PATIENCE_MS,
      );
    });
    try {
      await Promise.race([wait, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  protected report(message: string): Error {
    const recent = this.transcript.slice(-12).map((line) => `    ${line}`).join("\n");
    return new Error(`${message}\n  transcript:\n${recent}`);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Uint8Array) => this.#received(chunk));
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      this.ended = true;
      this.onEnded();
      this.#push({ kind: "end" });
    });
  }

  #received(chunk: Uint8Array): void {
    try {
      const text = this.#decoder.decode(chunk, { stream: true });
      this.transcript.push(`S: ${shortened(text)}`);
      // A new stream may follow in the same piece, where its opening was pipelined.
      for (const part of text.split(/(?=<\?xml )/)) {
        if (part.startsWith("<?xml ")) this.newStream();
        this.#feed(part);
      }
    } catch (e) {
      this.#failed(e as Error);
    }
  }

  #push(event: Event): void {
    this.events.push(event);
    this.#wake?.();
  }

  #failed(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.report(this.#failure.message);
  }
}

/** Resolves when the socket is ready. */
export function connected<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
): Promise<S> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed before ${event}`)));
    socket.once(event, () => {
      socket.removeAllListeners("error");
      socket.removeAllListeners("close");
      resolve(socket);
    });
  });
}

function shortened(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
}
