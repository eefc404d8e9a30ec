import assert from "node:assert/strict";
import { Flusher } from "../../lib/net/flush.ts";
import { XmppStream } from "../../lib/stream/stream.ts";
import { startServer } from "../helpers/server.ts";
import { MemoryTransport } from "../bench/memory_transport.ts";

/** Streams that write their names when they are flushed, and how long that takes. */
function streams(time: { now: number }, ms = 0) {
  const written: string[] = [];
  const named = (name: string) => ({
    flush() {
      written.push(name);
      time.now += ms;
    },
  });
  return { written, named };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Waits until so many are written. */
async function until(written: readonly string[], count: number): Promise<void> {
  for (let i = 0; written.length < count && i < 2000; i++) await sleep(1);
  assert.equal(written.length, count);
}

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
  flusher.bulk(() => {
    for (const stream of [fine, broken, fine]) flusher.add(stream);
  });
  await sleep(20);
  removeEventListener("error", onError);
  assert.equal(flushed, 4);
  assert.deepEqual(caught, ["mine", "mine"]);
});

Deno.test("the bulk lane comes behind what others have to send, first in, first out", async () => {
  const flusher = new Flusher();
  const { written, named } = streams({ now: 0 });
  flusher.bulk(() => {
    flusher.add(named("a"));
    flusher.bulk(() => flusher.add(named("b")));
    flusher.add(named("c"));
  });
  flusher.add(named("chat"));
  await until(written, 4);
  assert.deepEqual(written, ["chat", "a", "b", "c"]);
});

Deno.test("the bulk lane is flushed in slices, and what comes meanwhile goes between", async () => {
  const time = { now: 0 };
  const flusher = new Flusher(() => time.now);
  const { written, named } = streams(time, 0.1);
  flusher.bulk(() => {
    for (let i = 0; i < 100; i++) {
      flusher.add(named(`${i}`));
    }
  });
  setTimeout(() => flusher.add(named("chat")), 0); // there is time for it between two slices
  await until(written, 101);
  // 4 ms are over with the 40th, and with the 80th; sums of 0.1 are not exact.
  const at = written.indexOf("chat");
  assert.ok([40, 41, 80, 81, 82].includes(at), `after ${at}`);
  assert.deepEqual(
    written.filter((name) => name !== "chat"),
    Array.from({ length: 100 }, (_, i) => `${i}`),
  );
});

Deno.test("flush leaves nothing behind, and nothing comes twice", async () => {
  const time = { now: 0 };
  const flusher = new Flusher(() => time.now);
  const { written, named } = streams(time, 1);
  flusher.bulk(() => {
    for (let i = 0; i < 200; i++) flusher.add(named(`${i}`));
  });
  await turn();
  assert.equal(written.length, 4); // none of them is quick enough
  flusher.add(named("chat"));
  flusher.flush();
  assert.equal(written.length, 201);
  assert.equal(written[4], "chat");
  await sleep(20);
  assert.equal(written.length, 201);
  flusher.bulk(() => flusher.add(named("again")));
  await until(written, 202);
});

Deno.test("a function that throws leaves the bulk lane", () => {
  const flusher = new Flusher();
  const { lane } = flusher;
  assert.throws(() =>
    flusher.bulk(() => {
      throw new Error("mine");
    }), /mine/);
  assert.equal(flusher.lane, lane);
});

// ---- streams ----

class Writes extends MemoryTransport {
  readonly texts: string[] = [];

  override write(text: string): void {
    this.texts.push(text);
  }
}

Deno.test("a stream's output stays in order, whichever lane it is in", async () => {
  const server = await startServer({}, { modules: [] });
  try {
    const flusher = new Flusher();
    const settings = { ...server.inner.streamSettings, flusher };
    const stream = () => {
      const transport = new Writes();
      const reader = { onHeader() {}, onElement() {}, onClosed() {} };
      const stream = new XmppStream(transport, settings, reader);
      stream.sendHeader({}, "jabber:client");
      flusher.flush();
      transport.texts.length = 0;
      return { stream, texts: transport.texts };
    };
    const [promoted, waiting, prompt] = [stream(), stream(), stream()];
    prompt.stream.send("<a/>");
    flusher.bulk(() => {
      for (const { stream } of [promoted, waiting, prompt]) stream.send("<room/>");
    });
    promoted.stream.send("<chat/>");
    flusher.bulk(() => {
      for (const { stream } of [promoted, waiting, prompt]) stream.send("<more/>");
    });
    let first: number[] = [];
    flusher.add({
      flush: () => first = [promoted, waiting, prompt].map(({ texts }) => texts.length),
    });
    await turn();
    assert.deepEqual(first, [1, 0, 1]);
    assert.deepEqual(promoted.texts, ["<room/><chat/><more/>"]);
    assert.deepEqual(waiting.texts, ["<room/><more/>"]);
    assert.deepEqual(prompt.texts, ["<a/><room/><more/>"]);

    // Its earlier place in the bulk lane does no harm, nor does the end of the stream.
    flusher.bulk(() => promoted.stream.send("<b/>"));
    promoted.stream.send("<c/>");
    promoted.stream.flush();
    flusher.bulk(() => promoted.stream.send("<d/>"));
    flusher.bulk(() => waiting.stream.send("<e/>"));
    waiting.stream.close();
    await sleep(20);
    assert.deepEqual(promoted.texts.slice(1), ["<b/><c/>", "<d/>"]);
    assert.deepEqual(waiting.texts.slice(1), ["<e/></stream:stream>"]);
  } finally {
    await server.stop();
  }
});
