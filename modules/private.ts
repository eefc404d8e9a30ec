/** XEP-0049: Private XML Storage: elements that an account's clients keep on the server. */

import * as v from "valibot";
import { sql } from "kysely";
import { defineModule, type Migrations, type ModuleHost, result } from "../lib/module.ts";
import { bytes, setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { privateGet, privateSet } from "../lib/hooks/storage.ts";
import type { Jid } from "../lib/jid.ts";
import { integerType, type Store, textType } from "../lib/store/mod.ts";
import type { Element } from "../lib/xml/element.ts";
import { toXml, xml } from "../lib/xml/element.ts";
import { parseXml } from "../lib/xml/parser.ts";

const PRIVATE_NS = "jabber:iq:private";

const config = v.strictObject({
  element_bytes: setting(bytes(1024, 16 << 20), "128 KiB", "Size of one stored element."),
  account_bytes: setting(bytes(1024, 1 << 30), "1 MiB", "Size of all that one account stores."),
  elements: setting(wholeNumber(1, 100_000), 200, "Elements that one account stores."),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("private_xml")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("name", text, (c) => c.notNull())
        .addColumn("ns", text, (c) => c.notNull())
        // Bytes of `xml` in UTF-8.
        .addColumn("size", integerType, (c) => c.notNull())
        .addColumn("xml", "text", (c) => c.notNull())
        .addPrimaryKeyConstraint("private_xml_pk", ["host", "node", "name", "ns"])
        .execute();
    },
  },
};

export default defineModule({
  name: "private",
  description: "Private XML storage for clients",
  xeps: { "XEP-0049": "1.2" },
  config,
  migrations,
  setup(host) {
    host.feature(PRIVATE_NS);

    host.iq.get(PRIVATE_NS, "query", async (iq, query) => {
      const [wanted, ...more] = elementsOf(query);
      // §2.3: one at a time.
      if (more.length > 0) throw new StanzaError("bad-request", { text: "ask for one element" });
      const { name, ns } = wanted!;
      const kept = await host.ask(privateGet, iq.from!.toBare(), name, ns, iq.from);
      const found = kept === undefined || kept === "" ? xml(name, ns) : parseXml(kept);
      return result(xml("query", PRIVATE_NS, {}, found));
    }, "owner");

    host.iq.set(PRIVATE_NS, "query", async (iq, query) => {
      const account = iq.from!.toBare();
      const texts = elementsOf(query).map((e) => ({ name: e.name, ns: e.ns, text: kept(e) }));
      const limit = host.config.element_bytes;
      if (texts.some(({ text }) => byteLength(text) > limit)) {
        throw new StanzaError("policy-violation", {
          text: `an element has at most ${limit} bytes`,
        });
      }
      for (const { name, ns, text } of texts) {
        if (await host.ask(privateSet, account, name, ns, text, iq.from) !== true) {
          throw new StanzaError("service-unavailable");
        }
      }
      return result();
    }, "owner");

    keep(host);
  },
});

/** The child elements of a query; there must be one, each in a namespace of its own (§2.3). */
function elementsOf(query: Element): Element[] {
  const elements = query.elements();
  if (elements.length === 0) {
    throw new StanzaError("not-acceptable", { text: "no element is named" });
  }
  if (elements.some((e) => e.ns === PRIVATE_NS || e.ns === "")) {
    throw new StanzaError("not-acceptable", { text: "an element needs a namespace of its own" });
  }
  return elements;
}

/** The text to be kept: none for an element without content, which is what is found without one. */
function kept(e: Element): string {
  const bare = e.children.length === 0 && Object.keys(e.attrs).length === 0;
  return bare ? "" : toXml(e, "");
}

const ENCODER = new TextEncoder();

function byteLength(text: string): number {
  return ENCODER.encode(text).length;
}

/** Answers the hooks of storage. */
function keep(host: Host): void {
  const sqls = statements(host.store);
  const key = (account: Jid) => ({ host: host.domain, node: account.node });

  host.on(privateGet, async (account, name, ns) => {
    const row = await sqls.get.first({ ...key(account), name, ns });
    return row?.xml ?? "";
  });

  host.on(privateSet, async (account, name, ns, text): Promise<true> => {
    const at = { ...key(account), name, ns };
    if (text === "") {
      await sqls.remove.run(at);
      return true;
    }
    const size = byteLength(text);
    const others = await sqls.others.first(at);
    const { account_bytes, elements } = host.config;
    if (
      Number(others?.count ?? 0) >= elements || Number(others?.size ?? 0) + size > account_bytes
    ) {
      throw new StanzaError("policy-violation", {
        text: `an account stores at most ${elements} elements and ${account_bytes} bytes`,
      });
    }
    await sqls.set.run({ ...at, size, xml: text });
    return true;
  });

  host.on(accountDeleted, async (account) => {
    await sqls.wipe.run(key(account));
  });
}

type Key = { host: string; node: string };
type ElementKey = Key & { name: string; ns: string };

function statements(store: Store) {
  const table = "private_xml";
  return {
    get: store.prepare<ElementKey, { xml: string }>((db, p) =>
      db.selectFrom(table).select("xml")
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where("name", "=", p("name")).where("ns", "=", p("ns"))
    ),
    others: store.prepare<ElementKey, { count: number; size: number | null }>((db, p) =>
      db.selectFrom(table)
        .select([sql<number>`count(*)`.as("count"), sql<number>`sum(size)`.as("size")])
        .where("host", "=", p("host")).where("node", "=", p("node"))
        .where((e) => e.or([e("name", "!=", p("name")), e("ns", "!=", p("ns"))]))
    ),
    set: store.prepare<ElementKey & { size: number; xml: string }>((db, p) =>
      db.insertInto(table).values({
        host: p("host"),
        node: p("node"),
        name: p("name"),
        ns: p("ns"),
        size: p("size"),
        xml: p("xml"),
      }).onConflict((c) =>
        c.columns(["host", "node", "name", "ns"]).doUpdateSet({
          size: sql`excluded.size`,
          xml: sql`excluded.xml`,
        })
      )
    ),
    remove: store.prepare<ElementKey>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
        .where("name", "=", p("name")).where("ns", "=", p("ns"))
    ),
    wipe: store.prepare<Key>((db, p) =>
      db.deleteFrom(table).where("host", "=", p("host")).where("node", "=", p("node"))
    ),
  };
}
