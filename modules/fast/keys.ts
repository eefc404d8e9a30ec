/**
 * Where tokens come from. HT-* needs the token itself to check a proof, so no hash of it would do in
 * the database. Instead it is computed, each time, from a random nonce that is stored and a key that
 * need not be: with a key in a file of the operator's, a copy of the database opens no account.
 */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { hmac } from "../../lib/sasl/credentials.ts";
import { encodeUtf8 } from "../../lib/sasl/text.ts";
import type { Key } from "./table.ts";

/** Least octets of a key file. */
const KEY_BYTES = 32;

const NONCE_BYTES = 24;

export function makeNonce(): string {
  return randomBytes(NONCE_BYTES).toString("base64url");
}

/** The token of a nonce: 256 bits in base64url. */
export function tokenOf(key: Uint8Array, { host, node, client, nonce }: Key): string {
  const digest = hmac("SHA-256", key, `fast token\0${host}\0${node}\0${client}\0${nonce}`);
  return Buffer.from(digest).toString("base64url");
}

/** The key in a file, white space around it ignored. @throws Error if it is too short */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  const key = encodeUtf8((await Deno.readTextFile(path)).trim());
  if (key.length < KEY_BYTES) {
    throw new Error(`${path} is no key: it has ${key.length} characters, ${KEY_BYTES} are needed`);
  }
  return key;
}
