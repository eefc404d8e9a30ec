/** Answers, as a client gets them. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connection } from "./connection.ts";

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad request",
  404: "Not found",
  405: "Method not allowed",
  413: "Too large",
  421: "There is no such host here",
  500: "Something went wrong",
};

/** A status with a word about it. */
export function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  connection: Connection,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.destroyed || response.headersSent) return;
  const text = (STATUS_TEXT[status] ?? String(status)) + "\n";
  prepare(request, response, connection);
  response.writeHead(status, {
    ...headers,
    ...(status === 405 && { allow: "GET, HEAD" }),
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(text.length),
  });
  response.end(request.method === "HEAD" ? undefined : text);
}

/** Sends what an application has answered; ends when the system has taken it. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Response,
  connection: Connection,
  defaults: Readonly<Record<string, string>>,
): Promise<void> {
  const { body } = answer;
  if (response.destroyed) return void await body?.cancel();
  prepare(request, response, connection);
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(defaults)) {
    if (!answer.headers.has(name)) response.setHeader(name, value);
  }
  for (const [name, value] of answer.headers) {
    if (name !== "set-cookie") response.setHeader(name, value);
  }
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  if (body === null || request.method === "HEAD") {
    await body?.cancel();
    const empty = body === null && request.method !== "HEAD" && answer.status >= 200 &&
      answer.status !== 204 && answer.status !== 304;
    if (empty && !answer.headers.has("content-length")) response.setHeader("content-length", "0");
    response.end();
    return await connection.finished(response);
  }
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (response.write(value) || await connection.drained(response)) continue;
      return await reader.cancel();
    }
  } catch {
    // The application's stream has failed: the client must not take what it got for all of it.
    response.destroy();
    return;
  }
  response.end();
  await connection.finished(response);
}

/** Whether another request may follow: not before this one is read to its end. */
function prepare(request: IncomingMessage, response: ServerResponse, connection: Connection): void {
  connection.answering = true;
  const last = connection.ending || !request.complete;
  if (last) response.setHeader("connection", "close");
  else response.setHeader("keep-alive", connection.patience);
  if (request.complete) return;
  request.removeAllListeners("data");
  connection.flow(true);
  request.resume();
}
