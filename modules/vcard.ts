/**
 * XEP-0054: vcard-temp, of accounts and of the host; XEP-0153: vCard-Based Avatars: the hash of an
 * account's photo is put into its presence (by the rules of XEP-0398 §4), so that clients need not
 * load the vCard at every login to do so.
 */

import { hash as digest } from "node:crypto";
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { sql } from "kysely";
import { defineModule, type Migrations, type ModuleHost, result } from "../lib/module.ts";
import { bytes, oneOf, optionalSetting, setting, text } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { mayDiscover } from "../lib/hooks/disco.ts";
import { presenceAvailable } from "../lib/hooks/presence.ts";
import { stanzaFromClient } from "../lib/hooks/stanzas.ts";
import { vcardGet, vcardSet } from "../lib/hooks/storage.ts";
import { vcardChanged, vcardEdit, vcardPhotoHash, vcardRules } from "../lib/hooks/vcard.ts";
import type { Jid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { then } from "../lib/later.ts";
import { type Session, slot } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import { type Store, textType } from "../lib/store/mod.ts";
import type { Element } from "../lib/xml/element.ts";
import { toXml, xml } from "../lib/xml/element.ts";
import { parseXml } from "../lib/xml/parser.ts";
import { Serial } from "./pubsub/serial.ts";

const VCARD_NS = "vcard-temp";
const UPDATE_NS = "vcard-temp:x:update";

const config = v.strictObject({
  bytes: setting(bytes(1024, 16 << 20), "128 KiB", "Largest vCard of an account."),
  visible_to: setting(
    oneOf("everybody", "contacts"),
    "everybody",
    "Who may read an account's vCard: XEP-0054 says everybody.",
  ),
  name: optionalSetting(text(), "Example Chat", "The host's own vCard: its name."),
  url: optionalSetting(text(), "https://example.org/", "The host's own vCard: its web site."),
  email: optionalSetting(text(), "admin@example.org", "The host's own vCard: its address."),
  description: optionalSetting(text(), "A place to talk", "The host's own vCard: what it is."),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("vcards")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        // SHA-1 of the photo in hex, "" without one: what a login needs of the vCard.
        .addColumn("photo", text, (c) => c.notNull())
        .addColumn("xml", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("vcards_pk", ["host", "node"])
        .execute();
    },
  },
};

/** On an account that is online: the hash of its photo, "" without one. */
const photos = slot<string>();

export default defineModule({
  name: "vcard",
  description: "vCards and the avatars in them",
  xeps: { "XEP-0054": "1.3.0", "XEP-0153": "1.1.1" },
  config,
  migrations,
  setup(host) {
    host.feature(VCARD_NS);
    host.accountFeature(VCARD_NS);
    const { visible_to, bytes } = host.config;
    host.on(vcardRules, () => ({ public: visible_to === "everybody", bytes }));
    serveCards(host);
    servePresence(host);
    keep(host);
    host.onUnload(() => {
      for (const account of host.accounts()) photos.set(account, undefined);
    });
  },
});

// ---- XEP-0054 ----

function serveCards(host: Host): void {
  const writes = new Serial();
  host.iq.get(VCARD_NS, "vCard", () => result(hostCard(host)), "host");

  host.iq.get(VCARD_NS, "vCard", async (iq) => {
    const account = iq.to!.toBare();
    const own = iq.from!.bare === account.bare;
    // Whether it is there or not visible, or there is no account: one error for all (§3.3).
    const visible = own || host.config.visible_to === "everybody" ||
      await host.ask(mayDiscover, account, iq.from!) === true;
    const card = visible ? await host.ask(vcardGet, account) : undefined;
    if (card !== undefined && card !== "") return result(parseXml(card));
    throw new StanzaError(own ? "item-not-found" : "service-unavailable");
  }, "account");

  host.iq.set(VCARD_NS, "vCard", async (iq, card) => {
    const account = iq.to!.toBare();
    // §3.2
    if (iq.from!.bare !== account.bare) throw new StanzaError("forbidden");
    const text = toXml(card, "");
    const limit = host.config.bytes;
    if (Buffer.byteLength(text) > limit) {
      throw new StanzaError("policy-violation", { text: `a vCard has at most ${limit} bytes` });
    }
    const photoBefore = await writes.run(account.bare, async () => {
      const before = await host.ask(vcardPhotoHash, account) ?? "";
      if (await host.ask(vcardSet, account, text) === true) return before;
      throw new StanzaError("service-unavailable");
    });
    const online = host.account(account);
    if (online !== undefined) photos.set(online, photoHash(card));
    await host.tell(vcardChanged, account, card, photoBefore);
    return result();
  }, "account");

  host.on(vcardEdit, (account, edit) =>
    writes.run(account.bare, async () => {
      const kept = await host.ask(vcardGet, account);
      const next = kept === undefined ? undefined : edit(kept);
      return next !== undefined && await host.ask(vcardSet, account, next) === true;
    }));
}

function hostCard(host: Host): Element {
  const { name, url, email, description } = host.config;
  const field = (tag: string, value: string | undefined) =>
    value !== undefined && xml(tag, VCARD_NS, {}, value);
  return xml(
    "vCard",
    VCARD_NS,
    {},
    xml("FN", VCARD_NS, {}, name ?? host.domain),
    field("URL", url),
    email !== undefined && xml("EMAIL", VCARD_NS, {}, xml("USERID", VCARD_NS, {}, email)),
    field("DESC", description),
    xml("JABBERID", VCARD_NS, {}, host.domain),
  );
}

// ---- XEP-0153 ----

/** SHA-1 of the photo's data, in lower-case hex; "" if there is none. */
export function photoHash(card: Element): string {
  const data = card.child("PHOTO")?.childText("BINVAL") ?? "";
  const photo = Buffer.from(data, "base64");
  return photo.length === 0 ? "" : digest("sha1", photo, "hex");
}

function servePresence(host: Host): void {
  host.on(presenceAvailable, (presence, session) => filled(host, presence, session));
  // Directed presence too, such as to a room (XEP-0398 §4).
  host.on(stanzaFromClient, (stanza, session) => {
    if (stanza.name !== "presence" || stanza.to === undefined || stanza.type !== undefined) return;
    return filled(host, stanza, session);
  });
}

function filled(host: Host, presence: Stanza, session: Session): Later<Stanza | void> {
  const x = presence.child("x", UPDATE_NS);
  const photo = x?.child("photo");
  // The client says that there is to be no image.
  if (photo !== undefined && photo.text().trim() === "") return;
  return then(hashOf(host, session), (hash) => {
    if (photo === undefined ? hash === "" && x === undefined : photo.text().trim() === hash) return;
    // Of a photo that only the client knows, it knows best.
    if (hash === "" && photo !== undefined) return;
    const rest = x === undefined ? presence : presence.filter((c) => c !== x);
    return rest.append(xml("x", UPDATE_NS, {}, xml("photo", UPDATE_NS, {}, hash)));
  });
}

function hashOf(host: Host, session: Session): Later<string> {
  const { account } = session;
  const known = photos.get(account);
  if (known !== undefined) return known;
  return then(host.ask(vcardPhotoHash, account.jid), (found = "") => {
    if (photos.get(account) === undefined) photos.set(account, found);
    return photos.get(account)!;
  });
}

// ---- storage ----

type Key = { host: string; node: string };

/** Answers the hooks of storage. */
function keep(host: Host): void {
  const sqls = statements(host.store);
  const key = (account: Jid): Key => ({ host: host.domain, node: account.node });

  host.on(vcardGet, async (account) => (await sqls.get.first(key(account)))?.xml ?? "");
  host.on(vcardPhotoHash, async (account) => (await sqls.photo.first(key(account)))?.photo ?? "");
  host.on(vcardSet, async (account, card): Promise<true> => {
    const photo = photoHash(parseXml(card));
    await sqls.set.run({ ...key(account), photo, xml: card });
    const online = host.account(account);
    if (online !== undefined) photos.set(online, photo);
    return true;
  });
  host.on(accountDeleted, async (account) => {
    await sqls.wipe.run(key(account));
  });
}

function statements(store: Store) {
  const table = "vcards";
  return {
    get: store.prepare<Key, { xml: string }>((db, p) =>
      db.selectFrom(table).select("xml")
        .where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    photo: store.prepare<Key, { photo: string }>((db, p) =>
      db.selectFrom(table).select("photo")
        .where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    set: store.prepare<Key & { photo: string; xml: string }>((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        photo: p("photo"),
        xml: p("xml"),
      }).onConflict((c) =>
        c.columns(["host", "node"]).doUpdateSet({
          photo: sql`excluded.photo`,
          xml: sql`excluded.xml`,
        })
      )
    ),
    wipe: store.prepare<Key>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
  };
}
