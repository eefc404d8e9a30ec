/** The built-in answers to the hooks of `lib/hooks/pubsub_storage.ts`, from the module's tables. */

import type { ModuleHost } from "../../lib/module.ts";
import { accountDeleted } from "../../lib/hooks/accounts.ts";
import type { NodeOptions } from "../../lib/hooks/pubsub.ts";
import {
  type Affiliation,
  type NodeRecord,
  pubsubAffiliationSet,
  pubsubItemCount,
  pubsubItemPut,
  pubsubItems,
  pubsubItemsById,
  pubsubItemsRemove,
  pubsubItemsTrim,
  pubsubLastItems,
  pubsubNodeCount,
  pubsubNodeDelete,
  pubsubNodeGet,
  pubsubNodeList,
  pubsubNodeNames,
  pubsubNodeSave,
  pubsubRelations,
  pubsubSubscriptionSet,
  type StoredItem,
  type StoredSubscription,
  type SubscriptionState,
} from "../../lib/hooks/pubsub_storage.ts";
import type { Jid } from "../../lib/jid.ts";
import { parseJid } from "../../lib/jid.ts";
import { type ItemRow, statements } from "./statements.ts";
import type { Prefix } from "./tables.ts";

const LOWEST = -1;
const HIGHEST = Number.MAX_SAFE_INTEGER;

