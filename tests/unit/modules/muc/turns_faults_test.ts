/** A crowd in a room, what never ends there, and thousands who wait. */

import assert from "node:assert/strict";
import { StanzaError } from "../../../../lib/errors.ts";
import type { Later } from "../../../../lib/later.ts";
import { open, room, settle } from "./turns.ts";

Deno.test("crowded: every turn is a slice, in order, and nobody waits in another's", async () => {
  const { act, say, seen, slices, slice, state } = room({ crowded: true });
  const disk = open<boolean>();
  const first = act("1");
  assert.equal(say("not yet", { kept: disk.promise }) instanceof Promise, true);
  const third = act("3");
  assert.deepEqual(seen, []);
  slice();
  await first;
  await settle();
  slice();
  assert.deepEqual(seen, ["1"]);
  disk.resolve(true);
  await settle();
  assert.equal(slices.length, 1);
  // Many have left meanwhile: the slice that was asked for is still taken.
  state.crowded = false;
  slice();
  await third;
  assert.deepEqual(seen, ["1", "not yet", "3"]);
});

Deno.test("crowded: slices that are lost with the module's settings are asked for again", async () => {
  const { turns, act, seen, slices, slice } = room({ crowded: true });
  const all = [act("1"), act("2")];
  const [lost] = slices.splice(0);
  turns.resume();
  slice();
  await all[0];
  await settle();
  slice();
  await Promise.all(all);
  lost!();
  assert.deepEqual(seen, ["1", "2"]);
  turns.resume();
  assert.equal(slices.length, 0);
});

Deno.test("an act that never ends is given up, and what it does later disturbs nobody", async () => {
  const { turns, act, say, seen, failures } = room();
  const never = open();
  const started = performance.now();
  const stuck = act("stuck", never.promise);
  const next = act("next");
  const said = say("said");
  turns.overdue(started - 1);
  await settle();
  assert.deepEqual(seen, ["stuck"]);
  turns.overdue(performance.now());
  await assert.rejects(Promise.resolve(stuck), { condition: "internal-server-error" });
  await Promise.all([next, said]);
  assert.equal(failures.length, 1);
  const slow = open();
  const last = act("last", slow.promise);
  never.resolve();
  await settle();
  assert.equal(turns.length, 1);
  slow.resolve();
  await last;
  assert.deepEqual(seen, ["stuck", "next", "said", "last"]);
});

Deno.test("checks, places and disks that never answer are given up", async () => {
  const { turns, say, seen, failures } = room();
  const never = new Promise<never>(() => {});
  const check = say("check", { check: () => never });
  const other = say("other");
  turns.overdue(performance.now());
  await assert.rejects(Promise.resolve(check), { condition: "internal-server-error" });
  await other;
  const place = say("place", { place: () => never });
  const behind = say("behind");
  turns.overdue(performance.now());
  await assert.rejects(Promise.resolve(place), { condition: "internal-server-error" });
  await behind;
  say("disk", { kept: never });
  say("last");
  turns.overdue(performance.now());
  await settle();
  assert.deepEqual(seen, ["other", "behind", "disk lost", "last"]);
  assert.equal(failures.length, 3);
  assert.equal(turns.length, 0);
});

Deno.test("a check that is not the first is given up when its time has come", async () => {
  const { turns, say, seen } = room();
  const first = open<boolean>();
  const never = new Promise<never>(() => {});
  const all = [say("1", { check: () => first.promise }), say("2", { check: () => never })];
  await settle();
  first.resolve(true);
  await all[0];
  turns.overdue(performance.now());
  await assert.rejects(Promise.resolve(all[1]), { condition: "internal-server-error" });
  say("3");
  assert.deepEqual(seen, ["1", "3"]);
});

Deno.test("the room is gone: whoever waits is told so, and what was under way is over", async () => {
  const { turns, act, say, seen, failures } = room();
  const work = open();
  const gone = new StanzaError("gone");
  const waiting = [
    act("under way", work.promise),
    act("waits"),
    say("waits", { check: () => true }),
  ];
  turns.end(gone);
  for (const done of waiting) await assert.rejects(Promise.resolve(done), gone);
  work.resolve();
  await settle();
  assert.equal(turns.length, 0);
  act("one more");
  assert.deepEqual(seen, ["under way", "one more"]);
  assert.deepEqual(failures, []);
});

Deno.test("thousands of turns: in order, without a deep stack, and at once", async () => {
  const { act, aside, say, seen, turns } = room();
  const first = open();
  const all: Later<void>[] = [act("0", first.promise)];
  const expected = ["0"];
  const COUNT = 50_000;
  for (let i = 1; i <= COUNT; i++) {
    const name = `${i}`;
    expected.push(name);
    all.push(i % 5 === 0 ? act(name) : i % 7 === 0 ? aside(name) : say(name));
  }
  assert.equal(turns.length, COUNT + 1);
  const start = performance.now();
  first.resolve();
  await Promise.all(all);
  assert.deepEqual(seen, expected);
  assert.ok(performance.now() - start < 5000);
  assert.equal(turns.length, 0);
});

Deno.test("whoever speaks waits until it is told when much waits already", async () => {
  const { say, seen } = room();
  const disk = open<boolean>();
  say("first", { kept: disk.promise });
  let waits: Promise<void> | undefined;
  let said = 1;
  for (; waits === undefined && said < 10_000; said++) {
    const done = say(`${said}`);
    if (done instanceof Promise) waits = done;
  }
  assert.ok(said > 500 && said < 5000, `${said}`);
  assert.equal(seen.length, 0);
  disk.resolve(true);
  await waits;
  assert.equal(seen.length, said);
});

Deno.test("anything in any order: what is told is in the order in which it came", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed * 2654435761 >>> 0;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor(state / 2 ** 32 * n);
    };
    const { act, aside, say, seen, slices, state: crowd, turns } = room();
    const placed: string[] = [];
    const later = async <T>(value: T): Promise<T> => {
      for (let i = random(6); i >= 0; i--) await Promise.resolve();
      return value;
    };
    const maybe = <T>(value: T): Later<T> => random(2) === 0 ? value : later(value);
    const expected: string[] = [];
    const all: Later<void>[] = [];
    const messages: string[] = [];
    for (let i = 0; i < 60; i++) {
      crowd.crowded = random(4) === 0;
      const name = `${i}`;
      const kind = random(6);
      if (kind === 0) all.push(act(name, maybe(undefined)));
      else if (kind === 1) all.push(aside(name, maybe(undefined)));
      else {
        const passes = random(8) > 0;
        all.push(say(name, {
          check: () => maybe(passes),
          place: () => {
            placed.push(name);
            return maybe(undefined);
          },
          kept: maybe(true),
        }));
        if (!passes) continue;
        messages.push(name);
      }
      expected.push(name);
      if (random(3) === 0) await later(0);
      if (random(3) === 0) slices.shift()?.();
    }
    while (turns.length > 0) {
      slices.shift()?.();
      await settle();
    }
    await Promise.all(all);
    assert.deepEqual(seen, expected, `seed ${seed}`);
    assert.deepEqual(placed, messages, `seed ${seed}`);
  }
});
