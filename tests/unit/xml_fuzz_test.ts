/**
 * The stream parser against another XML parser (saxes): generated documents, most of them damaged.
 * Both must agree on what is accepted, apart from what XMPP forbids or asks beyond XML, and on the
 * tree. Every case is also parsed in pieces, written, and parsed again.
 *
 * `CONFAB_FUZZ_CASES` and `CONFAB_FUZZ_SEED` choose another number of cases and other ones.
 */

import assert from "node:assert/strict";
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from "saxes";
import { Element, toXml } from "../../lib/xml/element.ts";
import {
  parseXml,
  STREAM_END,
  StreamHeader,
  StreamParser,
  XmlError,
  type XmlLimits,
} from "../../lib/xml/parser.ts";
import { damage, document, type Random, random, utf8 } from "./xml_generate.ts";

const limits: XmlLimits = {
  stanzaBytes: 1 << 20,
  depth: 1000,
  attributes: 1000,
  children: 100_000,
};

// What comes out, as text that can be compared

interface Outcome {
  /** The tree, if the document was accepted. */
  readonly tree?: string;
  /** `unfinished`, or the condition. */
  readonly refused?: string;
  readonly why?: string;
  readonly stanzas: readonly Element[];
}

function tree(ns: string, name: string, attrs: { [k: string]: string }, content: string): string {
  const given = Object.keys(attrs).sort().map((k) => `${k}=${JSON.stringify(attrs[k])}`).join(" ");
  return `{${ns}}${name}[${given}](${content})`;
}

function show(e: Element): string {
  let s = "";
  for (const c of e.children) s += typeof c === "string" ? JSON.stringify(c) : show(c);
  return tree(e.ns, e.name, e.attrs, s);
}

