/**
 * XML for the tests: parsed by saxes and matched by structure. Nothing of it is the server's, so that
 * a mistake of the server's parser or serialiser cannot hide itself.
 */

import type { SaxesTagNS } from "saxes";
import { SaxesParser } from "saxes";

export const STREAMS_NS = "http://etherx.jabber.org/streams";

/** An element as it came off the wire. Attributes in a namespace are `{namespace}local`. */
export class Tag {
  readonly children: (Tag | string)[] = [];

  constructor(
    readonly name: string,
    readonly ns: string,
    readonly attrs: Readonly<Record<string, string>>,
  ) {}

  /** The first child element of that name, in any namespace or the one given. */
  child(name: string, ns?: string): Tag | undefined {
    return this.elements().find((c) => c.name === name && (ns === undefined || c.ns === ns));
  }

  /** All child elements, or those of a name. */
  elements(name?: string): Tag[] {
    return this.children.filter((c): c is Tag =>
      typeof c !== "string" && (name === undefined || c.name === name)
    );
  }

  text(): string {
    return this.children.filter((c) => typeof c === "string").join("");
  }

  toString(around = "jabber:client"): string {
    let s = `<${this.name}`;
    if (this.ns !== around) s += ` xmlns='${escape(this.ns)}'`;
    for (const [k, v] of Object.entries(this.attrs)) s += ` ${k}='${escape(v)}'`;
    const inner = this.children.map((c) => typeof c === "string" ? escape(c) : c.toString(this.ns));
    return inner.length === 0 ? s + "/>" : `${s}>${inner.join("")}</${this.name}>`;
  }
}

/** Escapes text for use in content and in attributes. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll("'", "&apos;").replaceAll('"', "&quot;");
}

/** What a stream brings. */
export interface StreamEvents {
  header(header: Tag): void;
  element(element: Tag): void;
  /** `</stream:stream>` */
  close(): void;
  error(error: Error): void;
}

/** A parser for one stream, from its header to its end tag. Feed it text as it comes. */
export function streamParser(events: StreamEvents): (text: string) => void {
  const parser = new SaxesParser({ xmlns: true });
  const open: Tag[] = [];
  parser.on("opentag", (t) => {
    const tag = new Tag(t.local, t.uri, attributesOf(t));
    if (open.length === 0) events.header(tag);
    open.push(tag);
  });
  parser.on("text", (text) => {
    if (open.length > 1) open.at(-1)!.children.push(text);
  });
  parser.on("closetag", () => {
    const tag = open.pop()!;
    if (open.length === 0) events.close();
    else if (open.length === 1) events.element(tag);
    else open.at(-1)!.children.push(tag);
  });
  parser.on("error", (e) => events.error(e));
  return (text) => void parser.write(text);
}

function attributesOf(t: SaxesTagNS): Record<string, string> {
  const attrs: Record<string, string> = {};
  for (const a of Object.values(t.attributes)) {
    if (a.prefix === "xmlns" || a.name === "xmlns") continue;
    attrs[a.prefix === "" || a.prefix === "xml" ? a.name : `{${a.uri}}${a.local}`] = a.value;
  }
  return attrs;
}

/** Parses one element in the context of a client's stream. */
export function parse(text: string): Tag {
  const found: Tag[] = [];
  const parser = streamParser({
    header: () => {},
    element: (e) => found.push(e),
    close: () => {},
    error: (e) => {
      throw new Error(`${e.message} in ${text}`);
    },
  });
  parser(
    `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAMS_NS}'>${text}</stream:stream>`,
  );
  if (found.length !== 1) throw new Error(`not one element: ${text}`);
  return found[0]!;
}

/** What the placeholders of a pattern have caught. */
export type Captures = Record<string, string>;

const PLACEHOLDER = /\{([a-z]\w*)\}/gi;

/**
 * Matches an element against a pattern: see {@link TestClient} for its language.
 * @returns why it does not match; `undefined` if it does
 */
export function mismatch(pattern: Tag, actual: Tag, captures: Captures = {}): string | undefined {
  const where = `<${pattern.name}>`;
  if (pattern.name !== actual.name) return `expected ${where}, got <${actual.name}>`;
  if (pattern.ns !== actual.ns) return `${where}: expected xmlns ${pattern.ns}, got ${actual.ns}`;
  for (const [name, expected] of Object.entries(pattern.attrs)) {
    const value = actual.attrs[name];
    if (expected === "{absent}") {
      if (value !== undefined) return `${where}: ${name} should be absent, is ${value}`;
    } else if (value === undefined) return `${where}: ${name} is missing`;
    else if (!textMatches(expected, value, captures)) {
      return `${where}: expected ${name}='${expected}', got '${value}'`;
    }
  }
  return contentMismatch(pattern, actual, captures);
}

function contentMismatch(pattern: Tag, actual: Tag, captures: Captures): string | undefined {
  const where = `<${pattern.name}>`;
  const expected = pattern.text().trim();
  if (expected === "{empty}") {
    return actual.children.length === 0 ? undefined : `${where} should be empty`;
  }
  if (expected !== "" && expected !== "{only}" && !textMatches(expected, actual.text(), captures)) {
    return `${where}: expected the text ${JSON.stringify(expected)}, got ${
      JSON.stringify(actual.text())
    }`;
  }
  const left = actual.elements();
  for (const child of pattern.elements()) {
    const absent = child.text().trim() === "{absent}";
    let reason: string | undefined;
    const at = left.findIndex((candidate) => {
      if (absent) return candidate.name === child.name && candidate.ns === child.ns;
      const attempt = { ...captures };
      const why = mismatch(child, candidate, attempt);
      if (why === undefined) Object.assign(captures, attempt);
      else if (candidate.name === child.name && candidate.ns === child.ns) reason = why;
      return why === undefined;
    });
    if (absent) {
      if (at >= 0) return `${where}: ${left[at]} should be absent`;
      continue;
    }
    if (at < 0) return `${where}: ${reason ?? `${child.toString(pattern.ns)} is missing`}`;
    left.splice(at, 1);
  }
  if (expected === "{only}" && left.length > 0) return `${where}: ${left[0]} should not be there`;
  return undefined;
}

function textMatches(expected: string, value: string, captures: Captures): boolean {
  const names: string[] = [];
  let source = "";
  let end = 0;
  for (const match of expected.matchAll(PLACEHOLDER)) {
    source += quote(expected.slice(end, match.index)) + "([^]*)";
    names.push(match[1]!);
    end = match.index + match[0].length;
  }
  const found = new RegExp(`^${source}${quote(expected.slice(end))}$`).exec(value);
  if (found === null) return false;
  return names.every((name, i) => {
    if (name === "any") return true;
    const before = captures[name];
    captures[name] = found[i + 1]!;
    return before === undefined || before === found[i + 1];
  });
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
