/**
 * Stanza and stream errors, by the names that RFC 6120 gives them (§8.3.3 and §4.9.3).
 *
 * Both are thrown as values: they are answers to somebody, not faults of ours, and carry no stack.
 */

import type { Element } from "./xml/element.ts";
import { xml } from "./xml/element.ts";
import { NS } from "./ns.ts";

export type ErrorType = "auth" | "cancel" | "continue" | "modify" | "wait";

/** Stanza error conditions with the type that RFC 6120 §8.3.3 recommends. */
export const stanzaConditions = {
  "bad-request": "modify",
  "conflict": "cancel",
  "feature-not-implemented": "cancel",
  "forbidden": "auth",
  "gone": "cancel",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "not-authorized": "auth",
  "policy-violation": "modify",
  "recipient-unavailable": "wait",
  "redirect": "modify",
  "registration-required": "auth",
  "remote-server-not-found": "cancel",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "subscription-required": "auth",
  "undefined-condition": "cancel",
  "unexpected-request": "wait",
} as const satisfies Record<string, ErrorType>;

export type StanzaCondition = keyof typeof stanzaConditions;

interface StanzaErrorOptions {
  /** Another type than the recommended one. */
  type?: ErrorType;
  /** Text for humans. */
  text?: string;
  /** An application-specific condition. */
  app?: Element;
  /** Content of the condition element: the new address for `gone` and `redirect`. */
  content?: string;
  /** What of a presence or message is returned with the error (RFC 6120 §8.3.1). */
  payload?: Element;
}

/** A refusal of one stanza. Throw it from any handler; the sender gets it (RFC 6120 §8.3). */
export class StanzaError {
  readonly condition: StanzaCondition;
  readonly type: ErrorType;
  readonly text: string | undefined;
  readonly app: Element | undefined;
  readonly content: string | undefined;
  readonly payload: Element | undefined;

  constructor(condition: StanzaCondition, options: StanzaErrorOptions = {}) {
    this.condition = condition;
    this.type = options.type ?? stanzaConditions[condition];
    this.text = options.text;
    this.app = options.app;
    this.content = options.content;
    this.payload = options.payload;
  }

  /** The same refusal, with something of what was refused. */
  returning(payload: Element): StanzaError {
    return new StanzaError(this.condition, { ...this, payload });
  }

  /** The `<error/>` element. */
  toElement(): Element {
    return xml(
      "error",
      NS.client,
      { type: this.type },
      xml(this.condition, NS.stanzaErrors, {}, this.content),
      this.text !== undefined && xml("text", NS.stanzaErrors, { "xml:lang": "en" }, this.text),
      this.app,
    );
  }

  toString(): string {
    return this.text === undefined ? this.condition : `${this.condition}: ${this.text}`;
  }
}

/** The conditions of RFC 6120 §4.9.3. */
export type StreamCondition =
  | "bad-format"
  | "bad-namespace-prefix"
  | "conflict"
  | "connection-timeout"
  | "host-gone"
  | "host-unknown"
  | "improper-addressing"
  | "internal-server-error"
  | "invalid-from"
  | "invalid-namespace"
  | "invalid-xml"
  | "not-authorized"
  | "not-well-formed"
  | "policy-violation"
  | "remote-connection-failed"
  | "reset"
  | "resource-constraint"
  | "restricted-xml"
  | "see-other-host"
  | "system-shutdown"
  | "undefined-condition"
  | "unsupported-encoding"
  | "unsupported-feature"
  | "unsupported-stanza-type"
  | "unsupported-version";

/** The end of a stream and its reason (RFC 6120 §4.9). Throw it from any stream handler. */
export class StreamError {
  readonly condition: StreamCondition;
  readonly text: string | undefined;
  readonly app: Element | undefined;
  /** For `see-other-host`: host, or host:port. */
  readonly content: string | undefined;

  constructor(condition: StreamCondition, text?: string, app?: Element, content?: string) {
    this.condition = condition;
    this.text = text;
    this.app = app;
    this.content = content;
  }

  /** As XML text, in the prefix `stream` that our headers declare. */
  toXml(): string {
    const condition = xml(this.condition, NS.streamErrors, {}, this.content);
    const text = this.text === undefined
      ? ""
      : xml("text", NS.streamErrors, { "xml:lang": "en" }, this.text).toString();
    return `<stream:error>${condition}${text}${this.app ?? ""}</stream:error>`;
  }

  toString(): string {
    return this.text === undefined ? this.condition : `${this.condition}: ${this.text}`;
  }
}
