import assert from "node:assert/strict";
import * as v from "valibot";
import {
  type AnySchema,
  bytes,
  duration,
  file,
  flag,
  ipAddress,
  list,
  metaOf,
  oneOf,
  optionalSetting,
  requiredSetting,
  secret,
  setting,
  table,
  text,
  wholeNumber,
  wholeNumberOrOff,
} from "../../lib/config/setting.ts";
import { formatSize, parseSize, parseTime } from "../../lib/config/units.ts";

/** The value, or the message of the first problem. */
function run(schema: AnySchema, input: unknown): unknown {
  const result = v.safeParse(schema, input);
  return result.success ? result.output : result.issues[0].message;
}

Deno.test("setting: times", () => {
  const right: [unknown, number][] = [
    [30, 30_000],
    [0.5, 500],
    [0, 0],
    ["500ms", 500],
    ["30s", 30_000],
    ["30 s", 30_000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
  ];
  for (const [value, ms] of right) assert.equal(parseTime(value), ms);
  for (
    const wrong of [
      "",
      "s",
      "30",
      "30 seconds",
      "-1s",
      -1,
      NaN,
      "1e3s",
      "1s2",
      true,
      [],
      "5S",
      "1constructor",
    ]
  ) {
    assert.equal(parseTime(wrong), undefined, String(wrong));
  }
  const schema = duration("1s", "5m");
  assert.equal(run(schema, "2m"), 120_000);
  assert.equal(run(schema, 300), 300_000);
  assert.equal(run(schema, "6m"), 'expected a time from "1s" to "5m", got "6m"');
  assert.equal(run(schema, 0), 'expected a time from "1s" to "5m", got 0');
  const off = duration("1s", "5m", { off: true });
  assert.equal(run(off, 0), 0);
  assert.equal(run(off, 0.5), 'expected a time from "1s" to "5m", or 0, got 0.5');
});

Deno.test("setting: sizes", () => {
  const right: [unknown, number][] = [
    [262144, 262144],
    ["256 KiB", 262144],
    ["256KiB", 262144],
    ["1 MB", 1_000_000],
    ["1.5 KiB", 1536],
    ["10 B", 10],
    ["1 GiB", 1 << 30],
  ];
  for (const [value, size] of right) assert.equal(parseSize(value), size);
  for (const wrong of ["256", "256 kib", "256  KiB", 1.5, -1, "", "KiB", "1 TB", Infinity]) {
    assert.equal(parseSize(wrong), undefined, String(wrong));
  }
  assert.deepEqual([0, 10000, 1024, 4 << 20, 1 << 30].map(formatSize), [
    "0",
    "10000",
    "1 KiB",
    "4 MiB",
    "1 GiB",
  ]);
  const schema = bytes(10_000, 64 << 20);
  assert.equal(run(schema, "256 KiB"), 262144);
  assert.equal(run(schema, "1 GB"), 'expected a size from 10000 to "64 MiB", got "1 GB"');
  assert.equal(run(bytes(10_000, 64 << 20, { off: true }), 0), 0);
});

Deno.test("setting: messages of the other kinds", () => {
  const cases: [AnySchema, unknown, unknown][] = [
    [wholeNumber(1, 10000), 5, 5],
    [wholeNumber(1, 10000), "lots", 'expected a whole number from 1 to 10000, got "lots"'],
    [wholeNumber(1, 10000), 1.5, "expected a whole number from 1 to 10000, got 1.5"],
    [wholeNumber(1, 10000), 0, "expected a whole number from 1 to 10000, got 0"],
    [wholeNumberOrOff(5, 10), 0, 0],
    [wholeNumberOrOff(5, 10), 4, "expected a whole number from 5 to 10, or 0, got 4"],
    [flag(), true, true],
    [flag(), "yes", 'expected true or false, got "yes"'],
    [text(), "", 'expected a string, got ""'],
    [oneOf("a", "b"), "b", "b"],
    [oneOf("a", "b"), "c", 'expected "a" or "b", got "c"'],
    [list(text()), ["a", "b"], ["a", "b"]],
    [list(text()), "a", 'expected a list, got "a"'],
    [list(text()), ["a", 1], "expected a string, got 1"],
    [list(text()), ["a", "b", "a"], '"a" is in the list twice'],
    [ipAddress(), "::1", "::1"],
    [ipAddress(), "localhost", 'expected an IP address, got "localhost"'],
    [file(), 5, "expected the path of a file, got 5"],
  ];
  for (const [schema, input, expected] of cases) assert.deepEqual(run(schema, input), expected);
});

Deno.test("setting: a secret is never shown", () => {
  assert.equal(run(secret(), "hunter2"), "hunter2");
  assert.equal(run(secret(), 12345), "expected a string (the value is not shown)");
  assert.equal(metaOf(secret()).secret, true);
});

Deno.test("setting: a module's settings with defaults, types and descriptions", () => {
  const schema = v.strictObject({
    quota: setting(wholeNumber(1, 100_000), 100, "Messages kept per account."),
    wait: setting(duration("1s", "1m"), "5s", "How long."),
    note: optionalSetting(text(), "hello", "A note."),
    name: requiredSetting(text(), "me", "A name."),
    inner: table({ on: setting(flag(), true, "On.") }, "More."),
  });
  const out = v.parse(schema, { name: "x" });
  // Types as well as values.
  const quota: number = out.quota;
  const wait: number = out.wait;
  const note: string | undefined = out.note;
  const name: string = out.name;
  const on: boolean = out.inner.on;
  assert.deepEqual([quota, wait, note, name, on], [100, 5_000, undefined, "x", true]);
  assert.deepEqual(metaOf(schema.entries.quota), {
    expected: "a whole number from 1 to 100000",
    description: "Messages kept per account.",
  });
  assert.equal(metaOf(schema.entries.name).example, "me");
  assert.equal(
    metaOf(v.pipe(v.string(), v.description("plain valibot"))).description,
    "plain valibot",
  );
  assert.equal(v.safeParse(schema, {}).success, false);
});
