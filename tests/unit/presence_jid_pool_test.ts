/** Contacts' addresses are shared. */

import assert from "node:assert/strict";
import { JidPool } from "../../modules/presence/jid_pool.ts";

Deno.test("one object for each bare JID", () => {
  const pool = new JidPool();
  const jid = pool.get("a@b");
  assert.equal(jid?.full, "a@b");
  assert.equal(pool.get("a@b"), jid);
  assert.equal(pool.peek("a@b"), jid);
  assert.equal(pool.get("A@b/resource"), jid, "prepared first");
  assert.equal(pool.peek("c@d"), undefined);
  assert.equal(pool.get("@"), undefined);
  assert.equal(pool.size, 1);
});
