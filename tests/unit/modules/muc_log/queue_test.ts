/** Changes on their way to the database. */

import assert from "node:assert/strict";
import { MOST_WAITING, Queue } from "../../../../modules/muc_log/queue.ts";
import { type Bound, StoreError } from "../../../../lib/store/mod.ts";

const bound = (n: number) => n as unknown as Bound;

function makeQueue(fails: (changes: readonly number[]) => string | undefined = () => undefined) {
  const batches: number[][] = [];
  const pledged: Promise<void>[] = [];
  const lost: [number, string][] = [];
  const queue = new Queue({
    store: {
      batch: (changes) => {
        const numbers = changes as unknown as number[];
        const code = fails(numbers);
        if (code !== undefined) return Promise.reject(new StoreError(code as "busy", code));
        batches.push([...numbers]);
        return Promise.resolve([]);
      },
    },
    pledge: (written) => void pledged.push(written),
    lost: (changes, reason) => void lost.push([changes, reason]),
  });
  return { queue, batches, pledged, lost };
}

Deno.test("changes are written in groups and in order, and pledged", async () => {
  const { queue, batches, pledged } = makeQueue();
  for (let i = 0; i < 600; i++) queue.add(bound(i));
  assert.equal(pledged.length >= 1, true);
  await queue.settled();
  await Promise.all(pledged);
  assert.deepEqual(batches.flat(), Array.from({ length: 600 }, (_, i) => i));
  assert(batches.length < 6);
  queue.add(bound(600));
  await pledged.at(-1);
  assert.deepEqual(batches.at(-1), [600]);
  await queue.close();
});

Deno.test("one that the database refuses takes no other along", async () => {
  const { queue, batches, lost } = makeQueue((n) => n.includes(2) ? "constraint" : undefined);
  for (const n of [1, 2, 3]) queue.add(bound(n));
  await queue.close();
  assert.deepEqual(batches.flat(), [1, 3]);
  assert.deepEqual(lost, [[1, "constraint"]]);
});

Deno.test("a database that is away is waited for; acknowledgements are not kept back", async () => {
  let away = true;
  const { queue, batches, pledged, lost } = makeQueue(() => away ? "unavailable" : undefined);
  queue.add(bound(1));
  await Promise.all(pledged);
  assert.deepEqual(batches, []);
  queue.add(bound(2));
  away = false;
  await queue.settled();
  assert.deepEqual(batches.flat(), [1, 2]);
  assert.deepEqual(lost, []);
  away = true;
  queue.add(bound(3));
  await queue.close();
  assert.deepEqual(lost, [[1, "the database cannot be reached"]]);
});

Deno.test("what may wait has an end; what is lost is counted", async () => {
  let away = true;
  const { queue, lost } = makeQueue(() => away ? "busy" : undefined);
  for (let i = 0; i < MOST_WAITING; i++) {
    assert(queue.hasRoom());
    queue.add(bound(i));
  }
  assert(!queue.hasRoom());
  assert(!queue.hasRoom());
  away = false;
  await queue.settled();
  assert(queue.hasRoom());
  await queue.close();
  assert.deepEqual(lost, [[2, "too many were waiting for the database"]]);
});
