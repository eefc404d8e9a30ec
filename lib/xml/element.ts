/**
 * The XML element: one type for everything that is parsed, built, matched and sent.
 *
 * Names are local names; namespaces are resolved URIs. An element that came off a stream keeps its
 * source text, so that re-emitting it unchanged (or with another `to`/`from`) copies text instead of
 * rebuilding it.
 */

import { escapeAttribute, escapeText } from "./escape.ts";

/**
 * Attributes by name. Unprefixed attributes have their plain name, `xml:*` ones keep that prefix
 * (`xml:lang`), all others are `{namespace}local`. The prototype is empty: `attrs[anything]` never
 * finds an inherited member.
 */
export type Attributes = { [name: string]: string };

/** A constructor whose instances are fast objects without inherited names (`constructor`, ...). */
export const AttributeMap = function () {} as unknown as { new (): Attributes };
(AttributeMap as unknown as { prototype: unknown }).prototype = Object.create(null);

/** A child of an element: another element, or text. */
export type Node = Element | string;

/** Anything accepted as a child by the builders; `undefined`, `null` and `false` are left out. */
export type Child = Node | undefined | null | false;

export class Element {
  /** Local name. */
  readonly name: string;
  /** Namespace URI; `""` for none. */
  readonly ns: string;
  readonly attrs: Attributes;
  readonly children: Node[];
  /**
   * The exact text this element was parsed from, if its content may be copied as it is: the root has
   * no prefix and declares none, and every prefix used inside is declared inside. The attributes may
   * have changed since, the content may not.
   */
  source: string | undefined = undefined;
  /** Offset in `source` just behind the start tag's `>`; 0 when there is no source. */
  contentAt = 0;

  constructor(name: string, ns: string, attrs: Attributes, children: Node[]) {
    this.name = name;
    this.ns = ns;
    this.attrs = attrs;
    this.children = children;
  }

  /** True if this is `<name xmlns='ns'>`; without `ns` any namespace matches. */
  is(name: string, ns?: string): boolean {
    return this.name === name && (ns === undefined || this.ns === ns);
  }

  /** The first child element of that name; its namespace is by default that of this element. */
  child(name: string, ns: string = this.ns): Element | undefined {
    for (const c of this.children) {
      if (typeof c !== "string" && c.name === name && c.ns === ns) return c;
    }
    return undefined;
  }

  /** The first child element, of any name. */
  first(): Element | undefined {
    for (const c of this.children) if (typeof c !== "string") return c;
    return undefined;
  }

  /** All child elements, or those of a name (and namespace, by default this element's). */
  elements(name?: string, ns: string = this.ns): Element[] {
    return this.children.filter((c): c is Element =>
      typeof c !== "string" && (name === undefined || (c.name === name && c.ns === ns))
    );
  }

  /** True if there is a child element in that namespace. */
  hasNs(ns: string): boolean {
    for (const c of this.children) if (typeof c !== "string" && c.ns === ns) return true;
    return false;
  }

  /** The text directly inside this element. */
  text(): string {
    const { children } = this;
    if (children.length === 1 && typeof children[0] === "string") return children[0];
    let t = "";
    for (const c of children) if (typeof c === "string") t += c;
    return t;
  }

  /** The text of the first child element of that name, or `undefined` without such a child. */
  childText(name: string, ns: string = this.ns): string | undefined {
    return this.child(name, ns)?.text();
  }

  /** A copy with one more child at its end. The source text, if any, is carried over. */
  append(...added: Element[]): this {
    const copy = this.like(this.attrs, [...this.children, ...added]);
    if (this.source !== undefined) {
      const inner = added.map((e) => toXml(e, this.ns)).join("");
      if (this.source.charCodeAt(this.contentAt - 2) !== 47 /* "/" of an empty tag */) {
        const end = this.source.lastIndexOf("</");
        copy.source = this.source.slice(0, end) + inner + this.source.slice(end);
        copy.contentAt = this.contentAt;
      }
    }
    return copy;
  }

