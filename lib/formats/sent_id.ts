/**
 * The id that a message has got in its sender's own archive. The recipient must not see it (XEP-0313
 * §3.5), so it is not in the message; who copies the message to the sender's other resources
 * (XEP-0280) finds it here.
 */

import type { Stanza } from "../stanza.ts";

/** Only for the moments between two filters: with the stanza goes the entry. */
const ids = new WeakMap<Stanza, string>();

/** For the archive: `stanza` is the very object that goes on to the next filter. */
export function setSentArchiveId(stanza: Stanza, id: string): void {
  ids.set(stanza, id);
}

/**
 * The id of a sent message in its sender's archive; undefined if it was not archived, or if the sender
 * has no other resource that could want to know.
 */
export function sentArchiveId(stanza: Stanza): string | undefined {
  return ids.get(stanza);
}
