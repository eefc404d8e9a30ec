import assert from "node:assert/strict";
import { Fifo } from "../../lib/fifo.ts";

Deno.test("first in, first out, through any number of fillings", () => {
  const fifo = new Fifo<number>();
  const expected: number[] = [];
  let next = 0;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < (round * 37) % 101; i++) {
      fifo.push(next);
      expected.push(next++);
    }
    for (let i = 0; i < (round * 53) % 89; i++) assert.equal(fifo.shift(), expected.shift());
    assert.equal(fifo.length, expected.length);
  }
  while (expected.length > 0) assert.equal(fifo.shift(), expected.shift());
  assert.equal(fifo.shift(), undefined);
  assert.equal(fifo.length, 0);
});

Deno.test("a long queue loses what was taken out", () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 5000; i++) fifo.push(i);
  for (let i = 0; i < 4990; i++) assert.equal(fifo.shift(), i);
  fifo.push(5000);
  assert.equal(fifo.length, 11);
  for (let i = 4990; i <= 5000; i++) assert.equal(fifo.shift(), i);
});
