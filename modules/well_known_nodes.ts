/**
 * How nodes of accounts are made whose purpose is known, where the client does not say: private data
 * is for the account alone (XEP-0223), what strangers need is open (XEP-0222), lists keep all items.
 *
 * A client that sends publish-options gets what it asks for; these are for those that do not, and for
 * the items that the server publishes itself.
 */

import { defineModule } from "../lib/module.ts";
import { type NodeOptions, pubsubDefaults } from "../lib/hooks/pubsub.ts";

/** For the account's own clients. */
const PRIVATE: NodeOptions = { access_model: "whitelist", persist_items: "true" };
/** Many items, fetched at the login and not pushed at it. */
const PRIVATE_LIST: NodeOptions = {
  ...PRIVATE,
  max_items: "max",
  send_last_published_item: "never",
};
const PUBLIC: NodeOptions = { access_model: "open", persist_items: "true", max_items: "1" };
const PUBLIC_LIST: NodeOptions = { ...PUBLIC, max_items: "max" };

const NODES: ReadonlyMap<string, NodeOptions> = new Map([
  // XEP-0048, XEP-0402 (where XEP-0492 keeps its settings too)
  ["storage:bookmarks", { ...PRIVATE, max_items: "1" }],
  ["urn:xmpp:bookmarks:1", PRIVATE_LIST],
  // XEP-0490
  ["urn:xmpp:mds:displayed:0", PRIVATE_LIST],
  // XEP-0292 §5.2
  ["urn:xmpp:contacts", PRIVATE_LIST],
  // XEP-0384, and its form before it had a namespace of its own: strangers send encrypted too
  ["eu.siacs.conversations.axolotl.devicelist", PUBLIC],
  ["urn:xmpp:omemo:2:devices", PUBLIC],
  ["urn:xmpp:omemo:2:bundles", PUBLIC_LIST],
  // XEP-0373
  ["urn:xmpp:openpgp:0:public-keys", PUBLIC],
  ["urn:xmpp:openpgp:0:secret-key", { ...PRIVATE, max_items: "1" }],
  // XEP-0277 and XEP-0472: a blog is more than its last entry; who may read it is the author's
  [
    "urn:xmpp:microblog:0",
    {
      persist_items: "true",
      max_items: "max",
      notify_retract: "true",
      send_last_published_item: "never",
    },
  ],
  // XEP-0449: packs that others may fetch when they see a sticker
  ["urn:xmpp:stickers:0", PUBLIC_LIST],
]);

/** One node for each key or device. */
const PREFIXES: readonly (readonly [prefix: string, options: NodeOptions])[] = [
  ["eu.siacs.conversations.axolotl.bundles:", PUBLIC],
  ["urn:xmpp:openpgp:0:public-keys:", PUBLIC],
];

export default defineModule({
  name: "well_known_nodes",
  description: "Gives nodes of known purpose the right defaults: OMEMO, bookmarks, ...",
  setup(host) {
    host.on(pubsubDefaults, (owner, node) => {
      if (owner.node === "" || owner.domain !== host.domain) return undefined;
      return NODES.get(node) ?? PREFIXES.find(([prefix]) => node.startsWith(prefix))?.[1];
    });
  },
});
