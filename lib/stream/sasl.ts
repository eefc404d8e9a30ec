/** The SASL profile of RFC 6120 §6: its elements on a client's stream. */

import type { Later } from "../later.ts";
import { StreamError } from "../errors.ts";
import { NS } from "../ns.ts";
import { encodeBase64 } from "../sasl/text.ts";
import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";
import type { Authentication, Proved, SaslProfile } from "./authentication.ts";
import type { XmppStream } from "./stream.ts";

/** XEP-0440: SASL Channel-Binding Type Capability. */
const CHANNEL_BINDING_NS = "urn:xmpp:sasl-cb:0";

const WRONG_ACCOUNT = new StreamError("invalid-from", "logged in as somebody else");

/** `<mechanisms/>`, and the channel bindings that go with it. Empty if nothing may be offered. */
export function saslFeatures({ offered, bindings }: Authentication): Element[] {
  if (offered.length === 0) return [];
  const names = offered.map((name) => xml("mechanism", NS.sasl, {}, name));
  const elements = [xml("mechanisms", NS.sasl, {}, ...names)];
  if (bindings.length > 0) {
    const types = bindings.map((type) => xml("channel-binding", CHANNEL_BINDING_NS, { type }));
    elements.push(xml("sasl-channel-binding", CHANNEL_BINDING_NS, {}, ...types));
  }
  return elements;
}

/** Writes the messages of an exchange. */
export function saslProfile(stream: XmppStream): SaslProfile {
  return {
    ns: NS.sasl,
    wrongAccount: WRONG_ACCOUNT,
    challenge(data) {
      stream.send(`<challenge xmlns='${NS.sasl}'>${encodeBase64(data)}</challenge>`);
    },
    failure(condition, text) {
      const reason = text === undefined
        ? ""
        : xml("text", NS.sasl, { "xml:lang": "en" }, text).toString();
      stream.send(`<failure xmlns='${NS.sasl}'><${condition}/>${reason}</failure>`);
    },
  };
}

/** `<success/>` with the mechanism's last data, if it has any. */
export function saslSuccess({ data }: Proved): string {
  return data === undefined || data.length === 0
    ? `<success xmlns='${NS.sasl}'/>`
    : `<success xmlns='${NS.sasl}'>${encodeBase64(data)}</success>`;
}

/** Takes an element of the exchange; yields the account once it is proved. */
export function onSaslElement(
  auth: Authentication,
  profile: SaslProfile,
  element: Element,
): Later<Proved | undefined> {
  switch (element.name) {
    case "auth": {
      const { mechanism = "" } = element.attrs;
      const text = element.text();
      // "=" is an empty message, nothing at all is no message (RFC 6120 §6.4.2).
      return auth.begin(profile, mechanism, text === "" ? undefined : text === "=" ? "" : text);
    }
    case "response": {
      const text = element.text();
      return auth.respond(profile, text === "=" ? "" : text);
    }
    case "abort":
      return auth.fail(profile, { kind: "failure", condition: "aborted" });
  }
  throw new StreamError("unsupported-stanza-type");
}
