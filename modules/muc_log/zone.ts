/**
 * Days of a time zone. A day is what lies between two midnights there: 23, 24 or 25 hours, or nothing
 * at all where a zone has skipped one. Days are texts such as `2026-11-30`, moments are ms since the
 * epoch.
 */

import { formatDate, parseDate } from "../../lib/formats/datetime.ts";

export const DAY_MS = 86_400_000;

/** Offsets from UTC are multiples of this, and change at multiples of it: since 2012 everywhere. */
export const QUARTER_MS = 900_000;

/** No zone is further from UTC. */
const FURTHEST_MS = 15 * 3_600_000;

/** Offsets and midnights that are remembered. */
const REMEMBERED = 1000;

/** Whether this is the name of a time zone (IANA), such as `Europe/Zurich`. */
export function isZone(name: unknown): name is string {
  if (typeof name !== "string" || !/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The day after, or `by` days away; undefined beyond what has four digits. */
export function dayAway(day: string, by: number): string | undefined {
  const moment = parseDate(day)! + by * DAY_MS;
  return isMoment(moment) ? formatDate(moment) : undefined;
}

/** Beyond these years nothing was said. */
function isMoment(ms: number): boolean {
  return ms >= Date.UTC(1970, 0, 1) && ms < Date.UTC(9999, 0, 1);
}

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  /** By quarter of an hour. */
  readonly #offsets = new Map<number, number>();
  readonly #starts = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** A moment as it would be in UTC if clocks there showed the same: for `Date`'s getters of UTC. */
  local(ms: number): Date {
    return new Date(ms + this.#offset(ms));
  }

  /** `14:05:09` */
  clock(ms: number): string {
    return this.local(ms).toISOString().slice(11, 19);
  }

  /** The day of a moment. */
  dayOf(ms: number): string {
    const day = formatDate(this.local(ms).getTime());
    // Where clocks went back over midnight a date comes twice: the day begins once.
    if (ms < this.startOf(day)) return dayAway(day, -1) ?? day;
    const next = dayAway(day, 1);
    return next !== undefined && ms >= this.startOf(next) ? next : day;
  }

  /** The first moment of a day. */
  startOf(day: string): number {
    const known = this.#starts.get(day);
    if (known !== undefined) return known;
    const midnight = parseDate(day)!;
    // The first quarter of an hour that is not before the day: clocks may skip midnight.
    let [early, late] = [-FURTHEST_MS / QUARTER_MS, FURTHEST_MS / QUARTER_MS];
    while (early < late) {
      const middle = Math.floor((early + late) / 2);
      if (this.local(midnight + middle * QUARTER_MS).getTime() >= midnight) late = middle;
      else early = middle + 1;
    }
    return remember(this.#starts, day, midnight + late * QUARTER_MS);
  }

  /** The first moment that is no more of a day. */
  endOf(day: string): number {
    const next = dayAway(day, 1);
    return next === undefined ? parseDate(day)! + DAY_MS : this.startOf(next);
  }

  /** ms ahead of UTC. */
  #offset(ms: number): number {
    const quarter = Math.floor(ms / QUARTER_MS);
    const known = this.#offsets.get(quarter);
    if (known !== undefined) return known;
    const parts: Record<string, number> = {};
    const moment = quarter * QUARTER_MS;
    for (const { type, value } of this.#format.formatToParts(moment)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts;
    const local = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
    return remember(this.#offsets, quarter, local - moment);
  }
}

/** Forgets everything once there is too much, which is rare and cheap. */
function remember<K>(map: Map<K, number>, key: K, value: number): number {
  if (map.size >= REMEMBERED) map.clear();
  map.set(key, value);
  return value;
}
