import assert from "node:assert/strict";
import { wordsOf, wordsSought } from "../../../../modules/mam/words.ts";

/** Whether a text is found by what is searched for. */
function finds(text: string, sought: string): boolean {
  const words = new Set(wordsOf(text, 1000));
  const wanted = wordsSought(sought, 32);
  return wanted.length > 0 && wanted.every((word) => words.has(word));
}

Deno.test("case, accents and punctuation do not count", () => {
  assert.deepEqual(wordsOf("Hello, WORLD! It's 10:30.", 100), [
    "hello",
    "world",
    "it",
    "s",
    "10",
    "30",
  ]);
  assert.deepEqual(wordsOf("Déjà-vu ÜBER straße", 100), ["deja", "vu", "uber", "straße"]);
  assert.ok(finds("Die Brücke über den Fluß", "brucke UBER"));
  assert.ok(finds("Где деньги?", "ДЕНЬГИ"));
  assert.ok(!finds("hello world", "hello moon"));
  assert.ok(!finds("hello", "hell"));
});

Deno.test("scripts without blanks are found by any part", () => {
  assert.ok(finds("今天天气很好", "天气"));
  assert.ok(finds("今天天气很好", "好"));
  assert.ok(finds("今天天气很好", "天天气"));
  assert.ok(!finds("今天天气很好", "气天"));
  assert.ok(finds("東京タワーへ行く", "タワー"));
  assert.ok(finds("สวัสดีครับ", "สวัสดี"));
  assert.ok(finds("Confab の説明", "confab 説明"));
});

Deno.test("nonsense has no words", () => {
  for (const text of ["", "   ", '"*()^:-+', "!!! ???", "🎉🎉", "\u0000"]) {
    assert.deepEqual(wordsSought(text, 32), [], JSON.stringify(text));
  }
});

Deno.test("their number and length are bounded, and each counts once", () => {
  assert.equal(wordsOf(Array.from({ length: 500 }, (_, i) => `w${i}`).join(" "), 100).length, 100);
  assert.deepEqual(wordsOf("a a a A", 100), ["a"]);
  assert.equal(wordsOf("x".repeat(5000), 100)[0]!.length, 64);
  assert.ok(finds("x".repeat(5000), "x".repeat(5000)));
});
