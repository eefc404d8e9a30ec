/**
 * The stream parser: bytes in any pieces to stream headers, stanzas and the stream's end. It is
 * strict (XML 1.0 fifth edition, Namespaces in XML 1.0) within XMPP's subset (RFC 6120 §11), and
 * every stanza is bounded.
 *
 * A stanza that is there whole is read in one pass over the decoded text. One that is not is kept as
 * bytes until its end has come (see boundary.ts). Between stanzas nothing is kept.
 */

import { CHAR, CLASS, SPACE } from "./chars.ts";
import { Partial } from "./boundary.ts";
import { readDeclaration, type XmlDeclaration } from "./declaration.ts";
import { decodeAscii, decodeUtf8 } from "./decode.ts";
import { type Attributes, Element } from "./element.ts";
import {
  defaultXmlLimits,
  exceeded,
  malformed,
  restricted,
  XmlError,
  type XmlLimits,
} from "./error.ts";
import { type ElementType, isCdata, Reader } from "./reader.ts";
import type { Scope } from "./tag.ts";

export { defaultXmlLimits, XmlError };
export type { ElementType, XmlDeclaration, XmlLimits };
export type { XmlErrorCondition } from "./error.ts";

/** The start tag of the stream's root. */
export class StreamHeader {
  constructor(
    /** Local name. */
    readonly name: string,
    /** Prefix as written; `""` without. */
    readonly prefix: string,
    /** Namespace of the root itself. */
    readonly ns: string,
    /** The content namespace (RFC 6120 §4.8.2): the default for stanzas; `""` if none is declared. */
    readonly defaultNs: string,
    readonly attrs: Attributes,
    /** The XML declaration before it. */
    readonly declaration: XmlDeclaration | undefined,
  ) {}
}

/** The event for the root's end tag. */
export const STREAM_END = "end";

export type XmlEvent<E extends Element = Element> = StreamHeader | E | typeof STREAM_END;

// Phases
const START = 0; // nothing has come
const AGAIN = 1; // nothing but white space since a reset: it ended the document before
const PROLOG = 2; // behind the declaration, or where there can be none any more
const CONTENT = 3; // inside the root
const EMPTY = 4; // the root was an empty-element tag; its end is still to be told
const CLOSED = 5;

const encoder = new TextEncoder();

/** Another encoding, or UTF-8 done wrong: RFC 6120 §4.9.3.22 has one name for both. */
function notUtf8(): never {
  throw new XmlError("unsupported-encoding", "not UTF-8");
}

export class StreamParser<E extends Element = Element> {
  /** May be changed at any time; holds for what is read from then on. */
  limits: XmlLimits;

  readonly #Root: ElementType<E>;
  #phase = START;
  #declaration: XmlDeclaration | undefined = undefined;
  #qname = "";
  #defaultNs = "";
  #scope: Scope | undefined = undefined;

  /** Decoded text not yet read. Never together with a partial stanza. */
  #reader: Reader | undefined = undefined;
  #partial: Partial | undefined = undefined;
  /** The start of a character that ends in the next chunk. */
  #rest: Uint8Array | undefined = undefined;
  /** Behind the text there are bytes that are not UTF-8. */
  #bad = false;
  /** The end of the next item has been seen, so it must be complete. */
  #whole = false;
  #error: XmlError | undefined = undefined;

  /** Elements of level 1 are made by `Root`. */
  constructor(limits: XmlLimits, Root: ElementType<E> = Element as unknown as ElementType<E>) {
    this.limits = limits;
    this.#Root = Root;
  }

