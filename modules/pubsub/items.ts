/** Reading items (XEP-0060 §6.5), in pages (XEP-0059) and orders (XEP-0413). */

import { StanzaError } from "../../lib/errors.ts";
import { pageElement, type PageRequest, readPage } from "../../lib/formats/rsm.ts";
import { pubsubVirtualItems } from "../../lib/hooks/pubsub.ts";
import type { ItemRange, StoredItem } from "../../lib/hooks/pubsub_storage.ts";
import { pubsubItemCount, pubsubItems, pubsubItemsById } from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, toXml, xml } from "../../lib/xml/element.ts";
import { checkRead } from "./access.ts";
import type { Engine } from "./engine.ts";
import { badRequest, nodeOf, unsupported } from "./errors.ts";
import { itemElement } from "./events.ts";
import { ORDER, PUBSUB } from "./names.ts";
import type { Node } from "./node.ts";

interface Wanted {
  readonly ids: readonly string[] | undefined;
  /** The newest so many. */
  readonly newest: number | undefined;
  readonly by: ItemRange["by"];
  readonly descending: boolean;
  readonly page: PageRequest | undefined;
}

interface Found {
  readonly items: readonly StoredItem[];
  readonly set?: Element | undefined;
}

/** `<items/>` of a client. */
export async function handleItems(engine: Engine, iq: Stanza, request: Element): Promise<Element> {
  const items = request.child("items")!;
  const name = nodeOf(items);
  const wanted = readWanted(request, items);
  const node = await engine.nodes.need(iq.to!, name, iq.from!);
  await checkRead(engine.realm, node, iq.from!);
  const found = node.virtual
    ? await virtualItems(engine, node, iq.from!, wanted)
    : await itemsOf(engine, node, wanted);
  const elements = found.items.map((i) => itemElement(PUBSUB, i, node.config));
  return xml("pubsub", PUBSUB, {}, xml("items", PUBSUB, { node: name }, ...elements), found.set);
}

function readWanted(request: Element, items: Element): Wanted {
  const ids = items.elements("item").map((i) => i.attrs.id);
  if (ids.includes(undefined)) throw badRequest("an item has no id");
  const max = items.attrs.max_items;
  if (max !== undefined && !/^[1-9]\d{0,9}$/.test(max)) {
    throw badRequest("max_items is no positive number");
  }
  const order = request.child("order", ORDER);
  const by = order?.attrs.by;
  if (order !== undefined && by !== "creation" && by !== "modification") {
    throw new StanzaError("feature-not-implemented", { text: "there is no such order" });
  }
  const desc = order?.attrs.desc;
  return {
    ids: ids.length === 0 ? undefined : ids as string[],
    newest: max === undefined ? undefined : Number(max),
    by: by === "creation" ? "created" : "modified",
    descending: desc === "true" || desc === "1",
    page: readPage(request),
  };
}

/** Items in the order wanted, as many as an answer may have. */
export async function itemsOf(engine: Engine, node: Node, wanted: Wanted): Promise<Found> {
  const { host } = engine.realm;
  if (!node.config.persist_items) throw unsupported("persistent-items");
  const { ids, page, newest, by, descending } = wanted;
  const { page_items: most } = host.config;
  if (ids !== undefined) return { items: await itemsById(engine, node, ids.slice(0, most)) };
  if (page !== undefined) return await pageOf(engine, node, wanted, page);
  // One more than fits tells whether that is all.
  const limit = Math.min(newest ?? Infinity, most) + 1;
  const latest = await readItems(engine, node, { by, descending: true, limit });
  const fit = fitting(latest.slice(0, limit - 1), host.config.page_bytes);
  const items = descending ? fit : fit.toReversed();
  const whole = fit.length === latest.length || fit.length === newest;
  return { items, set: whole ? undefined : await pageSet(engine, node, wanted, items) };
}

/** Items read at a time: payloads may be large, and more of them be wanted than an answer holds. */
const AT_A_TIME = 100;

/** The items of a range, until together they are too large for one answer. */
export async function readItems(
  engine: Engine,
  node: Node,
  range: ItemRange,
): Promise<readonly StoredItem[]> {
  const { host } = engine.realm;
  const found: StoredItem[] = [];
  let [left, size, next] = [range.limit, 0, range];
  while (left > 0 && size <= host.config.page_bytes) {
    const limit = Math.min(left, AT_A_TIME);
    const some = await host.ask(pubsubItems, node.owner, node.name, { ...next, limit }) ?? [];
    for (const item of some) {
      if (!isFresh(node, item)) continue;
      found.push(item);
      size += sizeOf(item);
    }
    if (some.length < limit) break;
    left -= limit;
    const bound = some.at(-1)![range.by];
    next = { ...next, offset: 0, [range.descending ? "below" : "above"]: bound };
  }
  return found;
}

