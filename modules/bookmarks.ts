/**
 * XEP-0402: PEP Native Bookmarks, in one with the older ways to keep them: a list in private XML
 * (XEP-0048 in XEP-0049) and the same list at a node of its own (XEP-0411).
 *
 * What is kept are the items of XEP-0402. The list is worked out of them when somebody reads it, so
 * that the ways cannot differ. Who writes a list writes all of it, maybe from an old one: it is
 * compared with the list which that client has last seen, and only what the client has changed is
 * changed. What lists hold beside rooms stays in private XML.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { clientFeatures, clientFeaturesKnown, discoInfo } from "../lib/hooks/disco.ts";
import {
  pepItems,
  pepPublish,
  pepRetract,
  pubsubNotify,
  pubsubPublished,
  pubsubRetracted,
  pubsubVirtualItems,
  pubsubVirtualNode,
  pubsubVirtualPublish,
} from "../lib/hooks/pubsub.ts";
import { pubsubNodeGet } from "../lib/hooks/pubsub_storage.ts";
import { privateGet, privateSet } from "../lib/hooks/storage.ts";
import { Jid } from "../lib/jid.ts";
import { Recent } from "../lib/recent.ts";
import { slot } from "../lib/session.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { parseXml } from "../lib/xml/parser.ts";
import {
  type Bookmark,
  LEGACY_NS,
  meaningOf,
  NATIVE_NS,
  readList,
  textOf,
  toList,
  toPayload,
} from "./bookmarks/convert.ts";
import { Serial } from "./pubsub/serial.ts";

const COMPAT = `${NATIVE_NS}#compat`;
const COMPAT_PEP = `${NATIVE_NS}#compat-pep`;
const CONVERSION_NS = "urn:xmpp:bookmarks-conversion:0";
const PRIVATE_NS = "jabber:iq:private";

/** XEP-0402 §3.3 */
const OPTIONS = {
  access_model: "whitelist",
  persist_items: "true",
  max_items: "max",
  send_last_published_item: "never",
} as const;

