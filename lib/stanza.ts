/**
 * The three stanzas (RFC 6120 §8): an {@link Element} of the stream's content namespace with its
 * addresses in prepared form.
 */

import type { Attributes, Child, Node } from "./xml/element.ts";
import { AttributeMap, Element, startTag, tail } from "./xml/element.ts";
import { escapeAttribute } from "./xml/escape.ts";
import type { Jid } from "./jid.ts";
import type { StanzaError } from "./errors.ts";
import { NS } from "./ns.ts";

export type StanzaKind = "message" | "presence" | "iq";

export class Stanza extends Element {
  /** Prepared addresses; the attributes of the same name are always their text. */
  from: Jid | undefined = undefined;
  to: Jid | undefined = undefined;
  /** Routed again: a session had it, and ended before its client did (see `hooks/stanzas.ts`). */
  redelivered = false;
  /** Another session of the recipient's account has got it as well. */
  copied = false;
  #head: string | undefined = undefined;
  #tail: string | undefined = undefined;
  #isAscii: boolean | undefined = undefined;

  /** The `type` attribute as it stands; `undefined` without one. */
  get type(): string | undefined {
    return this.attrs.type;
  }

  get id(): string | undefined {
    return this.attrs.id;
  }

  get isError(): boolean {
    return this.attrs.type === "error";
  }

  /** Sets the sender: done once by whoever took the stanza in. */
  stampFrom(from: Jid): void {
    this.from = from;
    this.attrs.from = from.full;
  }

  /** Sets the recipient of a stanza that came without one, or normalises it. */
  stampTo(to: Jid): void {
    this.to = to;
    this.attrs.to = to.full;
  }

  /** Names the language of the client's stream, unless the stanza has its own (RFC 6120 §8.1.5). */
  stampLang(lang: string): void {
    this.attrs["xml:lang"] ??= lang;
  }

  /** A copy for another recipient. */
  addressedTo(to: Jid): this {
    const copy = this.withAttrs({ to: to.full });
    copy.to = to;
    return copy;
  }

  /** A copy from another sender. */
  sentFrom(from: Jid): this {
    const copy = this.withAttrs({ from: from.full });
    copy.from = from;
    return copy;
  }

  /**
   * The stanza as it goes out on a client's stream, addressed to `to` (by default its own `to`).
   * All but `to` is made once and shared by every recipient.
   */
  wire(to: string | undefined = this.attrs.to): string {
    const head = this.#head ??= startTag(this, NS.client, "to");
    const rest = this.#tail ??= tail(this);
    return to === undefined ? head + rest : head + " to='" + escapeAttribute(to) + "'" + rest;
  }

  /** The same with an attribute `to` that was made before. */
  wireWith(to: string): string {
    const head = this.#head ??= startTag(this, NS.client, "to");
    return head + to + (this.#tail ??= tail(this));
  }

  /** Characters of it on the wire, without `to`. */
  get length(): number {
    const head = this.#head ??= startTag(this, NS.client, "to");
    return head.length + (this.#tail ??= tail(this)).length;
  }

  /** All but `to` is ASCII. */
  get isAscii(): boolean {
    return this.#isAscii ??= isAscii(this.wireWith(""));
  }

  protected override like(attrs: Attributes, children: Node[]): this {
    const copy = super.like(attrs, children);
    copy.from = this.from;
    copy.to = this.to;
    copy.redelivered = this.redelivered;
    copy.copied = this.copied;
    return copy;
  }
}

/** An address as the attribute `to`. */
export interface AddressText {
  readonly text: string;
  readonly isAscii: boolean;
}

export function addressText(jid: string): AddressText {
  return { text: ` to='${escapeAttribute(jid)}'`, isAscii: isAscii(jid) };
}

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text);
}

interface Addresses {
  from?: Jid;
  to?: Jid;
  id?: string;
  type?: string;
  lang?: string;
}

function build(kind: StanzaKind, a: Addresses, children: Child[]): Stanza {
  const attrs = new AttributeMap();
  if (a.type !== undefined) attrs.type = a.type;
  if (a.id !== undefined) attrs.id = a.id;
  if (a.lang !== undefined) attrs["xml:lang"] = a.lang;
  const kept = children.filter((c): c is Node => c != null && c !== false && c !== "");
  const stanza = new Stanza(kind, NS.client, attrs, kept);
  if (a.from !== undefined) stanza.stampFrom(a.from);
  if (a.to !== undefined) stanza.stampTo(a.to);
  return stanza;
}

export function message(a: Addresses, ...children: Child[]): Stanza {
  return build("message", a, children);
}

export function presence(a: Addresses, ...children: Child[]): Stanza {
  return build("presence", a, children);
}

export function iq(a: Addresses & { type: string; id: string }, ...children: Child[]): Stanza {
  return build("iq", a, children);
}

/** The `result` that answers an IQ, from the address that was asked (RFC 6120 §8.2.3). */
export function resultOf(request: Stanza, ...children: Child[]): Stanza {
  return build(
    "iq",
    { type: "result", id: request.id, from: request.to, to: request.from },
    children,
  );
}

/**
 * The error that answers a stanza (RFC 6120 §8.3.1), from the address that was asked. The offending
 * payload of an IQ is returned with it; that of others is not, for it may be large, but for what the
 * error names.
 */
export function errorOf(stanza: Stanza, error: StanzaError): Stanza {
  return build(
    stanza.name as StanzaKind,
    { type: "error", id: stanza.id, from: stanza.to, to: stanza.from },
    [stanza.name === "iq" ? stanza.first() : error.payload, error.toElement()],
  );
}
