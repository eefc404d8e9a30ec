/**
 * The archives of a database: one for all hosts of the process, since ids are unique among all of
 * them and all share the groups in which messages are written.
 */

import type { Later } from "../../lib/later.ts";
import type { LogArea } from "../../lib/log.ts";
import { Owners } from "./owners.ts";
import { type Store, StoreError } from "../../lib/store/mod.ts";
import { Buffer, type Row } from "./buffer.ts";
import { IdCipher, IdClock } from "./ids.ts";
import { Indexing } from "./indexing.ts";

/** How long after the database was not to be reached it is tried once more, in ms. */
const RETRY_MS = 1000;

/** What of a module's host is used; all hosts of a store share the first one's. */
export interface ArchiveHost {
  readonly log: LogArea;
  readonly store: Store;
  pledge(commit: Promise<unknown>): void;
}

export class Archive {
  readonly store: Store;
  readonly owners: Owners;
  readonly indexing: Indexing;
  readonly cipher: IdCipher;
  readonly #clock: IdClock;
  readonly #buffer: Buffer;
  readonly #log: LogArea;
  readonly #sql: ReturnType<typeof statements>;
  /** Messages that could not be kept, since the start. */
  lost = 0;

  /** Reads where the archives stand. */
  static async open(host: ArchiveHost): Promise<Archive> {
    const sql = statements(host.store);
    const state = new Map((await sql.state.all({ all: 1 })).map((row) => [row.name, row.value]));
    const last = (await sql.last.first({ all: 1 }))?.last ?? -1;
    const upTo = Number(state.get("indexed"));
    const key = Uint8Array.fromHex(state.get("key")!);
    const archive = new Archive(host, sql, new IdClock(Math.max(last, upTo)), new IdCipher(key));
    await archive.indexing.start(upTo);
    return archive;
  }

  private constructor(
    host: ArchiveHost,
    sql: ReturnType<typeof statements>,
    clock: IdClock,
    cipher: IdCipher,
  ) {
    this.store = host.store;
    this.#log = host.log;
    this.#sql = sql;
    this.#clock = clock;
    this.cipher = cipher;
    this.owners = new Owners(host.store);
    this.indexing = new Indexing(host.store);
    this.#buffer = new Buffer({
      write: (rows) => this.#write(rows),
      pledge: (written) => host.pledge(written),
    });
  }

  nextId(): number {
    return this.#clock.next();
  }

  /** Keeps a message; a promise if too much is waiting to be written. */
  add(row: Row): Promise<unknown> | undefined {
    return this.#buffer.add(row);
  }

  /** Whether what was put into an archive is kept for good, as soon as that is known. */
  kept(owner: string): Later<boolean> {
    return this.#buffer.settled(owner) ?? true;
  }

  /**
   * The number of an archive, after all that was put into it can be read; undefined if it is empty.
   */
  async settled(owner: string): Promise<number | undefined> {
    await this.#buffer.settled(owner);
    const number = await this.owners.find(owner);
    if (number !== undefined) await this.indexing.ready(number);
    return number;
  }

  /** Writes all that is waiting. */
  async drain(): Promise<void> {
    await this.#buffer.drain();
    await this.indexing.idle();
  }

  /** Puts another text in the place of a message; false if there is none. */
  async replace(number: number, id: number, xml: string): Promise<boolean> {
    return (await this.#sql.replace.run({ owner: number, id, xml })).changes > 0;
  }

  /** Rejects when it has failed for good, which is logged. */
  async #write(rows: readonly Row[]): Promise<void> {
    try {
      await this.#tryToWrite(rows);
    } catch (e) {
      try {
        if (!isTransient(e)) throw e;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        await this.#tryToWrite(rows);
      } catch (error) {
        this.lost += rows.length;
        this.#log.error("messages could not be archived", {
          messages: rows.length,
          error: error instanceof Error ? error.message : String(error),
        });
        throw error;
      }
    }
  }

  async #tryToWrite(rows: readonly Row[]): Promise<void> {
    const numbers = await this.owners.numbers(rows);
    const { insert } = this.#sql;
    const inserts = [];
    for (const { owner, id, peer, resource, xml } of rows) {
      const number = numbers.get(owner);
      // None: it was wiped this very moment. The other messages of the group are not to go with it.
      if (number !== undefined) {
        inserts.push(insert.bind({ owner: number, id, peer, resource, xml }));
      }
    }
    if (inserts.length === 0) return;
    await this.store.batch(inserts);
    this.indexing.wrote(numbers.values(), rows.at(-1)!.id, rows.length);
  }
}

function isTransient(e: unknown): boolean {
  return e instanceof StoreError && (e.code === "unavailable" || e.code === "busy");
}

function statements(store: Store) {
  return {
    // A prepared statement needs a parameter.
    state: store.prepare<{ all: number }, { name: string; value: string }>((db, p) =>
      db.selectFrom("archive_state").select(["name", "value"]).where(p("all"), "=", 1)
    ),
    last: store.prepare<{ all: number }, { last: number | null }>((db, p) =>
      db.selectFrom("archive").select((e) => e.fn.max<number>("id").as("last"))
        .where(p("all"), "=", 1)
    ),
    insert: store.prepare<
      { owner: number; id: number; peer: string; resource: string; xml: string }
    >((db, p) =>
      // What a lost connection has kept after all is not written twice.
      db.insertInto("archive").values({
        id: p("id"),
        owner: p("owner"),
        peer: p("peer"),
        resource: p("resource"),
        xml: p("xml"),
      }).onConflict((c) => c.column("id").doNothing())
    ),
    replace: store.prepare<{ owner: number; id: number; xml: string }>((db, p) =>
      db.updateTable("archive").set({ xml: p("xml") }).where("id", "=", p("id"))
        .where("owner", "=", p("owner"))
    ),
  };
}

interface Shared {
  archive: Promise<Archive>;
  users: number;
}

/** By the store, so that it goes with it. */
const archives = new WeakMap<Store, Shared>();

/** The archives in the host's store, and how to let go of them: what is waiting is written then. */
export async function openArchive(
  host: ArchiveHost,
): Promise<{ archive: Archive; close: () => Promise<void> }> {
  let shared = archives.get(host.store);
  if (shared === undefined) {
    shared = { archive: Archive.open(host), users: 0 };
    archives.set(host.store, shared);
  }
  const mine = shared;
  mine.users++;
  const close = async () => {
    if (--mine.users === 0 && archives.get(host.store) === mine) archives.delete(host.store);
    await (await mine.archive).drain();
  };
  try {
    return { archive: await mine.archive, close };
  } catch (e) {
    mine.users--;
    archives.delete(host.store);
    throw e;
  }
}