  /** What is held and not yet handed out: characters or bytes. 0 for an idle parser. */
  get buffered(): number {
    const r = this.#reader;
    return (r === undefined ? 0 : r.text.length - r.at) + (this.#partial?.length ?? 0) +
      (this.#rest?.length ?? 0);
  }

  /**
   * Adds bytes as they came, cut anywhere; no reference to `chunk` is kept. What is wrong with them
   * {@link next} tells, after all that came before it.
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#bad || this.#error !== undefined) return;
    if (this.#partial !== undefined) this.#partial.add(chunk);
    else if (this.#rest !== undefined) this.#decode(joined(this.#rest, chunk));
    else this.#decode(chunk);
  }

  /**
   * The next event, or `undefined` if more input is needed. Throws {@link XmlError}, and from then
   * on always the same one.
   */
  next(): XmlEvent<E> | undefined {
    if (this.#error !== undefined) throw this.#error;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof XmlError) this.#error = error;
      this.#drop();
      throw error;
    }
  }

  /**
   * Awaits a new document, as after STARTTLS and SASL (RFC 6120 §4.3.3). Input not yet read is
   * discarded (what came in plain text before TLS must not be taken for what came within it), or
   * kept as the new document's beginning.
   */
  reset(discard: boolean): void {
    if (discard) this.#drop();
    this.#phase = AGAIN;
    this.#declaration = undefined;
    this.#qname = "";
    this.#defaultNs = "";
    this.#scope = undefined;
  }

  #drop(): void {
    this.#reader = undefined;
    this.#partial = undefined;
    this.#rest = undefined;
    this.#bad = false;
    this.#whole = false;
  }

  #decode(bytes: Uint8Array): void {
    const ascii = decodeAscii(bytes);
    if (ascii !== undefined) {
      this.#rest = undefined;
      return this.#read(ascii);
    }
    const { text, rest, bad } = decodeUtf8(bytes);
    this.#rest = rest;
    this.#bad = bad;
    // A byte order mark of UTF-16 or UTF-32 is no UTF-8 (XML 1.0 appendix F).
    if (bad && text === "" && this.#phase <= AGAIN && this.#reader === undefined) {
      if (bytes[0]! >= 0xfe) {
        this.#error = new XmlError("unsupported-encoding", "not UTF-8");
        return;
      }
    }
    if (text !== "" || bad) this.#read(text);
  }

