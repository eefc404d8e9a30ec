/** Presence that only says how somebody is: the next of the same sender takes its place. */

import type { Stanza } from "../stanza.ts";
import type { Element } from "../xml/element.ts";

const MUC_USER_NS = "http://jabber.org/protocol/muc#user";

/**
 * All else is an answer, or wants one: subscriptions, errors, and the client's own presence in a room
 * (XEP-0045 §7.2.2), which ends its entering.
 */
export function isMereState(presence: Stanza): boolean {
  if (presence.type !== undefined && presence.type !== "unavailable") return false;
  const room = presence.child("x", MUC_USER_NS);
  return room === undefined || !room.children.some(isSelf);
}

function isSelf(child: Element["children"][number]): boolean {
  return typeof child !== "string" && child.name === "status" && child.attrs.code === "110";
}
