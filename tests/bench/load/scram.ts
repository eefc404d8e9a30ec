/**
 * SCRAM-SHA-256 as a client (RFC 5802, RFC 7677). The keys are computed once for each account and kept,
 * as clients do: or the load generator would be busier than the server.
 */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { hashOf, hmac, sameBytes } from "../../../lib/sasl/credentials.ts";

const HASH = "SHA-256";
const HASH_BITS = 256;

interface Keys {
  readonly client: Uint8Array;
  readonly stored: Uint8Array;
  readonly server: Uint8Array;
}

/** By account, salt and rounds. */
const known = new Map<string, Promise<Keys>>();

/** One exchange: what to send first, what to answer, and the check of what comes last. */
export class Scram {
  readonly #name: string;
  readonly #password: string;
  readonly #bare: string;
  #verifier: Uint8Array | undefined;

  /** `name` must need no escaping. */
  constructor(name: string, password: string) {
    this.#name = name;
    this.#password = password;
    this.#bare = `n=${name},r=${randomBytes(18).toString("base64")}`;
  }

  get first(): string {
    return base64(`n,,${this.#bare}`);
  }

  async answer(challenge: string): Promise<string> {
    const serverFirst = Buffer.from(challenge, "base64").toString();
    const [, nonce, salt, rounds] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(serverFirst) ?? [];
    if (rounds === undefined) throw new Error(`no challenge of SCRAM: ${serverFirst}`);
    const id = `${this.#name} ${salt} ${rounds}`;
    let keys = known.get(id);
    if (keys === undefined) {
      known.set(id, keys = deriveKeys(this.#password, salt!, Number(rounds)));
    }
    const { client, stored, server } = await keys;
    const withoutProof = `c=${base64("n,,")},r=${nonce}`;
    const message = `${this.#bare},${serverFirst},${withoutProof}`;
    const signature = hmac(HASH, stored, message);
    this.#verifier = hmac(HASH, server, message);
    return base64(`${withoutProof},p=${base64(client.map((byte, i) => byte ^ signature[i]!))}`);
  }

  /** The server must prove that it knows the account, too. */
  check(success: string): void {
    const [, verifier] = /^v=([^,]+)/.exec(Buffer.from(success, "base64").toString()) ?? [];
    if (!sameBytes(Buffer.from(verifier ?? "", "base64"), this.#verifier!)) {
      throw new Error("the server's signature is wrong");
    }
  }
}

async function deriveKeys(password: string, salt: string, iterations: number): Promise<Keys> {
  const secret = new TextEncoder().encode(password);
  const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: HASH, iterations, salt: Buffer.from(salt, "base64") };
  const salted = new Uint8Array(await crypto.subtle.deriveBits(parameters, key, HASH_BITS));
  const client = hmac(HASH, salted, "Client Key");
  return { client, stored: hashOf(HASH, client), server: hmac(HASH, salted, "Server Key") };
}

function base64(data: string | Uint8Array): string {
  return Buffer.from(data as string).toString("base64");
}
