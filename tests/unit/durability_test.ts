import assert from "node:assert/strict";
import { Durability } from "../../lib/durability.ts";

function commit(): { promise: Promise<void>; done: () => void; failed: () => void } {
  let done!: () => void, failed!: () => void;
  const promise = new Promise<void>((resolve, reject) => {
    done = resolve;
    failed = () => reject(new Error("disk full"));
  });
  return { promise, done, failed };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("without pledges the barrier is open", () => {
  const d = new Durability();
  assert.equal(d.barrier(), undefined);
  assert.equal(d.pending, 0);
});

Deno.test("a barrier waits for what was pledged before it, and for nothing later", async () => {
  const d = new Durability();
  const [a, b, c] = [commit(), commit(), commit()];
  d.pledge(a.promise);
  d.pledge(b.promise);
  const passed: string[] = [];
  const wait = (name: string) => Promise.resolve(d.barrier()).then(() => void passed.push(name));
  const first = wait("a and b");
  d.pledge(c.promise);
  const second = wait("all");
  b.done(); // out of order
  await turn();
  assert.deepEqual(passed, []);
  a.done();
  await first;
  assert.deepEqual(passed, ["a and b"]);
  assert.equal(d.pending, 1);
  c.done();
  await second;
  assert.equal(d.pending, 0);
  assert.equal(d.barrier(), undefined);
});

Deno.test("a commit that failed keeps nobody waiting", async () => {
  const d = new Durability();
  const a = commit();
  d.pledge(a.promise);
  const wait = d.barrier();
  a.failed();
  await wait;
  assert.equal(d.pending, 0);
});

Deno.test("ten thousand in any order", async () => {
  const d = new Durability();
  const all = Array.from({ length: 10_000 }, commit);
  for (const c of all) d.pledge(c.promise);
  const wait = d.barrier();
  for (let i = 0; i < all.length; i++) all[(i * 7919) % all.length]!.done();
  await wait;
  assert.equal(d.pending, 0);
});
