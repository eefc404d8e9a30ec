/**
 * Full text search (XEP-0431) in what people have said, the bodies of messages. An index of words costs
 * more than the archive itself, and few ever search: so an archive has one from its first search on,
 * which reads all of it once; later searches read what came since.
 */

import { type RawBuilder, sql } from "kysely";
import { parseStored } from "../../lib/formats/stored.ts";
import { NS } from "../../lib/ns.ts";
import type { Store } from "../../lib/store/mod.ts";
import type { Archive } from "./archive.ts";
import { ABOVE } from "./ids.ts";
import { wordsOf, wordsSought } from "./words.ts";

/** Messages read at once: between two portions the event loop is free. */
const PORTION = 200;

/** Words of one message that can be found, and words that one search may name. */
const MOST_WORDS = 2000;
const MOST_SOUGHT = 32;

/** An encrypted message says in its body only that it is one (XEP-0380). */
const ENCRYPTION_NS = "urn:xmpp:eme:0";

export class Search {
  readonly #archive: Archive;
  readonly #store: Store;
  readonly #sql: ReturnType<typeof statements>;
  /** Work under way, by the number of the archive. */
  readonly #running = new Map<number, Promise<void>>();
  /** Messages that were replaced since that work began. */
  readonly #forgotten = new Set<number>();

  constructor(archive: Archive) {
    this.#archive = archive;
    this.#store = archive.store;
    this.#sql = statements(archive.store);
  }

  /**
   * What to ask the index for, after it knows all of the archive; "" if nothing can match.
   */
  async match(number: number, text: string): Promise<string> {
    const words = wordsSought(text, MOST_SOUGHT);
    if (words.length === 0) return "";
    await this.catchUp(number);
    // The mark of the archive is a word too: the index itself leaves the others out.
    const all = [markOf(number), ...words];
    // Words are letters and digits: nothing in them can end a quotation.
    return this.#store.dialect === "sqlite"
      ? all.map((word) => `"${word}"`).join(" ")
      : all.map((word) => `'${word}'`).join(" & ");
  }

  /** Brings the index of an archive up to date. */
  catchUp(number: number): Promise<void> {
    const running = this.#running.get(number);
    if (running !== undefined) return running;
    const run = this.#run(number).finally(() => {
      this.#running.delete(number);
      if (this.#running.size === 0) this.#forgotten.clear();
    });
    this.#running.set(number, run);
    return run;
  }

  /** Archives that have been searched and have messages that their index does not know. */
  async behind(host: string): Promise<readonly number[]> {
    return (await this.#sql.behind.all({ host })).map((row) => row.id);
  }

  /** A message was replaced: its words are gone, also those that were read and not taken in yet. */
  async forget(id: number): Promise<void> {
    if (this.#running.size > 0) this.#forgotten.add(id);
    await this.#sql.remove.run({ id });
  }

  async #run(number: number): Promise<void> {
    const { add, mark, next, upTo } = this.#sql;
    let after = (await upTo.first({ id: number }))?.searched ?? -1;
    for (;;) {
      const rows = await next.all({ owner: number, after, to: ABOVE, limit: PORTION });
      if (rows.length === 0) return;
      const writes = [];
      for (const { id, xml } of rows) {
        if (this.#forgotten.has(id)) continue;
        const words = wordsOf(spokenText(xml), MOST_WORDS);
        if (words.length === 0) continue;
        writes.push(add.bind({ id, words: `${markOf(number)} ${words.join(" ")}` }));
      }
      after = rows.at(-1)!.id;
      await this.#store.batch([...writes, mark.bind({ id: number, searched: after })]);
    }
  }
}

/** A word for all messages of an archive. No harm if somebody writes it: it is not all that is asked. */
function markOf(number: number): string {
  return `archive0${number}`;
}

/** The bodies of a message, in all languages; "" for a message that is encrypted. */
function spokenText(xml: string): string {
  if (!xml.includes("<body")) return "";
  const message = parseStored(xml);
  if (message.hasNs(ENCRYPTION_NS)) return "";
  return message.elements("body", NS.client).map((body) => body.text()).join(" ");
}

function statements(store: Store) {
  const sqlite = store.dialect === "sqlite";
  const key = sqlite ? "rowid" : "id";
  const byTime = sqlite ? "archive_by_time" : "archive";
  // array_to_tsvector takes the words as they are; any other way has a parser of its own.
  const stored = (words: RawBuilder<string>) =>
    sqlite ? words : sql`array_to_tsvector(string_to_array(${words}::text, ' '))`;
  return {
    upTo: store.prepare<{ id: number }, { searched: number | null }>((db, p) =>
      db.selectFrom("archive_owners").select("searched").where("id", "=", p("id"))
    ),
    next: store.prepare<
      { owner: number; after: number; to: number; limit: number },
      { id: number; xml: string }
    >((db, p) =>
      db.selectFrom(`${byTime} as i`).innerJoin("archive as a", "a.id", "i.id")
        .select(["a.id", "a.xml"]).where("i.owner", "=", p("owner"))
        .where("i.id", ">", p("after")).where("i.id", "<", p("to"))
        .orderBy("i.id").limit(p("limit"))
    ),
    add: store.prepare<{ id: number; words: string }>((db, p) =>
      db.insertInto("archive_words").values({ [key]: p("id"), words: stored(p("words")) })
    ),
    mark: store.prepare<{ id: number; searched: number }>((db, p) =>
      db.updateTable("archive_owners").set({ searched: p("searched") }).where("id", "=", p("id"))
    ),
    remove: store.prepare<{ id: number }>((db, p) =>
      db.deleteFrom("archive_words").where(key, "=", p("id"))
    ),
    behind: store.prepare<{ host: string }, { id: number }>((db, p) =>
      db.selectFrom("archive_owners as o").select("o.id").where("o.host", "=", p("host"))
        .where("o.searched", "is not", null)
        .where((e) =>
          e.exists(
            e.selectFrom(`${byTime} as i`).select("i.id").whereRef("i.owner", "=", "o.id")
              .whereRef("i.id", ">", "o.searched"),
          )
        ).orderBy("o.id").limit(100)
    ),
  };
}
