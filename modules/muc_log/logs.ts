/** Reads logs as they may be shown. */

import type { Jid } from "../../lib/jid.ts";
import type { Store } from "../../lib/store/mod.ts";
import type { Entry } from "./entries.ts";
import { dayNumber, type MarkedDay, moments } from "./quarters.ts";
import { type LogRow, type Reading, reading } from "./reading.ts";
import type { Zone } from "./zone.ts";

/** A room whose log may be shown. */
export interface Log {
  readonly room: string;
  readonly name: string;
  readonly description: string;
  /** Anybody may find it. */
  readonly open: boolean;
  readonly state: "logged" | "not logged" | "destroyed";
  /** What is older is hidden. */
  readonly gone: number;
}

export interface ListedLog extends Log {
  /** ms since the epoch. */
  readonly last: number;
}

/** Part of a day. */
export interface DayPart {
  readonly entries: readonly Entry[];
  readonly part: number;
  readonly parts: number;
}

export interface LogsOptions {
  readonly host: string;
  readonly zone: Zone;
  /** Logs of rooms that are not open to all are shown to whoever knows the URL. */
  readonly showClosed: boolean;
}

export class Logs {
  readonly #options: LogsOptions;
  readonly #sql: Reading;

  constructor(store: Store, options: LogsOptions) {
    this.#options = options;
    this.#sql = reading(store);
  }

  async find(room: Jid): Promise<Log | undefined> {
    const row = await this.#sql.room.first({ host: this.#options.host, room: room.bare });
    if (row === undefined || (row.live === 0 && row.gone > 0)) return undefined;
    return row.open === 0 && !this.#options.showClosed ? undefined : logOf(row);
  }

  /** Rooms behind one, in the order of their addresses. */
  async list(after: string, limit: number): Promise<ListedLog[]> {
    const rows = await this.#sql.listed.all({ host: this.#options.host, after, limit });
    return rows.map((row) => ({ ...logOf(row), last: row.last ?? 0 }));
  }

  /** The latest days with entries up to `until`, or of all, the latest first. */
  async days(log: Log, until: string | undefined, limit: number): Promise<string[]> {
    const { zone } = this.#options;
    const end = until === undefined ? Infinity : zone.endOf(until);
    const day = until === undefined ? Number.MAX_SAFE_INTEGER : dayNumber(end);
    // Two days of UTC may be one there, and a day may come twice: once for the time it was closed.
    const rows = await this.#sql.daysBefore.all({
      ...this.#of(log),
      day,
      limit: (log.open ? 2 : 4) * limit + 8,
    });
    const found = new Set<string>();
    for (const row of rows) {
      for (const name of daysIn(row, zone, end)) found.add(name);
      // The day before may still have a part of the last one.
      if (found.size > limit) break;
    }
    return [...found].slice(0, limit);
  }

  /** The days with entries before and after one. */
  async neighbours(log: Log, day: string): Promise<[string | undefined, string | undefined]> {
    const { zone } = this.#options;
    const [start, end] = [zone.startOf(day), zone.endOf(day)];
    const of = { ...this.#of(log), limit: 6 };
    const [before, after] = await Promise.all([
      this.#sql.daysBefore.all({ ...of, day: dayNumber(start) }),
      this.#sql.daysAfter.all({ ...of, day: dayNumber(end) }),
    ]);
    const earlier = inOrder(before).findLast((moment) => moment < start);
    const later = inOrder(after).find((moment) => moment >= end);
    return [earlier, later].map((moment) =>
      moment === undefined ? undefined : zone.dayOf(moment)
    ) as [string | undefined, string | undefined];
  }

  /** Undefined if there are no entries, or no such part. */
  async day(log: Log, day: string, part: number, perPart: number): Promise<DayPart | undefined> {
    const { zone } = this.#options;
    const span = {
      ...this.#of(log),
      start: Math.max(zone.startOf(day), log.gone + 1),
      end: zone.endOf(day),
    };
    const offset = (part - 1) * perPart;
    const entries = await this.#sql.entries.all({ ...span, limit: perPart + 1, offset });
    if (entries.length === 0) return undefined;
    // Most days have one part, which needs no counting.
    const whole = part === 1 && entries.length <= perPart;
    const count = whole ? entries.length : (await this.#sql.count.first(span))?.entries ?? 0;
    const parts = Math.max(part, Math.ceil(count / perPart));
    return { entries: entries.slice(0, perPart), part, parts };
  }

  #of({ room, open }: Log) {
    return { host: this.#options.host, room, least: open ? 1 : 0 };
  }
}

/** The days of a zone that a day of UTC has something of, the latest first. */
function daysIn(row: MarkedDay, zone: Zone, end: number): string[] {
  const found: string[] = [];
  let start = Infinity;
  // A moment tells its day; those down to the beginning of that day need not be asked.
  for (const moment of [...moments(row)].reverse()) {
    if (moment >= start || moment >= end) continue;
    const day = zone.dayOf(moment);
    found.push(day);
    start = zone.startOf(day);
  }
  return found;
}

function inOrder(rows: readonly MarkedDay[]): number[] {
  return rows.flatMap((row) => [...moments(row)]).sort((a, b) => a - b);
}

function logOf({ room, name, description, open, logging, live, gone }: LogRow): Log {
  const state = live === 0 ? "destroyed" : logging === 0 ? "not logged" : "logged";
  return { room, name, description, open: open !== 0, state, gone };
}
