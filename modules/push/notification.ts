/** What an app server is told (XEP-0357 §7): as little as it needs, unless the operator says more. */

import { form } from "../../lib/formats/form.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import type { Registration } from "./registrations.ts";

export const PUSH_NS = "urn:xmpp:push:0";
const SUMMARY = "urn:xmpp:push:summary";
export const PUBSUB_NS = "http://jabber.org/protocol/pubsub";

export interface Contents {
  readonly include_sender: boolean;
  readonly include_body: boolean;
  readonly text: string;
}

/** What is to be told of. */
export interface News {
  /** The message itself; undefined if it is a request for a subscription. */
  readonly message: Stanza | undefined;
  /** Requests for subscriptions that wait, if that is what it is about. */
  readonly requests: number | undefined;
}

/** The payload of the IQ that publishes a notification. */
export function publication(r: Registration, { message, requests }: News, c: Contents): Element {
  const field = (name: string, value: string) =>
    ({ var: name, type: "text-single", value }) as const;
  const fields = [field("message-count", String(r.missed))];
  if (requests !== undefined) fields.push(field("pending-subscription-count", String(requests)));
  if (message !== undefined) {
    const sender = message.from?.full;
    if (c.include_sender && sender !== undefined) fields.push(field("last-message-sender", sender));
    const body = c.include_body ? message.childText("body") ?? c.text : c.text;
    if (body !== "") fields.push(field("last-message-body", body));
  }
  const summary = form({ type: "submit", formType: SUMMARY, fields });
  const item = xml("item", PUBSUB_NS, {}, xml("notification", PUSH_NS, {}, summary));
  const node = r.target === "" ? undefined : r.target;
  return xml(
    "pubsub",
    PUBSUB_NS,
    {},
    xml("publish", PUBSUB_NS, { node }, item),
    r.options !== undefined && xml("publish-options", PUBSUB_NS, {}, r.options),
  );
}