function ours(bytes: Uint8Array, cut: (left: number) => number): Outcome {
  const parser = new StreamParser(limits);
  const stanzas: Element[] = [];
  let header: StreamHeader | undefined;
  let content = "";
  let ended = false;
  try {
    for (let at = 0; at < bytes.length;) {
      const chunk = bytes.slice(at, at += cut(bytes.length - at));
      parser.push(chunk);
      chunk.fill(0x3c);
      for (let e = parser.next(); e !== undefined; e = parser.next()) {
        if (e === STREAM_END) ended = true;
        else if (e instanceof StreamHeader) header = e;
        else {
          stanzas.push(e);
          content += show(e);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    return { refused: error.condition, why: error.message, stanzas };
  }
  if (!ended || parser.buffered > 0) return { refused: "unfinished", stanzas };
  return { tree: tree(header!.ns, header!.name, header!.attrs, content), stanzas };
}

interface Theirs {
  tree?: string;
  refused?: string;
  /** Something XMPP forbids (RFC 6120 §11.1). */
  restricted: boolean;
  /** Text between the stanzas. */
  stray: boolean;
  /** A name whose local part is no NCName: saxes lets `a:1` pass. */
  oddName: boolean;
  /** White space around a namespace name, which saxes removes, or a declaration of `xmlns`. */
  oddNamespace: boolean;
  version: boolean;
}

function theirs(text: string): Theirs {
  const out: Theirs = {
    restricted: false,
    stray: false,
    oddName: false,
    oddNamespace: false,
    version: false,
  };
  const parser = new SaxesParser({ xmlns: true, position: false });
  const open: { tag: SaxesTagNS; content: string; text: string }[] = [];
  const flush = (): void => {
    const top = open.at(-1);
    if (top === undefined || top.text === "") return;
    if (open.length === 1) {
      if (/[^ \t\r\n]/.test(top.text)) out.stray = true;
    } else top.content += JSON.stringify(top.text);
    top.text = "";
  };
  const add = (t: string): void => {
    const top = open.at(-1);
    if (top !== undefined) top.text += t;
  };
  parser.on("error", (e) => void (out.refused ??= e.message));
  parser.on("comment", () => void (out.restricted = true));
  parser.on("processinginstruction", () => void (out.restricted = true));
  parser.on("doctype", () => void (out.restricted = true));
  parser.on("xmldecl", (d) => {
    if (d.version !== "1.0" || (d.encoding ?? "utf-8").toLowerCase() !== "utf-8") {
      out.version = true;
    }
  });
  parser.on("text", add);
  parser.on("cdata", (t) => {
    // Even an empty section is no white space.
    if (open.length === 1) out.stray = true;
    add(t);
  });
  parser.on("opentag", (tag) => {
    flush();
    for (const a of Object.values(tag.attributes) as SaxesAttributeNS[]) {
      if (!declaration(a)) continue;
      if (a.value !== a.value.trim() || a.name === "xmlns:xmlns") out.oddNamespace = true;
    }
    open.push({ tag, content: "", text: "" });
  });
  parser.on("closetag", (tag) => {
    flush();
    const top = open.pop();
    if (top === undefined || out.refused !== undefined) return;
    const attrs: { [k: string]: string } = Object.create(null);
    odd(tag.name, out);
    for (const a of Object.values(tag.attributes) as SaxesAttributeNS[]) {
      odd(a.name, out);
      if (declaration(a)) continue;
      const key = a.prefix === "" ? a.local : a.prefix === "xml" ? a.name : `{${a.uri}}${a.local}`;
      attrs[key] = a.value;
    }
    const made = tree(tag.uri, tag.local, attrs, top.content);
    if (open.length > 0) open.at(-1)!.content += made;
    else out.tree = made;
  });
  parser.write(text).close();
  return out;
}

function declaration(a: SaxesAttributeNS): boolean {
  return a.prefix === "xmlns" || a.name === "xmlns";
}

function odd(name: string, out: Theirs): void {
  if (/:[-.\d\u00b7\u0300-\u036f\u203f\u2040]/.test(name)) out.oddName = true;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

// The comparison

const ENCODING: ReadonlySet<string | undefined> = new Set([
  "not-well-formed",
  "unsupported-encoding",
]);

/** What is wrong with how the bytes were parsed; `undefined` if nothing is. */
function compare(bytes: Uint8Array, r: Random): string | undefined {
  const mine = ours(bytes, (left) => left);
  const longest = [1, 3, 8, 100][r(4)]!;
  const pieces = ours(bytes, (left) => Math.min(left, 1 + r(longest)));
  if (mine.tree !== pieces.tree) return `in pieces: ${pieces.tree ?? pieces.refused} ${pieces.why}`;
  // An error behind which the stanza does not end may not have been looked for in pieces; and of two
  // errors side by side, one of them bytes that are not UTF-8, either may be found first.
  const sameRefusal = mine.refused === pieces.refused ||
    (decode(bytes) === undefined && [mine.refused, pieces.refused].every((e) => ENCODING.has(e)));
  if (!sameRefusal && (mine.tree ?? pieces.refused) !== "unfinished") {
    return `in pieces: ${pieces.refused} (${pieces.why}), not ${mine.refused} (${mine.why})`;
  }
  for (let i = 0; i < mine.stanzas.length; i++) {
    const again = rewritten(mine.stanzas[i]!);
    if (again !== undefined) return again;
    if (i < pieces.stanzas.length && pieces.stanzas[i]!.source !== mine.stanzas[i]!.source) {
      return "another source in pieces";
    }
  }

  const text = decode(bytes);
  if (text === undefined) return mine.tree === undefined ? undefined : "accepted what is not UTF-8";
  // The other parser takes it for a byte order mark.
  if (text.startsWith("\ufeff")) {
    return mine.refused === undefined ? "accepted U+FEFF before the root" : undefined;
  }
  const other = theirs(text);
  if (mine.tree !== undefined) {
    if (other.restricted || other.stray || other.version) return "accepted what XMPP forbids";
    // To saxes, a blank is an empty namespace.
    if (other.oddNamespace && other.refused?.includes("undefine prefix")) return undefined;
    if (other.refused !== undefined) return `accepted, but: ${other.refused}`;
    if (other.oddName) return "accepted a bad name";
    if (other.oddNamespace || mine.tree === other.tree) return undefined;
    return `another tree:\n${mine.tree}\n${other.tree}`;
  }
  if (other.refused !== undefined) return undefined;
  if (mine.refused === "restricted-xml" && other.restricted) return undefined;
  if (mine.why === "more behind the end of the stream" && other.restricted) return undefined;
  if (mine.refused === "bad-format" && (other.stray || other.version)) return undefined;
  if (mine.refused === "unsupported-encoding" && other.version) return undefined;
  if (mine.refused === "not-well-formed" && (other.oddName || other.oddNamespace)) return undefined;
  return `refused: ${mine.refused} (${mine.why})`;
}

/** Writes a stanza from its source and anew, in two contexts, and reads it again. */
function rewritten(e: Element): string | undefined {
  const want = show(e);
  const anew = new Element(e.name, e.ns, e.attrs, e.children);
  for (const x of [e, anew]) {
    const alone = parseXml(toXml(x, ""), limits);
    if (show(alone) !== want) return `written: ${toXml(x, "")}`;
    const inside = parseXml(`<w xmlns='urn:w'>${toXml(x, "urn:w")}</w>`, limits);
    if (show(inside.first()!) !== want) return `written within another: ${toXml(x, "urn:w")}`;
  }
  const more = e.append(new Element("more", "urn:more", {}, ["&"]));
  if (!show(parseXml(toXml(more, ""), limits)).endsWith(`{urn:more}more[]("&"))`)) {
    return `appended: ${toXml(more, "")}`;
  }
  return undefined;
}

Deno.test("generated and damaged documents are judged as by another parser", () => {
  const cases = Number(Deno.env.get("CONFAB_FUZZ_CASES") ?? 50_000);
  const seed = Number(Deno.env.get("CONFAB_FUZZ_SEED") ?? 1);
  let accepted = 0;
  for (let i = 0; i < cases; i++) {
    const r = random(Math.imul(seed, 0x9e3779b1) + i);
    let bytes: Uint8Array = utf8.encode(document(r));
    if (r(4) !== 0) bytes = damage(r, bytes);
    let wrong: string | undefined;
    try {
      wrong = compare(bytes, r);
    } catch (error) {
      wrong = error instanceof Error ? error.stack : String(error);
    }
    if (wrong !== undefined) {
      const text = JSON.stringify(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
      assert.fail(`seed ${seed}, case ${i}: ${wrong}\n${text}\n${[...bytes]}`);
    }
    if (ours(bytes, (left) => left).tree !== undefined) accepted++;
  }
  // Otherwise nothing has been tested.
  assert.ok(accepted > cases / 5 && accepted < cases * 0.8, `${accepted} of ${cases} accepted`);
});
