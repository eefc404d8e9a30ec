import assert from "node:assert/strict";
import { Admission } from "../../lib/net/admission.ts";

const limits = { connections: 100, connections_per_address: 2, connections_per_second: 0 };

/** How many of these are let in. */
function entered(admission: Admission, addresses: readonly string[]): number {
  return addresses.filter((a) => admission.enter(a) === undefined).length;
}

Deno.test("an IPv4 address stands for itself, mapped to IPv6 or not", () => {
  const admission = new Admission(limits);
  assert.equal(entered(admission, ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"]), 2);
  assert.equal(entered(admission, ["192.0.2.2", "::ffff:192.0.2.3", "::ffff:192.0.2.4"]), 3);
});

Deno.test("an IPv6 address stands for its /64, however it is written", () => {
  const admission = new Admission(limits);
  const one = ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::"];
  assert.equal(entered(admission, one), 2);
  assert.equal(entered(admission, ["2001:db8:0:2::1", "2001:db8:1:1::1", "2001:db8::1"]), 3);
  assert.equal(entered(admission, ["::1", "::2", "::3"]), 2);
});

Deno.test("who leaves makes room, and is forgotten", () => {
  const admission = new Admission({ ...limits, connections: 3 });
  assert.equal(entered(admission, ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]), 3);
  assert.match(admission.enter("192.0.2.9")!, /^limits\.connections is/);
  admission.leave("192.0.2.1");
  assert.equal(admission.enter("192.0.2.1"), undefined);
  for (const a of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) admission.leave(a);
  assert.equal(admission.open, 0);
});

Deno.test("0 is no limit", () => {
  const admission = new Admission({
    connections: 1000,
    connections_per_address: 0,
    connections_per_second: 0,
  });
  assert.equal(entered(admission, Array(1001).fill("192.0.2.1")), 1000);
});

Deno.test("new connections of an address are rationed, twice as many at once", () => {
  const admission = new Admission({
    ...limits,
    connections_per_address: 0,
    connections_per_second: 5,
  });
  assert.equal(entered(admission, Array(30).fill("192.0.2.1")), 10);
  assert.match(admission.enter("192.0.2.1")!, /per_second/);
  assert.equal(admission.enter("192.0.2.2"), undefined);
  // Leaving does not help.
  admission.leave("192.0.2.1");
  assert.match(admission.enter("192.0.2.1")!, /per_second/);
});
