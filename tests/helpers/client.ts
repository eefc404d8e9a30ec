/**
 * A scripted client over real sockets. A test reads like a transcript:
 *
 * ```ts
 * const server = await startServer();
 * const alice = await login(server, "alice");      // STARTTLS, SCRAM, bind; the account is made
 * const bob = await online(server, "bob");         // the same, and initial presence
 *
 * alice.send("<message to='bob@localhost' type='chat'><body>hi</body></message>");
 * await bob.receives("<message from='alice@localhost/{any}'><body>hi</body></message>");
 * await alice.receivesNothing();
 * await server.stop();
 * ```
 *
 * What is expected is XML in which only what is named counts:
 *
 * - attributes and children that the pattern leaves out are free, and so is the order of children;
 * - `{any}` stands for any text, in attributes and in content, also as a part of it;
 * - `{word}` does too, and is caught: `const { id } = await alice.receives("<iq id='{id}'/>")`;
 *   where a word stands twice, both must be the same;
 * - an attribute or child whose text is `{absent}` must not be there;
 * - an element with the text `{empty}` must have no content;
 * - one with the text `{only}` must have no other children than those named.
 *
 * The default namespace is that of clients, the prefix `stream` is declared.
 *
 * `receives` takes the next element, whatever it is; `receivesAll` the next few in any order;
 * `eventually` skips what does not match. `receivesNothing` makes sure by round trips that the server
 * is done with what every client of the test has sent. For abuse there are `connect`, `write` (text
 * or bytes as they are), `header`, `features`, `streamError` and `closed`.
 */

import type { Socket } from "node:net";
import { connect as connectTcp } from "node:net";
import type { Captures } from "./xml.ts";
import { escape, mismatch, parse, STREAMS_NS, Tag } from "./xml.ts";
import type { Event } from "./wire.ts";
import { connected, Wire } from "./wire.ts";
import { authenticate } from "./sasl.ts";
import type { TestServer } from "./server.ts";

export const NS = {
  stream: STREAMS_NS,
  streamErrors: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
  tls: "urn:ietf:params:xml:ns:xmpp-tls",
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl",
  bind: "urn:ietf:params:xml:ns:xmpp-bind",
} as const;

export interface ConnectOptions {
  /** `direct` connects to the TLS port; `silent` too, but then begins no TLS. */
  tls?: "none" | "direct" | "silent";
  /** The name in the stream's `to` and in SNI. */
  domain?: string;
  alpn?: string[];
}

export interface LoginOptions {
  tls?: "starttls" | "direct" | "none";
  domain?: string;
  password?: string;
  /** Undefined has one generated. */
  resource?: string;
  mechanism?: "SCRAM-SHA-256" | "SCRAM-SHA-1" | "PLAIN";
}

/** Opens a connection and nothing more. */
export async function connect(
  server: TestServer,
  options: ConnectOptions = {},
): Promise<TestClient> {
  const { tls = "none", domain = "localhost", alpn } = options;
  const port = tls === "none" ? server.port : server.tlsPort;
  const socket = await connected(connectTcp({ host: "127.0.0.1", port }), "connect");
  const client = new TestClient(server, domain, socket);
  server.clients.add(client);
  if (tls === "direct") await client.startTls(alpn);
  return client;
}

/** A client that has logged in and bound a resource. Its account is made if it is not there. */
export async function login(
  server: TestServer,
  name: string,
  options: LoginOptions = {},
): Promise<TestClient> {
  const { tls = "starttls", domain = "localhost", mechanism = "SCRAM-SHA-256" } = options;
  const password = options.password ?? `password of ${name}`;
  await server.addUser(`${name}@${domain}`, password);
  const client = await connect(server, { domain, tls: tls === "direct" ? "direct" : "none" });
  await client.open();
  if (tls === "starttls") await client.upgrade();
  await authenticate(client, name, password, mechanism);
  await client.open();
  await client.bind(options.resource);
  return client;
}

/** As {@link login}, with initial presence; what that brings in (own presence, roster) is skipped. */
export async function online(
  server: TestServer,
  name: string,
  options: LoginOptions & { presence?: string } = {},
): Promise<TestClient> {
  const client = await login(server, name, options);
  client.send(options.presence ?? "<presence/>");
  await client.sync();
  client.skip();
  return client;
}