  #read(text: string): void {
    const r = this.#reader;
    this.#reader = new Reader(r === undefined ? text : r.text.slice(r.at) + text, this.limits);
  }

  #next(): XmlEvent<E> | undefined {
    if (this.#phase === EMPTY) return this.#end();
    const partial = this.#partial;
    if (partial !== undefined && !this.#settle(partial)) return undefined;
    const r = this.#reader;
    if (r === undefined) return undefined;
    r.limits = this.limits;
    if (this.#phase < PROLOG && !this.#start(r)) return undefined;

    const s = r.text;
    const n = s.length;
    let p = r.at;
    let c = 0;
    while (p < n && (CLASS[c = s.charCodeAt(p)]! & SPACE) !== 0) p++;
    r.at = p;
    if (p === n) return this.#finished();
    if (this.#phase === CLOSED) malformed("more behind the end of the stream");
    if (c !== 60 /* < */) this.#stray(c);
    if (p + 1 === n) return this.#incomplete(r);
    const next = s.charCodeAt(p + 1);
    if (next === 63 /* ? */) restricted("processing instruction");
    if (next === 33 /* ! */) {
      if (!isCdata(s, p)) return this.#incomplete(r);
      this.#stray(c);
    }
    if (this.#phase === PROLOG) return this.#header(r);

    if (next === 47 /* / */) {
      const end = r.endTag(p, this.#qname);
      if (end < 0) return this.#incomplete(r);
      r.at = end;
      this.#settled(r);
      return this.#end();
    }
    const stanza = r.element(p, this.#Root, this.#defaultNs, this.#scope);
    if (stanza === undefined) {
      r.at = p;
      return this.#incomplete(r);
    }
    this.#settled(r);
    return stanza;
  }

  /**
   * The declaration. False if more input is needed. A U+FEFF before it is a character like others,
   * never a byte order mark (RFC 6120 §11.6).
   */
  #start(r: Reader): boolean {
    const s = r.text;
    let p = r.at;
    if (this.#phase === AGAIN) p = skipSpace(s, p);
    r.at = p;
    if (p === s.length) {
      this.#finished();
      return false;
    }
    // A zero byte next to the first "<", or before it: UTF-16 or UTF-32 without a byte order mark.
    if (s.charCodeAt(p) === 0 || (s.charCodeAt(p) === 60 && s.charCodeAt(p + 1) === 0)) {
      notUtf8();
    }
    const declaration = readDeclaration(r, this.limits.stanzaBytes);
    if (declaration === false) {
      this.#incomplete(r);
      return false;
    }
    this.#declaration = declaration;
    this.#phase = PROLOG;
    if (declaration !== undefined) this.#settled(r);
    return this.#reader !== undefined;
  }

  #header(r: Reader): StreamHeader | undefined {
    const from = r.at;
    if (r.text.charCodeAt(from + 1) === 47) malformed("end tag before the stream header");
    if (!r.header(from)) {
      r.at = from;
      return this.#incomplete(r);
    }
    this.#phase = r.empty ? EMPTY : CONTENT;
    this.#qname = r.qname;
    this.#defaultNs = r.defaultNs;
    this.#scope = r.scope;
    this.#settled(r);
    const declaration = this.#declaration;
    this.#declaration = undefined;
    return new StreamHeader(r.name, r.prefix, r.ns, r.defaultNs, r.attrs, declaration);
  }

  #end(): typeof STREAM_END {
    this.#phase = CLOSED;
    return STREAM_END;
  }

  /** Text where there can be only white space. */
  #stray(c: number): never {
    if ((CLASS[c]! & CHAR) === 0) malformed("illegal character");
    // Within the root it is well-formed XML, and no validity is checked, so of RFC 6120 §4.9.3 only
    // bad-format ("XML that cannot be processed") is left: §11.7 allows white space alone.
    if (this.#phase === CONTENT) throw new XmlError("bad-format", "text between stanzas");
    return malformed("text outside of the root");
  }

  /** An item was read to its end. */
  #settled(r: Reader): void {
    this.#whole = false;
    if (r.at === r.text.length && !this.#bad) this.#reader = undefined;
  }

  /** Nothing but white space was left. */
  #finished(): undefined {
    if (this.#bad) notUtf8();
    this.#reader = undefined;
    return undefined;
  }

  /** Keeps the item that begins at the reader's place until the rest of it comes. */
  #incomplete(r: Reader): undefined {
    if (this.#bad) notUtf8();
    if (this.#whole) malformed("malformed stanza");
    const bytes = encoder.encode(r.text.slice(r.at));
    const rest = this.#rest;
    this.#reader = undefined;
    this.#rest = undefined;
    this.#partial = new Partial(
      rest === undefined ? bytes : joined(bytes, rest),
      this.#phase < CONTENT,
    );
    if (this.#partial.length > this.limits.stanzaBytes) exceeded("stanza too big");
    return undefined;
  }

  /** Turns the partial item to text once its end is there. */
  #settle(partial: Partial): boolean {
    if (!partial.ready()) {
      if (partial.length > this.limits.stanzaBytes) exceeded("stanza too big");
      return false;
    }
    this.#partial = undefined;
    this.#whole = true;
    this.#decode(partial.bytes.subarray(0, partial.length));
    return true;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * The element that is all of `text` (white space around it apart), for stored XML. Same rules as on
 * a stream; no declaration. Throws {@link XmlError}.
 */
export function parseXml(text: string, limits: XmlLimits = defaultXmlLimits): Element {
  if (!text.isWellFormed()) malformed("lone surrogate");
  const r = new Reader(text, limits);
  const from = skipSpace(text, 0);
  if (from === text.length) malformed("no element");
  if (text.charCodeAt(from) !== 60) malformed("text outside of the root");
  const next = text.charCodeAt(from + 1);
  if (next === 63 || next === 33) restricted("declaration, comment or processing instruction");
  const root = r.element(from, Element, "", undefined) ?? malformed("unfinished element");
  if (skipSpace(text, r.at) !== text.length) malformed("more behind the root");
  return root;
}

function skipSpace(s: string, from: number): number {
  while (from < s.length && (CLASS[s.charCodeAt(from)]! & SPACE) !== 0) from++;
  return from;
}
