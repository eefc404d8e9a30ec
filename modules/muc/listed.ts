/** Public rooms that somebody may see, from what is stored (XEP-0045 §6.3, XEP-0433). */

import { roomList, type RoomListing, type RoomQuery } from "../../lib/hooks/room_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { MucService } from "./service.ts";

/** Times that the storage is asked for one page: whoever sees next to nothing gets a short one. */
const ROUNDS = 50;

/**
 * The rooms of a page, in ascending order. Those that are hidden from `who`, or not accepted, are made
 * up for by the next ones, so that nobody finds gaps in a page, or their names at its ends.
 */
export async function visibleRooms(
  muc: MucService,
  who: Jid,
  query: RoomQuery,
  accepts: (room: RoomListing) => boolean = () => true,
): Promise<readonly RoomListing[]> {
  const upwards = query.before === undefined;
  const found: RoomListing[] = [];
  let { after, before } = query;
  for (let round = 0; round < ROUNDS && found.length < query.limit; round++) {
    const span = { ...query, after, before };
    const listing = await muc.host.ask(roomList, muc.service.jid, span) ?? [];
    for (const room of upwards ? listing : listing.toReversed()) {
      if (accepts(room) && await muc.isVisible(room.node, who)) found.push(room);
    }
    if (listing.length < query.limit) break;
    if (upwards) after = listing.at(-1)!.node;
    else before = listing[0]!.node;
  }
  const page = found.slice(0, query.limit);
  return upwards ? page : page.reverse();
}
