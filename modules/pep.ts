/**
 * XEP-0163: Personal Eventing Protocol: every account is a publish-subscribe service (XEP-0060). Its
 * clients and those who see its presence hear of its nodes if their clients have asked for it
 * (`+notify` in their capabilities, XEP-0115).
 *
 * The engine is in `pubsub/`; other modules use an account's nodes with the hooks of
 * `lib/hooks/pubsub.ts`.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { setting, wholeNumber } from "../lib/config/setting.ts";
import { DISCO_ITEMS_NS } from "../lib/formats/disco.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { discoInfo, discoItems, discoNodeInfo, discoNodeItems } from "../lib/hooks/disco.ts";
import {
  pepDeleteNode,
  pepItems,
  pepMayRead,
  pepPublish,
  pepRetract,
  pubsubNotify,
} from "../lib/hooks/pubsub.ts";
import { messageToAccount } from "../lib/hooks/stanzas.ts";
import { rosterChanged } from "../lib/hooks/roster_changes.ts";
import { DROP } from "../lib/hooks/hook.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import { then } from "../lib/later.ts";
import { inGroups, seesPresence, whyNotRead } from "./pubsub/access.ts";
import { takeAnswer } from "./pubsub/authorize.ts";
import type { NodeConfig } from "./pubsub/config.ts";
import { FEATURES, nodeInfo, nodeItems, visibleNodes } from "./pubsub/disco.ts";
import { Engine } from "./pubsub/engine.ts";
import { answerForOwner, notifyOf } from "./pubsub/for_modules.ts";
import { Interests } from "./pubsub/interests.ts";
import { PUBSUB } from "./pubsub/names.ts";
import { deleteNode, recheck } from "./pubsub/owner.ts";
import { publishForOwner } from "./pubsub/publish.ts";
import { retractItems } from "./pubsub/retract.ts";
import { commonSettings } from "./pubsub/settings.ts";
import { keepInTables, SWEEP_MS } from "./pubsub/storage.ts";
import { migrationsOf } from "./pubsub/tables.ts";

const config = v.strictObject({
  nodes: setting(wholeNumber(1, 1_000_000), 1000, "Nodes that one account may have."),
  ...commonSettings,
  known_accounts: setting(
    wholeNumber(0, 10_000_000),
    50_000,
    "Accounts of which is remembered which nodes they have, to spare logins a question.",
  ),
  last_items: setting(
    wholeNumber(1, 1_000_000),
    5000,
    "Last items of contacts' nodes sent to a client that comes online.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** XEP-0163 §5. One item a node suits most of what is published about oneself. */
const DEFAULTS: Omit<NodeConfig, "max_payload_size"> = {
  title: "",
  description: "",
  type: "",
  language: "",
  contact: [],
  access_model: "presence",
  roster_groups_allowed: [],
  publish_model: "publishers",
  publish_node_full: "retract-oldest",
  persist_items: true,
  max_items: 1,
  item_expire: "max",
  deliver_notifications: true,
  deliver_payloads: true,
  notification_type: "headline",
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
  notify_sub: false,
  send_last_published_item: "on_sub_and_presence",
  presence_based_delivery: false,
  subscribe: true,
  tempsub: false,
  itemreply: "none",
};

const OWN_FEATURES = [
  "access-presence",
  "auto-create",
  "auto-subscribe",
  "filtered-notifications",
  "last-published",
  "presence-subscribe",
  "pubsub-on-a-jid",
  "since",
].map((name) => `${PUBSUB}#${name}`);

export default defineModule({
  name: "pep",
  description: "Publish-subscribe nodes of accounts: avatars, bookmarks, keys and the like",
  xeps: {
    "XEP-0060": "1.30.0",
    "XEP-0163": "1.2.2",
    "XEP-0222": "1.0",
    "XEP-0223": "1.1.1",
    "XEP-0312": "0.3",
    "XEP-0413": "0.2.1",
  },
  config,
  migrations: migrationsOf("pep"),
  async setup(host) {
    const isOurs = (owner: Jid) => owner.domain === host.domain && owner.node !== "";
    const isSame = (owner: Jid, who: Jid) => owner.bare === who.bare;
    const engine = new Engine({
      kind: "pep",
      host,
      defaults: { ...DEFAULTS, max_payload_size: host.config.payload_bytes },
      isOurs,
      ownsAll: isSame,
      mayCreate: isSame,
    });
    const tables = keepInTables(host, "pep", isOurs);
    await tables.forgetTemporary();
    engine.sweepEvery(SWEEP_MS, tables.sweep);
    engine.serve(host.iq, "account");
    const interests = new Interests(engine, host.config.known_accounts, host.config.last_items);
    engine.nodesChanged = (owner) => interests.changed(owner);
    discovery(host, engine);
    access(host, engine, interests);
    forModules(host, engine, isOurs);
    host.on(accountDeleted, async (account) => {
      await engine.nodes.close(account);
      for (const { name } of await engine.allNodes(account)) engine.nodes.forget(account, name);
      interests.changed(account);
      engine.forgetEverywhere(account);
    }, { priority: 100 });
    // Behind those who remove it from the store.
    host.on(accountDeleted, (account) => engine.nodes.reopen(account), { priority: -100 });
  },
});

