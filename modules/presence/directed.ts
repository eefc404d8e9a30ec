/** Directed presence (RFC 6121 §4.6): whom a session has told of its presence by name. */

import type { Jid } from "../../lib/jid.ts";
import type { Session } from "../../lib/session.ts";
import { slot } from "../../lib/session.ts";
import { StanzaError } from "../../lib/errors.ts";

const told = slot<Map<string, Jid>>();

const NONE: readonly Jid[] = [];

/** Notes a directed available presence. Throws `StanzaError` beyond the limit. */
export function remember(session: Session, to: Jid, limit: number): void {
  let all = told.get(session);
  if (all === undefined) told.set(session, all = new Map());
  if (!all.has(to.full) && all.size >= limit) {
    const text = `directed presence goes to at most ${limit} addresses at a time`;
    throw new StanzaError("policy-violation", { text });
  }
  all.set(to.full, to);
}

/** Notes a directed unavailable presence. */
export function forget(session: Session, to: Jid): void {
  const all = told.get(session);
  if (all === undefined) return;
  all.delete(to.full);
  if (all.size === 0) told.set(session, undefined);
}

/** All that have to hear of the session's absence; they are forgotten. */
export function takeAll(session: Session): readonly Jid[] {
  const all = told.get(session);
  if (all === undefined) return NONE;
  told.set(session, undefined);
  return [...all.values()];
}

/** All that have been told, and still are to be. */
export function listAll(session: Session): readonly Jid[] {
  const all = told.get(session);
  return all === undefined ? NONE : [...all.values()];
}

/** True if the session has told exactly this address, or its bare JID. */
export function wasTold(session: Session, who: Jid): boolean {
  const all = told.get(session);
  return all !== undefined && (all.has(who.full) || all.has(who.bare));
}

/** True if the session has told anybody at that bare JID: the room of an occupant, for one. */
export function knows(session: Session, who: Jid): boolean {
  const all = told.get(session);
  if (all === undefined) return false;
  for (const jid of all.values()) if (jid.bare === who.bare) return true;
  return false;
}
