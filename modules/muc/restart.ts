/**
 * Occupants outlive the server's process with their sessions (XEP-0198): where a session is goes into
 * its journal, and when it is restored it is in its rooms again, as if nothing had happened. All others
 * who were there are announced as gone; a client that was not told finds out by a ping (XEP-0410).
 *
 * Rooms also outlive the module's being set up anew with other settings.
 */

import { StanzaError } from "../../lib/errors.ts";
import {
  type Affiliation,
  isAffiliation,
  isRole,
  type PresentRole,
} from "../../lib/formats/muc.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { hostClosing } from "../../lib/hooks/closing.ts";
import { roomOccupantsTake, roomTemporary } from "../../lib/hooks/room_storage.ts";
import type { StoredOccupant } from "../../lib/hooks/room_storage.ts";
import { sessionFreeze, sessionThaw } from "../../lib/hooks/streams.ts";
import type { Host } from "../../lib/host.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Jid } from "../../lib/jid.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { NS } from "../../lib/ns.ts";
import type { Session } from "../../lib/session.ts";
import { Stanza } from "../../lib/stanza.ts";
import { AttributeMap, type Element, xml } from "../../lib/xml/element.ts";
import { hatsOf } from "./hats.ts";
import { Status, USER } from "./names.ts";
import { type Client, Occupant, statusElements } from "./occupant.ts";
import { showGone } from "./presence.ts";
import { defaultRole, isMember, roleAfter } from "./rights.ts";
import type { Room } from "./room.ts";
import type { MucService } from "./service.ts";
import type { Settings } from "./settings.ts";
import { places } from "./whereabouts.ts";

/** How long rooms wait for the module to be set up anew, in ms. */
const RELOAD_MS = 5000;

/**
 * Characters of all presences that go into a session's journal, which has them anew with every change;
 * from there on it has who is where, and not what is said of it.
 */
const FROZEN = 1 << 16;

/** A place in a room, as it is frozen. */
interface Frozen {
  readonly room: string;
  readonly nick: string;
  readonly role: string;
  readonly affiliation: string;
  /** Its presence, as on a client's stream. */
  readonly presence: string;
}

/** Rooms that wait for the module, by the domain of their service. */
interface Parked {
  readonly rooms: ReadonlyMap<string, readonly Room[]>;
  readonly cancel: () => void;
}

const parked = new WeakMap<Host, Parked>();

/** Sees to it that nobody is lost. */
export function surviveRestarts(
  host: ModuleHost<Settings>,
  services: readonly MucService[],
): void | Promise<void> {
  let core: Host | undefined;
  let isClosing = false;

  host.on(sessionFreeze, (state, session) => {
    const all = places.get(session);
    if (all !== undefined && all.size > 0) {
      state.muc = freeze(all);
    }
  });
  host.on(sessionThaw, async (session, { muc }) => {
    for (const place of Array.isArray(muc) ? muc as Frozen[] : []) {
      const service = services.find((s) => parseJid(place.room)?.domain === s.domain);
      if (service !== undefined) await thaw(service, session, place);
    }
  });
  host.on(hostClosing, () => {
    isClosing = true;
    for (const service of services) {
      service.whereabouts.write();
      service.whereabouts.closed = service.closing = true;
      for (const room of service.rooms.values()) tellShutdown(room);
    }
  });
  host.onUnload(() => {
    if (isClosing || core === undefined) return;
    for (const service of services) service.whereabouts.write();
    park(core, services);
  });
  // After the sessions, whichever module keeps them.
  return host.onOpen((itself) => {
    core = itself;
    if (adopt(itself, services)) return;
    return itself.whenRestored(async () => {
      for (const service of services) await tidyUp(service);
    });
  });
}

// ---- over a restart of the process ----

function freeze(all: ReadonlyMap<Room, Client>): Frozen[] {
  let left = FROZEN;
  return [...all].map(([room, { occupant, presence, lang }]) => {
    const { nick, role, affiliation } = occupant;
    let text = presenceText(left > 0 ? presence : [], lang);
    left -= text.length;
    if (left < 0) text = presenceText([], lang);
    return { room: room.jid.bare, nick, role, affiliation, presence: text };
  });
}

function presenceText(children: readonly Element[], lang: string | undefined): string {
  const attrs = new AttributeMap();
  if (lang !== undefined) attrs["xml:lang"] = lang;
  return new Stanza("presence", NS.client, attrs, [...children]).wire(undefined);
}

/** Nobody is told: for everybody else who is restored it was there all the time. */
async function thaw(service: MucService, session: Session, place: Frozen): Promise<void> {
  const address = parseJid(place.room)!;
  const room = await service.find(address.node);
  const { jid } = session;
  const affiliation = room === undefined ? "outcast" : await room.rank(jid);
  const other = room?.occupant(place.nick);
  const isWelcome = room !== undefined && affiliation !== "outcast" &&
    (!room.config.membersOnly || isMember(affiliation)) &&
    (other === undefined || other.user.bare === jid.bare);
  if (!isWelcome) {
    // While the server was away it has lost its place.
    void service.host.send(gone(address.withResource(place.nick), jid));
    return;
  }
  const role = roleOf(place, affiliation, room.config.moderated);
  const occupant = other ?? new Occupant(
    place.nick,
    room.jid.withResource(place.nick),
    jid.toBare(),
    room.occupantId(jid),
    role,
    affiliation,
  );
  const said = parseStored(place.presence);
  const client: Client = {
    jid,
    occupant,
    presence: said.elements(),
    lang: said.attrs["xml:lang"],
    shownAt: -Infinity,
    showsLater: false,
    isLeaving: false,
  };
  if (other === undefined) room.seat(occupant);
  occupant.main = client;
  occupant.hats = hatsOf(room, occupant.user);
  room.addClient(client);
  occupant.visible = room.shows(occupant);
  service.entered(room, client);
}

