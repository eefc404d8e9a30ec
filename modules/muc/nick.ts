/** XEP-0045 §7.6: changing nickname; and what a nickname may be (§17.1). */

import { StanzaError } from "../../lib/errors.ts";
import { roomNickChanged } from "../../lib/hooks/rooms.ts";
import { type Later, then } from "../../lib/later.ts";
import { nickname } from "../../lib/precis/profiles.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { checkNick } from "./enter.ts";
import { Status } from "./names.ts";
import { type Client, Occupant } from "./occupant.ts";
import { show, showGone, showToItself, showToOthers } from "./presence.ts";
import type { Room } from "./room.ts";
import { shownChildren } from "./status.ts";

/** The nickname that somebody has asked for, in the form of RFC 8266: no blanks around it, for one. */
export function nickOf(room: Room, resource: string): string {
  if (resource === "") throw new StanzaError("jid-malformed", { text: "no nickname is named" });
  const nick = nickname(resource);
  if (nick === undefined) {
    throw new StanzaError("not-acceptable", { text: "that is no nickname" });
  }
  const { nick_length } = room.service.settings;
  if ([...nick].length > nick_length) {
    throw new StanzaError("not-acceptable", {
      text: `a nickname has at most ${nick_length} characters`,
    });
  }
  return nick;
}

/** A client that is in the room has sent its presence to another nickname. */
export function changeNick(room: Room, client: Client, stanza: Stanza): Later<void> {
  const { occupant } = client;
  const nick = nickOf(room, stanza.to!.resource);
  const registered = room.affiliations.get(occupant.user.bare)?.nick ?? "";
  if (room.config.lockNicks && registered !== "" && nick !== registered) {
    throw new StanzaError("not-acceptable", { text: "nicknames are locked down here" });
  }
  checkNick(room, occupant.user, nick);
  const usual = occupant.role !== "visitor" || room.config.allowVisitorNickChange;
  return then(room.may(occupant, "change-nick", usual), (allowed) => {
    if (!allowed) throw new StanzaError("not-allowed");
    const said = shownChildren(room, occupant, stanza);
    return then(room.service.presenceOf(room, occupant, stanza, said), (children) => {
      // It may have taken so long that the room has gone on.
      if (room.client(client.jid) !== client) return;
      checkNick(room, occupant.user, nick);
      const before = occupant.nick;
      const moving = [...occupant.clients];
      const now = rename(room, client, nick);
      client.presence = children;
      client.lang = stanza.attrs["xml:lang"];
      now.main = client;
      now.changed();
      showToOthers(room, now);
      const assigned = now.nick !== stanza.to!.resource;
      showToItself(room, now, assigned ? { status: [Status.NickAssigned] } : undefined);
      for (const each of moving) {
        if (each.occupant === now) room.service.moved(room, each, before);
      }
      return room.service.host.tell(roomNickChanged, room, now, before);
    });
  });
}

/**
 * All clients of an occupant go with it; but where a user is there under the new nickname already, the
 * one client joins that occupant.
 */
function rename(room: Room, client: Client, nick: string): Occupant {
  const { occupant } = client;
  const other = room.occupant(nick);
  if (other !== undefined && other !== occupant) return join(room, client, other);
  const notice = { nick, status: [Status.NickChanged] };
  const visible = room.shows(occupant);
  tellRename(room, occupant, notice);
  room.unseat(occupant);
  occupant.nick = nick;
  occupant.jid = room.jid.withResource(nick);
  occupant.visible = visible;
  room.seat(occupant);
  return occupant;
}

function join(room: Room, client: Client, other: Occupant): Occupant {
  const { occupant } = client;
  room.dropClient(client);
  if (occupant.clients.length === 0) {
    room.unseat(occupant);
    showGone(room, occupant, { nick: other.nick, status: [Status.NickChanged], children: [] });
  } else if (occupant.main === client) {
    occupant.main = occupant.clients.at(-1)!;
    show(room, occupant);
  }
  const self = {
    type: "unavailable",
    role: "none",
    nick: other.nick,
    status: [Status.NickChanged],
    children: [],
  } as const;
  room.tellOne(
    occupant.notice({ ...self, status: [Status.Self, ...self.status] }, true, client),
    client,
  );
  client.occupant = other;
  room.addClient(client);
  return other;
}

/** §7.6: the old nickname is gone, and becomes the new one; the role stays. */
function tellRename(
  room: Room,
  occupant: Occupant,
  { nick, status }: { nick: string; status: readonly Status[] },
): void {
  const notice = { type: "unavailable", nick, status, children: [] } as const;
  const others = [...room.clients.values()].filter((c) => c.occupant !== occupant);
  const knowing = others.filter((c) => c.occupant.role === "moderator");
  const mere = others.filter((c) => c.occupant.role !== "moderator");
  room.tell(occupant.notice(notice, true), knowing);
  if (occupant.visible) room.tell(occupant.notice(notice, room.open), mere);
  showToItself(room, occupant, notice);
}
