/**
 * XEP-0033: Extended Stanza Addressing: a message or presence sent to the host with a list of
 * addresses goes to each of them.
 *
 * For accounts of this host it goes anywhere; what others send, only to addresses here (§2.2: no
 * relay). Other servers get one copy for each address (§6, step 10). Presence is handed to whoever
 * handles directed presence, once for each address, so that all of them hear when the sender goes
 * (§5.1).
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { bytes, flag, setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { isBlocked } from "../lib/hooks/blocking.ts";
import { presenceFromClient } from "../lib/hooks/presence.ts";
import { stanzaToHost } from "../lib/hooks/stanzas.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { then } from "../lib/later.ts";
import { Quota } from "../lib/quota.ts";
import type { Session } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";

const ADDRESS_NS = "http://jabber.org/protocol/address";
const BLOCKED_NS = "urn:xmpp:blocking:errors";

const config = v.strictObject({
  addresses: setting(
    wholeNumber(1, 10_000),
    50,
    "Addresses in one stanza. XEP-0033 recommends a limit between 20 and 100.",
  ),
  copied_bytes: setting(
    bytes(10_000, 1 << 30),
    "2 MiB",
    "What one stanza may become: its size times the number of its recipients.",
  ),
  per_minute: setting(
    wholeNumber(1, 1_000_000),
    300,
    "Recipients that one sender may address in a minute.",
  ),
  strangers: setting(
    flag(),
    true,
    "Others than accounts of this host may address several of its accounts at once.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const MINUTE_MS = 60_000;

/** Types of addresses that a stanza is sent to. */
const SENT_TO: ReadonlySet<string> = new Set(["to", "cc", "bcc"]);
const TYPES: ReadonlySet<string> = new Set([
  ...SENT_TO,
  "replyto",
  "replyroom",
  "noreply",
  "ofrom",
]);

/** Whom a stanza still has to be sent to. */
interface Recipient {
  readonly jid: Jid;
  /** The `<address/>` that nobody else may see; undefined unless it is `bcc`. */
  readonly blind: Element | undefined;
}

export default defineModule({
  name: "multicast",
  description: "Sends one stanza to many addresses",
  xeps: { "XEP-0033": "1.2.1" },
  config,
  setup(host) {
    const quota = new Quota(host.config.per_minute, MINUTE_MS);
    host.feature(ADDRESS_NS);
    host.on(stanzaToHost, (stanza) => {
      if (stanza.name === "iq" || stanza.isError || !stanza.to!.isBare) return undefined;
      const addresses = stanza.child("addresses", ADDRESS_NS);
      if (addresses === undefined) return undefined;
      return then(multicast(host, quota, stanza, addresses), () => true as const);
    });
  },
});

function multicast(host: Host, quota: Quota, stanza: Stanza, addresses: Element): Later<void> {
  const from = stanza.from!;
  const session = host.session(from);
  // Another list would reach everybody as it is: who is blind in it, too, and for services to act on.
  if (stanza.elements("addresses", ADDRESS_NS).length > 1) {
    throw new StanzaError("bad-request", { text: "one list of addresses" });
  }
  const all = addresses.elements("address");
  const { addresses: limit, copied_bytes, strangers } = host.config;
  if (all.length > limit) {
    throw new StanzaError("not-acceptable", { text: `at most ${limit} addresses` });
  }
  if (all.length === 0) throw new StanzaError("bad-request", { text: "no address" });
  for (const address of all) checkAddress(address);
  const recipients = recipientsIn(all, host.jid);
  if (session === undefined) {
    const isRelayed = recipients.some(({ jid }) => jid.domain !== host.domain);
    if (!strangers || isRelayed || stanza.name === "presence") throw new StanzaError("forbidden");
  }
  if (stanza.name === "presence" && stanza.type !== undefined && stanza.type !== "unavailable") {
    throw new StanzaError("not-allowed", { text: `presence of type ${stanza.type} goes to one` });
  }
  if (recipients.length * stanza.wire().length > copied_bytes) {
    throw new StanzaError("not-acceptable", { text: `at most ${copied_bytes} bytes for all` });
  }
  if (!quota.take(from.bare, recipients.length)) {
    throw new StanzaError("resource-constraint", { text: "too many recipients for now" });
  }
  return then(refuseBlocked(host, session, recipients), () => {
    const copies = copiesOf(stanza, addresses, recipients);
    return sendAll(copies, (copy) => sendOne(host, session, copy));
  });
}

