import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  decodeKeys,
  deriveKeys,
  encodeKeys,
  pretendKeys,
  sameBytes,
  scramHashes,
  verifyPassword,
} from "../../lib/sasl/credentials.ts";
import { decodeBase64 } from "../../lib/sasl/text.ts";

Deno.test("keys verify their password and no other", async () => {
  for (const hash of scramHashes) {
    const keys = await deriveKeys("pencil", hash, 10);
    assert.equal(await verifyPassword(keys, "pencil"), true);
    assert.equal(await verifyPassword(keys, "Pencil"), false);
    assert.equal(await verifyPassword(keys, ""), false);
    assert.equal(await verifyPassword(keys, "a\u0007"), false);
    assert.equal(keys.salt.length, 16);
  }
  assert.equal(await verifyPassword(undefined, "pencil", { hash: "SHA-1", iterations: 5 }), false);
});

Deno.test("passwords are prepared by RFC 8265 before they are hashed", async () => {
  const keys = await deriveKeys("a\u00a0A\u030a", "SHA-256", 10);
  assert.equal(await verifyPassword(keys, "a Å"), true);
  await assert.rejects(deriveKeys("", "SHA-256", 10), RangeError);
  await assert.rejects(deriveKeys("a\nb", "SHA-256", 10), RangeError);
});

Deno.test("the number of rounds has limits and a default", async () => {
  assert.equal((await deriveKeys("pencil", "SHA-1")).iterations, 10_000);
  for (const rounds of [0, -1, 1.5, NaN, 10_000_001]) {
    await assert.rejects(deriveKeys("pencil", "SHA-1", rounds), RangeError);
  }
});

Deno.test("two derivations have different salts", async () => {
  const [a, b] = [await deriveKeys("pencil", "SHA-1", 1), await deriveKeys("pencil", "SHA-1", 1)];
  assert.notDeepEqual(a.salt, b.salt);
  assert.notDeepEqual(a.storedKey, b.storedKey);
});

Deno.test("keys go through their text form unchanged", async () => {
  for (const hash of scramHashes) {
    const keys = await deriveKeys("pencil", hash, 77);
    const text = encodeKeys(keys);
    assert.match(text, new RegExp(`^SCRAM-${hash}\\$77:[^$:]+\\$[^$:]+:[^$:]+$`));
    const back = decodeKeys(text);
    assert.equal(encodeKeys(back), text);
    assert.equal(await verifyPassword(back, "pencil"), true);
  }
});

Deno.test("malformed text is refused without being repeated", async () => {
  const text = encodeKeys(await deriveKeys("pencil", "SHA-256", 77));
  const cases = [
    "",
    text.slice(1),
    text + "x",
    text + "\n",
    text.replace("SHA-256", "MD5"),
    text.replace("SHA-256", "SHA-1"),
    text.replace("$77:", "$0:"),
    text.replace("$77:", "$99999999:"),
    text.replace("$77:", "$077:"),
    text.replace(/:[^:]+$/, ":QUJD"),
    text.replace(/77:[^$]+/, "77:!!!"),
  ];
  for (const bad of cases) {
    assert.throws(() => decodeKeys(bad), (error: Error) => error.message.length < 40, bad);
  }
});

Deno.test("pretended keys are stable per secret, name and hash", () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const keys = pretendKeys(one, "nobody", "SHA-256", 10_000);
  assert.deepEqual(pretendKeys(one, "nobody", "SHA-256", 10_000), keys);
  assert.equal(keys.salt.length, 16);
  assert.equal(keys.storedKey.length, 32);
  assert.notDeepEqual(pretendKeys(two, "nobody", "SHA-256", 10_000).salt, keys.salt);
  assert.notDeepEqual(pretendKeys(one, "nobody2", "SHA-256", 10_000).salt, keys.salt);
  assert.notDeepEqual(pretendKeys(one, "nobody", "SHA-512", 10_000).salt, keys.salt);
});

Deno.test("octets are compared whole, and those of other lengths differ", () => {
  assert.equal(sameBytes(Buffer.from("ab"), Buffer.from("ab")), true);
  assert.equal(sameBytes(Buffer.from("ab"), Buffer.from("ac")), false);
  assert.equal(sameBytes(Buffer.from("ab"), Buffer.from("abc")), false);
});

Deno.test("base64 is taken in its one proper spelling", () => {
  assert.equal(Buffer.from(decodeBase64("QUI=")!).toString(), "AB");
  assert.equal(decodeBase64("")!.length, 0);
  for (
    const bad of ["Q", "QQ", "QQ=", "QQ==\n", " QQ==", "QR==", "Q===", "QQ==QQ==", "QU-_", "="]
  ) {
    assert.equal(decodeBase64(bad), undefined, JSON.stringify(bad));
  }
});
