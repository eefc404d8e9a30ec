/** The elements of service discovery (XEP-0030), with extended information (XEP-0128). */

import type { DiscoInfo, DiscoItem } from "../hooks/disco.ts";
import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";

export const DISCO_INFO_NS = "http://jabber.org/protocol/disco#info";
export const DISCO_ITEMS_NS = "http://jabber.org/protocol/disco#items";

/** The `<query/>` of a disco#info result; features in alphabetical order, forms at the end. */
export function discoInfoElement(info: DiscoInfo, node?: string): Element {
  const identities = info.identities.map(({ category, type, name, lang }) =>
    xml("identity", DISCO_INFO_NS, { category, type, name, "xml:lang": lang })
  );
  const features = [...info.features].sort().map((name) =>
    xml("feature", DISCO_INFO_NS, { var: name })
  );
  return xml("query", DISCO_INFO_NS, { node }, ...identities, ...features, ...info.forms);
}

/** The `<query/>` of a disco#items result. */
export function discoItemsElement(items: readonly DiscoItem[], node?: string): Element {
  const children = items.map(({ jid, node, name }) =>
    xml("item", DISCO_ITEMS_NS, { jid, node, name })
  );
  return xml("query", DISCO_ITEMS_NS, { node }, ...children);
}
