/** Service discovery of nodes and items (XEP-0060 §5). */

import { formatDateTime } from "../../lib/formats/datetime.ts";
import { form } from "../../lib/formats/form.ts";
import type { DiscoInfo, DiscoItem } from "../../lib/hooks/disco.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { pubsubVirtualNodes } from "../../lib/hooks/pubsub.ts";
import { type NodeRecord, pubsubRelations } from "../../lib/hooks/pubsub_storage.ts";
import { pageOf, type PageRequest } from "../../lib/formats/rsm.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Element } from "../../lib/xml/element.ts";
import { checkRead, whyNotRead } from "./access.ts";
import { configOf } from "./config.ts";
import type { Engine } from "./engine.ts";
import { itemsOf } from "./items.ts";
import { META_DATA, PUBSUB } from "./names.ts";
import { isActive, type Node, ownersOf } from "./node.ts";

/** What every realm can do (§10), besides what is its own. */
export const FEATURES: readonly string[] = [
  PUBSUB,
  ...[
    "config-node",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "instant-nodes",
    "item-ids",
    "leased-subscription",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "outcast-affiliation",
    "persistent-items",
    "presence-notifications",
    "publish",
    "publish-node-full",
    "publish-only-affiliation",
    "publish-options",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-notifications",
    "subscription-options",
  ].map((name) => `${PUBSUB}#${name}`),
  `${PUBSUB}#config-node-max`,
  "urn:xmpp:order-by:1",
];

/** Identity and meta-data of a node; `undefined` if there is none. */
export async function nodeInfo(
  engine: Engine,
  owner: Jid,
  name: string,
  who: Jid,
): Promise<DiscoInfo | undefined> {
  const node = await engine.nodes.find(owner, name, who);
  if (node === undefined) return undefined;
  const why = await whyNotRead(engine.realm, node, who);
  if (why !== undefined && why !== "pending") throw why;
  const { title } = node.config;
  return {
    identities: [{ category: "pubsub", type: "leaf", ...(title === "" ? {} : { name: title }) }],
    features: new Set(FEATURES),
    forms: [metaData(engine, node)],
  };
}

function metaData(engine: Engine, node: Node): Element {
  const { config } = node;
  const owners = ownersOf(engine.realm, node);
  const publishers = [...node.affiliations].filter(([, as]) => as === "publisher").map(([j]) => j);
  const subscribers = [...node.subscriptions.values()].filter(isActive).length;
  const field = "text-single" as const;
  return form({
    type: "result",
    formType: META_DATA,
    fields: [
      { var: "pubsub#title", type: field, value: config.title },
      { var: "pubsub#description", type: field, value: config.description },
      { var: "pubsub#type", type: field, value: config.type },
      { var: "pubsub#language", type: "list-single", value: config.language },
      { var: "pubsub#contact", type: "jid-multi", value: config.contact },
      { var: "pubsub#creation_date", type: field, value: formatDateTime(node.created) },
      { var: "pubsub#creator", type: "jid-single", value: node.creator },
      { var: "pubsub#owner", type: "jid-multi", value: owners },
      { var: "pubsub#publisher", type: "jid-multi", value: publishers },
      { var: "pubsub#num_subscribers", type: field, value: String(subscribers) },
      { var: "pubsub#access_model", type: "list-single", value: config.access_model },
      { var: "pubsub#publish_model", type: "list-single", value: config.publish_model },
      { var: "pubsub#max_items", type: field, value: String(config.max_items) },
    ],
  });
}

/** The nodes that somebody may read or ask to subscribe to. */
export async function visibleNodes(engine: Engine, owner: Jid, who: Jid): Promise<DiscoItem[]> {
  const { host } = engine.realm;
  const items: DiscoItem[] = [];
  const add = (node: string, title: unknown) => {
    const name = typeof title === "string" && title !== "" ? { name: title } : {};
    items.push({ jid: owner.bare, node, ...name });
  };
  const own = engine.realm.ownsAll(owner, who);
  const relations = own ? undefined : await host.ask(pubsubRelations, owner, who.toBare());
  const affiliations = new Map(relations?.affiliations.map((a) => [a.node, a.affiliation]));
  for (const record of await engine.allNodes(owner)) {
    const as = affiliations.get(record.name);
    if (own || await isVisible(engine, owner, record, who, as)) {
      add(record.name, record.options.title);
    }
  }
  if (host.has(pubsubVirtualNodes)) {
    const virtual = await host.filter(pubsubVirtualNodes, [], owner, who);
    if (virtual !== DROP) { for (const { node, title } of virtual) add(node, title); }
  }
  return items;
}

async function isVisible(
  engine: Engine,
  owner: Jid,
  { name, options }: NodeRecord,
  who: Jid,
  as: string | undefined,
): Promise<boolean> {
  if (as !== undefined) return as !== "outcast";
  const { access_model } = configOf(options, engine.realm.defaults);
  if (access_model === "open" || access_model === "authorize") return true;
  if (access_model === "whitelist") return false;
  const node = await engine.nodes.get(owner, name);
  return node !== undefined && await whyNotRead(engine.realm, node, who) === undefined;
}

/** The items of a node as those of service discovery: their ids are in `name` (§5.5). */
export async function nodeItems(
  engine: Engine,
  owner: Jid,
  name: string,
  who: Jid,
  page?: PageRequest,
): Promise<{ items: DiscoItem[]; set?: Element } | undefined> {
  const node = await engine.nodes.find(owner, name, who);
  if (node === undefined) return undefined;
  await checkRead(engine.realm, node, who);
  if (node.virtual || !node.config.persist_items) return { items: [] };
  const wanted = { ids: undefined, newest: undefined, by: "modified", descending: false } as const;
  const { items, set } = await itemsOf(engine, node, { ...wanted, page });
  return {
    items: items.map((i) => ({ jid: owner.bare, name: i.id })),
    ...(set === undefined ? {} : { set }),
  };
}

/** A page of nodes. */
export function pageOfNodes(
  nodes: readonly DiscoItem[],
  page: PageRequest | undefined,
  most: number,
): { items: readonly DiscoItem[]; set?: Element } {
  const { items, set } = pageOf(nodes, (n) => n.node ?? "", page, most);
  return { items, ...(set === undefined ? {} : { set }) };
}
