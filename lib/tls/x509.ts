/**
 * Reads what node:crypto does not show of X.509 certificates (RFC 5280). Loads an ASN.1 library:
 * import it only where certificates are really read.
 */

import * as asn1 from "asn1js";
import { Buffer } from "node:buffer";

/** Octets of one certificate at most; real ones have 1 to 5 thousand. */
export const maxCertificateBytes = 65_536;

/** The names in a subjectAltName that mean something in XMPP (RFC 6120 §13.7.1.2). */
export interface AltNames {
  /** dNSName, in lower case. */
  readonly dnsNames: readonly string[];
  /** id-on-dnsSRV, such as `_xmpp-server.example.com`, in lower case. */
  readonly srvNames: readonly string[];
  /** id-on-xmppAddr: JIDs as written, not prepared. */
  readonly xmppAddrs: readonly string[];
}

/** The parts of a certificate that decide whether and for what it is trusted. */
export interface CertificateFields {
  /** 1, 2 or 3. */
  readonly version: number;
  /** OID of signatureAlgorithm; "" if the signed and the outer one differ. */
  readonly signatureAlgorithm: string;
  /** OID of the hash among the parameters of RSASSA-PSS; undefined otherwise. */
  readonly pssHash: string | undefined;
  /** True if there are issuerUniqueID or subjectUniqueID. */
  readonly hasUniqueIds: boolean;
  /** OIDs of all extensions, as often as they occur. */
  readonly extensions: readonly string[];
  /** OIDs of those marked critical. */
  readonly critical: readonly string[];
  /** basicConstraints; without them no CA. */
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  /** True if keyUsage is absent or allows keyCertSign. */
  readonly maySignCertificates: boolean;
  /** OIDs of extKeyUsage; undefined if absent. */
  readonly purposes: readonly string[] | undefined;
  readonly altNames: AltNames;
}

const XMPP_ADDR = "1.3.6.1.5.5.7.8.5";
const DNS_SRV = "1.3.6.1.5.5.7.8.7";
const RSA_PSS = "1.2.840.113549.1.1.10";
const SHA1 = "1.3.14.3.2.26";

const KEY_USAGE = "2.5.29.15";
const ALT_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";

const CONTEXT = 3; // the tag class of [0], [1] ...
const LIMITS = { maxDepth: 24, maxNodes: 4000, maxContentLength: maxCertificateBytes };

interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Parses a certificate. Undefined if it is none, or not in the form of RFC 5280 §4.1. */
export function readCertificate(der: Uint8Array): CertificateFields | undefined {
  if (der.byteLength > maxCertificateBytes) return undefined;
  try {
    return fields(der);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** The names of a certificate; none if it is malformed. */
export function altNames(der: Uint8Array): AltNames {
  return readCertificate(der)?.altNames ?? NO_NAMES;
}

/** The id-on-xmppAddr names of a certificate as written; none if it is malformed. */
export function xmppAddrs(der: Uint8Array): string[] {
  return [...altNames(der).xmppAddrs];
}

const NO_NAMES: AltNames = { dnsNames: [], srvNames: [], xmppAddrs: [] };

class Malformed extends Error {}

function must(condition: unknown): asserts condition {
  if (!condition) throw new Malformed();
}

function parse(der: Uint8Array): asn1.BaseBlock {
  const { offset, result } = asn1.fromBER(new Uint8Array(der), LIMITS);
  must(offset === der.byteLength);
  return result;
}

function children(block: asn1.BaseBlock | undefined): asn1.BaseBlock[] {
  must(block instanceof asn1.Constructed);
  return block.valueBlock.value as asn1.BaseBlock[];
}

function oidOf(block: asn1.BaseBlock | undefined): string {
  must(block instanceof asn1.ObjectIdentifier);
  return block.getValue();
}

/** True for a block tagged [number], of any form. */
function isTagged(block: asn1.BaseBlock | undefined, number: number): block is asn1.BaseBlock {
  return block?.idBlock.tagClass === CONTEXT && block.idBlock.tagNumber === number;
}

function octets(block: asn1.BaseBlock | undefined): Uint8Array {
  must(block !== undefined && "valueHexView" in block.valueBlock);
  return block.valueBlock.valueHexView as Uint8Array;
}

function encoded(block: asn1.BaseBlock): Uint8Array {
  return block.valueBeforeDecodeView;
}

function fields(der: Uint8Array): CertificateFields {
  const certificate = children(parse(der));
  must(certificate.length === 3);
  const body = children(certificate[0]);
  let at = 0;
  let version = 1;
  if (isTagged(body[0], 0)) {
    const number = children(body[at++])[0];
    must(number instanceof asn1.Integer);
    version = number.valueBlock.valueDec + 1;
  }
  const [serial, signed, issuer, validity, subject, key, ...rest] = body.slice(at);
  must(serial instanceof asn1.Integer && signed && issuer && validity && subject && key);
  const outer = certificate[1]!;
  const same = Buffer.compare(encoded(signed), encoded(outer)) === 0;
  const algorithm = children(outer);
  const signatureAlgorithm = oidOf(algorithm[0]);
  const last = rest.find((block) => isTagged(block, 3));
  const extensions = last === undefined ? [] : children(children(last)[0]).map(extension);
  const find = (oid: string) => {
    const found = extensions.find((extension) => extension.oid === oid);
    return found && parse(found.value);
  };
  const basic = find(BASIC_CONSTRAINTS);
  const usage = find(KEY_USAGE);
  const purposes = find(EXTENDED_KEY_USAGE);
  const names = find(ALT_NAME);
  return {
    version,
    signatureAlgorithm: same ? signatureAlgorithm : "",
    pssHash: signatureAlgorithm === RSA_PSS ? pssHash(algorithm[1]) : undefined,
    hasUniqueIds: rest.some((block) => isTagged(block, 1) || isTagged(block, 2)),
    extensions: extensions.map(({ oid }) => oid),
    critical: extensions.filter(({ critical }) => critical).map(({ oid }) => oid),
    ...(basic === undefined ? { isCa: false, pathLength: undefined } : basicConstraints(basic)),
    maySignCertificates: usage === undefined || maySign(usage),
    purposes: purposes && children(purposes).map(oidOf),
    altNames: names === undefined ? NO_NAMES : generalNames(children(names)),
  };
}

function extension(block: asn1.BaseBlock): Extension {
  const parts = children(block);
  const critical = parts[1] instanceof asn1.Boolean;
  const value = parts[critical ? 2 : 1];
  must(value instanceof asn1.OctetString && parts.length === (critical ? 3 : 2));
  return {
    oid: oidOf(parts[0]),
    critical: critical && (parts[1] as asn1.Boolean).valueBlock.value,
    value: new Uint8Array(value.getValue()),
  };
}

function basicConstraints(block: asn1.BaseBlock): Pick<CertificateFields, "isCa" | "pathLength"> {
  const parts = children(block);
  const isCa = parts[0] instanceof asn1.Boolean && parts[0].valueBlock.value;
  const length = parts.find((part) => part instanceof asn1.Integer);
  return { isCa, pathLength: length?.valueBlock.valueDec };
}

/** keyCertSign is bit 5 of keyUsage, counted from the most significant one. */
function maySign(block: asn1.BaseBlock): boolean {
  must(block instanceof asn1.BitString);
  return ((octets(block)[0] ?? 0) & 0x04) !== 0;
}

/** RSASSA-PSS-params: [0] is the hash, SHA-1 if absent (RFC 4055 §3.1). */
function pssHash(parameters: asn1.BaseBlock | undefined): string {
  if (parameters === undefined) return SHA1;
  const hash = children(parameters).find((block) => isTagged(block, 0));
  return hash === undefined ? SHA1 : oidOf(children(children(hash)[0])[0]);
}

function generalNames(blocks: readonly asn1.BaseBlock[]): AltNames {
  const dnsNames: string[] = [];
  const srvNames: string[] = [];
  const xmpp: string[] = [];
  for (const block of blocks) {
    if (isTagged(block, 2)) push(dnsNames, ascii(octets(block)));
    if (!isTagged(block, 0)) continue;
    const [type, value] = children(block);
    const oid = oidOf(type);
    if (oid !== XMPP_ADDR && oid !== DNS_SRV) continue;
    must(isTagged(value, 0));
    const name = children(value)[0];
    if (oid === DNS_SRV && name instanceof asn1.IA5String) push(srvNames, ascii(octets(name)));
    if (oid === XMPP_ADDR && name instanceof asn1.Utf8String) push(xmpp, utf8(octets(name)));
  }
  return { dnsNames, srvNames, xmppAddrs: xmpp };
}

function push(list: string[], name: string | undefined): void {
  if (name !== undefined) list.push(name);
}

/** Printable ASCII in lower case; anything else, NUL above all, is no name. */
function ascii(data: Uint8Array): string | undefined {
  for (const octet of data) if (octet <= 0x20 || octet >= 0x7f) return undefined;
  return data.length === 0 ? undefined : Buffer.from(data).toString("latin1").toLowerCase();
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(data: Uint8Array): string | undefined {
  try {
    const text = UTF8.decode(data);
    return text === "" || text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
