/** Strict text codings of SASL messages: UTF-8 and base64. */

import { Buffer } from "node:buffer";

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** The octets as text, with a leading U+FEFF kept; undefined if they are not UTF-8. */
export function decodeUtf8(data: Uint8Array): string | undefined {
  try {
    return DECODER.decode(data);
  } catch {
    return undefined;
  }
}

/** The text as UTF-8. */
export function encodeUtf8(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/** The octets as base64 with padding. */
export function encodeBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Base64 by RFC 4648 §4 with nothing forgiven: no white space, full padding, no stray bits after
 * the last octet. Undefined if it is anything else; "" gives no octets.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined;
  const data = Buffer.from(text, "base64");
  return data.toString("base64") === text ? data : undefined;
}
