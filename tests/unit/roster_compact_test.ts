/** Rosters in memory, and what clients must hear of. */

import assert from "node:assert/strict";
import type { RosterItem } from "../../lib/hooks/roster.ts";
import { CompactRoster, UNTOUCHED } from "../../modules/roster/compact.ts";
import { blankItem, isModification, isVoid, rosterElement } from "../../modules/roster/item.ts";
import { nextVersion } from "../../modules/roster/table.ts";
import { Serial } from "../../modules/roster/serial.ts";

const item = (jid: string, more: Partial<RosterItem> = {}): RosterItem => ({
  ...blankItem(jid),
  listed: true,
  ...more,
});

Deno.test("every field survives", () => {
  const items: RosterItem[] = [
    item("plain@example.com"),
    item("named@example.com", { name: "Ž <&'\"", subscription: "both" }),
    item("grouped@example.com", { groups: ["A", "B"], subscription: "to", approved: true }),
    item("asked@example.com", { ask: true, subscription: "from" }),
    item("asking@example.com", { pendingIn: "<presence/>", listed: false }),
    item("all@example.com", { name: "n", groups: ["g"], pendingIn: "<p/>", ask: true }),
  ];
  const compact = new CompactRoster(17, items);
  assert.equal(compact.roster.version, "17");
  assert.deepEqual([...compact.roster.items], items.map((i) => [i.jid, i]));
  assert.equal(UNTOUCHED.roster.items.size, 0);
});

Deno.test("the roster that clients see", () => {
  const { roster } = new CompactRoster(3, [
    item("a@b", { name: "A", groups: ["G"], subscription: "both" }),
    item("c@d", { ask: true, approved: true }),
    item("hidden@d", { listed: false, pendingIn: "<presence/>" }),
  ]);
  assert.equal(
    rosterElement(roster).toString(),
    "<query xmlns='jabber:iq:roster' ver='3'>" +
      "<item jid='a@b' name='A' subscription='both'><group>G</group></item>" +
      "<item jid='c@d' subscription='none' ask='subscribe' approved='true'/></query>",
  );
});

Deno.test("what is a modification (§2.6.3)", () => {
  const plain = item("a@b");
  const asking = item("a@b", { pendingIn: "<presence/>" });
  const hidden = { ...asking, listed: false };
  assert.equal(isModification(undefined, plain), true);
  assert.equal(isModification(plain, undefined), true);
  assert.equal(isModification(plain, { ...plain }), true, "set again as it was");
  assert.equal(isModification(plain, asking), false);
  assert.equal(isModification(asking, plain), false);
  assert.equal(isModification(asking, item("a@b", { subscription: "from" })), true);
  assert.equal(isModification(undefined, hidden), false);
  assert.equal(isModification(hidden, undefined), false);
  assert.equal(isModification(hidden, asking), true);
  assert.equal(isModification(asking, { ...asking, groups: ["x"] }), true);
  assert.equal(isVoid(blankItem("a@b")), true);
  assert.equal(isVoid(hidden), false);
});

Deno.test("versions only grow, and mostly tell the time", () => {
  assert.equal(nextVersion(0, 1000), 1000);
  assert.equal(nextVersion(999, 1000), 1000);
  assert.equal(nextVersion(1000, 1000), 1001);
  assert.equal(nextVersion(5000, 1000), 5001);
  assert.equal(nextVersion(990, 1000, 20), 1010);
});

Deno.test("tasks of one key run in order, others at once, and a failure stops nobody", async () => {
  const serial = new Serial();
  const done: string[] = [];
  assert.equal(serial.run("a", () => 1), 1, "synchronously, if nothing is under way");
  const task = (name: string, ms: number) => async () => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    done.push(name);
  };
  const first = serial.run("a", task("first", 20));
  const failing = serial.run("a", async () => {
    done.push("failing");
    throw new Error("as it should");
  });
  const last = serial.run("a", task("last", 0));
  const other = serial.run("b", task("other", 0));
  await assert.rejects(async () => await failing);
  await Promise.all([first, last, other]);
  assert.deepEqual(done, ["other", "first", "failing", "last"]);
  assert.equal(serial.run("a", () => 2), 2);
});

Deno.test("fifty contacts take 4 KB at most, and nobody next to nothing", () => {
  const gc = (globalThis as { gc?: () => void }).gc;
  if (gc === undefined) return; // measured with --v8-flags=--expose-gc
  const accounts = 2000;
  const roster = (n: number) =>
    new CompactRoster(
      1,
      Array.from({ length: 50 }, (_, i) =>
        item(`contact${n}-${i}@example.com`, { name: `Contact ${i}`, subscription: "both" })),
    );
  roster(-1).roster;
  gc();
  const before = Deno.memoryUsage().heapUsed;
  const all = Array.from({ length: accounts }, (_, n) => roster(n));
  gc();
  const each = (Deno.memoryUsage().heapUsed - before) / accounts;
  assert.equal(all.length, accounts);
  assert.ok(each < 4096, `${each} bytes`);
});
