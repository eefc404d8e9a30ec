/** What the journal knows of sessions after a crash at any moment, and when it lets others know. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Durability } from "../../../../lib/durability.ts";
import { createLog } from "../../../../lib/log.ts";
import {
  HANDLED,
  Journal,
  type Journalled,
  QUEUE,
  STATE,
} from "../../../../modules/stream_management/journal.ts";
import { Queue } from "../../../../modules/stream_management/queue.ts";
import { type Aside, replay, type Saved } from "../../../../modules/stream_management/records.ts";
import { parseSegment, Segments } from "../../../../modules/stream_management/segments.ts";

/** A session as the journal sees it. */
class Client implements Journalled {
  readonly queue = new Queue();
  count = 0;
  journalNumber = 0;
  dirty = 0;
  written = 0;
  ackWritten = 0;
  countSafe = 0;
  countWritten = 0;
  presence: string | undefined = undefined;
  frozen: Record<string, unknown> = {};
  /** What a gate holds, and what of it was not written. */
  held: Aside[] = [];
  asides: (Aside | undefined)[] = [];
  /** Called when a group is written. */
  wake = () => {};

  constructor(readonly id: string) {}

  opened() {
    const { id } = this;
    const more = { node: "romeo", resource: id, lang: undefined, since: 1, max: 1000 };
    return { id, ...more, ...this.state() };
  }

  state() {
    return { presence: this.presence, frozen: this.frozen };
  }

  takeAside(all: boolean) {
    const noted = this.asides;
    this.asides = [];
    return all ? this.held : noted;
  }

  journalled(): void {
    this.wake();
  }
}

interface Bench {
  readonly folder: string;
  readonly pledges: Durability;
  readonly journal: Journal;
  readonly lines: string[];
}

async function bench(
  f: (bench: Bench) => Promise<void>,
  segmentBytes = 1 << 20,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-journal-"));
  const lines: string[] = [];
  const keep = (text: string) => void lines.push(...text.trimEnd().split("\n"));
  const log = createLog({ level: "debug", format: "human", levels: {} }, {
    write: keep,
    writeSync: keep,
  });
  const pledges = new Durability();
  const segments = new Segments(folder, "process");
  await segments.read();
  const journal = new Journal(segments, pledges, log.area("test"), segmentBytes, () => []);
  await journal.start();
  try {
    await f({ folder, pledges, journal, lines });
  } finally {
    await journal.close();
    await log.close();
    await rm(folder, { recursive: true });
  }
}

async function saved(folder: string): Promise<Saved[]> {
  return replay((await new Segments(folder, "process").read()).frames);
}

function shape(s: Saved) {
  return {
    id: s.opened.id,
    acked: s.acked,
    handled: s.handled,
    texts: s.entries.map((e) => e.text),
    presence: s.state.presence,
    frozen: s.state.frozen,
  };
}

Deno.test("what was pledged is there when the barrier is passed", () =>
  bench(async ({ folder, pledges, journal }) => {
    const c = new Client("c");
    journal.add(c);
    c.queue.push({ text: "<message>\nline </message>", stamp: 17, flags: 1 });
    c.queue.push({ text: "<presence/>", stamp: 18, flags: 0 });
    journal.changed(c, QUEUE);
    c.presence = "<presence from='r@l/c'/>";
    c.frozen = { carbons: true };
    journal.changed(c, STATE);
    await pledges.barrier();
    const [session] = await saved(folder);
    assert.deepEqual(shape(session!), {
      id: "c",
      acked: 0,
      handled: 0,
      texts: ["<message>\nline </message>", "<presence/>"],
      presence: "<presence from='r@l/c'/>",
      frozen: { carbons: true },
    });
    assert.deepEqual(session!.entries[0], {
      text: "<message>\nline </message>",
      stamp: 17,
      flags: 1,
    });
    c.queue.acknowledge(1);
    c.queue.push({ text: "<iq/>", stamp: 19, flags: 0 });
    journal.changed(c, QUEUE);
    await pledges.barrier();
    assert.deepEqual((await saved(folder)).map((s) => [s.acked, s.entries.map((e) => e.text)]), [
      [1, ["<presence/>", "<iq/>"]],
    ]);
    journal.remove(c);
    await pledges.barrier();
    assert.deepEqual(await saved(folder), []);
  }));

Deno.test("what is acknowledged before it can be written is not written", () =>
  bench(async ({ folder, pledges, journal }) => {
    const c = new Client("c");
    journal.add(c);
    await pledges.barrier();
    for (let i = 0; i < 10; i++) c.queue.push({ text: `<m>${i}</m>`, stamp: 1, flags: 0 });
    journal.changed(c, QUEUE);
    c.queue.acknowledge(8);
    journal.changed(c, QUEUE);
    await pledges.barrier();
    const text = await Deno.readTextFile(join(folder, "1.journal"));
    assert.doesNotMatch(text, /<m>7/);
    assert.match(text, /<m>8/);
    const [session] = await saved(folder);
    assert.deepEqual([session!.acked, session!.entries.length], [8, 2]);
  }));

