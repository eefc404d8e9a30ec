/**
 * What stands between a session and its stream where the session outlives its streams (XEP-0198).
 * Stream management gives one to a session; all others write to their streams.
 */

import type { Held } from "./gate.ts";
import type { Later } from "./later.ts";
import type { Stanza } from "./stanza.ts";

/**
 * Who else keeps a stanza, and so looks after it if the session ends before its client has it: nobody,
 * its sender until `safe` has come (then it removes its copy), or its sender for good.
 */
export type KeptElsewhere = "no" | "until-safe" | "yes";

export interface Outbox {
  /** Since when the session has waited for another stream, ms since the epoch; 0 while it has one. */
  readonly lostAt: number;

  /**
   * Takes over a stanza to the client: keeps its text until the client has it, and sends it if there
   * is a stream. `stanza` is what it was made of, where that is known.
   */
  push(text: string, stanza: Stanza | undefined, kept: KeptElsewhere): void;

  /** The session's gate holds a stanza back: it is kept as well as if it had been pushed. */
  aside(held: Held): void;

  /** The gate holds nothing any more: all has been pushed, or is of no use. */
  asideOver(): void;

  /** A stanza of the client's is being handled; it counts when that is done. */
  handled(done: Later<void>): Later<void>;

  /**
   * The stream is gone, and nobody wanted that; the session has none any more. True if it goes on
   * without.
   */
  hold(reason: string | undefined): boolean;

  /** The server stops. True if the session is kept for its next start. */
  suspend(): boolean;

  /** The stream is about to be closed in good order: the last word, now or when it may be said. */
  closing(): Later<void>;

  /** The session is over and not found any more: what its client has not got is for others. */
  over(): Later<void>;

  /** The presence has changed, or what `session.freeze` would answer. */
  changed(): void;

  /** Waits until there is room for a portion of messages kept elsewhere. False: not on this stream. */
  room(): Promise<boolean>;

  /** Waits until the client, or the disk, has all that was pushed. False if neither ever will. */
  safe(): Promise<boolean>;
}
