/**
 * The latest messages of a room, for those who enter (XEP-0045 §7.2.13, §7.2.14). In an archive they
 * are there anyway; a room that is kept and has no archive stores them by itself.
 */

import { DELAY_NS, delayElement } from "../../lib/formats/delay.ts";
import { parseDateTime } from "../../lib/formats/datetime.ts";
import { newStanzaId, stampStanzaId } from "../../lib/formats/stanza_id.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import {
  archiveOwner,
  archiveQuery,
  archiveReplace,
  archiveSettled,
  archiveStore,
} from "../../lib/hooks/archive.ts";
import {
  roomHistoryAdd,
  roomHistoryGet,
  roomHistoryReplace,
} from "../../lib/hooks/room_storage.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { isLater, type Later, then } from "../../lib/later.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { MUC, OCCUPANT_ID, RETRACT, USER } from "./names.ts";
import type { Room } from "./room.ts";

export interface Remembered {
  readonly id: string;
  readonly stamp: number;
  /** As it is sent to those who enter: with its `<delay/>`. */
  readonly message: Stanza;
  /** Characters of that. */
  readonly size: number;
}

/** A message that was given its place. */
export interface Placed {
  /** With its `<stanza-id/>`. */
  readonly message: Stanza;
  readonly id: string;
  readonly stamp: number;
  /** Who has really said it, if that is known. */
  readonly author?: Jid | undefined;
}

/** Which messages somebody wants who enters. */
interface Wanted {
  readonly messages: number;
  readonly characters: number;
  /** ms since the epoch. */
  readonly since: number;
}

export class History {
  readonly #room: Room;
  #items: Remembered[] = [];
  #size = 0;
  #owners: ReadonlySet<string> | undefined = undefined;

  constructor(room: Room) {
    this.#room = room;
  }

