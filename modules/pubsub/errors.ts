/** Refusals with the application conditions of XEP-0060 §11. */

import { type StanzaCondition, StanzaError } from "../../lib/errors.ts";
import { xml } from "../../lib/xml/element.ts";
import { utf8Length } from "../../lib/precis/text.ts";
import type { Element } from "../../lib/xml/element.ts";
import { ERRORS, MAX_NAME } from "./names.ts";

/** A refusal with a condition of `pubsub#errors`. */
export function refusal(
  condition: StanzaCondition,
  app: string,
  options: { readonly text?: string; readonly type?: StanzaError["type"] } = {},
): StanzaError {
  return new StanzaError(condition, { ...options, app: xml(app, ERRORS) });
}

/** The service or the node does not do that. */
export function unsupported(feature: string): StanzaError {
  return new StanzaError("feature-not-implemented", {
    app: xml("unsupported", ERRORS, { feature }),
  });
}

export function badRequest(text: string): StanzaError {
  return new StanzaError("bad-request", { text });
}

/** The name of the node in `node`, which must be there. */
export function nodeOf(element: Element): string {
  const { node } = element.attrs;
  if (node === undefined || node === "") throw refusal("bad-request", "nodeid-required");
  return checkedName(node, "the node's name");
}

/** @throws StanzaError `not-acceptable` if it is longer than names are */
export function checkedName(name: string, what: string): string {
  if (name.length > MAX_NAME || utf8Length(name) > MAX_NAME) {
    throw new StanzaError("not-acceptable", { text: `${what} is longer than ${MAX_NAME} octets` });
  }
  return name;
}
