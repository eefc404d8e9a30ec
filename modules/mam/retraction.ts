/**
 * Message retraction (XEP-0424) in the archives of accounts: a retracted message gives way to a
 * tombstone, the retraction itself is archived like any message. Only who has sent the message
 * may retract it (§5).
 */

import { formatDateTime } from "../../lib/formats/datetime.ts";
import { traitsOf } from "../../lib/formats/message_traits.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import type { Jid } from "../../lib/jid.ts";
import type { LogArea } from "../../lib/log.ts";
import { NS } from "../../lib/ns.ts";
import { Stanza } from "../../lib/stanza.ts";
import type { Store } from "../../lib/store/mod.ts";
import { AttributeMap, xml } from "../../lib/xml/element.ts";
import { escapeAttribute } from "../../lib/xml/escape.ts";
import type { Archive } from "./archive.ts";
import type { Search } from "./search.ts";

export const RETRACT_NS = "urn:xmpp:message-retract:1";
export const TOMBSTONE_FEATURE = "urn:xmpp:message-retract:1#tombstone";

/** The retracted message is looked for among so many of the newest with the same contact. */
const LOOK_BACK = 1000;

/** Retractions that wait for their turn; what comes beyond is archived and leaves no tombstone. */
const MOST_WAITING = 1000;

/** What stays of a message (RFC 6121 §5.2): no word of it. */
const KEPT_ATTRIBUTES = ["from", "to", "id", "type"] as const;

export interface Retraction {
  readonly owner: string;
  /** Bare JID of the other party in this archive. */
  readonly peer: string;
  /** Who retracts. */
  readonly by: Jid;
  /** `id` of the message, and of the retraction. */
  readonly target: string;
  readonly id: string;
  /** When it came, in ms since the epoch. */
  readonly stamp: number;
  /** Its own place in the archive: the message lies before. */
  readonly place: number;
}

/** What a message retracts, if anything. */
export function retractedId(message: Stanza): string | undefined {
  if (message.type === "groupchat" || message.type === "error") return undefined;
  return message.child("retract", RETRACT_NS)?.attrs.id;
}

export class Tombstones {
  readonly #archive: Archive;
  readonly #search: Search;
  readonly #log: LogArea;
  readonly #sql: ReturnType<typeof statements>;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(archive: Archive, search: Search, log: LogArea) {
    this.#archive = archive;
    this.#search = search;
    this.#log = log;
    this.#sql = statements(archive.store);
  }

  /** Puts a tombstone in its place, after those that were asked for before; for good when it ends. */
  retract(retraction: Retraction): Promise<void> | undefined {
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting++;
    return this.#last = this.#last.then(async () => {
      try {
        await this.#replace(retraction);
      } catch (e) {
        this.#log.error("a retracted message could not be removed", {
          archive: retraction.owner,
          error: e instanceof Error ? e.message : String(e),
        });
      } finally {
        this.#waiting--;
      }
    });
  }

  /** Comes when all is done that was asked for. */
  done(): Promise<void> {
    return this.#last;
  }

  async #replace({ owner, peer, by, target, id, stamp, place }: Retraction): Promise<void> {
    const number = await this.#archive.settled(owner);
    if (number === undefined) return;
    const attribute = `id='${escapeAttribute(target)}'`;
    const rows = await this.#sql.find.all({ owner: number, peer, before: place, attribute });
    for (const row of rows) {
      const message = parseStored(row.xml);
      if (message.id !== target || !isAuthor(message, by)) continue;
      if (message.child("retracted", RETRACT_NS) !== undefined) return;
      await this.#archive.replace(number, row.id, tombstone(message, id, stamp).wire());
      await this.#search.forget(row.id);
      return;
    }
  }
}

/** Any client of the author's; of those in a room, who share its address, the one alone. */
function isAuthor(message: Stanza, by: Jid): boolean {
  if (message.from?.bare !== by.bare) return false;
  return !traitsOf(message).occupant || message.from.full === by.full;
}

/** What stands in the archive in place of a retracted message (§4). */
function tombstone(message: Stanza, id: string, stamp: number): Stanza {
  const attrs = new AttributeMap();
  for (const name of KEPT_ATTRIBUTES) {
    const value = message.attrs[name];
    if (value !== undefined) attrs[name] = value;
  }
  const retracted = xml("retracted", RETRACT_NS, { id, stamp: formatDateTime(stamp) });
  return new Stanza(message.name, NS.client, attrs, [retracted]);
}

function statements(store: Store) {
  const index = store.dialect === "sqlite" ? "archive_by_peer" : "archive";
  return {
    find: store.prepare<
      { owner: number; peer: string; before: number; attribute: string },
      { id: number; xml: string }
    >((db, p) =>
      db.selectFrom(
        db.selectFrom(index).select("id").where("owner", "=", p("owner"))
          .where("peer", "=", p("peer")).where("id", "<", p("before"))
          .orderBy("id", "desc").limit(LOOK_BACK).as("newest"),
      ).innerJoin("archive as a", "a.id", "newest.id").select(["a.id", "a.xml"])
        // The attribute is written like that, in the start tag or further inside.
        .where((e) =>
          store.dialect === "sqlite"
            ? e(e.fn("instr", ["a.xml", p("attribute")]), ">", 0)
            : e(e.fn("strpos", ["a.xml", p("attribute")]), ">", 0)
        ).orderBy("a.id", "desc").limit(20)
    ),
  };
}
