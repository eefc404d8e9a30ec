/** The body of a request as a stream that is read no faster than it is used, and within a limit. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connection } from "./connection.ts";

/** Bytes that are read ahead. */
const AHEAD = 64 << 10;

export interface BodyState {
  readonly limit: number;
  read: number;
  /** The limit was passed; the stream has failed. */
  tooLarge: boolean;
  /** It has no end: the connection is lost, or what came made no sense. */
  broken: boolean;
}

/** What the stream fails with past its limit. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/**
 * @param expecting the answer, if the client waits for `100 Continue` before it sends: it gets that
 *   with the first read
 */
export function bodyOf(
  request: IncomingMessage,
  connection: Connection,
  state: BodyState,
  expecting: ServerResponse | undefined,
): ReadableStream<Uint8Array> | null {
  const { method, headers } = request;
  if (method === "GET" || method === "HEAD") return null;
  if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) {
    return null;
  }
  let over = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const fail = (e: Error) => {
        if (over) return;
        over = true;
        state.broken = !state.tooLarge;
        connection.waiting = false;
        request.pause();
        controller.error(e);
      };
      request.pause();
      if (expecting !== undefined) connection.flow(false);
      request.on("data", (chunk: Uint8Array) => {
        connection.received += chunk.length;
        if (over) return;
        state.read += chunk.length;
        if (state.read > state.limit) {
          state.tooLarge = true;
          return fail(new TooLarge("the body is too large"));
        }
        controller.enqueue(chunk);
        if ((controller.desiredSize ?? 0) > 0) return;
        connection.waiting = false;
        connection.flow(false);
        request.pause();
      });
      request.on("end", () => {
        if (over) return;
        over = true;
        connection.waiting = false;
        controller.close();
      });
      request.on("aborted", () => fail(new Error("the connection was lost")));
      request.on("error", fail);
      request.on("close", () => fail(new Error("the connection was lost")));
    },
    pull() {
      if (over) return;
      expecting?.writeContinue();
      expecting = undefined;
      connection.waiting = true;
      connection.watch();
      connection.flow(true);
      request.resume();
    },
    cancel() {
      over = true;
      connection.waiting = false;
    },
    // Nothing is asked for ahead of a client that waits to be asked.
  }, new ByteLengthQueuingStrategy({ highWaterMark: expecting === undefined ? AHEAD : 0 }));
}
