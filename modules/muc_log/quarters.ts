/**
 * On which days something is in a log. Kept by days of UTC as marks, one for each quarter of an hour:
 * from these follow the days of any time zone, and a change of the zone changes nothing that is stored.
 * The marks of one day are two numbers of 48 bits, for databases have no more in one.
 */

import { DAY_MS, QUARTER_MS } from "./zone.ts";

const HALF = 48;

/** A day of UTC (days since the epoch) and the quarters of it that have something. */
export interface MarkedDay {
  readonly day: number;
  /** Until noon, and from then on; the lowest bit is the earliest quarter. */
  readonly am: number;
  readonly pm: number;
}

export function dayNumber(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** The mark of one moment. */
export function markOf(ms: number): MarkedDay {
  const day = dayNumber(ms);
  const quarter = Math.floor((ms - day * DAY_MS) / QUARTER_MS);
  return quarter < HALF
    ? { day, am: 2 ** quarter, pm: 0 }
    : { day, am: 0, pm: 2 ** (quarter - HALF) };
}

/** The beginnings of the quarters that are marked, the earliest first. */
export function* moments({ day, am, pm }: MarkedDay): Generator<number> {
  let at = day * DAY_MS;
  for (const marks of [am, pm]) {
    // Not with `>>`, which knows 32 bits.
    for (let i = 0, rest = marks; i < HALF; i++, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) yield at + i * QUARTER_MS;
    }
    at += HALF * QUARTER_MS;
  }
}
