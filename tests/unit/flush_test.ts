import assert from "node:assert/strict";
import { Flusher } from "../../lib/net/flush.ts";

Deno.test("a stream that cannot be flushed keeps no other from it", async () => {
  const flusher = new Flusher();
  const caught: string[] = [];
  const onError = (e: ErrorEvent) => {
    e.preventDefault();
    caught.push(e.error.message);
  };
  addEventListener("error", onError);
  let flushed = 0;
  const fine = { flush: () => void flushed++ };
  const broken = {
    flush() {
      throw new Error("mine");
    },
  };
  for (const stream of [fine, broken, fine]) flusher.add(stream);
  await new Promise((resolve) => setTimeout(resolve, 20));
  removeEventListener("error", onError);
  assert.equal(flushed, 2);
  assert.deepEqual(caught, ["mine"]);
});
