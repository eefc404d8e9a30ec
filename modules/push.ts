/**
 * XEP-0357: Push Notifications: app servers are told when somebody waits for a client that is asleep:
 * its session is over, hibernates (XEP-0198), or has an inactive client (XEP-0352). Members of a room
 * who are not in there are told of what they miss. For which chats is up to the account (XEP-0492).
 *
 * A registration belongs to the client that has enabled it last: while that one is here, nothing is
 * pushed to it, wherever messages go.
 */

import * as v from "valibot";
import { defineModule, EMPTY_RESULT, type ModuleHost } from "../lib/module.ts";
import {
  bytes,
  duration,
  flag,
  oneOf,
  setting,
  value,
  wholeNumber,
} from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { FORMS_NS, readForm } from "../lib/formats/form.ts";
import { copiedMessage, traitsOf } from "../lib/formats/message_traits.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { urgentWhileInactive } from "../lib/hooks/clients.ts";
import { subscriptionRequested } from "../lib/hooks/presence.ts";
import { roomMissed } from "../lib/hooks/rooms.ts";
import { rosterGet } from "../lib/hooks/roster.ts";
import { messageDelivered, messageOffline } from "../lib/hooks/stanzas.ts";
import {
  sessionBound,
  sessionClosed,
  sessionHibernated,
  sessionResumed,
  stanzaHeld,
} from "../lib/hooks/streams.ts";
import { inactiveSince } from "../lib/inactive.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { then } from "../lib/later.ts";
import type { Session } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { ChatSettings } from "./push/chat_settings.ts";
import { PUBSUB_NS, PUSH_NS } from "./push/notification.ts";
import { Pusher, reset } from "./push/pusher.ts";
import { NONE, type Registration, RegistrationBook } from "./push/registrations.ts";
import { migrations, PushTable } from "./push/table.ts";

const OPTIONS_FORM = "http://jabber.org/protocol/pubsub#publish-options";

/** Address and node of an app server, in bytes: what an index of a database can take. */
const PLACE_BYTES = 1024;

