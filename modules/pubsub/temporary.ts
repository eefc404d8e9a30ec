/**
 * Subscriptions that end with the subscriber's presence (XEP-0060 §12.5): of accounts of this host,
 * whose presence is known. A bare JID is offline when its last available resource is.
 */

import { presenceChanged } from "../../lib/hooks/presence.ts";
import { sessionClosed } from "../../lib/hooks/streams.ts";
import type { Session } from "../../lib/session.ts";
import type { Engine } from "./engine.ts";
import { keyOf, type Node, type Subscription } from "./node.ts";

export class Temporary {
  readonly #engine: Engine;
  /** The nodes of temporary subscriptions, by the subscribed JID. */
  readonly #nodes = new Map<string, Map<string, Node>>();

  constructor(engine: Engine) {
    this.#engine = engine;
    const { host } = engine.realm;
    host.on(presenceChanged, (session) => {
      if (session.presence === undefined) return this.#gone(session);
    });
    host.on(sessionClosed, (session) => this.#gone(session));
  }

  /** Remembers a subscription if it is a temporary one. */
  note(node: Node, { jid, options }: Subscription): void {
    if (options.expire !== "presence") return this.forget(node, jid.full);
    let nodes = this.#nodes.get(jid.full);
    if (nodes === undefined) this.#nodes.set(jid.full, nodes = new Map());
    nodes.set(keyOf(node.owner, node.name), node);
    this.#engine.noteSubscriber(jid);
    // It may have gone while the subscription was being kept.
    const { host } = this.#engine.realm;
    const account = host.account(jid);
    const isThere = jid.isBare
      ? account !== undefined
      : account?.session(jid.resource) !== undefined;
    if (!isThere) this.#engine.soon(() => this.#end([...this.#take(jid.full)]));
  }

  /** The subscription is no more. */
  forget(node: Node, jid: string): void {
    const nodes = this.#nodes.get(jid);
    if (nodes?.delete(keyOf(node.owner, node.name)) === true && nodes.size === 0) {
      this.#nodes.delete(jid);
    }
  }

  #gone({ jid, account }: Session): Promise<void> | undefined {
    if (this.#nodes.size === 0) return undefined;
    const ended = [...this.#take(jid.full)];
    if (account.available().length === 0) ended.push(...this.#take(jid.bare));
    if (ended.length === 0) return undefined;
    return this.#end(ended);
  }

  *#take(jid: string): Iterable<[jid: string, node: Node]> {
    const nodes = this.#nodes.get(jid);
    if (nodes === undefined) return;
    this.#nodes.delete(jid);
    for (const node of nodes.values()) yield [jid, node];
  }

  async #end(ended: readonly (readonly [jid: string, node: Node])[]): Promise<void> {
    const { nodes } = this.#engine;
    for (const [jid, { owner, name }] of ended) {
      await nodes.alone(owner, name, async () => {
        const node = await nodes.get(owner, name);
        if (node?.subscriptions.get(jid)?.options.expire !== "presence") return;
        await nodes.removeSubscription(node, jid);
      });
    }
  }
}
