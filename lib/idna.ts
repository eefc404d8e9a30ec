/**
 * Domain names by IDNA2008 as RFC 7622 §3.2 uses it: mapped by RFC 5895, A-labels decoded (RFC 5891
 * §5.3), labels validated (RFC 5891 §4.2, RFC 5892) with the Bidi Rule (RFC 5893) over the whole name.
 */

import { isIPv6 } from "node:net";
import { hasRightToLeft, satisfiesBidiRule } from "./precis/bidi.ts";
import { CONTEXTJ, CONTEXTO, IDNA_PVALID, MARK, PRECIS_MASK } from "./precis/bits.ts";
import { contextsAllow } from "./precis/context.ts";
import { mapCase, mapWidth } from "./precis/mapping.ts";
import { allAssigned, propertiesOf } from "./precis/properties.ts";
import { decodePunycode, encodePunycode } from "./precis/punycode.ts";
import { codePoints, isAscii, settle } from "./precis/text.ts";

const ACE_PREFIX = "xn--";

/** Octets that a label may have at most in its A-label form (RFC 1034 §3.1). */
const MAX_LABEL = 63;

/** Octets that a name may have at most, its labels in A-label form (RFC 1034 §3.1). */
const MAX_NAME = 253;

/**
 * Prepares a domainpart: labels as U-labels or LDH labels in lower case, without the final dot; or an
 * IPv4 address, or an IPv6 literal in brackets. Undefined if it is none of these.
 */
export function prepareDomain(s: string): string | undefined {
  if (s.startsWith("[")) return prepareLiteral(s);
  const points = codePoints(s);
  if (!allAssigned(points)) return undefined;
  const mapped = settle(s, mapName);
  if (mapped === undefined) return undefined;
  const labels = mapped.split(".");
  if (labels.length > 1 && labels.at(-1) === "") labels.pop();
  // No label takes less than one octet and its dot: what is longer need not be looked at.
  if (labels.length > MAX_NAME / 2 + 1) return undefined;

  const prepared: string[] = [];
  const all: number[][] = [];
  let octets = labels.length - 1;
  for (const label of labels) {
    const unicode = label.startsWith(ACE_PREFIX) ? decodeLabel(label) : codePoints(label);
    if (unicode === undefined) return undefined;
    const length = asciiLength(unicode);
    if (length === undefined) return undefined;
    octets += length;
    all.push(unicode);
    prepared.push(String.fromCodePoint(...unicode));
  }
  if (octets > MAX_NAME) return undefined;
  if (all.some(hasRightToLeft) && !all.every(satisfiesBidiRule)) return undefined;
  return prepared.join(".");
}

/** The form that DNS and certificates use: U-labels as A-labels. The domain must be prepared. */
export function domainToAscii(domain: string): string {
  if (isAscii(domain)) return domain;
  return domain.split(".").map((label) =>
    isAscii(label) ? label : ACE_PREFIX + encodePunycode(codePoints(label))
  ).join(".");
}

/** Lower case, width, NFC and dots (RFC 5895 §2); what is valid already keeps its form. */
function mapName(s: string): string {
  if (isAscii(s)) return s.toLowerCase();
  let out = "";
  for (const c of s) {
    // Capital Cherokee is valid and its lower case is not: no mapping then.
    const valid = (propertiesOf(c.codePointAt(0)!) & IDNA_PVALID) !== 0;
    out += valid ? c : mapWidth(mapCase(c));
  }
  return out.normalize("NFC").replaceAll("\u3002", ".");
}

/** The code points of the U-label that an A-label in lower case stands for. */
function decodeLabel(label: string): number[] | undefined {
  if (label.length > MAX_LABEL) return undefined;
  const encoded = label.slice(ACE_PREFIX.length);
  const points = decodePunycode(encoded);
  if (points === undefined || points.every((cp) => cp < 0x80)) return undefined;
  const unicode = String.fromCodePoint(...points);
  if (unicode.normalize("NFC") !== unicode) return undefined;
  return encodePunycode(points) === encoded ? points : undefined;
}

/** Octets of a label in ASCII form; undefined if it is neither an NR-LDH label nor a U-label. */
function asciiLength(points: readonly number[]): number | undefined {
  if (points.length === 0 || points.length > MAX_LABEL) return undefined;
  const hyphen = 0x2d;
  if (points[0] === hyphen || points.at(-1) === hyphen) return undefined;
  if (points[2] === hyphen && points[3] === hyphen) return undefined;
  if ((propertiesOf(points[0]!) & MARK) !== 0) return undefined;
  let ascii = true;
  let contexts = false;
  for (const cp of points) {
    if (cp > 0x7f) ascii = false;
    const properties = propertiesOf(cp);
    if ((properties & IDNA_PVALID) !== 0) continue;
    const derived = properties & PRECIS_MASK;
    if (derived !== CONTEXTJ && derived !== CONTEXTO) return undefined;
    contexts = true;
  }
  if (contexts && !contextsAllow(points)) return undefined;
  if (ascii) return points.length;
  const length = ACE_PREFIX.length + encodePunycode(points).length;
  return length <= MAX_LABEL ? length : undefined;
}

const FUTURE = /^v[0-9a-f]+\.[-0-9a-z._~!$&'()*+,;=:]+$/;
const ZONE = /^(?:[-0-9A-Za-z._~]|%[0-9A-Fa-f]{2})+$/;

/** An IP literal (RFC 3986 §3.2.2, RFC 6874 §2), its address in lower case, its zone as it is. */
function prepareLiteral(s: string): string | undefined {
  if (!s.endsWith("]")) return undefined;
  const content = s.slice(1, -1);
  const percent = content.indexOf("%25");
  const address = (percent < 0 ? content : content.slice(0, percent)).toLowerCase();
  if (percent < 0 && FUTURE.test(address)) return `[${address}]`;
  if (address.includes("%") || !isIPv6(address)) return undefined;
  if (percent < 0) return `[${address}]`;
  const zone = content.slice(percent + 3);
  return ZONE.test(zone) ? `[${address}%25${zone}]` : undefined;
}
