/** Starting and stopping: what a new operator sees, and what must not be possible. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { connect, login, online } from "../helpers/client.ts";
import { Confab, freePort, run, startConfab, tempFolder, toml } from "./process.ts";

function modeOf(path: string): string {
  return ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
}

function isFree(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return true;
  } catch {
    return false;
  }
}

const defaultPortsTaken = [5222, 5223, 5281].some((p) => !isFree("127.0.0.1", p));
if (defaultPortsTaken) console.log("the test of the first start is skipped: its ports are taken");

if (!defaultPortsTaken) {
  Deno.test("the first start without a configuration", async () => {
    await using folder = await tempFolder();
    await using confab = new Confab(folder.path, false);
    await confab.start(["run"]);
    assert.match(confab.out, /^Confab \d+\.\d+\.\d+ serves localhost$/m);
    assert.match(confab.out, /^ {2}clients {2}127\.0\.0\.1:5222 {2}STARTTLS$/m);
    assert.match(confab.out, /^ {2}clients {2}127\.0\.0\.1:5223 {2}direct TLS$/m);
    assert.match(confab.out, /^ {2}web {6}127\.0\.0\.1:5281 {2}https$/m);
    if (isFree("::1", 0)) {
      assert.match(confab.out, /^ {2}clients {2}\[::1\]:5222 {2}STARTTLS$/m);
      assert.match(confab.out, /^ {2}clients {2}\[::1\]:5223 {2}direct TLS$/m);
    }
    assert.doesNotMatch(confab.out, /0\.0\.0\.0|\[::\]/);
    assert.ok(Deno.statSync(`${folder.path}/data/confab.sqlite`).isFile);

    const command = /^Add an account: deno run -A main\.ts (.+)$/m.exec(confab.out)?.[1];
    assert.equal(command, "user add NAME@localhost");
    assert.deepEqual(
      await run(["user", "add", "juliet@localhost"], { cwd: folder.path, stdin: "balcony scene" }),
      { code: 0, out: "juliet@localhost can log in now\n", err: "" },
    );
    // Log in over both ports; TLS is required before authentication.
    await login(confab.server, "juliet", { password: "balcony scene" });
    await login(confab.server, "juliet", { password: "balcony scene", tls: "direct" });
    const plain = await connect(confab.server);
    const features = await plain.open();
    assert.ok(features.child("starttls")?.child("required") !== undefined);
    assert.equal(features.child("mechanisms"), undefined);
  });
}

Deno.test("only the owner may look into the data folder and use the control socket", async () => {
  await using confab = await startConfab(toml());
  assert.equal(modeOf(confab.data), "700");
  assert.equal(modeOf(`${confab.data}/control.sock`), "600");
  for (const { name } of Deno.readDirSync(`${confab.data}/certs`)) {
    if (name.endsWith(".key")) assert.equal(modeOf(`${confab.data}/certs/${name}`), "600");
  }
});

Deno.test("the command that the banner names works as it is printed", async () => {
  await using confab = await startConfab(toml());
  const command = /^Add an account: deno run -A main\.ts (.+)$/m.exec(confab.out)![1]!;
  const words = command.replace("NAME", "juliet").split(" ");
  const { code, err } = await run(words, { cwd: confab.folder, stdin: "secret words\n" });
  assert.equal(code, 0, err);
});

Deno.test("a second server on the same data is refused and disturbs nothing", async () => {
  await using confab = await startConfab(toml());
  const juliet = await login(confab.server, "juliet");
  const { code, out, err } = await confab.run(["run"]);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(err, new RegExp(`another Confab is running on ${confab.data}`));
  await juliet.sync();
  assert.equal((await confab.json("status")).sessions, 1);
});

Deno.test("a socket left behind by a killed server is no obstacle", async () => {
  await using confab = await startConfab(toml());
  confab.child.kill("SIGKILL");
  await confab.exited();
  assert.ok(Deno.statSync(`${confab.data}/control.sock`).isSocket);
  assert.match(await confab.refused("status"), /no server is running/);
  await confab.start();
  assert.equal((await confab.json("status")).sessions, 0);
});

Deno.test("a port that is taken is named, and nothing is left running", async () => {
  await using folder = await tempFolder();
  const confab = new Confab(folder.path, false);
  const port = freePort();
  using _taken = Deno.listen({ hostname: "127.0.0.1", port });
  await confab.write(toml().replace("port = 0", `port = ${port}`));
  const { code, out, err } = await confab.run(["run"]);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another program`));
  assert.match(await confab.refused("status"), /no server is running/);
});

Deno.test("a data folder with a path too long for a socket is refused by name", async () => {
  await using folder = await tempFolder();
  await Deno.writeTextFile(`${folder.path}/server.toml`, toml());
  const data = `${folder.path}/${"long".repeat(30)}`;
  const { code, err } = await run(["run", "--data", data], { cwd: folder.path });
  assert.equal(code, 1);
  assert.equal(err, `the path of the data folder is too long for a socket in it: ${data}\n`);
});

Deno.test("a bad configuration is refused before anything is made", async () => {
  await using folder = await tempFolder();
  const confab = new Confab(folder.path, false);
  await confab.write('[limits]\ndepth = "lots"\n[hosts.localhost]\n');
  const { code, out, err } = await confab.run(["run"]);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.equal(
    err,
    `${confab.config}:2: limits.depth: expected a whole number from 8 to 1000, got "lots"\n`,
  );
  assert.throws(() => Deno.statSync(confab.data), Deno.errors.NotFound);
  const missing = await run(["run", "--config", `${folder.path}/none.toml`]);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /none\.toml: (no such file|.*not found|.*does not exist)/i);
});

Deno.test("a database newer than the code is refused by the server and by commands", async () => {
  await using folder = await tempFolder();
  await using confab = new Confab(folder.path, false);
  await confab.write(toml());
  await confab.ok("user", "add", "juliet@localhost", "--password", "secret words");
  const db = new DatabaseSync(`${confab.data}/confab.sqlite`);
  db.prepare("insert into confab_migrations (module, name, applied_at) values (?, ?, ?)")
    .run("auth", "9999_from_the_future", Date.now());
  db.close();
  for (const command of [["run"], ["user", "list"]]) {
    const { code, out, err } = await confab.run(command);
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(err, /migration "9999_from_the_future" of module "auth"/);
    assert.match(err, /written by a newer Confab/);
    assert.doesNotMatch(err, /^ +at /m, "no stack");
  }
  const check = await confab.run(["check"]);
  assert.equal(check.code, 1);
  assert.match(check.out, /^error +database: .*newer Confab/m);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal}: sessions get system-shutdown, exit code 0 within 10 s`, async () => {
    await using confab = await startConfab(toml());
    const juliet = await online(confab.server, "juliet");
    const romeo = await login(confab.server, "romeo", { tls: "direct" });
    // One that has not logged in, one that has not even spoken.
    const stranger = await connect(confab.server);
    await stranger.open();
    await connect(confab.server);
    const started = performance.now();
    confab.child.kill(signal);
    await juliet.streamError("system-shutdown");
    await romeo.streamError("system-shutdown");
    const { code, success } = await confab.exited();
    assert.equal(code, 0);
    assert.ok(success);
    assert.ok(performance.now() - started < 10_000);
    await assert.rejects(connect(confab.server), /ECONNREFUSED|refused/i);
    assert.throws(() => Deno.statSync(`${confab.data}/control.sock`), Deno.errors.NotFound);
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  });
}

Deno.test("SIGTERM: a client that does not answer cannot hold the server", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  juliet.tls.pause();
  juliet.tls.removeAllListeners("end");
  const started = performance.now();
  confab.child.kill("SIGTERM");
  const { code } = await confab.exited();
  assert.equal(code, 0);
  assert.ok(performance.now() - started < 10_000);
});

Deno.test("stop returns when the server is gone", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const stopping = confab.ok("stop");
  await juliet.streamError("system-shutdown");
  assert.equal(await stopping, "stopped");
  assert.throws(() => Deno.statSync(`${confab.data}/control.sock`), Deno.errors.NotFound);
  assert.equal((await confab.exited()).code, 0);
  await confab.start();
  assert.equal((await confab.json("status")).sessions, 0);
});