export class TestClient extends Wire {
  /** The bound full JID; "" before. */
  jid = "";
  /** The last element that was received. */
  last: Tag = new Tag("none", "", {});
  #pings = 0;
  readonly #pongs = new Map<string, () => void>();

  constructor(readonly server: TestServer, readonly domain: string, socket: Socket) {
    super(socket);
  }

  // ---- sending ----

  /** Sends elements, given as XML. */
  send(xml: string): void {
    this.write(xml);
  }

  /**
   * Opens a stream. `attrs` replace those of the header (`undefined` leaves one out).
   * @returns the features, once they are there
   */
  async open(attrs: Record<string, string | undefined> = {}): Promise<Tag> {
    this.sendHeader(attrs);
    await this.header();
    return await this.features();
  }

  sendHeader(attrs: Record<string, string | undefined> = {}): void {
    this.newStream();
    const all: Record<string, string | undefined> = {
      to: this.domain,
      version: "1.0",
      xmlns: "jabber:client",
      "xmlns:stream": STREAMS_NS,
      ...attrs,
    };
    const text = Object.entries(all).map(([k, v]) => v === undefined ? "" : ` ${k}='${escape(v)}'`);
    this.write(`<?xml version='1.0'?><stream:stream${text.join("")}>`);
  }

  /** STARTTLS and the new stream after it. */
  async upgrade(): Promise<Tag> {
    this.send(`<starttls xmlns='${NS.tls}'/>`);
    await this.receives(`<proceed xmlns='${NS.tls}'/>`);
    await this.startTls();
    return await this.open();
  }

  /** The TLS handshake, now. */
  async startTls(alpn?: string[]): Promise<void> {
    await this.handshake(this.domain, alpn);
  }

  /** Binds a resource, or has one generated. */
  async bind(resource?: string): Promise<void> {
    const wish = resource === undefined ? "" : `<resource>${escape(resource)}</resource>`;
    this.send(`<iq type='set' id='bind'><bind xmlns='${NS.bind}'>${wish}</bind></iq>`);
    const { jid } = await this.receives(
      `<iq type='result' id='bind'><bind xmlns='${NS.bind}'><jid>{jid}</jid></bind></iq>`,
    );
    this.jid = jid!;
  }

  // ---- receiving ----

  /** The next element must match; returns what the pattern's `{words}` have caught. */
  async receives(pattern: string): Promise<Captures> {
    const element = await this.next(pattern);
    const captures: Captures = {};
    const why = mismatch(parse(pattern), element, captures);
    if (why !== undefined) {
      throw this.report(`${why}\n  expected ${pattern}\n  got      ${element}`);
    }
    return captures;
  }

  /** The next elements must match these, in any order. Returns all that was caught. */
  async receivesAll(...patterns: string[]): Promise<Captures> {
    const left = [...patterns];
    const captures: Captures = {};
    while (left.length > 0) {
      const element = await this.next(left.join("\n           "));
      const at = left.findIndex((p) => mismatch(parse(p), element, captures) === undefined);
      if (at < 0) {
        throw this.report(`unexpected ${element}\n  expected ${left.join("\n           ")}`);
      }
      left.splice(at, 1);
    }
    return captures;
  }

  /** Skips elements until one matches. */
  async eventually(pattern: string): Promise<Captures> {
    for (;;) {
      const captures: Captures = {};
      const element = await this.next(pattern);
      if (mismatch(parse(pattern), element, captures) === undefined) return captures;
    }
  }

  /** Nothing has come, and nothing is on its way. `ms` waits in addition for what comes by itself. */
  async receivesNothing(ms = 0): Promise<void> {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    for (const client of this.server.clients) if (client !== this) await client.sync();
    await this.sync();
    const event = this.events[0];
    if (event !== undefined) {
      throw this.report(`expected nothing, got ${"tag" in event ? event.tag : event.kind}`);
    }
  }

