/**
 * An example of nodes that are not kept but worked out: a stream of short notes. Everybody has, at the
 * publish-subscribe service and without making them, the nodes
 *
 * - `MyStream`: one's own notes; publish there to write one;
 * - `FriendsStream`: the notes of the contacts whose presence one sees, newest first;
 * - `MyFriends`: these contacts, an item for each.
 *
 * Notes are kept once, as items of a node of their author's account. Who may read them follows from
 * the rosters. Contacts of an author get an event of `FriendsStream`, without having subscribed.
 *
 * ```toml
 * [modules]
 * streams = { source = "docs/examples/virtual_nodes.ts" }
 * ```
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../../lib/module.ts";
import { setting, text } from "../../lib/config/setting.ts";
import type { ItemsFound, ItemsWanted, PubsubItem } from "../../lib/hooks/mod.ts";
import {
  pepItems,
  pepMayRead,
  pepPublish,
  pepRetract,
  pubsubNotify,
  pubsubPublished,
  pubsubVirtualItems,
  pubsubVirtualNode,
  pubsubVirtualNodes,
  pubsubVirtualPublish,
  pubsubVirtualRetract,
  rosterGet,
} from "../../lib/hooks/mod.ts";
import { StanzaError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { xml } from "../../lib/xml/element.ts";

/** The node of an account where its notes are kept. */
const NOTES = "urn:example:notes";
const NODES = ["MyStream", "FriendsStream", "MyFriends"];

export default defineModule({
  name: "streams",
  description: "Streams of short notes, for everybody and their friends",
  config: v.strictObject({
    service: setting(text("a name"), "pubsub", "The service whose nodes they are."),
  }),
  setup(host) {
    const service = parseJid(`${host.config.service}.${host.domain}`)!;
    const isOurs = (owner: Jid, node: string, who: Jid) =>
      owner.bare === service.bare && NODES.includes(node) &&
      who.domain === host.domain && who.node !== "";

    host.on(pubsubVirtualNode, (owner, node, who) => {
      if (isOurs(owner, node, who)) return { title: node, access_model: "open" };
    });
    host.on(pubsubVirtualNodes, (nodes, owner, who) => {
      return [...nodes, ...NODES.filter((n) => isOurs(owner, n, who)).map((node) => ({ node }))];
    });
    host.on(pubsubVirtualPublish, (owner, node, { id, payload }, who) => {
      if (!isOurs(owner, node, who) || node !== "MyStream") return undefined; // forbidden
      if (payload === undefined) throw new StanzaError("bad-request");
      const options = { max_items: "max", send_last_published_item: "never" };
      return host.ask(pepPublish, who.toBare(), NOTES, { id, payload }, options);
    });
    host.on(pubsubVirtualRetract, (owner, node, ids, who) => {
      if (!isOurs(owner, node, who) || node !== "MyStream") return undefined; // forbidden
      return host.ask(pepRetract, who.toBare(), NOTES, ids);
    });
    host.on(pubsubVirtualItems, async (owner, node, who, wanted) => {
      if (!isOurs(owner, node, who)) return undefined;
      const friends = node === "MyStream" ? [who.toBare()] : await friendsOf(host, who);
      if (node === "MyFriends") return listed(friends.map(friendItem), wanted);
      return await notesOf(host, friends, wanted, node === "FriendsStream");
    });
    host.on(pubsubPublished, async (author, node, items) => {
      if (node !== NOTES) return;
      const online = await contactsOf(host, author, "from");
      const notes = items.map(unique);
      await host.ask(pubsubNotify, service, "FriendsStream", notes, online);
    });
  },
});

/** Contacts on this host with a subscription one way, `both` included. */
async function contactsOf(host: ModuleHost, account: Jid, way: "to" | "from"): Promise<Jid[]> {
  const roster = await host.ask(rosterGet, account.toBare());
  return [...roster!.items.values()]
    .filter(({ subscription: s }) => s === way || s === "both")
    .map((item) => parseJid(item.jid)!)
    .filter((contact) => contact.domain === host.domain);
}

/** Those whose notes one may read: they see to it, in their rosters and block lists. */
async function friendsOf(host: ModuleHost, who: Jid): Promise<Jid[]> {
  const contacts = await contactsOf(host, who, "to");
  const may = await Promise.all(contacts.map((c) => host.ask(pepMayRead, c, NOTES, who)));
  return contacts.filter((_, i) => may[i] !== false);
}

function friendItem(friend: Jid): PubsubItem {
  const payload = xml("friend", NOTES, { jid: friend.bare });
  return { id: friend.bare, payload, publisher: friend.bare, stamp: 0 };
}

/** In a stream of several authors the id tells the author and, for paging, the time. */
function unique(item: PubsubItem): PubsubItem {
  return { ...item, id: `${item.stamp} ${item.publisher} ${item.id}` };
}

/** A page of the notes of some authors: of each as many as the page could need. */
async function notesOf(
  host: ModuleHost,
  authors: readonly Jid[],
  { ids, after, max }: ItemsWanted,
  several: boolean,
): Promise<ItemsFound> {
  const before = several && after !== undefined ? { before: Number.parseInt(after) + 1 } : {};
  const which = several ? { max: max + 1, ...before } : {};
  const notes = await Promise.all(authors.map((a) => host.ask(pepItems, a, NOTES, which)));
  const all = notes.flatMap((n) => n ?? []).sort((a, b) => b.stamp - a.stamp);
  const shown = several ? all.map(unique) : all;
  return listed(shown, { max, ...(ids && { ids }), ...(after !== undefined && { after }) });
}

/** What is wanted of a list that is there, newest first. */
function listed(items: readonly PubsubItem[], { ids, after, max }: ItemsWanted): ItemsFound {
  if (ids !== undefined) return { items: items.filter((i) => ids.includes(i.id)) };
  const start = after === undefined ? 0 : items.findIndex((i) => i.id === after) + 1;
  return { items: items.slice(start, start + max) };
}
