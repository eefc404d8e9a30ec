/**
 * XEP-0433: what a search finds, page by page. Rooms with people in them are awake, and known here; all
 * others are in the storage. By the number of users, the former come first and the latter follow.
 *
 * A page goes on from a place in the order and not from a room, which may be gone by then.
 */

import { StanzaError } from "../../lib/errors.ts";
import type { PageRequest } from "../../lib/formats/rsm.ts";
import { roomCount } from "../../lib/hooks/room_storage.ts";
import type { RoomListing, RoomQuery } from "../../lib/hooks/room_storage.ts";
import { roomMayDiscover } from "../../lib/hooks/rooms.ts";
import type { Jid } from "../../lib/jid.ts";
import { compareNodes, folded } from "./folded.ts";
import { visibleRooms } from "./listed.ts";
import { nodeIn } from "./lists.ts";
import type { MucService } from "./service.ts";

/** Awake rooms that are looked at without a pause. */
const STEP = 100;

export interface Found extends RoomListing {
  readonly users: number;
}

export interface Search {
  /** Folded; undefined for all rooms. */
  readonly words: readonly string[] | undefined;
  readonly within: NonNullable<RoomQuery["within"]>;
  readonly minUsers: number;
  readonly order: "users" | "address";
}

/** A place in the order of results. */
type Place = Pick<Found, "node" | "users">;

export interface FoundPage {
  readonly rooms: readonly Found[];
  /** Of all that is found, if that is known without looking for it. */
  readonly count: number | undefined;
}

export async function findRooms(
  muc: MucService,
  who: Jid,
  search: Search,
  page: PageRequest | undefined,
): Promise<FoundPage> {
  if (page?.index !== undefined) {
    throw new StanzaError("feature-not-implemented", { text: "pages go from item to item" });
  }
  const most = muc.settings.page;
  const max = Math.min(page?.max ?? most, most);
  const awake = search.minUsers > 0 || search.order === "users" ? await occupied(muc, search) : [];
  awake.sort((a, b) => compare(search, a, b));
  const finder = new Finder(muc, who, search, awake);
  const rooms = max === 0
    ? []
    : page?.before === undefined
    ? await finder.upwards(placeOf(search, page?.after), max)
    : await finder.downwards(placeOf(search, page.before || undefined), max);
  return { rooms, count: await countOf(muc, search, awake) };
}

/** What a page's end is named by. */
export function cursorOf({ order }: Search, { users, node }: Place): string {
  return order === "users" ? `${users} ${node}` : node;
}

function placeOf({ order }: Search, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  if (order === "address") return { users: 0, node: cursor };
  const [, users, node] = /^(\d{1,10}) (.+)$/.exec(cursor) ?? [];
  if (users === undefined || node === undefined) throw new StanzaError("item-not-found");
  return { users: Number(users), node };
}

function compare({ order }: Search, a: Place, b: Place): number {
  return (order === "users" ? b.users - a.users : 0) || compareNodes(a.node, b.node);
}

/** Public rooms with people in them, so many at least, that match. */
async function occupied(muc: MucService, search: Search): Promise<Found[]> {
  const found: Found[] = [];
  let seen = 0;
  for (const room of muc.rooms.values()) {
    if (++seen % STEP === 0) await new Promise<void>((resolve) => muc.host.slices.run(resolve));
    if (room.size < Math.max(1, search.minUsers)) continue;
    const listing = muc.listingOf(room);
    if (listing === undefined || !matches(listing, search, muc.domain)) continue;
    found.push({ ...listing, users: room.size });
  }
  return found;
}

/** As the storage compares them. */
function matches(
  { name, description, node }: RoomListing,
  { words, within }: Search,
  domain: string,
): boolean {
  if (words === undefined) return true;
  const texts = { name: folded(name), description: folded(description), address: folded(node) };
  return words.every((word) =>
    within.some((place) => texts[place].includes(place === "address" ? nodeIn(word, domain) : word))
  );
}

async function countOf(
  muc: MucService,
  { words, minUsers }: Search,
  awake: readonly Found[],
): Promise<number | undefined> {
  if (muc.host.has(roomMayDiscover)) return undefined;
  if (minUsers > 0) return awake.length;
  if (words !== undefined) return undefined;
  return await muc.host.ask(roomCount, muc.service.jid, "public");
}

/** Takes pages from the rooms that are occupied, in order, and the stored ones behind them. */
class Finder {
  readonly #muc: MucService;
  readonly #who: Jid;
  readonly #search: Search;
  readonly #awake: readonly Found[];

  constructor(muc: MucService, who: Jid, search: Search, awake: readonly Found[]) {
    this.#muc = muc;
    this.#who = who;
    this.#search = search;
    this.#awake = awake;
  }

  async upwards(after: Place | undefined, max: number): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (const room of this.#awake) {
      if (after !== undefined && compare(this.#search, room, after) <= 0) continue;
      if (found.length === max) return found;
      if (await this.#muc.isVisible(room.node, this.#who)) found.push(room);
    }
    // Behind a room with people in it all of the stored ones follow.
    const node = after?.users === 0 ? after.node : undefined;
    found.push(...await this.#stored({ after: node, limit: max - found.length }));
    return found;
  }

  async downwards(before: Place | undefined, max: number): Promise<readonly Found[]> {
    const found: Found[] = [];
    if (before === undefined || before.users === 0) {
      found.push(...await this.#stored({ before: before?.node ?? "", limit: max }));
    }
    for (const room of this.#awake.toReversed()) {
      if (before !== undefined && compare(this.#search, room, before) >= 0) continue;
      if (found.length >= max) break;
      if (await this.#muc.isVisible(room.node, this.#who)) found.unshift(room);
    }
    return found;
  }

  /** By address: all of them, otherwise those with nobody in them. */
  async #stored(span: Pick<RoomQuery, "after" | "before" | "limit">): Promise<readonly Found[]> {
    const { words, within, minUsers, order } = this.#search;
    if (minUsers > 0 || span.limit < 1) return [];
    const users = (node: string) => this.#muc.rooms.get(node)?.size ?? 0;
    const accepts = order === "users" ? ({ node }: RoomListing) => users(node) === 0 : undefined;
    const listing = await visibleRooms(
      this.#muc,
      this.#who,
      { ...span, words, within },
      accepts,
    );
    return listing.map((room) => ({ ...room, users: users(room.node) }));
  }
}
