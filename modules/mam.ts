/**
 * XEP-0313: Message Archive Management: what accounts have sent and received can be read again, by
 * every client of theirs; with preferences (XEP-0441), full text search (XEP-0431), and tombstones
 * for what was retracted (XEP-0424).
 *
 * The archives themselves are behind the hooks of `lib/hooks/archive.ts`, for rooms and nodes too. A
 * message gets its place and its id at once, and is written in a group with others some ms later:
 * see `mam/buffer.ts` and `mam/tables.ts`.
 */

import * as v from "valibot";
import {
  bytes,
  duration,
  flag,
  oneOf,
  setting,
  wholeNumber,
  wholeNumberOrOff,
} from "../lib/config/setting.ts";
import {
  FULLTEXT_NS,
  MAM_EXTENDED_NS,
  MAM_GROUPCHAT_FIELD,
  MAM_NS,
  metadataElement,
} from "../lib/formats/mam.ts";
import { stanzaIdBy } from "../lib/formats/stanza_id.ts";
import { parseStored } from "../lib/formats/stored.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import {
  type Archived,
  type ArchiveEntry,
  archiveMetadata,
  archiveQuery,
  archiveReplace,
  archiveServe,
  archiveSettled,
  archiveStore,
  archiveWipe,
  messageArchived,
} from "../lib/hooks/archive.ts";
import { boundInline } from "../lib/hooks/inline.ts";
import { messageOffline, messageToAccount, stanzaFromClient } from "../lib/hooks/stanzas.ts";
import { offlineList, offlineRemove } from "../lib/hooks/storage.ts";
import { sessionBound, sessionClosed } from "../lib/hooks/streams.ts";
import type { Jid } from "../lib/jid.ts";
import { type Later, then } from "../lib/later.ts";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { AccountArchives } from "./mam/accounts.ts";
import { type Archive, openArchive } from "./mam/archive.ts";
import { stampOf } from "./mam/ids.ts";
import { Pages } from "./mam/pages.ts";
import {
  BEHAVIOURS,
  preferencesElement,
  PreferencesKeeper,
  readPreferences,
} from "./mam/preferences.ts";
import { RETRACT_NS, retractedId, TOMBSTONE_FEATURE, Tombstones } from "./mam/retraction.ts";
import { Retention } from "./mam/retention.ts";
import { Search } from "./mam/search.ts";
import { serve } from "./mam/serve.ts";
import { migrations } from "./mam/tables.ts";

