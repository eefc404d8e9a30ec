import assert from "node:assert/strict";
import { openControl } from "../../lib/control/socket.ts";
import type { CommandContext } from "../../lib/control/commands.ts";

/** Nobody asks anything here. */
const context = {} as CommandContext;

Deno.test("of servers that start at the same moment one gets the data", async () => {
  const data = await Deno.makeTempDir();
  try {
    for (let round = 0; round < 5; round++) {
      const all = await Promise.allSettled([1, 2, 3].map(() => openControl(context, data)));
      const opened = all.filter((r) => r.status === "fulfilled");
      assert.equal(opened.length, 1);
      for (const r of all) {
        if (r.status === "rejected") {
          assert.match(r.reason.message, /^another Confab is running on/);
        }
      }
      // The next round is a later start on the same data.
      await opened[0]!.value.close();
    }
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
