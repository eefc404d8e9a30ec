/** Logging in, as a client does it: PLAIN (RFC 4616) and SCRAM (RFC 5802) without channel binding. */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import type { TestClient } from "./client.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

export type Mechanism = "SCRAM-SHA-512" | "SCRAM-SHA-256" | "SCRAM-SHA-1" | "PLAIN";

const HASHES = {
  "SCRAM-SHA-512": { name: "sha512", bytes: 64 },
  "SCRAM-SHA-256": { name: "sha256", bytes: 32 },
  "SCRAM-SHA-1": { name: "sha1", bytes: 20 },
} as const;

export function base64(text: string | Uint8Array): string {
  return Buffer.from(text as string).toString("base64");
}

/** Authenticates on an open stream; the caller opens the next one. */
export async function authenticate(
  client: TestClient,
  name: string,
  password: string,
  mechanism: Mechanism,
): Promise<void> {
  if (mechanism === "PLAIN") {
    client.send(
      `<auth xmlns='${SASL}' mechanism='PLAIN'>${base64(`\0${name}\0${password}`)}</auth>`,
    );
    await client.receives(`<success xmlns='${SASL}'/>`);
    return;
  }
  const clientNonce = randomBytes(18).toString("base64");
  const bare = `n=${name.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${clientNonce}`;
  client.send(`<auth xmlns='${SASL}' mechanism='${mechanism}'>${base64(`n,,${bare}`)}</auth>`);
  const { challenge } = await client.receives(`<challenge xmlns='${SASL}'>{challenge}</challenge>`);
  const serverFirst = Buffer.from(challenge!, "base64").toString();
  const { r, s, i } = attributes(serverFirst);
  if (!r!.startsWith(clientNonce) || r === clientNonce) {
    throw new Error("the server's nonce is wrong");
  }
  const { name: hash, bytes } = HASHES[mechanism];
  const salted = await saltedPassword(password, s!, Number(i), hash, bytes);
  const hmac = (key: Uint8Array, text: string) => createHmac(hash, key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash(hash).update(clientKey).digest();
  const final = `c=${base64("n,,")},r=${r}`;
  const authMessage = `${bare},${serverFirst},${final}`;
  const signature = hmac(storedKey, authMessage);
  const proof = clientKey.map((byte, at) => byte ^ signature[at]!);
  client.send(`<response xmlns='${SASL}'>${base64(`${final},p=${base64(proof)}`)}</response>`);
  const { success } = await client.receives(`<success xmlns='${SASL}'>{success}</success>`);
  const { v } = attributes(Buffer.from(success!, "base64").toString());
  const expected = hmac(hmac(salted, "Server Key"), authMessage);
  if (!timingSafeEqual(Buffer.from(v!, "base64"), expected)) {
    throw new Error("the server does not know the password");
  }
}

function attributes(message: string): Record<string, string> {
  return Object.fromEntries(message.split(",").map((part) => [part[0], part.slice(2)]));
}

const cache = new Map<string, Promise<Uint8Array>>();

function saltedPassword(
  password: string,
  salt: string,
  rounds: number,
  hash: string,
  bytes: number,
): Promise<Uint8Array> {
  const key = `${hash} ${rounds} ${salt} ${password}`;
  let salted = cache.get(key);
  if (salted === undefined) {
    salted = new Promise((resolve, reject) => {
      pbkdf2(password, Buffer.from(salt, "base64"), rounds, bytes, hash, (e, result) => {
        if (e === null) resolve(result);
        else reject(e);
      });
    });
    cache.set(key, salted);
  }
  return salted;
}