  /** A copy with other attributes (those given as `undefined` removed). */
  withAttrs(changes: { [name: string]: string | undefined }): this {
    const attrs = new AttributeMap();
    for (const k in this.attrs) attrs[k] = this.attrs[k]!;
    for (const k in changes) {
      const v = changes[k];
      if (v === undefined) delete attrs[k];
      else attrs[k] = v;
    }
    const copy = this.like(attrs, this.children);
    copy.source = this.source;
    copy.contentAt = this.contentAt;
    return copy;
  }

  /** A copy with only the children that pass. The same object if all do. */
  filter(keep: (child: Element) => boolean): this {
    const children = this.children.filter((c) => typeof c === "string" || keep(c));
    return children.length === this.children.length ? this : this.like(this.attrs, children);
  }

  /** A new element of the same type and name; a subclass carries its own fields over. */
  protected like(attrs: Attributes, children: Node[]): this {
    const Type = this.constructor as new (
      name: string,
      ns: string,
      attrs: Attributes,
      children: Node[],
    ) => this;
    return new Type(this.name, this.ns, attrs, children);
  }

  /** XML text, with `xmlns` declared (see {@link toXml} for a known surrounding namespace). */
  toString(): string {
    return toXml(this, "");
  }
}

/** Builds an element: `xml("query", "jabber:iq:roster", { ver }, xml("item", ...))`. */
export function xml(
  name: string,
  ns: string,
  attrs?: { readonly [name: string]: string | undefined },
  ...children: Child[]
): Element {
  const map = new AttributeMap();
  for (const k in attrs) {
    const v = attrs[k];
    if (v !== undefined) map[k] = v;
  }
  return new Element(
    name,
    ns,
    map,
    children.filter((c): c is Node => c != null && c !== false && c !== ""),
  );
}

/**
 * Start tag without its closing `>`: `<name xmlns='..' a='..'`, leaving out `xmlns` if it is
 * `around`. An attribute in a foreign namespace gets a prefix of its own (`a0`, `a1`, ...).
 */
export function startTag(e: Element, around: string, skip?: string): string {
  let s = "<" + qualified(e);
  const ns = defaultInside(e);
  if (ns !== around) s += " xmlns='" + escapeAttribute(ns) + "'";
  let prefixes = 0;
  for (const k in e.attrs) {
    if (k === skip) continue;
    let name = k;
    if (k.charCodeAt(0) === 123 /* { */) {
      const end = k.lastIndexOf("}");
      const p = "a" + prefixes++;
      s += " xmlns:" + p + "='" + escapeAttribute(k.slice(1, end)) + "'";
      name = p + ":" + k.slice(end + 1);
    }
    s += " " + name + "='" + escapeAttribute(e.attrs[k]!) + "'";
  }
  return s;
}

/** Everything behind the start tag's attributes: `/>`, or `>`, content and end tag. */
export function tail(e: Element): string {
  if (e.source !== undefined) {
    return e.contentAt === e.source.length ? "/>" : ">" + e.source.slice(e.contentAt);
  }
  if (e.children.length === 0) return "/>";
  let s = ">";
  const ns = defaultInside(e);
  for (const c of e.children) s += typeof c === "string" ? escapeText(c) : toXml(c, ns);
  return s + "</" + qualified(e) + ">";
}

/** The one namespace that can be no default (Namespaces in XML 1.0 §3): its prefix is always bound. */
const XML_NS = "http://www.w3.org/XML/1998/namespace";

function qualified(e: Element): string {
  return e.ns === XML_NS ? "xml:" + e.name : e.name;
}

/** The default namespace inside of an element as it is written. */
function defaultInside(e: Element): string {
  return e.ns === XML_NS ? "" : e.ns;
}

/** XML text of an element that will stand inside the default namespace `around`. */
export function toXml(e: Element, around: string): string {
  return startTag(e, around) + tail(e);
}
