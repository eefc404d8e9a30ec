/** The tables of publish-subscribe, on every database. */

import assert from "node:assert/strict";
import { accountDeleted } from "../../../../lib/hooks/accounts.ts";
import { Chains } from "../../../../lib/hooks/chains.ts";
import type { AnyHook, Handler } from "../../../../lib/hooks/hook.ts";
import * as hooks from "../../../../lib/hooks/pubsub_storage.ts";
import { Deadlines } from "../../../../lib/deadlines.ts";
import { parseJid } from "../../../../lib/jid.ts";
import { createLog } from "../../../../lib/log.ts";
import type { ModuleHost } from "../../../../lib/module.ts";
import type { Store } from "../../../../lib/store/mod.ts";
import { keepInTables } from "../../../../modules/pubsub/storage.ts";
import { migrationsOf } from "../../../../modules/pubsub/tables.ts";
import { storeTests } from "../../../helpers/stores.ts";

const test = await storeTests();
const juliet = parseJid("juliet@example.com")!;
const romeo = parseJid("romeo@example.com")!;
const MEMBER = "member" as hooks.Affiliation | "none";
const OUTCAST = "outcast" as hooks.Affiliation | "none";
const CREATED = "created" as hooks.ItemRange["by"];
const MODIFIED = "modified" as hooks.ItemRange["by"];
const NODE = "urn:test:node 'Ž'";

async function opened(store: Store): Promise<Chains> {
  return (await openedWith(store)).chains;
}

async function openedWith(store: Store) {
  await store.migrate("pep", migrationsOf("pep"));
  const log = createLog({ level: "error", format: "text", levels: {}, trace: [] } as never, {
    write() {},
    writeSync() {},
  });
  const chains = new Chains(new Deadlines(), log.area("test"));
  const on = <H extends AnyHook>(hook: H, handler: Handler<H>) => {
    chains.add(hook, "pep", handler);
  };
  const tables = keepInTables(
    { store, on } as unknown as ModuleHost,
    "pep",
    (o) => o.domain === "example.com",
  );
  return { chains, tables };
}

const record = { name: NODE, created: 1000, creator: juliet.bare, options: { title: "t" } };
const item = (id: string, modified: number, created = modified) => ({
  id,
  payload: `<a xmlns='urn:x'>${id}</a>`,
  publisher: juliet.bare,
  modified,
  created,
});

test("nodes with what belongs to them", async ({ store }) => {
  const chains = await opened(store);
  assert.equal(await chains.ask(hooks.pubsubNodeGet, juliet, NODE), "none");
  await chains.ask(hooks.pubsubNodeSave, juliet, record);
  await chains.ask(hooks.pubsubNodeSave, juliet, {
    ...record,
    created: 5,
    options: { contact: ["a@b"] },
  });
  await chains.ask(hooks.pubsubAffiliationSet, juliet, NODE, romeo.bare, MEMBER);
  await chains.ask(hooks.pubsubAffiliationSet, juliet, NODE, romeo.bare, OUTCAST);
  const jid = `${romeo.bare}/orchard`;
  const subscription = { jid, state: "pending" as const, options: {} };
  await chains.ask(hooks.pubsubSubscriptionSet, juliet, NODE, jid, subscription);
  const node = await chains.ask(hooks.pubsubNodeGet, juliet, NODE);
  assert.deepEqual(node, {
    ...record,
    options: { contact: ["a@b"] },
    affiliations: new Map([[romeo.bare, "outcast"]]),
    subscriptions: [subscription],
  });
  assert.deepEqual(await chains.ask(hooks.pubsubRelations, juliet, romeo), {
    affiliations: [{ node: NODE, affiliation: "outcast" }],
    subscriptions: [{ node: NODE, ...subscription }],
  });
  assert.equal(await chains.ask(hooks.pubsubNodeCount, juliet), 1);
  assert.deepEqual(await chains.ask(hooks.pubsubNodeNames, [juliet, romeo]), [
    { owner: juliet.bare, node: NODE },
  ]);
  assert.equal((await chains.ask(hooks.pubsubNodeList, juliet, "", 10))!.length, 1);
  assert.equal((await chains.ask(hooks.pubsubNodeList, juliet, NODE, 10))!.length, 0);
  await chains.ask(hooks.pubsubNodeDelete, juliet, NODE);
  assert.equal(await chains.ask(hooks.pubsubNodeGet, juliet, NODE), "none");
  assert.equal(await chains.ask(hooks.pubsubNodeGet, parseJid("a@other.com")!, NODE), undefined);
});

