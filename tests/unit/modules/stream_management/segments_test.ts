/** The files of the journal: what is read after any cut, and whatever moment a crash comes in. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  makeFrame,
  parseSegment,
  Segments,
} from "../../../../modules/stream_management/segments.ts";

async function inFolder(f: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-segments-"));
  try {
    await f(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const CONTENTS = ["one\n", "zwei: äöü 🌹\n", "x".repeat(300), "\u0000four"];

for (const durability of ["process", "full"] as const) {
  Deno.test(`what was appended is read (${durability})`, () =>
    inFolder(async (folder) => {
      const first = new Segments(folder, durability);
      assert.deepEqual(await first.read(), { frames: [], damaged: 0, foreign: false });
      await first.begin((append) => append(CONTENTS[0]!));
      for (const content of CONTENTS.slice(1)) await first.append(content);
      const second = new Segments(folder, durability);
      assert.deepEqual(await second.read(), { frames: CONTENTS, damaged: 0, foreign: false });
      first.close();
      await second.begin((append) => append("all"));
      await second.append("more");
      second.close();
      const third = new Segments(folder, durability);
      assert.deepEqual(await third.read(), { frames: ["all", "more"], damaged: 0, foreign: false });
      assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["2.journal"]);
    }));
}

Deno.test("a file that is cut at any byte has the frames before the cut, and no other", () =>
  inFolder(async (folder) => {
    const segments = new Segments(folder, "process");
    await segments.read();
    await segments.begin((append) => append(CONTENTS[0]!));
    const ends = [segments.size];
    for (const content of CONTENTS.slice(1)) {
      await segments.append(content);
      ends.push(segments.size);
    }
    segments.close();
    const bytes = await Deno.readFile(join(folder, "1.journal"));
    assert.equal(bytes.length, ends.at(-1));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = ends.filter((end) => end <= cut).length;
      const { frames, damaged } = parseSegment(bytes.subarray(0, cut));
      assert.deepEqual(frames, CONTENTS.slice(0, whole), `cut at ${cut}`);
      // What was begun counts as damage, and so does a segment that is not even begun.
      if (ends.includes(cut) || cut === 0) assert.equal(damaged, 0);
      else if (whole > 0) assert.equal(damaged, cut - ends[whole - 1]!);
    }
  }));

Deno.test("a byte that is wrong ends it there; zeros at the end are nothing", () => {
  const magic = "confab stream management 1\n";
  const bytes = new Uint8Array([...makeFrame(magic), ...makeFrame("one"), ...makeFrame("two")]);
  assert.deepEqual(parseSegment(bytes).frames, ["one", "two"]);
  const start = makeFrame(magic).length;
  for (let i = start; i < bytes.length; i++) {
    const wrong = bytes.slice();
    wrong[i]! ^= 0x20;
    const { frames } = parseSegment(wrong);
    assert.deepEqual(frames, i < start + makeFrame("one").length ? [] : ["one"], `byte ${i}`);
  }
  const zeros = new Uint8Array(bytes.length + 4096);
  zeros.set(bytes);
  assert.deepEqual(parseSegment(zeros), { frames: ["one", "two"], damaged: 4096, foreign: false });
  assert.deepEqual(parseSegment(makeFrame("something else")).frames, []);
});

Deno.test("a crash in the midst of a new segment leaves the old one, which goes on", () =>
  inFolder(async (folder) => {
    const segments = new Segments(folder, "process");
    await segments.read();
    await segments.begin((append) => append("old"));
    await segments.append("kept");
    await assert.rejects(
      segments.begin(async (append) => {
        await append("half of the new");
        throw new Error("no space left");
      }),
      /no space left/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["1.journal"]);
    await assert.rejects(segments.append("lost"), /closed/);
    // What a process that died in the midst of it leaves.
    await Deno.writeFile(join(folder, "2.journal.new"), makeFrame("confab stream management 1\n"));
    const next = new Segments(folder, "process");
    assert.deepEqual((await next.read()).frames, ["old", "kept"]);
    await next.begin((append) => append("new"));
    next.close();
    // It died between the rename and the removal of the old one.
    await Deno.copyFile(join(folder, "2.journal"), join(folder, "1.journal"));
    const last = new Segments(folder, "process");
    assert.deepEqual((await last.read()).frames, ["new"]);
    await last.begin((append) => append("newest"));
    last.close();
    assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["3.journal"]);
  }));
