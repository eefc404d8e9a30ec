/** The elements of XEP-0388, read and written. */

import { NS } from "../../lib/ns.ts";
import { encodeBase64 } from "../../lib/sasl/text.ts";
import type { SaslProfile } from "../../lib/stream/authentication.ts";
import type { UserAgent } from "../../lib/stream/login.ts";
import type { XmppStream } from "../../lib/stream/stream.ts";
import type { Child, Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";

export const SASL2_NS = "urn:xmpp:sasl:2";

/** Characters kept of what a client says about its software and device. */
const MAX_TEXT = 200;

/** Any UUID: §2.3 wants version 4, which is the client's affair. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads `<user-agent/>` (§2.3); undefined without one, `"malformed"` if its id is no UUID. */
export function readUserAgent(request: Element): UserAgent | undefined | "malformed" {
  const element = request.child("user-agent");
  if (element === undefined) return undefined;
  const { id } = element.attrs;
  if (id !== undefined && !UUID.test(id)) return "malformed";
  const text = (name: string) => {
    const all = element.childText(name)?.trim();
    return all === undefined || all === "" ? undefined : all.slice(0, MAX_TEXT).toWellFormed();
  };
  return { id: id?.toLowerCase(), software: text("software"), device: text("device") };
}

/** Writes challenges and failures (§2.5, §2.6.2). */
export function sasl2Profile(stream: XmppStream): SaslProfile {
  return {
    ns: SASL2_NS,
    // §2.3: that is a failure like any other.
    wrongAccount: {
      kind: "failure",
      condition: "invalid-authzid",
      text: "the stream header names another account",
    },
    challenge(data) {
      stream.send(`<challenge xmlns='${SASL2_NS}'>${encodeBase64(data)}</challenge>`);
    },
    failure(condition, text, app) {
      const reason = text !== undefined && xml("text", SASL2_NS, {}, text);
      stream.send(xml("failure", SASL2_NS, {}, xml(condition, NS.sasl), app, reason).toString());
    },
  };
}

/** `<additional-data/>`; nothing where the mechanism has none (§2.2). */
export function additionalData(data: Uint8Array | undefined): Child {
  return data !== undefined && xml("additional-data", SASL2_NS, {}, encodeBase64(data));
}