test("items in their orders", async ({ store }) => {
  const chains = await opened(store);
  const put = (id: string, at: number) =>
    chains.ask(hooks.pubsubItemPut, juliet, NODE, item(id, at));
  const now = Date.now() * 1000;
  for (const [i, id] of ["A", "B", "C", "D"].entries()) assert.equal(await put(id, now + i), "new");
  assert.equal(await put("B", now + 9), "replaced");
  const ids = async (range: Partial<hooks.ItemRange>) => {
    const whole = { by: "modified" as const, descending: false, limit: 100, ...range };
    return (await chains.ask(hooks.pubsubItems, juliet, NODE, whole))!.map((i) => i.id).join("");
  };
  assert.equal(await ids({}), "ACDB");
  assert.equal(await ids({ descending: true }), "BDCA");
  assert.equal(await ids({ by: "created" }), "ABCD");
  assert.equal(await ids({ above: now, limit: 2 }), "CD");
  assert.equal(await ids({ by: "created", below: now + 2, descending: true }), "BA");
  assert.equal(await ids({ offset: 3 }), "B");
  const [b] = (await chains.ask(hooks.pubsubItemsById, juliet, NODE, ["x", "B"]))!;
  assert.deepEqual(b, item("B", now + 9, now + 1));
  assert.equal(await chains.ask(hooks.pubsubItemCount, juliet, NODE, CREATED, now), 3);
  assert.deepEqual(await chains.ask(hooks.pubsubItemsTrim, juliet, NODE, 1), ["A"]);
  assert.deepEqual(await chains.ask(hooks.pubsubItemsRemove, juliet, NODE, ["C", "x"]), ["C"]);
  assert.equal((await chains.ask(hooks.pubsubItemsRemove, juliet, NODE, "all"))!.length, 2);
  assert.equal(await ids({}), "");
});

test("the last items of several nodes, and what their reader is there", async ({ store }) => {
  const chains = await opened(store);
  await chains.ask(hooks.pubsubNodeSave, juliet, record);
  await chains.ask(hooks.pubsubNodeSave, juliet, { ...record, name: "empty" });
  await chains.ask(hooks.pubsubItemPut, juliet, NODE, item("A", 10));
  await chains.ask(hooks.pubsubItemPut, juliet, NODE, item("B", 20));
  await chains.ask(hooks.pubsubAffiliationSet, juliet, NODE, romeo.bare, MEMBER);
  const pairs = [NODE, "empty", "none"].map((node) => ({ owner: juliet, node }));
  const found = await chains.ask(hooks.pubsubLastItems, pairs, romeo);
  assert.deepEqual(found, [{
    ...item("B", 20),
    owner: juliet.bare,
    node: NODE,
    options: { title: "t" },
    affiliation: "member",
    subscription: undefined,
  }]);
  const jid = romeo.bare;
  const subscription = { jid, state: "subscribed" as const, options: {} };
  await chains.ask(hooks.pubsubSubscriptionSet, juliet, NODE, jid, subscription);
  const [again] = (await chains.ask(hooks.pubsubLastItems, pairs, romeo))!;
  assert.equal(again!.subscription, "subscribed");
});

test("nothing is left of an account", async ({ store }) => {
  const chains = await opened(store);
  for (const [owner, other] of [[juliet, romeo], [romeo, juliet]] as const) {
    await chains.ask(hooks.pubsubNodeSave, owner, record);
    await chains.ask(hooks.pubsubItemPut, owner, NODE, item("A", 10));
    await chains.ask(hooks.pubsubAffiliationSet, owner, NODE, other.bare, MEMBER);
    const subscription = { jid: other.bare, state: "subscribed" as const, options: {} };
    await chains.ask(hooks.pubsubSubscriptionSet, owner, NODE, other.bare, subscription);
  }
  await chains.tell(accountDeleted, juliet);
  assert.equal(await chains.ask(hooks.pubsubNodeGet, juliet, NODE), "none");
  assert.equal(await chains.ask(hooks.pubsubItemCount, juliet, NODE, MODIFIED, -1), 0);
  const node = await chains.ask(hooks.pubsubNodeGet, romeo, NODE);
  assert.ok(node !== undefined && node !== "none");
  assert.equal(node.affiliations.size + node.subscriptions.length, 0);
});

test("what has run out is swept away", async ({ store }) => {
  const { chains, tables } = await openedWith(store);
  const now = Date.now();
  await chains.ask(hooks.pubsubNodeSave, juliet, { ...record, options: { item_expire: "60" } });
  await chains.ask(hooks.pubsubItemPut, juliet, NODE, item("old", (now - 61_000) * 1000));
  await chains.ask(hooks.pubsubItemPut, juliet, NODE, item("new", (now - 1000) * 1000));
  for (const [name, expire] of [["a", now - 1], ["b", now + 60_000], ["c", "presence"]] as const) {
    const jid = `${name}@example.com`;
    const options = { expire: String(expire) };
    const subscription = { jid, state: "subscribed" as const, options };
    await chains.ask(hooks.pubsubSubscriptionSet, juliet, NODE, jid, subscription);
  }
  assert.deepEqual(new Set((await tables.sweep()).map((t) => t.node)), new Set([NODE]));
  assert.equal(await chains.ask(hooks.pubsubItemCount, juliet, NODE, MODIFIED, -1), 1);
  const left = async () => {
    const node = await chains.ask(hooks.pubsubNodeGet, juliet, NODE) as hooks.StoredNode;
    return node.subscriptions.map((s) => s.jid[0]).sort().join("");
  };
  assert.equal(await left(), "bc");
  await tables.forgetTemporary();
  assert.equal(await left(), "b");
});
