/** HTTP against a test server: ports, raw requests, and fetch with its certificate trusted. */

import { connect } from "node:net";
import type { TestServer } from "./server.ts";

/** Listeners for tests: http and https on free ports. */
export const HTTP_LISTENERS = {
  http: [
    { address: ["127.0.0.1"], port: 0, tls: "none" },
    { address: ["127.0.0.1"], port: 0, tls: "direct" },
  ],
};

export function httpPort(server: TestServer, tls: "none" | "direct" = "none"): number {
  const found = server.inner.listeners.find((l) =>
    l.endpoint.kind === "http" && l.endpoint.tls === tls
  );
  return found!.port;
}

export interface RawAnswer {
  /** Everything that came. */
  readonly text: string;
  /** Of the first answer; 0 if there was none. */
  readonly status: number;
  readonly closed: boolean;
  /** From the connection to its end, in ms. */
  readonly ms: number;
}

export interface RawOptions {
  /** Sent after that, one after the other, with pauses of `every` ms. */
  readonly then?: readonly (string | Uint8Array)[];
  readonly every?: number;
  /** Cuts the connection after what was to be sent. */
  readonly cut?: boolean;
  /** Longest wait for the end of the connection, in ms. */
  readonly wait?: number;
}

/** Sends bytes as they are and reads until the connection ends, or `wait` ms have gone. */
export function raw(port: number, first: string, options: RawOptions = {}): Promise<RawAnswer> {
  const { then = [], every = 0, cut = false, wait = 5000 } = options;
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const started = performance.now();
    let text = "";
    let open = true;
    const timer = setTimeout(() => finish(false), wait);
    const finish = (closed: boolean) => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      socket.destroy();
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
      resolve({ text, status, closed, ms: performance.now() - started });
    };
    socket.on("data", (chunk) => text += new TextDecoder("latin1").decode(chunk));
    socket.on("close", () => finish(true));
    socket.on("error", () => {});
    socket.on("connect", async () => {
      socket.write(first);
      for (const part of then) {
        await new Promise((r) => setTimeout(r, every));
        if (!open) return;
        socket.write(part);
      }
      if (!cut) return;
      await new Promise((r) => setTimeout(r, 50));
      finish(true);
    });
  });
}

/** A client for `fetch` that trusts the certificate which the server has made for a host. */
export async function trusting(server: TestServer, host = "localhost"): Promise<Deno.HttpClient> {
  const cert = await Deno.readTextFile(`${server.data}/certs/${host}.crt`);
  return Deno.createHttpClient({ caCerts: [cert] });
}
