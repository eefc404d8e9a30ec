import assert from "node:assert/strict";
import {
  ABOVE,
  BELOW,
  firstIdOf,
  IdCipher,
  IdClock,
  lastIdOf,
  stampOf,
} from "../../../../modules/mam/ids.ts";

Deno.test("the cipher gives the published test vector of Speck 64/128", () => {
  const key = Uint8Array.fromHex("0001020308090a0b1011121318191a1b");
  const cipher = new IdCipher(key);
  const [x, y] = cipher.encrypt(0x3b726574, 0x7475432d);
  assert.deepEqual([x >>> 0, y >>> 0], [0x8c6fa548, 0x454e028b]);
  assert.deepEqual(cipher.decrypt(x, y), [0x3b726574, 0x7475432d]);
});

Deno.test("an id comes back from its text, and from no other text", () => {
  const cipher = new IdCipher(crypto.getRandomValues(new Uint8Array(16)));
  const clock = new IdClock(0);
  const seen = new Set<string>();
  for (const id of [0, 1, ABOVE, 2 ** 32, ...Array.from({ length: 1000 }, () => clock.next())]) {
    const text = cipher.write(id);
    assert.match(text, /^[A-Za-z0-9_-]{11}$/);
    assert.equal(cipher.read(text), id);
    assert.ok(!seen.has(text));
    seen.add(text);
  }
  const other = new IdCipher(new Uint8Array(16));
  const known = [...seen].filter((text) => other.read(text) !== undefined);
  assert.ok(known.length < 10, "another key reads next to none of them");
  for (
    const text of [
      "",
      "x",
      "AAAAAAAAAA",
      "AAAAAAAAAAAA",
      "AAAAAAAAAA_",
      "AAAAA AAAAA",
      "ÄAAAAAAAAAA",
    ]
  ) {
    assert.equal(cipher.read(text), undefined, text);
  }
});

Deno.test("ids grow, whatever the clock does", () => {
  let now = Date.UTC(2026, 0, 1);
  const clock = new IdClock(-1, () => now);
  let last = -1;
  for (const step of [0, 0, 0, 5, -3_600_000, 0, 1, 7_200_000]) {
    now += step;
    const id = clock.next();
    assert.ok(id > last);
    last = id;
  }
  assert.equal(stampOf(last), now);
  const ahead = new IdClock(last + 1e9, () => now);
  assert.equal(ahead.next(), last + 1e9 + 1);
});

Deno.test("a moment has a first and a last id", () => {
  const moment = Date.UTC(2030, 5, 1);
  assert.equal(stampOf(firstIdOf(moment)), moment);
  assert.equal(stampOf(lastIdOf(moment)), moment);
  assert.equal(firstIdOf(moment + 1), lastIdOf(moment) + 1);
  assert.equal(firstIdOf(0), 0);
  assert.equal(lastIdOf(0), BELOW);
  assert.equal(firstIdOf(Date.UTC(9999, 0)), ABOVE);
  // There is room until 2089.
  assert.ok(Number.isSafeInteger(lastIdOf(Date.UTC(2089, 0)) + 1));
});
