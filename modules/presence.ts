/**
 * Presence and presence subscriptions (RFC 6121 §3 and §4). Who may see whom is asked of whatever
 * keeps the rosters; without a roster module presence reaches an account's own resources only.
 */

import * as v from "valibot";
import type { ModuleHost } from "../lib/module.ts";
import { defineModule } from "../lib/module.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import { then } from "../lib/later.ts";
import { StanzaError } from "../lib/errors.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { mayDiscover } from "../lib/hooks/disco.ts";
import {
  presenceChanged,
  presenceFromClient,
  presenceToAccount,
  subscriptionAccept,
} from "../lib/hooks/presence.ts";
import { rosterGet, rosterItemRemoved } from "../lib/hooks/roster.ts";
import { rosterChange } from "../lib/hooks/roster_changes.ts";
import { iqToSession } from "../lib/hooks/stanzas.ts";
import {
  sessionClosed,
  sessionFreeze,
  sessionResumed,
  sessionsVanished,
  sessionThaw,
  streamFeatures,
} from "../lib/hooks/streams.ts";
import { flag, setting, wholeNumber } from "../lib/config/setting.ts";
import { xml } from "../lib/xml/element.ts";
import { Broadcaster } from "./presence/broadcast.ts";
import { ContactBook } from "./presence/contacts.ts";
import { forget, knows, listAll, remember } from "./presence/directed.ts";
import { Probes } from "./presence/probes.ts";
import type { RequestLimits } from "./presence/subscriptions.ts";
import { isSubscription, Subscriptions } from "./presence/subscriptions.ts";

const NS_PREAPPROVAL = "urn:xmpp:features:pre-approval";

interface Settings extends RequestLimits {
  readonly directed: number;
  readonly iq_from_strangers: boolean;
}

export default defineModule({
  name: "presence",
  description: "Presence and subscriptions to it (RFC 6121 sections 3 and 4).",
  config: v.strictObject({
    requests: setting(
      wholeNumber(1, 100_000),
      200,
      "Unanswered subscription requests kept for an account; more are ignored.",
    ),
    request_length: setting(
      wholeNumber(256, 1_000_000),
      4096,
      "Characters of a kept request; a longer one loses its content.",
    ),
    directed: setting(
      wholeNumber(1, 100_000),
      1000,
      "Addresses, rooms for example, that a session may send directed presence to at a time.",
    ),
    iq_from_strangers: setting(
      flag(),
      false,
      "Whether IQs reach a resource from addresses that it has not shown its presence.",
    ),
  }),
  setup(host) {
    const book = new ContactBook(host);
    subscriptions(host, book);
    notifications(host, book);
    privacy(host, book);
  },
});

function subscriptions(host: ModuleHost<Settings>, book: ContactBook): void {
  const subscriptions = new Subscriptions(host, host.config);
  const probes = new Probes(host, book);

  host.on(streamFeatures, (features, negotiation) => {
    // Without rosters there is nothing to keep an approval in.
    if (negotiation.account === undefined || !host.has(rosterChange)) return;
    return [...features, xml("sub", NS_PREAPPROVAL)];
  });

  host.on(presenceFromClient, (session, stanza) => {
    const { type } = stanza;
    if (isSubscription(type)) return subscriptions.outbound(session, stanza, type);
    const to = stanza.to!;
    if (to.bare === session.account.jid.bare) return undefined;
    if (type === undefined) remember(session, to, host.config.directed);
    else if (type === "unavailable") forget(session, to);
    else return undefined;
    session.changed();
    return undefined;
  });

  host.on(presenceToAccount, (stanza, account) => {
    const { type } = stanza;
    if (isSubscription(type)) return subscriptions.inbound(stanza, account, type);
    if (type === "probe") return probes.answer(stanza, account);
    if (type === undefined || type === "unavailable" || type === "error") return undefined;
    throw new StanzaError("bad-request", { text: `there is no presence of type ${type}` });
  });

  host.on(subscriptionAccept, (account, contact) => subscriptions.accept(account, contact));
  host.on(rosterItemRemoved, (account, item) => subscriptions.removed(account, item));

  host.on(accountDeleted, async (account) => {
    const roster = await host.ask(rosterGet, account);
    for (const item of roster!.items.values()) await subscriptions.removed(account, item);
  }, { before: ["roster"] });
}

function notifications(host: ModuleHost<Settings>, book: ContactBook): void {
  const broadcaster = new Broadcaster(host, book);
  host.on(
    presenceChanged,
    (session, stanza, initial) =>
      stanza.type === "unavailable"
        ? broadcaster.unavailable(session, stanza)
        : broadcaster.available(session, stanza, initial),
  );
  host.on(sessionClosed, (session) => broadcaster.closed(session));

  // Over a restart of the server (XEP-0198): who has been told, and must be told again at the end.
  host.on(sessionFreeze, (state, session) => {
    const directed = listAll(session);
    if (directed.length > 0) state.presence = directed.map((jid) => jid.full);
  });
  host.on(sessionThaw, (session, state) => {
    for (const text of (state.presence ?? []) as string[]) {
      remember(session, parseJid(text)!, host.config.directed);
    }
    broadcaster.restored(session);
  });
  host.on(sessionResumed, (session) => broadcaster.resumed(session));
  host.on(sessionsVanished, (jids) => broadcaster.vanished(jids));
}

/** What the presence of an account allows others to learn and do. */
function privacy(host: ModuleHost<Settings>, book: ContactBook): void {
  host.on(
    mayDiscover,
    (account, from) => then(book.sees(account, from), (allowed) => allowed || undefined),
  );

  // The host itself, or a service of it: a ping, for one.
  const isOurs = (from: Jid) =>
    from.node === "" && (from.domain === host.domain || from.domain.endsWith(`.${host.domain}`));

  // RFC 6121 §8.5.3.1.
  host.on(iqToSession, (request, session) => {
    const from = request.from!;
    if (host.config.iq_from_strangers || isOurs(from)) return true;
    return then(book.sees(session.account.jid, from), (allowed) => allowed || knows(session, from));
  });
}
