/** What the stanzas in a queue say, and what is said about them. */

import { StreamError } from "../../lib/errors.ts";
import { DELAY_NS, withDelay } from "../../lib/formats/delay.ts";
import type { KeptElsewhere } from "../../lib/outbox.ts";
import type { Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { escapeAttribute } from "../../lib/xml/escape.ts";
import { SM_NS } from "./asker.ts";
import { COPIED, ELSEWHERE, type Entry, UNTIL_SAFE } from "./queue.ts";

/** XEP-0203: the text has a delay that we have put there. */
export function isDelayed(text: string, domain: string): boolean {
  return text.includes(`<delay xmlns='${DELAY_NS}' from='${escapeAttribute(domain)}'`);
}

/** A message says when it was sent first. */
export function delayed({ text, stamp }: Entry, domain: string): string {
  if (!text.startsWith("<message") || isDelayed(text, domain)) return text;
  return withDelay(text, domain, stamp);
}

export function flagsOf(stanza: Stanza | undefined, kept: KeptElsewhere): number {
  if (kept !== "no") return kept === "yes" ? ELSEWHERE : UNTIL_SAFE;
  return stanza !== undefined && stanza.copied ? COPIED : 0;
}

/**
 * Now, in ms since the epoch. Of what other sessions have got as well it must not lie before their
 * beginning, whatever becomes of the clock: see `Keeper.redeliver`.
 */
export function stampOf(flags: number, { account }: Session): number {
  let now = Date.now();
  if ((flags & COPIED) !== 0) {
    for (const { since } of account.sessions) if (since > now) now = since;
  }
  return now;
}

/** XEP-0198 §6. */
export function tooHigh(h: number, sent: number): StreamError {
  return new StreamError(
    "undefined-condition",
    `You acknowledged ${h} stanzas, but I only sent you ${sent} so far.`,
    xml("handled-count-too-high", SM_NS, { h: String(h), "send-count": String(sent) }),
  );
}