/** Answers for the owners that are `ours`. */
export function keepInTables(host: ModuleHost, prefix: Prefix, ours: (owner: Jid) => boolean) {
  const { store } = host;
  const run = statements(store, prefix);
  const isOurs = ({ owner }: { owner: string }) => {
    const jid = parseJid(owner);
    return jid !== undefined && ours(jid);
  };

  host.on(pubsubNodeGet, async (owner, node) => {
    if (!ours(owner)) return undefined;
    const key = { owner: owner.bare, node };
    const [row, affiliations, subscriptions] = await Promise.all([
      run.node.first(key),
      run.affiliations.all(key),
      run.subscriptions.all(key),
    ]);
    if (row === undefined) return "none";
    return {
      ...record({ ...row, node }),
      affiliations: new Map(affiliations.map((a) => [a.entity, a.affiliation as Affiliation])),
      subscriptions: subscriptions.map(subscription),
    };
  });
  host.on(pubsubNodeList, async (owner, after, limit) => {
    if (!ours(owner)) return undefined;
    return (await run.list.all({ owner: owner.bare, after, limit })).map(record);
  });
  host.on(pubsubNodeCount, async (owner) => {
    if (!ours(owner)) return undefined;
    return Number((await run.countNodes.first({ owner: owner.bare }))!.count);
  });
  host.on(pubsubNodeNames, async (owners) => {
    if (owners.length === 0 || !ours(owners[0]!)) return undefined;
    return await run.names.all({ owners: JSON.stringify(owners.map((o) => o.bare)) });
  });
  host.on(pubsubNodeSave, async (owner, { name, created, creator, options }) => {
    if (!ours(owner)) return undefined;
    const text = JSON.stringify(options);
    await run.save.run({ owner: owner.bare, node: name, created, creator, options: text });
    return true;
  });
  host.on(pubsubNodeDelete, async (owner, node) => {
    if (!ours(owner)) return undefined;
    await store.batch(run.wipes.map((s) => s.bind({ owner: owner.bare, node })));
    return true;
  });
  host.on(pubsubAffiliationSet, async (owner, node, entity, affiliation) => {
    if (!ours(owner)) return undefined;
    const key = { owner: owner.bare, node, entity };
    if (affiliation === "none") await run.removeAffiliation.run(key);
    else await run.setAffiliation.run({ ...key, affiliation });
    return true;
  });
  host.on(pubsubSubscriptionSet, async (owner, node, jid, given) => {
    if (!ours(owner)) return undefined;
    const key = { owner: owner.bare, node, jid };
    if (given === "none") {
      await run.removeSubscription.run(key);
      return true;
    }
    const entity = parseJid(jid)!.bare;
    const options = JSON.stringify(given.options);
    await run.setSubscription.run({ ...key, entity, state: given.state, options });
    return true;
  });
  host.on(pubsubRelations, async (owner, entity) => {
    if (!ours(owner)) return undefined;
    const key = { owner: owner.bare, entity: entity.bare };
    const [affiliations, subscriptions] = await Promise.all([
      run.affiliationsOf.all(key),
      run.subscriptionsOf.all(key),
    ]);
    return {
      affiliations: affiliations.map((a) => ({
        node: a.node,
        affiliation: a.affiliation as Affiliation,
      })),
      subscriptions: subscriptions.map((s) => ({ node: s.node, ...subscription(s) })),
    };
  });

  host.on(pubsubItems, async (owner, node, range) => {
    if (!ours(owner)) return undefined;
    const { by, descending, above = LOWEST, below = HIGHEST, offset = 0, limit } = range;
    const select = run.ranges[by][descending ? "desc" : "asc"];
    return (await select.all({ owner: owner.bare, node, above, below, offset, limit })).map(item);
  });
  host.on(pubsubItemsById, async (owner, node, ids) => {
    if (!ours(owner)) return undefined;
    return (await run.byId.all({ owner: owner.bare, node, ids: JSON.stringify(ids) })).map(item);
  });
  host.on(pubsubItemCount, async (owner, node, by, above) => {
    if (!ours(owner)) return undefined;
    return Number((await run.counts[by].first({ owner: owner.bare, node, above }))!.count);
  });
  host.on(pubsubLastItems, async (pairs, reader) => {
    if (pairs.length === 0 || !ours(pairs[0]!.owner)) return undefined;
    const wanted = JSON.stringify(pairs.map((p) => [p.owner.bare, p.node]));
    const rows = await run.last.all({ pairs: wanted, reader: reader.bare });
    return rows.map((row) => ({
      ...item(row),
      owner: row.owner,
      node: row.node,
      options: optionsIn(row.options),
      affiliation: (row.affiliation ?? undefined) as Affiliation | undefined,
      subscription: (row.state ?? undefined) as SubscriptionState | undefined,
    }));
  });
  host.on(pubsubItemPut, async (owner, node, put) => {
    if (!ours(owner)) return undefined;
    const { id, modified, created, publisher, payload = null } = put;
    const key = { owner: owner.bare, node, item: id };
    const row = await run.put.first({ ...key, modified, created, publisher, payload });
    return Number(row!.created) === created ? "new" : "replaced";
  });
  host.on(pubsubItemsRemove, async (owner, node, ids) => {
    if (!ours(owner)) return undefined;
    const key = { owner: owner.bare, node };
    const rows = ids === "all"
      ? await run.purge.all(key)
      : await run.remove.all({ ...key, ids: JSON.stringify(ids) });
    return rows.map((r) => r.item);
  });
  host.on(pubsubItemsTrim, async (owner, node, oldest) => {
    if (!ours(owner)) return undefined;
    return (await run.trim.all({ owner: owner.bare, node, oldest })).map((r) => r.item);
  });
  host.on(accountDeleted, async (account) => {
    await store.batch([
      ...run.wipeOwners.map((s) => s.bind({ owner: account.bare })),
      run.forgetAffiliations.bind({ entity: account.bare }),
      run.forgetSubscriptions.bind({ entity: account.bare }),
    ]);
  });

  return {
    /** Subscriptions that were to end with a presence: nobody is online when we start. */
    forgetTemporary: async () => {
      const rows = await run.leased.all({ pattern: '%"expire":"presence"%' });
      for (const { owner, node, jid } of rows.filter(isOurs)) {
        await run.removeSubscription.run({ owner, node, jid });
      }
    },
    /** Removes items and leases that have run out; answers of which nodes. */
    sweep: async () => {
      const touched: { owner: string; node: string }[] = [];
      const now = Date.now();
      for (const { owner, node, options } of (await run.expiring.all(EXPIRING)).filter(isOurs)) {
        const { item_expire } = optionsIn(options);
        if (item_expire === undefined || item_expire === "max") continue;
        const before = (now - Number(item_expire) * 1000) * 1000;
        const { changes } = await run.expire.run({ owner, node, before });
        if (changes > 0) touched.push({ owner, node });
      }
      const leases = await run.leased.all({ pattern: '%"expire":%' });
      for (const { owner, node, jid, options } of leases.filter(isOurs)) {
        if (!(Number(optionsIn(options).expire) <= now)) continue;
        await run.removeSubscription.run({ owner, node, jid });
        touched.push({ owner, node });
      }
      return touched;
    },
  };
}

const EXPIRING = { pattern: '%"item_expire"%' };

/** How often what has run out is removed; it is not shown any more long before. */
export const SWEEP_MS = 3_600_000;

function record(
  row: { node: string; created: number; creator: string; options: string },
): NodeRecord {
  return {
    name: row.node,
    created: Number(row.created),
    creator: row.creator,
    options: optionsIn(row.options),
  };
}

function optionsIn(text: string): NodeOptions {
  return JSON.parse(text) as NodeOptions;
}

function subscription(
  row: { jid: string; state: string; options: string },
): StoredSubscription {
  return {
    jid: row.jid,
    state: row.state as SubscriptionState,
    options: optionsIn(row.options),
  };
}

function item(row: ItemRow): StoredItem {
  return {
    id: row.id,
    payload: row.payload ?? undefined,
    publisher: row.publisher,
    modified: Number(row.modified),
    created: Number(row.created),
  };
}
