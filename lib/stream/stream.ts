/**
 * One XML stream (RFC 6120 §4): headers, elements in order, errors, the closing handshake, and the
 * bounds on what may wait in either direction. What the elements mean is up to its reader: the
 * negotiation first, the bound session later; streams of servers and components are read by others.
 */

import type { StreamHeader } from "../xml/parser.ts";
import { STREAM_END, StreamParser, XmlError } from "../xml/parser.ts";
import { type AddressText, Stanza } from "../stanza.ts";
import { StreamError } from "../errors.ts";
import { NS } from "../ns.ts";
import { BULK, type Lane, NO_LANE } from "../net/flush.ts";
import type { Transport, TransportOwner } from "../net/transport.ts";
import type { Deadline } from "../deadlines.ts";
import { headerText, responseHeader } from "./header.ts";
import { NOBODY } from "./reader.ts";
import type { StreamEnd, StreamReader, StreamSettings } from "./reader.ts";
import { Output } from "./output.ts";
import { Rate } from "./rate.ts";

const enum Phase {
  /** Our header has not been sent yet (in this life of the stream). */
  Fresh,
  Open,
  /** The connection is lost; what it had brought is still being handled. */
  Lost,
  /** `</stream:stream>` is sent; the other's is awaited. */
  Closing,
  Closed,
}

/** Input kept while a handler is busy; beyond it the socket is paused. */
const BUSY_INPUT = 65_536;

export class XmppStream implements TransportOwner {
  readonly transport: Transport;
  /** Shared by all streams of a kind. */
  settings: StreamSettings;
  reader: StreamReader;
  /** When input last came (`performance.now()`). */
  lastInput = 0;
  #rate: Rate | undefined;
  readonly #parser: StreamParser;
  readonly #out = new Output();
  /** Where it waits to be flushed. */
  #lane: Lane = NO_LANE;
  /** What was sent since `hold`. */
  #held: string | undefined = undefined;
  #phase = Phase.Fresh;
  #busy = false;
  #paused = false;
  #peerClosed = false;
  /** Our side of the connection is ended: what still comes is not even looked at. */
  #ending = false;
  /** Why the connection was lost. */
  #lostBy: string | undefined = undefined;
  /** A TLS handshake is going on: neither side can say anything. */
  #securing = false;
  /** More waits to be sent than may; told at the end of this turn. */
  #overflowed = false;
  /** Negotiation first, the closing handshake at the end. */
  #deadline: Deadline | undefined = undefined;

  constructor(transport: Transport, settings: StreamSettings, reader: StreamReader) {
    this.transport = transport;
    this.settings = settings;
    this.reader = reader;
    this.#parser = new StreamParser(settings.limits, Stanza);
    this.#rate = settings.rate && new Rate(settings.rate, settings.deadlines, this);
    transport.owner = this;
  }

  /** Nothing can be sent any more. */
  get closed(): boolean {
    return this.#phase >= Phase.Lost;
  }

  /** Bytes that wait to be sent. */
  get waiting(): number {
    return this.#out.length + this.transport.buffered;
  }

