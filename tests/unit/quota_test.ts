import assert from "node:assert/strict";
import { Quota } from "../../lib/quota.ts";

Deno.test("quota: counts by key, all or nothing, and starts anew", () => {
  let now = 0;
  const quota = new Quota(3, 1000, 10, () => now);
  assert(quota.take("a", 2));
  assert(!quota.take("a", 2));
  assert(quota.take("a"));
  assert(!quota.take("a"));
  assert(quota.isSpent("a"));
  assert(!quota.isSpent("b"));
  assert(quota.take("b", 3));
  now = 999;
  assert(!quota.take("a"));
  now = 1000;
  assert(!quota.isSpent("a"));
  assert(quota.take("a", 3));
});

Deno.test("quota: remembers only so many keys", () => {
  const quota = new Quota(1, 1000, 4, () => 0);
  assert(quota.take("a"));
  assert(!quota.take("a"));
  for (let i = 0; i < 10; i++) quota.take(`k${i}`);
  assert(quota.take("a"));
});
