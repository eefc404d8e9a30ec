/** A real client lists ad-hoc commands, and runs them: XEP-0050 and XEP-0133 by slixmpp. */

import assert from "node:assert/strict";
import { startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { slixmpp } from "./start.ts";

const ADMIN = "http://jabber.org/protocol/admin";

const python = await pythonWithSlixmpp();
if (python !== undefined) {
  Deno.test("slixmpp: an administrator lists commands, asks a number, and adds an account", async () => {
    await using confab = await startConfab(`admins = ["boss@localhost"]\n${toml()}`);
    await confab.addUser("boss@localhost", "a good password");
    const start = slixmpp(python, "slixmpp_commands.py");
    await using boss = start(confab, "boss@localhost", "a good password");
    const { nodes } = await boss.sees({ event: "listed" });
    for (const what of ["add-user", "delete-user", "announce", "restart"]) {
      assert((nodes as string[]).includes(`${ADMIN}#${what}`), what);
    }
    await boss.sees({ event: "number", value: "1" });
    const form = await boss.sees({ event: "form", title: "Add an account" });
    assert.deepEqual(form.fields, ["FORM_TYPE", "accountjid", "password", "password-verify"]);
    const done = await boss.sees({ event: "done", status: "completed" });
    assert.match(JSON.stringify(done.notes), /nurse@localhost can log in now/);
    assert.match(await confab.ok("user", "list"), /nurse@localhost/);
  });

  Deno.test("slixmpp: a user sees none of these", async () => {
    await using confab = await startConfab(toml());
    await confab.addUser("alice@localhost", "a good password");
    const start = slixmpp(python, "slixmpp_commands.py");
    await using alice = start(confab, "alice@localhost", "a good password");
    const { nodes } = await alice.sees({ event: "listed" });
    assert(!(nodes as string[]).some((node) => node.startsWith(ADMIN)));
    const { why } = await alice.sees({ event: "error" });
    assert.match(String(why), /forbidden/);
  });
}
