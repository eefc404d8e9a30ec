import assert from "node:assert/strict";
import { Recent } from "../../lib/recent.ts";

Deno.test("what is remembered is found, until it is deleted", () => {
  const recent = new Recent<number>(10);
  recent.set("a", 1);
  recent.set("a", 2);
  assert.equal(recent.get("a"), 2);
  assert.equal(recent.size, 1);
  recent.delete("a");
  assert.equal(recent.get("a"), undefined);
  assert.equal(recent.size, 0);
});

Deno.test("it is bounded, and what is in use survives a flood", () => {
  const recent = new Recent<number>(100);
  recent.set("kept", 1);
  for (let i = 0; i < 10_000; i++) {
    recent.set(`flood ${i}`, i);
    assert(recent.size <= 100);
    assert.equal(recent.get("kept"), 1);
  }
  assert.equal(recent.get("flood 0"), undefined);
});

Deno.test("size 0 remembers nothing", () => {
  const recent = new Recent<number>(0);
  recent.set("a", 1);
  assert.equal(recent.get("a"), undefined);
});

Deno.test("nothing is older than the age allowed, however often it is asked for", () => {
  let now = 0;
  const recent = new Recent<number>(100, 1000, () => now);
  recent.set("a", 1);
  for (now = 0; now <= 499; now += 10) assert.equal(recent.get("a"), 1);
  let lastSeen = 0;
  for (; now < 3000; now += 10) if (recent.get("a") === 1) lastSeen = now;
  assert(lastSeen >= 490 && lastSeen <= 1000, String(lastSeen));
  recent.set("b", 2);
  now += 5000;
  assert.equal(recent.get("b"), undefined);
  assert.equal(recent.size, 0);
});

Deno.test("a new value has its full time", () => {
  let now = 0;
  const recent = new Recent<number>(100, 1000, () => now);
  recent.set("a", 1);
  now = 600;
  recent.set("a", 2);
  now = 1050;
  assert.equal(recent.get("a"), 2);
});
