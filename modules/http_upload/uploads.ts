/** Slots and files: what is asked for over XMPP, and what comes and goes over HTTP. */

import { randomBytes, timingSafeEqual } from "node:crypto";
import type { UploadHost } from "./config.ts";
import { keptMs } from "./config.ts";
import type { Files } from "./files.ts";
import { contentType, essence } from "./names.ts";
import { DAY_MS, Quota } from "./quota.ts";
import type { SlotRequest } from "./request.ts";
import {
  GONE,
  NEVER,
  type Purpose,
  PURPOSES,
  type Row,
  SLOT,
  type Statements,
  STORED,
} from "./table.ts";

/** Rows and files that a sweep looks at in one go. */
const SWEEP_ROWS = 200;

/** How an upload ended; the number is the status of HTTP. */
export type Outcome = 201 | 400 | 403 | 404 | 409 | 411 | 413 | 415;

export class Uploads {
  readonly host: UploadHost;
  readonly files: Files;
  readonly #sql: Statements;
  readonly #quota: Quota;
  /** Uploads under way, by id. */
  readonly #writing = new Map<string, { cancel: () => void; done: Promise<unknown> }>();
  /** The last request for a slot of each account: one after the other, for the quota's sake. */
  readonly #queue = new Map<string, Promise<unknown>>();
  #closed = false;
  #sweeping: Promise<void> | undefined;

  constructor(host: UploadHost, sql: Statements, files: Files) {
    this.host = host;
    this.files = files;
    this.#sql = sql;
    this.#quota = new Quota(host, sql);
  }

  /** Brings files that are there already under the settings of today. */
  async start(): Promise<void> {
    const { domain, config } = this.host;
    for (const purpose of PURPOSES) {
      await this.#sql.renew.run({ host: domain, purpose, ms: keptMs(purpose, config) });
    }
  }

  // ---- slots ----