  /** Other limits from now on: larger ones once we know who is there, or those of a reload. */
  configure(settings: StreamSettings): void {
    this.settings = settings;
    this.#parser.limits = settings.limits;
    if (this.#rate?.limit === settings.rate) return;
    this.#rate?.stop();
    this.#rate = settings.rate && new Rate(settings.rate, settings.deadlines, this);
    this.rateReady();
  }

  // ---- output ----

  /**
   * Queues text; it leaves at the end of this turn of the event loop, or with the bulk lane if nothing
   * else is to be sent until then. `isAscii` says that it is known to hold nothing else.
   */
  send(text: string, isAscii = false): void {
    if (this.closed || this.#overflowed) return;
    if (this.#held !== undefined) return this.#keep(text);
    this.#queue(text, isAscii);
    // Not ended here: whoever sends may be in the midst of an account's sessions.
    this.#overflowed = this.#out.length > this.settings.outputBytes;
  }

  /** The same for a copy of a stanza that goes to many, to the address of the stream's session. */
  sendCopy(stanza: Stanza, to: AddressText): void {
    if (this.#held !== undefined || this.settings.flusher.lane !== BULK) {
      return this.send(stanza.wireWith(to.text), to.isAscii && stanza.isAscii);
    }
    if (this.closed || this.#overflowed) return;
    this.#out.addCopy(stanza, to);
    this.#register();
    this.#overflowed = this.#out.length > this.settings.outputBytes;
  }

  /** Keeps back what is sent from now on. The end of the stream does not wait for it. */
  hold(): void {
    if (!this.closed) this.#held ??= "";
  }

  /** Sends `first`, and behind it what was kept back. */
  release(first: string): void {
    const text = first + (this.#held ?? "");
    this.#held = undefined;
    if (text !== "") this.send(text);
  }

  #keep(text: string): void {
    this.#held += text;
    if (this.#held!.length <= this.settings.outputBytes) return;
    this.#queue(this.#held!);
    this.#overflowed = true;
  }

  #queue(text: string, isAscii = false): void {
    this.#out.add(text, isAscii);
    this.#register();
  }

  #register(): void {
    const { flusher } = this.settings;
    if (flusher.lane <= this.#lane) return;
    this.#lane = flusher.lane;
    flusher.add(this);
  }

  flush(): void {
    this.#lane = NO_LANE;
    if (this.#out.length === 0 || this.#phase === Phase.Closed || this.#phase === Phase.Lost) {
      return;
    }
    if (this.#overflowed && this.#phase !== Phase.Closing) return this.#tooSlow();
    const { isAscii } = this.#out;
    this.transport.write(this.#out.take(), isAscii);
    if (this.#phase === Phase.Open && this.transport.buffered > this.settings.outputBytes) {
      this.#tooSlow();
    }
  }

  /** Drops what waits and ends the stream (RFC 6120 §4.9.3.17): the rest is for another session. */
  #tooSlow(): void {
    const error = new StreamError("resource-constraint", "too much waits to be read");
    this.settings.log.info("stream ended: the other side reads too slowly", {
      remote: this.transport.remote,
      limit: this.settings.outputBytes,
    });
    this.#out.clear();
    this.#phase = Phase.Closing;
    this.transport.write(error.toXml() + "</stream:stream>");
    this.reader.onClosed(this, error.toString(), "lost");
    this.#end();
  }

  /** Opens our side (RFC 6120 §4.2): the header, with attributes in the order given. */
  sendHeader(attrs: { readonly [name: string]: string | undefined }, contentNs: string): void {
    this.#phase = Phase.Open;
    this.#queue(headerText(attrs, contentNs));
  }

  /** What ends before the other's header came ends after ours nonetheless (RFC 6120 §4.9.1.2). */
  #openAnyway(): void {
    if (this.#phase !== Phase.Fresh) return;
    this.sendHeader(responseHeader(this.settings.from, undefined), NS.client);
  }

  /** True once our header is out. */
  get headerSent(): boolean {
    return this.#phase !== Phase.Fresh;
  }

  /**
   * A new stream over the same connection (RFC 6120 §4.3.3); `discard` forgets pipelined input. One
   * that is over stays so: whoever restarts it may have waited for something.
   */
  restart(discard: boolean): void {
    if (this.closed) return;
    this.#phase = Phase.Fresh;
    this.#parser.reset(discard);
  }

  /** Sends what is queued, forgets pipelined plain text, and begins TLS (RFC 6120 §5.4.3.3). */
  startTls(context: Parameters<Transport["startTls"]>[0]): void {
    this.flush();
    if (this.closed) return; // that was too much for a slow reader
    this.restart(true);
    this.#securing = true;
    this.transport.startTls(context);
  }

  // ---- the end ----

  /** Ends the stream with an error (RFC 6120 §4.9.1) and the closing handshake. */
  fail(error: StreamError): void {
    if (this.#phase === Phase.Lost) return this.#destroy(error.toString(), "failed");
    if (this.closed) return;
    this.settings.log.info("stream error sent", {
      remote: this.transport.remote,
      error: error.toString(),
    });
    if (this.#securing) return this.#destroy(error.toString(), "failed");
    this.#openAnyway();
    this.reader.onClosing?.(this);
    this.#queue(error.toXml());
    this.#close(error.toString(), "failed");
  }

  /** Ends the stream in good order (RFC 6120 §4.4). */
  close(reason?: string): void {
    const end = this.#peerClosed ? "closed" : "failed";
    if (this.#phase === Phase.Lost) return this.#destroy(reason, end);
    if (this.closed) return;
    if (this.#securing) return this.#destroy(reason, end);
    this.#openAnyway();
    this.#close(reason, end);
  }

  /** Gives the stream up for its reader, who goes on with another one: nothing more is read. */
  abandon(error: StreamError): void {
    this.reader = NOBODY;
    this.fail(error);
  }

  #close(reason: string | undefined, end: StreamEnd): void {
    this.#queue("</stream:stream>");
    this.flush();
    if (this.closed) return; // that was too much for a slow reader
    this.#phase = Phase.Closing;
    this.reader.onClosed(this, reason, end);
    if (this.#peerClosed) return this.#end();
    // The other side may still be sending: its input is discarded until it closes, or time is up.
    this.#deadline?.cancel();
    this.#deadline = this.settings.deadlines.after(
      this.settings.closeTimeoutMs,
      () => this.#destroy(reason, end),
    );
    if (this.#paused) this.#unpause();
    this.#discard();
  }

  #end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.transport.end();
    this.#deadline?.cancel();
    this.#deadline = this.settings.deadlines.after(
      this.settings.closeTimeoutMs,
      () => this.#destroy(undefined, "closed"),
    );
  }

  #destroy(reason: string | undefined, end: StreamEnd): void {
    const wasClosing = this.#phase >= Phase.Closing;
    this.#phase = Phase.Closed;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#out.clear();
    this.transport.owner = undefined;
    this.transport.destroy();
    this.#rate?.stop();
    if (!wasClosing) this.reader.onClosed(this, reason, this.#peerClosed ? "closed" : end);
  }

  /** Fails the stream unless `clearDeadline` is called within `ms`. Replaces an earlier one. */
  setDeadline(ms: number, error: StreamError): void {
    this.#deadline?.cancel();
    this.#deadline = this.settings.deadlines.after(ms, () => this.fail(error));
  }

  clearDeadline(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  // ---- input ----

  onData(chunk: Uint8Array): void {
    if (this.#phase === Phase.Closed) return;
    this.lastInput = performance.now();
    if (this.#rate !== undefined && !this.#rate.take(chunk.length)) this.#pause();
    if (this.#phase === Phase.Closing) return this.#onDataWhileClosing(chunk);
    try {
      this.#parser.push(chunk);
    } catch (e) {
      return this.#inputFailed(e);
    }
    if (!this.#busy) this.#read();
    else if (this.#parser.buffered > BUSY_INPUT) this.#pause();
  }

  #onDataWhileClosing(chunk: Uint8Array): void {
    if (this.#ending) return;
    this.#parser.push(chunk);
    // No end tag can be told from what is no XML. The connection is not cut, though: input that is
    // not read would make it a reset, and the other side might never see our error.
    if (!this.#discard()) this.#end();
  }

  /** Looks for nothing but the end tag in what has come; false if it will never be found. */
  #discard(): boolean {
    try {
      for (let e = this.#parser.next(); e !== undefined; e = this.#parser.next()) {
        if (e === STREAM_END) this.#end();
      }
      return true;
    } catch {
      return false;
    }
  }

  #read(): void {
    try {
      while (this.#phase < Phase.Closing) {
        const event = this.#parser.next();
        if (event === undefined) return;
        if (event === STREAM_END) return this.#peerHasClosed();
        const done = event instanceof Stanza
          ? this.reader.onElement(this, event)
          : this.reader.onHeader(this, event as StreamHeader);
        if (done instanceof Promise) return this.#waitFor(done);
      }
    } catch (e) {
      this.#inputFailed(e);
    }
  }

  #waitFor(done: Promise<void>): void {
    this.#busy = true;
    const goOn = () => {
      this.#busy = false;
      if (this.#phase === Phase.Closed) return;
      if (this.#paused) this.#unpause();
      this.#read();
      if (this.#phase === Phase.Lost && !this.#busy) this.#destroy(this.#lostBy, "lost");
    };
    done.then(goOn, (e) => {
      this.#inputFailed(e);
      goOn();
    });
  }

  #inputFailed(e: unknown): void {
    if (e instanceof StreamError) return this.fail(e);
    if (e instanceof XmlError) return this.fail(new StreamError(e.condition, e.message));
    this.settings.log.error("an element could not be handled", {
      remote: this.transport.remote,
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
    this.fail(new StreamError("internal-server-error"));
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.transport.pause();
  }

  #unpause(): void {
    if (this.#rate !== undefined && !this.#rate.ready) return;
    this.#paused = false;
    this.transport.resume();
  }

  /** The rate limiter has filled up again. */
  rateReady(): void {
    if (this.#paused && !this.#busy && this.#phase !== Phase.Closed) this.#unpause();
  }

  #peerHasClosed(): void {
    this.#peerClosed = true;
    const ready = this.reader.onClosing?.(this);
    if (ready instanceof Promise) void ready.finally(() => this.close());
    else this.close();
  }

  onEnd(): void {
    // The connection is half closed without a closing tag: nothing more can come.
    if (this.#phase < Phase.Closing) this.#lose("connection closed by the other side");
    else this.transport.end();
  }

  onClose(reason: string | undefined): void {
    if (this.#phase < Phase.Closing) this.#lose(reason ?? "connection lost");
    else this.#destroy(reason, "lost");
  }

  /** What has come is no less valid because nothing will follow: a client may send and be gone. */
  #lose(reason: string): void {
    if (this.#phase === Phase.Lost) return;
    if (!this.#busy || this.#phase !== Phase.Open || this.reader.finishes !== true) {
      return this.#destroy(reason, "lost");
    }
    this.#phase = Phase.Lost;
    this.#lostBy = reason;
    this.#out.clear();
    this.#deadline?.cancel();
    this.#deadline = this.settings.deadlines.after(
      this.settings.closeTimeoutMs,
      () => this.#destroy(reason, "lost"),
    );
    this.transport.end();
  }

  onSecure(): void {
    this.#securing = false;
    this.reader.onSecure?.(this);
  }
}
