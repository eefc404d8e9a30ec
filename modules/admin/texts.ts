/** The message of the day and the welcome, and who has seen them. */

import type { Migrations } from "../../lib/module.ts";
import { integerType, type Store, textType } from "../../lib/store/mod.ts";

export const migrations: Migrations = {
  "1": {
    async up(db, dialect) {
      const text = textType(dialect);
      await db.schema.createTable("admin_texts")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("kind", text, (c) => c.notNull())
        .addColumn("text", "text", (c) => c.notNull())
        // What is set again is shown again; what is only edited is not.
        .addColumn("set_at", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("admin_texts_pk", ["host", "kind"])
        .execute();
      await db.schema.createTable("admin_texts_seen")
        .addColumn("host", text, (c) => c.notNull())
        .addColumn("node", text, (c) => c.notNull())
        .addColumn("kind", text, (c) => c.notNull())
        .addColumn("set_at", integerType, (c) => c.notNull())
        .addPrimaryKeyConstraint("admin_texts_seen_pk", ["host", "node", "kind"])
        .execute();
    },
  },
};

export type TextKind = "motd" | "welcome";

export interface StandingText {
  readonly text: string;
  readonly set_at: number;
}

type Of = { host: string; kind: string };

function statements(store: Store) {
  return {
    all: store.prepare<{ host: string }, StandingText & { kind: TextKind }>((db, p) =>
      db.selectFrom("admin_texts").select(["kind", "text", "set_at"])
        .where("host", "=", p("host"))
    ),
    put: store.prepare<Of & { text: string; set_at: number }>((db, p) => {
      const values = { text: p("text"), set_at: p("set_at") };
      return db.insertInto("admin_texts")
        .values({ host: p("host"), kind: p("kind"), ...values })
        .onConflict((c) => c.columns(["host", "kind"]).doUpdateSet(values));
    }),
    remove: store.prepare<Of>((db, p) =>
      db.deleteFrom("admin_texts").where("host", "=", p("host")).where("kind", "=", p("kind"))
    ),
    unsee: store.prepare<Of>((db, p) =>
      db.deleteFrom("admin_texts_seen").where("host", "=", p("host"))
        .where("kind", "=", p("kind"))
    ),
    seen: store.prepare<{ host: string; node: string }, { kind: TextKind; set_at: number }>(
      (db, p) =>
        db.selectFrom("admin_texts_seen").select(["kind", "set_at"])
          .where("host", "=", p("host")).where("node", "=", p("node")),
    ),
    see: store.prepare<Of & { node: string; set_at: number }>((db, p) =>
      db.insertInto("admin_texts_seen")
        .values({ host: p("host"), node: p("node"), kind: p("kind"), set_at: p("set_at") })
        .onConflict((c) => c.columns(["host", "node", "kind"]).doUpdateSet({ set_at: p("set_at") }))
    ),
    forget: store.prepare<{ host: string; node: string }>((db, p) =>
      db.deleteFrom("admin_texts_seen").where("host", "=", p("host"))
        .where("node", "=", p("node"))
    ),
  };
}

/** The texts of one host, in memory; who has seen them is in the store. */
export class Texts {
  readonly #host: string;
  readonly #store: Store;
  readonly #sql: ReturnType<typeof statements>;
  readonly #texts = new Map<TextKind, StandingText>();

  constructor(store: Store, host: string) {
    this.#host = host;
    this.#store = store;
    this.#sql = statements(store);
  }

  async load(): Promise<void> {
    for (const { kind, ...rest } of await this.#sql.all.all({ host: this.#host })) {
      this.#texts.set(kind, rest);
    }
  }

  get(kind: TextKind): StandingText | undefined {
    return this.#texts.get(kind);
  }

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  /** Sets a text, which nobody has seen then. */
  async set(kind: TextKind, text: string): Promise<StandingText> {
    const standing = { text, set_at: Date.now() };
    const of = { host: this.#host, kind };
    await this.#store.batch([
      this.#sql.put.bind({ ...of, ...standing }),
      this.#sql.unsee.bind(of),
    ]);
    this.#texts.set(kind, standing);
    return standing;
  }

  /** Changes a text; who has seen it has seen it. */
  async edit(kind: TextKind, text: string): Promise<void> {
    const standing = { text, set_at: this.#texts.get(kind)?.set_at ?? Date.now() };
    await this.#sql.put.run({ host: this.#host, kind, ...standing });
    this.#texts.set(kind, standing);
  }

  async remove(kind: TextKind): Promise<void> {
    const of = { host: this.#host, kind };
    await this.#store.batch([this.#sql.remove.bind(of), this.#sql.unsee.bind(of)]);
    this.#texts.delete(kind);
  }

  /** The texts that an account has not seen yet. */
  async unseen(node: string): Promise<[TextKind, StandingText][]> {
    const seen = await this.#sql.seen.all({ host: this.#host, node });
    return [...this.#texts].filter(([kind, { set_at }]) =>
      !seen.some((s) => s.kind === kind && s.set_at >= set_at)
    );
  }

  /** The accounts have seen it. */
  async see(nodes: readonly string[], kind: TextKind, set_at: number): Promise<void> {
    const of = { host: this.#host, kind, set_at };
    await this.#store.batch(nodes.map((node) => this.#sql.see.bind({ ...of, node })));
  }

  /** The account is gone. */
  async forget(node: string): Promise<void> {
    await this.#sql.forget.run({ host: this.#host, node });
  }
}
