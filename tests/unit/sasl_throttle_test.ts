import assert from "node:assert/strict";
import { addressKey, makeThrottle } from "../../lib/sasl/throttle.ts";

function fakeClock() {
  let now = 1_000_000;
  return { clock: () => now, pass: (seconds: number) => now += seconds * 1000 };
}

Deno.test("the first failures are free, then the delay doubles up to its limit", () => {
  const throttle = makeThrottle(fakeClock());
  const delays = [];
  for (let i = 0; i < 10; i++) {
    throttle.failed("user", "192.0.2.1");
    delays.push(throttle.delay("user", "192.0.2.1"));
  }
  assert.deepEqual(delays, [0, 0, 0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(throttle.delay("other", "192.0.2.9"), 0);
});

Deno.test("an address is refused beyond the limit, until its failures have aged", () => {
  const { clock, pass } = fakeClock();
  const throttle = makeThrottle({ clock });
  for (let i = 0; i < 29; i++) throttle.failed(`user${i}`, "192.0.2.1");
  assert.equal(throttle.blocked("192.0.2.1"), false);
  throttle.failed("user", "192.0.2.1");
  assert.equal(throttle.blocked("192.0.2.1"), true);
  assert.equal(throttle.blocked("192.0.2.2"), false);
  pass(601);
  assert.equal(throttle.blocked("192.0.2.1"), false, "fades in the second half");
  assert.ok(throttle.delay("user", "192.0.2.1") > 0);
  pass(600);
  assert.equal(throttle.delay("user", "192.0.2.1"), 0);
  throttle.failed("x", "192.0.2.3");
  assert.equal(throttle.size(), 3, "nothing is left of what has aged");
});

Deno.test("an account attacked from many addresses is slowed but never refused to its owner", () => {
  const throttle = makeThrottle(fakeClock());
  for (let i = 0; i < 1000; i++) throttle.failed("user", `198.51.${i >> 8}.${i & 255}`);
  assert.equal(throttle.delay("user", "203.0.113.1"), 10_000);
  assert.equal(throttle.blocked("203.0.113.1"), false);
});

Deno.test("success forgives an address its failures for that account only", () => {
  const throttle = makeThrottle(fakeClock());
  for (let i = 0; i < 5; i++) throttle.failed("mine", "192.0.2.1");
  for (let i = 0; i < 25; i++) throttle.failed("victim", "192.0.2.1");
  assert.equal(throttle.blocked("192.0.2.1"), true);
  throttle.succeeded("mine", "192.0.2.1");
  assert.equal(throttle.blocked("192.0.2.1"), false);
  for (let i = 0; i < 5; i++) throttle.succeeded("mine", "192.0.2.1");
  assert.equal(throttle.delay("victim", "192.0.2.1"), 10_000);
  for (let i = 0; i < 5; i++) throttle.failed("victim", "192.0.2.1");
  assert.equal(throttle.blocked("192.0.2.1"), true);
});

Deno.test("memory is bounded under 100,000 addresses, and the worst are remembered", () => {
  const throttle = makeThrottle({ ...fakeClock(), maxEntries: 2000 });
  for (let i = 0; i < 40; i++) throttle.failed("victim", "192.0.2.1");
  for (let i = 0; i < 100_000; i++) {
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    throttle.failed(`name${i}`, address);
  }
  assert.ok(throttle.size() <= 3 * 2000, String(throttle.size()));
  assert.equal(throttle.blocked("192.0.2.1"), true);
  assert.equal(throttle.delay("victim", "203.0.113.9"), 10_000);
});

Deno.test("long names are kept as digests", () => {
  const throttle = makeThrottle(fakeClock());
  const long = "x".repeat(1000);
  for (let i = 0; i < 4; i++) throttle.failed(long, "192.0.2.1");
  assert.equal(throttle.delay(long, "203.0.113.1"), 500);
  assert.equal(throttle.delay(long + "y", "203.0.113.1"), 0);
});

Deno.test("all limits can be set", () => {
  const options = { freeAttempts: 1, baseDelayMs: 10, maxDelayMs: 15, blockAfter: 3 };
  const throttle = makeThrottle({ ...fakeClock(), ...options });
  const seen = [];
  for (let i = 0; i < 3; i++) {
    throttle.failed("a", "192.0.2.1");
    seen.push(throttle.delay("a", "192.0.2.1"), throttle.blocked("192.0.2.1"));
  }
  assert.deepEqual(seen, [0, false, 10, false, 15, true]);
});

Deno.test("IPv6 counts by /64, mapped IPv4 as IPv4", () => {
  assert.equal(addressKey("2001:db8::1"), "2001:db8:0:0::/64");
  assert.equal(addressKey("2001:DB8:0:0:1:2:3:4"), "2001:db8:0:0::/64");
  assert.equal(addressKey("2001:db8:1::"), "2001:db8:1:0::/64");
  assert.equal(addressKey("2001:db8:1:2::9"), "2001:db8:1:2::/64");
  assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(addressKey("::1"), "0:0:0:0::/64");
  assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(addressKey("0:0:0:0:0:ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(addressKey("192.0.2.1"), "192.0.2.1");
  assert.equal(addressKey("unix"), "unix");
});
