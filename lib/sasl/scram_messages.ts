/** The messages of a SCRAM client, by the grammar of RFC 5802 §7 and nothing looser. */

import { decodeBase64, decodeUtf8 } from "./text.ts";

/** The server-error values of RFC 5802 §7 that this server has a use for. */
export type ScramError =
  | "invalid-encoding"
  | "extensions-not-supported"
  | "invalid-proof"
  | "channel-bindings-dont-match"
  | "server-does-support-channel-binding"
  | "channel-binding-not-supported"
  | "unsupported-channel-binding-type"
  | "invalid-username-encoding"
  | "other-error";

/** client-first-message. */
export interface ClientFirst {
  /** gs2-cbind-flag: no support, support but none seen here, or binding wanted. */
  readonly flag: "n" | "y" | "p";
  /** The channel-binding type with flag "p", else "". */
  readonly binding: string;
  readonly authzid: string | undefined;
  /** The GS2 header as received, with its last comma. */
  readonly header: string;
  /** client-first-message-bare as received. */
  readonly bare: string;
  /** The user name, unescaped but not prepared. */
  readonly name: string;
  readonly nonce: string;
}

/** client-final-message. */
export interface ClientFinal {
  /** The octets of "c=". */
  readonly binding: Uint8Array;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** client-final-message-without-proof as received. */
  readonly withoutProof: string;
}

const BINDING_NAME = /^[A-Za-z0-9.-]+$/;
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;
/** attr-val of an extension: a letter that RFC 5802 §5.1 leaves free. */
const EXTENSION = /^(?![anmrcsipve])[A-Za-z]=[^\0,]+$/;
const ESCAPES = /=(2C|3D)?/g;

/** Parses client-first-message. */
export function parseClientFirst(data: Uint8Array): ClientFirst | ScramError {
  const text = decodeUtf8(data);
  if (text === undefined || text.includes("\0")) return "invalid-encoding";
  const parts = text.split(",");
  const [cbind, authz, ...bare] = parts as [string, ...string[]];
  if (authz === undefined) return "other-error";
  const flag = flagOf(cbind);
  if (flag === undefined) return "other-error";
  const authzid = authz === "" ? undefined : unescapeName(authz, "a=");
  if (authz !== "" && authzid === undefined) return "other-error";
  if (bare[0]?.startsWith("m=")) return "extensions-not-supported";
  const [user, random, ...extensions] = bare;
  if (user === undefined || random === undefined) return "other-error";
  if (!user.startsWith("n=") || !random.startsWith("r=")) return "other-error";
  const name = unescapeName(user, "n=");
  if (name === undefined) return "invalid-username-encoding";
  const nonce = random.slice(2);
  if (!NONCE.test(nonce)) return "other-error";
  const wrong = refuseExtensions(extensions);
  if (wrong !== undefined) return wrong;
  return {
    flag,
    binding: flag === "p" ? cbind.slice(2) : "",
    authzid,
    header: `${cbind},${authz},`,
    bare: bare.join(","),
    name,
    nonce,
  };
}

/** Parses client-final-message. */
export function parseClientFinal(data: Uint8Array): ClientFinal | ScramError {
  const text = decodeUtf8(data);
  if (text === undefined || text.includes("\0")) return "invalid-encoding";
  const parts = text.split(",");
  if (parts[0]!.startsWith("m=")) return "extensions-not-supported";
  const last = parts.pop()!;
  const [channel, random, ...extensions] = parts;
  if (channel === undefined || random === undefined) return "other-error";
  if (!channel.startsWith("c=") || !random.startsWith("r=") || !last.startsWith("p=")) {
    return "other-error";
  }
  const wrong = refuseExtensions(extensions);
  if (wrong !== undefined) return wrong;
  const binding = decodeBase64(channel.slice(2));
  const proof = decodeBase64(last.slice(2));
  if (binding === undefined || proof === undefined) return "invalid-encoding";
  return { binding, nonce: random.slice(2), proof, withoutProof: parts.join(",") };
}

function flagOf(cbind: string): "n" | "y" | "p" | undefined {
  if (cbind === "n" || cbind === "y") return cbind;
  return cbind.startsWith("p=") && BINDING_NAME.test(cbind.slice(2)) ? "p" : undefined;
}

/** saslname: "," and "=" are written =2C and =3D, and no other "=" may stand (RFC 5802 §5.1). */
function unescapeName(attribute: string, prefix: string): string | undefined {
  if (!attribute.startsWith(prefix) || attribute.length === prefix.length) return undefined;
  let wrong = false;
  const name = attribute.slice(prefix.length).replace(ESCAPES, (_, code?: string) => {
    if (code === undefined) wrong = true;
    return code === "2C" ? "," : "=";
  });
  return wrong ? undefined : name;
}

/** Unknown optional attributes are ignored, mandatory ones and misplaced known ones are not. */
function refuseExtensions(extensions: readonly string[]): ScramError | undefined {
  for (const extension of extensions) {
    if (extension.startsWith("m=")) return "extensions-not-supported";
    if (!EXTENSION.test(extension)) return "other-error";
  }
  return undefined;
}
