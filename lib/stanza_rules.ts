/** What RFC 6120 and RFC 6121 demand of a stanza by itself, wherever it goes. */

import { parseJid } from "./jid.ts";
import { StanzaError, StreamError } from "./errors.ts";
import type { Session } from "./session.ts";
import type { Stanza } from "./stanza.ts";

const PRESENCE_TYPES: ReadonlySet<string> = new Set([
  "unavailable",
  "subscribe",
  "subscribed",
  "unsubscribe",
  "unsubscribed",
  "probe",
  "error",
]);

/** Throws `bad-request` for a type that RFC 6121 §4.7.1 does not define. */
export function checkPresenceType(type: string | undefined): void {
  if (type === undefined || PRESENCE_TYPES.has(type)) return;
  throw new StanzaError("bad-request", { text: `there is no presence of type ${type}` });
}

/** An IQ that answers another. */
export function isAnswer(stanza: Stanza): boolean {
  return stanza.name === "iq" && (stanza.type === "result" || stanza.type === "error");
}

/** A client may name its bare or full JID and nobody else's (RFC 6120 §8.1.2.1). */
export function checkFrom(session: Session, stanza: Stanza): void {
  const claimed = stanza.attrs.from;
  if (claimed === undefined || claimed === session.jid.full) return;
  const jid = parseJid(claimed);
  if (jid?.full !== session.jid.full && jid?.full !== session.jid.bare) {
    throw new StreamError("invalid-from");
  }
}

/** For the log: who was told what about which stanza. */
export function refusal(stanza: Stanza, error: StanzaError) {
  const { name: kind, id = "", from } = stanza;
  return { kind, id, from: from?.full ?? "", error: error.toString() };
}

/** RFC 6120 §8.2.3. */
export function checkIq(stanza: Stanza): void {
  const bad = (text: string) => new StanzaError("bad-request", { text });
  const { type } = stanza;
  if (stanza.id === undefined || stanza.id === "") throw bad("an IQ needs an id");
  if (type === "get" || type === "set") {
    let children = 0;
    for (const c of stanza.children) if (typeof c !== "string") children++;
    if (children !== 1) throw bad(`an IQ ${type} has exactly one child element`);
  } else if (type !== "result" && type !== "error") {
    throw bad("the type of an IQ is get, set, result or error");
  }
}

/** RFC 6121 §4.7.2.3. */
export function priorityOf(stanza: Stanza): number {
  const text = stanza.childText("priority")?.trim();
  if (text === undefined || text === "") return 0;
  const value = Number(text);
  if (!/^[+-]?\d{1,3}$/.test(text) || value < -128 || value > 127) {
    throw new StanzaError("bad-request", {
      text: "the priority is a whole number from -128 to 127",
    });
  }
  return value;
}
