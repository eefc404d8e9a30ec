import assert from "node:assert/strict";
import { roomForConnections } from "../../lib/net/open_files.ts";

Deno.test("connections leave files for everything else, and for what waits at the ports", () => {
  assert.deepEqual(roomForConnections(1_048_576), { connections: 1_040_384, backlog: 1024 });
  assert.deepEqual(roomForConnections(1024), { connections: 896, backlog: 16 });
  for (const limit of [100, 256, 1024, 4096, 20_000, 1_000_000]) {
    const { connections, backlog } = roomForConnections(limit);
    // 50 that are always open, and four ports.
    assert.ok(limit < 1024 || connections + 4 * backlog + 50 <= limit, `${limit}`);
  }
  assert.deepEqual(roomForConnections(10), { connections: 1, backlog: 8 });
  assert.equal(roomForConnections(Infinity).connections, Infinity);
});

Deno.test("this system tells its limit, or none is assumed", () => {
  assert.ok(roomForConnections().connections > 0);
});
