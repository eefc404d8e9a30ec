/**
 * The worker that owns the SQLite connection, so that no query and no commit ever holds up the
 * event loop. Importing this module elsewhere does nothing.
 */

import { receiveMessageOnPort } from "node:worker_threads";
import { createEngine } from "./sqlite_engine.ts";
import { describe, openDatabase } from "./sqlite_open.ts";
import { WORKER_NAME, type WorkerStart, type WorkerStarted } from "./sqlite_protocol.ts";

function serve(start: WorkerStart): void {
  const { port } = start;
  let db;
  try {
    db = openDatabase(start);
  } catch (error) {
    const { code, message } = describe(error);
    port.postMessage([code, message] satisfies WorkerStarted);
    return;
  }
  const engine = createEngine(
    db,
    start,
    (replies) => port.postMessage(replies),
    () => port.close(),
  );
  port.onmessage = (event: MessageEvent<unknown[]>) => {
    engine.handle(event.data);
    // Whatever arrived meanwhile joins the same transaction.
    for (;;) {
      const next = receiveMessageOnPort(port as never) as { message: unknown[] } | undefined;
      if (!next) break;
      engine.handle(next.message);
    }
    engine.settle();
  };
  port.postMessage([] satisfies WorkerStarted);
}

const scope = globalThis as unknown as {
  readonly name?: unknown;
  onmessage: ((event: MessageEvent<WorkerStart>) => void) | null;
};

if (scope.name === WORKER_NAME) {
  scope.onmessage = (event) => serve(event.data);
}
