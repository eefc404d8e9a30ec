import assert from "node:assert/strict";
import { Deadlines } from "../../lib/deadlines.ts";

Deno.test("deadlines fire once, never early, at most two ticks late", async () => {
  const deadlines = new Deadlines();
  const start = performance.now();
  const at = await new Promise<number>((resolve) =>
    deadlines.after(300, () => resolve(performance.now()))
  );
  assert.ok(at - start >= 300, `early: ${at - start}`);
  assert.ok(at - start < 300 + 1000, `late: ${at - start}`);
  deadlines.stop();
});

Deno.test("a cancelled deadline does not fire, and nothing keeps ticking", async () => {
  const deadlines = new Deadlines();
  let fired = 0;
  const second = deadlines.after(10, () => fired++);
  deadlines.after(10, () => {
    fired += 10;
    second.cancel(); // of the same tick, already fired or not: harmless
  });
  deadlines.after(10, () => fired += 100).cancel();
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(fired, 11);
  // Deno's sanitizer would find an interval that is still running.
});

Deno.test("deadlines made in the past or at once fire at the next tick", async () => {
  const deadlines = new Deadlines();
  await new Promise<void>((resolve) => deadlines.after(0, resolve));
  await new Promise<void>((resolve) => deadlines.after(-5, resolve));
  deadlines.stop();
});

Deno.test("a deadline that throws keeps no other from firing", async () => {
  const deadlines = new Deadlines();
  const caught: string[] = [];
  const onError = (e: ErrorEvent) => {
    e.preventDefault();
    caught.push(e.error.message);
  };
  addEventListener("error", onError);
  let fired = 0;
  deadlines.after(10, () => fired++);
  deadlines.after(10, () => {
    throw new Error("mine");
  });
  await new Promise<void>((resolve) => deadlines.after(10, resolve));
  removeEventListener("error", onError);
  assert.equal(fired, 1);
  assert.deepEqual(caught, ["mine"]);
  deadlines.stop();
});
