/** SASL mechanisms of the server side (RFC 4422): what they may ask, what they answer. */

import type { Jid } from "../jid.ts";
import type { Later } from "../later.ts";
import { anonymous } from "./anonymous.ts";
import type { ScramHash, ScramKeys } from "./credentials.ts";
import { external } from "./external.ts";
import { plain } from "./plain.ts";
import { scram } from "./scram.ts";

/** What a mechanism may know and ask. All lookups may be asynchronous. */
export interface SaslContext {
  /** The host that the stream was opened to, prepared. */
  readonly domain: string;
  /** True if TLS is on. */
  readonly secure: boolean;
  /** The data of the one channel binding there is; undefined without TLS. */
  readonly channelBinding:
    | { readonly type: "tls-server-end-point"; readonly data: Uint8Array }
    | undefined;
  /** The mechanisms as advertised on this stream. A name that is not among them is not made. */
  readonly offeredMechanisms: readonly string[];
  /** The channel-binding types as advertised (XEP-0440); empty if that feature was not sent. */
  readonly offeredBindings: readonly string[];
  /** Verified identities of the client's certificate; undefined if none was presented or trusted. */
  readonly certificateJids: readonly Jid[] | undefined;
  /** Key of the pretended salts of unknown names: random, the same on all nodes and after restarts. */
  readonly pretendSecret: Uint8Array;
  /** Rounds to announce for unknown names: what new accounts get. Default `defaultIterations`. */
  readonly pretendIterations?: number;
  /** Send the hash of XEP-0474 in SCRAM. Default true. */
  readonly downgradeProtection?: boolean;
  /** Longest message taken from a client, in octets. Default `defaultMaxMessageBytes`. */
  readonly maxMessageBytes?: number;
  /** SCRAM keys of an account; undefined if there are none, it is unknown or disabled. */
  scramKeys(node: string, hash: ScramHash): Later<ScramKeys | undefined>;
  /** Checks a prepared password. Must cost the same for an unknown name: see `verifyPassword`. */
  checkPassword(node: string, password: string): Later<boolean>;
  /** True for an account that may log in. EXTERNAL asks it; absent: every name will do. */
  accountExists?(node: string): Later<boolean>;
  /** A fresh localpart for ANONYMOUS; absent: the mechanism is not made. */
  anonymousNode?(): Later<string>;
  /** The server's part of a SCRAM nonce; for tests. Default: 18 random octets in base64. */
  serverNonce?(): string;
}

/** The failure conditions of RFC 6120 §6.5. */
export type SaslCondition =
  | "aborted"
  | "account-disabled"
  | "credentials-expired"
  | "encryption-required"
  | "incorrect-encoding"
  | "invalid-authzid"
  | "invalid-mechanism"
  | "malformed-request"
  | "mechanism-too-weak"
  | "not-authorized"
  | "temporary-auth-failure";

/** How an exchange failed. The text is for whoever reads a client's log, in English. */
export interface SaslFailure {
  readonly kind: "failure";
  readonly condition: SaslCondition;
  readonly text?: string;
  /**
   * The prepared name that was tried, if it came so far. Set only on failed proofs and passwords:
   * these are what `Throttle.failed` counts.
   */
  readonly node?: string;
}

/** What to send next. */
export type SaslStep =
  | { readonly kind: "challenge"; readonly data: Uint8Array }
  | {
    readonly kind: "success";
    /** The prepared localpart of the account. */
    readonly node: string;
    /** The bare JID the client asked to act as, always that of the account. */
    readonly authzid?: string;
    /** Additional data with success. */
    readonly data?: Uint8Array;
  }
  | SaslFailure;

/** One exchange. A mechanism is used up by a success or failure. */
export interface Mechanism {
  /**
   * Takes the decoded initial response, or response, and says what to send. All mechanisms here
   * speak first on the client's side: an absent initial response (`undefined`, not the empty one
   * sent as "=") is answered with an empty challenge (RFC 6120 §6.4.2).
   */
  step(input: Uint8Array | undefined): Later<SaslStep>;
}

