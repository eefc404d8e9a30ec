/** Start tags: names, attributes and namespaces (XML 1.0 §3.1, Namespaces in XML 1.0). */

import { CLASS, NAME, NAME_START, SPACE, VALUE } from "./chars.ts";
import { AttributeMap, type Attributes } from "./element.ts";
import { exceeded, malformed, type XmlLimits } from "./error.ts";
import { intern, internPart, mix } from "./intern.ts";
import { entity, unfinished } from "./reference.ts";

export const XML_NS = "http://www.w3.org/XML/1998/namespace";
export const XMLNS_NS = "http://www.w3.org/2000/xmlns/";

/** The prefixes declared by one element, and those around it. */
export interface Scope {
  readonly prefixes: Attributes;
  readonly around: Scope | undefined;
}

/**
 * Reads start tags out of one text. What was read last stands in the fields, so that a tag costs no
 * object of its own.
 */
export class TagReader {
  readonly text: string;
  /** Offset behind the construct read last. */
  at: number;
  limits: XmlLimits;

  /** Of the start tag read last: name as written. */
  qname = "";
  /** Its prefix; `""` without. */
  prefix = "";
  name = "";
  ns = "";
  attrs: Attributes = new AttributeMap();
  /** True for `<a/>`. */
  empty = false;
  /** The default namespace inside. */
  defaultNs = "";
  /** The prefixes inside. */
  scope: Scope | undefined = undefined;

  /**
   * True while the stanza being read can be copied as text: it uses no prefix of {@link outer} and
   * has no raw carriage return in its content.
   */
  portable = true;
  /** The prefixes declared by the stream header. */
  outer: Scope | undefined = undefined;

  /** Attributes with a prefix wait here as prefix, local name and value for the end of the tag. */
  #prefixed: string[] = [];

  constructor(text: string, limits: XmlLimits) {
    this.text = text;
    this.limits = limits;
    this.at = 0;
  }

  /**
   * Reads the start tag whose `<` is at `from`, inside the given default namespace and prefixes.
   * False if the text ends before the tag does; then nothing in the fields holds.
   */
  startTag(from: number, defaultNs: string, scope: Scope | undefined): boolean {
    const s = this.text;
    const n = s.length;
    let p = from + 1;
    let c = 0;
    let hash = 0;
    let colon = 0;

    if (p < n && (CLASS[s.charCodeAt(p)]! & NAME_START) === 0) malformed("no name in a tag");
    const nameAt = p;
    for (; p < n; p++) {
      c = s.charCodeAt(p);
      if ((CLASS[c]! & NAME) === 0) {
        if (c !== 58 /* : */) break;
        if (colon !== 0) malformed("two colons in a name");
        if (p + 1 < n && (CLASS[s.charCodeAt(p + 1)]! & NAME_START) === 0) malformed("bad name");
        colon = p;
      }
      hash = mix(hash, c);
    }
    if (p >= n) return false;
    const qname = intern(s, nameAt, p, hash);
    const prefix = colon === 0 ? "" : internPart(s, nameAt, colon);
    const name = colon === 0 ? qname : internPart(s, colon + 1, p);

    const attrs = new AttributeMap();
    let own: Attributes | undefined;
    let declared = false;
    let waiting = false;
    let count = 0;
    let empty = false;
    for (;;) {
      const gap = p;
      while (p < n && (CLASS[c = s.charCodeAt(p)]! & SPACE) !== 0) p++;
      if (p >= n) return false;
      if (c === 62 /* > */) break;
      if (c === 47 /* / */) {
        if (++p >= n) return false;
        if (s.charCodeAt(p) !== 62) malformed("'/' in a tag");
        empty = true;
        break;
      }
      if (gap === p) malformed("no white space before an attribute");
      if ((CLASS[c]! & NAME_START) === 0) malformed("bad attribute name");
      if (++count > this.limits.attributes) exceeded("too many attributes");

      const keyAt = p;
      hash = 0;
      colon = 0;
      for (; p < n; p++) {
        c = s.charCodeAt(p);
        if ((CLASS[c]! & NAME) === 0) {
          if (c !== 58) break;
          if (colon !== 0) malformed("two colons in a name");
          if (p + 1 < n && (CLASS[s.charCodeAt(p + 1)]! & NAME_START) === 0) malformed("bad name");
          colon = p;
        }
        hash = mix(hash, c);
      }
      if (p >= n) return false;
      const key = intern(s, keyAt, p, hash);

      if (c !== 61 /* = */) {
        while (p < n && (CLASS[c = s.charCodeAt(p)]! & SPACE) !== 0) p++;
        if (p >= n) return false;
        if (c !== 61) malformed("attribute without a value");
      }
      p++;
      while (p < n && (CLASS[c = s.charCodeAt(p)]! & SPACE) !== 0) p++;
      if (p >= n) return false;
      if (c !== 39 /* ' */ && c !== 34 /* " */) malformed("attribute value without quotes");
      const quote = c;
      const valueAt = ++p;
      while (p < n && (CLASS[c = s.charCodeAt(p)]! & VALUE) !== 0) p++;
      if (p >= n) return false;

      const declares = colon === 0
        ? key === "xmlns"
        : colon - keyAt === 5 && key.startsWith("xmlns");
      let value: string;
      if (c === quote) {
        value = declares ? internPart(s, valueAt, p) : s.slice(valueAt, p);
        p++;
      } else {
        const odd = this.#oddValue(valueAt, p, quote);
        if (odd === undefined) return false;
        value = odd;
        p = this.at;
      }

      if (declares) {
        if (value.length > MAX_NAMESPACE) exceeded("namespace too long");
        if (colon === 0) {
          if (declared) malformed("xmlns declared twice");
          if (value === XML_NS || value === XMLNS_NS) malformed("reserved namespace");
          declared = true;
          defaultNs = value;
        } else {
          declare(own ??= new AttributeMap(), internPart(s, colon + 1, keyAt + key.length), value);
        }
      } else if (colon === 0 || (colon - keyAt === 3 && key.startsWith("xml"))) {
        if (attrs[key] !== undefined) malformed("attribute given twice");
        attrs[key] = value;
      } else {
        waiting = true;
        this.#prefixed.push(s.slice(keyAt, colon), s.slice(colon + 1, keyAt + key.length), value);
      }
    }

    if (own !== undefined) scope = { prefixes: own, around: scope };
    if (waiting) this.#resolveAttributes(attrs, scope);
    this.qname = qname;
    this.prefix = prefix;
    this.name = name;
    this.ns = prefix === "" ? defaultNs : this.#resolve(prefix, scope);
    this.attrs = attrs;
    this.empty = empty;
    this.defaultNs = defaultNs;
    this.scope = scope;
    this.at = p + 1;
    return true;
  }

