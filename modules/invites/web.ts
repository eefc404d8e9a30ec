/** An invitation's page (XEP-0379 §3.3), the form on it, and invitations made over HTTP. */

import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Context } from "hono";
import { parseTime } from "../../lib/config/units.ts";
import { StanzaError } from "../../lib/errors.ts";
import { formatDateTime } from "../../lib/formats/datetime.ts";
import { registerAccount } from "../../lib/hooks/registration.ts";
import type { HttpApp, HttpEnv } from "../../lib/http/routes.ts";
import { rosterGetItem } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { Quota } from "../../lib/quota.ts";
import { addressKey } from "../../lib/sasl/throttle.ts";
import { platformOf } from "./apps.ts";
import { type Book, invitationUri, type InvitesHost } from "./book.ts";
import { type FormContent, gonePage, invitationPage, welcomePage } from "./page.ts";
import { STYLE } from "./style.ts";
import type { InvitationRow } from "./table.ts";

const HOUR_MS = 3_600_000;

/** Nothing is loaded and nothing runs; the one style is known by its digest. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "img-src data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

type Page = Context<{ Bindings: HttpEnv }>;
type Html = ReturnType<typeof invitationPage>;

export function invitationPages(host: InvitesHost, book: Book): HttpApp {
  const pages = new Pages(host, book);
  const app = new Hono<{ Bindings: HttpEnv }>();
  app.use(async (c, next) => {
    await next();
    c.header("content-security-policy", POLICY);
    // The address is the secret: it is neither kept nor told to others.
    c.header("cache-control", "no-store");
    // Not "no-referrer", with which browsers hide the origin of the form, too (Fetch, §3.2).
    c.header("referrer-policy", "same-origin");
    c.header("x-robots-tag", "noindex");
  });
  app.post("/api", (c) => pages.api(c));
  app.get("/:token", (c) => pages.show(c, c.req.param("token")));
  app.post("/:token", (c) => pages.register(c, c.req.param("token")));
  app.notFound((c) => pages.gone(c));
  return app;
}

class Pages {
  readonly #host: InvitesHost;
  readonly #book: Book;
  readonly #attempts: Quota;
  readonly #guesses: Quota;

  constructor(host: InvitesHost, book: Book) {
    this.#host = host;
    this.#book = book;
    this.#attempts = new Quota(host.config.web_attempts, HOUR_MS);
    this.#guesses = new Quota(host.config.web_attempts, HOUR_MS);
  }

  async gone(c: Page): Promise<Response> {
    return c.html(await gonePage(this.#host.domain), 404);
  }

  async show(c: Page, token: string): Promise<Response> {
    const row = await this.#book.find(token);
    if (row === undefined) return await this.gone(c);
    return c.html(await this.#page(c, row, token));
  }

  #page(c: Page, row: InvitationRow, token: string, again?: Partial<FormContent>): Html {
    const { domain, config } = this.#host;
    const register = row.register !== 0 && this.#book.registers;
    const form = { username: row.username, fixed: row.username !== "", problem: undefined };
    return invitationPage({
      domain,
      contact: contactOf(row, domain),
      uri: invitationUri(domain, row, token),
      expires: row.expires,
      platform: platformOf(c.req.header("user-agent") ?? ""),
      register,
      form: register && config.web_registration ? { ...form, ...again } : undefined,
    });
  }

  async register(c: Page, token: string): Promise<Response> {
    const { domain, config } = this.#host;
    const row = await this.#book.find(token);
    const admission = row && this.#book.admission(row);
    if (row === undefined || admission === undefined || !config.web_registration) {
      return await this.gone(c);
    }
    if (!isOwnForm(c, this.#host.http.url("/invite"))) {
      return c.text("this form is not from here\n", 403);
    }
    const given = await readForm(c);
    if (given === undefined) return c.text("this is no form\n", 400);
    const field = (name: string) => typeof given[name] === "string" ? given[name] : "";
    const [username, password] = [field("username"), field("password")];
    const again = async (problem: string, status: 422 | 429) => {
      const written = row.username === "" ? { username: username.slice(0, 1023) } : {};
      return c.html(await this.#page(c, row, token, { ...written, problem }), status);
    };
    if (!this.#attempts.take(addressKey(c.env.remote))) {
      return await again("Too many attempts from your address. Try again in an hour.", 429);
    }
    if (password !== field("again")) return await again("The two passwords differ.", 422);
    try {
      const account = await this.#host.ask(registerAccount, {
        username,
        password,
        remote: c.env.remote,
        secure: c.env.secure,
        admission,
      });
      if (account === undefined) return await this.gone(c);
      const platform = platformOf(c.req.header("user-agent") ?? "");
      const contact = contactOf(row, domain);
      const friend = contact !== undefined && await this.#hasContact(account, contact);
      return c.html(await welcomePage(account.bare, friend ? contact : undefined, platform), 201);
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e;
      return await again(sentence(e.text ?? "that is not possible"), 422);
    }
  }

  async #hasContact(account: Jid, contact: string): Promise<boolean> {
    const item = await this.#host.ask(rosterGetItem, account, parseJid(contact)!);
    return item !== undefined && item !== "none" && item.listed;
  }

  // ---- for programs ----

  async api(c: Page): Promise<Response> {
    const { api_secret } = this.#host.config;
    if (api_secret === undefined) return await this.gone(c);
    const address = addressKey(c.env.remote);
    if (this.#guesses.isSpent(address)) {
      return c.json({ error: "too many wrong secrets from your address" }, 429);
    }
    const [, given] = /^Bearer +(.*)$/i.exec(c.req.header("authorization") ?? "") ?? [];
    if (given === undefined || !isSame(given, api_secret)) {
      this.#guesses.take(address);
      c.header("www-authenticate", "Bearer");
      return c.json({ error: "the secret is missing or wrong" }, 401);
    }
    const wish = await c.req.json().catch(() => undefined);
    try {
      const made = await this.#book.create({ ...readWish(wish), by: "api" });
      const { id, uri, url, uses, expires } = made;
      return c.json({ id, uri, url, uses, expires: formatDateTime(expires, "s") }, 201);
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e;
      return c.json({ error: e.text ?? e.condition }, e.condition === "conflict" ? 409 : 400);
    }
  }
}

/** What the body of a request asks for. Throws `StanzaError`. */
function readWish(wish: unknown) {
  if (typeof wish !== "object" || wish === null || Array.isArray(wish)) {
    throw bad("the body must be a JSON object");
  }
  const known = ["contact", "username", "register", "uses", "lifetime"];
  const unknown = Object.keys(wish).find((key) => !known.includes(key));
  if (unknown !== undefined) throw bad(`there is no "${unknown}"`);
  const { contact, username, register = true, uses, lifetime } = wish as Record<string, unknown>;
  const jid = typeof contact === "string" ? parseJid(contact) : undefined;
  if (contact !== undefined && (jid === undefined || !jid.isBare || jid.node === "")) {
    throw bad("contact: a bare JID");
  }
  if (username !== undefined && typeof username !== "string") throw bad("username: a string");
  if (typeof register !== "boolean") throw bad("register: true or false");
  if (uses !== undefined && typeof uses !== "number") throw bad("uses: a number");
  const ms = lifetime === undefined ? undefined : parseTime(lifetime);
  if (lifetime !== undefined && ms === undefined) throw bad('lifetime: seconds, or such as "7d"');
  return { contact: jid, username, register, uses, lifetime: ms };
}

function bad(text: string): StanzaError {
  return new StanzaError("bad-request", { text });
}

/** Compared by digests: these have the same length, whatever is given. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

/** Undefined where the body is none. What is too large is the listener's business. */
async function readForm(c: Page): Promise<Record<string, unknown> | undefined> {
  try {
    return await c.req.parseBody();
  } catch (e) {
    if (e instanceof TypeError) return undefined;
    throw e;
  }
}

/**
 * A form of another site must not make accounts in the visitor's name.
 * @param own the page's public URL: a proxy may have put another name into the request
 */
function isOwnForm(c: Page, own: string | undefined): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin" || site === "none";
  const origin = c.req.header("origin");
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const { host } = new URL(origin);
  return host === new URL(c.req.url).host || (own !== undefined && host === new URL(own).host);
}

function contactOf(row: InvitationRow, domain: string): string | undefined {
  return row.contact === "" ? undefined : `${row.contact}@${domain}`;
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