  get owner(): string {
    return archiveOwner(this.#room.jid);
  }

  /** Messages go into an archive: not before the room is one (§10.1), for it may never be. */
  get archived(): boolean {
    const { config, locked, service } = this.#room;
    return config.archive && !locked && service.archives;
  }

  /**
   * Gives a message its id and time, and sees to it that it is kept, if it is of a kind to be kept.
   * `author` is the real address. `true` comes when it is for good; false if that failed.
   */
  place(
    message: Stanza,
    author: Jid,
    keep: boolean,
    remember: boolean,
  ): Later<Placed & { kept: Later<boolean> }> {
    const { service, jid } = this.#room;
    if (!keep || !this.archived) {
      const id = newStanzaId();
      const stamped = stampStanzaId(message, jid.bare, id);
      const placed = { message: stamped, id, stamp: Date.now(), author };
      if (remember) this.#store(placed);
      return { ...placed, kept: true };
    }
    // Who may know it reads the real address there (XEP-0313 §6.1.2).
    const entry = message.append(xml("x", USER, {}, xml("item", USER, { jid: author.full })));
    const stored = service.host.ask(archiveStore, this.owner, { message: entry, with: author });
    return then(stored, (archived) => {
      const { id, stamp } = archived ?? { id: newStanzaId(), stamp: Date.now() };
      const placed = { message: stampStanzaId(message, jid.bare, id), id, stamp, author };
      if (archived === undefined) return { ...placed, kept: true };
      return {
        ...placed,
        kept: then(service.host.ask(archiveSettled, this.owner), (kept) => kept !== false),
      };
    });
  }

  /** Those who enter from now on get it. */
  remember({ message, id, stamp, author }: Placed): void {
    const { settings } = this.#room.service;
    const delayed = this.#isOlder(message, author)
      ? message
      : message.append(delayElement(this.#room.jid.bare, stamp));
    const item = { id, stamp, message: delayed, size: delayed.wire("").length };
    this.#items.push(item);
    this.#size += item.size;
    while (this.#items.length > settings.history || this.#size > settings.history_bytes) {
      this.#size -= this.#items.shift()?.size ?? 0;
      if (this.#items.length === 0) return;
    }
  }

  /** §7.9: an owner brings an older conversation in; when that was said is what counts. */
  #isOlder(message: Stanza, author: Jid | undefined): boolean {
    if (message.child("delay", DELAY_NS) === undefined) return false;
    const { affiliations } = this.#room;
    if (author !== undefined) return affiliations.get(author.bare)?.affiliation === "owner";
    const id = message.child("occupant-id", OCCUPANT_ID)?.attrs.id;
    return id !== undefined && this.#ownerIds().has(id);
  }

  /** Of all owners, which may be many: made once while a room is woken. */
  #ownerIds(): ReadonlySet<string> {
    if (this.#owners !== undefined) return this.#owners;
    const ids = new Set<string>();
    for (const { jid, affiliation } of this.#room.affiliations.values()) {
      const owner = affiliation === "owner" ? parseJid(jid) : undefined;
      if (owner !== undefined) ids.add(this.#room.occupantId(owner));
    }
    return this.#owners = ids;
  }

  /** In the room's own table, where there is no archive. */
  #store({ message, id, stamp }: Placed): void {
    const { locked, service, config, jid } = this.#room;
    if (locked || !config.persistent || service.settings.history === 0) return;
    const item = { id, stamp, xml: message.wire(undefined) };
    const done = service.host.ask(roomHistoryAdd, jid, item, service.settings.history);
    if (!isLater(done)) return;
    service.host.pledge(done);
    done.catch((e) => service.failed("a message of a room could not be kept", this.#room, e));
  }

  /** Reads what there is of a room that has just been woken. */
  async load(): Promise<void> {
    await this.#load();
    this.#owners = undefined;
  }

  async #load(): Promise<void> {
    const { service, jid } = this.#room;
    const max = service.settings.history;
    if (max === 0) return;
    if (!this.archived) {
      for (const { id, stamp, xml } of await service.host.ask(roomHistoryGet, jid) ?? []) {
        this.remember({ message: parseStored(xml), id, stamp });
      }
      return;
    }
    const page = { max, before: "", after: undefined, index: undefined };
    const found = await service.host.ask(archiveQuery, this.owner, { page });
    for (const { id, stamp, xml } of found?.messages ?? []) {
      const message = parseStored(xml).filter((c) => c.ns !== USER);
      if (isSubject(message) || isTombstone(message)) continue;
      this.remember({ message: stampStanzaId(message, jid.bare, id), id, stamp });
    }
  }

  /** What somebody gets who enters (§7.2.14). */
  wanted(join: Element | undefined): readonly Remembered[] {
    const { messages, characters, since } = wishes(join, this.#room.config.maxHistory);
    const items = this.#items;
    let from = items.length;
    let size = 0;
    while (from > 0 && items.length - from < messages) {
      const item = items[from - 1]!;
      size += item.size;
      if (size > characters || item.stamp < since) break;
      from--;
    }
    return items.slice(from);
  }

  /** A message by its id. */
  find(id: string): Remembered | undefined {
    return this.#items.find((item) => item.id === id);
  }

  /** Takes a message out, and puts a tombstone into its place in the archive, for good. */
  async bury(id: string, tombstone: Stanza): Promise<void> {
    const { service, jid } = this.#room;
    this.#items = this.#items.filter((item) => {
      if (item.id === id) this.#size -= item.size;
      return item.id !== id;
    });
    // In both: the room may have had an archive once, or may have it now.
    if (service.archives) await service.host.ask(archiveReplace, this.owner, id, tombstone);
    await service.host.ask(roomHistoryReplace, jid, id, "");
  }

  clear(): void {
    this.#items = [];
    this.#size = 0;
  }
}

/** A change of the subject and nothing else (§8.1). */
export function isSubject(message: Element): boolean {
  return message.child("subject") !== undefined && message.child("body") === undefined &&
    message.child("thread") === undefined;
}

function isTombstone(message: Element): boolean {
  return message.child("retracted", RETRACT) !== undefined;
}

/** Numbers that are none say nothing. */
function wishes(join: Element | undefined, most: number): Wanted {
  const attrs = join?.child("history", MUC)?.attrs ?? {};
  const { maxstanzas, maxchars, seconds, since } = attrs;
  const moments = [
    since === undefined ? undefined : parseDateTime(since),
    ...[count(seconds)].map((s) => s === undefined ? undefined : Date.now() - s * 1000),
  ].filter((m) => m !== undefined);
  return {
    messages: Math.min(count(maxstanzas) ?? most, most),
    characters: count(maxchars) ?? Infinity,
    since: Math.max(0, ...moments),
  };
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