/** §4: what an address must have and must not have. */
function checkAddress({ attrs }: Element): void {
  const { type = "", jid, uri, node, desc } = attrs;
  const wrong = (text: string) => new StanzaError("bad-request", { text });
  if (!TYPES.has(type)) throw wrong("an address without a type that is known");
  if (jid !== undefined && uri !== undefined) throw wrong("an address with a jid and a uri");
  if (node !== undefined && uri !== undefined) throw wrong("an address with a uri and a node");
  if (type === "noreply") return;
  if (jid === undefined && uri === undefined) {
    const has = node === undefined && desc === undefined ? "nothing" : "neither jid nor uri";
    throw wrong(`an address with ${has}`);
  }
  const unknown = uri !== undefined && SENT_TO.has(type);
  if (unknown || (jid !== undefined && parseJid(jid) === undefined)) {
    throw new StanzaError("jid-malformed", { text: "an address that is no JID" });
  }
}

/** Each once; those that have it already, and the service itself, which would do it all again, not. */
function recipientsIn(addresses: readonly Element[], self: Jid): Recipient[] {
  const found = new Map<string, Recipient>();
  for (const address of addresses) {
    const { type = "", jid: text, delivered } = address.attrs;
    if (!SENT_TO.has(type) || text === undefined || delivered === "true") continue;
    const jid = parseJid(text)!;
    if (jid.full === self.full) continue;
    const known = found.get(jid.full);
    if (known === undefined || (known.blind !== undefined && type !== "bcc")) {
      found.set(jid.full, { jid, blind: type === "bcc" ? address : undefined });
    }
  }
  return [...found.values()];
}

/** §6, step 5: it goes to all or to none. */
async function refuseBlocked(
  host: Host,
  session: Session | undefined,
  recipients: readonly Recipient[],
): Promise<void> {
  if (session === undefined) return;
  for (const { jid } of recipients) {
    if (jid.bare === session.jid.bare) continue;
    if (await host.ask(isBlocked, session.account.jid, jid) !== true) continue;
    const app = xml("blocked", BLOCKED_NS);
    throw new StanzaError("not-acceptable", { type: "cancel", app });
  }
}

/** What each recipient gets (§6, steps 6 to 8). */
function* copiesOf(
  stanza: Stanza,
  addresses: Element,
  recipients: readonly Recipient[],
): Generator<Stanza> {
  const seen = addresses.filter((e) => !isBlind(e)).children.map((child) =>
    typeof child !== "string" && isOpen(child) ? child.withAttrs({ delivered: "true" }) : child
  );
  const rest = stanza.filter((child) => child !== addresses);
  const shown = xml("addresses", ADDRESS_NS, addresses.attrs, ...seen);
  const open = seen.some((child) => typeof child !== "string") ? rest.append(shown) : rest;
  for (const { jid, blind } of recipients) {
    const copy = blind === undefined ? open : rest.append(shown.append(blind));
    yield copy.addressedTo(jid);
  }
}

function isBlind(e: Element): boolean {
  return e.is("address", ADDRESS_NS) && e.attrs.type === "bcc";
}

function isOpen(e: Element): boolean {
  return e.is("address", ADDRESS_NS) && (e.attrs.type === "to" || e.attrs.type === "cc");
}

/** One after the other; a refusal goes to the sender, and the others get theirs. */
function sendAll(copies: Iterator<Stanza>, send: (copy: Stanza) => Later<void>): Later<void> {
  for (let next = copies.next(); !next.done; next = copies.next()) {
    const sent = send(next.value);
    if (sent instanceof Promise) return sent.then(() => sendAll(copies, send));
  }
}

function sendOne(host: Host, session: Session | undefined, copy: Stanza): Later<void> {
  if (copy.name !== "presence" || session === undefined) return host.send(copy);
  return then(
    host.ask(presenceFromClient, session, copy),
    (handled) => handled === true ? undefined : host.send(copy),
  );
}