/** The items of these ids in the order of publication, as many as one answer holds. */
async function itemsById(
  engine: Engine,
  node: Node,
  ids: readonly string[],
): Promise<readonly StoredItem[]> {
  const { host } = engine.realm;
  const found = new Map<string, StoredItem>();
  let size = 0;
  for (let i = 0; i < ids.length && size <= host.config.page_bytes; i += AT_A_TIME) {
    const part = ids.slice(i, i + AT_A_TIME);
    for (const item of await host.ask(pubsubItemsById, node.owner, node.name, part) ?? []) {
      if (!isFresh(node, item) || found.has(item.id)) continue;
      found.set(item.id, item);
      size += sizeOf(item);
    }
  }
  const items = [...found.values()].sort((a, b) => a.modified - b.modified);
  return fitting(items, host.config.page_bytes);
}

/** Who has published the items of these ids that are there. */
export async function publishersOf(
  engine: Engine,
  node: Node,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { host } = engine.realm;
  const found = new Map<string, string>();
  for (let i = 0; i < ids.length; i += AT_A_TIME) {
    const part = ids.slice(i, i + AT_A_TIME);
    const items = await host.ask(pubsubItemsById, node.owner, node.name, part) ?? [];
    for (const { id, publisher } of items) found.set(id, publisher);
  }
  return found;
}

/** Characters of what is as long as it likes. */
export function sizeOf({ payload, id }: StoredItem): number {
  return (payload?.length ?? 0) + id.length;
}

/** Items that have expired are gone, although they are swept away only now and then. */
export function isFresh({ config: { item_expire } }: Node, item: StoredItem): boolean {
  return item_expire === "max" || item.modified / 1000 > Date.now() - item_expire * 1000;
}

/** The first of the items that together are not too large; at least one. */
export function fitting(items: readonly StoredItem[], bytes: number): readonly StoredItem[] {
  let size = 0;
  for (let i = 0; i < items.length; i++) {
    size += sizeOf(items[i]!);
    if (size > bytes && i > 0) return items.slice(0, i);
  }
  return items;
}

async function pageOf(
  engine: Engine,
  node: Node,
  wanted: Wanted,
  page: PageRequest,
): Promise<Found> {
  const { host } = engine.realm;
  const { by, descending } = wanted;
  const limit = Math.min(
    page.max ?? Infinity,
    wanted.newest ?? Infinity,
    host.config.page_items,
  );
  const backwards = page.before !== undefined;
  const from = page.after ?? page.before;
  let range: ItemRange = {
    by,
    descending: backwards ? !descending : descending,
    offset: page.index,
    limit,
  };
  if (from !== undefined && from !== "") {
    const [item] = await host.ask(pubsubItemsById, node.owner, node.name, [from]) ?? [];
    if (item === undefined) throw new StanzaError("item-not-found");
    range = { ...range, [range.descending ? "below" : "above"]: item[by] };
  }
  const there = limit === 0 ? [] : await readItems(engine, node, range);
  const fit = fitting(there, host.config.page_bytes);
  const items = backwards ? fit.toReversed() : fit;
  return { items, set: await pageSet(engine, node, wanted, items) };
}

async function pageSet(
  engine: Engine,
  node: Node,
  { by, descending }: Wanted,
  items: readonly StoredItem[],
): Promise<Element> {
  const { host } = engine.realm;
  const countAbove = async (bound: number) =>
    await host.ask(pubsubItemCount, node.owner, node.name, by, bound) ?? 0;
  const count = await countAbove(-1);
  if (items.length === 0) return pageElement({ count });
  const first = items[0]!;
  const above = await countAbove(first[by]);
  return pageElement({
    first: first.id,
    firstIndex: descending ? above : count - above - 1,
    last: items.at(-1)!.id,
    count,
  });
}

/** A module's items come newest first, whatever is wanted; it may not know how many there are. */
async function virtualItems(
  engine: Engine,
  node: Node,
  who: Jid,
  { ids, page, newest }: Wanted,
): Promise<Found> {
  const { host } = engine.realm;
  const max = Math.min(page?.max ?? Infinity, newest ?? Infinity, host.config.page_items);
  const { after, before, index } = page ?? {};
  const found = await host.ask(pubsubVirtualItems, node.owner, node.name, who, {
    ...(ids === undefined ? {} : { ids }),
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
    ...(index === undefined ? {} : { index }),
    max,
  });
  if (found === undefined) throw new StanzaError("item-not-found");
  const items = found.items.slice(0, max).map((i) => ({
    id: i.id,
    payload: i.payload === undefined ? undefined : toXml(i.payload, ""),
    publisher: i.publisher,
    modified: i.stamp * 1000,
    created: i.stamp * 1000,
  }));
  const { count, index: firstIndex } = found;
  if (page === undefined) return { items };
  const [first, last] = [items[0]?.id, items.at(-1)?.id];
  return {
    items,
    set: pageElement({
      ...(first === undefined ? {} : { first, last }),
      ...(firstIndex === undefined ? {} : { firstIndex }),
      ...(count === undefined ? {} : { count }),
    }),
  };
}
