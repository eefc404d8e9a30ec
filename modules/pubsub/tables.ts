/**
 * The tables of publish-subscribe. Each module has its own four, by its prefix. An owner is a bare JID,
 * so that the host's domain is in every key.
 */

import type { Migrations } from "../../lib/module.ts";
import { integerType, textType } from "../../lib/store/mod.ts";

export type Prefix = "pep" | "pubsub";

export function migrationsOf(prefix: Prefix): Migrations {
  return {
    "1": {
      async up(db, dialect) {
        const text = textType(dialect);
        await db.schema.createTable(`${prefix}_nodes`)
          .addColumn("owner", text, (c) => c.notNull())
          .addColumn("node", text, (c) => c.notNull())
          .addColumn("created", integerType, (c) => c.notNull())
          .addColumn("creator", text, (c) => c.notNull())
          // JSON: what was set of the configuration.
          .addColumn("options", "text", (c) => c.notNull())
          .addPrimaryKeyConstraint(`${prefix}_nodes_pk`, ["owner", "node"])
          .execute();
        await db.schema.createTable(`${prefix}_items`)
          .addColumn("owner", text, (c) => c.notNull())
          .addColumn("node", text, (c) => c.notNull())
          .addColumn("item", text, (c) => c.notNull())
          // Microseconds since the epoch, rising within a node.
          .addColumn("modified", integerType, (c) => c.notNull())
          .addColumn("created", integerType, (c) => c.notNull())
          .addColumn("publisher", text, (c) => c.notNull())
          .addColumn("payload", "text")
          .addPrimaryKeyConstraint(`${prefix}_items_pk`, ["owner", "node", "item"])
          .execute();
        for (const by of ["modified", "created"]) {
          await db.schema.createIndex(`${prefix}_items_${by}`).on(`${prefix}_items`)
            .columns(["owner", "node", by]).execute();
        }
        await db.schema.createTable(`${prefix}_affiliations`)
          .addColumn("owner", text, (c) => c.notNull())
          .addColumn("node", text, (c) => c.notNull())
          .addColumn("entity", text, (c) => c.notNull())
          .addColumn("affiliation", text, (c) => c.notNull())
          .addPrimaryKeyConstraint(`${prefix}_affiliations_pk`, ["owner", "node", "entity"])
          .execute();
        await db.schema.createIndex(`${prefix}_affiliations_entity`).on(`${prefix}_affiliations`)
          .columns(["entity", "owner"]).execute();
        await db.schema.createTable(`${prefix}_subscriptions`)
          .addColumn("owner", text, (c) => c.notNull())
          .addColumn("node", text, (c) => c.notNull())
          .addColumn("jid", text, (c) => c.notNull())
          // The bare form of `jid`.
          .addColumn("entity", text, (c) => c.notNull())
          .addColumn("state", text, (c) => c.notNull())
          .addColumn("options", "text", (c) => c.notNull())
          .addPrimaryKeyConstraint(`${prefix}_subscriptions_pk`, ["owner", "node", "jid"])
          .execute();
        await db.schema.createIndex(`${prefix}_subscriptions_entity`).on(`${prefix}_subscriptions`)
          .columns(["entity", "owner"]).execute();
      },
    },
  };
}
