/** Logging in by XEP-0388, as a client does it: requests to send, and proofs. */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { TestClient } from "./client.ts";
import { connect } from "./client.ts";
import { base64 } from "./sasl.ts";
import type { TestServer } from "./server.ts";
import type { Tag } from "./xml.ts";

export const SASL2 = "urn:xmpp:sasl:2";
export const BIND2 = "urn:xmpp:bind:0";
export const FAST = "urn:xmpp:fast:0";
export const UPGRADE = "urn:xmpp:sasl:upgrade:0";
export const SCRAM_UPGRADE = "urn:xmpp:scram-upgrade:0";

/** Two installations of a client. */
export const PHONE = "d4565fa7-4d72-4749-b3d3-740edbf87770";
export const LAPTOP = "0b1c4c4e-7d5f-4a39-8c7e-0c4f3b1f6a55";

const NOTHING: Uint8Array = new Uint8Array();

export function userAgent(id: string, software = "", device = ""): string {
  return `<user-agent id='${id}'>` +
    (software === "" ? "" : `<software>${software}</software>`) +
    (device === "" ? "" : `<device>${device}</device>`) + "</user-agent>";
}

/** `<authenticate/>`; an initial response that is undefined is left out. */
export function authenticate(
  mechanism: string,
  initial: string | Uint8Array | undefined,
  inside = "",
): string {
  const first = initial === undefined
    ? ""
    : `<initial-response>${base64(initial)}</initial-response>`;
  return `<authenticate xmlns='${SASL2}' mechanism='${mechanism}'>${first}${inside}</authenticate>`;
}

export function plain(name: string, password: string, inside = ""): string {
  return authenticate("PLAIN", `\0${name}\0${password}`, inside);
}

/** A login by a token (HT-SHA-256-NONE, or -ENDP with the data of the channel). */
export function byToken(
  name: string,
  token: string,
  inside = "",
  { fast = "", mechanism = "HT-SHA-256-NONE", binding = NOTHING } = {},
): string {
  const mac = createHmac("sha256", token).update("Initiator").update(binding).digest();
  const message = Buffer.concat([Buffer.from(`${name}\0`), mac]);
  return authenticate(mechanism, message, `${inside}<fast xmlns='${FAST}' ${fast}/>`);
}

/** What a server that knows the token says in its success. */
export function tokenAnswer(token: string, binding = NOTHING): string {
  return createHmac("sha256", token).update("Responder").update(binding).digest("base64");
}

/** A connection over TLS with an open stream. */
export async function secured(
  server: TestServer,
  header: Record<string, string | undefined> = {},
): Promise<TestClient> {
  const client = await connect(server, { tls: "direct" });
  await client.open(header);
  return client;
}

const HASHES = {
  "SHA-1": ["sha1", 20],
  "SHA-256": ["sha256", 32],
  "SHA-512": ["sha512", 64],
} as const;
export type Hash = keyof typeof HASHES;

const salted = new Map<string, Uint8Array>();

/** PBKDF2; computed once, as clients do that remember it. */
export function saltedPassword(
  hash: Hash,
  password: string,
  salt: string,
  rounds: number,
): Uint8Array {
  const key = `${hash} ${rounds} ${salt} ${password}`;
  let known = salted.get(key);
  if (known === undefined) {
    const [name, bytes] = HASHES[hash];
    known = pbkdf2Sync(password, Buffer.from(salt, "base64"), rounds, bytes, name);
    salted.set(key, known);
  }
  return known;
}

/**
 * Runs SCRAM on an open stream; what comes after the proof is the caller's to receive.
 *
 * @param binding data of tls-server-end-point: -PLUS
 * @returns the server's signature, in base64 as additional data should have it
 */
export async function scram(
  client: TestClient,
  hash: Hash,
  name: string,
  password: string,
  inside = "",
  binding?: Uint8Array,
): Promise<{ readonly data: string; readonly serverFirst: string }> {
  const [digest] = HASHES[hash];
  const nonce = randomBytes(18).toString("base64");
  const bare = `n=${name},r=${nonce}`;
  const header = binding === undefined ? "n,," : "p=tls-server-end-point,,";
  const mechanism = `SCRAM-${hash}${binding === undefined ? "" : "-PLUS"}`;
  client.send(authenticate(mechanism, header + bare, inside));
  const { text } = await client.receives(`<challenge xmlns='${SASL2}'>{text}</challenge>`);
  const serverFirst = Buffer.from(text!, "base64").toString();
  const { r, s, i } = Object.fromEntries(
    serverFirst.split(",").map((part) => [part[0]!, part.slice(2)]),
  );
  const derived = saltedPassword(hash, password, s!, Number(i));
  const hmac = (key: Uint8Array, data: string) => createHmac(digest, key).update(data).digest();
  const clientKey = hmac(derived, "Client Key");
  const channel = Buffer.concat([Buffer.from(header), binding ?? new Uint8Array()]);
  const final = `c=${base64(channel)},r=${r}`;
  const message = `${bare},${serverFirst},${final}`;
  const signature = hmac(createHash(digest).update(clientKey).digest(), message);
  const proof = base64(clientKey.map((byte, at) => byte ^ signature[at]!));
  client.send(`<response xmlns='${SASL2}'>${base64(`${final},p=${proof}`)}</response>`);
  const verifier = hmac(hmac(derived, "Server Key"), message).toString("base64");
  return { data: base64(`v=${verifier}`), serverFirst };
}

/** Takes the success and the features behind it; the client then knows its address. */
export async function succeeds(client: TestClient, pattern = ""): Promise<Tag> {
  await client.receives(
    `<success xmlns='${SASL2}'><authorization-identifier>{jid}</authorization-identifier>` +
      `${pattern}</success>`,
  );
  const success = client.last;
  const jid = success.child("authorization-identifier")!.text();
  if (jid.includes("/")) client.jid = jid;
  await client.features();
  return success;
}

/** `<failure/>` with that condition. */
export function failure(condition: string, inside = ""): string {
  return `<failure xmlns='${SASL2}'>` +
    `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>${inside}</failure>`;
}
