/** Only one process writes a journal. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Segments } from "../../../../modules/stream_management/segments.ts";

Deno.test("a folder that is in use is refused until it is free", async () => {
  const folder = await mkdtemp(join(tmpdir(), "confab-lock-"));
  try {
    const one = new Segments(folder, "process");
    await one.lock();
    const two = new Segments(folder, "process");
    await assert.rejects(two.lock(), /another program .* writes to/);
    one.close();
    await two.lock();
    two.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
