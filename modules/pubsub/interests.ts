/**
 * The last items of the nodes of accounts, for clients that come online (XEP-0163 §4.3.4) or get to
 * see an account: of one's own nodes and of contacts' on this host, as far as the client has asked for
 * them by `+notify` in its capabilities.
 *
 * A login asks the store once, for the contacts that are known to have one of the nodes, or of whom
 * nothing is known. Which nodes an account has is remembered.
 */

import { isBlocked } from "../../lib/hooks/blocking.ts";
import { clientFeatures, clientFeaturesKnown } from "../../lib/hooks/disco.ts";
import { presenceChanged } from "../../lib/hooks/presence.ts";
import { type LastItem, pubsubLastItems, pubsubNodeNames } from "../../lib/hooks/pubsub_storage.ts";
import { rosterGet, rosterGetItem } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { Recent } from "../../lib/recent.ts";
import { type Session, slot } from "../../lib/session.ts";
import { sessionClosed } from "../../lib/hooks/streams.ts";
import { inGroups } from "./access.ts";
import { configOf } from "./config.ts";
import type { Engine } from "./engine.ts";
import { lastItemMessage } from "./events.ts";
import { isFresh } from "./items.ts";
import type { Node } from "./node.ts";
import { sendTo } from "./recipients.ts";
import { sendSince, sinceOf } from "./since.ts";

/** The nodes whose last items a client has had since it came online. */
const served = slot<ReadonlySet<string>>();

const NONE: readonly string[] = [];
/** Items handled in one turn of the event loop. */
const PER_TURN = 100;

const NOTIFY = "+notify";

export class Interests {
  readonly #engine: Engine;
  readonly #most: number;
  /** The names of an account's nodes. Lists with the same names are one. */
  readonly #names: Recent<readonly string[]>;
  readonly #lists = new Recent<readonly string[]>(4096);
  /** What features ask for, by the shared set of a client's features. */
  readonly #asked = new WeakMap<ReadonlySet<string>, readonly string[]>();

  /** @param most items sent to a client that comes online */
  constructor(engine: Engine, accounts: number, most: number) {
    this.#engine = engine;
    this.#most = most;
    this.#names = new Recent(2 * accounts);
    const { host } = engine.realm;
    host.on(clientFeaturesKnown, (session, features) => {
      engine.soon(() => this.#known(session, features));
    });
    const gone = (session: Session) => {
      if (session.presence === undefined) served.set(session, undefined);
    };
    host.on(presenceChanged, gone);
    host.on(sessionClosed, gone);
  }

  /** The account has a node more or less. */
  changed(owner: Jid): void {
    this.#names.delete(owner.bare);
  }

  #wishes(features: ReadonlySet<string>): readonly string[] {
    let wishes = this.#asked.get(features);
    if (wishes === undefined) {
      const found: string[] = [];
      for (const f of features) {
        if (f.endsWith(NOTIFY) && f.length > NOTIFY.length) found.push(f.slice(0, -NOTIFY.length));
      }
      this.#asked.set(features, wishes = found);
    }
    return wishes;
  }

