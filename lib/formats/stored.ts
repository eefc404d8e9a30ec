/**
 * Stanzas kept as text: exactly what `Stanza.wire()` gives, that is, as they stand on a client's
 * stream, whose default namespace they leave undeclared.
 */

import type { Element } from "../xml/element.ts";
import { parseXml } from "../xml/parser.ts";
import { parseJid } from "../jid.ts";
import { Stanza } from "../stanza.ts";
import { NS } from "../ns.ts";

/** Puts XML text at the end of an element's content. Nothing is parsed. */
export function insertAtEnd(element: string, added: string): string {
  if (element.endsWith("/>")) {
    const name = /^<([^\s/>]+)/.exec(element)![1];
    return `${element.slice(0, -2)}>${added}</${name}>`;
  }
  const end = element.lastIndexOf("</");
  return element.slice(0, end) + added + element.slice(end);
}

/**
 * Our own text. What was within the limits as it came need not be as we write it: attributes with a
 * prefix get a declaration each.
 */
export function parseKept(text: string): Element {
  return parseXml(text, NO_LIMITS);
}

const NO_LIMITS = {
  stanzaBytes: Infinity,
  depth: Infinity,
  attributes: Infinity,
  children: Infinity,
};

/**
 * The stanza of a text.
 * @throws XmlError if the text is no XML element
 */
export function parseStored(text: string): Stanza {
  const name = /^<[^\s/>]+/.exec(text)?.[0] ?? "";
  const root = parseKept(`${name} xmlns='${NS.client}'${text.slice(name.length)}`);
  const stanza = new Stanza(root.name, root.ns, root.attrs, root.children);
  stanza.source = root.source;
  stanza.contentAt = root.contentAt;
  const { from, to } = root.attrs;
  stanza.from = from === undefined ? undefined : parseJid(from);
  stanza.to = to === undefined ? undefined : parseJid(to);
  return stanza;
}