  /** Permits an upload. @throws StanzaError if it may not be */
  slot(node: string, request: SlotRequest): Promise<Row> {
    const before = this.#queue.get(node) ?? Promise.resolve();
    const mine = before.then(() => this.#slot(node, request));
    const settled = mine.catch(() => {});
    this.#queue.set(node, settled);
    settled.then(() => {
      if (this.#queue.get(node) === settled) this.#queue.delete(node);
    });
    return mine;
  }

  async #slot(node: string, { name, size, type, purpose, until }: SlotRequest): Promise<Row> {
    const now = Date.now();
    await this.#quota.take(node, { name, size, type, purpose, until }, now);
    const row: Row = {
      id: randomBytes(16).toString("hex"),
      host: this.host.domain,
      node,
      name,
      type,
      size,
      purpose,
      secret: randomBytes(16).toString("hex"),
      state: SLOT,
      created: now,
      stored: 0,
      until,
      expires: Math.min(now + this.host.config.slot_lifetime, until),
    };
    try {
      await this.#sql.insert.run(row);
    } catch (e) {
      await this.#quota.add(-size);
      throw e;
    }
    return row;
  }

  // ---- over HTTP ----

  /** The row of a slot or file that is there now. */
  async find(id: string, name: string): Promise<Row | undefined> {
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
    const row = await this.#sql.get.first({ id, host: this.host.domain });
    if (row === undefined || row.name !== name || row.state === GONE) return undefined;
    return row.expires <= Date.now() ? undefined : row;
  }

  /** Takes a file in. Rejects if the disk does not. */
  async put(
    row: Row,
    secret: string,
    length: string | undefined,
    type: string | undefined,
    body: ReadableStream<Uint8Array>,
  ): Promise<Outcome> {
    if (row.state === STORED) return 409;
    if (!sameText(secret, row.secret)) return 403;
    if (length === undefined) return 411;
    if (!/^\d{1,15}$/.test(length) || Number(length) !== row.size) {
      return Number(length) > row.size ? 413 : 400;
    }
    const told = type === undefined ? undefined : contentType(type);
    if (type !== undefined && told === undefined) return 400;
    if (row.type !== "" && told !== undefined && essence(told) !== essence(row.type)) return 415;
    if (this.#closed) return 404;
    if (this.#writing.has(row.id)) return 409;
    let stopped = false;
    const reader = body.getReader();
    const readable = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = stopped ? { done: true, value: undefined } : await reader.read();
        if (done) controller.close();
        else controller.enqueue(value!);
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
    const done = this.#write(row, row.type !== "" ? row.type : told ?? "", readable);
    const cancel = () => {
      stopped = true;
      reader.cancel().catch(() => {});
    };
    this.#writing.set(row.id, { cancel, done: done.catch(() => {}) });
    try {
      return await done;
    } finally {
      this.#writing.delete(row.id);
    }
  }

  async #write(row: Row, type: string, body: ReadableStream<Uint8Array>): Promise<Outcome> {
    const { id, purpose, until } = row;
    // What has begun in time may end later; after a crash the slot goes by itself.
    const held = Math.min(Date.now() + DAY_MS, until);
    const { changes } = await this.#sql.hold.run({ id, now: Date.now(), expires: held });
    if (changes === 0) return 404;
    let whole = false;
    try {
      whole = await this.files.write(id, row.size, body);
    } finally {
      // The client may try again, while the slot lasts.
      if (!whole) await this.#sql.hold.run({ id, now: Date.now(), expires: row.expires });
    }
    if (!whole) return 400;
    const now = Date.now();
    const kept = keptMs(purpose as Purpose, this.host.config);
    const expires = kept === NEVER ? until : Math.min(row.created + kept, until);
    const result = await this.#sql.keep.run({ id, type, stored: now, expires, now });
    if (result.changes > 0) return 201;
    await this.files.remove(id);
    return 404;
  }

  // ---- going ----

  /** An account is gone, and all it has. */
  async wipe(node: string): Promise<void> {
    const account = { host: this.host.domain, node };
    await this.#sql.end.run(account);
    await this.sweep();
    await this.#sql.forget.run(account);
  }

  async remove(id: string): Promise<boolean> {
    const found = await this.#sql.endOne.run({ id, host: this.host.domain, now: Date.now() });
    if (found.changes === 0) return false;
    await this.sweep();
    return true;
  }

  /** The files of an account, the latest first. */
  list(node: string, limit: number): Promise<readonly Row[]> {
    return this.#sql.list.all({ host: this.host.domain, node, now: Date.now(), limit });
  }

  /** Removes what has expired by now, a few files at a time. */
  async sweep(): Promise<void> {
    // One that runs may have passed what is over only now.
    while (this.#sweeping !== undefined) await this.#sweeping;
    this.#sweeping = this.#sweep();
    try {
      await this.#sweeping;
    } finally {
      this.#sweeping = undefined;
    }
  }

  async #sweep(): Promise<void> {
    const host = this.host.domain;
    const now = Date.now();
    for (;;) {
      const rows = await this.#sql.expired.all({ host, now, limit: SWEEP_ROWS });
      for (const row of rows) {
        this.#writing.get(row.id)?.cancel();
        await this.#writing.get(row.id)?.done;
        // First the file: after a crash its row still tells of it.
        await this.files.remove(row.id);
        const counts = row.state === STORED && row.created + DAY_MS > now;
        if (counts) await this.#sql.gone.run({ id: row.id, expires: row.created + DAY_MS });
        else await this.#sql.drop.run({ id: row.id });
        await this.#quota.add(-row.size);
      }
      if (rows.length < SWEEP_ROWS) break;
    }
    await this.#sql.purge.run({ host, now });
  }

  /** Removes files that no row tells of: what a crash, or a restored database, has left. */
  async removeOrphans(): Promise<void> {
    const host = this.host.domain;
    const removed = await this.files.removeOrphans(
      async (folder) => {
        // Ids are hexadecimal: "g" is behind all of them.
        const rows = await this.#sql.ids.all({ host, from: folder, to: `${folder}g` });
        return new Set(rows.map((row) => row.id));
      },
      (id) => this.#writing.has(id),
    );
    if (removed > 0) this.host.log.info("files without an owner were removed", { files: removed });
  }

  /** Breaks uploads off. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#writing.values()) cancel();
    await Promise.all([...this.#writing.values()].map(({ done }) => done));
    await this.#sweeping?.catch(() => {});
  }
}

function sameText(a: string, b: string): boolean {
  const [x, y] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  return b !== "" && x.length === y.length && timingSafeEqual(x, y);
}
