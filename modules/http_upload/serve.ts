/** The HTTP side: PUT into a slot, GET and HEAD of a file. */

import type { Context } from "hono";
import { type App, httpApp, plainText } from "../../lib/http/app.ts";
import { disposition, isShown } from "./names.ts";
import { rangeOf } from "./range.ts";
import { NEVER, type Row, STORED } from "./table.ts";
import type { Uploads } from "./uploads.ts";

/** Files never change, but clients should notice that they are gone. */
const CACHE_SECONDS = 86_400;

const METHODS = "GET, HEAD, PUT, OPTIONS";

/** Web clients run on other origins; there are no cookies that could be misused. */
const CORS: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Last-Modified",
  "cross-origin-resource-policy": "cross-origin",
};

const OUTCOMES: Readonly<Record<number, string>> = {
  201: "Stored",
  400: "Not what was promised: Content-Length must be the size of the slot",
  403: "This is not the URL for uploading",
  404: "Not found",
  409: "This slot is used",
  411: "Content-Length is needed",
  413: "Larger than the slot",
  415: "Another Content-Type than that of the slot",
  507: "No space left",
};

export function makeApp(uploads: Uploads): App {
  const app = httpApp();
  const find = (c: Context) => uploads.find(c.req.param("id") ?? "", c.req.param("name") ?? "");

  app.get("/:id/:name", async (c) => {
    const row = await find(c);
    if (row === undefined || row.state !== STORED) return text(404);
    return await serve(uploads, row, c.req.raw);
  });

  app.put("/:id/:name", async (c) => {
    const row = await find(c);
    if (row === undefined) return text(404);
    const { raw } = c.req;
    const { headers } = raw;
    try {
      const outcome = await uploads.put(
        row,
        c.req.query("put") ?? "",
        headers.get("content-length") ?? undefined,
        headers.get("content-type") ?? undefined,
        raw.body ?? new Response("").body!,
      );
      return text(outcome);
    } catch (e) {
      if (raw.signal.aborted) return text(400); // nobody hears it: the connection is lost
      if ((e as { code?: string }).code !== "ENOSPC") throw e;
      uploads.host.log.error("a file could not be stored", { error: String(e) });
      return text(507);
    }
  });

  app.options("/:id/:name", () =>
    new Response(null, {
      status: 204,
      headers: {
        ...CORS,
        "allow": METHODS,
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": "Authorization, Content-Type, If-None-Match, Range",
        "access-control-max-age": "86400",
      },
    }));

  app.all("/:id/:name", () => text(405, { allow: METHODS }));
  return app;
}

function text(status: number, more: Readonly<Record<string, string>> = {}): Response {
  const what = status === 405 ? "Method not allowed" : OUTCOMES[status] ?? String(status);
  return plainText(status, what, { ...CORS, ...more });
}

async function serve(uploads: Uploads, row: Row, request: Request): Promise<Response> {
  const headers = headersOf(row);
  const asked = request.headers;
  if (isKnown(row, asked)) return new Response(null, { status: 304, headers });
  const ranges = asked.get("if-range") ?? etagOf(row);
  const field = ranges === etagOf(row) || ranges === modifiedOf(row) ? asked.get("range") : null;
  const range = rangeOf(field, row.size);
  if (range === "unsatisfiable") {
    return plainText(416, "There is no such range", {
      ...CORS,
      "content-range": `bytes */${row.size}`,
    });
  }
  const { start, end } = range ?? { start: 0, end: row.size - 1 };
  headers["content-length"] = String(end - start + 1);
  if (range !== undefined) headers["content-range"] = `bytes ${start}-${end}/${row.size}`;
  const status = range === undefined ? 200 : 206;
  if (request.method === "HEAD") {
    return await uploads.files.exists(row.id) ? new Response(null, { status, headers }) : text(404);
  }
  const body = await uploads.files.read(row.id, start, end);
  return body === undefined ? text(404) : new Response(body, { status, headers });
}

/** RFC 9110 §13.2.2: If-Modified-Since counts only without If-None-Match. */
function isKnown(row: Row, asked: Headers): boolean {
  const tags = asked.get("if-none-match");
  if (tags !== null) {
    const known = tags.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    return known.includes("*") || known.includes(etagOf(row));
  }
  const since = Date.parse(asked.get("if-modified-since") ?? "");
  return !Number.isNaN(since) && Math.floor(row.stored / 1000) * 1000 <= since;
}

function etagOf(row: Row): string {
  return `"${row.id}"`;
}

function modifiedOf(row: Row): string {
  return new Date(row.stored).toUTCString();
}

function headersOf(row: Row): Record<string, string> {
  const type = row.type === "" ? "application/octet-stream" : row.type;
  const left = row.expires === NEVER
    ? CACHE_SECONDS
    : Math.floor((row.expires - Date.now()) / 1000);
  return {
    ...CORS,
    "accept-ranges": "bytes",
    "cache-control": `private, max-age=${Math.max(0, Math.min(CACHE_SECONDS, left))}, immutable`,
    "content-disposition": disposition(isShown(type) ? "inline" : "attachment", row.name),
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "content-type": type,
    "etag": etagOf(row),
    "last-modified": modifiedOf(row),
    "x-content-type-options": "nosniff",
  };
}
