/** Publish-subscribe of a realm: what the modules `pep` and `pubsub` have in common. */

import { StanzaError } from "../../lib/errors.ts";
import { type IqHandler, type IqRegistry, type IqScope, result } from "../../lib/module.ts";
import {
  type NodeRecord,
  pubsubItemsTrim,
  pubsubNodeList,
  pubsubRelations,
  type Relations,
  type StoredItem,
} from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";
import { handleAffiliations } from "./affiliations.ts";
import { badRequest } from "./errors.ts";
import { eventMessage } from "./events.ts";
import { handleItems } from "./items.ts";
import { OWNER, PUBSUB } from "./names.ts";
import type { Node, Realm } from "./node.ts";
import { Nodes } from "./nodes.ts";
import { handleOwnAffiliations, handleOwnSubscriptions } from "./own.ts";
import { handleConfigure, handleCreate, handleDefault, handleDelete } from "./owner.ts";
import { handlePublish } from "./publish.ts";
import { recipientsOf, sendTo } from "./recipients.ts";
import { handlePurge, handleRetract } from "./retract.ts";
import {
  handleDefaultOptions,
  handleOptions,
  handleSubscribe,
  handleUnsubscribe,
} from "./subscribe.ts";
import { handleSubscribers } from "./subscribers.ts";
import { Temporary } from "./temporary.ts";

type Handler = (engine: Engine, iq: Stanza, request: Element) => Promise<Element | void>;

/** The requests, by type, namespace and the name of the element that says what is wanted. */
const requests: Readonly<Record<string, Handler>> = {
  [`get ${PUBSUB} items`]: handleItems,
  [`get ${PUBSUB} subscriptions`]: handleOwnSubscriptions,
  [`get ${PUBSUB} affiliations`]: handleOwnAffiliations,
  [`get ${PUBSUB} options`]: handleOptions,
  [`get ${PUBSUB} default`]: handleDefaultOptions,
  [`set ${PUBSUB} publish`]: handlePublish,
  [`set ${PUBSUB} retract`]: handleRetract,
  [`set ${PUBSUB} create`]: handleCreate,
  [`set ${PUBSUB} subscribe`]: handleSubscribe,
  [`set ${PUBSUB} unsubscribe`]: handleUnsubscribe,
  [`set ${PUBSUB} options`]: handleOptions,
  [`get ${OWNER} configure`]: handleConfigure,
  [`get ${OWNER} default`]: handleDefault,
  [`get ${OWNER} affiliations`]: handleAffiliations,
  [`get ${OWNER} subscriptions`]: handleSubscribers,
  [`set ${OWNER} configure`]: handleConfigure,
  [`set ${OWNER} delete`]: handleDelete,
  [`set ${OWNER} purge`]: (engine, iq, request) => handlePurge(engine, iq, request.child("purge")!),
  [`set ${OWNER} affiliations`]: handleAffiliations,
  [`set ${OWNER} subscriptions`]: handleSubscribers,
};

/** Nodes read at a time where all of an owner's are wanted. */
const NODES_AT_A_TIME = 1000;

export class Engine {
  readonly realm: Realm;
  readonly nodes: Nodes;
  readonly temporary: Temporary;
  /** Keeps a published item in the archive of its node, where there is one. */
  archive: (node: Node, item: StoredItem) => Promise<void> = () => Promise.resolve();
  /** Removes that archive. */
  wipeArchive: (node: Node) => Promise<void> = () => Promise.resolve();
  /** Told when an owner has a node more or less. */
  nodesChanged: (owner: Jid) => void = () => {};
  /** Told of addresses that have subscribed: their presence may matter from now on. */
  noteSubscriber: (jid: Jid) => void = () => {};

  constructor(realm: Realm) {
    this.realm = realm;
    this.nodes = new Nodes(realm, (owner) => this.nodesChanged(owner));
    this.temporary = new Temporary(this);
  }

  /** Registers the requests of XEP-0060. */
  serve(iq: IqRegistry, scope: IqScope): void {
    for (const ns of [PUBSUB, OWNER]) {
      for (const type of ["get", "set"] as const) {
        iq[type](ns, "pubsub", this.#answer(type, ns), scope);
      }
    }
  }

  #answer(type: "get" | "set", ns: string): IqHandler {
    return async (iq, request) => {
      for (const child of request.children) {
        if (typeof child === "string" || child.ns !== ns) continue;
        const handler = requests[`${type} ${ns} ${child.name}`];
        if (handler === undefined) continue;
        return result(await handler(this, iq, request) ?? undefined);
      }
      if (request.first() === undefined) throw badRequest("nothing is asked for");
      throw new StanzaError("feature-not-implemented");
    };
  }

  /** Sends an event to all who are to hear of the node. Within `alone`, to keep the order. */
  async notify(
    node: Node,
    what: Element,
    options: { readonly pending?: boolean } = {},
  ): Promise<void> {
    const recipients = await recipientsOf(this.realm, node, options);
    if (recipients.here.length + recipients.others.length === 0) return;
    await sendTo(
      this.realm,
      eventMessage(node.owner, what, node.config.notification_type),
      recipients,
    );
  }

  /** What must be done now and then: leases and items that have run out leave the store. */
  sweepEvery(ms: number, sweep: () => Promise<readonly { owner: string; node: string }[]>): void {
    this.realm.host.every(ms, async () => {
      for (const { owner, node } of await sweep()) this.nodes.recount(owner, node);
    });
  }

  /** Does something behind what is being answered now; failures are logged. */
  soon(task: () => Promise<void> | void): void {
    setTimeout(async () => {
      try {
        await task();
      } catch (e) {
        this.realm.host.log.warn("a notification could not be sent", { error: String(e) });
      }
    }, 0);
  }

  /** All nodes of an owner that are kept. */
  async allNodes(owner: Jid): Promise<NodeRecord[]> {
    const all: NodeRecord[] = [];
    for (;;) {
      const after = all.at(-1)?.name ?? "";
      const some = await this.realm.host.ask(pubsubNodeList, owner, after, NODES_AT_A_TIME) ?? [];
      all.push(...some);
      if (some.length < NODES_AT_A_TIME) return all;
    }
  }

  async relations(owner: Jid, entity: Jid): Promise<Relations> {
    const nothing = { affiliations: [], subscriptions: [] };
    return await this.realm.host.ask(pubsubRelations, owner, entity.toBare()) ?? nothing;
  }

  /** Takes a deleted account out of the nodes that are in memory. */
  forgetEverywhere(entity: Jid): void {
    for (const node of this.nodes.inMemory()) {
      node.affiliations.delete(entity.bare);
      for (const s of [...node.subscriptions.values()]) {
        if (s.jid.bare === entity.bare) node.subscriptions.delete(s.jid.full);
      }
    }
  }

  /** Removes what a new configuration has no room for; answers the ids. Within `alone`. */
  async trim(node: Node): Promise<readonly string[]> {
    const { persist_items, max_items } = node.config;
    const room = persist_items ? max_items : 0;
    if (room === "max") return [];
    const count = await this.nodes.count(node);
    if (count <= room) return [];
    const { host } = this.realm;
    const gone = await host.ask(pubsubItemsTrim, node.owner, node.name, count - room) ?? [];
    node.count = count - gone.length;
    return gone;
  }
}
