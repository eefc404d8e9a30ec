/** A bound resource (RFC 6120 §7) and the account it belongs to, while it is online. */

import type { Jid } from "./jid.ts";
import type { Later } from "./later.ts";
import { then } from "./later.ts";
import { type AddressText, addressText, type Stanza } from "./stanza.ts";
import type { Negotiation } from "./stream/negotiation.ts";
import type { Gate } from "./gate.ts";
import type { KeptElsewhere, Outbox } from "./outbox.ts";
import type { StreamEnd, StreamReader } from "./stream/reader.ts";
import type { XmppStream } from "./stream/stream.ts";
import type { Element } from "./xml/element.ts";
import type { Host } from "./host.ts";
import { StreamError } from "./errors.ts";
import { NS } from "./ns.ts";
import { sessionSend, streamElement } from "./hooks/stanzas.ts";
import { DROP } from "./hooks/hook.ts";

/** Anything that modules may hang their own state on. */
export interface Holder {
  slots: unknown[] | undefined;
}

/** A place for a module's own value on every session or account. */
export interface Slot<T> {
  get(holder: Holder): T | undefined;
  set(holder: Holder, value: T | undefined): void;
}

let slotCount = 0;

/** Makes a slot. Call once, at the top of a module's file. */
export function slot<T>(): Slot<T> {
  const index = slotCount++;
  return {
    get: (holder) => holder.slots?.[index] as T | undefined,
    set: (holder, value) => {
      (holder.slots ??= [])[index] = value;
    },
  };
}

/** An account with at least one bound resource. It goes when the last session goes. */
export class Account implements Holder {
  readonly jid: Jid;
  readonly sessions: Session[] = [];
  /** A guest (SASL ANONYMOUS): with the last session goes all that belongs to it. */
  readonly guest: boolean;
  slots: unknown[] | undefined = undefined;

  constructor(jid: Jid, guest: boolean) {
    this.jid = jid;
    this.guest = guest;
  }

  /** The session of that resource, if it is bound. */
  session(resource: string): Session | undefined {
    for (const s of this.sessions) if (s.jid.resource === resource) return s;
    return undefined;
  }

  /** Sessions that have sent available presence. */
  available(): Session[] {
    return this.sessions.filter((s) => s.presence !== undefined);
  }
}

/** What a session takes over from the negotiation of its stream, or from a journal. */
export type Bound =
  & Pick<Negotiation, "lang" | "guest" | "loginBegun">
  & { readonly stream: XmppStream | undefined; readonly since?: number };

export class Session implements Holder, StreamReader {
  readonly jid: Jid;
  readonly account: Account;
  readonly host: Host;
  /** The stream it is bound to at the moment; none while it waits to be resumed (XEP-0198). */
  stream: XmppStream | undefined;
  /** The last available presence that was broadcast; undefined while unavailable. */
  presence: Stanza | undefined = undefined;
  /** Priority of that presence (RFC 6121 §4.7.2.3); 0 without one. */
  priority = 0;
  /** When it was bound, in ms since the epoch. */
  readonly since: number;
  /** When its login began (`performance.now()`): what was decided about the account later is news. */
  readonly loginBegun: number;
  /** The language of its stream, where it is another than ours. */
  readonly lang: string | undefined;
  slots: unknown[] | undefined = undefined;
  /** Set when the session is over: done when all that follows from it is done. */
  ended: Later<void> = undefined;
  /** Keeps what is sent until the client has it (XEP-0198); none without stream management. */
  outbox: Outbox | undefined = undefined;
  /** Holds back what an inactive client can do without (XEP-0352); none while it is active. */
  gate: Gate | undefined = undefined;
  readonly finishes = true;
  /** Its address as the attribute `to`, for all that rooms send it. */
  #own: AddressText | undefined = undefined;
  /** Its end was decided on: no loss of the stream can put that off. */
  #ending = false;

  constructor(jid: Jid, account: Account, host: Host, from: Bound) {
    this.jid = jid;
    this.account = account;
    this.host = host;
    this.stream = from.stream;
    this.since = from.since ?? Date.now();
    this.lang = from.lang;
    this.loginBegun = from.loginBegun;
  }

  /** False once it is over; what is under way for it then must not bring it back. */
  get bound(): boolean {
    return this.account.sessions.includes(this);
  }

