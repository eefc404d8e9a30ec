import assert from "node:assert/strict";
import { RecentIds } from "../../../../modules/carbons/recent_ids.ts";

Deno.test("the last 64 messages are known, by id and peer, and no more", () => {
  const ids = new RecentIds();
  assert(!ids.has("", ""));
  for (let i = 0; i < 100; i++) ids.add(`m${i}`, "romeo@localhost");
  for (let i = 0; i < 100; i++) assert.equal(ids.has(`m${i}`, "romeo@localhost"), i >= 36, `m${i}`);
  assert(!ids.has("m99", "tybalt@localhost"));
  // Where one ends and the other begins counts.
  ids.add("ab", "c");
  assert(!ids.has("a", "bc"));
});
