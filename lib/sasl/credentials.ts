/**
 * Stored SCRAM keys: made from passwords, checked against them, and written as text (RFC 5802 §3,
 * RFC 5803 §2).
 */

import { createHmac, hash as digest, randomBytes, timingSafeEqual } from "node:crypto";
import { prepPassword } from "../jid.ts";
import { decodeBase64, encodeBase64 } from "./text.ts";

/** The hash functions of the SCRAM family that are spoken here, named as in the mechanism. */
export type ScramHash = "SHA-1" | "SHA-256" | "SHA-512";

/** All hashes, the strongest first. */
export const scramHashes: readonly ScramHash[] = ["SHA-512", "SHA-256", "SHA-1"];

/** What the server keeps of a password for one hash: enough to check it, not enough to use it. */
export interface ScramKeys {
  readonly hash: ScramHash;
  /** PBKDF2 rounds, as announced to the client. */
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** PBKDF2 rounds of new keys where the configuration names no other number. */
export const defaultIterations = 10_000;

/** Octets of the salt of new keys, and of the pretended salts of unknown accounts. */
export const saltBytes = 16;

/** Rounds above which keys are refused: some clients would compute for minutes. */
export const maxIterations = 10_000_000;

const HASH_BYTES: Readonly<Record<ScramHash, number>> = {
  "SHA-1": 20,
  "SHA-256": 32,
  "SHA-512": 64,
};
const NODE_NAMES: Readonly<Record<ScramHash, string>> = {
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-512": "sha512",
};

const ENCODER = new TextEncoder();

/** Octets of a digest of this hash. */
export function hashBytes(hash: ScramHash): number {
  return HASH_BYTES[hash];
}

/** HMAC over a text or octets. */
export function hmac(hash: ScramHash, key: Uint8Array, data: string | Uint8Array): Uint8Array {
  return createHmac(NODE_NAMES[hash], key).update(data).digest();
}

/** The plain hash of a text or octets. */
export function hashOf(hash: ScramHash, data: string | Uint8Array): Uint8Array {
  return digest(NODE_NAMES[hash], data, "buffer");
}

/** Compares without telling by time where two values differ; only lengths are no secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/**
 * Derives the keys of a password, which is prepared by RFC 8265 first. The rounds are counted off
 * the event loop.
 *
 * @param salt default: fresh random octets
 * @throws RangeError if the password is not one that RFC 8265 §4.2 allows, or the number of
 *   iterations is out of range
 */
export async function deriveKeys(
  password: string,
  hash: ScramHash,
  iterations: number = defaultIterations,
  salt: Uint8Array = randomBytes(saltBytes),
): Promise<ScramKeys> {
  const prepared = prepPassword(password);
  if (prepared === undefined) throw new RangeError("the password has characters not allowed");
  if (!(iterations >= 1 && iterations <= maxIterations && Number.isInteger(iterations))) {
    throw new RangeError(`iterations must be a whole number from 1 to ${maxIterations}`);
  }
  return keysOfSalted(await saltedPassword(prepared, hash, iterations, salt), {
    hash,
    iterations,
    salt,
  });
}

/** The keys that follow from a SaltedPassword (RFC 5802 §3), which a client may compute itself. */
export function keysOfSalted(
  salted: Uint8Array,
  { hash, iterations, salt }: Pick<ScramKeys, "hash" | "iterations" | "salt">,
): ScramKeys {
  const clientKey = hmac(hash, salted, "Client Key");
  return {
    hash,
    iterations,
    salt,
    storedKey: hashOf(hash, clientKey),
    serverKey: hmac(hash, salted, "Server Key"),
  };
}

/**
 * True if the keys were made from this password. Without keys (no such account, or a disabled one)
 * the answer is false after the same work, so that time does not tell which names exist.
 *
 * @param pretend what to compute without keys: as for the accounts that do exist
 */
export async function verifyPassword(
  keys: ScramKeys | undefined,
  password: string,
  pretend: { readonly hash: ScramHash; readonly iterations: number } = {
    hash: "SHA-256",
    iterations: defaultIterations,
  },
): Promise<boolean> {
  const prepared = prepPassword(password);
  if (prepared === undefined) return false;
  const { hash, iterations } = keys ?? pretend;
  const salted = await saltedPassword(prepared, hash, iterations, keys?.salt ?? NO_SALT);
  const storedKey = hashOf(hash, hmac(hash, salted, "Client Key"));
  return sameBytes(storedKey, keys?.storedKey ?? new Uint8Array(HASH_BYTES[hash])) &&
    keys !== undefined;
}

const NO_SALT = new Uint8Array(saltBytes);

/** PBKDF2 (`Hi` of RFC 5802 §2.2) by WebCrypto, which is faster than node:crypto and off-thread. */
async function saltedPassword(
  prepared: string,
  hash: ScramHash,
  iterations: number,
  salt: Uint8Array,
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", ENCODER.encode(prepared), "PBKDF2", false, [
    "deriveBits",
  ]);
  const parameters = { name: "PBKDF2", hash, iterations, salt: new Uint8Array(salt) };
  return new Uint8Array(
    await crypto.subtle.deriveBits(parameters, key, HASH_BYTES[hash] * 8),
  );
}

/**
 * Keys as one line of text, in the syntax of RFC 5803 §2:
 * `SCRAM-SHA-256$10000:<salt>$<stored key>:<server key>`, the octets in base64.
 */
export function encodeKeys(keys: ScramKeys): string {
  return `SCRAM-${keys.hash}$${keys.iterations}:${encodeBase64(keys.salt)}$` +
    `${encodeBase64(keys.storedKey)}:${encodeBase64(keys.serverKey)}`;
}

const ENCODED = /^SCRAM-(SHA-1|SHA-256|SHA-512)\$([1-9][0-9]{0,7}):([^$:]+)\$([^$:]+):([^$:]+)$/;

/**
 * The reverse of `encodeKeys`.
 *
 * @throws SyntaxError if the text is no such line; the message does not repeat it
 */
export function decodeKeys(text: string): ScramKeys {
  const match = ENCODED.exec(text);
  if (match === null) throw new SyntaxError("malformed SCRAM keys");
  const hash = match[1] as ScramHash;
  const iterations = Number(match[2]);
  const salt = decodeBase64(match[3]!);
  const storedKey = decodeBase64(match[4]!);
  const serverKey = decodeBase64(match[5]!);
  if (
    salt === undefined || iterations > maxIterations ||
    storedKey?.length !== HASH_BYTES[hash] || serverKey?.length !== HASH_BYTES[hash]
  ) throw new SyntaxError("malformed SCRAM keys");
  return { hash, iterations, salt, storedKey, serverKey };
}

/**
 * Keys for a name that has none: the same each time for one name and secret, and looking like any
 * other, so that a client cannot tell which accounts exist (RFC 5802 §9 leaves this to the server).
 */
export function pretendKeys(
  secret: Uint8Array,
  node: string,
  hash: ScramHash,
  iterations: number,
): ScramKeys {
  const stream = hmac("SHA-512", secret, `${hash}\0${node}`);
  // Nobody knows a password for this key: it is no digest of one. It is never sent.
  const key = stream.subarray(stream.length - HASH_BYTES[hash]);
  return { hash, iterations, salt: stream.subarray(0, saltBytes), storedKey: key, serverKey: key };
}