  async #known(session: Session, features: ReadonlySet<string>): Promise<void> {
    if (session.presence === undefined) return;
    const before = served.get(session);
    const all = this.#wishes(features);
    const wishes = before === undefined ? all : all.filter((name) => !before.has(name));
    if (wishes.length === 0) return;
    served.set(session, before === undefined ? new Set(all) : new Set([...before, ...wishes]));
    const { host } = this.#engine.realm;
    const { jid } = session.account;
    const owners = [jid];
    const roster = await host.ask(rosterGet, jid);
    const ending = `@${host.domain}`;
    for (const item of roster!.items.values()) {
      // Whose presence it sees, so does its server say.
      if (item.subscription !== "to" && item.subscription !== "both") continue;
      if (!item.jid.endsWith(ending)) continue;
      const contact = parseJid(item.jid);
      if (contact !== undefined && contact.bare !== jid.bare) owners.push(contact);
    }
    await this.#send(session, owners, wishes);
  }

  /** Sends one account's last items to another's clients: it sees its presence from now on. */
  async introduce(owner: Jid, to: Jid): Promise<void> {
    const { host } = this.#engine.realm;
    for (const session of host.account(to)?.available() ?? []) {
      const features = await host.ask(clientFeatures, session);
      const wishes = this.#wishes(features!);
      if (wishes.length > 0) await this.#send(session, [owner], wishes);
    }
  }

  async #send(
    session: Session,
    owners: readonly Jid[],
    wishes: readonly string[],
  ): Promise<void> {
    const { realm } = this.#engine;
    const { host } = realm;
    const pairs = await this.#pairs(owners, wishes);
    if (pairs.length === 0) return;
    const reader = session.account.jid;
    const items = await host.ask(pubsubLastItems, pairs, reader) ?? [];
    const since = sinceOf(session);
    const byJid = new Map(owners.map((o) => [o.bare, o]));
    let handled = 0;
    let left = this.#most;
    for (const item of items) {
      if (left === 0 || session.presence === undefined) return;
      const owner = byJid.get(item.owner)!;
      // Others have their turn between the items of somebody with many contacts.
      if (++handled % PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      const node = nodeOf(this.#engine, owner, item);
      if (!node.config.deliver_notifications || !isFresh(node, item)) continue;
      if (!await this.#mayHear(node, item, reader)) continue;
      if (item.modified < this.#engine.nodes.latest(owner, item.node)) continue;
      const here = { here: [session.jid], others: [] };
      if (since !== undefined) {
        left -= await sendSince(this.#engine, node, session, since, left);
      } else if (node.config.send_last_published_item === "on_sub_and_presence") {
        await sendTo(realm, lastItemMessage(node, item), here);
        left--;
      }
    }
  }

  /** Who has which of the nodes: known, or found with one question. */
  async #pairs(
    owners: readonly Jid[],
    wishes: readonly string[],
  ): Promise<{ owner: Jid; node: string }[]> {
    const { host } = this.#engine.realm;
    const unknown = owners.filter((o) => this.#names.get(o.bare) === undefined);
    if (unknown.length > 0) {
      const rows = await host.ask(pubsubNodeNames, unknown) ?? [];
      const found = new Map<string, string[]>();
      for (const { owner, node } of rows) {
        const list = found.get(owner);
        if (list === undefined) found.set(owner, [node]);
        else list.push(node);
      }
      for (const o of unknown) this.#names.set(o.bare, this.#shared(found.get(o.bare)));
    }
    const pairs: { owner: Jid; node: string }[] = [];
    for (const owner of owners) {
      const names = this.#names.get(owner.bare) ?? wishes;
      for (const node of names) if (wishes.includes(node)) pairs.push({ owner, node });
    }
    return pairs;
  }

  #shared(names: string[] = []): readonly string[] {
    if (names.length === 0) return NONE;
    const key = JSON.stringify(names.sort());
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    this.#lists.set(key, names);
    return names;
  }

  async #mayHear(node: Node, item: LastItem, reader: Jid): Promise<boolean> {
    const { owner, config } = node;
    if (owner.bare === reader.bare) return true;
    const { host } = this.#engine.realm;
    const { affiliation } = item;
    if (affiliation === "outcast" || affiliation === "publish-only") return false;
    if (await host.ask(isBlocked, owner, reader) === true) return false;
    if (affiliation !== undefined || item.subscription === "subscribed") return true;
    if (config.access_model === "open" || config.access_model === "presence") return true;
    if (config.access_model !== "roster") return false;
    const contact = await host.ask(rosterGetItem, owner, reader);
    return contact !== undefined && contact !== "none" &&
      inGroups(contact, config.roster_groups_allowed);
  }
}

/** The node of a last item: enough to write its notification. */
function nodeOf(engine: Engine, owner: Jid, { node, options, modified }: LastItem): Node {
  return {
    owner,
    name: node,
    created: modified,
    creator: owner.bare,
    virtual: false,
    options,
    config: configOf(options, engine.realm.defaults),
    affiliations: new Map(),
    subscriptions: new Map(),
    count: undefined,
    latest: 0,
  };
}
