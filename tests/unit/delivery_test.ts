/** RFC 6121 §8.5.4: what we do is one of the things that Table 1 allows. */

import assert from "node:assert/strict";
import type { Address, Condition, Outcome } from "../../lib/delivery.ts";
import { deliveryRules, messageType } from "../../lib/delivery.ts";

/** Table 1 as printed. "1" and "1+" non-negative resources are one condition of ours. */
const TABLE = `
no-account     bare      S/E  S/E   E    S
no-account     no-match  S/E  S/E   S/E  S/E
no-resource    bare      O/E  O/E   E    S
no-resource    no-match  S/E  O/E   S/E  S/E
negative-only  bare      O/E  O/E   E    S
negative-only  match     D    D     D    D
negative-only  no-match  S/E  O/E   S/E  S/E
non-negative   bare      M/A  M/A   E    A
non-negative   match     D    D/A   D    D
non-negative   no-match  S/E  M/A   S/E  S/E
`;

const COLUMNS = ["normal", "chat", "groupchat", "headline"] as const;

const LETTERS: Readonly<Record<Outcome, string>> = {
  "resource": "D",
  "most-available": "M",
  "all": "A",
  "offline": "O",
  "error": "E",
  "silent": "S",
};

const rows = TABLE.trim().split("\n").map((line) => line.split(/ +/));

for (const [condition, address, ...allowed] of rows) {
  Deno.test(`RFC 6121 Table 1: ${condition}, ${address}`, () => {
    const ours = deliveryRules[condition as Condition][address as Address];
    for (const [i, type] of COLUMNS.entries()) {
      const letter = LETTERS[ours[type]];
      assert.ok(
        allowed[i]!.split("/").includes(letter),
        `${type}: ${letter} is not one of ${allowed[i]}`,
      );
    }
  });
}

Deno.test("RFC 6121 §8.5.2.1.1: errors go to the resource they are for, or nowhere", () => {
  for (const [condition, addresses] of Object.entries(deliveryRules)) {
    for (const [address, row] of Object.entries(addresses)) {
      const matches = address === "match" && condition !== "no-account";
      assert.equal(row.error, matches ? "resource" : "silent");
    }
  }
});

Deno.test("RFC 6121 §5.2.2: a message of an unknown type is a normal one", () => {
  for (const type of ["chat", "groupchat", "headline", "error", "normal"]) {
    assert.equal(messageType(type), type);
  }
  for (const type of [undefined, "", "Chat", "toString", "__proto__", "get"]) {
    assert.equal(messageType(type), "normal");
  }
});
