/**
 * The records in the journal's frames, and what they add up to. Each is a line of a letter and
 * numbers, some with a text of the given length (in UTF-16 units) behind it:
 *
 *     O session length     the session and all about it but its queue, as JSON
 *     S session length     what changes about it: presence and the state of modules, as JSON
 *     A session number     the client has acknowledged up to this stanza
 *     Q session number stamp flags length    a stanza to the client
 *     H session h          stanzas of the client's that were handled
 *     C session            it is over
 *
 * Sessions are numbered within a segment.
 */

import type { Frozen } from "../../lib/hooks/streams.ts";
import type { Entry } from "./queue.ts";

/** What changes about a session. */
export interface State {
  /** Its available presence as on a client's stream. */
  readonly presence: string | undefined;
  readonly frozen: Frozen;
}

/** What is written of a session when it comes into a segment. */
export interface Opened extends State {
  /** The SM-ID. */
  readonly id: string;
  readonly node: string;
  readonly resource: string;
  readonly lang: string | undefined;
  /** When it was bound, ms since the epoch. */
  readonly since: number;
  /** How long it may be resumed, in ms. */
  readonly max: number;
  /** Set if it was brought back and not resumed yet: stanzas behind this one were never sent. */
  readonly beforeRestart?: number;
}

/** A session as it was. */
export interface Saved {
  readonly opened: Opened;
  state: State;
  acked: number;
  handled: number;
  entries: Entry[];
}

function withText(head: string, text: string): string {
  return `${head} ${text.length}\n${text}\n`;
}

export const record = {
  opened: (session: number, o: Opened) => withText(`O ${session}`, JSON.stringify(o)),
  state: (session: number, s: State) => withText(`S ${session}`, JSON.stringify(s)),
  acked: (session: number, number: number) => `A ${session} ${number}\n`,
  queued: (session: number, number: number, e: Entry) =>
    withText(`Q ${session} ${number} ${e.stamp} ${e.flags}`, e.text),
  handled: (session: number, h: number) => `H ${session} ${h}\n`,
  closed: (session: number) => `C ${session}\n`,
};

/**
 * Adds the records of the frames up.
 * @throws Error if a frame is no sequence of records: it was written by something else
 */
export function replay(frames: readonly string[]): Saved[] {
  const sessions = new Map<number, Saved>();
  for (const frame of frames) {
    for (let at = 0; at < frame.length;) at = take(frame, at, sessions);
  }
  return [...sessions.values()];
}

function take(frame: string, at: number, sessions: Map<number, Saved>): number {
  const end = frame.indexOf("\n", at);
  const [kind, ...fields] = frame.slice(at, end).split(" ");
  const numbers = fields.map(Number);
  const [session, a = 0, b = 0, flags = 0] = numbers;
  if (end < 0 || session === undefined || numbers.some((n) => !Number.isSafeInteger(n))) {
    throw new Error(`no record: ${frame.slice(at, at + 40)}`);
  }
  const s = sessions.get(session);
  let next = end + 1;
  let text = "";
  if (kind === "O" || kind === "S" || kind === "Q") {
    const length = numbers.at(-1)!;
    text = frame.slice(next, next + length);
    next += length + 1;
  }
  switch (kind) {
    case "O": {
      const opened = JSON.parse(text) as Opened;
      sessions.set(session, { opened, state: opened, acked: 0, handled: 0, entries: [] });
      return next;
    }
    case "S":
      if (s !== undefined) s.state = JSON.parse(text) as State;
      return next;
    case "A":
      if (s === undefined) return next;
      s.entries.splice(0, a - s.acked);
      s.acked = a;
      return next;
    case "Q":
      if (s === undefined) return next;
      // What was acknowledged before it could be written is not here.
      if (s.entries.length === 0) s.acked = a - 1;
      // Its own text: a slice would keep the whole frame in memory.
      s.entries.push({ text: structuredClone(text), stamp: b, flags });
      return next;
    case "H":
      if (s !== undefined) s.handled = a;
      return next;
    case "C":
      sessions.delete(session);
      return next;
  }
  throw new Error(`no record: ${frame.slice(at, at + 40)}`);
}
