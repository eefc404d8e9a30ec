/**
 * A day as plain text. A line of ours begins with a time in square brackets; a line that goes on begins
 * with spaces, so that nobody can write a line that somebody else seems to have written. Nicknames are
 * in angle brackets, and have none themselves.
 */

import type { Entry } from "./entries.ts";
import type { DayPart, Log } from "./logs.ts";
import { cleanLine, cleanText, isolated } from "./text.ts";
import { sentenceOf, type Word } from "./words.ts";
import type { Zone } from "./zone.ts";

/** As wide as `[14:05:09] `. */
const INDENT = " ".repeat(11);

export interface PlainContent {
  readonly log: Log;
  readonly day: string;
  readonly zone: Zone;
  readonly content: DayPart;
}

export function plainPage({ log, day, zone, content }: PlainContent): string {
  const { part, parts, entries } = content;
  const name = cleanLine(log.name);
  const title = name === "" ? log.room : `${isolated(name)} (${log.room})`;
  const which = parts > 1 ? `, part ${part} of ${parts}` : "";
  const lines = [`${title}, ${day}, ${zone.name}${which}`, ""];
  for (const entry of entries) lines.push(`[${zone.clock(entry.at)}] ${lineOf(entry)}`);
  return lines.join("\n") + "\n";
}

function lineOf(entry: Entry): string {
  const corrects = entry.corrects !== null && entry.kind !== "retracted" ? "(correction) " : "";
  if (entry.kind === "message") {
    const who = entry.nick === "" ? "-- " : `${nickname(entry.nick)} `;
    return who + corrects + lines(entry.text);
  }
  if (entry.kind === "action") return `* ${nickname(entry.nick)} ${corrects}${lines(entry.text)}`;
  return `-- ${(sentenceOf(entry) ?? []).map(word).join("")}`;
}

function word(word: Word): string {
  if (typeof word === "string") return word;
  return "nick" in word ? nickname(word.nick) : lines(word.said);
}

function nickname(nick: string): string {
  return `<${isolated(cleanLine(nick).replaceAll("<", "‹").replaceAll(">", "›"))}>`;
}

function lines(text: string): string {
  return cleanText(text).split("\n").map(isolated).join(`\n${INDENT}`);
}
