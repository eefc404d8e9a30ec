/**
 * The records in the journal's frames, and what they add up to. Each is a line of a letter and
 * numbers, some with a text of the given length (in UTF-16 units) behind it:
 *
 *     O session length     the session and all about it but its queue, as JSON
 *     S session length     what changes about it: presence and the state of modules, as JSON
 *     A session number     the client has acknowledged up to this stanza
 *     Q session number stamp flags length    a stanza to the client
 *     K session length     a stanza that the session's gate holds back, as JSON
 *     L session            it holds nothing any more
 *     H session h          stanzas of the client's that were handled
 *     C session            it is over
 *     V 1|0 length         a session that is not in the journal is available, or is not any more:
 *                          its JID without the domain, `node/resource`
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

/** A stanza that a gate holds. */
export interface Aside extends Entry {
  /** A later one of the same key takes its place. */
  readonly key: string;
}

/** A session as it was. */
export interface Saved {
  readonly opened: Opened;
  state: State;
  acked: number;
  handled: number;
  entries: Entry[];
  /** By key, in order: these were never sent. */
  readonly aside: Map<string, Aside>;
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
  aside: (session: number, a: Aside) => withText(`K ${session}`, JSON.stringify(a)),
  asideOver: (session: number) => `L ${session}\n`,
  handled: (session: number, h: number) => `H ${session} ${h}\n`,
  closed: (session: number) => `C ${session}\n`,
  shown: (name: string, available: boolean) => withText(`V ${available ? 1 : 0}`, name),
};

/**
 * Adds the records of the frames up.
 * @param shown is given the sessions that were available and not in the journal: `node/resource`
 * @throws Error if a frame is no sequence of records: it was written by something else
 */
export function replay(frames: readonly string[], shown = new Set<string>()): Saved[] {
  const sessions = new Map<number, Saved>();
  for (const frame of frames) {
    for (let at = 0; at < frame.length;) at = take(frame, at, sessions, shown);
  }
  return [...sessions.values()];
}

/** Kinds of records that have a text. */
const WITH_TEXT = "OSQKV";

function take(
  frame: string,
  at: number,
  sessions: Map<number, Saved>,
  shown: Set<string>,
): number {
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
  if (WITH_TEXT.includes(kind!)) {
    const length = numbers.at(-1)!;
    text = frame.slice(next, next + length);
    next += length + 1;
  }
  switch (kind) {
    case "O": {
      const opened = JSON.parse(text) as Opened;
      const aside = new Map<string, Aside>();
      sessions.set(session, { opened, state: opened, acked: 0, handled: 0, entries: [], aside });
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
    case "K": {
      const held = JSON.parse(text) as Aside;
      s?.aside.delete(held.key);
      s?.aside.set(held.key, held);
      return next;
    }
    case "L":
      s?.aside.clear();
      return next;
    case "H":
      if (s !== undefined) s.handled = a;
      return next;
    case "V":
      if (session === 1) shown.add(structuredClone(text));
      else shown.delete(text);
      return next;
    case "C":
      sessions.delete(session);
      return next;
  }
  throw new Error(`no record: ${frame.slice(at, at + 40)}`);
}
