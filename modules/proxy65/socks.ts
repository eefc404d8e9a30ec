/**
 * The server's side of SOCKS5 (RFC 1928) as far as XEP-0065 uses it: no authentication, CONNECT, and
 * in the place of a domain name the digest that names the bytestream.
 */

import { Buffer } from "node:buffer";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const NO_METHOD = 0xff;
const CONNECT = 1;
const DOMAIN_NAME = 3;

/** Replies of RFC 1928 §6. */
export const SUCCEEDED = 0;
export const NOT_ALLOWED = 2;
const COMMAND_NOT_SUPPORTED = 7;
const ADDRESS_NOT_SUPPORTED = 8;

/** Version, a count, and as many methods; or version, command, reserved, type, length, name, port. */
const LONGEST = 2 + 255 + 5 + 255 + 2;

const DIGEST = /^[0-9a-f]{40}$/i;

export type Outcome =
  /** More has to come. */
  | { readonly kind: "more" }
  /** A request; {@link Handshake.reply} answers it. */
  | { readonly kind: "request"; readonly digest: string }
  /** It cannot go on. */
  | { readonly kind: "failed" };

const MORE: Outcome = { kind: "more" };
const FAILED: Outcome = { kind: "failed" };

export class Handshake {
  readonly #write: (bytes: Uint8Array) => void;
  #input = Buffer.alloc(0);
  #greeted = false;
  /** The request from its command on, as a reply has to repeat it. */
  #request = Buffer.alloc(0);

  /** @param write sends to the client */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Takes what has come. After a request or a failure it must not be called again. */
  take(bytes: Uint8Array): Outcome {
    if (this.#input.length + bytes.length > LONGEST) return FAILED;
    this.#input = Buffer.concat([this.#input, bytes]);
    if (!this.#greeted) {
      const outcome = this.#greeting();
      if (outcome !== undefined) return outcome;
    }
    return this.#connect();
  }

  /** Answers the request. The bound address is the one that was asked for (XEP-0065 §6.3.2). */
  reply(status: number): void {
    const reply = Buffer.from(this.#request);
    reply[1] = status;
    this.#write(reply);
  }

  #greeting(): Outcome | undefined {
    const input = this.#input;
    if (input.length > 0 && input[0] !== VERSION) return FAILED;
    if (input.length < 2 || input.length < 2 + input[1]!) return MORE;
    const methods = input.subarray(2, 2 + input[1]!);
    this.#input = input.subarray(2 + input[1]!);
    this.#greeted = true;
    const isFine = methods.includes(NO_AUTHENTICATION);
    this.#write(Buffer.from([VERSION, isFine ? NO_AUTHENTICATION : NO_METHOD]));
    return isFine ? undefined : FAILED;
  }

  #connect(): Outcome {
    const input = this.#input;
    if (input.length > 0 && input[0] !== VERSION) return FAILED;
    if (input.length < 5) return MORE;
    const [, command, , type, length] = input;
    if (command !== CONNECT) return this.#refuse(COMMAND_NOT_SUPPORTED);
    if (type !== DOMAIN_NAME) return this.#refuse(ADDRESS_NOT_SUPPORTED);
    const end = 5 + length! + 2;
    if (input.length < end) return MORE;
    this.#request = input.subarray(0, end);
    const digest = input.toString("latin1", 5, 5 + length!);
    if (!DIGEST.test(digest)) {
      this.reply(NOT_ALLOWED);
      return FAILED;
    }
    return { kind: "request", digest: digest.toLowerCase() };
  }

  #refuse(status: number): Outcome {
    this.#write(Buffer.from([VERSION, status, 0, 1, 0, 0, 0, 0, 0, 0]));
    return FAILED;
  }
}
