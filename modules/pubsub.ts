/**
 * XEP-0060: Publish-Subscribe, as a service at a domain of its own (`pubsub.example.org`). The engine
 * is in `pubsub/`, shared with the nodes of accounts (module `pep`).
 */

import * as v from "valibot";
import { defineModule, type ModuleHost, type ServiceHandle } from "../lib/module.ts";
import { flag, list, oneOf, setting, text, value, wholeNumber } from "../lib/config/setting.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { pubsubNotify } from "../lib/hooks/pubsub.ts";
import { readPage } from "../lib/formats/rsm.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import { takeAnswer } from "./pubsub/authorize.ts";
import { archiveNodes } from "./pubsub/archive.ts";
import { Comers } from "./pubsub/comers.ts";
import type { NodeConfig } from "./pubsub/config.ts";
import { FEATURES, nodeInfo, nodeItems, pageOfNodes, visibleNodes } from "./pubsub/disco.ts";
import { Engine } from "./pubsub/engine.ts";
import { notifyOf } from "./pubsub/for_modules.ts";
import { PUBSUB } from "./pubsub/names.ts";
import { deleteNode } from "./pubsub/owner.ts";
import { commonSettings } from "./pubsub/settings.ts";
import { keepInTables, SWEEP_MS } from "./pubsub/storage.ts";
import { migrationsOf } from "./pubsub/tables.ts";

const config = v.strictObject({
  name: setting(
    text("a name"),
    "pubsub",
    "Where the service is: a name within the host's domain, or a whole domain.",
  ),
  create: setting(
    oneOf("anybody", "accounts", "admins"),
    "accounts",
    "Who may make nodes: anybody, accounts of this host, or its administrators only.",
  ),
  creators: setting(
    list(value<string>(
      'an address such as "romeo@example.org"',
      (x) => typeof x === "string" && parseJid(x)?.isBare === true,
    )),
    [],
    "Addresses that may make nodes whatever `create` says.",
  ),
  nodes: setting(wholeNumber(1, 10_000_000), 10_000, "Nodes of the service."),
  archive: setting(
    flag(),
    false,
    "Keeps all that is published in archives (XEP-0442); the module mam must be on.",
  ),
  ...commonSettings,
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const DEFAULTS: Omit<NodeConfig, "max_payload_size"> = {
  title: "",
  description: "",
  type: "",
  language: "",
  contact: [],
  access_model: "open",
  roster_groups_allowed: [],
  publish_model: "publishers",
  publish_node_full: "retract-oldest",
  persist_items: true,
  max_items: "max",
  item_expire: "max",
  deliver_notifications: true,
  deliver_payloads: true,
  notification_type: "headline",
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
  notify_sub: false,
  send_last_published_item: "on_sub",
  presence_based_delivery: false,
  subscribe: true,
  tempsub: false,
  itemreply: "none",
};

export default defineModule({
  name: "pubsub",
  description: "A publish-subscribe service at a domain of its own",
  xeps: { "XEP-0060": "1.30.0", "XEP-0312": "0.3", "XEP-0413": "0.2.1", "XEP-0442": "0.2.0" },
  config,
  migrations: migrationsOf("pubsub"),
  async setup(host) {
    const service = host.service(host.config.name, "Publish-Subscribe");
    const isOurs = (owner: Jid) => owner.bare === service.domain;
    const engine = new Engine({
      kind: "service",
      host,
      defaults: { ...DEFAULTS, max_payload_size: host.config.payload_bytes },
      isOurs,
      ownsAll: (_owner, who) => host.settings.admins.includes(who.bare),
      mayCreate: (_owner, who) => mayCreate(host, who),
    });
    const tables = keepInTables(host, "pubsub", isOurs);
    await tables.forgetTemporary();
    engine.sweepEvery(SWEEP_MS, tables.sweep);
    engine.serve(service.iq, "host");
    discovery(host, engine, service);
    if (host.config.archive) archiveNodes(engine, service);
    new Comers(engine, service.jid);
    service.onStanza((stanza) => {
      if (stanza.name !== "message" || !stanza.to!.isBare) return undefined;
      return takeAnswer(engine, stanza);
    });
    host.on(pubsubNotify, (owner, name, items, recipients) => {
      if (isOurs(owner)) return notifyOf(engine, owner, name, items, recipients);
    });
    host.on(accountDeleted, (account) => leave(engine, service.jid, account), { priority: 100 });
  },
});

function mayCreate(host: Host, who: Jid): boolean {
  const { create, creators } = host.config;
  if (creators.includes(who.bare) || host.settings.admins.includes(who.bare)) return true;
  if (create === "anybody") return true;
  if (create === "admins" || who.domain !== host.domain || who.node === "") return false;
  return host.account(who)?.guest !== true;
}

function discovery(host: Host, engine: Engine, service: ServiceHandle): void {
  const own = ["access-open", "auto-create", "since"].map((name) => `${PUBSUB}#${name}`);
  service.feature(...FEATURES, ...own);
  service.disco({
    info: (to, node, from) => {
      if (to.node !== "") return undefined;
      if (node !== "") return nodeInfo(engine, to, node, from);
      return {
        identities: [{ category: "pubsub", type: "service", name: "Publish-Subscribe" }],
        features: new Set(),
        forms: [],
      };
    },
    items: async (to, node, from, query) => {
      if (to.node !== "") return undefined;
      const page = readPage(query);
      if (node !== "") return await nodeItems(engine, to, node, from, page);
      return pageOfNodes(await visibleNodes(engine, to, from), page, host.config.page_items);
    },
  });
}

/** Nodes that nobody owns but the account that is gone go with it. */
async function leave(engine: Engine, service: Jid, account: Jid): Promise<void> {
  const { affiliations } = await engine.relations(service, account);
  for (const { node: name, affiliation } of affiliations) {
    if (affiliation !== "owner") continue;
    const node = await engine.nodes.get(service, name);
    const others = [...node?.affiliations ?? []].some(([entity, as]) =>
      as === "owner" && entity !== account.bare
    );
    if (node !== undefined && !others) await deleteNode(engine, service, name);
  }
  engine.forgetEverywhere(account);
}