/** Octets that one message of a client may have at most. */
export const defaultMaxMessageBytes = 8192;

/** Channel-binding types to advertise next to mechanisms with -PLUS (XEP-0440). */
export const bindingTypes: readonly string[] = ["tls-server-end-point"];

/** All mechanisms in the order of preference. */
export const allMechanisms: readonly string[] = [
  "EXTERNAL",
  "SCRAM-SHA-512-PLUS",
  "SCRAM-SHA-256-PLUS",
  "SCRAM-SHA-1-PLUS",
  "SCRAM-SHA-512",
  "SCRAM-SHA-256",
  "SCRAM-SHA-1",
  "PLAIN",
  "ANONYMOUS",
];

/** What decides which mechanisms a stream is offered. */
export interface OfferOptions {
  /** True if TLS is on. */
  readonly secure: boolean;
  /** True if channel-binding data can be had. */
  readonly channelBinding: boolean;
  /** Names the configuration allows; `SCRAM-X` allows `SCRAM-X-PLUS` too. */
  readonly enabled: readonly string[];
  /** PLAIN without TLS too. Default false (RFC 6120 §13.8.3). */
  readonly allowPlaintext?: boolean;
  /** True if the client has shown a certificate that verifies (XEP-0178 §2 step 9). */
  readonly certificate?: boolean;
}

/** The names to offer, in the order of preference. */
export function mechanisms(options: OfferOptions): string[] {
  return allMechanisms.filter((name) => isOffered(name, options));
}

function isOffered(name: string, options: OfferOptions): boolean {
  const { enabled, secure } = options;
  if (name.endsWith("-PLUS")) {
    if (!secure || !options.channelBinding) return false;
    return enabled.includes(name) || enabled.includes(name.slice(0, -"-PLUS".length));
  }
  if (!enabled.includes(name)) return false;
  if (name === "EXTERNAL") return secure && options.certificate === true;
  if (name === "PLAIN") return secure || options.allowPlaintext === true;
  return true;
}

/**
 * Starts an exchange. Undefined (`invalid-mechanism`) if the name is unknown, was not offered, or
 * lacks what it needs.
 */
export function createMechanism(name: string, context: SaslContext): Mechanism | undefined {
  if (!context.offeredMechanisms.includes(name)) return undefined;
  const mechanism = make(name, context);
  return mechanism && guarded(mechanism, context.maxMessageBytes);
}

function make(name: string, context: SaslContext): Mechanism | undefined {
  switch (name) {
    case "SCRAM-SHA-512-PLUS":
    case "SCRAM-SHA-512":
      return scram("SHA-512", name.endsWith("-PLUS"), context);
    case "SCRAM-SHA-256-PLUS":
    case "SCRAM-SHA-256":
      return scram("SHA-256", name.endsWith("-PLUS"), context);
    case "SCRAM-SHA-1-PLUS":
    case "SCRAM-SHA-1":
      return scram("SHA-1", name.endsWith("-PLUS"), context);
    case "PLAIN":
      return plain(context);
    case "EXTERNAL":
      return external(context);
    case "ANONYMOUS":
      return anonymous(context);
  }
  return undefined;
}

const NOTHING = new Uint8Array(0);

/** Adds what all mechanisms share: the absent initial response, the size limit, and an end. */
export function guarded(mechanism: Mechanism, maxBytes = defaultMaxMessageBytes): Mechanism {
  let begun = false;
  let ended = false;
  const watch = (step: SaslStep): SaslStep => {
    ended = step.kind !== "challenge";
    return step;
  };
  return {
    step(input) {
      if (ended) return { kind: "failure", condition: "malformed-request", text: "already over" };
      if (input === undefined && !begun) {
        begun = true;
        return { kind: "challenge", data: NOTHING };
      }
      begun = true;
      if (input === undefined || input.byteLength > maxBytes) {
        return watch({ kind: "failure", condition: "malformed-request" });
      }
      // Until the answer is there, nothing else may be asked of this exchange.
      ended = true;
      const step = mechanism.step(input);
      return step instanceof Promise ? step.then(watch) : watch(step);
    },
  };
}
