import assert from "node:assert/strict";
import {
  formatDate,
  formatDateTime,
  formatOffset,
  parseDate,
  parseDateTime,
  parseOffset,
} from "../../../lib/formats/datetime.ts";

Deno.test("XEP-0082 §3.2: the examples", () => {
  const moon = Date.UTC(1969, 6, 21, 2, 56, 15);
  assert.equal(parseDateTime("1969-07-21T02:56:15Z"), moon);
  assert.equal(parseDateTime("1969-07-20T21:56:15-05:00"), moon);
  assert.equal(formatDateTime(moon), "1969-07-21T02:56:15.000Z");
  assert.equal(formatDateTime(moon, "s"), "1969-07-21T02:56:15Z");
});

Deno.test("XEP-0082 §3.1: dates", () => {
  assert.equal(parseDate("1776-07-04"), Date.UTC(1776, 6, 4));
  assert.equal(formatDate(Date.UTC(1776, 6, 4, 12)), "1776-07-04");
  for (const bad of ["1776-7-4", "1776-07-04Z", "1776-13-01", "1776-02-30", "0000-01-01", ""]) {
    assert.equal(parseDate(bad), undefined, bad);
  }
});

Deno.test("fractions of a second have any number of digits", () => {
  const at = Date.UTC(2024, 1, 29, 23, 59, 59);
  assert.equal(parseDateTime("2024-02-29T23:59:59.5Z"), at + 500);
  assert.equal(parseDateTime("2024-02-29T23:59:59.05Z"), at + 50);
  assert.equal(parseDateTime("2024-02-29T23:59:59.1239999999Z"), at + 123);
  assert.equal(formatDateTime(at + 7), "2024-02-29T23:59:59.007Z");
  assert.equal(formatDateTime(at + 999, "s"), "2024-02-29T23:59:59Z");
});

Deno.test("a year below 100 is itself", () => {
  assert.equal(formatDateTime(parseDateTime("0069-07-21T02:56:15Z")!, "s"), "0069-07-21T02:56:15Z");
});

Deno.test("what the profile does not allow is refused", () => {
  const bad = [
    "",
    "1969-07-21",
    "1969-07-21T02:56:15", // no zone
    "1969-07-21t02:56:15Z",
    "1969-07-21T02:56:15z",
    "1969-07-21 02:56:15Z",
    "19690721T02:56:15Z",
    "1969-07-21T02:56Z",
    "1969-07-21T02:56:15.Z",
    "1969-07-21T02:56:15,5Z",
    "1969-07-21T24:00:00Z",
    "1969-07-21T02:60:15Z",
    "1969-07-21T02:56:60Z",
    "1969-02-29T02:56:15Z",
    "1969-00-21T02:56:15Z",
    "0000-07-21T02:56:15Z",
    "11969-07-21T02:56:15Z",
    "-1969-07-21T02:56:15Z",
    "1969-07-21T02:56:15+5:00",
    "1969-07-21T02:56:15+05",
    "1969-07-21T02:56:15+14:01",
    "1969-07-21T02:56:15+05:60",
    " 1969-07-21T02:56:15Z",
    "1969-07-21T02:56:15Z\n",
    "١٩٦٩-07-21T02:56:15Z",
  ];
  for (const text of bad) assert.equal(parseDateTime(text), undefined, text);
});

Deno.test("moments that have no four-digit year are not written", () => {
  for (
    const ms of [NaN, Infinity, Date.UTC(10_000, 0, 1), Date.parse("0001-01-01T00:00:00Z") - 1]
  ) {
    assert.throws(() => formatDateTime(ms), RangeError);
  }
});

Deno.test("time zones", () => {
  for (
    const [text, minutes] of [["Z", 0], ["+05:30", 330], ["-06:00", -360], ["+14:00", 840]] as const
  ) {
    assert.equal(parseOffset(text), minutes);
    assert.equal(formatOffset(minutes), text);
  }
  assert.equal(parseOffset("-00:00"), 0);
  for (const bad of ["", "z", "5:30", "+0530", "+24:00"]) {
    assert.equal(parseOffset(bad), undefined, bad);
  }
});
