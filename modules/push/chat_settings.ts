/**
 * XEP-0492: for which chats an account wants to be notified. The settings stand in its bookmarks
 * (XEP-0402); they are read when a push is due, and remembered until the bookmarks change.
 */

import { pepItems, pubsubPublished, pubsubRetracted } from "../../lib/hooks/pubsub.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { Recent } from "../../lib/recent.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";

const BOOKMARKS_NS = "urn:xmpp:bookmarks:1";
const NOTIFY_NS = "urn:xmpp:notification-settings:1";
const REFERENCE_NS = "urn:xmpp:reference:0";

export type Setting = "always" | "on-mention" | "never";

interface Chat {
  readonly setting: Setting | undefined;
  /** The account's name in the room. */
  readonly nick: string | undefined;
}

/** By the chat's bare JID. */
type Chats = ReadonlyMap<string, Chat>;

const NO_CHATS: Chats = new Map();
const REMEMBERED_MS = 10 * 60_000;

export class ChatSettings {
  readonly #host: ModuleHost;
  readonly #recent: Recent<Chats>;
  readonly #rooms: Setting;

  /** `rooms` is the setting of rooms that have none. */
  constructor(host: ModuleHost, rooms: Setting, remembered: number) {
    this.#host = host;
    this.#rooms = rooms;
    this.#recent = new Recent(remembered, REMEMBERED_MS);
    const changed = (owner: Jid, node: string) => {
      if (node === BOOKMARKS_NS) this.#recent.delete(owner.node);
    };
    host.on(pubsubPublished, changed);
    host.on(pubsubRetracted, changed);
  }

  /** Whether the account wants to be notified of this message. */
  wants(account: Jid, message: Stanza): Later<boolean> {
    const chat = message.from?.bare;
    if (chat === undefined) return true;
    return then(this.#chatsOf(account), (chats) => {
      const { setting, nick } = chats.get(chat) ?? {};
      const inRoom = message.type === "groupchat";
      switch (setting ?? (inRoom ? this.#rooms : "always")) {
        case "never":
          return false;
        case "on-mention":
          return !inRoom || mentions(message, account, nick);
      }
      return true;
    });
  }

  forget(account: Jid): void {
    this.#recent.delete(account.node);
  }

  #chatsOf(account: Jid): Later<Chats> {
    const known = this.#recent.get(account.node);
    if (known !== undefined) return known;
    return then(this.#host.ask(pepItems, account, BOOKMARKS_NS), (items) => {
      let chats: Map<string, Chat> | undefined;
      for (const { id, payload } of items ?? []) {
        const notify = payload?.child("extensions")?.child("notify", NOTIFY_NS);
        const nick = payload?.childText("nick");
        if (notify === undefined && nick === undefined) continue;
        (chats ??= new Map()).set(id, { setting: notify && settingIn(notify), nick });
      }
      this.#recent.set(account.node, chats ?? NO_CHATS);
      return chats ?? NO_CHATS;
    });
  }
}

/** §3: the element most specific to a phone, for what gets pushes is one more often than not. */
export function settingIn(notify: Element): Setting | undefined {
  let best = 0;
  let setting: Setting | undefined;
  for (const e of notify.elements()) {
    if (e.ns !== NOTIFY_NS || !isSetting(e.name)) continue;
    const fit = fitness(e.attrs["identity-category"], e.attrs["identity-type"]);
    if (fit > best) {
      best = fit;
      setting = e.name;
    }
  }
  return setting;
}

function isSetting(name: string): name is Setting {
  return name === "always" || name === "on-mention" || name === "never";
}

function fitness(category: string | undefined, type: string | undefined): number {
  if (category === undefined) return type === undefined ? 1 : 0;
  if (category !== "client") return 0;
  return type === undefined ? 2 : type === "phone" ? 3 : 0;
}

/** By a reference to the account (XEP-0372), or by the name that it has in the room. */
function mentions(message: Stanza, account: Jid, nick: string = account.node): boolean {
  for (const child of message.children) {
    if (typeof child === "string" || child.ns !== REFERENCE_NS) continue;
    if (child.attrs.type === "mention" && child.attrs.uri === `xmpp:${account.bare}`) return true;
  }
  const body = message.childText("body") ?? "";
  return body.toLowerCase().includes(nick.toLowerCase());
}
