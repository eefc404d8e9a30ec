/**
 * XEP-0084: User Avatar, at two nodes of the account, in one with the photo of its vCard (XEP-0153) by
 * the rules of XEP-0398: what is published at one place appears at the other.
 *
 * Both ways end by themselves: what is there already, by its hash, is not stored again.
 */

import { Buffer } from "node:buffer";
import { hash as digest } from "node:crypto";
import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { bytes, setting } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { imageInfo } from "../lib/formats/image.ts";
import { clientFeaturesKnown, discoInfo } from "../lib/hooks/disco.ts";
import { DROP } from "../lib/hooks/hook.ts";
import { presenceAvailable, presenceChanged } from "../lib/hooks/presence.ts";
import {
  pepItems,
  pepPublish,
  pubsubDefaults,
  type PubsubItem,
  pubsubPublished,
  pubsubPublishing,
  pubsubRetracted,
} from "../lib/hooks/pubsub.ts";
import { pubsubNodeGet } from "../lib/hooks/pubsub_storage.ts";
import { vcardGet } from "../lib/hooks/storage.ts";
import { vcardChanged, vcardEdit, vcardPhotoHash, vcardRules } from "../lib/hooks/vcard.ts";
import type { Jid } from "../lib/jid.ts";
import { Recent } from "../lib/recent.ts";
import type { Element } from "../lib/xml/element.ts";
import { toXml, xml } from "../lib/xml/element.ts";
import { parseXml } from "../lib/xml/parser.ts";
import { Serial } from "./pubsub/serial.ts";

const DATA = "urn:xmpp:avatar:data";
const METADATA = "urn:xmpp:avatar:metadata";
const CONVERSION_NS = "urn:xmpp:pep-vcard-conversion:0";
const VCARD_NS = "vcard-temp";
const UPDATE_NS = "vcard-temp:x:update";

