/**
 * A service of rooms: which of them are awake, who makes them, and where what is sent to them goes. A
 * room is woken by the first that is sent to it, and sleeps when nobody was in it for a while.
 */

import { StanzaError } from "../../lib/errors.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { roomCount, roomLoad } from "../../lib/hooks/room_storage.ts";
import type { RoomListing } from "../../lib/hooks/room_storage.ts";
import {
  roomCreated,
  roomDefaults,
  roomMayCreate,
  roomMayDiscover,
  roomPresence,
} from "../../lib/hooks/rooms.ts";
import { archiveStore } from "../../lib/hooks/archive.ts";
import { Jid } from "../../lib/jid.ts";
import { isLater, type Later, then } from "../../lib/later.ts";
import type { ModuleHost, ServiceHandle } from "../../lib/module.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { destroyRoom, type Farewell } from "./destroy.ts";
import { hatsOf } from "./hats.ts";
import { failed } from "./leave.ts";
import type { Client, Occupant } from "./occupant.ts";
import { PassedRequests } from "./occupant_iq.ts";
import { type Quotas, quotasOf } from "./quotas.ts";
import { Room } from "./room.ts";
import { defaultConfig, type Settings } from "./settings.ts";
import { newRoom } from "./stored_room.ts";
import { showWaiting } from "./status.ts";
import { Whereabouts } from "./whereabouts.ts";

export class MucService {
  readonly host: ModuleHost<Settings>;
  readonly service: ServiceHandle;
  readonly settings: Settings;
  /** Awake, by node. */
  readonly rooms = new Map<string, Room>();
  readonly #waking = new Map<string, Promise<Room | undefined>>();
  /** Awake without occupants: since when (`performance.now()`), the ones unused longest first. */
  readonly #idle = new Map<Room, number>();
  /** There are too many of them, and some are about to be put to sleep. */
  #isTooMuch = false;
  readonly quotas: Quotas;
  readonly passed = new PassedRequests();
  readonly whereabouts: Whereabouts;
  /** The host is closing: what goes now goes with the process. */
  closing = false;

  constructor(host: ModuleHost<Settings>, service: ServiceHandle) {
    this.host = host;
    this.service = service;
    this.settings = host.config;
    this.whereabouts = new Whereabouts(
      host,
      (e) => this.failed("who is in a room could not be noted", undefined, e),
    );
    this.quotas = quotasOf(host.config);
  }

  get domain(): string {
    return this.service.domain;
  }

  /** There are archives (module `mam`). */
  get archives(): boolean {
    return this.host.has(archiveStore);
  }

  /** Administrators of the server own all rooms. */
  isAdmin(user: Jid): boolean {
    return this.host.settings.admins.includes(user.bare);
  }

  // ---- rooms come and go ----

  /** The room of that node, woken if it sleeps; undefined if there is none. */
  find(node: string): Later<Room | undefined> {
    const awake = this.rooms.get(node);
    if (awake !== undefined) {
      if (awake.size === 0) this.#rest(awake);
      return awake;
    }
    const waking = this.#waking.get(node);
    if (waking !== undefined) return waking;
    const woken = this.#wake(node).finally(() => this.#waking.delete(node));
    this.#waking.set(node, woken);
    return woken;
  }

