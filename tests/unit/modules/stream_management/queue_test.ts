/** The queue of what is not acknowledged. */

import assert from "node:assert/strict";
import { Queue } from "../../../../modules/stream_management/queue.ts";

function fill(queue: Queue, count: number): void {
  for (let i = 0; i < count; i++) {
    queue.push({ text: `${queue.sent + 1}`.padStart(10), stamp: 0, flags: 0 });
  }
}

Deno.test("numbers begin with 1; acknowledgements take from the front", () => {
  const queue = new Queue();
  assert.deepEqual([queue.sent, queue.acked, queue.length, queue.size], [0, 0, 0, 0]);
  fill(queue, 5);
  assert.deepEqual([queue.sent, queue.acked, queue.length, queue.size], [5, 0, 5, 50]);
  assert.equal(queue.acknowledge(2), 20);
  assert.equal(queue.at(3).text.trim(), "3");
  assert.equal(queue.acknowledge(2), 0);
  assert.equal(queue.acknowledge(6), undefined);
  assert.equal(queue.acknowledge(1), undefined);
  assert.equal(queue.acknowledge(5), 30);
  assert.deepEqual([queue.sent, queue.acked, queue.length, queue.size], [5, 5, 0, 0]);
});

Deno.test("it stays in order and small over many stanzas", () => {
  const queue = new Queue();
  for (let i = 0; i < 5000; i++) {
    fill(queue, 3);
    queue.acknowledge(queue.acked + 2 + (queue.length > 200 ? 100 : 0));
    for (const n of [queue.acked + 1, queue.sent]) assert.equal(queue.at(n).text.trim(), `${n}`);
    assert.equal(queue.size, queue.length * 10);
  }
  assert.equal(queue.sent, 15_000);
});

Deno.test("the count on the wire starts anew after 2^32", () => {
  const queue = new Queue(2 ** 32 - 3);
  fill(queue, 6);
  assert.equal(queue.acknowledge(2 ** 32 - 1), 20);
  assert.equal(queue.acknowledge(0), 10);
  assert.equal(queue.acknowledge(4), undefined);
  assert.equal(queue.acknowledge(3), 30);
  assert.equal(queue.acked, 2 ** 32 + 3);
  fill(queue, 1);
  assert.equal(queue.acknowledge(4), 10);
});
