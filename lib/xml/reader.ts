/** Whole elements out of text: tags, text, references and CDATA sections, and nothing else. */

import { Buffer } from "node:buffer";
import { CHAR, CLASS, SPACE, TEXT } from "./chars.ts";
import type { Attributes, Node } from "./element.ts";
import { Element } from "./element.ts";
import { exceeded, malformed, restricted } from "./error.ts";
import { entity, unfinished } from "./reference.ts";
import { type Scope, TagReader } from "./tag.ts";

/** A constructor of stanzas: {@link Element} or a subclass with the same parameters. */
export type ElementType<E extends Element = Element> = new (
  name: string,
  ns: string,
  attrs: Attributes,
  children: Node[],
) => E;

const CDATA_START = "<![CDATA[";

/** Reads elements from one text, in order. It lives only as long as there is text. */
export class Reader extends TagReader {
  // What holds around each open element: where its parent's children go, the parent's name as
  // written, and the namespaces.
  readonly #children: Node[][] = [];
  readonly #qnames: string[] = [];
  readonly #defaults: string[] = [];
  readonly #scopes: (Scope | undefined)[] = [];

  /**
   * Reads the element whose `<` is at `from` and moves {@link at} behind it. Returns `undefined` if
   * the text ends before the element does; {@link at} then means nothing.
   */
  element<E extends Element>(
    from: number,
    Root: ElementType<E>,
    defaultNs: string,
    scope: Scope | undefined,
  ): E | undefined {
    this.outer = scope;
    this.portable = true;
    if (!this.startTag(from, defaultNs, scope)) return undefined;
    const { name, ns, attrs, at } = this;
    const children: Node[] = [];
    // What the root's own attributes use does not matter: they are always written anew.
    this.portable = this.prefix === "" && this.scope === scope;
    if (!this.empty && !this.#content(children)) return undefined;
    this.#checkSize(from);
    const root = new Root(name, ns, attrs, children);
    if (this.portable) {
      root.source = this.text.slice(from, this.at);
      root.contentAt = at - from;
    }
    return root;
  }

  /** Refuses what began at `from` and ends here if it is longer than a stanza may be. */
  #checkSize(from: number): void {
    const limit = this.limits.stanzaBytes;
    const length = this.at - from;
    // No UTF-16 unit takes more than three bytes.
    if (length * 3 <= limit) return;
    if (length > limit || Buffer.byteLength(this.text.slice(from, this.at)) > limit) {
      exceeded("stanza too big");
    }
  }

  /** Reads the stream header's start tag at `from`, with the same size limit. */
  header(from: number): boolean {
    this.outer = undefined;
    if (!this.startTag(from, "", undefined)) return false;
    this.#checkSize(from);
    return true;
  }

  /** Reads the content and the end tag of the element whose start tag was read last. */
  #content(children: Node[]): boolean {
    const s = this.text;
    const n = s.length;
    const { limits } = this;
    let p = this.at;
    let { qname, defaultNs, scope } = this;
    let depth = 1;
    let count = 1;
    let text = "";

    for (;;) {
      const from = p;
      let c = 0;
      for (; p < n; p++) {
        c = s.charCodeAt(p);
        if ((CLASS[c]! & TEXT) !== 0) continue;
        if (c !== 93 /* ] */) break;
        if (s.startsWith("]]>", p)) malformed("']]>' in text");
      }
      if (p >= n) return false;
      if (p > from) text = text === "" ? s.slice(from, p) : text + s.slice(from, p);

      if (c !== 60 /* < */) {
        if (c === 38 /* & */) {
          const end = s.indexOf(";", p);
          if (end < 0) {
            unfinished(s, p);
            return false;
          }
          text += entity(s, p, end);
          p = end + 1;
        } else if (c === 13) {
          this.portable = false;
          text += "\n";
          if (++p < n && s.charCodeAt(p) === 10) p++;
        } else {
          malformed("illegal character");
        }
        continue;
      }

      if (p + 1 >= n) return false;
      const next = s.charCodeAt(p + 1);
      if (next === 47 /* / */) {
        const end = this.endTag(p, qname);
        if (end < 0) return false;
        if (text !== "") {
          children.push(text);
          text = "";
        }
        p = end;
        if (--depth === 0) {
          this.at = p;
          return true;
        }
        children = this.#children[depth - 1]!;
        qname = this.#qnames[depth - 1]!;
        defaultNs = this.#defaults[depth - 1]!;
        scope = this.#scopes[depth - 1];
        continue;
      }
      if (next === 33 /* ! */) {
        if (!isCdata(s, p)) return false;
        const end = s.indexOf("]]>", p + CDATA_START.length);
        text += this.#cdata(p + CDATA_START.length, end < 0 ? n : end);
        if (end < 0) return false;
        p = end + 3;
        continue;
      }
      if (next === 63 /* ? */) restricted("processing instruction");

      if (text !== "") {
        children.push(text);
        text = "";
      }
      if (!this.startTag(p, defaultNs, scope)) return false;
      p = this.at;
      if (++count > limits.children) exceeded("too many elements");
      if (depth >= limits.depth) exceeded("elements too deep");
      const element = new Element(this.name, this.ns, this.attrs, []);
      children.push(element);
      if (this.empty) continue;
      this.#children[depth - 1] = children;
      this.#qnames[depth - 1] = qname;
      this.#defaults[depth - 1] = defaultNs;
      this.#scopes[depth - 1] = scope;
      depth++;
      children = element.children;
      qname = this.qname;
      defaultNs = this.defaultNs;
      scope = this.scope;
    }
  }

  /** The offset behind the end tag of `qname` at `from`; -1 if the text ends before it. */
  endTag(from: number, qname: string): number {
    const s = this.text;
    const n = s.length;
    let p = from + 2;
    if (!s.startsWith(qname, p)) {
      if (n - p < qname.length && qname.startsWith(s.slice(p))) return -1;
      malformed("end tag of another element");
    }
    p += qname.length;
    let c = 0;
    while (p < n && (CLASS[c = s.charCodeAt(p)]! & SPACE) !== 0) p++;
    if (p >= n) return -1;
    if (c !== 62 /* > */) malformed("bad end tag");
    return p + 1;
  }

  /** The text of a CDATA section's content, its line ends normalised. */
  #cdata(from: number, to: number): string {
    const s = this.text;
    let returns = false;
    for (let p = from; p < to; p++) {
      const c = s.charCodeAt(p);
      if ((CLASS[c]! & CHAR) === 0) malformed("illegal character");
      if (c === 13) returns = true;
    }
    const text = s.slice(from, to);
    if (!returns) return text;
    this.portable = false;
    return text.replace(/\r\n?/g, "\n");
  }
}

/** True for the start of a CDATA section, false if too little is there; anything else is refused. */
export function isCdata(s: string, from: number): boolean {
  if (s.startsWith(CDATA_START, from)) return true;
  if (s.length - from < CDATA_START.length && CDATA_START.startsWith(s.slice(from))) return false;
  return restricted("comment or declaration");
}