  /**
   * Sends a stanza to the client, addressed to `to` (by default as the stanza says). The same stanza
   * may go to any number of sessions: its text is made once.
   */
  send(stanza: Stanza, to?: string): Later<void> {
    if (this.host.hooks.has(sessionSend)) return this.#sendFiltered(stanza, to);
    this.#pass(stanza, to);
  }

  /** Sends a stanza given as text, as `Stanza.wire()` makes it, past the filters of `session.send`. */
  sendText(text: string, kept: KeptElsewhere = "no"): void {
    this.gate?.open();
    if (this.outbox === undefined) this.stream?.send(text);
    else this.outbox.push(text, undefined, kept);
  }

  #pass(stanza: Stanza, to: string | undefined): void {
    if (this.gate === undefined || !this.gate.takes(stanza, to)) this.write(stanza, to);
  }

  /** What {@link send} does in the end: past the filters and the gate. For gates. */
  write(stanza: Stanza, to: string | undefined): void {
    const { outbox, stream } = this;
    if (to !== this.jid.full) {
      if (outbox === undefined) stream?.send(stanza.wire(to));
      else outbox.push(stanza.wire(to), stanza, "no");
      return;
    }
    const own = this.#own ??= addressText(to);
    if (outbox === undefined) stream?.sendCopy(stanza, own);
    else outbox.push(stanza.wireWith(own.text), stanza, "no");
  }

  #sendFiltered(stanza: Stanza, to: string | undefined): Later<void> {
    const result = this.host.hooks.filter(sessionSend, stanza, this);
    if (result instanceof Promise) {
      return result.then((s) => {
        if (s !== DROP) this.#pass(s, to);
      });
    }
    if (result !== DROP) this.#pass(result, to);
  }

  // ---- what its stream reads ----

  onElement(_stream: XmppStream, element: Element): Later<void> {
    if (element.ns === NS.client) {
      switch (element.name) {
        case "message":
        case "presence":
        case "iq":
          if (this.outbox !== undefined) {
            return this.outbox.handled(this.host.server.router.fromClient(this, element as Stanza));
          }
          return this.host.server.router.fromClient(this, element as Stanza);
      }
    }
    return then(this.host.hooks.ask(streamElement, this, element as Stanza), (handled) => {
      if (handled !== true) throw new StreamError("unsupported-stanza-type");
    });
  }

  onHeader(): void {
    throw new StreamError("not-well-formed", "a second stream header");
  }

  onClosing(): Later<void> {
    this.gate?.open();
    return this.outbox?.closing();
  }

  onClosed(stream: XmppStream, reason: string | undefined, end: StreamEnd): void {
    if (this.stream !== stream) return; // another has taken its place
    if (end === "lost" && !this.#ending && this.outbox !== undefined) {
      this.stream = undefined;
      if (this.outbox.hold(reason)) return;
    }
    this.#over(reason);
  }

  #over(reason: string | undefined): void {
    this.ended = this.host.unbind(this, reason);
    this.host.log.area("c2s").info("session ended", {
      jid: this.jid.full,
      reason: reason ?? "closed",
    });
  }

  /** Ends the session for good, its stream, if it has one, with a stream error. */
  end(error: StreamError): void {
    this.#ending = true;
    this.gate?.open();
    if (this.stream !== undefined) this.stream.fail(error);
    else if (this.bound) this.#over(error.toString());
  }

  /** Gives up a stream on which the client is not heard any more; the session may be resumed. */
  drop(error: StreamError): void {
    const { stream, outbox } = this;
    if (stream === undefined) return;
    if (outbox === undefined) return stream.fail(error);
    this.stream = undefined;
    const held = outbox.hold(error.toString());
    if (held) return stream.abandon(error);
    this.stream = stream;
    this.end(error);
  }

  /** Ends the stream with the server; the session too, unless it is kept for the next start. */
  suspend(error: StreamError): void {
    this.gate?.open();
    if (this.outbox?.suspend() !== true) return this.end(error);
    const { stream } = this;
    this.stream = undefined;
    stream?.abandon(error);
  }

  /** What modules would save with it (`session.freeze`) is different from now on. */
  changed(): void {
    this.outbox?.changed();
  }
}
