/**
 * Archives do not grow for ever: messages go by age and by number, always the oldest (XEP-0313 §3.2);
 * and the archives of accounts that are gone go altogether. All in small portions, for every statement
 * keeps the others waiting.
 */

import type { Store } from "../../lib/store/mod.ts";
import type { Archive } from "./archive.ts";
import { ABOVE, BELOW, firstIdOf } from "./ids.ts";

/** Messages that one statement removes at most. */
const PORTION = 200;

/** Between two portions, in ms: others come first. */
const PAUSE_MS = 5;

export interface RetentionConfig {
  /** ms; 0 for no end. */
  readonly keep: number;
  /** 0 for any number. */
  readonly max_messages: number;
}

export class Retention {
  readonly #archive: Archive;
  readonly #host: string;
  readonly #config: RetentionConfig;
  readonly #sql: ReturnType<typeof statements>;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(archive: Archive, host: string, config: RetentionConfig) {
    this.#archive = archive;
    this.#host = host;
    this.#config = config;
    this.#sql = statements(archive.store);
  }

  /** Removes what is too old, too much, or nobody's. */
  sweep(): Promise<void> {
    return this.#start(true);
  }

  /** Removes what is nobody's. */
  sweepAbandoned(): Promise<void> {
    return this.#start(false);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => {});
  }

  #start(all: boolean): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    return this.#running = this.#run(all).finally(() => this.#running = undefined);
  }

  async #run(all: boolean): Promise<void> {
    do {
      this.#again = false;
      await this.#removeAbandoned();
      if (all) await this.#trim();
    } while (this.#again && !this.#stopped);
  }

  async #removeAbandoned(): Promise<void> {
    const { owners } = this.#archive;
    for (;;) {
      const numbers = await owners.abandoned(this.#host);
      if (numbers.length === 0) return;
      for (const number of numbers) {
        await this.#removeUpTo(number, ABOVE);
        if (this.#stopped) return;
        await owners.remove(number);
      }
    }
  }

  async #trim(): Promise<void> {
    const { keep, max_messages } = this.#config;
    if (keep === 0 && max_messages === 0) return;
    let after = 0;
    for (;;) {
      const numbers = await this.#archive.owners.some(this.#host, after);
      if (numbers.length === 0) return;
      for (const number of numbers) {
        await this.#archive.indexing.ready(number);
        if (keep > 0) await this.#removeUpTo(number, firstIdOf(Date.now() - keep) - 1);
        if (max_messages > 0) await this.#removeUpTo(number, await this.#surplus(number));
        if (this.#stopped) return;
      }
      after = numbers.at(-1)!;
      await this.#pause();
    }
  }

  /** The last id that is too much. */
  async #surplus(number: number): Promise<number> {
    const most = this.#config.max_messages;
    return (await this.#sql.surplus.first({ owner: number, most }))?.id ?? BELOW;
  }

  /** Removes the messages of an archive up to this id. */
  async #removeUpTo(number: number, last: number): Promise<void> {
    await this.#archive.indexing.ready(number);
    const { portion, removals } = this.#sql;
    while (!this.#stopped) {
      const to = (await portion.first({ owner: number, last }))?.to;
      if (to == null) return;
      await this.#archive.store.batch(removals.map((s) => s.bind({ owner: number, to })));
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

type Portion = { owner: number; to: number };

function statements(store: Store) {
  const sqlite = store.dialect === "sqlite";
  const byTime = sqlite ? "archive_by_time" : "archive";
  const words = store.prepare<Portion>((db, p) =>
    db.deleteFrom("archive_words").where(
      sqlite ? "rowid" : "id",
      "in",
      db.selectFrom(byTime).select("id").where("owner", "=", p("owner"))
        .where("id", "<=", p("to")),
    )
  );
  const byPeer = store.prepare<Portion>((db, p) =>
    db.deleteFrom("archive_by_peer").where((e) =>
      e(
        e.refTuple("owner", "peer", "id"),
        "in",
        e.selectFrom("archive_by_time as i").innerJoin("archive as a", "a.id", "i.id")
          .select(["a.owner", "a.peer", "a.id"]).where("i.owner", "=", p("owner"))
          .where("i.id", "<=", p("to")).$asTuple("owner", "peer", "id"),
      )
    )
  );
  const messages = store.prepare<Portion>((db, p) =>
    db.deleteFrom("archive").where(
      "id",
      "in",
      db.selectFrom(byTime).select("id").where("owner", "=", p("owner"))
        .where("id", "<=", p("to")),
    )
  );
  const places = store.prepare<Portion>((db, p) =>
    db.deleteFrom("archive_by_time").where("owner", "=", p("owner")).where("id", "<=", p("to"))
  );
  return {
    /** The end of the next portion. */
    portion: store.prepare<{ owner: number; last: number }, { to: number | null }>((db, p) =>
      db.selectFrom(
        db.selectFrom(byTime).select("id").where("owner", "=", p("owner"))
          .where("id", "<=", p("last")).orderBy("id").limit(PORTION).as("oldest"),
      ).select((e) => e.fn.max<number>("id").as("to"))
    ),
    surplus: store.prepare<{ owner: number; most: number }, { id: number }>((db, p) =>
      db.selectFrom(byTime).select("id").where("owner", "=", p("owner"))
        .orderBy("id", "desc").limit(1).offset(p("most"))
    ),
    /** In this order: each finds what it removes by what is still there. */
    removals: sqlite ? [words, byPeer, messages, places] : [words, messages],
  };
}
