/** The settings of logs. */

import * as v from "valibot";
import {
  bytes,
  duration,
  file,
  flag,
  list,
  oneOf,
  optionalSetting,
  setting,
  value,
  wholeNumber,
} from "../../lib/config/setting.ts";
import { OPTIONAL_KINDS, type OptionalKind } from "./entries.ts";
import { isZone } from "./zone.ts";

const KINDS = Object.keys(OPTIONAL_KINDS) as OptionalKind[];

export const config = v.strictObject({
  time_zone: setting(
    value<string>('the name of a time zone, such as "Europe/Zurich"', isZone),
    "UTC",
    "Times and days are those of this zone (a name of the IANA database).",
  ),
  events: setting(
    list(oneOf(...KINDS)),
    KINDS,
    "What is logged beside messages: who enters and leaves (visits), kicks and bans (removals), ...",
  ),
  private_rooms: setting(
    oneOf("never", "link"),
    "never",
    "Pages of rooms that are hidden, have a password or are for members: for nobody, or by URL.",
  ),
  keep: setting(
    duration("1d", "36500d", { off: true }),
    0,
    "Age at which entries are removed, by whole days; 0 for never.",
  ),
  keep_destroyed: setting(flag(), false, "The log stays when its room is destroyed."),
  text_bytes: setting(
    bytes(256, 1 << 20),
    "16 KiB",
    "Length of one text; what is longer is cut.",
  ),
  page_entries: setting(
    wholeNumber(10, 100_000),
    1000,
    "Entries on a page; a day with more has several.",
  ),
  page_days: setting(wholeNumber(1, 10_000), 400, "Days that one page of a room lists."),
  page_rooms: setting(wholeNumber(1, 10_000), 200, "Rooms that one page lists."),
  theme: setting(
    oneOf("auto", "light", "dark"),
    "auto",
    "Looks of the pages; auto is as the reader's system has it.",
  ),
  css: optionalSetting(
    file(),
    "logs.css",
    "A style sheet that is used in place of the built-in one.",
  ),
  robots: setting(
    oneOf("noindex", "index"),
    "noindex",
    "Whether search engines may index the logs of rooms that are open to all.",
  ),
});

export type Config = v.InferOutput<typeof config>;
