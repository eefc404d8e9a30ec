/** An administrator restarts the server from a client, and shuts it down (XEP-0133 §4.30, §4.31). */

import assert from "node:assert/strict";
import { login, type TestClient } from "../helpers/client.ts";
import { startConfab, toml } from "./process.ts";

const COMMANDS = "http://jabber.org/protocol/commands";
const ADMINS = 'admins = ["boss@localhost"]\n';

async function ask(boss: TestClient, what: string): Promise<void> {
  const node = `http://jabber.org/protocol/admin#${what}`;
  const { id } = await boss.request(
    `<iq type='set' id='a' to='localhost'><command xmlns='${COMMANDS}' node='${node}'/></iq>`,
    `<iq type='result' id='a'><command xmlns='${COMMANDS}' sessionid='{id}'/></iq>`,
  );
  await boss.request(
    `<iq type='set' id='a' to='localhost'><command xmlns='${COMMANDS}' node='${node}'
      sessionid='${id}'><x xmlns='jabber:x:data' type='submit'>
      <field var='delay'><value>0</value></field></x></command></iq>`,
    `<iq type='result' id='a'><command xmlns='${COMMANDS}' status='completed'/></iq>`,
  );
}

Deno.test("a restart in the same process, with the configuration as it is by then", async () => {
  await using confab = await startConfab(ADMINS + toml());
  const { pid } = confab.child;
  const boss = await login(confab.server, "boss");
  // What needs a restart: another store would; here it is another host.
  await confab.write(ADMINS + toml("", ["localhost", "example.org"]));
  confab.out = "";
  await ask(boss, "restart");
  await boss.streamError("system-shutdown");
  await confab.until(() => confab.out.includes("Add an account:"), "the restart");
  assert.match(confab.out, /serves localhost, example\.org/);
  const status = await confab.json("status");
  assert.equal(status.pid, pid);
  confab.child.kill("SIGTERM");
  assert.equal((await confab.exited()).code, 0);
});

Deno.test("a configuration that does not work gives way to the one that did", async () => {
  await using confab = await startConfab(ADMINS + toml());
  const boss = await login(confab.server, "boss");
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await confab.write(ADMINS + toml().replace("port = 0", `port = ${port}`));
  confab.out = "";
  await ask(boss, "restart");
  await confab.until(() => confab.out.includes("Add an account:"), "the restart");
  await confab.until(() => confab.err.includes("old configuration"), "the log");
  confab.ports();
  await login(confab.server, "boss");
});

Deno.test("with a broken configuration it goes on with the one it had; then it is shut down", async () => {
  await using confab = await startConfab(ADMINS + toml());
  const boss = await login(confab.server, "boss");
  await confab.write("nonsense");
  confab.out = "";
  await ask(boss, "restart");
  await confab.until(() => confab.out.includes("Add an account:"), "the restart");
  await confab.until(() => confab.err.includes("old configuration"), "the log");
  confab.ports();
  const again = await login(confab.server, "boss");
  await ask(again, "shutdown");
  await again.streamError("system-shutdown");
  assert.equal((await confab.exited()).code, 0);
});

Deno.test("who says stop while it is about to restart means it", async () => {
  await using confab = await startConfab(ADMINS + toml());
  const boss = await login(confab.server, "boss");
  // Somebody for whom the end takes a moment.
  await login(confab.server, "alice");
  confab.out = "";
  await ask(boss, "restart");
  await boss.eventually("<stream:error/>");
  confab.child.kill("SIGTERM");
  assert.equal((await confab.exited()).code, 0);
  assert.equal(confab.out.includes("Add an account:"), false);
});
