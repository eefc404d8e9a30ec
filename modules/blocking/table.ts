/** The table of blocked addresses: the built-in answers to the hooks `blocklist.*`. */

import type { Jid } from "../../lib/jid.ts";
import type { Migrations } from "../../lib/module.ts";
import { type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("blocked")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("jid", text, (c) => c.notNull())
        .addPrimaryKeyConstraint("blocked_pk", ["host", "node", "jid"])
        .execute();
    },
  },
};

type Key = { host: string; node: string };

export class BlockTable {
  readonly #store: Store;
  readonly #domain: string;
  readonly #sql: ReturnType<typeof statements>;

  constructor(store: Store, domain: string) {
    this.#store = store;
    this.#domain = domain;
    this.#sql = statements(store);
  }

  #key(account: Jid): Key {
    return { host: this.#domain, node: account.node };
  }

  async get(account: Jid): Promise<readonly string[]> {
    return (await this.#sql.get.all(this.#key(account))).map((row) => row.jid);
  }

  /** Writes only what differs. */
  async set(account: Jid, jids: readonly string[]): Promise<true> {
    const key = this.#key(account);
    const old = new Set(await this.get(account));
    const now = new Set(jids);
    await this.#store.batch([
      ...[...old].filter((jid) => !now.has(jid)).map((jid) =>
        this.#sql.remove.bind({ ...key, jid })
      ),
      ...[...now].filter((jid) => !old.has(jid)).map((jid) => this.#sql.add.bind({ ...key, jid })),
    ]);
    return true;
  }

  async wipe(account: Jid): Promise<void> {
    await this.#sql.wipe.run(this.#key(account));
  }
}

function statements(store: Store) {
  return {
    get: store.prepare<Key, { jid: string }>((db, p) =>
      db.selectFrom("blocked").select("jid")
        .where("host", "=", p("host")).where("node", "=", p("node")).orderBy("jid")
    ),
    add: store.prepare<Key & { jid: string }>((db, p) =>
      db.insertInto("blocked").values({ host: p("host"), node: p("node"), jid: p("jid") })
        .onConflict((c) => c.columns(["host", "node", "jid"]).doNothing())
    ),
    remove: store.prepare<Key & { jid: string }>((db, p) =>
      db.deleteFrom("blocked").where("host", "=", p("host")).where("node", "=", p("node"))
        .where("jid", "=", p("jid"))
    ),
    wipe: store.prepare<Key>((db, p) =>
      db.deleteFrom("blocked").where("host", "=", p("host")).where("node", "=", p("node"))
    ),
  };
}
