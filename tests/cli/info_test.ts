/** What the server tells about itself: status, host list, modules, hooks. */

import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { login } from "../helpers/client.ts";
import { Confab, startConfab, tempFolder, toml } from "./process.ts";

Deno.test("status of a running server", async () => {
  await using confab = await startConfab(toml());
  await login(confab.server, "juliet");
  const status = await confab.json("status");
  assert.equal(status.pid, confab.child.pid);
  assert.equal(status.sessions, 1);
  assert.equal(status.connections, 1);
  assert.deepEqual(status.listening, [
    { address: "127.0.0.1", port: confab.server.port, tls: "starttls", protocol: "starttls" },
    { address: "127.0.0.1", port: confab.server.tlsPort, tls: "direct", protocol: "direct" },
  ]);
  assert.equal(status.store.kind, "sqlite");
  assert.equal(status.store.state, "works");
  assert.ok(Math.abs(status.started - Date.now()) < 60_000);
  assert.ok(status.memoryMiB > 10);

  const human = await confab.ok("status");
  assert.match(human, new RegExp(`^Confab ${status.version}, process ${confab.child.pid}, since `));
  assert.match(human, /^sessions +1$/m);
  assert.match(human, /^store +sqlite: works$/m);
});

/** The same with a server and without one. */
async function lists(confab: Confab): Promise<void> {
  const hosts = await confab.json("host", "list");
  assert.deepEqual(hosts.map((h: { domain: string }) => h.domain), ["localhost", "example.org"]);
  assert.ok(hosts[0].modules.includes("roster"));
  assert.ok(hosts[1].modules.includes("roster"));
  assert.ok(hosts[0].modules.includes("ping"));
  assert.ok(!hosts[1].modules.includes("ping"), "off on this host");
  const human = await confab.ok("host", "list");
  assert.match(human, /^host +sessions +certificate until +modules$/m);
  assert.match(human, /^example\.org +0 /m);

  const modules = await confab.json("modules");
  const find = (name: string) => modules.find((m: { name: string }) => m.name === name);
  assert.deepEqual(find("roster").hosts, ["localhost", "example.org"]);
  assert.deepEqual(find("ping").hosts, ["localhost"]);
  assert.deepEqual(Object.keys(find("ping").xeps), ["XEP-0199"]);
  assert.equal(find("register"), undefined, "off by default");
  for (const m of modules) assert.notEqual(m.description, "", m.name);
  assert.match(await confab.ok("modules"), /^ping +localhost +XEP-0199 /m);

  const hooks = await confab.json("hooks");
  const names = hooks.map((h: { name: string }) => h.name);
  assert.deepEqual(names, [...new Set(names)], "each once");
  for (const h of hooks) {
    assert.match(h.kind, /^(ask|tell|filter)$/);
    assert.notEqual(h.doc, "", h.name);
  }
  const handlers = hooks.flatMap((h: { handlers: { module: string }[] }) => h.handlers);
  assert.ok(handlers.some((h: { module: string }) => h.module === "auth"));
  assert.deepEqual(
    (await confab.json("hooks", "--host", "example.org")).map((h: { name: string }) => h.name)
      .sort(),
    [...names].sort(),
  );
  assert.match(await confab.refused("hooks", "--host", "example.net"), /is not a host/);
  assert.match(await confab.ok("hooks"), /^ {4}1\. auth +\d+ calls, \d+\.\d{3} ms/m);
}

const TWO_HOSTS = toml("modules = { ping = false }\n", ["localhost", "example.org"]);

Deno.test("host list, modules and hooks of a running server", async () => {
  await using confab = await startConfab(TWO_HOSTS);
  await lists(confab);
  const [localhost] = await confab.json("host", "list");
  assert.ok(localhost.certificate.names.includes("localhost"));
  const days = (Date.parse(localhost.certificate.until) - Date.now()) / 86_400_000;
  assert.ok(days > 300, `${days} days`);

  await login(confab.server, "juliet");
  const hooks = await confab.json("hooks");
  const calls = hooks.flatMap((h: { handlers: { module: string; calls: number }[] }) => h.handlers)
    .filter((h: { module: string }) => h.module === "auth")
    .reduce((n: number, h: { calls: number }) => n + h.calls, 0);
  assert.ok(calls >= 2, "a login has asked auth");
});

Deno.test("host list, modules and hooks without a server", async () => {
  await using folder = await tempFolder();
  await using confab = new Confab(folder.path, false);
  await confab.write(TWO_HOSTS);
  await lists(confab);
});

Deno.test("the control socket takes nonsense calmly", async () => {
  await using confab = await startConfab(toml());
  const say = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = createConnection(`${confab.data}/control.sock`);
      let answer = "";
      socket.setEncoding("utf8");
      socket.on("connect", () => socket.write(text));
      socket.on("data", (chunk: string) => answer += chunk);
      socket.on("error", reject);
      socket.on("close", () => resolve(answer));
    });
  for (const text of ["\n", "nonsense\n", "null\n", "[]\n", '{"command":"x"}\n', "{}\n"]) {
    const answer = JSON.parse(await say(text));
    assert.equal(typeof answer.error, "string", text);
  }
  assert.match(
    JSON.parse(await say('{"command":"constructor","args":{}}\n')).error,
    /there is no command "constructor"/,
  );
  assert.match(JSON.parse(await say('{"command":"user show"}\n')).error, /address/);
  assert.equal(await say("x".repeat(100_000)).catch(() => ""), "", "too long: cut off");
  assert.equal((await confab.json("status")).sessions, 0);
  assert.doesNotMatch(confab.err, /^\S+ error /m, "nobody's mistakes are the server's errors");
});
