/** XEP-0313 §6.1.2: the archive of a room, for those who may enter it. */

import { StanzaError } from "../../lib/errors.ts";
import { archiveServe } from "../../lib/hooks/archive.ts";
import { type IqReply, result } from "../../lib/module.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { USER } from "./names.ts";
import { isMember } from "./rights.ts";
import type { Room } from "./room.ts";

/** A request to the archive, of any kind. */
export async function serveArchive(room: Room, iq: Stanza): Promise<IqReply> {
  const { service, history } = room;
  if (!history.archived) throw new StanzaError("service-unavailable");
  const from = iq.from!;
  const rank = await room.standing(from);
  const client = room.client(from);
  if (rank === "outcast" || (room.config.membersOnly && !isMember(rank))) {
    throw new StanzaError("forbidden");
  }
  // Who would have to give a password to enter has given it, or belongs here.
  if (room.config.password !== "" && client === undefined && !isMember(rank)) {
    throw new StanzaError("forbidden");
  }
  if (!service.mayEnter(from)) throw new StanzaError("forbidden");
  const mayKnow = room.seesAddresses(rank, client);
  const answer = await service.host.ask(archiveServe, iq, history.owner, {
    mayAskWith: mayKnow,
    shape: (message) => mayKnow ? message : message.filter((c) => c.ns !== USER),
  });
  if (answer === undefined) throw new StanzaError("service-unavailable");
  return result(answer);
}
