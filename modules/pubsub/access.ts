/** Who may subscribe to a node and read it (XEP-0060 §4.1, §4.5, §6.1.3, §6.5.9). */

import { StanzaError } from "../../lib/errors.ts";
import type { RosterItem } from "../../lib/hooks/roster.ts";
import { rosterGetItem } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { refusal } from "./errors.ts";
import type { Node, Realm } from "./node.ts";
import { affiliationOf, isSubscribed, ownersOf } from "./node.ts";

/** Why somebody may not read or subscribe; `pending`: an owner must approve. */
export type Refusal = StanzaError | "pending";

/** `undefined` if nothing speaks against it. */
export async function whyNotRead(
  realm: Realm,
  node: Node,
  who: Jid,
): Promise<Refusal | undefined> {
  switch (affiliationOf(realm, node, who)) {
    case "owner":
    case "publisher":
    case "member":
      return undefined;
    case "outcast":
    case "publish-only":
      return new StanzaError("forbidden");
  }
  const { access_model, roster_groups_allowed } = node.config;
  switch (access_model) {
    case "open":
      return undefined;
    case "authorize":
      return isSubscribed(node, who) ? undefined : "pending";
    case "whitelist":
      return refusal("not-allowed", "closed-node");
    case "presence":
      return await someOwner(realm, node, who, seesPresence)
        ? undefined
        : refusal("not-authorized", "presence-subscription-required");
    case "roster":
      return await someOwner(realm, node, who, (item) => inGroups(item, roster_groups_allowed))
        ? undefined
        : refusal("not-authorized", "not-in-roster-group");
  }
}

/** @throws StanzaError if the node may not be read */
export async function checkRead(realm: Realm, node: Node, who: Jid): Promise<void> {
  const why = await whyNotRead(realm, node, who);
  if (why === "pending") throw refusal("not-authorized", "not-subscribed");
  if (why !== undefined) throw why;
}

/** Whether the contact of a roster sees the presence of its account. */
export function seesPresence({ subscription }: RosterItem): boolean {
  return subscription === "from" || subscription === "both";
}

export function inGroups(item: RosterItem, groups: readonly string[]): boolean {
  return seesPresence(item) && item.groups.some((g) => groups.includes(g));
}

/** Whether it holds for the roster of an owner that is an account here. */
async function someOwner(
  realm: Realm,
  node: Node,
  who: Jid,
  holds: (item: RosterItem) => boolean,
): Promise<boolean> {
  const { host } = realm;
  for (const text of ownersOf(realm, node)) {
    const owner = parseJid(text);
    if (owner === undefined || owner.domain !== host.domain || owner.node === "") continue;
    const item = await host.ask(rosterGetItem, owner, who.toBare());
    if (item !== undefined && item !== "none" && holds(item)) return true;
  }
  return false;
}

/** Whether somebody may publish (§4.1, `pubsub#publish_model`). */
export function mayPublish(realm: Realm, node: Node, who: Jid): boolean {
  switch (affiliationOf(realm, node, who)) {
    case "owner":
    case "publisher":
    case "publish-only":
      return true;
    case "outcast":
      return false;
  }
  switch (node.config.publish_model) {
    case "open":
      return true;
    case "subscribers":
      return isSubscribed(node, who);
    case "publishers":
      return false;
  }
}
