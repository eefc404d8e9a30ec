/**
 * The SASL mechanisms HT-* on the server's side: one message proves that the client holds a token, the
 * answer that the server knows it too (draft-schmaus-kitten-sasl-ht-09).
 */

import { prepNode } from "../jid.ts";
import { type Later, then } from "../later.ts";
import { hmac, sameBytes } from "./credentials.ts";
import type { Mechanism, SaslFailure } from "./mechanism.ts";
import { decodeUtf8, encodeUtf8 } from "./text.ts";

/** Channel binding by the end of a mechanism's name; -UNIQ and -EXPR cannot be had here. */
export type TokenBinding = "NONE" | "ENDP";

export interface HashedTokenContext {
  /** The data of the channel binding that the mechanism names; empty for -NONE. */
  readonly binding: Uint8Array;
  /**
   * Finds the client's token: the one for which `proves` is true. It must call it for every account
   * name, known or not, so that time does not tell which is which.
   */
  findToken(
    node: string,
    proves: (token: string) => boolean,
  ): Later<{ readonly token: string } | SaslFailure>;
}

const MALFORMED: SaslFailure = { kind: "failure", condition: "malformed-request" };

/** One exchange of HT-SHA-256-*. */
export function hashedToken(context: HashedTokenContext): Mechanism {
  const { binding } = context;
  const digest = (token: string, label: string) =>
    hmac("SHA-256", encodeUtf8(token), joined(encodeUtf8(label), binding));
  return {
    step(input) {
      const end = input === undefined ? -1 : input.indexOf(0);
      if (input === undefined || end < 1) return MALFORMED;
      const name = decodeUtf8(input.subarray(0, end));
      const proof = input.subarray(end + 1);
      if (name === undefined || proof.length !== 32) return MALFORMED;
      const node = prepNode(name);
      if (node === undefined) return { kind: "failure", condition: "not-authorized" };
      const found = context.findToken(
        node,
        (token) => sameBytes(digest(token, "Initiator"), proof),
      );
      return then(found, (result) => {
        if ("kind" in result) return result;
        return { kind: "success", node, data: digest(result.token, "Responder") };
      });
    },
  };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
