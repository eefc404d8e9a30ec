/** Who is to be notified of what happens at a node. */

import { isBlocked } from "../../lib/hooks/blocking.ts";
import { clientFeatures } from "../../lib/hooks/disco.ts";
import { rosterGet, type RosterItem } from "../../lib/hooks/roster.ts";
import type { Affiliation } from "../../lib/hooks/pubsub_storage.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Account, Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { inGroups, seesPresence } from "./access.ts";
import { isActive, type Node, type Realm, type Subscription } from "./node.ts";

/** Connected resources here get it directly, all other addresses by the rules for messages. */
export interface Recipients {
  readonly here: Jid[];
  readonly others: Jid[];
}

/** Whether a contact of the owner's roster hears of the node without having subscribed (§9.1). */
export function mayHear(node: Node, item: RosterItem, as: Affiliation | undefined): boolean {
  if (!seesPresence(item)) return false;
  if (as !== undefined) return as !== "outcast" && as !== "publish-only";
  switch (node.config.access_model) {
    case "open":
    case "presence":
      return true;
    case "roster":
      return inGroups(item, node.config.roster_groups_allowed);
    default:
      return false;
  }
}

/** Whether a client has asked for the node's events (§9.2). */
export function isInterested(realm: Realm, session: Session, interest: string): boolean {
  if (session.presence === undefined) return false;
  const features = realm.host.ask(clientFeatures, session);
  return features instanceof Set && features.has(interest);
}

/** All who are to hear of an event. `pending`: those too who wait for approval. */
export async function recipientsOf(
  realm: Realm,
  node: Node,
  { pending = false } = {},
): Promise<Recipients> {
  const found: Recipients = { here: [], others: [] };
  const interest = `${node.name}+notify`;
  if (realm.kind === "pep") await addImplicit(realm, node, interest, found);
  if (node.subscriptions.size === 0) return found;
  const seen = new Set(found.here.map((jid) => jid.full));
  const waiting: Subscription[] = [];
  for (const s of node.subscriptions.values()) {
    if (s.state === "pending" ? !pending : !isActive(s) || !s.options.deliver) continue;
    waiting.push(s);
  }
  for (const s of waiting) {
    if (realm.kind === "pep" && await isShut(realm, node.owner, s.jid)) continue;
    addSubscriber(realm, node, s, interest, found, seen);
  }
  return found;
}

async function isShut(realm: Realm, owner: Jid, other: Jid): Promise<boolean> {
  const blocked = realm.host.ask(isBlocked, owner, other);
  return (blocked instanceof Promise ? await blocked : blocked) === true;
}

/** The owner's clients, and contacts who see its presence, as far as they are interested. */
async function addImplicit(
  realm: Realm,
  node: Node,
  interest: string,
  { here }: Recipients,
): Promise<void> {
  const { host } = realm;
  const { owner, affiliations } = node;
  const add = (account: Account) => {
    for (const s of account.sessions) if (isInterested(realm, s, interest)) here.push(s.jid);
  };
  const own = host.account(owner);
  if (own !== undefined) add(own);
  const asked = host.ask(rosterGet, owner);
  const roster = asked instanceof Promise ? await asked : asked;
  const ending = `@${host.domain}`;
  for (const item of roster!.items.values()) {
    if (!item.jid.endsWith(ending)) continue;
    if (!mayHear(node, item, affiliations.get(item.jid))) continue;
    const contact = parseJid(item.jid);
    const account = contact === undefined ? undefined : host.account(contact);
    if (account === undefined || account === own) continue;
    const before = here.length;
    add(account);
    if (here.length === before) continue;
    const blocked = host.ask(isBlocked, owner, contact!);
    // A promise only where the owner is offline.
    if ((blocked instanceof Promise ? await blocked : blocked) === true) here.length = before;
  }
}

function addSubscriber(
  realm: Realm,
  node: Node,
  { jid, options }: Subscription,
  interest: string,
  { here, others }: Recipients,
  seen: Set<string>,
): void {
  const { host } = realm;
  const isLocal = jid.domain === host.domain && jid.node !== "";
  if (!isLocal) {
    others.push(jid);
    return;
  }
  const account = host.account(jid);
  const fits = (s: Session) => options.show === undefined || options.show.has(showOf(s.presence));
  const careful = node.config.presence_based_delivery || options.show !== undefined;
  if (!jid.isBare) {
    const session = account?.session(jid.resource);
    if (session === undefined || seen.has(jid.full)) return;
    if (careful && (session.presence === undefined || !fits(session))) return;
    here.push(session.jid);
    return;
  }
  const available = account?.available().filter(fits) ?? [];
  if (careful && available.length === 0) return;
  if (realm.kind === "pep") {
    // XEP-0163 §4.3.2: one for each resource that has asked for it, or else one for the bare JID.
    const interested = available.filter((s) => isInterested(realm, s, interest));
    for (const s of interested) if (!seen.has(s.jid.full)) here.push(s.jid);
    if (interested.length > 0) return;
  }
  others.push(jid);
}

/** The state of a presence in the words of `pubsub#show-values`. */
function showOf(presence: Stanza | undefined): string {
  return presence?.childText("show") ?? (presence === undefined ? "" : "online");
}

/** Messages sent in one turn of the event loop: others have their turn between. */
const DIRECT_PER_TURN = 1000;
const ROUTED_PER_TURN = 200;

/** Sends a message without `to` to all of them; few are sent at once. */
export async function sendTo(
  { host }: Realm,
  stanza: Stanza,
  { here, others }: Recipients,
): Promise<void> {
  // What archives may want has to go the way of messages.
  const isDirect = stanza.type === "headline";
  if (isDirect) {
    for (let i = 0; i < here.length; i += DIRECT_PER_TURN) {
      if (i > 0) await nextTurn();
      host.fanOut(stanza, here.slice(i, i + DIRECT_PER_TURN));
    }
  }
  const routed = isDirect ? others : [...here, ...others];
  for (let i = 0; i < routed.length; i++) {
    if (i > 0 && i % ROUTED_PER_TURN === 0) await nextTurn();
    const sent = host.send(stanza.addressedTo(routed[i]!));
    if (sent instanceof Promise) sent.catch(() => {}); // refusals have been answered
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
