/** The table of push registrations: which app servers an account's clients want to be told. */

import type { Jid } from "../../lib/jid.ts";
import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("push_registrations")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        // The app server's JID, and the node there; "" for none.
        .addColumn("service", text, (c) => c.notNull())
        .addColumn("target", text, (c) => c.notNull())
        // Of the client that has enabled it last.
        .addColumn("resource", text, (c) => c.notNull())
        // The form of publish options as XML; "" for none.
        .addColumn("options", text, (c) => c.notNull())
        .addColumn("stamp", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("push_registrations_pk", ["host", "node", "service", "target"])
        .execute();
    },
  },
};

export type Row = {
  readonly service: string;
  readonly target: string;
  readonly resource: string;
  readonly options: string;
};

type Account = { host: string; node: string };
type Place = Account & { service: string; target: string };

export class PushTable {
  readonly #domain: string;
  readonly #sql: ReturnType<typeof statements>;

  constructor(store: Store, domain: string) {
    this.#domain = domain;
    this.#sql = statements(store);
  }

  #key(account: Jid): Account {
    return { host: this.#domain, node: account.node };
  }

  /** Oldest first. */
  get(account: Jid): Promise<readonly Row[]> {
    return this.#sql.get.all(this.#key(account));
  }

  /** Adds one, or replaces the one of that app server and node. */
  async set(account: Jid, row: Row): Promise<void> {
    await this.#sql.set.run({ ...this.#key(account), ...row, stamp: Date.now() });
  }

  async remove(account: Jid, service: string, target: string): Promise<void> {
    await this.#sql.remove.run({ ...this.#key(account), service, target });
  }

  async wipe(account: Jid): Promise<void> {
    await this.#sql.wipe.run(this.#key(account));
  }
}

function statements(store: Store) {
  const table = "push_registrations";
  return {
    get: store.prepare<Account, Row>((db, p) =>
      db.selectFrom(table).select(["service", "target", "resource", "options"])
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .orderBy("stamp").orderBy("service").orderBy("target")
    ),
    set: store.prepare<Place & Row & { stamp: number }>((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        service: p("service"),
        target: p("target"),
        resource: p("resource"),
        options: p("options"),
        stamp: p("stamp"),
      }).onConflict((c) =>
        c.columns(["host", "node", "service", "target"]).doUpdateSet((e) => ({
          resource: e.ref("excluded.resource"),
          options: e.ref("excluded.options"),
        }))
      )
    ),
    remove: store.prepare<Place>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
        .where("service", "=", p("service")).where("target", "=", p("target"))
    ),
    wipe: store.prepare<Account>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
  };
}
