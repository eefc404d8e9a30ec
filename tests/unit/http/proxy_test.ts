import assert from "node:assert/strict";
import { clientAddress, proxies } from "../../../lib/http/proxy.ts";

Deno.test("proxies: addresses and networks of both families", () => {
  const some = proxies(["127.0.0.1", "::1", "10.0.0.0/8", "2001:db8::/32"]);
  const yes = ["127.0.0.1", "::1", "10.255.0.1", "2001:db8:1::1", "::ffff:10.0.0.1"];
  const no = ["127.0.0.2", "::2", "11.0.0.1", "2001:db9::1", "::ffff:11.0.0.1", "", "host"];
  for (const a of yes) assert.equal(some.has(a), true, a);
  for (const a of no) assert.equal(some.has(a), false, a);
  assert.equal(proxies([]).has("127.0.0.1"), false);
  const list = ["192.0.2.1"];
  assert.equal(proxies(list), proxies(list), "read once");
});

Deno.test("the client's address: the last that no trusted proxy has", () => {
  const trusted = proxies(["127.0.0.1", "10.0.0.0/8"]);
  const of = (peer: string, chain: string | null) => clientAddress(peer, chain, trusted);
  assert.equal(of("192.0.2.5", "198.51.100.1"), "192.0.2.5", "told by nobody we know");
  assert.equal(of("127.0.0.1", null), "127.0.0.1");
  assert.equal(of("127.0.0.1", ""), "127.0.0.1");
  assert.equal(of("127.0.0.1", "198.51.100.1"), "198.51.100.1");
  assert.equal(of("::ffff:127.0.0.1", "198.51.100.1"), "198.51.100.1");
  assert.equal(of("127.0.0.1", "6.6.6.6, 198.51.100.1"), "198.51.100.1", "forged before it");
  assert.equal(of("127.0.0.1", "198.51.100.1, 10.1.1.1"), "198.51.100.1");
  assert.equal(of("127.0.0.1", "10.2.2.2, 10.1.1.1"), "10.2.2.2");
  assert.equal(of("127.0.0.1", "198.51.100.1, unknown"), "127.0.0.1");
  assert.equal(of("127.0.0.1", "[2001:db8::1]"), "2001:db8::1");
  assert.equal(of("127.0.0.1", `6.6.6.6,${"10.0.0.1,".repeat(500)}`).startsWith("6."), false);
});
