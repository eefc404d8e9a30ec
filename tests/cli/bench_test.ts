/** `deno task bench` at a size that measures nothing, to see that all of it works. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Done } from "./process.ts";

const MAIN = fileURLToPath(new URL("../bench/main.ts", import.meta.url));

async function bench(...args: string[]): Promise<Done> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => stripVTControlCharacters(new TextDecoder().decode(bytes));
  return { code, out: text(stdout), err: text(stderr) };
}

interface Measured {
  readonly bench: string;
  readonly what: string;
  readonly unit: string;
  readonly value: number | null;
}

Deno.test("every benchmark has its figures", async () => {
  const { code, out, err } = await bench("--json", "--scale", "0.02");
  assert.equal(code, 0, err);
  const figures: Measured[] = JSON.parse(out).figures;
  const benches = [
    "parser",
    "jid",
    "router",
    "chat",
    "login",
    "idle",
    "presence",
    "offline",
    "pubsub",
    "rooms",
    "muc",
  ];
  assert.deepEqual([...new Set(figures.map((f) => f.bench))], benches);
  for (const f of figures) {
    // Too little is done here for memory to grow; elsewhere than on Linux nobody tells.
    if (/KB|MB|bytes/.test(f.unit)) assert.ok(f.value === null || Number.isFinite(f.value), f.what);
    else assert.ok(f.value !== null && f.value > 0, `${f.bench}, ${f.what}: ${f.value}`);
  }
});

Deno.test("benchmarks by name, as a table", async () => {
  const { code, out, err } = await bench("jid", "--scale", "0.02");
  assert.equal(code, 0, err);
  assert.match(out, /^what +unit +figure$/m);
  assert.match(out, /^jid: ASCII, from the cache +µs +[\d.]+$/m);
  assert.doesNotMatch(out, /router/);
});

Deno.test("benchmarks that do not exist, and scales that are none", async () => {
  assert.match((await bench("jids")).err, /no benchmark "jids"; there are parser, jid, router/);
  assert.equal((await bench("--scale", "0")).code, 2);
  assert.equal((await bench("--what")).code, 2);
});
