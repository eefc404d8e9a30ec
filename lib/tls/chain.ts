/**
 * Verifies the certificate chain of a TLS peer by ourselves: the runtime's word is not enough (a v1
 * certificate that merely names a trusted issuer passes its check), and it refuses good chains whose
 * leaf is only marked for servers, as the public CAs issue them now.
 *
 * What is not understood is refused: name constraints, unknown critical extensions, RSASSA-PSS.
 */

import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { type Jid, parseJid } from "../jid.ts";
import { type AltNames, type CertificateFields, readCertificate } from "./x509.ts";

/** Certificates in one presented chain at most. */
export const maxChain = 10;

/** Signatures verified for one chain at most: names alike make many paths. */
const MAX_VERIFICATIONS = 24;

/** Why a chain is not trusted. */
export type ChainProblem =
  | "no-certificate"
  | "malformed"
  | "not-version-3"
  | "not-yet-valid"
  | "expired"
  | "unsupported-extension"
  | "unsupported-key"
  | "weak-signature"
  | "wrong-purpose"
  | "untrusted";

/** What became of a chain. Without `ok` its names mean nothing and are not given. */
export type ChainVerdict =
  | {
    readonly ok: true;
    /** The xmppAddr names that are valid bare JIDs, prepared. */
    readonly jids: readonly Jid[];
    readonly names: AltNames;
  }
  | { readonly ok: false; readonly jids: readonly []; readonly reason: ChainProblem };

/** What is asked of a chain. */
export interface ChainOptions {
  /** A leaf marked only for TLS servers will do as well: for server-to-server streams. */
  readonly acceptServerAuth?: boolean;
}

interface Link {
  readonly certificate: X509Certificate;
  readonly fields: CertificateFields;
}

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const ANY_PURPOSE = "2.5.29.37.0";
const NAME_CONSTRAINTS = "2.5.29.30";

/** basicConstraints, keyUsage, extKeyUsage, subjectAltName, and policies, none of which we need. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  "2.5.29.19",
  "2.5.29.15",
  "2.5.29.37",
  "2.5.29.17",
  "2.5.29.32",
]);

/** RSA PKCS #1 and ECDSA with SHA-256, -384, -512, and Ed25519. */
const SIGNATURES: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  "1.3.101.112",
]);

/** Curves of which the TLS stack verifies that the peer has the private key. */
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp256r1", "P-256", "secp384r1"]);

/**
 * Whether a presented chain leads to a trusted root, and whose it is.
 *
 * The TLS handshake must have proved that the peer holds the leaf's key. The TLS stack skips that
 * proof for certificates that it cannot parse; hence forms and keys it does not know are refused.
 *
 * @param chainDer the leaf first, the rest in any order
 * @param trustedRootsPem each one certificate or a bundle; kept parsed for as long as the array lives
 */
export function verifyChain(
  chainDer: readonly Uint8Array[],
  trustedRootsPem: readonly string[],
  now: Date,
  options: ChainOptions = {},
): ChainVerdict {
  if (chainDer.length === 0) return refuse("no-certificate");
  const leaf = readLink(chainDer[0]!);
  if (leaf === undefined || chainDer.length > maxChain) return refuse("malformed");
  const problem = linkProblem(leaf, now) ?? keyProblem(leaf.certificate);
  if (problem !== undefined) return refuse(problem);
  if (!serves(leaf.fields, options)) return refuse("wrong-purpose");
  const others: Link[] = [];
  for (const der of chainDer.slice(1)) {
    const link = readLink(der);
    if (link !== undefined && isIssuer(link, now, options)) others.push(link);
  }
  const search: Search = { roots: trustStore(trustedRootsPem), now, left: MAX_VERIFICATIONS };
  if (!leadsToRoot(leaf, others, 0, search)) return refuse("untrusted");
  const names = leaf.fields.altNames;
  return { ok: true, jids: jidsOf(names), names };
}

function refuse(reason: ChainProblem): ChainVerdict {
  return { ok: false, jids: [], reason };
}

function readLink(der: Uint8Array): Link | undefined {
  const fields = readCertificate(der);
  if (fields === undefined) return undefined;
  try {
    return { certificate: new X509Certificate(Buffer.from(der)), fields };
  } catch {
    return undefined;
  }
}

/** What is wrong with a certificate whatever its place in the chain. */
function linkProblem({ certificate, fields }: Link, now: Date): ChainProblem | undefined {
  if (fields.version !== 3) return "not-version-3";
  if (fields.hasUniqueIds || fields.extensions.includes(NAME_CONSTRAINTS)) {
    return "unsupported-extension";
  }
  if (new Set(fields.extensions).size !== fields.extensions.length) return "malformed";
  if (!fields.critical.every((oid) => UNDERSTOOD.has(oid))) return "unsupported-extension";
  if (!SIGNATURES.has(fields.signatureAlgorithm)) return "weak-signature";
  return validityProblem(certificate, now);
}

