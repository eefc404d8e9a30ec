import assert from "node:assert/strict";
import { Buffer, type Row } from "../../../../modules/mam/buffer.ts";

function row(id: number, owner = "a@x", xml = "<message/>"): Row {
  return { host: "x", owner, id, peer: "b@x", resource: "", xml };
}

/** A disk that writes when it is told. */
function slowDisk() {
  const groups: number[][] = [];
  const pledged: Promise<unknown>[] = [];
  let disk: PromiseWithResolvers<void> | undefined;
  const buffer = new Buffer({
    write: (rows) => {
      groups.push(rows.map((r) => r.id));
      disk = Promise.withResolvers();
      return disk.promise;
    },
    pledge: (written) => void pledged.push(written),
  });
  const end = async (error?: Error) => {
    if (error === undefined) disk!.resolve();
    else disk!.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { buffer, groups, pledged, end };
}

Deno.test("messages wait a moment for each other, and are pledged as a group", async () => {
  const { buffer, groups, pledged, end } = slowDisk();
  for (let id = 1; id <= 3; id++) assert.equal(buffer.add(row(id)), undefined);
  assert.deepEqual(groups, []);
  assert.equal(pledged.length, 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(groups, [[1, 2, 3]]);
  await end();
  await pledged[0];
});

Deno.test("a full group is written at once, the next one after it", async () => {
  const { buffer, groups, pledged, end } = slowDisk();
  for (let id = 0; id < 600; id++) buffer.add(row(id));
  assert.deepEqual(groups.map((g) => g.length), [256]);
  await end();
  assert.deepEqual(groups.map((g) => g.length), [256, 344]);
  assert.equal(pledged.length, 2);
  await end();
  await Promise.all(pledged);
});

Deno.test("who asks for an archive waits for what is in it, and for nothing else", async () => {
  const { buffer, groups, end } = slowDisk();
  assert.equal(buffer.settled("a@x"), undefined);
  buffer.add(row(1));
  assert.equal(buffer.settled("b@x"), undefined);
  const first = buffer.settled("a@x");
  assert.ok(first !== undefined);
  assert.deepEqual(groups, [[1]]);
  buffer.add(row(2, "b@x"));
  const second = buffer.settled("b@x");
  assert.ok(second !== undefined && buffer.settled("a@x") !== undefined);
  await end();
  await first;
  assert.equal(buffer.settled("a@x"), undefined);
  assert.deepEqual(groups, [[1], [2]]);
  await end();
  await second;
});

Deno.test("beyond a bound whoever adds has to wait", async () => {
  const { buffer, groups, end } = slowDisk();
  for (let id = 0; id < 256; id++) buffer.add(row(id));
  let waits: Promise<unknown> | undefined;
  let added = 0;
  while (waits === undefined && added < 20_000) waits = buffer.add(row(1000 + added++));
  assert.equal(added, 10_000);
  await end();
  await waits;
  assert.deepEqual(groups.map((g) => g.length), [256, 10_000]);

  const large = "x".repeat(1 << 20);
  for (let i = 0; i < 15; i++) assert.equal(buffer.add(row(i, "a@x", large)), undefined);
  assert.ok(buffer.add(row(16, "a@x", large)) !== undefined);
  await end();
  await end();
});

Deno.test("draining writes all there is", async () => {
  const { buffer, groups, end } = slowDisk();
  await buffer.drain();
  buffer.add(row(1));
  let drained = false;
  const drain = buffer.drain().then(() => drained = true);
  buffer.add(row(2));
  await end();
  assert.ok(!drained);
  await end();
  await drain;
  assert.deepEqual(groups, [[1], [2]]);
});

Deno.test("a group that cannot be written does not stop the next one", async () => {
  let attempts = 0;
  const buffer = new Buffer({
    write: () => ++attempts === 1 ? Promise.reject(new Error("no")) : Promise.resolve(),
    pledge: () => {},
  });
  buffer.add(row(1));
  await buffer.drain();
  buffer.add(row(2));
  await buffer.drain();
  assert.equal(attempts, 2);
});

Deno.test("all who wait for a group have one promise, and hear whether it was kept", async () => {
  const { buffer, groups, end } = slowDisk();
  buffer.add(row(1));
  const first = buffer.settled("a@x");
  assert.deepEqual(groups, [[1]]);
  const waiting = new Set<unknown>();
  for (let id = 2; id <= 500; id++) {
    assert.equal(buffer.add(row(id, id % 2 === 0 ? "a@x" : "b@x")), undefined);
    waiting.add(buffer.settled(id % 2 === 0 ? "a@x" : "b@x"));
  }
  assert.equal(waiting.size, 1);
  assert.ok(!waiting.has(first));
  // While a group is written, the next one is not begun; it follows right behind.
  assert.equal(groups.length, 1);
  await end(new Error("no"));
  assert.equal(await first, false);
  assert.equal(groups.length, 2);
  assert.equal(groups[1]!.length, 499);
  assert.equal(buffer.settled("b@x"), [...waiting][0]);
  await end();
  assert.equal(await [...waiting][0], true);
  assert.equal(buffer.settled("a@x"), undefined);
});

Deno.test("without anybody in a hurry the next group waits for its time", async () => {
  const { buffer, groups, end } = slowDisk();
  buffer.add(row(1));
  buffer.settled("a@x");
  buffer.add(row(2));
  await end();
  assert.deepEqual(groups, [[1]]);
  assert.ok(buffer.settled("a@x") !== undefined);
  assert.deepEqual(groups, [[1], [2]]);
  await end();
});
