/** What is written about an entry: for pages and for plain text alike. */

import type { Entry } from "./entries.ts";

/** Words of ours, a nickname, or words of somebody else. */
export type Word = string | { readonly nick: string } | { readonly said: string };

/** The sentence that tells of an entry; undefined for messages, whose text speaks for itself. */
export function sentenceOf(entry: Entry): readonly Word[] | undefined {
  const { nick, text, detail } = entry;
  const who: Word = nick === "" ? "The room" : { nick };
  switch (entry.kind) {
    case "message":
    case "action":
      return undefined;
    case "encrypted":
      return [who, " wrote ", "[encrypted]"];
    case "retracted":
      return [
        ...(nick === "" ? ["A message"] : ["A message of ", who]),
        ...because(" was retracted", detail),
      ];
    case "subject":
      if (text === "") return [who, " removed the subject"];
      return [who, " set the subject: ", { said: text }];
    case "entered":
      return [who, " entered"];
    case "left":
      return [who, ...because(" left", text)];
    case "kicked":
      return [who, ...because(" was kicked", text)];
    case "banned":
      return [who, ...because(" was banned", text)];
    case "removed":
      return [who, ...because(" is not a member any more", text)];
    case "members-only":
      return [who, ...because(" had to leave: the room is for members only now", text)];
    case "lost":
      return [who, " lost the connection"];
    case "nick":
      return [{ nick: detail }, " is now ", who];
    case "config":
      return ["The settings were changed: ", { said: text }];
    case "created":
      return ["The room was made"];
    case "destroyed":
      return ["The room was destroyed"];
    case "on":
      return ["Logging begins"];
    case "off":
      return ["Logging ends"];
  }
}

function because(what: string, reason: string): Word[] {
  return reason === "" ? [what] : [what, " (", { said: reason }, ")"];
}

/** Comings and goings, which readers may hide. */
export function isPassing(entry: Entry): boolean {
  return entry.kind === "entered" || entry.kind === "left" || entry.kind === "lost" ||
    entry.kind === "nick";
}

const NAMES = { timeZone: "UTC" } as const;
const LONG = new Intl.DateTimeFormat("en-GB", {
  ...NAMES,
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const SHORT = new Intl.DateTimeFormat("en-GB", { ...NAMES, day: "numeric", month: "long" });
const MONTH = new Intl.DateTimeFormat("en-GB", { ...NAMES, month: "long" });

/** `Monday 30 November 2026` */
export function longDate(day: string): string {
  return LONG.format(momentOf(day));
}

/** `30 November` */
export function shortDate(day: string): string {
  return SHORT.format(momentOf(day));
}

/** `November`, of `2026-11`. */
export function monthName(month: string): string {
  return MONTH.format(momentOf(`${month}-01`));
}

function momentOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}