function validityProblem(
  certificate: X509Certificate,
  now: Date,
): "not-yet-valid" | "expired" | undefined {
  // Written so that a date that cannot be read is no valid one.
  if (!(new Date(certificate.validFrom) <= now)) return "not-yet-valid";
  if (!(now <= new Date(certificate.validTo))) return "expired";
  return undefined;
}

function keyProblem(certificate: X509Certificate): ChainProblem | undefined {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
    const bits = details?.modulusLength ?? 0;
    if (type === "rsa" && bits >= 2048 && bits <= 8192) return undefined;
    if (type === "ec" && CURVES.has(details?.namedCurve ?? "")) return undefined;
    if (type === "ed25519") return undefined;
  } catch {
    // A key the runtime cannot read.
  }
  return "unsupported-key";
}

function serves({ purposes }: CertificateFields, options: ChainOptions): boolean {
  return purposes === undefined ||
    purposes.includes(CLIENT_AUTH) ||
    purposes.includes(ANY_PURPOSE) ||
    (options.acceptServerAuth === true && purposes.includes(SERVER_AUTH));
}

/** True for a certificate that may stand between the leaf and a root. */
function isIssuer(link: Link, now: Date, options: ChainOptions): boolean {
  const { isCa, maySignCertificates } = link.fields;
  return isCa && maySignCertificates && linkProblem(link, now) === undefined &&
    serves(link.fields, options);
}

interface Search {
  readonly roots: TrustStore;
  readonly now: Date;
  /** Signatures that may still be verified. */
  left: number;
}

/** @param below CA certificates between the leaf and the one at hand, itself included */
function leadsToRoot(
  link: Link,
  others: readonly Link[],
  below: number,
  search: Search,
): boolean {
  const { certificate } = link;
  // A certificate may be trusted as itself: a client's own one, pinned.
  if (search.roots.has(certificate.raw, search.now)) return true;
  for (const root of search.roots.named(certificate.issuer, search.now)) {
    if (allowsBelow(root.fields, below) && issued(root.certificate, certificate, search)) {
      return true;
    }
  }
  for (const other of others) {
    if (!allowsBelow(other.fields, below) || !issued(other.certificate, certificate, search)) {
      continue;
    }
    const rest = others.filter((one) => one !== other);
    if (leadsToRoot(other, rest, below + 1, search)) return true;
  }
  return false;
}

function allowsBelow({ pathLength }: CertificateFields, below: number): boolean {
  return pathLength === undefined || below <= pathLength;
}

function issued(issuer: X509Certificate, subject: X509Certificate, search: Search): boolean {
  if (issuer.subject !== subject.issuer || search.left <= 0) return false;
  search.left--;
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Trusted certificates, found by their subject. */
interface TrustStore {
  named(subject: string, now: Date): Link[];
  has(der: Uint8Array, now: Date): boolean;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const STORES = new WeakMap<readonly string[], TrustStore>();

function trustStore(pems: readonly string[]): TrustStore {
  let store = STORES.get(pems);
  if (store === undefined) STORES.set(pems, store = makeTrustStore(pems));
  return store;
}

function makeTrustStore(pems: readonly string[]): TrustStore {
  const bySubject = new Map<string, Link[]>();
  for (const pem of pems.flatMap((text) => text.match(PEM) ?? [])) {
    const link = readLink(new X509Certificate(pem).raw);
    if (link === undefined) continue;
    const { subject } = link.certificate;
    const list = bySubject.get(subject);
    if (list === undefined) bySubject.set(subject, [link]);
    else list.push(link);
  }
  const all = [...bySubject.values()].flat();
  const isValid = ({ certificate }: Link, now: Date) =>
    validityProblem(certificate, now) === undefined;
  return {
    named: (subject, now) =>
      (bySubject.get(subject) ?? []).filter((root) =>
        // A trusted root may be of version 1, which cannot say that it is a CA.
        (root.fields.isCa || root.fields.version === 1) && root.fields.maySignCertificates &&
        !root.fields.extensions.includes(NAME_CONSTRAINTS) && isValid(root, now)
      ),
    has: (der, now) =>
      all.some((root) => Buffer.compare(root.certificate.raw, der) === 0 && isValid(root, now)),
  };
}

function jidsOf(names: AltNames): Jid[] {
  const jids: Jid[] = [];
  for (const name of names.xmppAddrs) {
    const jid = parseJid(name);
    if (jid !== undefined && jid.isBare) jids.push(jid);
  }
  return jids;
}
