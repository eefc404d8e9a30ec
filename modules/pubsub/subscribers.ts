/** Subscriptions as owners manage them (XEP-0060 §8.8). */

import { StanzaError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { tellSubscriber } from "./authorize.ts";
import type { Engine } from "./engine.ts";
import { nodeOf } from "./errors.ts";
import { OWNER } from "./names.ts";
import { isActive, type Node } from "./node.ts";
import { ownNode } from "./owner.ts";
import { DEFAULT_OPTIONS } from "./subscription_options.ts";

/** `<subscriptions/>` of an owner, get and set. */
export async function handleSubscribers(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element | undefined> {
  const element = request.child("subscriptions")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(element);
  const node = await ownNode(engine, owner, name, who);
  if (iq.type === "get") {
    const all = [...node.subscriptions.values()].filter(isActive).map((s) =>
      xml("subscription", OWNER, { jid: s.jid.full, subscription: s.state })
    );
    return xml("pubsub", OWNER, {}, xml("subscriptions", OWNER, { node: name }, ...all));
  }
  await engine.nodes.alone(owner, name, async () => {
    const node = await ownNode(engine, owner, name, who);
    const failed: Element[] = [];
    for (const { attrs } of element.elements("subscription")) {
      const jid = parseJid(attrs.jid ?? "");
      const wanted = attrs.subscription;
      if (jid !== undefined && wanted === undefined) continue;
      if (jid !== undefined && await change(engine, node, jid, wanted!)) continue;
      const now = node.subscriptions.get(jid?.full ?? "")?.state ?? "none";
      failed.push(xml("subscription", OWNER, { jid: attrs.jid, subscription: now }));
    }
    if (failed.length === 0) return;
    throw new StanzaError("not-acceptable", {
      app: xml("pubsub", OWNER, {}, xml("subscriptions", OWNER, { node: name }, ...failed)),
    });
  });
  return undefined;
}

/** False if it must not be. */
async function change(engine: Engine, node: Node, jid: Jid, wanted: string): Promise<boolean> {
  const { nodes, realm: { host: { config } } } = engine;
  const known = node.subscriptions.get(jid.full);
  if (wanted === (known?.state ?? "none")) return true;
  switch (wanted) {
    case "none":
      await nodes.removeSubscription(node, jid.full);
      break;
    case "subscribed":
    case "pending": {
      if (node.affiliations.get(jid.bare) === "outcast") return false;
      if (known === undefined && node.subscriptions.size >= config.subscriptions_per_node) {
        return false;
      }
      const options = known?.options ?? DEFAULT_OPTIONS;
      await nodes.setSubscription(node, { jid, state: wanted, options });
      engine.noteSubscriber(jid);
      break;
    }
    default:
      return false;
  }
  tellSubscriber(engine, node, jid, wanted);
  return true;
}
