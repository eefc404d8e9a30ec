/** Publishing items (XEP-0060 §7.1). */

import { StanzaError } from "../../lib/errors.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import type { NodeOptions, PubsubItem } from "../../lib/hooks/pubsub.ts";
import {
  pubsubPublished,
  pubsubPublishing,
  pubsubRetracted,
  pubsubVirtualPublish,
} from "../../lib/hooks/pubsub.ts";
import {
  pubsubItemPut,
  pubsubItemsById,
  pubsubItemsTrim,
  type StoredItem,
} from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, toXml, xml } from "../../lib/xml/element.ts";
import { utf8Length } from "../../lib/precis/text.ts";
import { mayPublish } from "./access.ts";
import { checkPreconditions, formIn, preconditions } from "./config.ts";
import type { Engine } from "./engine.ts";
import { badRequest, checkedName, nodeOf, refusal } from "./errors.ts";
import { itemsEvent, retractEvent, stampOf } from "./events.ts";
import { PUBSUB } from "./names.ts";
import type { Node } from "./node.ts";

/** What a request or a module wants to publish. */
interface Publication {
  readonly id: string | undefined;
  readonly payload: Element | undefined;
}

/** `<publish/>` of a client. */
export async function handlePublish(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element> {
  const publish = request.child("publish")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(publish);
  const items = publish.elements("item");
  if (items.length > 1) throw badRequest("one item at a time");
  const [item] = items;
  const payloads = item?.elements() ?? [];
  if (payloads.length > 1) throw refusal("bad-request", "invalid-payload");
  // An empty id is none: nobody could name such an item in a request.
  const id = item?.attrs.id || undefined;
  if (id !== undefined) checkedName(id, "the item's id");
  const optionsElement = request.child("publish-options");
  const optionsForm = optionsElement === undefined ? undefined : formIn(optionsElement);
  const wanted = optionsForm === undefined
    ? undefined
    : preconditions(optionsForm, engine.realm.host.config);

  const node = await engine.nodes.find(owner, name, who);
  if (node?.virtual === true) {
    const virtual = { id: id ?? crypto.randomUUID(), ...draft(who, payloads[0]) };
    const done = await engine.realm.host.ask(pubsubVirtualPublish, owner, name, virtual, who);
    if (done === undefined) throw new StanzaError("forbidden");
    return published(name, done);
  }
  const given = item === undefined ? undefined : { id, payload: payloads[0] };
  const kept = await publishAs(engine, owner, name, who, given, {
    wanted,
    mayCreate: engine.realm.mayCreate(owner, who),
  });
  return published(name, kept);
}

function published(node: string, id: string | undefined): Element {
  const item = id !== undefined && xml("item", PUBSUB, { id });
  return xml("pubsub", PUBSUB, {}, xml("publish", PUBSUB, { node }, item));
}

function draft(who: Jid, payload: Element | undefined): Omit<PubsubItem, "id"> {
  return { payload, publisher: who.bare, stamp: Date.now() };
}

/** Publishes with all checks; answers the item's id, if it is an item. */
async function publishAs(
  engine: Engine,
  owner: Jid,
  name: string,
  who: Jid,
  given: Publication | undefined,
  { wanted, mayCreate }: { wanted: NodeOptions | undefined; mayCreate: boolean },
): Promise<string | undefined> {
  const { host } = engine.realm;
  let item = given;
  const outcome = await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.get(owner, name);
    if (node === undefined && !mayCreate) throw new StanzaError("item-not-found");
    if (node !== undefined) {
      if (!mayPublish(engine.realm, node, who)) throw new StanzaError("forbidden");
      if (wanted !== undefined) checkPreconditions(wanted, node.config);
    }
    if (item !== undefined && host.has(pubsubPublishing)) {
      const id = item.id ?? crypto.randomUUID();
      const passed = await host.filter(
        pubsubPublishing,
        { id, ...draft(who, item.payload) },
        owner,
        name,
        who,
      );
      if (passed === DROP) return undefined;
      item = { id: passed.id, payload: passed.payload };
    }
    const there = node ?? await engine.nodes.create(owner, name, who, wanted ?? {});
    try {
      checkItem(there, item);
    } catch (e) {
      // Nothing is left of a publication that was refused.
      if (node === undefined) await engine.nodes.delete(there);
      throw e;
    }
    return await put(engine, there, who, item);
  });
  if (outcome === undefined) return item?.id;
  await tellOf(engine, outcome);
  return outcome.item?.id;
}

