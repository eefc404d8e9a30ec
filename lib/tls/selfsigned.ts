/** Self-signed certificates for hosts that have none, and their upkeep in a directory. */

import type * as Asn1 from "asn1js";
import { Buffer } from "node:buffer";
import { createHash, generateKeyPair, randomBytes, sign, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import {
  CertificateError,
  type CertificateFiles,
  loadCertificate,
  type LoadedCertificate,
} from "./certificate.ts";
import { asciiDomain } from "./names.ts";

/** What to certify. */
export interface SelfSignedOptions {
  /** Domains, in Unicode or ASCII, or IP addresses. The first becomes the common name too. */
  readonly names: readonly string[];
  /** Days of validity from now. Default 365. */
  readonly days?: number;
  /** Default: now. */
  readonly now?: Date;
}

/** A certificate with its key, as PEM. */
export interface SelfSigned {
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * Days before its end at which a kept certificate is made anew; the last third of its life if that
 * is shorter.
 */
export const renewalDays = 30;

const DEFAULT_DAYS = 365;
const DAY_MS = 86_400_000;
/** A peer's clock may be behind ours by so much. */
const SKEW_MS = 3_600_000;
/** Characters of a common name at most (RFC 5280 appendix A.1, ub-common-name). */
const MAX_COMMON_NAME = 64;

const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const COMMON_NAME = "2.5.4.3";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/**
 * Makes an ECDSA P-256 key and a certificate signed by itself.
 *
 * It is an end entity's and no CA's: TLS stacks refuse a CA's certificate as that of a server, and
 * take an end entity's as trusted when it is the very one the user trusts. It is marked for servers,
 * and for clients too since it is also shown on streams to other servers.
 *
 * @throws RangeError if there is no name, or one is neither a domain nor an address
 */
export async function makeSelfSigned(options: SelfSignedOptions): Promise<SelfSigned> {
  const names = certificateNames(options.names);
  const asn1 = await import("asn1js");
  const key = await newKey();
  const now = options.now ?? new Date();
  const algorithm = new asn1.Sequence({ value: [oid(asn1, ECDSA_SHA256)] });
  const subject = distinguishedName(asn1, names[0]!);
  const body = new asn1.Sequence({
    value: [
      tagged(asn1, 0, [new asn1.Integer({ value: 2 })]),
      serialNumber(asn1),
      algorithm,
      subject,
      new asn1.Sequence({
        value: [
          time(asn1, now.getTime() - SKEW_MS),
          time(asn1, now.getTime() + (options.days ?? DEFAULT_DAYS) * DAY_MS),
        ],
      }),
      subject,
      asn1.fromBER(exact(key.spki)).result as Asn1.Sequence,
      tagged(asn1, 3, [extensions(asn1, names, key.spki)]),
    ],
  });
  const signature = sign("sha256", new Uint8Array(body.toBER()), key.pem);
  const certificate = new asn1.Sequence({
    value: [body, algorithm, new asn1.BitString({ valueHex: exact(signature) })],
  });
  return { certPem: pem("CERTIFICATE", certificate.toBER()), keyPem: key.pem };
}

/** The names in the form of certificates, without repetition; localhost brings its addresses. */
function certificateNames(names: readonly string[]): string[] {
  const found = new Set<string>();
  for (const name of names) {
    const bare = name.replace(/^\[|\]$/g, "");
    const ascii = isIP(bare) === 0 ? asciiDomain(name) : bare.toLowerCase();
    if (ascii === undefined || !/^[a-z0-9.:-]+$/.test(ascii.replace(/^\*\./, ""))) {
      throw new RangeError(`"${name}" is no name for a certificate`);
    }
    found.add(ascii);
    if (ascii === "localhost") found.add("127.0.0.1").add("::1");
  }
  if (found.size === 0) throw new RangeError("a certificate needs a name");
  return [...found];
}

function newKey(): Promise<{ pem: string; spki: Uint8Array }> {
  return new Promise((resolve, reject) => {
    generateKeyPair("ec", { namedCurve: "P-256" }, (error, publicKey, privateKey) => {
      if (error) return reject(error);
      resolve({
        pem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
        spki: publicKey.export({ type: "spki", format: "der" }),
      });
    });
  });
}

/** A copy in a buffer of just that size, which the ASN.1 library takes whole. */
function exact(data: Uint8Array): ArrayBuffer {
  return new Uint8Array(data).buffer;
}

function oid(asn1: typeof Asn1, value: string): Asn1.ObjectIdentifier {
  return new asn1.ObjectIdentifier({ value });
}

function tagged(asn1: typeof Asn1, tagNumber: number, value: Asn1.BaseBlock[]): Asn1.Constructed {
  return new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: value as never });
}

/** 16 random octets, positive and without a leading zero whatever they are (RFC 5280 §4.1.2.2). */
function serialNumber(asn1: typeof Asn1): Asn1.Integer {
  const octets = randomBytes(16);
  octets[0] = (octets[0]! & 0x7f) | 0x40;
  return new asn1.Integer({ valueHex: exact(octets), isHexOnly: true });
}

/** Whole seconds; UTCTime up to 2049 (RFC 5280 §4.1.2.5). */
function time(asn1: typeof Asn1, ms: number): Asn1.BaseBlock {
  const valueDate = new Date(Math.floor(ms / 1000) * 1000);
  return valueDate.getUTCFullYear() < 2050
    ? new asn1.UTCTime({ valueDate })
    : new asn1.GeneralizedTime({ valueDate });
}

