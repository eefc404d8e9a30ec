/** The last item of a node, for somebody who is new there (XEP-0060 §6.1.7). */

import { isBlocked } from "../../lib/hooks/blocking.ts";
import { pubsubItems } from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Engine } from "./engine.ts";
import { lastItemMessage } from "./events.ts";
import { isFresh } from "./items.ts";
import type { Node } from "./node.ts";
import { recipientsOf, sendTo } from "./recipients.ts";

/**
 * Sends the last item, if the node keeps one, to these addresses.
 * @param until what was published later they have got already (microseconds since the epoch)
 */
export async function sendLastItem(
  engine: Engine,
  node: Node,
  to: readonly Jid[],
  until = Infinity,
): Promise<void> {
  const { realm } = engine;
  const { host } = realm;
  if (!node.config.persist_items || !node.config.deliver_notifications) return;
  const range = { by: "modified", descending: true, limit: 1 } as const;
  const [item] = await host.ask(pubsubItems, node.owner, node.name, range) ?? [];
  if (item === undefined || !isFresh(node, item)) return;
  if (item.modified > until) return;
  const open: Jid[] = [];
  for (const jid of to) {
    if (realm.kind === "pep" && await host.ask(isBlocked, node.owner, jid) === true) continue;
    open.push(jid);
  }
  if (item.modified < engine.nodes.latest(node.owner, node.name)) return;
  const isHere = (jid: Jid) => !jid.isBare && host.session(jid) !== undefined;
  await sendTo(realm, lastItemMessage(node, item), {
    here: open.filter(isHere),
    others: open.filter((jid) => !isHere(jid)),
  });
}

/** The clients here that hear of an account's node now: those that asked for it may come to be more. */
export async function hearers(engine: Engine, node: Node): Promise<ReadonlySet<string>> {
  if (engine.realm.kind !== "pep") return NOBODY;
  const { here } = await recipientsOf(engine.realm, node);
  return new Set(here.map((jid) => jid.full));
}

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Sends the last item of an account's node to the clients that hear of it now and did not before
 * (XEP-0163 §4.3.4: as if they came online). Within `alone`.
 */
export async function introduceNew(
  engine: Engine,
  node: Node,
  before: ReadonlySet<string>,
): Promise<void> {
  if (engine.realm.kind !== "pep") return;
  if (node.config.send_last_published_item !== "on_sub_and_presence") return;
  const { here } = await recipientsOf(engine.realm, node);
  const fresh = here.filter((jid) => !before.has(jid.full));
  if (fresh.length === 0) return;
  const now = engine.nodes.now();
  engine.soon(() => sendLastItem(engine, node, fresh, now));
}
