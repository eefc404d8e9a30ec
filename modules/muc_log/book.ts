/** Writes logs: what a room is, what happens in it, and what is taken back. */

import type { ModuleHost } from "../../lib/module.ts";
import { roomLoad } from "../../lib/hooks/room_storage.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Room, RoomConfig } from "../../lib/rooms.ts";
import type { Kind, NewEntry } from "./entries.ts";
import { markOf } from "./quarters.ts";
import { Queue } from "./queue.ts";
import { cleanLine, cleanText, cut } from "./text.ts";
import { type Writing, writing } from "./writing.ts";

export interface BookOptions {
  readonly logs: (kind: Kind) => boolean;
  readonly textBytes: number;
  readonly keepDestroyed: boolean;
}

/** A row of the table. */
export interface KnownRoom {
  readonly room: string;
  readonly open: number;
  readonly logging: number;
}

/** Anybody may find the room and enter it. */
export function isOpen(config: RoomConfig): boolean {
  return config.public && !config.membersOnly && config.password === "";
}

export class Book {
  readonly #host: ModuleHost;
  readonly #options: BookOptions;
  readonly #sql: Writing;
  readonly #queue: Queue;
  /** What was last written about a room that is awake. */
  readonly #written = new WeakMap<Room, RoomConfig>();
  /** Marks that were written, so that not every entry writes its own again: by room, the latest. */
  readonly #marked = new Map<string, string>();
  /** Rooms that are logged, and whether they are open to all. */
  readonly #logged = new Map<string, boolean>();
  /** Rooms that were told of while others are compared. */
  #told: Set<string> | undefined;

  constructor(host: ModuleHost, options: BookOptions) {
    this.#host = host;
    this.#options = options;
    this.#sql = writing(host.store);
    this.#queue = new Queue({
      store: host.store,
      pledge: (written) => host.pledge(written),
      lost: (changes, reason) => {
        this.#marked.clear();
        host.log.error("changes of room logs were lost", { changes, reason });
      },
    });
  }

  /** Whether it is logged without being open to all. */
  isClosed(room: string): boolean {
    return this.#logged.get(room) === false;
  }

  /** Enters something into the log of a room that is logged. */
  add(room: Room, entry: NewEntry, at: number): void {
    if (!this.#options.logs(entry.kind)) return;
    if (this.#written.get(room) !== room.config) this.note(room);
    const open = isOpen(room.config) ? 1 : 0;
    this.#add(room.jid.bare, open, entry, at);
  }

  #add(room: string, open: number, entry: NewEntry, at: number): void {
    if (!this.#queue.hasRoom()) return;
    const key = { host: this.#host.domain, room };
    const { textBytes } = this.#options;
    this.#queue.add(this.#sql.entry.bind({
      ...key,
      at,
      open,
      kind: entry.kind,
      nick: nickname(entry.nick ?? ""),
      text: cut(cleanText(entry.text ?? ""), textBytes),
      detail: cut(cleanLine(entry.detail ?? ""), textBytes),
      stanza: entry.stanza ?? null,
      origin: entry.origin ?? null,
      corrects: entry.corrects ?? null,
    }));
    const mark = markOf(at);
    const name = `${mark.day} ${mark.am} ${mark.pm} ${open}`;
    if (this.#marked.get(room) === name) return;
    if (this.#marked.size >= MARKS) this.#marked.clear();
    this.#marked.set(room, name);
    this.#queue.add(this.#sql.day.bind({ ...key, ...mark, open }));
  }

  /** Notes what a room is. One that is not logged is noted only if it has a log from before. */
  note(room: Room): void {
    this.#written.set(room, room.config);
    this.#told?.add(room.jid.bare);
    this.#note(room.jid.bare, room.config);
  }

  #note(room: string, config: RoomConfig): void {
    const { name, description, logging } = config;
    if (logging) this.#logged.set(room, isOpen(config));
    else this.#logged.delete(room);
    const { textBytes } = this.#options;
    const statement = logging ? this.#sql.room : this.#sql.update;
    this.#queue.add(statement.bind({
      host: this.#host.domain,
      room,
      name: cut(cleanLine(name), textBytes),
      description: cut(cleanText(description), textBytes),
      open: isOpen(config) ? 1 : 0,
      logging: logging ? 1 : 0,
    }));
  }

  /** A message loses its text for good. */
  retract(room: Jid, id: string, reason: string | undefined): void {
    const detail = cut(cleanLine(reason ?? ""), this.#options.textBytes);
    const params = { host: this.#host.domain, room: room.bare, stanza: id, detail };
    this.#queue.add(this.#sql.retractCorrections.bind(params));
    this.#queue.add(this.#sql.retract.bind(params));
  }

  /** The room is gone; true if its log has to be removed. */
  destroyed(room: Jid, at: number): boolean {
    const key = { host: this.#host.domain, room: room.bare };
    const open = this.#logged.get(room.bare);
    this.#logged.delete(room.bare);
    this.#told?.add(room.bare);
    if (this.#options.keepDestroyed) {
      if (open !== undefined) this.#add(room.bare, open ? 1 : 0, { kind: "destroyed" }, at);
      this.#queue.add(this.#sql.close.bind(key));
      return false;
    }
    this.#marked.delete(room.bare);
    this.#queue.add(this.#sql.hide.bind({ ...key, gone: at }));
    this.#queue.add(this.#sql.days.bind(key));
    return true;
  }

  /** Comes when everything so far is written. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  /**
   * Compares what is known of rooms with what they are: while the module was off nobody has told it that
   * one has become private, or is gone. No room is woken for that.
   * @returns whether logs are to be removed
   */
  async compare(rooms: readonly KnownRoom[]): Promise<boolean> {
    const told = this.#told = new Set<string>();
    let removes = false;
    for (const { room, open, logging } of rooms) {
      if (logging !== 0) this.#logged.set(room, open !== 0);
      const jid = parseJid(room);
      const stored = jid && await this.#host.ask(roomLoad, jid);
      if (stored === undefined || told.has(room)) continue;
      if (stored !== "none") this.#note(room, stored.config);
      else if (this.destroyed(jid!, Date.now())) removes = true;
    }
    this.#told = undefined;
    await this.settled();
    return removes;
  }
}

/** Without a nickname it would be the room that speaks. */
function nickname(nick: string): string {
  return nick === "" ? "" : cleanLine(nick) || "\uFFFD";
}

/** Rooms whose latest mark is remembered. */
const MARKS = 10_000;
