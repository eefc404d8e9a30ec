/**
 * XEP-0012: Last Activity: how long the host has been up, and when an account was last logged in.
 * What of its resources is idle, its clients tell by themselves; who may ask is checked here.
 */

import * as v from "valibot";
import { sql } from "kysely";
import { defineModule, type Migrations, type ModuleHost, result } from "../lib/module.ts";
import { setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { accountDeleted, accountExists } from "../lib/hooks/accounts.ts";
import { mayDiscover } from "../lib/hooks/disco.ts";
import { presenceChanged } from "../lib/hooks/presence.ts";
import { iqToSession } from "../lib/hooks/stanzas.ts";
import { sessionClosed } from "../lib/hooks/streams.ts";
import type { Jid } from "../lib/jid.ts";
import { then } from "../lib/later.ts";
import { slot } from "../lib/session.ts";
import { integerType, type Store, textType } from "../lib/store/mod.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";

const LAST_NS = "jabber:iq:last";

const config = v.strictObject({
  status_length: setting(
    wholeNumber(0, 100_000),
    1024,
    "Characters kept of the status that somebody logged out with; longer ones are cut off.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("last_logouts")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("time", integerType, (c) => c.notNull())
        .addColumn("status", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("last_logouts_pk", ["host", "node"])
        .execute();
    },
  },
};

interface Logout {
  /** ms since the epoch. */
  readonly time: number;
  readonly status: string;
}

/** Logouts are written in one go. */
const WRITE_EVERY_MS = 10_000;

/** On an account: the status its last available resource went with. */
const farewell = slot<string>();

export default defineModule({
  name: "last",
  description: "Tells the host's uptime and when accounts were last online",
  xeps: { "XEP-0012": "2.0" },
  config,
  migrations,
  setup(host) {
    const logouts = new Logouts(host);
    host.feature(LAST_NS);
    host.accountFeature(LAST_NS);

    host.on(presenceChanged, (session, presence) => {
      if (session.presence !== undefined) return;
      const status = presence.childText("status");
      if (status !== undefined || farewell.get(session.account) !== undefined) {
        farewell.set(session.account, status);
      }
    });
    host.on(sessionClosed, ({ account }) => {
      if (account.sessions.length > 0) return;
      const status = farewell.get(account) ?? "";
      // Guests, and accounts that are gone by now, leave nothing behind.
      return then(host.ask(accountExists, account.jid), (exists) => {
        if (exists === true) logouts.add(account.jid, status);
      });
    });
    host.every(WRITE_EVERY_MS, () => logouts.write());
    host.onUnload(() => logouts.write());
    host.on(accountDeleted, (account) => logouts.wipe(account));

    host.iq.get(LAST_NS, "query", () => result(lastElement(host.server.started)), "host");
    host.iq.get(LAST_NS, "query", async (iq) => {
      const account = iq.to!.toBare();
      if (await host.ask(mayDiscover, account, iq.from!) !== true) {
        throw new StanzaError("forbidden");
      }
      if (host.account(account) !== undefined) return result(lastElement(Date.now()));
      const logout = await logouts.of(account);
      if (logout === undefined) throw new StanzaError("item-not-found");
      return result(lastElement(logout.time, logout.status));
    }, "account");

    // §4: a resource's idle time is for those who may see its presence.
    host.on(iqToSession, (request, session) => {
      const payload = request.first();
      if (payload?.ns !== LAST_NS || payload.name !== "query") return;
      return then(host.ask(mayDiscover, session.account.jid, request.from!), (may) => {
        if (may !== true) throw new StanzaError("forbidden");
        return undefined;
      });
    }, { priority: 100 });
  },
});

function lastElement(since: number, status = ""): Element {
  const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
  return xml("query", LAST_NS, { seconds: String(seconds) }, status);
}

class Logouts {
  readonly #host: Host;
  readonly #sql: ReturnType<typeof statements>;
  /** Not yet written, by node. */
  #fresh = new Map<string, Logout>();

  constructor(host: Host) {
    this.#host = host;
    this.#sql = statements(host.store);
  }

  add(account: Jid, status: string): void {
    const kept = status.slice(0, this.#host.config.status_length).toWellFormed();
    this.#fresh.set(account.node, { time: Date.now(), status: kept });
  }

  async of(account: Jid): Promise<Logout | undefined> {
    return this.#fresh.get(account.node) ??
      await this.#sql.get.first({ host: this.#host.domain, node: account.node });
  }

  async write(): Promise<void> {
    if (this.#fresh.size === 0) return;
    const fresh = this.#fresh;
    this.#fresh = new Map();
    const { domain } = this.#host;
    await this.#host.store.batch(
      [...fresh].map(([node, logout]) => this.#sql.set.bind({ host: domain, node, ...logout })),
    );
  }

  async wipe(account: Jid): Promise<void> {
    this.#fresh.delete(account.node);
    await this.#sql.wipe.run({ host: this.#host.domain, node: account.node });
  }
}

type Key = { host: string; node: string };

function statements(store: Store) {
  const table = "last_logouts";
  return {
    get: store.prepare<Key, Logout>((db, p) =>
      db.selectFrom(table).select(["time", "status"])
        .where("host", "=", p("host")).where("node", "=", p("node"))
    ),
    set: store.prepare<Key & { time: number; status: string }>((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        time: p("time"),
        status: p("status"),
      }).onConflict((c) =>
        c.columns(["host", "node"]).doUpdateSet({
          time: sql`excluded.time`,
          status: sql`excluded.status`,
        })
      )
    ),
    wipe: store.prepare<Key>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
  };
}