Deno.test("a count of handled stanzas is written after what it rests on, and not before", () =>
  bench(async ({ folder, pledges, journal }) => {
    const c = new Client("c");
    journal.add(c);
    await pledges.barrier();
    // The archive is busy with something.
    let commit = () => {};
    pledges.pledge(new Promise<void>((done) => commit = done));
    c.count = 5;
    journal.changed(c, HANDLED);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(c.countWritten, 0);
    assert.equal((await saved(folder))[0]!.handled, 0);
    c.count = 7; // not part of what waits
    const written = new Promise<void>((done) => {
      c.wake = () => c.countWritten > 0 && done();
    });
    commit();
    await written;
    assert.equal(c.countWritten, 5);
    assert.equal((await saved(folder))[0]!.handled, 5);
    journal.changed(c, HANDLED);
    await new Promise<void>((done) => {
      c.wake = () => c.countWritten === 7 && done();
    });
    assert.equal((await saved(folder))[0]!.handled, 7);
    // Nobody waits for a count: it is no pledge.
    c.count = 8;
    journal.changed(c, HANDLED);
    assert.equal(pledges.pending, 0);
  }));

Deno.test("segments are replaced while all goes on; every cut of the last one can be read", () =>
  bench(async ({ folder, pledges, journal }) => {
    const clients = Array.from({ length: 20 }, (_, i) => new Client(`c${i}`));
    for (const c of clients) journal.add(c);
    for (let round = 0; round < 60; round++) {
      for (const [i, c] of clients.entries()) {
        c.queue.push({ text: `<m>${i} ${round}</m>`, stamp: round, flags: 0 });
        if (c.queue.length > 5) c.queue.acknowledge(c.queue.acked + 1);
        journal.changed(c, QUEUE);
        c.count++;
        journal.changed(c, HANDLED);
      }
      if (round % 3 === 0) await pledges.barrier();
    }
    await pledges.barrier();
    const expected = clients.map((c) => [
      c.id,
      c.queue.acked,
      Array.from({ length: c.queue.length }, (_, i) => c.queue.at(c.queue.acked + 1 + i).text),
    ]);
    const found = await saved(folder);
    assert.deepEqual(
      found.map((s) => [s.opened.id, s.acked, s.entries.map((e) => e.text)]),
      expected,
    );
    const names = [...Deno.readDirSync(folder)].map((e) => e.name);
    assert.equal(names.length, 1);
    assert.ok(parseInt(names[0]!) > 2, names[0]);
    // A crash in the midst of any write: what is read is a state that there was, never a mixture.
    const bytes = await Deno.readFile(join(folder, names[0]!));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      for (const s of replay(parseSegment(bytes.subarray(0, cut)).frames)) {
        const first = s.acked;
        const number = s.opened.id.slice(1);
        for (const [i, e] of s.entries.entries()) {
          assert.equal(e.text, `<m>${number} ${first + i}</m>`);
        }
        assert.ok(s.entries.length <= 6);
      }
    }
  }, 4000));

Deno.test("while nothing can be written, nothing is promised; then all is there", async () => {
  await bench(async ({ folder, pledges, journal, lines }) => {
    const c = new Client("c");
    journal.add(c);
    await pledges.barrier();
    await rm(folder, { recursive: true });
    await Deno.writeTextFile(folder, "no folder"); // neither a file in it, nor a new segment
    c.queue.push({ text: "<a/>", stamp: 1, flags: 0 });
    journal.changed(c, QUEUE);
    // The open file still takes it; the next segment cannot be made.
    await journal.begin().catch(() => {});
    c.queue.push({ text: "<b/>", stamp: 1, flags: 0 });
    journal.changed(c, QUEUE);
    let passed = false;
    const barrier = Promise.resolve(pledges.barrier()).then(() => passed = true);
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.equal(passed, false);
    assert.equal(journal.works, false);
    assert.match(lines.join("\n"), /acknowledgements wait/);
    await Deno.remove(folder);
    await Deno.mkdir(folder);
    await barrier;
    assert.equal(journal.works, true);
    assert.deepEqual((await saved(folder))[0]!.entries.map((e) => e.text), ["<a/>", "<b/>"]);
  });
});

Deno.test("something else in the file is no journal", () => {
  assert.throws(() => replay(["what is this?"]), /no record/);
  assert.throws(() => replay(["X 1 2\n"]), /no record/);
});
