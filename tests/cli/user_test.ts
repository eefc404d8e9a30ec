/** Accounts from the command line, asked of a running server and done on the store alone. */

import assert from "node:assert/strict";
import { authenticate } from "../helpers/sasl.ts";
import { connect, login, NS } from "../helpers/client.ts";
import { Confab, startConfab, tempFolder, toml } from "./process.ts";

/** Tries a login over TLS; the condition of the failure, or "success". */
async function tryLogin(confab: Confab, name: string, password: string): Promise<string> {
  const client = await connect(confab.server, { tls: "direct" });
  try {
    await client.open();
    await authenticate(client, name, password, "PLAIN");
    return "success";
  } catch (e) {
    const condition = client.last.ns === NS.sasl && client.last.name === "failure"
      ? client.last.elements()[0]?.name
      : undefined;
    if (condition === undefined) throw e;
    return condition;
  } finally {
    client.cut();
  }
}

/** The same story both ways: what is done by one is seen by the other. */
async function story(confab: Confab): Promise<void> {
  const { ok, refused } = {
    ok: confab.ok.bind(confab),
    refused: confab.refused.bind(confab),
  };
  assert.equal(await ok("user", "list"), "no accounts");
  assert.equal(
    await ok("user", "add", "juliet@localhost", "--password", "first secret"),
    "juliet@localhost can log in now",
  );
  assert.match(
    await refused("user", "add", "juliet@localhost", "--password", "another secret"),
    /already an account juliet@localhost/,
  );
  // RFC 7622: addresses are prepared before they are compared.
  assert.match(
    await refused("user", "add", "JULIET@LOCALHOST", "--password", "another secret"),
    /already an account juliet@localhost/,
  );

  const added = await confab.run(["user", "add", "romeo@localhost"], { stdin: "from a pipe\n" });
  assert.equal(added.code, 0, added.err);
  const empty = await confab.run(["user", "add", "nurse@localhost"], { stdin: "" });
  assert.equal(empty.code, 2);
  assert.match(empty.err, /no password/);

  for (const wrong of ["localhost", "juliet", "juliet@localhost/balcony", "a b@localhost", "@x"]) {
    assert.match(await refused("user", "add", wrong, "--password", "secret words"), /address|host/);
  }
  assert.match(
    await refused("user", "add", "juliet@example.net", "--password", "secret words"),
    /example\.net is not a host of this server; it has localhost/,
  );
  assert.match(
    await refused("user", "add", "nurse@localhost", "--password", "\u0007"),
    /cannot be a password/,
  );
  for (const command of ["passwd", "delete", "disable", "enable", "show"]) {
    const more = command === "passwd" ? ["--password", "secret words"] : [];
    assert.match(
      await refused("user", command, "nobody@localhost", ...more),
      /there is no account nobody@localhost/,
      command,
    );
  }

  const list = await confab.json("user", "list");
  assert.deepEqual(list.map((a: { jid: string }) => a.jid), [
    "juliet@localhost",
    "romeo@localhost",
  ]);
  assert.ok(list.every((a: { enabled: boolean }) => a.enabled));
  assert.ok(Math.abs(list[0].created - Date.now()) < 60_000);
  assert.deepEqual(await confab.json("user", "list", "--host", "localhost"), list);
  assert.match(await refused("user", "list", "--host", "example.net"), /not a host/);

  assert.equal(
    await ok("user", "disable", "romeo@localhost"),
    "romeo@localhost can no longer log in",
  );
  assert.equal((await confab.json("user", "show", "romeo@localhost")).enabled, false);
  assert.match(await ok("user", "show", "romeo@localhost"), /^romeo@localhost \(disabled\)\n/);
  assert.match(await ok("user", "list"), /^romeo@localhost +disabled/m);
  assert.equal(await ok("user", "enable", "romeo@localhost"), "romeo@localhost can log in again");
  assert.equal((await confab.json("user", "show", "romeo@localhost")).enabled, true);

  assert.equal(
    await ok("user", "passwd", "juliet@localhost", "--password", "second secret"),
    "juliet@localhost has a new password",
  );
  assert.match(await ok("user", "delete", "romeo@localhost"), /^romeo@localhost .* gone$/);
  assert.match(await refused("user", "show", "romeo@localhost"), /there is no account/);
  const left = await confab.json("user", "list");
  assert.deepEqual(left.map((a: { jid: string }) => a.jid), ["juliet@localhost"]);
}

Deno.test("accounts on a running server", async () => {
  await using confab = await startConfab(toml());
  await story(confab);
  assert.equal(await tryLogin(confab, "juliet", "first secret"), "not-authorized");
  assert.equal(await tryLogin(confab, "juliet", "second secret"), "success");
});

Deno.test("accounts on the store alone, and then the server knows them", async () => {
  await using folder = await tempFolder();
  await using confab = new Confab(folder.path, false);
  await confab.write(toml());
  await story(confab);
  await confab.start();
  assert.equal(await tryLogin(confab, "juliet", "second secret"), "success");
  assert.equal(await tryLogin(confab, "romeo", "from a pipe"), "not-authorized");
});

Deno.test("a session sees what happens to its account", async () => {
  await using confab = await startConfab(toml());
  const juliet = await login(confab.server, "juliet", { resource: "balcony" });
  const shown = await confab.json("user", "show", "juliet@localhost");
  assert.equal(shown.sessions.length, 1);
  assert.equal(shown.sessions[0].resource, "balcony");
  assert.match(shown.sessions[0].remote, /127\.0\.0\.1/);
  assert.match(shown.sessions[0].secure, /^TLSv1\.[23]$/);
  assert.match(await confab.ok("user", "show", "juliet@localhost"), /^session +balcony from /m);
  assert.ok(Math.abs(shown.lastLogin - Date.now()) < 60_000);

  await confab.ok("user", "disable", "juliet@localhost");
  await juliet.streamError("not-authorized");
  assert.equal(await tryLogin(confab, "juliet", "password of juliet"), "account-disabled");
  await confab.ok("user", "enable", "juliet@localhost");
  const again = await login(confab.server, "juliet");
  await confab.ok("user", "delete", "juliet@localhost");
  await again.streamError("not-authorized");
  assert.equal(await tryLogin(confab, "juliet", "password of juliet"), "not-authorized");
});