const config = v.strictObject({
  default: setting(
    oneOf(...BEHAVIOURS),
    "always",
    "What is archived for accounts that have not chosen: all, nothing, or messages of contacts.",
  ),
  keep: setting(
    duration("1h", "36500d", { off: true }),
    0,
    "Age at which messages leave an archive; 0 for never.",
  ),
  max_messages: setting(
    wholeNumberOrOff(100, 1_000_000_000),
    1_000_000,
    "Messages that one archive holds, the oldest go first; 0 for any number.",
  ),
  page: setting(wholeNumber(1, 1000), 50, "Messages of a page if the client does not say."),
  max_page: setting(wholeNumber(1, 1000), 250, "Messages of a page at most."),
  page_bytes: setting(
    bytes(4 << 10, 64 << 20),
    "1 MiB",
    "Size of a page: beyond it the client has to ask for the next one.",
  ),
  full_text: setting(flag(), true, "Clients may search for words."),
  tombstones: setting(
    flag(),
    true,
    "Messages that were retracted by their sender leave the archives.",
  ),
  clear_offline: setting(
    flag(),
    false,
    "Clients with Bind 2 get no offline messages that are in the archive: XEP-0386 wants them to read it.",
  ),
  exceptions: setting(
    wholeNumber(0, 100_000),
    1000,
    "Addresses that one account may except in its preferences.",
  ),
  remembered: setting(
    wholeNumber(0, 10_000_000),
    20_000,
    "Accounts that are offline whose preferences are remembered for some minutes.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** After all who change or refuse a message, before those who copy it. */
const ORDER = { priority: -900, after: ["stable_ids", "blocking"] };

const SWEEP_MS = 3_600_000;
const INDEX_MS = 600_000;

export default defineModule({
  name: "mam",
  description: "Keeps an archive of messages for each account",
  xeps: {
    "XEP-0313": "1.1.3",
    "XEP-0334": "1.0.0",
    "XEP-0359": "0.7.0",
    "XEP-0424": "0.4.2",
    "XEP-0431": "0.2.0",
    "XEP-0441": "0.2.0",
  },
  config,
  migrations,
  async setup(host) {
    const { archive, close } = await openArchive(host);
    host.onUnload(close);
    const search = new Search(archive);
    const pages = new Pages(archive, search, host.config);
    const retention = new Retention(archive, host.domain, host.config);
    const tombstones = new Tombstones(archive, search, host.log);
    host.onUnload(() => Promise.all([retention.stop(), tombstones.done()]).then(() => {}));

    host.on(archiveStore, (owner, entry) => keep(host, archive, tombstones, owner, entry));
    host.on(archiveSettled, (owner) => archive.kept(owner));
    host.on(archiveQuery, (owner, query) => pages.query(owner, query));
    host.on(archiveMetadata, (owner) => pages.ends(owner));
    host.on(archiveReplace, async (owner, id, message) => {
      const place = archive.cipher.read(id);
      const number = place === undefined ? undefined : await archive.settled(owner);
      if (place === undefined || number === undefined) return false;
      if (!await archive.replace(number, place, message.wire())) return false;
      await search.forget(place);
      return true;
    });
    host.on(archiveWipe, async (owner) => {
      await archive.settled(owner);
      if (await archive.owners.abandon(owner)) void retention.sweepAbandoned().catch(failed);
      return true as const;
    });
    const reading = { fullText: host.config.full_text };
    host.on(
      archiveServe,
      (request, owner, options) => serve(host, request, owner, reading, options),
    );

    const failed = (e: unknown) =>
      host.log.error("old messages could not be removed", {
        error: e instanceof Error ? e.message : String(e),
      });
    host.every(SWEEP_MS, () => retention.sweep());
    void retention.sweepAbandoned().catch(failed);
    if (reading.fullText) {
      host.every(INDEX_MS, async () => {
        for (const number of await search.behind(host.domain)) await search.catchUp(number);
      });
    }
    return accounts(host, archive, pages);
  },
});

/** Gives a message its place; the commit is pledged. */
function keep(
  host: Host,
  archive: Archive,
  tombstones: Tombstones,
  owner: string,
  entry: ArchiveEntry,
): Later<Archived> {
  const place = archive.nextId();
  const archived: Archived = { id: archive.cipher.write(place), stamp: stampOf(place) };
  const { message, with: { bare: peer, resource } } = entry;
  const full = archive.add({
    host: host.domain,
    owner,
    id: place,
    peer,
    resource,
    xml: message.wire(),
  });
  if (host.config.tombstones && message.hasNs(RETRACT_NS)) {
    const target = retractedId(message);
    if (target !== undefined && message.from !== undefined) {
      const done = tombstones.retract({
        owner,
        peer,
        by: message.from,
        target,
        id: message.id ?? "",
        stamp: archived.stamp,
        place,
      });
      if (done !== undefined) host.pledge(done);
    }
  }
  const told = host.has(messageArchived)
    ? host.tell(messageArchived, owner, archived, entry)
    : full;
  if (told === undefined && full === undefined) return archived;
  return Promise.all([told, full]).then(() => archived);
}

/** The archives of the host's accounts. */
async function accounts(host: Host, archive: Archive, pages: Pages): Promise<void> {
  // The account announces its archive (§7); profanity and others look for it at the server.
  host.feature(RETRACT_NS, MAM_NS);
  host.accountFeature(MAM_NS, MAM_EXTENDED_NS, MAM_GROUPCHAT_FIELD, RETRACT_NS);
  if (host.config.full_text) host.accountFeature(FULLTEXT_NS);
  if (host.config.tombstones) host.accountFeature(TOMBSTONE_FEATURE);

  const preferences = new PreferencesKeeper(host);
  const passing = new AccountArchives(host, preferences);
  host.on(sessionBound, (session) => preferences.load(session.account));
  host.on(sessionClosed, (session) => preferences.closed(session));
  host.onUnload(() => preferences.unload());
  host.on(stanzaFromClient, (stanza, session) => passing.outgoing(stanza, session), ORDER);
  host.on(messageToAccount, (stanza, to) => passing.incoming(stanza, to), ORDER);
  // Nobody else has kept it: its reader will find it in the archive, so its sender need not worry.
  host.on(messageOffline, (message, account) => {
    const id = stanzaIdBy(message, account.bare);
    return id !== undefined && archive.cipher.read(id) !== undefined ? true : undefined;
  }, { priority: -900 });
  host.on(accountDeleted, async (account) => {
    await preferences.forget(account);
    await host.ask(archiveWipe, account.bare);
  });

  for (const name of ["query", "metadata"]) {
    host.iq.get(MAM_NS, name, (iq) => own(host, iq.from!.toBare(), iq), "owner");
  }
  host.iq.set(MAM_NS, "query", (iq) => own(host, iq.from!.toBare(), iq), "owner");
  host.iq.get(MAM_NS, "prefs", async (iq) => {
    return preferencesElement(await preferences.get(iq.from!.toBare()));
  }, "owner");
  host.iq.set(MAM_NS, "prefs", async (iq, payload) => {
    const wanted = readPreferences(payload);
    await preferences.set(iq.from!.toBare(), wanted);
    return preferencesElement(wanted);
  }, "owner");

  host.on(boundInline, async (answers, session) => {
    const account = session.account.jid;
    if (host.config.clear_offline) await clearOffline(host, pages, account);
    const ends = await host.ask(archiveMetadata, account.bare);
    return [...answers, metadataElement(ends ?? "empty")];
  });
  for (const account of [...host.accounts()]) await preferences.load(account);
}

function own(host: Host, account: Jid, request: Parameters<typeof serve>[1]) {
  return then(host.ask(archiveServe, request, account.bare), (answer) => answer!);
}

/**
 * XEP-0386 §3.2: a client that binds like this reads the archive. What is in there is not to come a
 * second time as an offline message; what is not, comes. Not all clients that bind like this do read it,
 * and those that do know a message by its id: so this is done only where it is asked for.
 */
async function clearOffline(host: Host, pages: Pages, account: Jid): Promise<void> {
  const waiting = await host.ask(offlineList, account) ?? [];
  if (waiting.length === 0) return;
  const ids = new Map<string, number>();
  for (const { id, xml } of waiting) {
    const place = stanzaIdBy(parseStored(xml), account.bare);
    if (place !== undefined) ids.set(place, id);
  }
  const known = await pages.known(account.bare, [...ids.keys()]);
  await host.ask(offlineRemove, account, [...known].map((place) => ids.get(place)!));
}
