/** What may be uploaded, and how long it is kept. */

import { isAbsolute } from "node:path";
import * as v from "valibot";
import {
  bytes,
  duration,
  flag,
  optionalSetting,
  setting,
  text,
  value,
  wholeNumber,
} from "../../lib/config/setting.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Purpose } from "./table.ts";
import { NEVER } from "./table.ts";

const LARGEST = 2 ** 40;

export const config = v.strictObject({
  service: setting(
    text("a name or a domain"),
    "upload",
    "Address of the service: a name before the host's domain, or a domain.",
  ),
  folder: optionalSetting(
    value<string>("the absolute path of a folder", (x) => typeof x === "string" && isAbsolute(x)),
    "/var/lib/confab-files",
    'Where the files are kept; by default "upload" in the data folder.',
  ),
  max_file_size: setting(bytes(1_000, LARGEST), "100 MiB", "Largest file."),
  quota: setting(
    bytes(1_000, LARGEST, { off: true }),
    "1 GiB",
    "What one account may have here at a time; 0 for no limit.",
  ),
  quota_files: setting(wholeNumber(1, 10_000_000), 10_000, "Files of one account at a time."),
  quota_per_day: setting(
    bytes(1_000, LARGEST, { off: true }),
    "512 MiB",
    "What one account may upload in 24 hours; 0 for no limit.",
  ),
  quota_of_all: setting(
    bytes(1_000, LARGEST * 1024, { off: true }),
    "50 GiB",
    "What all accounts of the host may have here; 0 for no limit.",
  ),
  slots_per_minute: setting(wholeNumber(1, 10_000), 30, "Uploads that one account may begin."),
  slot_lifetime: setting(
    duration("10s", "1d"),
    "5m",
    "Time from the permission for an upload to its beginning.",
  ),
  keep: setting(
    duration("1m", "36500d", { off: true }),
    "30d",
    "How long files in messages are kept; 0 for ever.",
  ),
  keep_profile: setting(
    duration("1m", "36500d", { off: true }),
    0,
    "How long avatars and the like are kept; 0 for ever.",
  ),
  keep_ephemeral: setting(
    duration("1m", "36500d"),
    "7d",
    "How long files that name their own end are kept at most.",
  ),
  profile_file_size: setting(bytes(1_000, LARGEST), "2 MiB", "Largest avatar."),
  profile_quota: setting(bytes(1_000, LARGEST), "20 MiB", "Avatars of one account together."),
  permanent: setting(
    flag(),
    false,
    "Whether clients may have files kept for ever, within their quota.",
  ),
  guests: setting(flag(), false, "Whether guests of an anonymous host may upload."),
});

export type UploadConfig = v.InferOutput<typeof config>;
export type Host = ModuleHost<UploadConfig>;
/** What of it the files and slots need. */
export type UploadHost = Pick<Host, "domain" | "config" | "log">;

/** How long files of a purpose are kept, in ms. */
export function keptMs(purpose: Purpose, settings: UploadConfig): number {
  if (purpose === "permanent") return NEVER;
  const ms = purpose === "message"
    ? settings.keep
    : purpose === "profile"
    ? settings.keep_profile
    : settings.keep_ephemeral;
  return ms === 0 ? NEVER : ms;
}
