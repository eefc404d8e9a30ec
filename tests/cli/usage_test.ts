/** The command line itself: help, version, mistakes. No command here reaches a server or a store. */

import assert from "node:assert/strict";
import { run, tempFolder } from "./process.ts";

const COMMANDS = [
  "run",
  "check",
  "user add",
  "user passwd",
  "user delete",
  "user disable",
  "user enable",
  "user list",
  "user show",
  "host list",
  "modules",
  "hooks",
  "status",
  "reload",
  "stop",
];

Deno.test("--help lists every command and the common options", async () => {
  const { code, out, err } = await run(["--help"]);
  assert.equal(code, 0);
  assert.equal(err, "");
  for (const command of COMMANDS) {
    assert.match(out, new RegExp(`^  ${command}( |$)`, "m"), command);
  }
  for (const option of ["--config", "--data", "--json", "--help"]) {
    assert.match(out, new RegExp(`^  ${option} `, "m"), option);
  }
});

Deno.test("--help lists all commands wherever it stands", async () => {
  const { code, out } = await run(["--config", "server.toml", "--help"]);
  assert.equal(code, 0);
  assert.match(out, /^ {2}status /m);
});

Deno.test("--help of one command shows only that", async () => {
  const { code, out } = await run(["user", "add", "--help"]);
  assert.equal(code, 0);
  assert.match(out, /^ {2}user add JID/m);
  assert.doesNotMatch(out, /^ {2}(user passwd|status)/m);
});

Deno.test("--help of a group shows its commands", async () => {
  const { code, out } = await run(["user", "--help"]);
  assert.equal(code, 0);
  assert.match(out, /^ {2}user add JID/m);
  assert.match(out, /^ {2}user show JID/m);
  assert.doesNotMatch(out, /^ {2}status/m);
});

Deno.test("--version names the version", async () => {
  const { code, out } = await run(["--version"]);
  assert.equal(code, 0);
  assert.match(out, /^Confab \d+\.\d+\.\d+\n$/);
});

for (
  const [args, says] of [
    [["frobnicate"], /no command "frobnicate"/],
    [["constructor"], /no command "constructor"/],
    [["toString", "add"], /no command "toString"/],
    [["user"], /one of: add, passwd, delete, disable, enable, list, show/],
    [["user", "frobnicate"], /one of: add,/],
    [["user", "add"], /write: user add JID/],
    [["user", "add", "a@localhost", "b@localhost"], /write: user add JID/],
    [["user", "list", "extra"], /write: user list/],
    [["status", "extra"], /write: status/],
    [["run", "extra"], /write: run/],
    [["--frobnicate"], /--frobnicate/],
    [["status", "--config"], /--config/],
    [["status", "--json=yes"], /--json/],
  ] as const
) {
  Deno.test(`a mistake in writing, exit code 2: ${args.join(" ")}`, async () => {
    await using folder = await tempFolder();
    const { code, out, err } = await run(args, { cwd: folder.path });
    assert.equal(code, 2, out + err);
    assert.equal(out, "");
    assert.match(err, says);
    assert.match(err, /^confab: [^\n]+\n$/, "one line, without a stack");
    assert.deepEqual([...Deno.readDirSync(folder.path)], [], "nothing is left behind");
  });
}

Deno.test("commands for a running server say that there is none", async () => {
  await using folder = await tempFolder();
  for (const command of ["status", "reload", "stop"]) {
    const { code, out, err } = await run([command, "--data", `${folder.path}/d`], {
      cwd: folder.path,
    });
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.equal(err, `no server is running on ${folder.path}/d\n`);
  }
});
