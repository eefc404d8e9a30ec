/** Serves the pages of logs: rooms, their days, and what was said on a day. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Context } from "hono";
import { parseDate } from "../../lib/formats/datetime.ts";
import { type App, httpApp, plainText } from "../../lib/http/app.ts";
import type { HttpEnv } from "../../lib/http/routes.ts";
import { parseJid } from "../../lib/jid.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Config } from "./config.ts";
import type { Log, Logs } from "./logs.ts";
import { dayPage, indexPage, missingPage, roomPage, type Site } from "./page.ts";
import { plainPage } from "./plain.ts";
import { styleSheet } from "./style.ts";
import type { Zone } from "./zone.ts";

/** Nothing runs, nothing is loaded but the style sheet. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src data:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const STYLE_SECONDS = 600;
/** A day that is over changes only by retractions, which shall be seen soon. */
const PAST_SECONDS = 300;

/** Parts of a day at most that one may ask for. */
const LAST_PART = 1_000_000;

type Page = Context<{ Bindings: HttpEnv }>;

export interface WebOptions {
  readonly host: ModuleHost<Config>;
  readonly logs: Logs;
  readonly zone: Zone;
  /** The pages' path from outside. */
  base(): string;
}

export function logPages(options: WebOptions): App {
  const web = new Web(options);
  const app = httpApp();
  app.use(async (c, next) => {
    if (c.req.method !== "GET" && c.req.method !== "HEAD") {
      return plainText(405, "Method not allowed", { allow: "GET, HEAD" });
    }
    await next();
  });
  app.get("/", (c) => web.index(c));
  app.get("/style.css", (c) => web.style(c));
  for (const path of ["/:room", "/:room/"]) app.get(path, (c) => web.room(c, c.req.param("room")!));
  app.get("/:room/:day", (c) => web.day(c, c.req.param("room"), c.req.param("day")));
  app.notFound((c) => web.missing(c));
  return app;
}

class Web {
  readonly #options: WebOptions;
  readonly #config: Config;
  readonly #logs: Logs;
  readonly #zone: Zone;
  /** The built-in one. */
  #style: string | undefined;

  constructor(options: WebOptions) {
    this.#options = options;
    this.#config = options.host.config;
    this.#logs = options.logs;
    this.#zone = options.zone;
  }

  async index(c: Page): Promise<Response> {
    const { page_rooms } = this.#config;
    const after = parseJid(c.req.query("after") ?? "")?.bare ?? "";
    const found = await this.#logs.list(after, page_rooms + 1);
    const shown = found.slice(0, page_rooms);
    const next = found.length > page_rooms ? shown.at(-1)!.room : undefined;
    const written = shown.filter((log) => log.last > 0);
    const page = indexPage(this.#site(true), written, after === "", next);
    return await this.#html(c, page, this.#isIndexed(true), 0);
  }

  async room(c: Page, name: string): Promise<Response> {
    const log = await this.#find(name);
    const until = c.req.query("until");
    if (log === undefined || (until !== undefined && !isDay(until))) return await this.missing(c);
    const { page_days } = this.#config;
    const days = await this.#logs.days(log, until, page_days + 1);
    const page = roomPage(
      this.#site(log.open),
      log,
      days.slice(0, page_days),
      until,
      days[page_days],
    );
    return await this.#html(c, page, this.#isIndexed(log.open), 0);
  }

  async day(c: Page, name: string, file: string): Promise<Response> {
    const plain = file.endsWith(".txt");
    const day = plain ? file.slice(0, -4) : file;
    const part = partOf(c.req.query("part"));
    const log = isDay(day) && part !== undefined ? await this.#find(name) : undefined;
    const { page_entries } = this.#config;
    const content = log && await this.#logs.day(log, day, part!, page_entries);
    if (log === undefined || content === undefined) return await this.missing(c);
    const indexed = this.#isIndexed(log.open);
    const seconds = this.#zone.endOf(day) <= Date.now() ? PAST_SECONDS : 0;
    if (plain) {
      const text = plainPage({ log, day, zone: this.#zone, content });
      return this.#answer(c, text, "text/plain", indexed, seconds);
    }
    const [before, after] = await this.#logs.neighbours(log, day);
    const page = dayPage(this.#site(log.open), { log, day, content, before, after });
    return await this.#html(c, page, indexed, seconds);
  }

  async style(c: Page): Promise<Response> {
    const { css } = this.#config;
    const own = css === undefined ? undefined : await this.#read(css);
    this.#style ??= styleSheet();
    return this.#answer(c, own ?? this.#style, "text/css", false, STYLE_SECONDS);
  }

  /** One's own style sheet may change at any time. */
  async #read(path: string): Promise<string | undefined> {
    try {
      return await readFile(path, "utf8");
    } catch (e) {
      this.#options.host.log.warn("the style sheet cannot be read", { path, error: String(e) });
      return undefined;
    }
  }

  async missing(c: Page): Promise<Response> {
    return await this.#html(c, missingPage(this.#site(false)), false, 0, 404);
  }

  // ---- answers ----

  async #html(
    c: Page,
    page: string | Promise<string>,
    indexed: boolean,
    seconds: number,
    status = 200,
  ): Promise<Response> {
    const text = `${await page}`.trimStart();
    return this.#answer(c, text, "text/html", indexed, seconds, status);
  }

  #answer(
    c: Page,
    text: string,
    type: string,
    indexed: boolean,
    seconds: number,
    status = 200,
  ): Response {
    const body = new TextEncoder().encode(text);
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    const headers: Record<string, string> = {
      "cache-control": seconds === 0 ? "no-cache" : `max-age=${seconds}`,
      "content-security-policy": POLICY,
      ...(indexed ? {} : { "x-robots-tag": "noindex" }),
    };
    if (status === 200) {
      headers.etag = etag;
      if (isKnown(c.req.header("if-none-match"), etag)) {
        return new Response(null, { status: 304, headers });
      }
    }
    headers["content-type"] = `${type}; charset=utf-8`;
    headers["content-length"] = String(body.length);
    return new Response(body, { status, headers });
  }

  // ---- what is asked for ----

  async #find(name: string): Promise<Log | undefined> {
    const room = parseJid(name);
    if (room === undefined || room.node === "" || !room.isBare) return undefined;
    return await this.#logs.find(room);
  }

  #isIndexed(open: boolean): boolean {
    return open && this.#config.robots === "index";
  }

  #site(open: boolean): Site {
    return {
      domain: this.#options.host.domain,
      base: this.#options.base(),
      theme: this.#config.theme,
      zone: this.#zone,
      indexed: this.#isIndexed(open),
    };
  }
}

function isDay(text: string): boolean {
  return parseDate(text) !== undefined;
}

function partOf(text: string | undefined): number | undefined {
  if (text === undefined) return 1;
  if (!/^[1-9]\d{0,6}$/.test(text)) return undefined;
  return Number(text) <= LAST_PART ? Number(text) : undefined;
}

function isKnown(tags: string | undefined, etag: string): boolean {
  if (tags === undefined) return false;
  return tags.split(",").some((tag) => [etag, "*"].includes(tag.trim().replace(/^W\//, "")));
}
