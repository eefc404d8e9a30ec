/** What other modules ask of the engine. */

import { parseKept } from "../../lib/formats/stored.ts";
import type { PepWanted, PubsubItem } from "../../lib/hooks/pubsub.ts";
import type { StoredItem } from "../../lib/hooks/pubsub_storage.ts";
import { pubsubItems, pubsubItemsById } from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import { toXml } from "../../lib/xml/element.ts";
import type { Engine } from "./engine.ts";
import { eventMessage, itemsEvent, stampOf } from "./events.ts";
import { isFresh } from "./items.ts";
import { sendTo } from "./recipients.ts";

export function pubsubItemOf(item: StoredItem): PubsubItem {
  return {
    id: item.id,
    payload: item.payload === undefined ? undefined : parseKept(item.payload),
    publisher: item.publisher,
    stamp: stampOf(item),
  };
}

/** Items of a node, newest last, whoever may read them. */
export async function answerForOwner(
  engine: Engine,
  owner: Jid,
  name: string,
  which: PepWanted = {},
): Promise<readonly PubsubItem[]> {
  const { host } = engine.realm;
  const node = await engine.nodes.get(owner, name);
  if (node === undefined) return [];
  const { ids, max = host.config.items_per_node, before } = which;
  const items = ids !== undefined
    ? await host.ask(pubsubItemsById, owner, name, ids) ?? []
    : (await host.ask(pubsubItems, owner, name, {
      by: "modified",
      descending: true,
      ...(before === undefined ? {} : { below: before * 1000 }),
      limit: max,
    }) ?? []).toReversed();
  return items.filter((i) => isFresh(node, i)).map(pubsubItemOf);
}

/** Sends an event in the name of a node, kept or not. */
export async function notifyOf(
  engine: Engine,
  owner: Jid,
  name: string,
  items: readonly PubsubItem[],
  recipients: readonly Jid[],
): Promise<true | undefined> {
  const { realm } = engine;
  const node = await engine.nodes.find(owner, name, recipients[0] ?? owner);
  if (node === undefined) return undefined;
  const stored = items.map(({ id, payload, publisher, stamp }) => ({
    id,
    payload: payload === undefined ? undefined : toXml(payload, ""),
    publisher,
    modified: stamp * 1000,
    created: stamp * 1000,
  }));
  const isHere = (jid: Jid) => !jid.isBare && realm.host.session(jid) !== undefined;
  await sendTo(
    realm,
    eventMessage(owner, itemsEvent(node, stored), node.config.notification_type),
    {
      here: recipients.filter(isHere),
      others: recipients.filter((jid) => !isHere(jid)),
    },
  );
  return true;
}
