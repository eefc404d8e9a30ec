/**
 * A client that costs little: it logs in, and then only looks for marks in what comes. It trusts the
 * server to send XML, and takes it as Latin-1, which is enough for marks.
 */

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Flushable, Flusher } from "../../../lib/net/flush.ts";
import { NS } from "../../../lib/ns.ts";
import { COLLECT_NS, DOMAIN, PASSWORD } from "./order.ts";
import { Scram } from "./scram.ts";
import { PATIENCE_MS } from "./time.ts";

/** Where to connect, and how. */
export interface Target {
  readonly port: number;
  readonly tls: boolean;
}

const RESOURCE = "bench";
const HEADER = `<?xml version='1.0'?><stream:stream to='${DOMAIN}' version='1.0' ` +
  `xmlns='${NS.client}' xmlns:stream='${NS.streams}'>`;

const flusher = new Flusher();

/** The full JID that an account's client binds. */
export function fullJid(name: string): string {
  return `${name}@${DOMAIN}/${RESOURCE}`;
}

/** Logs in, up to a bound resource; no presence is sent. */
export async function login(target: Target, name: string): Promise<LoadClient> {
  const client = new LoadClient(connectTcp({ host: "127.0.0.1", port: target.port }));
  await client.open();
  if (target.tls) await client.startTls();
  await client.authenticate(name);
  await client.open();
  await client.bind();
  return client;
}

/** Logs in and is available; whatever that brings in is over. */
export async function online(target: Target, name: string): Promise<LoadClient> {
  const client = await login(target, name);
  client.send("<presence/>");
  await client.sync();
  return client;
}

export class LoadClient implements Flushable {
  #socket: Socket;
  #out = "";
  /** What has come and nobody has looked at. */
  #text = "";
  /** Looks at new text. */
  #onText: () => void = () => {};
  /** Why nothing more will come. */
  #failure: Error | undefined;
  #ended = false;
  #onEnd: () => void = () => {};
  #syncs = 0;

  constructor(socket: Socket) {
    socket.setNoDelay(true);
    this.#socket = socket;
    this.#listen();
  }

  // ---- in and out ----

  /** Sends text; all of one turn of the event loop is one write. */
  send(text: string): void {
    if (this.#out === "") flusher.add(this);
    this.#out += text;
  }

  flush(): void {
    const out = this.#out;
    this.#out = "";
    this.#socket.write(out);
  }

  /** Waits for a mark; what came up to its end, which is forgotten. */
  async until(mark: string): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(this.#report(`waited in vain for ${mark}`)), PATIENCE_MS);
        this.#onText = () => {
          const at = this.#text.indexOf(mark);
          if (at >= 0) resolve(this.#take(at + mark.length));
          else if (this.#failure !== undefined) reject(this.#report(this.#failure.message));
        };
        this.#onText();
      });
    } finally {
      clearTimeout(timer);
      this.#onText = () => {};
    }
  }

  /**
   * From now on calls `onCount` with the number of these end tags in every piece that comes. An error
   * stanza is an exception: nothing that is measured should bring one.
   */
  count(endTag: string, onCount: (n: number) => void): void {
    this.#onText = () => {
      let n = 0;
      let after = 0;
      for (let at = this.#text.indexOf(endTag); at >= 0; at = this.#text.indexOf(endTag, after)) {
        after = at + endTag.length;
        n++;
      }
      if (this.#text.includes(" type='error'")) throw this.#report("got an error stanza");
      if (this.#failure !== undefined && !this.#ended) throw this.#failure;
      if (n === 0) return;
      this.#take(after);
      onCount(n);
    };
    this.#onText();
  }

  #take(length: number): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  /** A ping of the server and its answer: all that was sent before is handled then. */
  async sync(): Promise<void> {
    const id = `sync-${++this.#syncs}`;
    this.send(`<iq to='${DOMAIN}' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.until(` id='${id}'`);
  }

  /** Asks the module of `collect_module.ts` to do its work. */
  async collectGarbage(): Promise<void> {
    this.send(`<iq to='${DOMAIN}' type='get' id='collect'><collect xmlns='${COLLECT_NS}'/></iq>`);
    const answer = await this.until(" id='collect'");
    if (answer.includes(" type='error'")) throw this.#report("garbage was not collected");
  }

  // ---- to a session and from it ----

  /** A new stream, up to its features. */
  async open(): Promise<void> {
    this.send(HEADER);
    await this.until("</stream:features>");
  }

  async startTls(): Promise<void> {
    this.send(`<starttls xmlns='${NS.tls}'/>`);
    await this.until("<proceed ");
    this.#text = "";
    const plain = this.#socket;
    plain.removeAllListeners();
    this.#socket = connectTls({ socket: plain, servername: DOMAIN, rejectUnauthorized: false });
    this.#listen();
    await this.open();
  }

  async authenticate(name: string): Promise<void> {
    const scram = new Scram(name, PASSWORD);
    this.send(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${scram.first}</auth>`);
    const answer = await scram.answer(contentOf(await this.until("</challenge>")));
    this.send(`<response xmlns='${NS.sasl}'>${answer}</response>`);
    scram.check(contentOf(await this.until("</success>")));
  }

  async bind(): Promise<void> {
    const resource = `<resource>${RESOURCE}</resource>`;
    this.send(`<iq type='set' id='bind'><bind xmlns='${NS.bind}'>${resource}</bind></iq>`);
    await this.until("</jid></bind></iq>");
  }

  /** Ends the stream in good order. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#onText = () => {};
    this.#text = "";
    if (this.#failure !== undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(this.#report("the stream does not end")), PATIENCE_MS);
      this.#onEnd = resolve;
      this.send("</stream:stream>");
    });
    clearTimeout(timer);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      this.#text += chunk;
      this.#onText();
    });
    socket.on("end", () => socket.end());
    socket.on("error", (e) => this.#failure ??= e);
    socket.on("close", () => {
      this.#failure ??= new Error("the connection has ended");
      this.#onEnd();
      this.#onText();
    });
  }

  #report(message: string): Error {
    return new Error(`${message}; last came: ${this.#text.slice(-500)}`);
  }
}

function contentOf(element: string): string {
  return element.slice(element.lastIndexOf(">", element.length - 2) + 1, element.lastIndexOf("<"));
}
