/**
 * The built-in modules, each behind a literal import: loaded only where a host has it on, and found
 * by `deno compile`.
 */

import type { Builtin } from "../lib/registry.ts";

export const builtin: Builtin = {
  auth: () => import("./auth.ts"),
  blocking: () => import("./blocking.ts"),
  caps: () => import("./caps.ts"),
  contact: () => import("./contact.ts"),
  disco: () => import("./disco.ts"),
  last: () => import("./last.ts"),
  limits: () => import("./limits.ts"),
  offline: () => import("./offline.ts"),
  ping: () => import("./ping.ts"),
  presence: () => import("./presence.ts"),
  private: () => import("./private.ts"),
  register: () => import("./register.ts"),
  roster: () => import("./roster.ts"),
  stable_ids: () => import("./stable_ids.ts"),
  time: () => import("./time.ts"),
  vcard: () => import("./vcard.ts"),
  version: () => import("./version.ts"),
};
