/**
 * XEP-0312: PubSub Since. A client that says in its initial presence how long it was away gets all that
 * was published meanwhile and is still there, in place of the last items.
 */

import type { Session } from "../../lib/session.ts";
import type { Engine } from "./engine.ts";
import { lastItemMessage } from "./events.ts";
import { fitting, readItems, sizeOf } from "./items.ts";
import { AGO } from "./names.ts";
import type { Node } from "./node.ts";
import type { Pace } from "./pace.ts";
import { sendTo } from "./recipients.ts";

/** Clocks differ: so much older items count, too (§2 rule 4). */
const GRACE_MS = 300_000;

/** Since when the client was away, in ms since the epoch, as its presence says. */
export function sinceOf(session: Session): number | undefined {
  const secs = session.presence?.child("ago", AGO)?.attrs.secs;
  if (secs === undefined || !/^\d{1,10}$/.test(secs)) return undefined;
  return Date.now() - Number(secs) * 1000 - GRACE_MS;
}

/** Sends the items from then on, the newest `most` of them; answers how many. */
export async function sendSince(
  engine: Engine,
  node: Node,
  session: Session,
  since: number,
  most: number,
  pace: Pace,
): Promise<number> {
  const { config } = engine.realm.host;
  const found = await readItems(engine, node, {
    by: "modified",
    descending: true,
    above: since * 1000,
    limit: Math.min(most, config.page_items),
  });
  const items = fitting(found, config.page_bytes);
  for (const item of items.toReversed()) {
    if (!await pace.room(sizeOf(item))) break;
    await sendTo(engine.realm, lastItemMessage(node, item), { here: [session.jid], others: [] });
  }
  return items.length;
}