function discovery(host: Host, engine: Engine): void {
  host.accountFeature(...FEATURES, ...OWN_FEATURES, DISCO_ITEMS_NS);
  host.on(discoInfo, (info, target) => {
    if (target.node !== "") info.identities.push({ category: "pubsub", type: "pep" });
  });
  host.on(discoItems, async (items, target, from) => {
    if (target.node === "") return undefined;
    return [...items, ...await visibleNodes(engine, target.toBare(), from)];
  });
  host.on(discoNodeInfo, (target, node, from) => {
    if (target.node !== "") return nodeInfo(engine, target.toBare(), node, from);
  });
  host.on(discoNodeItems, async (target, node, from) => {
    if (target.node === "") return undefined;
    return (await nodeItems(engine, target.toBare(), node, from))?.items;
  });
}

/** Access follows the roster (XEP-0163 §7.1), and owners approve by message. */
function access(host: Host, engine: Engine, interests: Interests): void {
  host.on(rosterChanged, (account, before, after) => {
    const item = after ?? before;
    const contact = item === undefined ? undefined : parseJid(item.jid);
    if (contact === undefined) return;
    const sees = after !== undefined && seesPresence(after);
    const saw = before !== undefined && seesPresence(before);
    if (sees && !saw) return engine.soon(() => interests.introduce(account, contact));
    const moved = before?.groups.join("\n") !== after?.groups.join("\n");
    if (sees && !moved) return;
    engine.soon(() => recheckAll(engine, account, contact));
    if (!sees) return;
    const gained = ({ access_model, roster_groups_allowed: groups }: NodeConfig) =>
      access_model === "roster" && !inGroups(before!, groups);
    engine.soon(() => interests.introduce(account, contact, gained));
  });
  host.on(messageToAccount, (stanza, to) => {
    // An owner answers a request to subscribe to one of its own nodes.
    if (!to.isBare || stanza.from?.bare !== to.bare) return;
    return then(takeAnswer(engine, stanza), (taken) => taken === true ? DROP : undefined);
  });
}

async function recheckAll(engine: Engine, owner: Jid, contact: Jid): Promise<void> {
  const { subscriptions } = await engine.relations(owner, contact);
  for (const { node: name } of subscriptions) {
    await engine.nodes.alone(owner, name, async () => {
      const node = await engine.nodes.get(owner, name);
      if (node !== undefined) await recheck(engine, node, contact.bare);
    });
  }
}

/** The hooks with which other modules use the nodes of accounts. */
function forModules(host: Host, engine: Engine, isOurs: (owner: Jid) => boolean): void {
  host.on(pepPublish, (account, node, item, options) => {
    if (!isOurs(account)) return undefined;
    const given = { id: item.id, payload: item.payload };
    return publishForOwner(engine, account.toBare(), node, given, options);
  });
  host.on(pepItems, (account, node, which) => {
    if (isOurs(account)) return answerForOwner(engine, account.toBare(), node, which);
  });
  host.on(pepRetract, async (account, node, ids) => {
    if (!isOurs(account)) return undefined;
    await retractItems(engine, account.toBare(), node, ids, { notify: true });
    return true;
  });
  host.on(pepDeleteNode, (account, node) => {
    if (isOurs(account)) return deleteNode(engine, account.toBare(), node);
  });
  host.on(pepMayRead, async (account, name, reader) => {
    if (!isOurs(account)) return undefined;
    const node = await engine.nodes.find(account.toBare(), name, reader);
    if (node === undefined) return undefined;
    return await whyNotRead(engine.realm, node, reader) === undefined;
  });
  host.on(pubsubNotify, (owner, name, items, recipients) => {
    if (isOurs(owner)) return notifyOf(engine, owner.toBare(), name, items, recipients);
  });
}
