/** One's own subscriptions and affiliations (XEP-0060 §5.6, §5.7). */

import { StanzaError } from "../../lib/errors.ts";
import { pubsubRelations } from "../../lib/hooks/pubsub_storage.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import type { Engine } from "./engine.ts";
import { checkedName } from "./errors.ts";
import { PUBSUB } from "./names.ts";

async function relations(engine: Engine, iq: Stanza, element: Element) {
  const { node } = element.attrs;
  const [owner, who] = [iq.to!, iq.from!];
  if (node !== undefined) {
    await engine.nodes.need(owner, checkedName(node, "the node's name"), who);
  }
  const all = await engine.realm.host.ask(pubsubRelations, owner, who.toBare());
  if (all === undefined) throw new StanzaError("service-unavailable");
  return { all, node, fits: (of: { node: string }) => node === undefined || of.node === node };
}

/** `<subscriptions/>`, of all nodes or of one. */
export async function handleOwnSubscriptions(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element> {
  const { all, node, fits } = await relations(engine, iq, request.child("subscriptions")!);
  const elements = all.subscriptions.filter(fits).map((s) =>
    xml("subscription", PUBSUB, { node: s.node, jid: s.jid, subscription: s.state })
  );
  return xml("pubsub", PUBSUB, {}, xml("subscriptions", PUBSUB, { node }, ...elements));
}

/** `<affiliations/>`, of all nodes or of one. */
export async function handleOwnAffiliations(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element> {
  const { all, node, fits } = await relations(engine, iq, request.child("affiliations")!);
  const listed = engine.realm.ownsAll(iq.to!, iq.from!)
    ? (await engine.allNodes(iq.to!)).map((n) => ({ node: n.name, affiliation: "owner" }))
    : all.affiliations;
  const elements = listed.filter(fits).map((a) =>
    xml("affiliation", PUBSUB, { node: a.node, affiliation: a.affiliation })
  );
  return xml("pubsub", PUBSUB, {}, xml("affiliations", PUBSUB, { node }, ...elements));
}
