/** The header that opens our side of a stream (RFC 6120 §4.7). */

import { NS } from "../ns.ts";
import { escapeAttribute } from "../xml/escape.ts";

/** The language of our own texts: the one a server that knows no other has to name (§4.7.4). */
export const LANG = "en";

type HeaderAttributes = { readonly [name: string]: string | undefined };

/** Attributes of the header that answers a client's, with an unguessable id. */
export function responseHeader(from: string, to: string | undefined): HeaderAttributes {
  return { id: crypto.randomUUID(), from, to, version: "1.0", "xml:lang": LANG };
}

/** The header's text, with attributes in the order given. */
export function headerText(attrs: HeaderAttributes, contentNs: string): string {
  let head =
    `<?xml version='1.0'?><stream:stream xmlns='${contentNs}' xmlns:stream='${NS.streams}'`;
  for (const name in attrs) {
    const value = attrs[name];
    if (value !== undefined) head += ` ${name}='${escapeAttribute(value)}'`;
  }
  return head + ">";
}
