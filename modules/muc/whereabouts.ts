/**
 * Who is where: noted on sessions, for their journals (XEP-0198), and in the store, for the case that
 * the process dies. Nobody waits for either.
 */

import { roomOccupantsChanged } from "../../lib/hooks/room_storage.ts";
import type { StoredOccupant } from "../../lib/hooks/room_storage.ts";
import { isLater } from "../../lib/later.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { slot } from "../../lib/session.ts";
import type { Client } from "./occupant.ts";
import type { Room } from "./room.ts";

/** Changes are written at most that often, in ms. */
const NOTE_MS = 200;

/** On a session: where it is, by room. */
export const places = slot<Map<Room, Client>>();

export class Whereabouts {
  readonly #host: ModuleHost<unknown>;
  readonly #failed: (e: unknown) => void;
  #entered = new Map<string, StoredOccupant>();
  #left = new Map<string, StoredOccupant>();
  #isDue = false;
  /** Who leaves now leaves with the process, and is back with the next one. */
  closed = false;

  constructor(host: ModuleHost<unknown>, failed: (e: unknown) => void) {
    this.#host = host;
    this.#failed = failed;
  }

  entered(room: Room, client: Client): void {
    this.#note(room, client, client.occupant.nick, this.#entered, this.#left);
    const session = this.#host.session(client.jid);
    if (session === undefined) return;
    let all = places.get(session);
    if (all === undefined) places.set(session, all = new Map());
    all.set(room, client);
    session.changed();
  }

  left(room: Room, client: Client): void {
    this.#note(room, client, client.occupant.nick, this.#left, this.#entered);
    const session = this.#host.session(client.jid);
    const all = session && places.get(session);
    if (session === undefined || all === undefined) return;
    all.delete(room);
    if (all.size === 0) places.set(session, undefined);
    session.changed();
  }

  /** It has another nickname. */
  moved(room: Room, client: Client, before: string): void {
    this.#note(room, client, before, this.#left, this.#entered);
    this.#note(room, client, client.occupant.nick, this.#entered, this.#left);
    this.#host.session(client.jid)?.changed();
  }

  /** Only the last word about a place counts. */
  #note(
    { jid: room }: Room,
    { jid }: Client,
    nick: string,
    to: Map<string, StoredOccupant>,
    from: Map<string, StoredOccupant>,
  ): void {
    if (this.closed) return;
    const key = `${room.bare}/${nick}\n${jid.full}`;
    from.delete(key);
    to.set(key, { room, nick, jid: jid.full });
    if (this.#isDue) return;
    this.#isDue = true;
    this.#host.after(NOTE_MS, () => this.write());
  }

  /** Writes what is new. */
  write(): void {
    const entered = [...this.#entered.values()];
    const left = [...this.#left.values()];
    this.#entered.clear();
    this.#left.clear();
    this.#isDue = false;
    if (entered.length + left.length === 0) return;
    const done = this.#host.ask(roomOccupantsChanged, entered, left);
    if (isLater(done)) done.catch(this.#failed);
  }
}