  /** The rest of a value that is not plain from `p` on; `undefined` if the text ends before it. */
  #oddValue(from: number, p: number, quote: number): string | undefined {
    const s = this.text;
    const n = s.length;
    let value = "";
    for (;;) {
      if (p >= n) return undefined;
      const c = s.charCodeAt(p);
      if ((CLASS[c]! & VALUE) !== 0) {
        p++;
      } else if (c === quote) {
        this.at = p + 1;
        return value + s.slice(from, p);
      } else if (c === 38 /* & */) {
        const end = s.indexOf(";", p);
        if (end < 0) {
          unfinished(s, p);
          return undefined;
        }
        value += s.slice(from, p) + entity(s, p, end);
        from = p = end + 1;
      } else if (c === 39 || c === 34) {
        p++;
      } else if ((CLASS[c]! & SPACE) !== 0) {
        value += s.slice(from, p) + " ";
        if (c === 13) {
          this.portable = false;
          if (p + 1 < n && s.charCodeAt(p + 1) === 10) p++;
        }
        from = ++p;
      } else {
        malformed(c === 60 ? "'<' in an attribute value" : "illegal character");
      }
    }
  }

  #resolveAttributes(attrs: Attributes, scope: Scope | undefined): void {
    const waiting = this.#prefixed;
    for (let i = 0; i < waiting.length; i += 3) {
      const key = "{" + this.#resolve(waiting[i]!, scope) + "}" + waiting[i + 1]!;
      if (attrs[key] !== undefined) malformed("attribute given twice");
      attrs[key] = waiting[i + 2]!;
    }
    waiting.length = 0;
  }

  #resolve(prefix: string, scope: Scope | undefined): string {
    if (prefix === "xml") return XML_NS;
    for (let s = scope; s !== undefined; s = s.around) {
      const ns = s.prefixes[prefix];
      if (ns === undefined) continue;
      if (s === this.outer) this.portable = false;
      return ns;
    }
    return malformed("unbound prefix");
  }
}

/**
 * Characters of a namespace. What is declared once may be written again for each element and attribute
 * that is in it: a stanza must not become a thousand times what it was.
 */
const MAX_NAMESPACE = 1024;

/** Notes `xmlns:prefix='ns'`, if it may be declared (Namespaces in XML 1.0 §3). */
function declare(own: Attributes, prefix: string, ns: string): void {
  if (own[prefix] !== undefined) malformed("prefix declared twice");
  if (ns === "") malformed("prefix without a namespace");
  if (prefix === "xmlns" || ns === XMLNS_NS) malformed("reserved namespace");
  if ((prefix === "xml") !== (ns === XML_NS)) malformed("reserved namespace");
  own[prefix] = ns;
}
