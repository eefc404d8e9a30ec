/** Archives in a store of a test's own, without a server around them. */

import { message, type Stanza } from "../../../../lib/stanza.ts";
import type { ArchivedMessage, ArchiveQuery } from "../../../../lib/hooks/archive.ts";
import { type Jid, parseJid } from "../../../../lib/jid.ts";
import { createLog, type LogArea } from "../../../../lib/log.ts";
import type { Store } from "../../../../lib/store/mod.ts";
import { xml } from "../../../../lib/xml/element.ts";
import { type Archive, openArchive } from "../../../../modules/mam/archive.ts";
import { firstIdOf } from "../../../../modules/mam/ids.ts";
import { type PageLimits, Pages } from "../../../../modules/mam/pages.ts";
import { Search } from "../../../../modules/mam/search.ts";
import { migrations } from "../../../../modules/mam/tables.ts";

export const HOST = "example.org";
export const OWNER = `romeo@${HOST}`;
export const LIMITS: PageLimits = { page: 10, max_page: 20, page_bytes: 1 << 20 };

export interface Archives {
  readonly archive: Archive;
  readonly search: Search;
  readonly pages: Pages;
  readonly log: LogArea;
  /** Lines of the log. */
  readonly lines: string[];
  readonly pledges: Promise<unknown>[];
  /** Puts a message into an archive and gives its id as others see it. */
  put(with_: string, body: string, more?: { owner?: string; stamp?: number; id?: string }): string;
  /** The bodies on a page. */
  bodies(query?: ArchiveQuery, owner?: string): Promise<string[]>;
  close(): Promise<void>;
}

export function jid(text: string): Jid {
  return parseJid(text)!;
}

export async function archivesIn(store: Store, limits = LIMITS): Promise<Archives> {
  await store.migrate("mam", migrations);
  const lines: string[] = [];
  const keep = (text: string) => void lines.push(text);
  const log = createLog({ level: "debug", format: "json", levels: {} } as never, {
    write: keep,
    writeSync: keep,
  }).area("mam");
  const pledges: Promise<unknown>[] = [];
  const { archive, close } = await openArchive({
    store,
    log,
    pledge: (commit) => void pledges.push(commit),
  });
  const search = new Search(archive);
  const pages = new Pages(archive, search, limits);
  let earlier = 0;
  return {
    archive,
    search,
    pages,
    log,
    lines,
    pledges,
    put(with_, body, { owner = OWNER, stamp, id } = {}) {
      const other = jid(with_);
      const place = stamp === undefined ? archive.nextId() : firstIdOf(stamp) + earlier++;
      const text = stanza(other, jid(owner), body, id).wire();
      archive.add({
        host: HOST,
        owner,
        id: place,
        peer: other.bare,
        resource: other.resource,
        xml: text,
      });
      return archive.cipher.write(place);
    },
    async bodies(query = {}, owner = OWNER) {
      return (await pages.query(owner, query)).messages.map(bodyOf);
    },
    close,
  };
}

export function stanza(from: Jid, to: Jid, body: string, id = body): Stanza {
  return message({ from, to, id, type: "chat" }, xml("body", "jabber:client", {}, body));
}

export function bodyOf({ xml }: Pick<ArchivedMessage, "xml">): string {
  return /<body>(.*)<\/body>/s.exec(xml)?.[1] ?? "";
}