/** Publishes in the name of the node's owner: `pep.publish`. */
export async function publishForOwner(
  engine: Engine,
  owner: Jid,
  name: string,
  item: Publication,
  options: NodeOptions | undefined,
): Promise<string> {
  const outcome = await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.get(owner, name) ??
      await engine.nodes.create(owner, name, owner, options ?? {});
    return await put(engine, node, owner, item);
  });
  await tellOf(engine, outcome);
  return outcome.item!.id;
}

/** §7.1.3: does it fit the node's configuration? */
function checkItem(node: Node, item: Publication | undefined): void {
  const { persist_items, deliver_payloads, type, max_payload_size } = node.config;
  if (item === undefined) {
    if (persist_items || deliver_payloads) throw refusal("bad-request", "item-required");
    return;
  }
  if (!persist_items && !deliver_payloads) throw refusal("bad-request", "item-forbidden");
  const { payload } = item;
  if (payload === undefined) {
    if (deliver_payloads) throw refusal("bad-request", "payload-required");
    return;
  }
  if (type !== "" && payload.ns !== type && isNamespace(type)) {
    throw refusal("bad-request", "invalid-payload");
  }
  const text = toXml(payload, "");
  if (text.length > max_payload_size || utf8Length(text) > max_payload_size) {
    throw refusal("not-acceptable", "payload-too-big");
  }
}

/** `pubsub#type` is usually the payload's namespace, but may be any description. */
function isNamespace(type: string): boolean {
  return /^(urn:|[a-z][a-z0-9+.-]*:\/\/)/i.test(type);
}

interface Outcome {
  readonly node: Node;
  readonly item: StoredItem | undefined;
  readonly published: PubsubItem | undefined;
  readonly removed: readonly string[];
}

/** Keeps the item, makes room, notifies. Within `alone`. */
async function put(
  engine: Engine,
  node: Node,
  who: Jid,
  given: Publication | undefined,
): Promise<Outcome> {
  const { nodes } = engine;
  const { name, config } = node;
  if (given === undefined) {
    if (config.deliver_notifications) await engine.notify(node, itemsEvent(node, []));
    return { node, item: undefined, published: undefined, removed: [] };
  }
  const modified = nodes.now();
  const item: StoredItem = {
    id: given.id ?? crypto.randomUUID(),
    payload: given.payload === undefined ? undefined : toXml(given.payload, ""),
    publisher: who.bare,
    modified,
    created: modified,
  };
  const removed = config.persist_items ? await keep(engine, node, item) : [];
  const { deliver_notifications, notify_retract, publish_node_full } = config;
  if (deliver_notifications) {
    node.latest = modified;
    await engine.notify(node, itemsEvent(node, [item]));
    const told = notify_retract && publish_node_full === "retract-oldest" && config.max_items !== 1;
    if (removed.length > 0 && told) await engine.notify(node, retractEvent(name, removed));
  }
  await engine.archive(node, item);
  const { id } = item;
  const published: PubsubItem = {
    id,
    payload: given.payload,
    publisher: who.bare,
    stamp: stampOf(item),
  };
  return { node, item, published, removed };
}

/** Answers the ids of items that had to go. */
async function keep(engine: Engine, node: Node, item: StoredItem): Promise<readonly string[]> {
  const { realm: { host }, nodes } = engine;
  const { owner, name, config } = node;
  const most = Math.min(
    config.max_items === "max" ? Infinity : config.max_items,
    host.config.items_per_node,
  );
  const count = await nodes.count(node);
  if (config.publish_node_full === "reject" && count >= most) {
    const old = await host.ask(pubsubItemsById, owner, name, [item.id]);
    if (old === undefined || old.length === 0) throw refusal("conflict", "node-full");
  }
  const kept = await host.ask(pubsubItemPut, owner, name, item);
  if (kept === undefined) throw new StanzaError("service-unavailable");
  if (kept === "new") node.count = count + 1;
  if (node.count! <= most) return [];
  const removed = await host.ask(pubsubItemsTrim, owner, name, node.count! - most) ?? [];
  node.count = node.count! - removed.length;
  return removed;
}

async function tellOf(engine: Engine, { node, published, removed }: Outcome): Promise<void> {
  const { host } = engine.realm;
  if (published !== undefined) await host.tell(pubsubPublished, node.owner, node.name, [published]);
  if (removed.length > 0) await host.tell(pubsubRetracted, node.owner, node.name, removed);
}