const config = v.strictObject({
  bytes: setting(
    bytes(1024, 16 << 20),
    "128 KiB",
    "Largest image of an avatar. Those larger than a vCard may be are not copied into it.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

export default defineModule({
  name: "avatars",
  description: "Keeps avatars and the photos of vCards in step",
  xeps: { "XEP-0084": "1.1.4", "XEP-0398": "1.0.0" },
  config,
  setup(host) {
    const isOurs = (owner: Jid) => owner.node !== "" && owner.domain === host.domain;
    const avatars = new Avatars(host);
    host.on(discoInfo, (info, target) => {
      const isBoth = host.has(pepPublish) && host.has(vcardRules);
      if (isOurs(target) && isBoth) info.features.add(CONVERSION_NS);
    });
    host.on(pubsubDefaults, (owner, node) => {
      if (!isOurs(owner) || (node !== DATA && node !== METADATA)) return undefined;
      return { persist_items: "true", max_items: "1" };
    });
    host.on(pubsubPublishing, (item, owner, node) => {
      if (!isOurs(owner)) return;
      if (node === DATA) checkData(item, host.config.bytes);
      else if (node === METADATA) checkMetadata(item);
    });
    host.on(pubsubPublished, (owner, node) => {
      if (node === METADATA && isOurs(owner)) avatars.published(owner);
    });
    host.on(pubsubRetracted, (owner, node) => {
      if (node === METADATA && isOurs(owner)) avatars.published(owner);
    });
    host.on(clientFeaturesKnown, ({ account }, features) => {
      if (features.has(`${METADATA}+notify`)) avatars.migrate(account.jid);
    });
    host.on(vcardChanged, (account, card, photoBefore) => {
      if (!host.has(pepPublish)) return;
      return avatars.fromCard(account, card, photoBefore).catch((e) => refused(host, account, e));
    });
  },
});

/** The vCard is stored; that there are too many nodes, for one, is no reason to refuse it. */
function refused(host: Host, account: Jid, e: unknown): void {
  if (!(e instanceof StanzaError)) throw e;
  host.log.info("an avatar was not published", { account: account.bare, reason: String(e) });
}

/** §3.1, §4.1: an image, under its hash. */
function checkData({ id, payload }: PubsubItem, limit: number): void {
  const image = payload?.is("data", DATA) === true ? decode(payload.text()) : undefined;
  if (image === undefined) throw new StanzaError("bad-request", { text: "no data in Base64" });
  if (image.length > limit) {
    const text = `an avatar has at most ${limit} bytes`;
    throw new StanzaError("policy-violation", { text });
  }
  if (id.toLowerCase() !== sha1(image)) {
    const text = "the item's id is not the SHA-1 of the image";
    throw new StanzaError("bad-request", { text });
  }
}

/** §4.2 */
function checkMetadata({ payload }: PubsubItem): void {
  const isRight = payload?.is("metadata", METADATA) === true &&
    payload.elements("info").every(({ attrs: { id, bytes, type } }) =>
      id !== undefined && id !== "" && type !== undefined && /^\d+$/.test(bytes ?? "")
    );
  if (!isRight) throw new StanzaError("bad-request", { text: "no metadata of an avatar" });
}

/** Undefined if it is not Base64, or nothing. Line feeds are let pass (§4.1). */
function decode(text: string): Buffer | undefined {
  const dense = text.replaceAll(/\s+/g, "");
  if (dense === "" || !/^[A-Za-z0-9+/]*={0,2}$/.test(dense)) return undefined;
  return Buffer.from(dense, "base64");
}

function sha1(image: Uint8Array): string {
  return digest("sha1", image, "hex");
}

/** The first photo of a vCard that is there as data. */
function photoIn(card: Element | undefined): { image: Buffer; type: string } | undefined {
  for (const photo of card?.elements("PHOTO") ?? []) {
    const image = decode(photo.childText("BINVAL") ?? "");
    if (image === undefined) continue;
    const type = photo.childText("TYPE")?.trim() || imageInfo(image)?.type || "image/png";
    return { image, type };
  }
  return undefined;
}

/** Accounts of which is remembered that there is nothing from before. */
const MIGRATED = 20_000;

class Avatars {
  readonly #host: Host;
  readonly #migrated = new Recent<true>(MIGRATED);
  readonly #serial = new Serial();

  constructor(host: Host) {
    this.#host = host;
  }

  // ---- from the nodes to the vCard (XEP-0398 §3.1) ----

  published(account: Jid): void {
    this.#background(account, () => this.#toCard(account));
  }

  /** Nobody waits for it: who publishes must not wait for what follows from it. */
  #background(account: Jid, task: () => Promise<void>): void {
    void this.#serial.run(account.bare, task).catch((e) => {
      this.#host.log.warn("an avatar and a vCard were not brought in step", {
        account: account.bare,
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    });
  }

  async #toCard(account: Jid): Promise<void> {
    const metadata = await this.#metadata(account);
    const infos = metadata?.elements("info") ?? [];
    if (infos.length === 0) return await this.#setPhoto(account, undefined);
    const info = infos.find(({ attrs }) => attrs.url === undefined);
    if (info === undefined || !await this.#mayCopy(account)) return;
    const { id = "", type = "image/png" } = info.attrs;
    const [item] = await this.#host.ask(pepItems, account, DATA, { ids: [id] }) ?? [];
    const image = item?.payload === undefined ? undefined : decode(item.payload.text());
    if (image === undefined || sha1(image) !== id.toLowerCase()) return;
    await this.#setPhoto(account, { image, type });
  }

  async #metadata(account: Jid): Promise<Element | undefined> {
    const items = await this.#host.ask(pepItems, account, METADATA, { max: 1 }) ?? [];
    return items.at(-1)?.payload;
  }

  /** §7: nobody is to see through the vCard what the node keeps from them. */
  async #mayCopy(account: Jid): Promise<boolean> {
    const rules = await this.#host.ask(vcardRules);
    const node = await this.#host.ask(pubsubNodeGet, account, DATA);
    if (rules === undefined || node === undefined || node === "none") return false;
    const { access_model = "presence" } = node.options;
    return access_model === "open" || (!rules.public && access_model === "presence");
  }

  async #setPhoto(account: Jid, photo: { image: Buffer; type: string } | undefined): Promise<void> {
    const limit = (await this.#host.ask(vcardRules))?.bytes ?? Infinity;
    const isStored = await this.#host.ask(vcardEdit, account, (kept) => {
      const card = kept === "" ? xml("vCard", VCARD_NS) : parseXml(kept);
      const old = photoIn(card)?.image;
      if (photo === undefined ? old === undefined : old?.equals(photo.image) === true) {
        return undefined;
      }
      const without = card.filter((e) => !e.is("PHOTO", VCARD_NS));
      const next = photo === undefined ? without : without.append(xml(
        "PHOTO",
        VCARD_NS,
        {},
        xml("TYPE", VCARD_NS, {}, photo.type),
        xml("BINVAL", VCARD_NS, {}, photo.image.toString("base64")),
      ));
      const text = toXml(next, "");
      if (Buffer.byteLength(text) <= limit) return text;
      this.#host.log.info("an avatar is too large for the vCard", { account: account.bare });
      return undefined;
    });
    if (isStored === true) await this.#showHash(account);
  }

  /** Presence with the hash of the new photo, which the vCard module puts in (§4). */
  async #showHash(account: Jid): Promise<void> {
    for (const session of this.#host.account(account)?.available() ?? []) {
      const { presence } = session;
      const x = presence?.child("x", UPDATE_NS);
      // The client wants no image to be shown.
      if (presence === undefined || x?.childText("photo")?.trim() === "") continue;
      const plain = presence.filter((child) => child !== x);
      const next = await this.#host.filter(presenceAvailable, plain, session);
      if (next === DROP || session.presence !== presence || !session.bound) continue;
      session.presence = next;
      await this.#host.tell(presenceChanged, session, next, false);
    }
  }

  // ---- from the vCard to the nodes (XEP-0398 §3.2) ----

  fromCard(account: Jid, card: Element, photoBefore: string): Promise<void> {
    return this.#serial.run(account.bare, async () => {
      const photo = photoIn(card);
      const shown = (await this.#metadata(account))?.elements("info").map((e) => e.attrs.id) ?? [];
      if (photo !== undefined) await this.#publish(account, photo.image, photo.type, shown);
      // It was the one that went with the vCard's.
      else if (photoBefore !== "" && shown.includes(photoBefore)) {
        await this.#publishAt(account, METADATA, { payload: xml("metadata", METADATA) });
      }
    });
  }

  /** A photo from the time before becomes an avatar, when a client knows what to do with it. */
  migrate(account: Jid): void {
    if (this.#migrated.get(account.node) === true) return;
    this.#migrated.set(account.node, true);
    this.#background(account, async () => {
      const hash = await this.#host.ask(vcardPhotoHash, account);
      if (hash === undefined || hash === "") return;
      if (await this.#host.ask(pubsubNodeGet, account, METADATA) !== "none") return;
      const card = await this.#host.ask(vcardGet, account);
      const photo = card === undefined || card === "" ? undefined : photoIn(parseXml(card));
      if (photo !== undefined) await this.#publish(account, photo.image, photo.type, []);
    });
  }

  async #publish(
    account: Jid,
    image: Buffer,
    type: string,
    shown: readonly (string | undefined)[],
  ): Promise<void> {
    const id = sha1(image);
    if (shown.includes(id)) return;
    if (image.length > this.#host.config.bytes) {
      this.#host.log.info("a vCard's photo is too large for an avatar", { account: account.bare });
      return;
    }
    const size = imageInfo(image);
    const info = xml("info", METADATA, {
      id,
      bytes: String(image.length),
      type,
      width: size === undefined ? undefined : String(size.width),
      height: size === undefined ? undefined : String(size.height),
    });
    const data = xml("data", DATA, {}, image.toString("base64"));
    await this.#publishAt(account, DATA, { id, payload: data });
    await this.#publishAt(account, METADATA, { id, payload: xml("metadata", METADATA, {}, info) });
  }

  /** A node that is made with it is seen by those who may see the vCard. */
  async #publishAt(
    account: Jid,
    node: string,
    item: { id?: string; payload: Element },
  ): Promise<void> {
    const isPublic = (await this.#host.ask(vcardRules))?.public === true;
    const access_model = isPublic ? "open" : "presence";
    const options = { access_model, persist_items: "true", max_items: "1" };
    await this.#host.ask(pepPublish, account, node, item, options);
  }
}
