/**
 * XEP-0425 as it was before 0.3, in the words of XEP-0422: what Gajim 1 and others of its time ask for
 * and understand. They get both; who knows the present form does not look at this one.
 */

import { type Element, xml } from "../../lib/xml/element.ts";
import { FASTEN, MODERATE_BEFORE } from "./names.ts";

const RETRACT_BEFORE = "urn:xmpp:message-retract:0";

/** What such a request asks for; undefined if it is something else. */
export function readBefore(
  request: Element,
): { readonly id: string | undefined; readonly reason: string | undefined } | undefined {
  const moderate = request.child("moderate", MODERATE_BEFORE);
  if (moderate?.child("retract", RETRACT_BEFORE) === undefined) return undefined;
  return { id: request.attrs.id, reason: moderate.childText("reason") };
}

/** Goes beside `<retract/>` to everybody. */
export function retractionBefore(id: string, by: string, reason: string | undefined): Element {
  return xml(
    "apply-to",
    FASTEN,
    { id },
    xml(
      "moderated",
      MODERATE_BEFORE,
      { by },
      xml("retract", RETRACT_BEFORE),
      reason !== undefined && xml("reason", MODERATE_BEFORE, {}, reason),
    ),
  );
}

/** Only the room says that somebody has moderated something. */
export function isModerationBefore(e: Element): boolean {
  return e.ns === FASTEN && e.hasNs(MODERATE_BEFORE);
}
