/** XEP-0045 §10.9: the end of a room. */

import { archiveOwner, archiveWipe } from "../../lib/hooks/archive.ts";
import { roomRemove } from "../../lib/hooks/room_storage.ts";
import { roomDestroyed } from "../../lib/hooks/rooms.ts";
import type { Jid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import { Stanza } from "../../lib/stanza.ts";
import { AttributeMap, xml } from "../../lib/xml/element.ts";
import { OCCUPANT_ID, USER } from "./names.ts";
import type { Client } from "./occupant.ts";
import type { Room } from "./room.ts";

export interface Farewell {
  /** Where people may go instead. */
  readonly alternate?: Jid | undefined;
  readonly password?: string | undefined;
  readonly reason?: string | undefined;
}

/** All that is stored of a room goes; then everybody is told, and out. */
export async function destroyRoom(room: Room, farewell: Farewell): Promise<void> {
  const { host } = room.service;
  if (!room.locked) {
    await host.ask(roomRemove, room.jid);
    if (room.service.archives) await host.ask(archiveWipe, archiveOwner(room.jid));
  }
  room.destroyed = true;
  for (const client of [...room.clients.values()]) {
    void host.send(farewellTo(client, farewell));
    room.dropClient(client);
    room.service.left(room, client);
  }
  for (const occupant of [...room.occupants()]) room.unseat(occupant);
  await host.tell(roomDestroyed, room.jid);
}

/** One presence each, and not those of all others. */
function farewellTo({ jid, occupant }: Client, farewell: Farewell): Stanza {
  const { alternate, password, reason } = farewell;
  const attrs = new AttributeMap();
  attrs.type = "unavailable";
  const x = xml(
    "x",
    USER,
    {},
    xml("item", USER, { affiliation: "none", role: "none" }),
    xml(
      "destroy",
      USER,
      { jid: alternate?.bare },
      reason !== undefined && xml("reason", USER, {}, reason),
      password !== undefined && xml("password", USER, {}, password),
    ),
    xml("status", USER, { code: "110" }),
  );
  const id = xml("occupant-id", OCCUPANT_ID, { id: occupant.id });
  const stanza = new Stanza("presence", NS.client, attrs, [x, id]);
  stanza.stampFrom(occupant.jid);
  stanza.stampTo(jid);
  return stanza;
}
