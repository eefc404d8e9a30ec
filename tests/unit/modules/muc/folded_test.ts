import assert from "node:assert/strict";
import { compareNodes, folded } from "../../../../modules/muc/folded.ts";

Deno.test("case, accents and forms of width do not count", () => {
  for (
    const [text, as] of [
      ["A Dark Cave", "a dark cave"],
      ["Crème BRÛLÉE", "creme brulee"],
      ["İstanbul", "istanbul"],
      ["ＦＵＬＬ", "full"],
      ["Ёлки", "елки"],
      ["ΟΔΥΣΣΕΎΣ", "οδυσσευσ"],
      ["Οδυσσεύς", "οδυσσευσ"],
      ["\u0301", ""],
      ["😀", "😀"],
    ]
  ) {
    assert.equal(folded(text!), as);
    assert.equal(folded(as!), as);
  }
});

Deno.test("nodes are in the order of code points", () => {
  const nodes = [
    "",
    "a",
    "a\u0301",
    "aa",
    "b",
    "é",
    "漢",
    "g\u{fe20}",
    "\u{fe20}",
    "😀",
    "😁",
    "𠀀",
  ];
  const sorted = nodes.toSorted(compareNodes);
  const points = (s: string) => [...s].map((c) => c.codePointAt(0)!.toString(16).padStart(6, "0"));
  assert.deepEqual(sorted, nodes.toSorted((a, b) => points(a).join() < points(b).join() ? -1 : 1));
  for (const a of nodes) {
    for (const b of nodes) {
      assert.equal(Math.sign(compareNodes(a, b)), Math.sign(-compareNodes(b, a)) + 0);
      assert.equal(compareNodes(a, b) === 0, a === b);
    }
  }
});
