/**
 * Subscribers who come online: they get the last item of their nodes where those are configured so
 * (`on_sub_and_presence`), or with XEP-0312 what they have missed. Accounts of this host, whose presence
 * is known. A login asks the store once, unless the account is known to have no subscription.
 */

import { presenceChanged } from "../../lib/hooks/presence.ts";
import type { Jid } from "../../lib/jid.ts";
import { Recent } from "../../lib/recent.ts";
import type { Session } from "../../lib/session.ts";
import type { Engine } from "./engine.ts";
import { sendLastItem } from "./last_item.ts";
import { isActive } from "./node.ts";
import { Pace, Turns } from "./pace.ts";
import { sendSince, sinceOf } from "./since.ts";

const REMEMBERED = 100_000;

export class Comers {
  readonly #engine: Engine;
  readonly #service: Jid;
  readonly #turns = new Turns();
  /** Accounts without a subscription. */
  readonly #strangers = new Recent<true>(REMEMBERED);

  constructor(engine: Engine, service: Jid) {
    this.#engine = engine;
    this.#service = service;
    engine.noteSubscriber = (jid) => this.#strangers.delete(jid.bare);
    engine.realm.host.on(presenceChanged, (session, _presence, initial) => {
      if (!initial || this.#strangers.get(session.account.jid.bare)) return;
      engine.soon(() => this.#turns.run(session, () => this.#came(session)));
    });
  }

  async #came(session: Session): Promise<void> {
    if (session.presence === undefined) return;
    const { jid, account } = session;
    const { subscriptions } = await this.#engine.relations(this.#service, account.jid);
    if (subscriptions.length === 0) this.#strangers.set(account.jid.bare, true);
    const since = sinceOf(session);
    const pace = new Pace(session);
    for (const { node: name, jid: subscribed } of subscriptions) {
      if (subscribed !== jid.full && subscribed !== jid.bare) continue;
      const node = await this.#engine.nodes.get(this.#service, name);
      const subscription = node?.subscriptions.get(subscribed);
      if (node === undefined || subscription === undefined || !isActive(subscription)) continue;
      if (!subscription.options.deliver || !node.config.deliver_notifications) continue;
      if (since !== undefined && node.config.persist_items) {
        await sendSince(this.#engine, node, session, since, Infinity, pace);
      } else if (node.config.send_last_published_item === "on_sub_and_presence") {
        if (!await pace.room(node.config.max_payload_size)) return;
        await sendLastItem(this.#engine, node, [jid]);
      }
    }
  }
}
