/** Subscribing, unsubscribing, and the options of subscriptions (XEP-0060 §6.1-6.4). */

import { StanzaError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { whyNotRead } from "./access.ts";
import { askOwners, tellOwners } from "./authorize.ts";
import { formIn } from "./config.ts";
import type { Engine } from "./engine.ts";
import { badRequest, nodeOf, refusal, unsupported } from "./errors.ts";
import { sendLastItem } from "./last_item.ts";
import { PUBSUB } from "./names.ts";
import { affiliationOf, isActive, type Node, type Subscription } from "./node.ts";
import { changedOptions, DEFAULT_OPTIONS, optionsForm } from "./subscription_options.ts";

/** `<subscribe/>`, with `<options/>` if there are any (§6.3.7). */
export async function handleSubscribe(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element> {
  const subscribe = request.child("subscribe")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(subscribe);
  const jid = jidOf(subscribe);
  if (jid.bare !== who.bare) throw refusal("bad-request", "invalid-jid");
  if (engine.realm.host.account(who)?.guest === true) {
    throw new StanzaError("forbidden", { type: "cancel" });
  }
  const optionsElement = request.child("options");
  const [first] = request.elements();
  if (
    first !== subscribe || optionsElement?.attrs.node !== undefined || optionsElement?.attrs.jid
  ) {
    throw badRequest("options follow the subscription, and name neither node nor JID");
  }
  const form = optionsElement === undefined ? undefined : formIn(optionsElement);

  const virtual = (await engine.nodes.need(owner, name, who)).virtual;
  if (virtual) throw unsupported("subscribe");
  const { node, subscription, isNew } = await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.needKept(owner, name, who);
    const known = node.subscriptions.get(jid.full);
    const why = await whyNotRead(engine.realm, node, who);
    if (known?.state === "pending" && why === "pending") {
      throw refusal("not-authorized", "pending-subscription");
    }
    if (why !== undefined && why !== "pending") throw why;
    if (!node.config.subscribe && affiliationOf(engine.realm, node, who) !== "owner") {
      throw unsupported("subscribe");
    }
    const base = known?.options ?? DEFAULT_OPTIONS;
    const chosen = form === undefined ? base : changedOptions(base, form);
    const options = node.config.tempsub ? { ...chosen, expire: "presence" as const } : chosen;
    checkTemporary(engine, jid, options.expire);
    // Without SubIDs a second subscription is the first one again (§6.1.6).
    if (known !== undefined && isActive(known) && form === undefined) {
      return { node, subscription: known, isNew: false };
    }
    const most = engine.realm.host.config.subscriptions_per_node;
    if (known === undefined && node.subscriptions.size >= most) {
      throw refusal("policy-violation", "too-many-subscriptions", { type: "wait" });
    }
    const state = why === "pending" ? "pending" as const : "subscribed" as const;
    const subscription: Subscription = { jid, state, options };
    await engine.nodes.setSubscription(node, subscription);
    engine.temporary.note(node, subscription);
    return { node, subscription, isNew: known === undefined || known.state !== state };
  });
  if (isNew) afterwards(engine, node, subscription);
  const element = subscriptionElement(node, subscription);
  return xml(
    "pubsub",
    PUBSUB,
    {},
    element,
    form !== undefined &&
      xml("options", PUBSUB, {}, optionsForm(subscription.options, "result")),
  );
}

/** What follows is sent behind the answer. */
function afterwards(engine: Engine, node: Node, subscription: Subscription): void {
  engine.noteSubscriber(subscription.jid);
  const now = engine.nodes.now();
  engine.soon(() => {
    if (subscription.state === "pending") return askOwners(engine, node, subscription.jid);
    if (node.config.notify_sub) tellOwners(engine, node, subscription.jid, "subscribed");
    if (node.config.send_last_published_item !== "never") {
      return sendLastItem(engine, node, [subscription.jid], now);
    }
  });
}

/** Whose presence is not known cannot be seen to go. */
function checkTemporary(engine: Engine, jid: Jid, expire: unknown): void {
  if (expire !== "presence") return;
  const account = engine.realm.host.account(jid);
  if (jid.isBare ? account !== undefined : account?.session(jid.resource) !== undefined) return;
  throw refusal("bad-request", "invalid-options", {
    text: "only accounts of this server that are online subscribe temporarily",
  });
}

function jidOf(element: Element): Jid {
  const text = element.attrs.jid;
  if (text === undefined || text === "") throw refusal("bad-request", "jid-required");
  const jid = parseJid(text);
  if (jid === undefined) throw new StanzaError("jid-malformed");
  return jid;
}

/** With a hint that there are options. */
export function subscriptionElement(node: Node, { jid, state }: Subscription): Element {
  const options = state === "subscribed" && xml("subscribe-options", PUBSUB);
  const attrs = { node: node.name, jid: jid.full, subscription: state };
  return xml("subscription", PUBSUB, attrs, options);
}

/** `<unsubscribe/>`. A SubID is ignored: there are none (§6.2.3.5). */
export async function handleUnsubscribe(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<void> {
  const unsubscribe = request.child("unsubscribe")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(unsubscribe);
  const jid = jidOf(unsubscribe);
  if (jid.bare !== who.bare) throw new StanzaError("forbidden");
  await engine.nodes.need(owner, name, who);
  const node = await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.get(owner, name);
    if (node?.subscriptions.has(jid.full) !== true) throw notSubscribed();
    await engine.nodes.removeSubscription(node, jid.full);
    engine.temporary.forget(node, jid.full);
    return node;
  });
  if (node.config.notify_sub) tellOwners(engine, node, jid, "none");
}

function notSubscribed(): StanzaError {
  return refusal("unexpected-request", "not-subscribed", { type: "cancel" });
}

/** `<options/>`, get and set (§6.3). */
export async function handleOptions(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element | undefined> {
  const element = request.child("options")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(element);
  const jid = jidOf(element);
  if (jid.bare !== who.bare) throw new StanzaError("forbidden");
  await engine.nodes.need(owner, name, who);
  const found = (node: Node | undefined) => {
    const subscription = node?.subscriptions.get(jid.full);
    if (subscription === undefined) {
      throw refusal("unexpected-request", "not-subscribed", { type: "modify" });
    }
    return subscription;
  };
  if (iq.type === "get") {
    const { options } = found(await engine.nodes.get(owner, name));
    const form = optionsForm(options, "form");
    return xml(
      "pubsub",
      PUBSUB,
      {},
      xml("options", PUBSUB, { node: name, jid: jid.full }, form),
    );
  }
  const form = formIn(element);
  if (form === undefined) throw refusal("bad-request", "invalid-options");
  if (form.type === "cancel") return undefined;
  await engine.nodes.alone(owner, name, async () => {
    const node = await engine.nodes.get(owner, name);
    const subscription = found(node);
    const options = changedOptions(subscription.options, form);
    checkTemporary(engine, jid, options.expire);
    const changed = { ...subscription, options };
    await engine.nodes.setSubscription(node!, changed);
    engine.temporary.note(node!, changed);
  });
  return undefined;
}

/** `<default/>`: the options that a subscription begins with (§6.4). */
export async function handleDefaultOptions(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element> {
  const { node } = request.child("default")!.attrs;
  if (node !== undefined) await engine.nodes.need(iq.to!, node, iq.from!);
  const form = optionsForm(DEFAULT_OPTIONS, "form");
  return xml("pubsub", PUBSUB, {}, xml("default", PUBSUB, { node }, form));
}
