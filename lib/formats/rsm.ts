/** Result Set Management (XEP-0059): pages of a longer list. */

import { StanzaError } from "../errors.ts";
import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";

export const RSM_NS = "http://jabber.org/protocol/rsm";

/** What page is wanted. At most one of `after`, `before` and `index` is set. */
export interface PageRequest {
  /** Items at most; 0 asks for the count alone (§2.6). */
  readonly max: number | undefined;
  /** The page that follows this item. */
  readonly after: string | undefined;
  /** The page that precedes this item; "" for the last page (§2.5). */
  readonly before: string | undefined;
  /** The page that begins at this position, from 0 (§2.4). */
  readonly index: number | undefined;
}

/** What page it is. `count` is of the whole list. */
export interface Page {
  readonly first?: string;
  readonly firstIndex?: number;
  readonly last?: string;
  readonly count?: number;
}

/**
 * The request in an element, `undefined` without one.
 * @throws StanzaError `bad-request` if it is not well formed
 */
export function readPage(query: Element): PageRequest | undefined {
  const set = query.child("set", RSM_NS);
  if (set === undefined) return undefined;
  const [max, index] = [number(set, "max"), number(set, "index")];
  const [after, before] = [set.childText("after"), set.childText("before")];
  const given = [after, before, index].filter((v) => v !== undefined);
  if (given.length > 1) {
    throw new StanzaError("bad-request", {
      text: "only one of after, before and index may be set",
    });
  }
  return { max, after, before, index };
}

/** Whole, not negative, and no larger than what the schema calls an unsigned int. */
function number(set: Element, name: string): number | undefined {
  const text = set.childText(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffff_ffff) {
    throw new StanzaError("bad-request", { text: `<${name}/> is no number` });
  }
  return Number(text);
}

/** The `<set/>` of an answer. */
export function pageElement({ first, firstIndex, last, count }: Page): Element {
  return xml(
    "set",
    RSM_NS,
    {},
    first !== undefined &&
      xml("first", RSM_NS, { index: firstIndex?.toString() }, first),
    last !== undefined && xml("last", RSM_NS, {}, last),
    count !== undefined && xml("count", RSM_NS, {}, String(count)),
  );
}

/**
 * Picks a page of a list that is in memory, with the `<set/>` to go with it. Without a request it is
 * all of it, up to `most`.
 * @throws StanzaError `item-not-found` if the item to go on from is not in the list (§2.2)
 */
export function pageOf<T>(
  list: readonly T[],
  idOf: (item: T) => string,
  request: PageRequest | undefined,
  most: number,
): { items: readonly T[]; set: Element | undefined } {
  const count = list.length;
  if (request === undefined && count <= most) return { items: list, set: undefined };
  const max = Math.min(request?.max ?? most, most);
  let from = request?.index ?? 0;
  let to: number | undefined;
  const place = (id: string) => {
    const at = list.findIndex((item) => idOf(item) === id);
    if (at < 0) throw new StanzaError("item-not-found");
    return at;
  };
  if (request?.after !== undefined) from = place(request.after) + 1;
  if (request?.before !== undefined) {
    to = request.before === "" ? count : place(request.before);
    from = Math.max(0, to - max);
  }
  if (request?.index !== undefined && from > count) throw new StanzaError("item-not-found");
  const items = list.slice(from, Math.min(to ?? count, from + max));
  if (items.length === 0) return { items, set: pageElement({ count }) };
  const [first, last] = [idOf(items[0]!), idOf(items.at(-1)!)];
  return { items, set: pageElement({ first, firstIndex: from, last, count }) };
}
