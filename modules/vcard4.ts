/**
 * XEP-0292: vCard4 Over XMPP, at a node of the account, in one with its vcard-temp (XEP-0054): what a
 * client stores in one form is there in the other, field by field. What one of them cannot say stays
 * where it is. The photo goes with the avatar.
 */

import { Buffer } from "node:buffer";
import { hash as digest } from "node:crypto";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { StanzaError } from "../lib/errors.ts";
import { discoInfo } from "../lib/hooks/disco.ts";
import {
  pepItems,
  pepPublish,
  pubsubDefaults,
  pubsubPublished,
  pubsubPublishing,
} from "../lib/hooks/pubsub.ts";
import { pubsubNodeGet } from "../lib/hooks/pubsub_storage.ts";
import { vcardChanged, vcardEdit, vcardRules } from "../lib/hooks/vcard.ts";
import type { Jid } from "../lib/jid.ts";
import { Recent } from "../lib/recent.ts";
import type { Element } from "../lib/xml/element.ts";
import { toXml } from "../lib/xml/element.ts";
import { fingerprint } from "../lib/xml/fingerprint.ts";
import { parseXml } from "../lib/xml/parser.ts";
import { Serial } from "./pubsub/serial.ts";
import { VCARD4_NS } from "./vcard4/names.ts";
import { toTemp } from "./vcard4/to_temp.ts";
import { toVcard4 } from "./vcard4/to_vcard4.ts";

const NODE = "urn:xmpp:vcard4";

const REMEMBERED = 20_000;

export default defineModule({
  name: "vcard4",
  description: "Keeps vCard4s and vCards of the older kind in step",
  xeps: { "XEP-0292": "0.12.0" },
  setup(host) {
    const cards = new Cards(host);
    const isOurs = (owner: Jid) => owner.node !== "" && owner.domain === host.domain;
    host.on(discoInfo, (info, target) => {
      if (isOurs(target) && host.has(pepPublish)) info.features.add(VCARD4_NS);
    });
    host.on(pubsubDefaults, (owner, node) => {
      if (node === NODE && isOurs(owner)) return cards.options();
      return undefined;
    });
    host.on(pubsubPublishing, ({ payload }, owner, node) => {
      if (node !== NODE || !isOurs(owner) || payload?.is("vcard", VCARD4_NS) === true) return;
      throw new StanzaError("bad-request", { text: "no vCard4" });
    });
    host.on(pubsubPublished, (owner, node) => {
      if (node === NODE && isOurs(owner)) cards.published(owner);
    });
    host.on(vcardChanged, (account, card) => {
      if (!host.has(pepPublish)) return;
      return cards.toNode(account, card).catch((e) => {
        // The vCard is stored; that there are too many nodes, for one, is no reason to refuse it.
        if (!(e instanceof StanzaError)) throw e;
        host.log.info("a vCard4 was not published", { account: account.bare, reason: String(e) });
      });
    });
  },
});

function digestOf(card: Element): string {
  return digest("sha1", fingerprint(card), "base64");
}

class Cards {
  readonly #host: ModuleHost;
  readonly #serial = new Serial();
  /** What we have published last, by account: it came from the other vCard and needs no way back. */
  readonly #own = new Recent<string>(REMEMBERED);

  constructor(host: ModuleHost) {
    this.#host = host;
  }

  /** How the node is made: for those who may read vCards. */
  async options(): Promise<Readonly<Record<string, string>>> {
    const isPublic = (await this.#host.ask(vcardRules))?.public === true;
    const access_model = isPublic ? "open" : "presence";
    return { access_model, persist_items: "true", max_items: "1" };
  }

  /** Nobody waits for it: who publishes must not wait for what follows from it. */
  published(account: Jid): void {
    void this.#serial.run(account.bare, () => this.#toTemp(account)).catch((e) => {
      this.#host.log.warn("a vCard4 was not copied", {
        account: account.bare,
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    });
  }

  async #toTemp(account: Jid): Promise<void> {
    const card = (await this.#item(account))?.payload;
    const own = this.#own.get(account.bare);
    if (card === undefined || digestOf(card) === own) return;
    if (!await this.#mayCopy(account)) return;
    const limit = (await this.#host.ask(vcardRules))?.bytes ?? Infinity;
    await this.#host.ask(vcardEdit, account, (kept) => {
      const before = kept === "" ? undefined : parseXml(kept);
      const next = toTemp(card, before);
      if (before !== undefined && fingerprint(next) === fingerprint(before)) return undefined;
      const text = toXml(next, "");
      if (Buffer.byteLength(text) <= limit) return text;
      this.#host.log.info("a vCard4 is too large for the other vCard", { account: account.bare });
      return undefined;
    });
  }

  /** Nobody is to see in the vCard what the node keeps from them. */
  async #mayCopy(account: Jid): Promise<boolean> {
    const rules = await this.#host.ask(vcardRules);
    const node = await this.#host.ask(pubsubNodeGet, account, NODE);
    if (rules === undefined || node === undefined || node === "none") return false;
    const { access_model = "presence" } = node.options;
    return access_model === "open" || (!rules.public && access_model === "presence");
  }

  async #item(account: Jid) {
    return (await this.#host.ask(pepItems, account, NODE, { max: 1 }) ?? []).at(-1);
  }

  toNode(account: Jid, card: Element): Promise<void> {
    return this.#serial.run(account.bare, async () => {
      const item = await this.#item(account);
      const payload = toVcard4(card, item?.payload);
      const own = digestOf(payload);
      if (item?.payload !== undefined && digestOf(item.payload) === own) return;
      if (item === undefined && payload.children.length === 0) return;
      this.#own.set(account.bare, own);
      const id = item?.id ?? "current";
      await this.#host.ask(pepPublish, account, NODE, { id, payload }, await this.options());
    });
  }
}
