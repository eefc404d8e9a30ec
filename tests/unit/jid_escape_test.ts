import assert from "node:assert/strict";
import { prepNode } from "../../lib/jid.ts";
import { escapeNode, unescapeNode } from "../../lib/jid_escape.ts";

// XEP-0106 §5: user input and localpart.
const EXAMPLES: readonly [string, string][] = [
  ["space cadet", "space\\20cadet"],
  ['call me "ishmael"', "call\\20me\\20\\22ishmael\\22"],
  ["at&t guy", "at\\26t\\20guy"],
  ["d'artagnan", "d\\27artagnan"],
  ["/.fanboy", "\\2f.fanboy"],
  ["::foo::", "\\3a\\3afoo\\3a\\3a"],
  ["<foo>", "\\3cfoo\\3e"],
  ["user@host", "user\\40host"],
  ["c:\\net", "c\\3a\\net"],
  ["c:\\\\net", "c\\3a\\\\net"],
  ["c:\\cool stuff", "c\\3a\\cool\\20stuff"],
  ["c:\\5commas", "c\\3a\\5c5commas"],
  ["here's_a_wild_&_/cr%zy/_address", "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address"],
  [
    'here\'s_a_wild_&_/cr%zy/_address_for:<wv>("IMPS")',
    "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address_for\\3a\\3cwv\\3e(\\22IMPS\\22)",
  ],
  ["\\3and\\2is\\5cool", "\\5c3and\\2is\\5c5cool"],
  [
    "CN=D'Artagnan Saint-Andr\\E9,O=Example & Company, Inc.,DC=example,DC=com",
    "CN=D\\27Artagnan\\20Saint-Andr\\E9,O=Example\\20\\26\\20Company,\\20Inc.,DC=example,DC=com",
  ],
  ["somenick!user\"&'/:<>\\3address", "somenick!user\\22\\26\\27\\2f\\3a\\3c\\3e\\5c3address"],
  ["treville@musketeers.lit", "treville\\40musketeers.lit"],
];

Deno.test("XEP-0106: the examples escape and unescape", () => {
  for (const [name, node] of EXAMPLES) {
    assert.equal(escapeNode(name), node);
    assert.equal(unescapeNode(node), name);
    assert.notEqual(prepNode(node), undefined);
  }
});

Deno.test("XEP-0106 §4.3: what is no escape stays", () => {
  for (const same of ["\\2plus\\2is\\4", "foo\\bar", "foob\\41r", "\\", "a\\", "\\2", "\\2F"]) {
    assert.equal(escapeNode(same), same);
    assert.equal(unescapeNode(same), same);
  }
});

Deno.test("XEP-0106 §4.1: no space at the start or end", () => {
  assert.equal(escapeNode(" a"), undefined);
  assert.equal(escapeNode("a "), undefined);
  assert.equal(escapeNode(" "), undefined);
  assert.equal(unescapeNode("\\20a\\20b\\20"), "\\20a b\\20");
});

Deno.test("XEP-0106: unescaping undoes escaping for all short strings of its characters", () => {
  const alphabet = ["\\", "5", "c", "2", "0", "'", "@", "\\20", "\\5c", "a"];
  for (const a of alphabet) {
    for (const b of alphabet) {
      for (const c of alphabet) {
        for (const d of alphabet) {
          const name = a + b + c + d;
          assert.equal(unescapeNode(escapeNode(name)!), name);
        }
      }
    }
  }
});
