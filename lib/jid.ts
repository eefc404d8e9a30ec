/**
 * JIDs by RFC 7622: parsed, prepared and compared. Nearly all JIDs are plain ASCII and are handled by
 * loops over a character table; the rest goes through PRECIS (`precis/`) and IDNA2008 (`idna.ts`).
 */

import { prepareDomain } from "./idna.ts";
import { opaqueString, usernameCaseMapped } from "./precis/profiles.ts";
import { utf8Length } from "./precis/text.ts";

/** Octets of UTF-8 that each part of a JID may have at most (RFC 7622 §3.1). */
const MAX_PART = 1023;

/** Octets that a domain name may have at most in its DNS text form (RFC 1034 §3.1). */
const MAX_NAME = 253;

/** Octets that one label of a domain name may have at most (RFC 1034 §3.1). */
const MAX_LABEL = 63;

/** UTF-16 units beyond which a part is refused unread: mapping shortens no valid part this much. */
const MAX_RAW_PART = 4 * MAX_PART;

/** UTF-16 units beyond which a JID is not kept in the cache. */
const MAX_CACHED = 256;

// What a scan of an ASCII part can find.
const PLAIN = 0; // valid as it stands
const FOLD = 1; // valid, but has capitals that are to be mapped
const SLOW = 2; // needs the full rules
const INVALID = 3;

// Bits of the ASCII table.
const IN_NODE = 1;
const IN_LABEL = 2;
const IN_RESOURCE = 4;
const CAPITAL = 8;

const HYPHEN = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const AT = 0x40;
const SPACE = 0x20;

/**
 * The commonest JIDs: prepared as they stand, no hyphens in a row, lengths aside. A regular expression,
 * because its matcher resolves a sliced string once, where `charCodeAt` does so for each character:
 * half the time of the loops below. Nothing in it can backtrack by more than the length of the node.
 */
