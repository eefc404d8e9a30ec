/**
 * Where a message goes: the rules of RFC 6121 §8.5 as one table (Table 1 of §8.5.4, with one choice
 * made wherever it leaves a choice).
 */

import type { Account, Session } from "./session.ts";

export type MessageType = "normal" | "chat" | "groupchat" | "headline" | "error";

/** How the recipient's account stands. */
export type Condition =
  | "no-account"
  /** It exists, but none of its resources is available. */
  | "no-resource"
  /** All available resources have a negative priority. */
  | "negative-only"
  /** At least one available resource has a non-negative priority. */
  | "non-negative";

/** How the `to` address stands to the account's resources; a match may also be merely connected. */
export type Address = "bare" | "match" | "no-match";

export type Outcome =
  /** To the resource in `to`. */
  | "resource"
  /** To the resources of the highest priority, if it is not negative. */
  | "most-available"
  /** To all resources that are not negative. */
  | "all"
  /** Kept for the next login; bounced where nothing keeps it. */
  | "offline"
  /** `service-unavailable` to the sender. */
  | "error"
  | "silent";

type Row = Readonly<Record<MessageType, Outcome>>;

const row = (
  normal: Outcome,
  chat: Outcome,
  groupchat: Outcome,
  headline: Outcome,
  error: Outcome,
): Row => ({ normal, chat, groupchat, headline, error });

const toResource = row("resource", "resource", "resource", "resource", "resource");

// deno-fmt-ignore
export const deliveryRules: Readonly<Record<Condition, Readonly<Record<Address, Row>>>> = {
  //                       normal            chat              groupchat  headline  error
  "no-account": {
    "bare":            row("error",          "error",          "error",   "silent", "silent"),
    "match":           row("error",          "error",          "error",   "silent", "silent"),
    "no-match":        row("error",          "error",          "error",   "silent", "silent"),
  },
  "no-resource": {
    "bare":            row("offline",        "offline",        "error",   "silent", "silent"),
    "match":           toResource,
    "no-match":        row("error",          "offline",        "error",   "silent", "silent"),
  },
  "negative-only": {
    "bare":            row("offline",        "offline",        "error",   "silent", "silent"),
    "match":           toResource,
    "no-match":        row("error",          "offline",        "error",   "silent", "silent"),
  },
  "non-negative": {
    "bare":            row("most-available", "most-available", "error",   "all",    "silent"),
    "match":           toResource,
    "no-match":        row("error",          "most-available", "error",   "silent", "silent"),
  },
};

/** The type of a message; unknown ones count as normal (RFC 6121 §5.2.2). */
export function messageType(type: string | undefined): MessageType {
  switch (type) {
    case "chat":
    case "groupchat":
    case "headline":
    case "error":
      return type;
  }
  return "normal";
}

/** The condition of an account that exists. */
export function conditionOf(account: Account | undefined): Condition {
  if (account === undefined) return "no-resource";
  let condition: Condition = "no-resource";
  for (const s of account.sessions) {
    if (s.presence === undefined) continue;
    if (s.priority >= 0) return "non-negative";
    condition = "negative-only";
  }
  return condition;
}

/** The sessions of the highest priority; with `all`, every one that is not negative. */
export function fittingSessions(account: Account, all: boolean): Session[] {
  let best = 0;
  if (!all) {
    for (const s of account.sessions) {
      if (s.presence !== undefined && s.priority > best) best = s.priority;
    }
  }
  return account.sessions.filter((s) => s.presence !== undefined && s.priority >= best);
}