function distinguishedName(asn1: typeof Asn1, name: string): Asn1.Sequence {
  const value = name.length <= MAX_COMMON_NAME ? name : name.slice(0, MAX_COMMON_NAME);
  const attribute = new asn1.Sequence({
    value: [oid(asn1, COMMON_NAME), new asn1.Utf8String({ value })],
  });
  return new asn1.Sequence({ value: [new asn1.Set({ value: [attribute] })] });
}

function extensions(
  asn1: typeof Asn1,
  names: readonly string[],
  spki: Uint8Array,
): Asn1.Sequence {
  const one = (id: string, critical: boolean, value: Asn1.BaseBlock) =>
    new asn1.Sequence({
      value: [
        oid(asn1, id),
        ...(critical ? [new asn1.Boolean({ value: true })] : []),
        new asn1.OctetString({ valueHex: value.toBER() }),
      ],
    });
  const digitalSignature = new Uint8Array([0x80]).buffer;
  const keyId = createHash("sha1").update(spki).digest();
  return new asn1.Sequence({
    value: [
      one("2.5.29.19", true, new asn1.Sequence({ value: [] })), // basicConstraints: no CA
      one("2.5.29.15", true, new asn1.BitString({ valueHex: digitalSignature, unusedBits: 7 })),
      one(
        "2.5.29.37",
        false,
        new asn1.Sequence({ value: [oid(asn1, SERVER_AUTH), oid(asn1, CLIENT_AUTH)] }),
      ),
      one(
        "2.5.29.17",
        false,
        new asn1.Sequence({ value: names.map((name) => generalName(asn1, name)) }),
      ),
      one("2.5.29.14", false, new asn1.OctetString({ valueHex: exact(keyId) })),
    ],
  });
}

function generalName(asn1: typeof Asn1, name: string): Asn1.Primitive {
  const ip = isIP(name) !== 0;
  const valueHex = exact(ip ? ipOctets(name) : Buffer.from(name, "latin1"));
  return new asn1.Primitive({ idBlock: { tagClass: 3, tagNumber: ip ? 7 : 2 }, valueHex });
}

function ipOctets(address: string): Uint8Array {
  if (isIP(address) === 4) return new Uint8Array(address.split(".").map(Number));
  // The URL parser writes an embedded IPv4 address in hexadecimal too.
  const host = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head, tail] = host.split("::").map((part) => part === "" ? [] : part.split(":"));
  const rest = tail ?? [];
  const groups = [...head!, ...new Array(8 - head!.length - rest.length).fill("0"), ...rest];
  return new Uint8Array(groups.flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  }));
}

function pem(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * The certificate for these names kept in a directory as `NAME.crt` and `NAME.key`, after the first
 * name. It is made, or made anew if it is unusable, for other names, or near its end. One that
 * somebody else issued is used as it is and never overwritten. Several processes may ask at once:
 * one makes it.
 *
 * @throws RangeError for names that cannot be certified, CertificateError for an issued certificate
 *   that cannot serve, or what the file system says
 */
export async function ensureCertificate(
  directory: string,
  names: readonly string[],
  options: { readonly days?: number; readonly now?: Date } = {},
): Promise<CertificateFiles & { readonly certificate: LoadedCertificate }> {
  const wanted = certificateNames(names);
  // Neither "/" nor "\" can be in it, and "*" and ":" are better kept out of file names.
  const name = wanted[0]!.replace(/[*:]/g, "_");
  const files = {
    certFile: join(directory, `${name}.crt`),
    keyFile: join(directory, `${name}.key`),
  };
  const now = options.now ?? new Date();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  using lock = await Deno.open(join(directory, `${name}.lock`), { create: true, write: true });
  await lock.lock(true);
  const kept = await loadKept(files, wanted, now);
  if (kept !== undefined) return { ...files, certificate: kept };
  const made = await makeSelfSigned({ names: wanted, days: options.days, now });
  await writePrivately(files.keyFile, made.keyPem, 0o600);
  await writePrivately(files.certFile, made.certPem, 0o644);
  return { ...files, certificate: await loadCertificate(files, now) };
}

/** The certificate in the files if it can go on serving. */
async function loadKept(
  files: CertificateFiles,
  wanted: readonly string[],
  now: Date,
): Promise<LoadedCertificate | undefined> {
  try {
    const kept = await loadCertificate(files, now);
    if (!isSelfIssued(kept.cert)) return kept;
    const same = [...kept.names].sort().join() === [...wanted].sort().join();
    return same && isFresh(kept, now) ? kept : undefined;
  } catch (error) {
    if (!(error instanceof CertificateError) || error.problem === "unreadable-file") throw error;
    if (!await mayReplace(files.certFile)) throw error;
    return undefined;
  }
}

function isFresh({ notBefore, notAfter }: LoadedCertificate, now: Date): boolean {
  const life = notAfter.getTime() - notBefore.getTime();
  return notAfter.getTime() - now.getTime() > Math.min(renewalDays * DAY_MS, life / 3);
}

function isSelfIssued(certPem: string): boolean {
  const { subject, issuer } = new X509Certificate(certPem);
  return subject === issuer;
}

/** False if the file holds a certificate that we cannot have made. */
async function mayReplace(certFile: string): Promise<boolean> {
  try {
    return isSelfIssued(await readFile(certFile, "utf8"));
  } catch {
    return true;
  }
}

/** Writes beside the file and renames, so that nobody reads half of it. */
async function writePrivately(file: string, text: string, mode: number): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, "w", mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
}
