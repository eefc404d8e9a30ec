/** The connections of a bytestreams proxy: from the handshake over the waiting to the stream. */

import type { Socket } from "node:net";
import type { Deadline } from "../../lib/deadlines.ts";
import { StanzaError } from "../../lib/errors.ts";
import type { LogArea } from "../../lib/log.ts";
import { Pipe, type PipeLimits } from "./pipe.ts";
import { Handshake, NOT_ALLOWED, SUCCEEDED } from "./socks.ts";

export interface ProxyLimits extends PipeLimits {
  /** Connections at once, and of one IP address. */
  readonly connections: number;
  readonly perAddress: number;
  /** Active bytestreams of one account. */
  readonly perAccount: number;
  /** Times in ms: for the handshake, for the activation, and of silence on an active stream. */
  readonly handshakeMs: number;
  readonly activationMs: number;
  readonly idleMs: number;
}

/** What the proxy needs of the module that runs it. */
export interface Surroundings {
  readonly log: LogArea;
  after(ms: number, f: () => void): Deadline;
}

/** What is ignored before the activation (§10.1); who sends more wants no bytestream. */
const MOST_IGNORED = 256 << 10;

/** A connection that is not active yet. */
interface Waiting {
  readonly socket: Socket;
  /** `performance.now()` by which it must have come further. */
  deadline: number;
  digest: string | undefined;
}

interface Stream {
  readonly digest: string;
  readonly account: string;
  readonly pipe: Pipe;
}

export class Proxy {
  readonly #limits: ProxyLimits;
  readonly #around: Surroundings;
  readonly #addresses = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  /** Of those that have named a bytestream: at most two for each digest. */
  readonly #byDigest = new Map<string, Waiting[]>();
  readonly #streams = new Map<string, Stream>();
  readonly #sockets = new Set<Socket>();

  constructor(limits: ProxyLimits, around: Surroundings) {
    this.#limits = limits;
    this.#around = around;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Takes a connection in, or destroys it. */
  accept(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const same = this.#addresses.get(address) ?? 0;
    socket.on("error", () => socket.destroy());
    if (this.#sockets.size >= this.#limits.connections || same >= this.#limits.perAddress) {
      this.#around.log.warn("connection refused: too many", { remote: address });
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#addresses.set(address, same + 1);
    socket.setNoDelay(true);
    const waiting: Waiting = {
      socket,
      deadline: performance.now() + this.#limits.handshakeMs,
      digest: undefined,
    };
    this.#waiting.add(waiting);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      const left = this.#addresses.get(address)! - 1;
      if (left === 0) this.#addresses.delete(address);
      else this.#addresses.set(address, left);
      this.#drop(waiting);
    });
    this.#shakeHands(waiting);
  }

  #shakeHands(waiting: Waiting): void {
    const { socket } = waiting;
    const handshake = new Handshake((bytes) => void socket.write(bytes));
    const take = (bytes: Uint8Array) => {
      const outcome = handshake.take(bytes);
      if (outcome.kind === "more") return;
      socket.removeListener("data", take);
      if (outcome.kind === "request" && this.#join(waiting, outcome.digest)) {
        handshake.reply(SUCCEEDED);
        return;
      }
      if (outcome.kind === "request") handshake.reply(NOT_ALLOWED);
      this.#drop(waiting);
      // The answer still has to go out; who does not go then is sent.
      socket.end();
      socket.resume();
      this.#around.after(this.#limits.handshakeMs, () => socket.destroy());
    };
    socket.on("data", take);
    // Half a connection is of no use before it is active.
    socket.once("end", () => {
      if (this.#waiting.has(waiting)) socket.destroy();
    });
  }

  /** Two wait for the activation of a bytestream, and no third (§10.1). */
  #join(waiting: Waiting, digest: string): boolean {
    const others = this.#byDigest.get(digest) ?? [];
    if (others.length >= 2 || this.#streams.has(digest)) return false;
    this.#byDigest.set(digest, [...others, waiting]);
    waiting.digest = digest;
    waiting.deadline = performance.now() + this.#limits.activationMs;
    let ignored = 0;
    waiting.socket.on("data", (bytes: Uint8Array) => {
      ignored += bytes.length;
      if (ignored > MOST_IGNORED) waiting.socket.destroy();
    });
    return true;
  }

  #drop(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    const { digest } = waiting;
    if (digest === undefined) return;
    const left = (this.#byDigest.get(digest) ?? []).filter((w) => w !== waiting);
    if (left.length === 0) this.#byDigest.delete(digest);
    else this.#byDigest.set(digest, left);
  }

  /**
   * Starts a bytestream (§6.3.5).
   * @param account bare JID of who asks for it
   * @throws StanzaError `item-not-found` if nobody has connected for it, `not-allowed` if only one
   *   has or it is active already, `resource-constraint` beyond the account's limit
   */
  activate(digest: string, account: string): void {
    const [a, b] = this.#byDigest.get(digest) ?? [];
    if (a === undefined && !this.#streams.has(digest)) throw new StanzaError("item-not-found");
    if (a === undefined || b === undefined) throw new StanzaError("not-allowed");
    const { perAccount } = this.#limits;
    let active = 0;
    for (const stream of this.#streams.values()) if (stream.account === account) active++;
    if (active >= perAccount) {
      const text = `at most ${perAccount} bytestreams at a time`;
      throw new StanzaError("resource-constraint", { text });
    }
    for (const waiting of [a, b]) {
      this.#drop(waiting);
      waiting.socket.removeAllListeners("data");
    }
    const pipe = new Pipe(a.socket, b.socket, this.#limits, this.#around.after, ({ bytes }) => {
      this.#streams.delete(digest);
      this.#around.log.info("bytestream ended", { account, bytes });
    });
    this.#streams.set(digest, { digest, account, pipe });
    this.#around.log.info("bytestream begun", { account });
  }

  /** Ends what has had its time. */
  sweep(): void {
    const now = performance.now();
    for (const { socket, deadline } of this.#waiting) if (deadline <= now) socket.destroy();
    for (const { pipe } of this.#streams.values()) {
      if (now - pipe.touched >= this.#limits.idleMs) pipe.destroy();
    }
  }

  /** Cuts all connections. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
