/** The order of things in a room: acts, messages, and what waits for the disk. */

import assert from "node:assert/strict";
import { StanzaError } from "../../../../lib/errors.ts";
import type { Later } from "../../../../lib/later.ts";
import { open, room, settle } from "./turns.ts";

Deno.test("with nothing before it everything is done at once, without a promise", () => {
  const { act, aside, say, seen, turns } = room();
  assert.equal(act("a"), undefined);
  assert.equal(say("b"), undefined);
  assert.equal(aside("c"), undefined);
  assert.equal(say("no", { check: () => false }), undefined);
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.equal(turns.length, 0);
});

Deno.test("what is refused is thrown, or rejects, and nothing else is concerned", async () => {
  const { turns, act, say, seen, failures } = room();
  const refusal = new StanzaError("forbidden");
  const refuse = () => {
    throw refusal;
  };
  const later = () => Promise.reject(refusal);
  assert.throws(() => turns.act(refuse), refusal);
  assert.throws(() => say("check", { check: refuse }), refusal);
  assert.throws(() => say("place", { place: refuse }), refusal);
  await assert.rejects(Promise.resolve(turns.act(later)), refusal);
  const waiting = [
    turns.act(later),
    say("check", { check: later }),
    say("place", { place: later }),
  ];
  const behind = [turns.act(refuse), say("checked", { check: refuse }), act("a"), say("b")];
  for (const done of [...waiting, ...behind.slice(0, 2)]) {
    await assert.rejects(Promise.resolve(done), refusal);
  }
  await Promise.all(behind.slice(2));
  assert.deepEqual(seen, ["a", "b"]);
  assert.deepEqual(failures, []);
  assert.equal(turns.length, 0);
});

Deno.test("acts wait for each other, whatever they do", async () => {
  const { act, seen, turns } = room();
  const first = open();
  const all = [act("1", first.promise), act("2", Promise.reject(new Error("2"))), act("3")];
  assert.deepEqual(seen, ["1"]);
  assert.equal(turns.length, 3);
  first.resolve();
  await assert.rejects(Promise.resolve(all[1]), /2/);
  await Promise.all([all[0], all[2]]);
  assert.deepEqual(seen, ["1", "2", "3"]);
});

Deno.test("messages are placed at once, and told in order when they are kept", async () => {
  const { act, say, seen, turns } = room();
  const kept = [open<boolean>(), open<boolean>(), open<boolean>()];
  const placed: string[] = [];
  kept.forEach(({ promise }, i) => {
    const place = () => void placed.push(`${i}`);
    // Nobody waits: their authors have more to say.
    assert.equal(say(`${i}`, { place, kept: promise }), undefined);
  });
  assert.equal(say("3", { place: () => void placed.push("3") }), undefined);
  const left = act("left");
  assert.deepEqual(placed, ["0", "1", "2", "3"]);
  kept[2]!.resolve(true);
  kept[1]!.reject(new Error("the disk"));
  await settle();
  assert.deepEqual(seen, []);
  assert.equal(turns.length, 5);
  kept[0]!.resolve(true);
  await left;
  assert.deepEqual(seen, ["0", "1 lost", "2", "3", "left"]);
});

Deno.test("checks are made together, places are given in order", async () => {
  const { say, seen } = room();
  const checks = [open<boolean>(), open<boolean>(), open<boolean>(), open<boolean>()];
  const placed: string[] = [];
  const all = checks.map(({ promise }, i) =>
    say(`${i}`, { check: () => promise, place: () => void placed.push(`${i}`) })
  );
  const quick = say("quick", { place: () => void placed.push("quick") });
  assert.ok(quick instanceof Promise, "whoever has spoken is told when it has its place");
  checks[3]!.resolve(true);
  checks[1]!.resolve(false);
  await all[1];
  await settle();
  assert.deepEqual(placed, []);
  checks[2]!.reject(new StanzaError("not-allowed"));
  await assert.rejects(Promise.resolve(all[2]), { condition: "not-allowed" });
  checks[0]!.resolve(true);
  await Promise.all([all[0], all[3], quick]);
  assert.deepEqual(placed, ["0", "3", "quick"]);
  assert.deepEqual(seen, ["0", "3", "quick"]);
});

Deno.test("a place that takes its time keeps the next one waiting", async () => {
  const { say, seen } = room();
  const slow = open();
  const first = say("1", { place: () => slow.promise });
  const second = say("2");
  await settle();
  assert.deepEqual(seen, []);
  slow.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(seen, ["1", "2"]);
});

Deno.test("what is said behind an act is accepted behind it", async () => {
  const { turns, seen, say } = room();
  let voice = true;
  const disk = open<boolean>();
  const check = () => {
    if (!voice) throw new StanzaError("forbidden");
    return true;
  };
  say("before", { check, kept: disk.promise });
  const muted = turns.act(() => {
    voice = false;
    seen.push("muted");
  });
  const after = say("after", { check });
  disk.resolve(true);
  await muted;
  await assert.rejects(Promise.resolve(after), { condition: "forbidden" });
  assert.deepEqual(seen, ["before", "muted"]);
});

Deno.test("what is said behind something aside has its place at once, and is told behind it", async () => {
  const { aside, act, say, seen } = room();
  const disk = open<boolean>();
  const placed: string[] = [];
  const place = (name: string) => ({ place: () => void placed.push(name) });
  say("1", { ...place("1"), kept: disk.promise });
  const come = aside("comes");
  assert.equal(say("2", place("2")), undefined);
  const barred = act("act");
  const gone = aside("goes");
  const third = say("3", place("3"));
  assert.deepEqual(placed, ["1", "2"]);
  disk.resolve(true);
  await Promise.all([come, barred, gone, third]);
  assert.deepEqual(placed, ["1", "2", "3"]);
  assert.deepEqual(seen, ["1", "comes", "2", "act", "goes", "3"]);
});

Deno.test("something aside that takes its time: messages are placed, and wait to be told", async () => {
  const { aside, say, seen } = room();
  const store = open();
  const come = aside("comes", store.promise);
  assert.equal(say("1"), undefined);
  assert.deepEqual(seen, ["comes"]);
  store.resolve();
  await come;
  await settle();
  assert.deepEqual(seen, ["comes", "1"]);
});

Deno.test("what follows from an act comes behind it, not in its midst", async () => {
  const { turns, seen, act, say } = room();
  const inner: Later<void>[] = [];
  turns.act(() => {
    inner.push(act("consequence"), say("remark"));
    seen.push("act");
  });
  await Promise.all(inner);
  say("said", {
    tell: () => {
      inner.push(act("another"));
      seen.push("told");
    },
  });
  await Promise.all(inner);
  assert.deepEqual(seen, ["act", "consequence", "remark", "told", "another"]);
});

Deno.test("what follows from an act that throws is done all the same", async () => {
  const { turns, seen, act } = room();
  let inner: Later<void>;
  assert.throws(() =>
    turns.act(() => {
      inner = act("consequence");
      throw new Error("after all");
    })
  );
  await inner!;
  assert.deepEqual(seen, ["consequence"]);
});

Deno.test("a message that cannot be told is logged, and the next one is told", async () => {
  const { say, seen, failures } = room();
  const tell = () => {
    throw new Error("told to nobody");
  };
  say("1", { tell });
  say("2");
  say("3", { kept: Promise.resolve(true), tell });
  say("4");
  await settle();
  assert.deepEqual(seen, ["2", "4"]);
  assert.equal(failures.length, 2);
});
