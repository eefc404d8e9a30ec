/** Commands under way: their number, their time, and whose they are. */

import assert from "node:assert/strict";
import type { Command, CommandContext } from "../../../lib/commands.ts";
import { commandOf, Commands } from "../../../lib/commands.ts";
import { parseJid } from "../../../lib/jid.ts";
import { Runs } from "../../../modules/adhoc/runs.ts";

const command: Command = commandOf("test", {
  node: "n",
  name: "N",
  for: "anybody",
  run: () => {},
});

function context(from: string, to = "localhost"): CommandContext {
  return { from: parseJid(from)!, to: parseJid(to)!, isAdmin: false, lang: undefined };
}

const limits = { sessions: 3, sessions_per_user: 2, session_timeout: 1000 };
const alice = context("alice@localhost/a");

Deno.test("a run is found by who has begun it, at the place where it was begun", () => {
  const runs = new Runs(limits);
  const run = runs.open(command, alice)!;
  assert.equal(runs.find(run.id, "n", alice), run);
  assert.equal(runs.find(run.id, "m", alice), "unknown");
  assert.equal(runs.find(run.id, "n", context("alice@localhost/b")), "unknown");
  assert.equal(runs.find(run.id, "n", context("alice@localhost/a", "example.org")), "unknown");
  assert.equal(new Runs(limits).find(run.id, "n", alice), "unknown");
  for (const id of ["", ".", "a.b", run.id.slice(0, -1), run.id + "A", run.id.split(".")[0]!]) {
    assert.equal(runs.find(id, "n", alice), "unknown", id);
  }
  runs.close(run);
  assert.equal(runs.find(run.id, "n", alice), "expired");
});

Deno.test("ids differ, and are long", () => {
  const runs = new Runs(limits);
  const ids = new Set(Array.from({ length: 100 }, () => runs.newId(alice)));
  assert.equal(ids.size, 100);
  assert([...ids].every((id) => /^[\w-]{22}\.[\w-]{22}$/.test(id)));
});

Deno.test("limits of one user and of all", () => {
  const runs = new Runs(limits);
  const first = runs.open(command, alice)!;
  runs.open(command, alice);
  runs.open(command, context("alice@localhost/b"));
  assert.equal(runs.size, 2);
  assert.equal(runs.find(first.id, "n", alice), "expired");
  assert(runs.open(command, context("bob@localhost/a")) !== undefined);
  assert.equal(runs.open(command, context("carol@localhost/a")), undefined);
  runs.forget(({ from }) => from.node === "bob");
  assert(runs.open(command, context("carol@localhost/a")) !== undefined);
});

Deno.test("what is touched lasts, what is not goes", () => {
  const runs = new Runs(limits);
  const run = runs.open(command, alice)!;
  run.touched -= 900;
  assert.equal(runs.find(run.id, "n", alice), run);
  run.touched -= 1001;
  assert.equal(runs.find(run.id, "n", alice), "expired");
  assert.equal(runs.size, 0);
});

Deno.test("a table of commands: hosts and accounts apart, names once", () => {
  const commands = new Commands();
  const host = parseJid("localhost")!;
  const remove = commands.add(command);
  commands.add({ ...command, at: "node", for: "owner" });
  assert.throws(() => commands.add({ ...command, module: "other" }), /test and other both have/);
  assert.equal(commands.get(host, "n"), command);
  assert.equal(commands.get(alice.from, "n")!.for, "owner");
  remove();
  assert.equal(commands.get(host, "n"), undefined);
  assert.equal([...commands.list(alice.from)].length, 1);
});
