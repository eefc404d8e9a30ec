/** The server's own certificates, and the door to the check of others' (`chain.ts`). */

import { createPrivateKey, hash, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { ChainOptions, ChainVerdict } from "./chain.ts";

export { nameMatches } from "./names.ts";
export type { ChainOptions, ChainProblem, ChainVerdict } from "./chain.ts";

/** Where a certificate lies. Both may name one file. */
export interface CertificateFiles {
  /** PEM: the leaf first, then its issuers. */
  readonly certFile: string;
  /** PEM, not encrypted. */
  readonly keyFile: string;
}

/** A certificate ready for use. */
export interface LoadedCertificate {
  /** The chain as PEM. */
  readonly cert: string;
  /** The private key as PEM. */
  readonly key: string;
  readonly context: SecureContext;
  /**
   * tls-server-end-point (RFC 5929 §4.1). Undefined where the RFC defines none: the signature uses
   * no hash of its own, as Ed25519. Then channel binding cannot be offered.
   */
  readonly endPointHash: Uint8Array | undefined;
  /** DNS names and IP addresses it is for, in lower case, wildcards as written. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What is wrong with a certificate to be loaded. */
export type CertificateProblem =
  | "missing-file"
  | "unreadable-file"
  | "no-certificate"
  | "malformed-certificate"
  | "no-key"
  | "encrypted-key"
  | "malformed-key"
  | "key-mismatch"
  | "expired"
  | "not-yet-valid";

/** A certificate cannot be used. The message names the file and what to do. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
  readonly problem: CertificateProblem;

  constructor(problem: CertificateProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const KEY = /-----BEGIN ((?:[A-Z]+ )*)PRIVATE KEY-----[^-]+-----END (?:[A-Z]+ )*PRIVATE KEY-----/;

/**
 * Reads a certificate with its key and checks that they can serve.
 *
 * @throws CertificateError
 */
export async function loadCertificate(
  files: CertificateFiles,
  now: Date = new Date(),
): Promise<LoadedCertificate> {
  const { certFile, keyFile } = files;
  const certText = await readText(certFile);
  const keyText = keyFile === certFile ? certText : await readText(keyFile);
  const blocks = certText.match(CERTIFICATE);
  if (blocks === null) {
    throw new CertificateError("no-certificate", `${certFile} holds no PEM certificate`);
  }
  const chain = blocks.map((block) => readCertificateBlock(block, certFile));
  const leaf = chain[0]!;
  const { key, pem } = readKey(keyText, keyFile);
  if (!leaf.checkPrivateKey(key)) {
    throw new CertificateError(
      "key-mismatch",
      `the key in ${keyFile} is not that of the first certificate in ${certFile}`,
    );
  }
  const [notBefore, notAfter] = [new Date(leaf.validFrom), new Date(leaf.validTo)];
  if (now > notAfter) {
    const when = notAfter.toISOString();
    throw new CertificateError("expired", `the certificate in ${certFile} expired on ${when}`);
  }
  if (now < notBefore) {
    const when = notBefore.toISOString();
    throw new CertificateError(
      "not-yet-valid",
      `the certificate in ${certFile} is not valid before ${when}`,
    );
  }
  const cert = blocks.join("\n") + "\n";
  return {
    cert,
    key: pem,
    context: makeContext(cert, pem, certFile),
    endPointHash: await endPointHash(leaf),
    names: namesOf(leaf),
    notBefore,
    notAfter,
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === "ENOENT") throw new CertificateError("missing-file", `${file} does not exist`);
    throw new CertificateError("unreadable-file", `${file} cannot be read: ${code ?? message}`);
  }
}

function readCertificateBlock(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError(
      "malformed-certificate",
      `${file} holds a certificate that cannot be parsed`,
    );
  }
}

function readKey(text: string, file: string): { key: KeyObject; pem: string } {
  const match = KEY.exec(text);
  if (match === null) {
    throw new CertificateError("no-key", `${file} holds no PEM private key`);
  }
  const [pem, kind] = [match[0], match[1]!];
  if (kind.includes("ENCRYPTED") || pem.includes("ENCRYPTED")) {
    throw new CertificateError(
      "encrypted-key",
      `the key in ${file} is encrypted: store it without a passphrase, readable to the server only`,
    );
  }
  try {
    return { key: createPrivateKey(pem), pem: pem + "\n" };
  } catch {
    throw new CertificateError("malformed-key", `the key in ${file} cannot be parsed`);
  }
}

function makeContext(cert: string, key: string, file: string): SecureContext {
  try {
    return createSecureContext({ cert, key });
  } catch (error) {
    throw new CertificateError(
      "malformed-certificate",
      `the certificate in ${file} cannot be used: ${(error as Error).message}`,
    );
  }
}

/** DNS names and addresses of subjectAltName; the common name no longer counts (RFC 6125 §6.4.4). */
function namesOf(leaf: X509Certificate): string[] {
  const names: string[] = [];
  for (const entry of (leaf.subjectAltName ?? "").split(", ")) {
    const colon = entry.indexOf(":");
    const kind = entry.slice(0, colon);
    if (kind === "DNS" || kind === "IP Address") names.push(entry.slice(colon + 1).toLowerCase());
  }
  return names;
}

const RSA_PSS = "1.2.840.113549.1.1.10";

/** The hash function of each signature algorithm, MD5 and SHA-1 replaced (RFC 5929 §4.1). */
const SIGNATURE_HASHES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "sha256",
  "1.2.840.113549.1.1.5": "sha256",
  "1.2.840.113549.1.1.14": "sha224",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.1": "sha256",
  "1.2.840.10045.4.3.1": "sha224",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
};

const DIGESTS: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "sha256",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** tls-server-end-point of a leaf certificate; undefined where RFC 5929 §4.1 defines none. */
export async function endPointHash(leaf: X509Certificate): Promise<Uint8Array | undefined> {
  const oid = (leaf as { signatureAlgorithmOid?: string }).signatureAlgorithmOid ?? "";
  let name = SIGNATURE_HASHES[oid];
  if (oid === RSA_PSS) {
    const { readCertificate } = await import("./x509.ts");
    name = DIGESTS[readCertificate(leaf.raw)?.pssHash ?? ""];
  }
  return name === undefined ? undefined : hash(name, leaf.raw, "buffer");
}

/** Certificates taken from one handshake at most; `verifyChain` refuses so many. */
const MAX_PRESENTED = 11;

/**
 * The chain that a TLS peer has presented, the leaf first, unverified; empty if there was none. A
 * server must have asked for it: `requestCert: true, rejectUnauthorized: false`. The runtime may add
 * an issuer from the context's `ca`.
 */
export function presentedChain(socket: Pick<TLSSocket, "getPeerCertificate">): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined | null = socket.getPeerCertificate(true);
  // A root is its own issuer, which would go round for ever.
  const seen = new Set<unknown>();
  while (next?.raw !== undefined && !seen.has(next) && chain.length < MAX_PRESENTED) {
    seen.add(next);
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}

/**
 * Verifies a client's, or a peer server's, certificate chain: see `verifyChain`. The code for it is
 * loaded at the first use.
 *
 * @param chainDer the leaf first
 * @param trustedRootsPem keep the array: it is parsed once
 */
export async function verifyClientCertificate(
  chainDer: readonly Uint8Array[],
  trustedRootsPem: readonly string[],
  now: Date = new Date(),
  options: ChainOptions = {},
): Promise<ChainVerdict> {
  const { verifyChain } = await import("./chain.ts");
  return verifyChain(chainDer, trustedRootsPem, now, options);
}