  async #wake(node: string): Promise<Room | undefined> {
    const jid = this.#jidOf(node);
    const stored = await this.host.ask(roomLoad, jid);
    if (stored === undefined || stored === "none") return undefined;
    const config = { ...defaultConfig(this.settings), ...stored.config };
    const room = new Room(this, jid, { ...stored, config }, false);
    await room.restore(stored);
    this.rooms.set(node, room);
    this.#rest(room);
    return room;
  }

  #jidOf(node: string): Jid {
    return Jid.of(node, this.service.domain);
  }

  /** Nobody is in it: it goes to sleep if that stays so. */
  #rest(room: Room): void {
    this.#idle.delete(room);
    this.#idle.set(room, performance.now());
    if (this.#idle.size <= this.settings.awake || this.#isTooMuch) return;
    this.#isTooMuch = true;
    // Not now: whoever has woken rooms this very moment has not come to them yet.
    this.host.slices.run(() => this.#relieve());
  }

  #relieve(): void {
    this.#isTooMuch = false;
    let tooMany = this.#idle.size - this.settings.awake;
    for (const room of [...this.#idle.keys()]) {
      if (tooMany <= 0) return;
      if (this.#sleep(room)) tooMany--;
    }
  }

  /** Puts rooms to sleep in which nobody was for a while, and sees to those that wait in vain. */
  sweep(): void {
    const now = performance.now();
    for (const room of this.rooms.values()) room.turns.overdue(now - this.settings.turn_timeout);
    for (const [room, since] of this.#idle) {
      if (since > now - this.settings.sleep) break;
      this.#sleep(room);
    }
  }

  #sleep(room: Room): boolean {
    if (room.size > 0 || room.locked || room.turns.length > 0) {
      this.#idle.delete(room);
      if (room.size === 0) this.#idle.set(room, performance.now());
      return false;
    }
    this.#idle.delete(room);
    if (!room.config.persistent && !room.destroyed) {
      this.inBackground(room, room.turns.act(() => this.emptied(room)));
      return false;
    }
    this.rooms.delete(room.jid.node);
    // How much was said is the one thing that is not stored when it happens.
    if (!room.destroyed && room.activity.isNews) this.inBackground(room, room.save());
    return true;
  }

  /**
   * Makes a room, for somebody who wants to enter it (§10.1.1).
   * @throws StanzaError `not-allowed` for who may not, `resource-constraint` beyond a limit
   */
  async create(node: string, creator: Jid): Promise<Room> {
    const jid = this.#jidOf(node);
    const asked = await this.host.ask(roomMayCreate, jid, creator);
    if (!(asked ?? this.#mayCreate(creator))) {
      throw new StanzaError("not-allowed", { text: "you may not make rooms here" });
    }
    await this.#checkCounts(creator);
    const config = await this.host.filter(roomDefaults, defaultConfig(this.settings), jid, creator);
    if (config === DROP) throw new StanzaError("not-allowed");
    // Two who come at once: the second enters what the first has made.
    const other = await this.find(node) ?? this.rooms.get(node);
    if (other !== undefined) return other;
    const room = new Room(this, jid, newRoom(creator.bare, config), this.settings.lock);
    this.rooms.set(node, room);
    this.#rest(room);
    if (room.locked) this.#giveUpLater(room);
    else await this.#keepNew(room);
    await this.host.tell(roomCreated, room, creator);
    return room;
  }

  /** What cannot be kept was never made. */
  async #keepNew(room: Room): Promise<void> {
    try {
      await room.save({}, [...room.affiliations.values()]);
    } catch (e) {
      await this.destroy(room, {}).catch(() => {});
      this.#forget(room);
      throw e;
    }
  }

  #mayCreate(creator: Jid): boolean {
    if (this.isAdmin(creator)) return true;
    if (this.settings.create === "anybody") return true;
    if (this.settings.create === "admins" || creator.domain !== this.host.domain) return false;
    return this.host.account(creator)?.guest !== true;
  }

  async #checkCounts(creator: Jid): Promise<void> {
    const { rooms, rooms_per_account } = this.settings;
    const unsaved = [...this.rooms.values()].filter((r) => r.locked);
    const all = await this.host.ask(roomCount, this.service.jid, "all") ?? 0;
    if (all + unsaved.length >= rooms) {
      throw new StanzaError("resource-constraint", { text: "there are too many rooms" });
    }
    if (rooms_per_account === 0 || this.isAdmin(creator)) return;
    const { bare } = creator;
    const own = await this.host.ask(roomCount, this.service.jid, { creator: bare }) ?? 0;
    if (own + unsaved.filter((r) => r.creator === bare).length >= rooms_per_account) {
      throw new StanzaError("resource-constraint", {
        text: `one account may make ${rooms_per_account} rooms`,
      });
    }
  }

  /** §10.1.3: a room whose maker does not configure it never was. */
  #giveUpLater(room: Room): void {
    room.givesUp = this.host.after(this.settings.lock_timeout, () => {
      if (!room.locked || room.destroyed) return;
      const text = "it was not configured in time";
      this.inBackground(room, this.destroy(room, { reason: text }));
    });
  }

  /** It is open, and stored. */
  unlocked(room: Room): void {
    room.givesUp?.cancel();
    if (room.size === 0) this.#rest(room);
  }

  async destroy(room: Room, farewell: Farewell): Promise<void> {
    if (room.destroyed) return;
    await destroyRoom(room, farewell);
    this.#forget(room);
  }

  #forget(room: Room): void {
    room.destroyed = true;
    room.givesUp?.cancel();
    this.#idle.delete(room);
    if (this.rooms.get(room.jid.node) === room) this.rooms.delete(room.jid.node);
  }

  /** A room that was awake before the settings were changed. */
  adopt(room: Room): void {
    if (room.destroyed) return;
    room.service = this;
    this.rooms.set(room.jid.node, room);
    if (room.size === 0) this.#rest(room);
    if (room.locked) this.#giveUpLater(room);
    room.turns.resume();
    room.pieces.resume();
    showWaiting(room);
  }

  // ---- people come and go ----

  entered(room: Room, client: Client): void {
    this.#idle.delete(room);
    this.whereabouts.entered(room, client);
  }

  left(room: Room, client: Client): void {
    this.whereabouts.left(room, client);
  }

  /** It has another role or presence. */
  changed(client: Client): void {
    this.host.session(client.jid)?.changed();
  }

  /** It has another nickname. */
  moved(room: Room, client: Client, before: string): void {
    this.whereabouts.moved(room, client, before);
  }

  /** The last occupant is gone. */
  emptied(room: Room): Later<void> {
    if (room.size > 0 || room.destroyed || this.closing) return;
    if (!room.locked && room.config.persistent) return this.#rest(room);
    return this.destroy(room, {}).then(() => void (room.isOver = true), (e) => {
      this.#rest(room); // it is tried again when it goes to sleep
      throw e;
    });
  }

  /** There is no such session any more, and nobody has said so: it is put out. */
  lost(room: Room, jid: Jid): void {
    const client = room.client(jid);
    // Once is enough, however much is sent to it until its turn comes.
    if (client === undefined || client.isLeaving) return;
    client.isLeaving = true;
    const done = room.turns.aside(() =>
      room.client(jid) === client ? failed(room, client) : undefined
    );
    this.inBackground(room, done);
  }

  // ---- what others ask ----

  mayEnter(user: Jid): boolean {
    if (this.settings.enter === "anybody") return true;
    return user.domain === this.host.domain || this.isAdmin(user);
  }

  /** Whether somebody may see a room. */
  async isVisible(node: string, who: Jid): Promise<boolean> {
    if (!this.host.has(roomMayDiscover)) return true;
    return await this.host.ask(roomMayDiscover, this.#jidOf(node), who) ?? true;
  }

  /** A room that is awake, as lists show it; undefined if they do not. */
  listingOf({ jid, config, locked }: Room): RoomListing | undefined {
    if (locked || !config.public) return undefined;
    const { name, description, lang, password, membersOnly, whois } = config;
    return {
      node: jid.node,
      name,
      description,
      lang,
      open: password === "" && !membersOnly,
      anonymous: whois === "moderators",
    };
  }

  hatsOf(room: Room, user: Jid): Element | undefined {
    return hatsOf(room, user);
  }

  /** What is shown of a presence, after all who have a say about it. */
  presenceOf(
    room: Room,
    occupant: Occupant,
    stanza: Stanza,
    children: readonly Element[],
  ): Later<readonly Element[]> {
    if (!this.host.has(roomPresence)) return children;
    const shown = stanza.filter((c) => children.includes(c)).sentFrom(occupant.jid);
    return then(
      this.host.filter(roomPresence, shown, room, occupant),
      (passed) => passed === DROP ? [] : passed.elements(),
    );
  }

  /** Messages and requests of one user to rooms. Throws `policy-violation`. */
  checkRate(user: Jid, stanza: Stanza): void {
    const { message_bytes } = this.settings;
    if (sizeOf(stanza) > message_bytes) {
      throw new StanzaError("policy-violation", {
        text: `a message has at most ${message_bytes} bytes`,
      });
    }
    if (!this.quotas.messages.take(user.bare)) {
      throw new StanzaError("policy-violation", { type: "wait", text: "too many messages" });
    }
  }

  /** What one user changes in rooms, which everybody there is told. Throws `policy-violation`. */
  checkChanges(user: Jid): void {
    if (this.quotas.changes.take(user.bare)) return;
    throw new StanzaError("policy-violation", { type: "wait", text: "too many changes" });
  }

  /** Whether a user may be told of so many affiliations. A list longer than that is a minute's. */
  mayList(user: Jid, items: number): boolean {
    const { listed } = this.settings;
    return listed === 0 || this.quotas.listed.take(user.bare, Math.min(items, listed));
  }

  checkPresenceSize(stanza: Stanza): void {
    const { presence_bytes } = this.settings;
    if (sizeOf(stanza) <= presence_bytes) return;
    throw new StanzaError("policy-violation", {
      text: `a presence has at most ${presence_bytes} bytes`,
    });
  }

  // ---- failures ----

  failed(what: string, room: Room | undefined, e: unknown): void {
    this.host.log.error(what, {
      room: room?.jid.bare ?? this.domain,
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
  }

  /** Nobody waits for it; that it has failed is logged. */
  inBackground(room: Room, work: Later<unknown>): void {
    if (!isLater(work)) return;
    const failed = (e: unknown) => this.failed("a room's change could not be made", room, e);
    this.host.pledge(work.catch(failed));
  }
}

/** Characters, which is close enough to bytes for a limit. */
function sizeOf(stanza: Stanza): number {
  return stanza.source?.length ?? stanza.toString().length;
}
