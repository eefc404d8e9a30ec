/** Hono apps as the listener likes them: it is the listener that logs and answers what they throw. */

import { Hono } from "hono";
import type { HttpEnv } from "./routes.ts";

export type App = Hono<{ Bindings: HttpEnv }>;

export function httpApp(): App {
  const app: App = new Hono();
  app.onError((e) => {
    throw e;
  });
  app.notFound(() => plainText(404, "Not found"));
  return app;
}

/** A short answer for humans. */
export function plainText(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = new TextEncoder().encode(`${text}\n`);
  return new Response(body, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(body.length),
      ...headers,
    },
  });
}
