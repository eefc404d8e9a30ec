import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { Slices } from "../../lib/slices.ts";

async function done(slices: Slices): Promise<void> {
  for (let i = 0; slices.length > 0 && i < 2000; i++) await new Promise((r) => setTimeout(r, 1));
  assert.equal(slices.length, 0);
}

/** Turns of the event loop, told apart by what runs at the end of each. */
function turns() {
  let [turn, noted] = [0, false];
  return () => {
    if (!noted) {
      noted = true;
      queueMicrotask(() => {
        turn++;
        noted = false;
      });
    }
    return turn;
  };
}

Deno.test("tasks run in order, as many in a turn as there is time for", async () => {
  let now = 0;
  const slices = new Slices(4, () => now);
  const turn = turns();
  const ran: number[][] = [];
  for (const ms of [1, 1, 1, 1, 1, 3, 9, 9, 1, 1]) {
    slices.run(() => {
      now += ms;
      (ran[turn()] ??= []).push(ms);
    });
  }
  assert.equal(slices.length, 10);
  assert.equal(ran.length, 0); // nothing runs at once
  await done(slices);
  assert.deepEqual(ran, [[1, 1, 1, 1], [1, 3], [9], [9], [1, 1]]);
});

Deno.test("a task that fails stops nobody, and may come from another", async () => {
  const slices = new Slices();
  const caught: string[] = [];
  const onError = (e: ErrorEvent) => {
    e.preventDefault();
    caught.push(e.error.message);
  };
  addEventListener("error", onError);
  const ran: string[] = [];
  slices.run(() => {
    ran.push("first");
    slices.run(() => void ran.push("third"));
    throw new Error("mine");
  });
  slices.run(() => void ran.push("second"));
  await done(slices);
  removeEventListener("error", onError);
  assert.deepEqual(caught, ["mine"]);
  assert.deepEqual(ran, ["first", "second", "third"]);
});

Deno.test("what comes over the network comes between", async () => {
  const server = createServer((socket) => socket.on("data", (data) => void socket.write(data)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const slices = new Slices();
  const busy = () => {
    const end = performance.now() + 4;
    while (performance.now() < end);
  };
  for (let i = 0; i < 100; i++) slices.run(busy);
  const echo = new Promise((resolve) => socket.once("data", resolve));
  socket.write("x");
  await echo;
  // Two turns on the way there, and as many on the way back; the system may be busy, too.
  assert.ok(slices.length > 50, `${100 - slices.length} tasks came first`);
  await done(slices);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
