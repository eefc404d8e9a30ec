/** Errors of the XML layer, each with the stream error condition it is answered with. */

/** The RFC 6120 §4.9.3 condition for the stream error. */
export type XmlErrorCondition =
  | "bad-format"
  | "not-well-formed"
  | "policy-violation"
  | "restricted-xml"
  | "unsupported-encoding";

/** XML that is refused. The message is for the log and the error's `<text/>`. */
export class XmlError extends Error {
  readonly condition: XmlErrorCondition;

  constructor(condition: XmlErrorCondition, message: string) {
    super(message);
    this.name = "XmlError";
    this.condition = condition;
  }
}

/** Bounds for what is read. Exceeding any of them is a `policy-violation` (RFC 6120 §13.12). */
export interface XmlLimits {
  /** UTF-8 bytes from `<` to `>` of a stanza, of the stream header, or of a declaration. */
  stanzaBytes: number;
  /** Levels of elements, the stanza itself being level 1. */
  depth: number;
  /** Attributes of one element, namespace declarations included. */
  attributes: number;
  /** Elements of one stanza, the stanza itself included. */
  children: number;
}

/** What an authenticated stream gets unless configured. */
export const defaultXmlLimits: Readonly<XmlLimits> = {
  stanzaBytes: 262_144,
  depth: 64,
  attributes: 64,
  children: 4096,
};

/** Throws `not-well-formed` (RFC 6120 §11.3). */
export function malformed(message: string): never {
  throw new XmlError("not-well-formed", message);
}

/** Throws `restricted-xml` (RFC 6120 §11.1). */
export function restricted(message: string): never {
  throw new XmlError("restricted-xml", message);
}

/** Throws `policy-violation` for an exceeded limit. */
export function exceeded(message: string): never {
  throw new XmlError("policy-violation", message);
}