  /** Waits until the server has handled all that this client has sent (a ping's round trip). */
  async sync(): Promise<void> {
    if (this.ended || this.jid === "") return;
    const id = `sync-${++this.#pings}`;
    const pong = new Promise<void>((resolve) => this.#pongs.set(id, resolve));
    this.write(
      `<iq type='get' id='${id}' to='${this.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    await this.patiently(pong, "the answer to a ping");
  }

  /** Elements and other events that have come and were not taken. */
  get pending(): number {
    return this.events.length;
  }

  /** Forgets what has come so far. */
  skip(): void {
    this.events.length = 0;
  }

  /** Sends an IQ and takes its answer, in whatever order other things come. */
  async request(iq: string, pattern: string): Promise<Captures> {
    const id = parse(iq).attrs.id;
    this.send(iq);
    for (let i = 0;; i++) {
      while (i >= this.events.length) await this.more(pattern);
      const event = this.events[i]!;
      if (event.kind === "end") throw this.report("the connection ended");
      if (event.kind !== "element" || event.tag.name !== "iq" || event.tag.attrs.id !== id) {
        continue;
      }
      this.events.splice(i, 1);
      this.events.unshift(event);
      return await this.receives(pattern);
    }
  }

  /** The next stream header. */
  async header(): Promise<Tag> {
    const event = await this.take("a stream header");
    if (event.kind !== "header") {
      throw this.report(`expected a stream header, got ${shown(event)}`);
    }
    return this.last = event.tag;
  }

  /** The next element, which must be the stream's features. */
  async features(): Promise<Tag> {
    await this.receives("<stream:features/>");
    return this.last;
  }

  /** The next element. `what` is expected, for the message. */
  async next(what = "an element"): Promise<Tag> {
    const event = await this.take(what);
    if (event.kind !== "element") throw this.report(`expected ${what}, got ${shown(event)}`);
    return this.last = event.tag;
  }

  /** The stream ends with that error, its end tag, and the connection. Skips what comes before. */
  async streamError(condition: string): Promise<Tag> {
    const error = await this.#errorAndEnd(condition);
    await this.closed();
    return error;
  }

  /** As {@link streamError}, but our own end tag never comes: the server must lose its patience. */
  async streamErrorUnanswered(condition: string): Promise<Tag> {
    const error = await this.#errorAndEnd(condition);
    await this.ends();
    return error;
  }

  async #errorAndEnd(condition: string): Promise<Tag> {
    for (;;) {
      const event = await this.take(`stream error ${condition}`);
      if (event.kind === "header") continue;
      if (event.kind !== "element") {
        throw this.report(`expected stream error ${condition}, got ${shown(event)}`);
      }
      this.last = event.tag;
      if (event.tag.ns === STREAMS_NS && event.tag.name === "error") break;
    }
    const error = this.last;
    const found = error.elements().filter((e) => e.ns === NS.streamErrors && e.name !== "text");
    if (found.length !== 1 || found[0]!.name !== condition) {
      throw this.report(`expected stream error ${condition}, got ${error}`);
    }
    const close = await this.take("</stream:stream>");
    if (close.kind !== "close") {
      throw this.report(`expected </stream:stream>, got ${shown(close)}`);
    }
    return error;
  }

  /** The server closes its stream; answer with `close` or await `closed`. */
  async streamEnd(): Promise<void> {
    const event = await this.take("</stream:stream>");
    if (event.kind !== "close") {
      throw this.report(`expected </stream:stream>, got ${shown(event)}`);
    }
  }

  /** The connection ends; what comes before is skipped. Our own end tag is sent if it is not yet. */
  async closed(): Promise<void> {
    if (!this.ended) this.write("</stream:stream>");
    await this.ends();
  }

  /** The connection ends although we do nothing about it; what comes before is skipped. */
  async ends(): Promise<void> {
    while ((await this.take("the end of the connection")).kind !== "end");
  }

  /** Ends the stream in good order and waits for the connection's end. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.write("</stream:stream>");
    await this.ends();
  }

  // ---- inside ----

  protected override isOurs(tag: Tag): boolean {
    const pong = tag.name === "iq" ? this.#pongs.get(tag.attrs.id ?? "") : undefined;
    if (pong === undefined) return false;
    this.#pongs.delete(tag.attrs.id!);
    pong();
    return true;
  }

  protected override onEnded(): void {
    this.server.clients.delete(this);
    for (const pong of this.#pongs.values()) pong();
  }

  protected override report(message: string): Error {
    return super.report(`${this.jid || "client"}: ${message}`);
  }
}

function shown(event: Event): string {
  return "tag" in event ? `${event.tag}` : event.kind === "close" ? "</stream:stream>" : "the end";
}
