/** How much one user may ask of the rooms of a service. */

import { Quota } from "../../lib/quota.ts";
import type { Settings } from "./settings.ts";

const TEN_SECONDS = 10_000;
const MINUTE = 60_000;
const TEN_MINUTES = 600_000;

export type Quotas = Readonly<
  Record<
    "joins" | "messages" | "changes" | "invitations" | "requests" | "searches" | "listed",
    Quota
  >
>;

export function quotasOf(settings: Settings): Quotas {
  const { joins, messages, changes, invitations, requests, searches, listed } = settings;
  return {
    joins: new Quota(joins || Infinity, MINUTE),
    messages: new Quota(messages || Infinity, TEN_SECONDS),
    changes: new Quota(changes || Infinity, TEN_SECONDS),
    invitations: new Quota(invitations, TEN_MINUTES),
    requests: new Quota(requests, TEN_MINUTES),
    searches: new Quota(searches, MINUTE),
    listed: new Quota(listed || Infinity, MINUTE),
  };
}
