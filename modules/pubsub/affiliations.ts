/** Affiliations as owners manage them (XEP-0060 §8.9). */

import { StanzaError } from "../../lib/errors.ts";
import type { Affiliation } from "../../lib/hooks/pubsub_storage.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { message, type Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { whyNotRead } from "./access.ts";
import { settle, tellSubscriber } from "./authorize.ts";
import type { Engine } from "./engine.ts";
import { badRequest, nodeOf } from "./errors.ts";
import { hearers, introduceNew } from "./last_item.ts";
import { OWNER, PUBSUB } from "./names.ts";
import { affiliationOf, type Node, ownersOf } from "./node.ts";
import { ownNode } from "./owner.ts";

const AFFILIATIONS: ReadonlySet<string> = new Set<Affiliation | "none">([
  "owner",
  "publisher",
  "publish-only",
  "member",
  "none",
  "outcast",
]);

/** `<affiliations/>` of an owner, get and set. */
export async function handleAffiliations(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element | undefined> {
  const element = request.child("affiliations")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(element);
  const node = await ownNode(engine, owner, name, who);
  if (iq.type === "get") return list(engine, node);
  const wanted = element.elements("affiliation").map(readChange);
  if (new Set(wanted.map((w) => w.jid.bare)).size < wanted.length) {
    throw badRequest("an entity is named twice");
  }
  await engine.nodes.alone(owner, name, async () => {
    const node = await ownNode(engine, owner, name, who);
    const failed: Element[] = [];
    const heard = await hearers(engine, node);
    for (const { jid, as } of wanted) {
      if (as !== undefined && !await change(engine, node, jid, as)) {
        const now = affiliationOf(engine.realm, node, jid);
        failed.push(xml("affiliation", OWNER, { jid: jid.bare, affiliation: now }));
      }
    }
    await introduceNew(engine, node, heard);
    if (failed.length === 0) return;
    throw new StanzaError("not-acceptable", {
      app: xml("pubsub", OWNER, {}, xml("affiliations", OWNER, { node: name }, ...failed)),
    });
  });
  return undefined;
}

function list(engine: Engine, node: Node): Element {
  const owners = engine.realm.kind === "pep" ? [[node.owner.bare, "owner"] as const] : [];
  const all = [...owners, ...node.affiliations].map(([jid, affiliation]) =>
    xml("affiliation", OWNER, { jid, affiliation })
  );
  return xml("pubsub", OWNER, {}, xml("affiliations", OWNER, { node: node.name }, ...all));
}

interface Change {
  readonly jid: Jid;
  /** Undefined leaves it as it is. */
  readonly as: Affiliation | "none" | undefined;
}

function readChange({ attrs: { jid: text, affiliation } }: Element): Change {
  const jid = parseJid(text ?? "");
  if (jid === undefined) throw new StanzaError("jid-malformed");
  if (affiliation !== undefined && !AFFILIATIONS.has(affiliation)) {
    throw badRequest("there is no such affiliation");
  }
  return { jid: jid.toBare(), as: affiliation as Change["as"] };
}

/** False if it must not be. */
async function change(
  engine: Engine,
  node: Node,
  jid: Jid,
  as: Affiliation | "none",
): Promise<boolean> {
  const { realm, nodes } = engine;
  const before = realm.kind === "pep" && jid.bare === node.owner.bare
    ? "owner"
    : node.affiliations.get(jid.bare) ?? "none";
  if (before === as) return true;
  if (realm.kind === "pep" && jid.bare === node.owner.bare) return false;
  if (before === "owner") {
    // Somebody must be left who can do anything about the node; an owner is not banned (§4.1).
    if (ownersOf(realm, node).length === 1 || as === "outcast") return false;
  }
  const most = realm.host.config.affiliations_per_node;
  if (before === "none" && node.affiliations.size >= most) return false;
  await nodes.setAffiliation(node, jid.bare, as);
  await subscriptionsFollow(engine, node, jid, as);
  tell(engine, node, jid, as);
  return true;
}

/** Who may not subscribe any more loses what it had (§8.9.4); who need not ask is approved. */
async function subscriptionsFollow(
  engine: Engine,
  node: Node,
  jid: Jid,
  as: Affiliation | "none",
): Promise<void> {
  const why = await whyNotRead(engine.realm, node, jid);
  for (const s of [...node.subscriptions.values()]) {
    if (s.jid.bare !== jid.bare) continue;
    if (why !== undefined && why !== "pending") {
      await engine.nodes.removeSubscription(node, s.jid.full);
      tellSubscriber(engine, node, s.jid, "none");
    } else if (s.state === "pending" && why === undefined && as !== "none") {
      await settle(engine, node, s.jid, true);
    }
  }
}

/** §8.9.4. */
function tell(engine: Engine, node: Node, jid: Jid, affiliation: string): void {
  const news = xml("affiliation", PUBSUB, { node: node.name, jid: jid.bare, affiliation });
  const sent = engine.realm.host.send(message(
    { from: node.owner, to: jid, id: crypto.randomUUID(), type: "headline" },
    xml("pubsub", PUBSUB, {}, xml("affiliations", PUBSUB, { node: node.name }, news)),
  ));
  if (sent instanceof Promise) sent.catch(() => {}); // refusals have been answered
}