const config = v.strictObject({
  registrations: setting(
    wholeNumber(1, 1000),
    20,
    "App servers and nodes that the clients of one account may have told.",
  ),
  options_bytes: setting(
    bytes(256, 64 << 10),
    "4 KiB",
    "Size of the form that a client has passed on to its app server.",
  ),
  interval: setting(
    duration("1s", "1d", { off: true }),
    "1m",
    "Time between two pushes to a client that does not come; 0 for one push until it has come.",
  ),
  inactive: setting(
    duration("1s", "1d", { off: true }),
    "1m",
    "Time after which a client that is connected and inactive is pushed to; 0 for never.",
  ),
  include_sender: setting(flag(), false, "Tell app servers who has written."),
  include_body: setting(flag(), false, "Tell app servers what was written."),
  text: setting(
    value<string>("a string", (x) => typeof x === "string"),
    "New message",
    "Text in place of what was written, which some apps show; empty for none.",
  ),
  rooms: setting(
    oneOf("always", "on-mention", "never"),
    "always",
    "Which messages of rooms are worth a push, where the account has not said.",
  ),
  from: setting(
    oneOf("server", "account"),
    "server",
    "Address from which app servers are told: the server's, or the account's.",
  ),
  timeout: setting(duration("1s", "5m"), "30s", "Time that an app server has to answer."),
  retry: setting(
    duration("1s", "1h"),
    "1m",
    "Time until a push that has failed is tried again; twice as long after each failure.",
  ),
  failures: setting(
    wholeNumber(1, 1000),
    10,
    "Failures in a row after which an app server is told no more; some errors disable it at once.",
  ),
  remembered: setting(
    wholeNumber(100, 10_000_000),
    20_000,
    "Accounts that are offline whose registrations are remembered for some minutes.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

export default defineModule({
  name: "push",
  description: "Tells the app servers of mobile clients that something waits",
  xeps: { "XEP-0357": "0.4.1", "XEP-0492": "0.2.0" },
  config,
  migrations,
  setup(host) {
    const book = new RegistrationBook(
      host,
      new PushTable(host.store, host.domain),
      host.config.remembered,
    );
    const settings = new ChatSettings(host, host.config.rooms, host.config.remembered);
    const pusher = new Pusher(host, host.config, book, settings);

    host.accountFeature(PUSH_NS);
    host.iq.set(PUSH_NS, "enable", (iq, enable) => enabled(host, book, iq, enable), "owner");
    host.iq.set(PUSH_NS, "disable", (iq, disable) => disabled(book, iq, disable), "owner");

    forSessions(host, book, pusher);
    forAccounts(host, book, pusher);
    forMembers(host, book, pusher);

    host.on(accountDeleted, async (account) => {
      settings.forget(account);
      await book.wipe(account);
    });
    host.onUnload(() => book.unpin());
  },
});

/** Messages to sessions that are asleep, and sessions that wake up. */
function forSessions(host: Host, book: RegistrationBook, pusher: Pusher): void {
  const urgent = (stanza: Stanza, session: Session) => {
    if (stanza.name !== "message" || book.known(session.account.jid) === NONE) return;
    if (!traitsOf(stanza).urgent) return;
    const { jid } = session;
    pusher.message(session.account.jid, stanza, (r) => r.resource === jid.resource);
  };
  const awake = (session: Session) => {
    for (const r of book.known(session.account.jid) ?? []) {
      if (r.resource === session.jid.resource) reset(r);
    }
  };
  host.on(stanzaHeld, urgent);
  // After `csi` has handed over what it held back.
  host.on(sessionHibernated, (session, held) => {
    for (const stanza of held()) urgent(stanza, session);
  }, { after: ["csi"] });
  host.on(urgentWhileInactive, (stanza, session) => {
    const since = inactiveSince.get(session);
    const { inactive } = host.config;
    if (inactive === 0 || since === undefined || performance.now() < since + inactive) return;
    const { jid } = session;
    pusher.message(session.account.jid, stanza, (r) => {
      if (r.resource !== jid.resource) return false;
      // It was here after the last push, and fell asleep again.
      if (r.pushed !== undefined && r.pushed < since) reset(r);
      return true;
    });
  });
  host.on(sessionBound, awake);
  host.on(sessionResumed, awake);
  host.on(sessionClosed, ({ account }) => {
    if (account.sessions.length === 0) book.left(account);
  });
}

/** Chooses the registrations whose client has no session at all. */
function withoutSession(host: Host, account: Jid): (r: Registration) => boolean {
  return (r) => host.account(account)?.session(r.resource) === undefined;
}

/** What members of rooms miss, for those of their clients that are not here. */
function forMembers(host: Host, book: RegistrationBook, pusher: Pusher): void {
  host.on(roomMissed, (_room, message, account) => {
    if (account.domain !== host.domain || book.known(account) === NONE) return;
    // Copies are made for accounts: one that comes out of a room is forged.
    if (!traitsOf(message).urgent || copiedMessage(message) !== undefined) return;
    pusher.message(account, message, withoutSession(host, account));
  });
}

/** Messages to accounts, for those of their clients that are not here. */
function forAccounts(host: Host, book: RegistrationBook, pusher: Pusher): void {
  const came = (message: Stanza, account: Jid): Later<void> => {
    if (book.known(account) === NONE) return;
    const traits = traitsOf(message);
    if (!traits.urgent) return disabledRemotely(book, message, account);
    const { to, type } = message;
    if (type === "error" || type === "groupchat") return;
    // To one client, and not for the others.
    if (to?.resource !== "" && (!traits.carbons || traits.occupant)) return;
    const concerns = withoutSession(host, account);
    // Its session is over, and has been told of while it hibernated.
    const isNews = message.redelivered
      ? (r: Registration) => r.pushed === undefined && concerns(r)
      : concerns;
    pusher.message(account, message, isNews);
  };
  host.on(messageDelivered, came);
  host.on(
    messageOffline,
    (message, account) => then(came(message, account), () => undefined),
    { priority: 900 },
  );

  host.on(subscriptionRequested, ({ from }, account) => {
    if (from === undefined) return undefined;
    pusher.request(
      account,
      withoutSession(host, account),
      () => requestsWaiting(host, account, from),
    );
    return undefined;
  }, { priority: -1000 });
}

/** Requests that the account is to answer, with that of `contact`; 0 if that one needs no answer. */
async function requestsWaiting(host: Host, account: Jid, contact: Jid): Promise<number> {
  const items = (await host.ask(rosterGet, account))?.items;
  const known = items?.get(contact.bare);
  if (known?.approved || known?.subscription === "from" || known?.subscription === "both") return 0;
  // It may not have been kept yet.
  let waiting = known?.pendingIn === undefined ? 1 : 0;
  for (const item of items?.values() ?? []) if (item.pendingIn !== undefined) waiting++;
  return waiting;
}

/** §8: the app server has taken its leave. The message itself goes on: it tells the client. */
function disabledRemotely(
  book: RegistrationBook,
  message: Stanza,
  account: Jid,
): Promise<void> | void {
  const pubsub = message.child("pubsub", PUBSUB_NS);
  const affiliation = pubsub?.child("affiliation");
  if (affiliation?.attrs.affiliation !== "none" || message.from === undefined) return;
  if (affiliation.attrs.jid !== account.bare) return;
  return book.remove(account, message.from.full, pubsub!.attrs.node ?? "");
}

// ---- the clients' requests ----

/** §5. */
async function enabled(
  host: Host,
  book: RegistrationBook,
  iq: Stanza,
  enable: Element,
): Promise<typeof EMPTY_RESULT> {
  const service = serviceIn(enable).full;
  const target = enable.attrs.node ?? "";
  const options = optionsIn(enable, host.config.options_bytes);
  if (byteLength(service + target) > PLACE_BYTES) {
    throw new StanzaError("policy-violation", {
      text: `jid and node have at most ${PLACE_BYTES} bytes`,
    });
  }
  const account = iq.from!.toBare();
  const row = { service, target, resource: iq.from!.resource, options };
  const { registrations } = host.config;
  if (!await book.add(account, row, registrations)) {
    throw new StanzaError("policy-violation", { text: `at most ${registrations} app servers` });
  }
  return EMPTY_RESULT;
}

/** §6: it is no error if there is nothing to disable. */
async function disabled(
  book: RegistrationBook,
  iq: Stanza,
  disable: Element,
): Promise<typeof EMPTY_RESULT> {
  const service = serviceIn(disable).full;
  await book.remove(iq.from!.toBare(), service, disable.attrs.node);
  return EMPTY_RESULT;
}

function serviceIn(request: Element): Jid {
  const { jid: name } = request.attrs;
  if (name === undefined) throw new StanzaError("bad-request", { text: "no app server is named" });
  const jid = parseJid(name);
  if (jid === undefined) throw new StanzaError("jid-malformed", { text: "`jid` is no JID" });
  return jid;
}

/** The form as XML text, to be passed on as it is; "" without one. */
function optionsIn(enable: Element, limit: number): string {
  const element = enable.child("x", FORMS_NS);
  if (element === undefined) return "";
  const { type, formType } = readForm(element);
  if (type !== "submit" || formType !== OPTIONS_FORM) {
    throw new StanzaError("bad-request", { text: "the form is none of publish options" });
  }
  const xml = element.toString();
  if (byteLength(xml) > limit) {
    throw new StanzaError("policy-violation", { text: `the form has at most ${limit} bytes` });
  }
  return xml;
}

const ENCODER = new TextEncoder();

function byteLength(s: string): number {
  return ENCODER.encode(s).length;
}
