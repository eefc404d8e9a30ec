/** The tables of rosters, on every database. */

import assert from "node:assert/strict";
import { storeTests } from "../helpers/stores.ts";
import { blankItem } from "../../modules/roster/item.ts";
import { migrations, RosterTable } from "../../modules/roster/table.ts";

const test = await storeTests();

const nurse = { ...blankItem("nurse@example.com"), listed: true };
const romeo = {
  ...blankItem("romeo@example.net"),
  listed: true,
  name: "Romeo <3 'Ž'",
  subscription: "both" as const,
  ask: true,
  approved: true,
  groups: ["Friends", "Lovers"],
  pendingIn: "<presence/>",
};

test("items and versions", async ({ store }) => {
  await store.migrate("roster", migrations);
  const table = new RosterTable(store, "example.com");
  assert.deepEqual(await table.load("juliet"), { version: 0, items: [] });
  assert.equal(await table.item("juliet", romeo.jid), "none");

  await table.put("juliet", romeo, 1000);
  assert.deepEqual(await table.item("juliet", romeo.jid), romeo);
  assert.deepEqual(await table.load("juliet"), { version: 1000, items: [romeo] });

  await table.put("juliet", nurse, 1000);
  assert.equal((await table.load("juliet")).version, 1001, "a version for each change");
  await table.put("juliet", { ...nurse, pendingIn: "<presence/>" }, undefined);
  assert.equal(
    (await table.load("juliet")).version,
    1001,
    "but not for one that clients do not see",
  );
  await table.put("juliet", { ...romeo, name: "", groups: [] }, 2000);
  const { version, items } = await table.load("juliet");
  assert.equal(version, 2000);
  assert.equal(items.length, 2);
  assert.deepEqual(items.find((i) => i.jid === romeo.jid)!.groups, []);

  assert.equal(await table.remove("juliet", nurse.jid, 1500), true);
  assert.equal(await table.remove("juliet", nurse.jid, undefined), false);
  assert.equal((await table.load("juliet")).version, 2001);
});

test("a request alone makes no version", async ({ store }) => {
  await store.migrate("roster", migrations);
  const table = new RosterTable(store, "example.com");
  const asking = { ...blankItem("a@b"), pendingIn: "<presence/>" };
  await table.put("juliet", asking, undefined);
  assert.deepEqual(await table.load("juliet"), { version: 0, items: [asking] });
});

test("accounts and hosts are apart; wiped is not forgotten", async ({ store }) => {
  await store.migrate("roster", migrations);
  const table = new RosterTable(store, "example.com");
  const other = new RosterTable(store, "example.org");
  await table.put("juliet", romeo, 1000);
  await table.put("nurse", romeo, 1000);
  await other.put("juliet", romeo, 1000);

  await table.wipe("juliet", 500, 7);
  assert.deepEqual(await table.load("juliet"), { version: 1007, items: [] });
  await table.forget("juliet");
  assert.deepEqual(await table.load("juliet"), { version: 0, items: [] });
  assert.equal((await table.load("nurse")).items.length, 1);
  assert.equal((await other.load("juliet")).items.length, 1);
});
