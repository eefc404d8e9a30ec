/** Days of time zones, and the marks from which they follow. */

import assert from "node:assert/strict";
import { dayNumber, markOf, moments } from "../../../../modules/muc_log/quarters.ts";
import { DAY_MS, dayAway, isZone, QUARTER_MS, Zone } from "../../../../modules/muc_log/zone.ts";

const HOUR_MS = 3_600_000;

Deno.test("names of time zones", () => {
  for (const name of ["UTC", "Europe/Zurich", "Asia/Kathmandu", "America/Argentina/Ushuaia"]) {
    assert(isZone(name), name);
  }
  for (const name of ["", "Europe/Springfield", "+05:30", "../etc/passwd", 5, undefined]) {
    assert(!isZone(name), String(name));
  }
});

Deno.test("a day begins at midnight there", () => {
  const start = (zone: string, day: string) => new Date(new Zone(zone).startOf(day)).toISOString();
  assert.equal(start("UTC", "2026-11-30"), "2026-11-30T00:00:00.000Z");
  assert.equal(start("Europe/Zurich", "2026-07-01"), "2026-06-30T22:00:00.000Z");
  assert.equal(start("Asia/Kathmandu", "2026-11-30"), "2026-11-29T18:15:00.000Z");
  assert.equal(start("Pacific/Kiritimati", "2026-11-30"), "2026-11-29T10:00:00.000Z");
  assert.equal(start("Pacific/Pago_Pago", "2026-11-30"), "2026-11-30T11:00:00.000Z");
});

Deno.test("days in which clocks are put forward or back are shorter or longer", () => {
  const hours = (name: string, day: string) => {
    const zone = new Zone(name);
    return (zone.endOf(day) - zone.startOf(day)) / HOUR_MS;
  };
  assert.equal(hours("Europe/Zurich", "2026-03-28"), 24);
  assert.equal(hours("Europe/Zurich", "2026-03-29"), 23);
  assert.equal(hours("Europe/Zurich", "2026-10-25"), 25);
  assert.equal(hours("Australia/Lord_Howe", "2026-04-05"), 24.5);
  // Midnight itself was skipped.
  assert.equal(hours("America/Sao_Paulo", "2018-11-04"), 23);
  // The whole day was.
  assert.equal(hours("Pacific/Apia", "2011-12-30"), 0);
});

Deno.test("every moment belongs to one day, and clocks show it", () => {
  for (
    const name of ["UTC", "Europe/Zurich", "Asia/Beirut", "America/Sao_Paulo", "Asia/Kathmandu"]
  ) {
    const zone = new Zone(name);
    let before = "";
    const from = Date.UTC(2018, 0, 1);
    for (let at = from; at < from + 370 * DAY_MS; at += 4 * QUARTER_MS) {
      const day = zone.dayOf(at);
      assert(day >= before, `${name} ${day}`);
      assert(
        zone.startOf(day) <= at && at < zone.endOf(day),
        `${name} ${new Date(at).toISOString()}`,
      );
      before = day;
    }
  }
  const zone = new Zone("Europe/Zurich");
  // Half past two comes twice.
  assert.equal(zone.clock(Date.UTC(2026, 9, 25, 0, 30, 9)), "02:30:09");
  assert.equal(zone.clock(Date.UTC(2026, 9, 25, 1, 30, 9)), "02:30:09");
});

Deno.test("days before and after", () => {
  assert.equal(dayAway("2026-02-28", 1), "2026-03-01");
  assert.equal(dayAway("2026-01-01", -1), "2025-12-31");
  assert.equal(dayAway("9998-12-31", 1), undefined);
});

Deno.test("a mark tells the quarter of an hour", () => {
  const start = Date.UTC(2026, 10, 30);
  const day = dayNumber(start);
  for (let i = 0; i < 96; i++) {
    const at = start + i * QUARTER_MS;
    const mark = markOf(at + 899_999);
    assert.equal(mark.day, day);
    assert.deepEqual([...moments(mark)], [at]);
  }
  const all = 2 ** 48 - 1;
  assert.equal([...moments({ day, am: all, pm: all })].length, 96);
  assert.deepEqual([...moments({ day, am: 0, pm: 0 })], []);
});
