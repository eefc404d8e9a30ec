/** Removing items, one by one or all (XEP-0060 §7.2, §8.5). */

import { StanzaError } from "../../lib/errors.ts";
import { pubsubRetracted, pubsubVirtualRetract } from "../../lib/hooks/pubsub.ts";
import { pubsubItemsRemove } from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { mayPublish } from "./access.ts";
import type { Engine } from "./engine.ts";
import { nodeOf, refusal, unsupported } from "./errors.ts";
import { retractEvent } from "./events.ts";
import { publishersOf } from "./items.ts";
import { EVENT } from "./names.ts";
import { affiliationOf, type Node } from "./node.ts";

/** `<retract/>` of a client. */
export async function handleRetract(engine: Engine, iq: Stanza, request: Element): Promise<void> {
  const retract = request.child("retract")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(retract);
  const ids = retract.elements("item").map((i) => i.attrs.id ?? "");
  if (ids.length === 0 || ids.includes("")) throw refusal("bad-request", "item-required");
  const { notify } = retract.attrs;
  const { host } = engine.realm;
  const node = await engine.nodes.need(owner, name, who);
  if (node.virtual) {
    const done = await host.ask(pubsubVirtualRetract, owner, name, ids, who);
    if (done === undefined) throw new StanzaError("forbidden");
    return;
  }
  await retractItems(engine, owner, name, ids, {
    notify: notify === "true" || notify === "1",
    check: async (node) => {
      const as = affiliationOf(engine.realm, node, who);
      if (as === "outcast") throw new StanzaError("forbidden");
      if (!node.config.persist_items) throw unsupported("persistent-items");
      const publishers = await publishersOf(engine, node, ids);
      const mine = [...publishers.values()].every((p) => p === who.bare);
      if (as !== "owner" && as !== "publisher" && !(mine && mayPublish(engine.realm, node, who))) {
        throw new StanzaError("forbidden");
      }
      // A batch is removed as a whole or not at all (§12.11).
      if (publishers.size < new Set(ids).size) throw new StanzaError("item-not-found");
    },
  });
}

/** Removes items, as far as they are there, and notifies where it is wished. */
export async function retractItems(
  engine: Engine,
  owner: Jid,
  name: string,
  ids: readonly string[],
  { notify, check }: { notify: boolean; check?: (node: Node) => Promise<void> },
): Promise<boolean> {
  const { host } = engine.realm;
  const removed = await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.get(owner, name);
    if (node === undefined) {
      if (check !== undefined) throw new StanzaError("item-not-found");
      return [];
    }
    await check?.(node);
    const gone = await host.ask(pubsubItemsRemove, owner, name, ids) ?? [];
    if (node.count !== undefined) node.count -= gone.length;
    if (gone.length > 0 && (notify || node.config.notify_retract)) {
      await engine.notify(node, retractEvent(name, gone));
    }
    return gone;
  });
  if (removed.length > 0) await host.tell(pubsubRetracted, owner, name, removed);
  return removed.length > 0;
}

/** `<purge/>` of an owner (§8.5). */
export async function handlePurge(engine: Engine, iq: Stanza, purge: Element): Promise<void> {
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(purge);
  const { host } = engine.realm;
  await engine.nodes.needKept(owner, name, who);
  const removed = await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.needKept(owner, name, who);
    if (affiliationOf(engine.realm, node, who) !== "owner") throw new StanzaError("forbidden");
    if (!node.config.persist_items) throw unsupported("persistent-items");
    const gone = await host.ask(pubsubItemsRemove, owner, name, "all") ?? [];
    node.count = 0;
    await engine.wipeArchive(node);
    if (node.config.notify_retract) {
      await engine.notify(node, xml("purge", EVENT, { node: name }));
    }
    return gone;
  });
  if (removed.length > 0) await host.tell(pubsubRetracted, owner, name, removed);
}
