/** Requests to subscribe that an owner must approve (XEP-0060 §6.1.4, §8.6), and news of subscriptions. */

import { StanzaError } from "../../lib/errors.ts";
import { answers, form, FORMS_NS, readForm } from "../../lib/formats/form.ts";
import type { Field } from "../../lib/formats/form.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import type { Engine } from "./engine.ts";
import { eventMessage } from "./events.ts";
import { sendLastItem } from "./last_item.ts";
import { AUTHORIZATION, EVENT } from "./names.ts";
import { affiliationOf, type Node, ownersOf } from "./node.ts";

const fields = [
  { var: "pubsub#node", type: "text-single", label: "The node" },
  { var: "pubsub#subscriber_jid", type: "jid-single", label: "Who wants to subscribe" },
  { var: "pubsub#allow", type: "boolean", label: "Approve the subscription" },
] as const satisfies readonly Field[];

/** Asks all owners; the first answer counts. */
export function askOwners(engine: Engine, node: Node, subscriber: Jid): void {
  const values = [node.name, subscriber.full, false];
  const x = form({
    type: "form",
    formType: AUTHORIZATION,
    title: "A request to subscribe",
    instructions: `${subscriber.full} asks to subscribe to ${node.name}.`,
    fields: fields.map((f, i) => ({ ...f, value: values[i] }) as Field),
  });
  const body = xml(
    "body",
    "jabber:client",
    {},
    `${subscriber.full} asks to subscribe to the node ${node.name}.`,
  );
  const request = message({ from: node.owner, id: crypto.randomUUID() }, x, body);
  send(engine, request, ownersOf(engine.realm, node));
}

function send(engine: Engine, stanza: Stanza, to: readonly string[]): void {
  for (const text of to) {
    const jid = parseJid(text);
    if (jid === undefined) continue;
    const sent = engine.realm.host.send(stanza.addressedTo(jid));
    if (sent instanceof Promise) sent.catch(() => {}); // refusals have been answered
  }
}

/** `pubsub#notify_sub`: owners hear of who comes and goes. */
export function tellOwners(
  engine: Engine,
  node: Node,
  jid: Jid,
  subscription: "subscribed" | "none",
): void {
  const news = stateMessage(node, jid, subscription);
  send(engine, news, ownersOf(engine.realm, node));
}

/** Tells a subscriber of a change that was not its own (§12.14). */
export function tellSubscriber(
  engine: Engine,
  node: Node,
  jid: Jid,
  subscription: "subscribed" | "pending" | "none",
): void {
  send(engine, stateMessage(node, jid, subscription), [jid.full]);
}

function stateMessage(node: Node, jid: Jid, subscription: string): Stanza {
  const attrs = { node: node.name, jid: jid.full, subscription };
  return eventMessage(node.owner, xml("subscription", EVENT, attrs), "headline");
}

/**
 * Takes an owner's answer to a request; `undefined` if the message is none.
 * @throws StanzaError if it is a wrong one
 */
export function takeAnswer(engine: Engine, stanza: Stanza): Promise<true> | undefined {
  if (stanza.isError) return undefined;
  const x = stanza.child("x", FORMS_NS);
  if (x === undefined) return undefined;
  const submitted = readForm(x);
  if (submitted.formType !== AUTHORIZATION) return undefined;
  if (submitted.type === "cancel") return Promise.resolve(true);
  if (submitted.type !== "submit") return undefined; // the request itself, on its way
  const given = answers(submitted, fields, AUTHORIZATION);
  const {
    "pubsub#node": name = "",
    "pubsub#subscriber_jid": subscriber = "",
    "pubsub#allow": allow,
  } = given;
  if (allow === undefined) {
    throw new StanzaError("bad-request", { text: "pubsub#allow is missing" });
  }
  return decide(engine, stanza, name, subscriber, allow);
}

async function decide(
  engine: Engine,
  stanza: Stanza,
  name: string,
  subscriber: string,
  allow: boolean,
): Promise<true> {
  const [owner, who] = [stanza.to!.toBare(), stanza.from!];
  await engine.nodes.needKept(owner, name, who);
  await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.needKept(owner, name, who);
    if (affiliationOf(engine.realm, node, who) !== "owner") throw new StanzaError("forbidden");
    const subscription = node.subscriptions.get(subscriber);
    // Another owner was faster, or the subscriber has thought better of it.
    if (subscription?.state !== "pending") return;
    await settle(engine, node, subscription.jid, allow);
  });
  return true;
}

/** Approves or denies a pending subscription. Within `alone`. */
export async function settle(
  engine: Engine,
  node: Node,
  jid: Jid,
  allow: boolean,
): Promise<void> {
  const subscription = node.subscriptions.get(jid.full)!;
  if (!allow) {
    await engine.nodes.removeSubscription(node, jid.full);
    tellSubscriber(engine, node, jid, "none");
    return;
  }
  await engine.nodes.setSubscription(node, { ...subscription, state: "subscribed" });
  tellSubscriber(engine, node, jid, "subscribed");
  if (node.config.send_last_published_item !== "never") {
    const now = engine.nodes.now();
    engine.soon(() => sendLastItem(engine, node, [jid], now));
  }
}
