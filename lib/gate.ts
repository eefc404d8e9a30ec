/**
 * What stands before a session's output while its client is inactive (XEP-0352). It is asked behind the
 * filters of `session.send`, and writes what it has held by `Session.write`.
 */

import type { Stanza } from "./stanza.ts";

/** A stanza that a gate holds, as it would be sent. */
export interface Held {
  /** A later one of the same key takes its place. */
  readonly key: string;
  readonly stanza: Stanza;
  readonly text: string;
  /** ms since the epoch. */
  readonly since: number;
}

export interface Gate {
  /** True if it keeps the stanza for later; else what it holds has gone ahead, or can wait. */
  takes(stanza: Stanza, to: string | undefined): boolean;

  /** Sends all that it holds: something is about to be sent that it is not asked for. */
  open(): void;

  /** What it holds, in the order of sending. A gate tells the session's outbox of each as it comes. */
  held(): Iterable<Held>;
}
