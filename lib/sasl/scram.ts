/** The SCRAM family (RFC 5802, RFC 7677) with channel binding, on the server's side. */

import { randomBytes } from "node:crypto";
import { prepNode } from "../jid.ts";
import { type Later, then } from "../later.ts";
import { isOwnAuthzid } from "./authzid.ts";
import {
  defaultIterations,
  hashOf,
  hmac,
  pretendKeys,
  sameBytes,
  type ScramHash,
  type ScramKeys,
} from "./credentials.ts";
import { downgradeHash } from "./downgrade.ts";
import type { Mechanism, SaslCondition, SaslContext, SaslFailure, SaslStep } from "./mechanism.ts";
import {
  type ClientFinal,
  type ClientFirst,
  parseClientFinal,
  parseClientFirst,
  type ScramError,
} from "./scram_messages.ts";
import { encodeBase64, encodeUtf8 } from "./text.ts";

/** Random octets of the server's part of the nonce: 24 characters of base64. */
const NONCE_BYTES = 18;

/** What the server remembers between its challenge and the client's answer. */
interface Challenged {
  readonly first: ClientFirst;
  readonly node: string;
  readonly keys: ScramKeys;
  /** False if the keys are pretended. */
  readonly known: boolean;
  readonly nonce: string;
  readonly serverFirst: string;
}

/**
 * One SCRAM exchange. An unknown name gets a challenge like any other and fails at the proof.
 *
 * @param plus true for the -PLUS variant; undefined is returned if there is nothing to bind to
 */
export function scram(
  hash: ScramHash,
  plus: boolean,
  context: SaslContext,
): Mechanism | undefined {
  if (plus && context.channelBinding === undefined) return undefined;
  let challenged: Challenged | undefined;
  return {
    step(input = NOTHING) {
      if (challenged !== undefined) return finish(input, challenged, context);
      const begun = begin(input, hash, plus, context);
      return then(begun, (result): SaslStep => {
        if ("kind" in result) return result;
        challenged = result;
        return { kind: "challenge", data: encodeUtf8(result.serverFirst) };
      });
    },
  };
}

const NOTHING = new Uint8Array(0);

function failure(text: ScramError, node?: string): SaslFailure {
  return { kind: "failure", condition: conditionOf(text), text, node };
}

/** RFC 5802 §7 names errors more finely than RFC 6120 §6.5, which has the last word in XMPP. */
function conditionOf(error: ScramError): SaslCondition {
  switch (error) {
    case "invalid-encoding":
    case "extensions-not-supported":
    case "other-error":
      return "malformed-request";
  }
  return "not-authorized";
}

function begin(
  input: Uint8Array,
  hash: ScramHash,
  plus: boolean,
  context: SaslContext,
): Later<Challenged | SaslFailure> {
  const first = parseClientFirst(input);
  if (typeof first === "string") return failure(first);
  const refused = refuseBinding(first, plus, context);
  if (refused !== undefined) return failure(refused);
  const node = prepNode(first.name);
  if (node === undefined) return failure("invalid-username-encoding");
  if (first.authzid !== undefined && !isOwnAuthzid(first.authzid, node, context.domain)) {
    return { kind: "failure", condition: "invalid-authzid" };
  }
  return then(
    context.scramKeys(node, hash),
    (keys) => challenge(first, node, hash, keys, context),
  );
}

/** Whether the client's channel-binding flag fits what was offered (RFC 5802 §6). */
function refuseBinding(
  first: ClientFirst,
  plus: boolean,
  context: SaslContext,
): ScramError | undefined {
  switch (first.flag) {
    case "n":
      return plus ? "channel-bindings-dont-match" : undefined;
    case "y":
      // The client saw no -PLUS: somebody took it out of the list on the way.
      if (plus || context.offeredMechanisms.some((name) => name.endsWith("-PLUS"))) {
        return "server-does-support-channel-binding";
      }
      return undefined;
    case "p":
      if (!plus) return "channel-binding-not-supported";
      return first.binding === context.channelBinding?.type
        ? undefined
        : "unsupported-channel-binding-type";
  }
}

function challenge(
  first: ClientFirst,
  node: string,
  hash: ScramHash,
  found: ScramKeys | undefined,
  context: SaslContext,
): Challenged {
  const iterations = context.pretendIterations ?? defaultIterations;
  // Made in either case, so that both take the same time.
  const pretended = pretendKeys(context.pretendSecret, node, hash, iterations);
  const keys = found ?? pretended;
  const fresh = context.serverNonce?.() ?? randomBytes(NONCE_BYTES).toString("base64");
  const nonce = first.nonce + fresh;
  let serverFirst = `r=${nonce},s=${encodeBase64(keys.salt)},i=${keys.iterations}`;
  if (context.downgradeProtection !== false) {
    serverFirst += ",h=" + downgradeHash(hash, context.offeredMechanisms, context.offeredBindings);
  }
  return { first, node, keys, known: found !== undefined, nonce, serverFirst };
}

function finish(input: Uint8Array, challenged: Challenged, context: SaslContext): SaslStep {
  const { first, node, keys } = challenged;
  const final = parseClientFinal(input);
  if (typeof final === "string") return failure(final);
  if (final.nonce !== challenged.nonce) return failure("other-error");
  if (!isBound(final, first, context)) return failure("channel-bindings-dont-match", node);
  const message = `${first.bare},${challenged.serverFirst},${final.withoutProof}`;
  const right = isProof(final.proof, keys, message);
  const signature = hmac(keys.hash, keys.serverKey, message);
  if (!right || !challenged.known) return failure("invalid-proof", node);
  const data = encodeUtf8("v=" + encodeBase64(signature));
  if (first.authzid === undefined) return { kind: "success", node, data };
  return { kind: "success", node, authzid: `${node}@${context.domain}`, data };
}

/** Whether `c=` repeats the GS2 header and, with "p", carries this channel's data. */
function isBound(final: ClientFinal, first: ClientFirst, context: SaslContext): boolean {
  const header = encodeUtf8(first.header);
  const data = first.flag === "p" ? context.channelBinding!.data : NOTHING;
  const expected = new Uint8Array(header.length + data.length);
  expected.set(header);
  expected.set(data, header.length);
  return sameBytes(expected, final.binding);
}

/** Undoes the proof to the client key, which must hash to the stored one (RFC 5802 §3). */
function isProof(proof: Uint8Array, keys: ScramKeys, message: string): boolean {
  const clientKey = hmac(keys.hash, keys.storedKey, message);
  if (proof.length !== clientKey.length) return false;
  for (let i = 0; i < proof.length; i++) clientKey[i]! ^= proof[i]!;
  return sameBytes(hashOf(keys.hash, clientKey), keys.storedKey);
}
