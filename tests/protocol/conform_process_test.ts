/** The process as a service manager treats it: a signal to a whole group comes more than once. */

import assert from "node:assert/strict";
import { startConfab, toml } from "../cli/process.ts";
import { login } from "../helpers/client.ts";

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.test(`SIGTERM, and then ${signal} while it stops: it stops in good order`, async () => {
    await using confab = await startConfab(toml(`[c2s]\nclose_timeout = "1s"\n`));
    const juliet = await login(confab.server, "juliet");
    // This one holds up the end, as it does not answer.
    juliet.tls.pause();
    juliet.tls.removeAllListeners("end");
    confab.child.kill("SIGTERM");
    const ended = confab.exited();
    try {
      for (let i = 0; i < 50; i++) {
        confab.child.kill(signal);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch {
      // It is gone.
    }
    const { code } = await ended;
    assert.equal(code, 0);
    assert.throws(() => Deno.statSync(`${confab.data}/control.sock`), Deno.errors.NotFound);
  });
}