const config = v.strictObject({
  rooms: setting(wholeNumber(1, 10_000), 1000, "Rooms in a list that a client stores at once."),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** On a session that works with the list: the rooms of the list that it knows. */
const seen = slot<ReadonlyMap<string, Element>>();

const MIGRATED = 20_000;

export default defineModule({
  name: "bookmarks",
  description: "Keeps bookmarks of rooms in step, whichever way clients store them",
  xeps: { "XEP-0048": "1.2", "XEP-0402": "1.2.0", "XEP-0411": "1.1.0" },
  config,
  setup(host) {
    const bookmarks = new Bookmarks(host);
    host.on(discoInfo, (info, target) => {
      if (target.node === "" || target.domain !== host.domain || !host.has(pepItems)) return;
      info.features.add(COMPAT_PEP);
      if (!host.features("host").includes(PRIVATE_NS)) return;
      for (const feature of [COMPAT, CONVERSION_NS]) info.features.add(feature);
    });
    const first = { before: ["private"] };
    host.on(privateGet, (account, name, ns, client) => {
      if (!bookmarks.isTheList(account, name, ns)) return undefined;
      return bookmarks.read(account, client);
    }, first);
    host.on(privateSet, (account, name, ns, text, client) => {
      if (!bookmarks.isTheList(account, name, ns)) return undefined;
      const list = text === "" ? xml("storage", LEGACY_NS) : parseXml(text);
      return bookmarks.write(account, list, client);
    }, first);
    serveNode(host, bookmarks);
    host.on(pubsubPublished, (owner, node) => bookmarks.changed(owner, node));
    host.on(pubsubRetracted, (owner, node) => bookmarks.changed(owner, node));
    host.on(clientFeaturesKnown, ({ account, jid }, features) => {
      if (features.has(`${NATIVE_NS}+notify`)) bookmarks.migrateLater(account.jid);
      // As of any node: the last item for a client that comes online (XEP-0163 §4.3.4).
      if (features.has(`${LEGACY_NS}+notify`)) bookmarks.tellLater(account.jid, [jid]);
    });
  },
});

/** The node of XEP-0411, which is not kept. */
function serveNode(host: Host, bookmarks: Bookmarks): void {
  const isOurs = (owner: Jid, node: string) =>
    node === LEGACY_NS && owner.node !== "" && owner.domain === host.domain;
  host.on(pubsubVirtualNode, async (owner, node) => {
    if (!isOurs(owner, node) || !await bookmarks.isPrivate(owner)) return undefined;
    return { access_model: "whitelist", persist_items: "true", max_items: "1" };
  });
  host.on(pubsubVirtualItems, async (owner, node, requester, { ids }) => {
    if (!isOurs(owner, node)) return undefined;
    const list = await bookmarks.list(owner, requester);
    const isWanted = list.children.length > 0 && (ids === undefined || ids.includes("current"));
    return { items: isWanted ? [itemOf(owner, list)] : [], count: isWanted ? 1 : 0 };
  });
  host.on(pubsubVirtualPublish, async (owner, node, item, publisher) => {
    if (!isOurs(owner, node)) return undefined;
    if (item.payload?.is("storage", LEGACY_NS) !== true) {
      throw new StanzaError("bad-request", { text: "no list of bookmarks" });
    }
    await bookmarks.write(owner, item.payload, publisher);
    return item.id === "" ? "current" : item.id;
  });
}

function itemOf(owner: Jid, list: Element) {
  return { id: "current", payload: list, publisher: owner.bare, stamp: Date.now() };
}

class Bookmarks {
  readonly #host: Host;
  /** Changes of an account's bookmarks wait for each other. */
  readonly #serial = new Serial();
  /** Addresses by which the private module is asked for what it keeps itself. */
  readonly #passing = new WeakSet<Jid>();
  readonly #migrated = new Recent<true>(MIGRATED);
  /** Accounts whose clients are about to be told. */
  readonly #telling = new Set<string>();

  constructor(host: Host) {
    this.#host = host;
  }

  isTheList(account: Jid, name: string, ns: string): boolean {
    return name === "storage" && ns === LEGACY_NS && !this.#passing.has(account) &&
      this.#host.has(pepItems);
  }

  /** Nobody but the account may read the node (XEP-0411 §5); otherwise nothing is converted. */
  async isPrivate(account: Jid): Promise<boolean> {
    const node = await this.#host.ask(pubsubNodeGet, account, NATIVE_NS);
    return node === "none" || node?.options.access_model === "whitelist";
  }

  /** The list as text, for private XML; undefined leaves it to whoever keeps that. */
  async read(account: Jid, client: Jid | undefined): Promise<string | undefined> {
    if (!await this.isPrivate(account)) return undefined;
    return textOf(await this.list(account, client));
  }

  /** All bookmarks as one list, which that client has seen then. */
  async list(account: Jid, client: Jid | undefined): Promise<Element> {
    await this.#serial.run(account.bare, () => this.#migrate(account));
    const bookmarks = await this.#bookmarks(account);
    this.#note(client, bookmarks);
    return toList(bookmarks, (await this.#others(account))?.elements() ?? []);
  }

  /** Takes a whole list from a client. */
  async write(account: Jid, list: Element, client: Jid | undefined): Promise<true | undefined> {
    if (!await this.isPrivate(account)) return undefined;
    const { rooms, others } = readList(list);
    const limit = this.#host.config.rooms;
    if (rooms.size > limit) {
      throw new StanzaError("policy-violation", { text: `at most ${limit} rooms` });
    }
    return this.#serial.run(account.bare, async () => {
      await this.#migrate(account);
      await this.#merge(account, rooms, client);
      await this.#keepOthers(account, others);
      return true as const;
    });
  }

  async #merge(
    account: Jid,
    rooms: ReadonlyMap<string, Element>,
    client: Jid | undefined,
  ): Promise<void> {
    const now = new Map((await this.#bookmarks(account)).map((b) => [b.id, b.payload]));
    const session = client && this.#host.session(client);
    const known = session && seen.get(session);
    const next: Bookmark[] = [];
    for (const [id, room] of rooms) {
      const before = now.get(id);
      const base = known?.get(id);
      const payload = toPayload(room, before ?? base);
      next.push({ id, payload });
      const meaning = meaningOf(payload);
      if (before !== undefined && meaningOf(before) === meaning) continue;
      // The client has left it as it was, and somebody else has changed or removed it.
      if (base !== undefined && meaningOf(toPayload(room, base)) === meaningOf(base)) continue;
      await this.#host.ask(pepPublish, account, NATIVE_NS, { id, payload }, OPTIONS);
    }
    const removed = [...known?.keys() ?? now.keys()].filter((id) => !rooms.has(id) && now.has(id));
    if (removed.length > 0) await this.#host.ask(pepRetract, account, NATIVE_NS, removed);
    this.#note(client, next);
  }

  async #bookmarks(account: Jid): Promise<Bookmark[]> {
    const items = await this.#host.ask(pepItems, account, NATIVE_NS) ?? [];
    return items.flatMap(({ id, payload }) =>
      payload?.is("conference", NATIVE_NS) === true ? [{ id, payload }] : []
    );
  }

  #note(client: Jid | undefined, bookmarks: readonly Bookmark[]): void {
    const session = client && this.#host.session(client);
    if (session === undefined) return;
    seen.set(session, new Map(bookmarks.map(({ id, payload }) => [id, payload])));
  }

  // ---- what private XML keeps ----

  async #others(account: Jid): Promise<Element | undefined> {
    const text = await this.#host.ask(privateGet, this.#pass(account), "storage", LEGACY_NS);
    return text === undefined || text === "" ? undefined : parseXml(text);
  }

  async #keepOthers(account: Jid, others: readonly Element[]): Promise<void> {
    const old = await this.#others(account);
    const text = textOf(toList([], others));
    if (old === undefined ? text === "" : text === textOf(old)) return;
    await this.#host.ask(privateSet, this.#pass(account), "storage", LEGACY_NS, text);
  }

  /** Another object for the same address, by which our own handlers know to stand aside. */
  #pass({ node, domain }: Jid): Jid {
    const jid = Jid.of(node, domain);
    this.#passing.add(jid);
    return jid;
  }

  /** Rooms that private XML has from the time before become items. Within the account's turn. */
  async #migrate(account: Jid): Promise<void> {
    if (this.#migrated.get(account.node) === true) return;
    const kept = await this.#others(account);
    const { rooms, others } = kept === undefined
      ? { rooms: new Map<string, Element>(), others: [] }
      : readList(kept);
    if (rooms.size > 0) {
      const now = new Set((await this.#bookmarks(account)).map(({ id }) => id));
      for (const [id, room] of rooms) {
        if (now.has(id)) continue;
        const item = { id, payload: toPayload(room, undefined) };
        await this.#host.ask(pepPublish, account, NATIVE_NS, item, OPTIONS);
      }
      await this.#keepOthers(account, others);
    }
    this.#migrated.set(account.node, true);
  }

  migrateLater(account: Jid): void {
    if (this.#migrated.get(account.node) === true) return;
    this.#background(account, async () => {
      if (await this.isPrivate(account)) await this.#migrate(account);
    });
  }

  // ---- those who follow the list ----

  /** A node of an account is not what it was. */
  changed(owner: Jid, node: string): void {
    if (node !== NATIVE_NS || owner.node === "" || owner.domain !== this.#host.domain) return;
    if (this.#telling.has(owner.node)) return;
    this.#telling.add(owner.node);
    this.#background(owner, async () => {
      this.#telling.delete(owner.node);
      await this.#tell(owner, await this.#followers(owner));
    });
  }

  tellLater(owner: Jid, followers: readonly Jid[]): void {
    this.#background(owner, () => this.#tell(owner, followers));
  }

  /** The clients that want to hear of the list. */
  async #followers(owner: Jid): Promise<Jid[]> {
    const followers: Jid[] = [];
    for (const session of this.#host.account(owner)?.available() ?? []) {
      const features = await this.#host.ask(clientFeatures, session);
      if (features?.has(`${LEGACY_NS}+notify`) === true) followers.push(session.jid);
    }
    return followers;
  }

  async #tell(owner: Jid, followers: readonly Jid[]): Promise<void> {
    if (followers.length === 0 || !await this.isPrivate(owner)) return;
    await this.#migrate(owner);
    const bookmarks = await this.#bookmarks(owner);
    const list = toList(bookmarks, (await this.#others(owner))?.elements() ?? []);
    if (list.children.length === 0 && !this.#hadAny(followers)) return;
    await this.#host.ask(pubsubNotify, owner, LEGACY_NS, [itemOf(owner, list)], followers);
    for (const client of followers) this.#note(client, bookmarks);
  }

  /** Whether an empty list is news. */
  #hadAny(followers: readonly Jid[]): boolean {
    return followers.some((jid) => {
      const session = this.#host.session(jid);
      return session !== undefined && (seen.get(session)?.size ?? 0) > 0;
    });
  }

  /** Nobody waits for it: who changed a node must not wait for what follows from it. */
  #background(account: Jid, task: () => Promise<void>): void {
    const done = this.#serial.run(account.bare, task).catch((e) => {
      this.#host.log.warn("bookmarks could not be brought in step", {
        account: account.bare,
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    });
    void done;
  }
}