const COMMON =
  /^(?:[!#$%()*+,.0-9;=?[\\\]^_`a-z{|}~-]+@)?[a-z0-9]+(?:[.-][a-z0-9]+)*(?:\/[!-~][ -~]*)?$/;

const ASCII: Uint8Array = asciiTable();

function asciiTable(): Uint8Array {
  const table = new Uint8Array(128);
  for (let c = SPACE; c < 0x7f; c++) table[c] = IN_RESOURCE | (c === SPACE ? 0 : IN_NODE);
  for (const c of `"&'/:<>@`) table[c.charCodeAt(0)]! &= ~IN_NODE;
  for (const c of "abcdefghijklmnopqrstuvwxyz0123456789-") table[c.charCodeAt(0)]! |= IN_LABEL;
  for (let c = 0x41; c <= 0x5a; c++) table[c]! |= IN_LABEL | CAPITAL;
  return table;
}

/** A JID, prepared by RFC 7622. Immutable, compared by its strings. */
export class Jid {
  /** The localpart, "" if there is none. */
  readonly node: string;
  readonly domain: string;
  /** The resourcepart, "" if there is none. */
  readonly resource: string;
  /** `node@domain`, or `domain` alone. */
  readonly bare: string;
  /** The bare JID with `/resource`; the same as `bare` if there is none. */
  readonly full: string;
  /** Made when first asked for; a bare JID is its own. */
  private bareJid: Jid | undefined;

  private constructor(node: string, domain: string, resource: string, bare: string, full: string) {
    this.node = node;
    this.domain = domain;
    this.resource = resource;
    this.bare = bare;
    this.full = full;
    this.bareJid = undefined;
  }

  /** True if there is no resourcepart. */
  get isBare(): boolean {
    return this.resource === "";
  }

  /** This JID without its resource: the same object each time, and itself if already bare. */
  toBare(): Jid {
    if (this.resource === "") return this;
    return this.bareJid ??= new Jid(this.node, this.domain, "", this.bare, this.bare);
  }

  /** This JID with another resource, already prepared; "" gives the bare JID. */
  withResource(resource: string): Jid {
    if (resource === "") return this.toBare();
    const full = own(this.bare + "/" + resource);
    const jid = new Jid(
      this.node,
      this.domain,
      full.slice(this.bare.length + 1),
      this.bare,
      full,
    );
    jid.bareJid = this.toBare();
    return jid;
  }

  /** The full JID. */
  toString(): string {
    return this.full;
  }

  /** A JID of parts already prepared: nothing is checked. */
  static of(node: string, domain: string, resource = ""): Jid {
    const bare = node === "" ? domain : node + "@" + domain;
    const full = resource === "" ? bare : bare + "/" + resource;
    return Jid.split(full, node.length, bare.length);
  }

  /** A JID from its prepared full form and the lengths of its node (0: none) and bare form. */
  static split(prepared: string, nodeLength: number, bareLength: number): Jid {
    const full = own(prepared);
    const bare = bareLength === full.length ? full : full.slice(0, bareLength);
    const node = nodeLength === 0 ? "" : full.slice(0, nodeLength);
    const domain = nodeLength === 0 ? bare : full.slice(nodeLength + 1, bareLength);
    const resource = bareLength === full.length ? "" : full.slice(bareLength + 1);
    return new Jid(node, domain, resource, bare, full);
  }
}

/**
 * A copy of a string. What the XML parser hands out may be a slice that keeps its whole input buffer
 * alive, and a JID lives as long as its session: the detour over a longer string cuts that tie.
 */
function own(s: string): string {
  return (" " + s).slice(1);
}

let cacheHalf = 2048;
let recent: Map<string, Jid> = new Map();
let older: Map<string, Jid> = new Map();

/** Sets how many parsed JIDs are remembered at most (default 4096; 0: none), and forgets them all. */
export function setJidCacheSize(entries: number): void {
  cacheHalf = Math.floor(entries / 2);
  recent = new Map();
  older = new Map();
}

/** How many parsed JIDs are remembered now. */
export function jidCacheSize(): number {
  return recent.size + older.size;
}

/**
 * Parses and prepares a JID (RFC 7622 §3); undefined if the text is not one. Recent results are
 * remembered by their raw text, in two generations, so that JIDs in use survive a flood of others.
 */
export function parseJid(text: string): Jid | undefined {
  const hit = recent.get(text);
  if (hit !== undefined) return hit;
  let jid = older.get(text);
  if (jid === undefined) {
    jid = parse(text);
    if (jid === undefined || text.length > MAX_CACHED) return jid;
  }
  if (cacheHalf === 0) return jid;
  if (recent.size >= cacheHalf) {
    older = recent;
    recent = new Map();
  }
  recent.set(jid.full === text ? jid.full : own(text), jid);
  return jid;
}

function parse(text: string): Jid | undefined {
  return (text.length <= MAX_CACHED && parseCommon(text)) || parseAny(text);
}

/** A JID that matches COMMON, if its lengths need no closer look. */
function parseCommon(text: string): Jid | undefined {
  if (!COMMON.test(text)) return undefined;
  const slash = text.indexOf("/");
  const end = slash < 0 ? text.length : slash;
  let at = text.indexOf("@");
  if (at > end) at = -1;
  if (end - at - 1 > MAX_LABEL) return undefined;
  return Jid.split(text, at < 0 ? 0 : at, end);
}

function parseAny(text: string): Jid | undefined {
  // The resource starts at the first "/", and only then is the first "@" looked for (RFC 7622 §3.2).
  let at = -1;
  let end = 0;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === SLASH) break;
    if (c === AT && at < 0) at = end;
  }
  const node = at < 0 ? PLAIN : scanNode(text, 0, at);
  if (node === INVALID) return undefined;
  const domain = scanDomain(text, at + 1, end);
  if (domain === INVALID) return undefined;
  const resource = end === text.length ? PLAIN : scanResource(text, end + 1, text.length);
  if (resource === INVALID) return undefined;
  const found = node | domain | resource;
  if (found === PLAIN) return Jid.split(text, at < 0 ? 0 : at, end);
  if (found === FOLD) {
    const folded = text.slice(0, end).toLowerCase() + text.slice(end);
    return Jid.split(folded, at < 0 ? 0 : at, end);
  }
  return prepareParts(text, at, end);
}

function prepareParts(text: string, at: number, end: number): Jid | undefined {
  const node = at < 0 ? "" : prepNode(text.slice(0, at));
  if (node === undefined) return undefined;
  const domain = prepDomain(text.slice(at + 1, end));
  if (domain === undefined) return undefined;
  const resource = end === text.length ? "" : prepResource(text.slice(end + 1));
  if (resource === undefined) return undefined;
  return Jid.of(node, domain, resource);
}

/** Prepares a localpart: UsernameCaseMapped (RFC 8265 §3.3) and RFC 7622 §3.3; undefined if invalid. */
export function prepNode(s: string): string | undefined {
  switch (scanNode(s, 0, s.length)) {
    case PLAIN:
      return s;
    case FOLD:
      return s.toLowerCase();
    case SLOW:
      return prepNodeFully(s);
  }
  return undefined;
}

/** `prepNode` without the short cut for ASCII. */
export function prepNodeFully(s: string): string | undefined {
  if (s.length > MAX_RAW_PART) return undefined;
  const node = usernameCaseMapped(s);
  if (node === undefined || !fits(node)) return undefined;
  for (let i = 0; i < node.length; i++) {
    const c = node.charCodeAt(i);
    if (c < 128 && (ASCII[c]! & IN_NODE) === 0) return undefined;
  }
  return node;
}

