/** A transport without a connection: what is written is kept until somebody takes it. */

import type { Transport, TransportOwner } from "../../lib/net/transport.ts";

export class MemoryTransport implements Transport {
  owner: TransportOwner | undefined = undefined;
  readonly remote = "127.0.0.1:0";
  readonly remoteAddress = "127.0.0.1";
  readonly loopback = true;
  readonly secure = undefined;
  readonly buffered = 0;
  #written = "";

  write(text: string): void {
    this.#written += text;
  }

  /** What was written since the last call. */
  take(): string {
    const written = this.#written;
    this.#written = "";
    return written;
  }

  pause(): void {}

  resume(): void {}

  startTls(): void {
    throw new Error("there is no TLS in memory");
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    const { owner } = this;
    this.owner = undefined;
    owner?.onClose(undefined);
  }
}
