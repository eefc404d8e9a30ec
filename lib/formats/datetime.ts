/**
 * Dates and times by XEP-0082 (profiles of ISO 8601). Moments are in ms since the epoch.
 *
 * What is read must follow the profile to the letter: years of four digits, capital `T` and `Z`, a
 * time zone, a day that exists. What is written is always UTC, which betrays no place (§6).
 */

const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const OFFSET = /^([+-])(\d\d):([0-5]\d)$/;

/** Largest offset from UTC that XML Schema (part 2, §3.2.7) allows. */
const MAX_OFFSET_MINUTES = 14 * 60;

const MINUTE_MS = 60_000;

/** First and last moment with a year of four digits. */
const FIRST = Date.parse("0001-01-01T00:00:00.000Z");
const LAST = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * DateTime (§3.2) in UTC, such as `2002-09-10T23:08:25.120Z`; with `"s"` the fraction is cut off.
 * @throws RangeError outside the years 1 to 9999
 */
export function formatDateTime(ms: number, precision: "ms" | "s" = "ms"): string {
  if (!(ms >= FIRST && ms <= LAST)) throw new RangeError(`no moment of XEP-0082: ${ms}`);
  const text = new Date(ms).toISOString();
  return precision === "ms" ? text : text.slice(0, 19) + "Z";
}

/** Reads a DateTime (§3.2); `undefined` if it is none. Digits beyond the ms are cut off. */
export function parseDateTime(text: string): number | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, date, hours, minutes, seconds, fraction = "", zone] = match;
  const midnight = parseDate(date!);
  const offset = parseOffset(zone!);
  if (midnight === undefined || offset === undefined) return undefined;
  const time = (Number(hours) * 60 + Number(minutes) - offset) * MINUTE_MS;
  return midnight + time + Number(seconds) * 1000 + Number(fraction.slice(0, 3).padEnd(3, "0"));
}

/** Date (§3.1) of a moment in UTC, such as `1776-07-04`. @throws RangeError as above */
export function formatDate(ms: number): string {
  return formatDateTime(ms).slice(0, 10);
}

/** Reads a Date (§3.1): the moment it begins in UTC; `undefined` if it is none. */
export function parseDate(text: string): number | undefined {
  if (!DATE.test(text)) return undefined;
  const ms = Date.parse(text + "T00:00:00.000Z");
  // A day that does not exist (February 30th) may roll over into the next month.
  if (Number.isNaN(ms) || ms < FIRST) return undefined;
  return new Date(ms).toISOString().startsWith(text) ? ms : undefined;
}

/** A time zone (TZD) from minutes ahead of UTC: `Z`, `+05:30`, `-06:00`. */
export function formatOffset(minutes: number): string {
  if (minutes === 0) return "Z";
  const all = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${twoDigits(Math.floor(all / 60))}:${twoDigits(all % 60)}`;
}

/** Minutes ahead of UTC of a time zone (TZD); `undefined` if it is none. */
export function parseOffset(text: string): number | undefined {
  if (text === "Z") return 0;
  const match = OFFSET.exec(text);
  if (match === null) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  if (minutes > MAX_OFFSET_MINUTES) return undefined;
  return match[1] === "-" && minutes !== 0 ? -minutes : minutes;
}

function twoDigits(n: number): string {
  return n < 10 ? "0" + n : String(n);
}