/**
 * Prepares a domainpart (RFC 7622 §3.2): U-labels in lower case and NFC, without the final dot, or an
 * IPv4 or bracketed IPv6 literal; undefined if invalid.
 */
export function prepDomain(s: string): string | undefined {
  switch (scanDomain(s, 0, s.length)) {
    case PLAIN:
      return s;
    case FOLD:
      return s.toLowerCase();
    case SLOW:
      return prepDomainFully(s);
  }
  return undefined;
}

/** `prepDomain` without the short cut for ASCII. */
export function prepDomainFully(s: string): string | undefined {
  if (s.length > MAX_RAW_PART) return undefined;
  const domain = prepareDomain(s);
  return domain !== undefined && fits(domain) ? domain : undefined;
}

/** Prepares a resourcepart: OpaqueString (RFC 8265 §4.2) and RFC 7622 §3.4; undefined if invalid. */
export function prepResource(s: string): string | undefined {
  switch (scanResource(s, 0, s.length)) {
    case PLAIN:
      return s;
    case SLOW:
      return prepResourceFully(s);
  }
  return undefined;
}

/** `prepResource` without the short cut for ASCII. */
export function prepResourceFully(s: string): string | undefined {
  if (s.length > MAX_RAW_PART) return undefined;
  const resource = opaqueString(s);
  if (resource === undefined || !fits(resource)) return undefined;
  return resource.charCodeAt(0) === SPACE ? undefined : resource;
}

/**
 * Prepares a password: OpaqueString (RFC 8265 §4.2); undefined if it is invalid or empty. It has the
 * length limits of a JID part, for want of others.
 */
export function prepPassword(s: string): string | undefined {
  if (s.length > MAX_RAW_PART) return undefined;
  const password = opaqueString(s);
  return password !== undefined && fits(password) ? password : undefined;
}

function fits(part: string): boolean {
  return part.length > 0 && part.length <= MAX_PART && utf8Length(part) <= MAX_PART;
}

function scanNode(s: string, from: number, to: number): number {
  if (from === to || to - from > MAX_RAW_PART) return INVALID;
  let seen = 0;
  for (let i = from; i < to; i++) {
    const c = s.charCodeAt(i);
    if (c > 0x7f) return SLOW;
    const bits = ASCII[c]!;
    if ((bits & IN_NODE) === 0) return INVALID;
    seen |= bits;
  }
  if (to - from > MAX_PART) return INVALID;
  return (seen & CAPITAL) === 0 ? PLAIN : FOLD;
}

function scanDomain(s: string, from: number, to: number): number {
  if (from === to || to - from > MAX_RAW_PART) return INVALID;
  let seen = 0;
  let label = from;
  for (let i = from; i < to; i++) {
    const c = s.charCodeAt(i);
    if (c === DOT) {
      if (i === label || i - label > MAX_LABEL) return INVALID;
      if (s.charCodeAt(label) === HYPHEN || s.charCodeAt(i - 1) === HYPHEN) return INVALID;
      label = i + 1;
      continue;
    }
    // What is no letter, digit, hyphen or dot is left to the full rules: literals, other scripts.
    if (c > 0x7f) return SLOW;
    const bits = ASCII[c]!;
    if ((bits & IN_LABEL) === 0) return SLOW;
    // Two hyphens in the third and fourth place may start an A-label (RFC 5890 §2.3.1).
    if (c === HYPHEN && i - label === 3 && s.charCodeAt(i - 1) === HYPHEN) return SLOW;
    seen |= bits;
  }
  if (label === to) return SLOW; // a final dot
  if (to - label > MAX_LABEL || to - from > MAX_NAME) return INVALID;
  if (s.charCodeAt(label) === HYPHEN || s.charCodeAt(to - 1) === HYPHEN) return INVALID;
  return (seen & CAPITAL) === 0 ? PLAIN : FOLD;
}

function scanResource(s: string, from: number, to: number): number {
  if (from === to || to - from > MAX_RAW_PART) return INVALID;
  // RFC 7622 §3.5, example 18, though OpaqueString alone would let it pass.
  if (s.charCodeAt(from) === SPACE) return INVALID;
  for (let i = from; i < to; i++) {
    const c = s.charCodeAt(i);
    if (c > 0x7f) return SLOW;
    if ((ASCII[c]! & IN_RESOURCE) === 0) return INVALID;
  }
  return to - from > MAX_PART ? INVALID : PLAIN;
}