/** As it was, unless the affiliation is another one by now. */
function roleOf({ role, affiliation }: Frozen, now: Affiliation, moderated: boolean): PresentRole {
  if (!isRole(role) || role === "none" || !isAffiliation(affiliation)) {
    return defaultRole(now, moderated);
  }
  return affiliation === now ? role : roleAfter(role, affiliation, now, moderated);
}

/** All sessions are back: who is not, is gone; and rooms that nobody is in, and that do not stay. */
async function tidyUp(service: MucService): Promise<void> {
  const before = await service.host.ask(roomOccupantsTake, service.service.jid) ?? [];
  for (const [room, stored] of byRoom(service, before)) announceGone(room, stored);
  for (const room of service.rooms.values()) {
    for (const client of room.clients.values()) service.entered(room, client);
  }
  for (const jid of await service.host.ask(roomTemporary, service.service.jid) ?? []) {
    const room = await service.find(jid.node);
    if (room !== undefined && room.size === 0) await service.destroy(room, {});
  }
}

/** Rooms in which somebody was restored; nobody else could be told anything. */
function byRoom(
  service: MucService,
  stored: readonly StoredOccupant[],
): Map<Room, StoredOccupant[]> {
  const found = new Map<Room, StoredOccupant[]>();
  for (const occupant of stored) {
    const room = service.rooms.get(occupant.room.node);
    if (room === undefined || room.size === 0) continue;
    const others = found.get(room);
    if (others === undefined) found.set(room, [occupant]);
    else others.push(occupant);
  }
  return found;
}

function announceGone(room: Room, stored: readonly StoredOccupant[]): void {
  const told = new Set<string>();
  for (const { nick, jid: text } of stored) {
    const jid = parseJid(text);
    if (jid === undefined || room.clients.has(jid.full)) continue;
    // Another client of the same occupant may be there still.
    if (told.has(nick) || room.occupant(nick) !== undefined) continue;
    told.add(nick);
    const affiliation = room.affiliationOf(jid);
    const role = defaultRole(affiliation, room.config.moderated);
    const address = room.jid.withResource(nick);
    const id = room.occupantId(jid);
    const occupant = new Occupant(nick, address, jid.toBare(), id, role, affiliation);
    occupant.main = {
      jid,
      occupant,
      presence: [],
      lang: undefined,
      shownAt: 0,
      showsLater: false,
      isLeaving: true,
    };
    occupant.visible = room.config.presenceBroadcast.includes(role);
    showGone(room, occupant, { status: [Status.Failure], children: [] });
  }
}

/** To those of other servers, who would not learn of it otherwise (§11.2). */
function tellShutdown(room: Room): void {
  const { host } = room.service;
  for (const { jid, occupant } of room.clients.values()) {
    if (jid.domain === host.domain) continue;
    const status = [Status.Self, Status.Shutdown];
    const notice = { type: "unavailable", role: "none", status, children: [] } as const;
    void host.send(occupant.notice(notice, true).addressedTo(jid));
  }
}

function gone(address: Jid, to: Jid): Stanza {
  const attrs = new AttributeMap();
  attrs.type = "unavailable";
  const item = xml("item", USER, { affiliation: "none", role: "none" });
  const codes = statusElements([Status.Self, Status.Kicked, Status.Failure]);
  const stanza = new Stanza("presence", NS.client, attrs, [xml("x", USER, {}, item, ...codes)]);
  stanza.stampFrom(address);
  stanza.stampTo(to);
  return stanza;
}

// ---- over other settings ----

function park(core: Host, services: readonly MucService[]): void {
  if (core.config.modules.muc?.enabled !== true) {
    // It is not set up anew, but switched off.
    for (const { rooms } of services) for (const room of rooms.values()) close(core, room);
    return;
  }
  const rooms = new Map(services.map((s) => [s.domain, [...s.rooms.values()]]));
  const deadline = core.server.deadlines.after(RELOAD_MS, () => {
    parked.delete(core);
    for (const room of [...rooms.values()].flat()) close(core, room);
  });
  parked.set(core, { rooms, cancel: () => deadline.cancel() });
}

/** Takes the rooms over that the module had before; true if it is not the first time. */
function adopt(core: Host, services: readonly MucService[]): boolean {
  const before = parked.get(core);
  if (before === undefined) return false;
  parked.delete(core);
  before.cancel();
  for (const [domain, rooms] of before.rooms) {
    const service = services.find((s) => s.domain === domain);
    for (const room of rooms) {
      if (service === undefined) close(core, room);
      else service.adopt(room);
    }
  }
  return true;
}

/** The module is not there any more, or the service has another name: everybody is told so. */
function close(core: Host, room: Room): void {
  room.destroyed = true;
  for (const { jid, occupant } of room.clients.values()) {
    const status = [Status.Self, Status.Shutdown];
    const notice = { type: "unavailable", role: "none", status, children: [] } as const;
    void core.server.router.route(occupant.notice(notice, true).addressedTo(jid));
    const session = core.session(jid);
    const all = session && places.get(session);
    all?.delete(room);
    session?.changed();
  }
  room.turns.end(new StanzaError("service-unavailable"));
}
