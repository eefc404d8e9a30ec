/** XEP-0045 §7.7: occupants say how they are. */

import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { type Later, then } from "../../lib/later.ts";
import { NS } from "../../lib/ns.ts";
import { cleanPresence } from "./clean.ts";
import type { Client, Occupant } from "./occupant.ts";
import { show } from "./presence.ts";
import type { Room } from "./room.ts";

/** A client that is in the room has sent its presence once more. */
export function changeStatus(room: Room, client: Client, stanza: Stanza): Later<void> {
  const { occupant } = client;
  const said = shownChildren(room, occupant, stanza);
  return then(room.service.presenceOf(room, occupant, stanza, said), (children) => {
    client.presence = children;
    client.lang = stanza.attrs["xml:lang"];
    occupant.main = client;
    occupant.changed();
    room.service.changed(client);
    showSoon(room, client);
  });
}

/** What of a presence is shown: of visitors perhaps without what they write. */
export function shownChildren(room: Room, { role }: Occupant, stanza: Stanza): Element[] {
  const children = cleanPresence(stanza, room.jid);
  if (role !== "visitor" || room.config.allowVisitorStatus) return children;
  return children.filter((c) => !c.is("status", NS.client));
}

/** At once, unless that was done a moment ago: then the last one of the interval is shown. */
function showSoon(room: Room, client: Client): void {
  const { host, settings: { presence_interval } } = room.service;
  const now = performance.now();
  const left = client.shownAt + presence_interval - now;
  if (left <= 0 || presence_interval === 0) {
    client.shownAt = now;
    return show(room, client.occupant);
  }
  if (client.showsLater) return;
  client.showsLater = true;
  host.after(left, () => showNow(room, client));
}

function showNow(room: Room, client: Client): void {
  client.showsLater = false;
  if (room.client(client.jid) !== client) return;
  client.shownAt = performance.now();
  const shown = room.turns.aside(() => {
    if (room.client(client.jid) === client) show(room, client.occupant);
  });
  if (shown instanceof Promise) shown.catch((e) => room.service.failed("a presence", room, e));
}

/** The module was set up anew: what its timers would have shown is shown now. */
export function showWaiting(room: Room): void {
  for (const client of [...room.clients.values()]) if (client.showsLater) showNow(room, client);
}
