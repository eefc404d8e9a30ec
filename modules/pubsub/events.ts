/** Notifications as elements (XEP-0060 §7.1.2, §8). */

import { delayElement } from "../../lib/formats/delay.ts";
import { parseKept } from "../../lib/formats/stored.ts";
import type { StoredItem } from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { type Child, Element, xml } from "../../lib/xml/element.ts";
import type { NodeConfig } from "./config.ts";
import { EVENT } from "./names.ts";
import type { Node } from "./node.ts";

/** The moment of an item, in ms since the epoch. */
export function stampOf(item: StoredItem): number {
  return Math.floor(item.modified / 1000);
}

/** An item in the namespace of an event or of an answer. */
export function itemElement(
  ns: string,
  item: StoredItem,
  config: Pick<NodeConfig, "itemreply">,
  withPayload = true,
): Element {
  const publisher = config.itemreply === "publisher" ? item.publisher : undefined;
  const payload = withPayload && item.payload !== undefined ? parseKept(item.payload) : undefined;
  return xml("item", ns, { id: item.id, publisher }, payload);
}

/** New items of a node; with none it is a bare event of a node that keeps nothing. */
export function itemsEvent(node: Node, items: readonly StoredItem[]): Element {
  const elements = items.map((i) =>
    itemElement(EVENT, i, node.config, node.config.deliver_payloads)
  );
  return xml("items", EVENT, { node: node.name }, ...elements);
}

export function retractEvent(name: string, ids: readonly string[]): Element {
  return xml("items", EVENT, { node: name }, ...ids.map((id) => xml("retract", EVENT, { id })));
}

/**
 * The message for an event, without `to`. It may go to any number of addresses: its text is made once,
 * and copies for other addresses share the text of the event.
 */
export function eventMessage(
  from: Jid,
  what: Element,
  type: NodeConfig["notification_type"] = "headline",
  ...more: Child[]
): Stanza {
  const event = parseKept(xml("event", EVENT, {}, what).toString());
  return message(
    { from, id: crypto.randomUUID(), type: type === "normal" ? undefined : type },
    event,
    ...more,
  );
}

/** The message for the last item of a node, with the time it was published. */
export function lastItemMessage(node: Node, item: StoredItem): Stanza {
  return eventMessage(
    node.owner,
    itemsEvent(node, [item]),
    node.config.notification_type,
    delayElement(node.owner.bare, stampOf(item)),
  );
}
