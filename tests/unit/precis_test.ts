import assert from "node:assert/strict";
import { hasRightToLeft, satisfiesBidiRule } from "../../lib/precis/bidi.ts";
import {
  CONTEXTJ,
  CONTEXTO,
  DISALLOWED,
  FREE_PVAL,
  GREEK,
  HEBREW,
  KANA_OR_HAN,
  PVALID,
  UNASSIGNED,
} from "../../lib/precis/bits.ts";
import {
  nickname,
  nicknameKey,
  opaqueString,
  usernameCaseMapped,
} from "../../lib/precis/profiles.ts";
import { bidiOf, joiningOf, precisOf, scriptOf } from "../../lib/precis/properties.ts";
import { UNICODE_VERSION } from "../../lib/precis/tables.ts";
import { codePoints, settle, utf8Length } from "../../lib/precis/text.ts";
import { decodeNumbers, encodeNumbers } from "../../lib/precis/varint.ts";

function accepts(profile: (s: string) => string | undefined, cases: Record<string, string>): void {
  for (const [input, output] of Object.entries(cases)) {
    assert.equal(profile(input), output, JSON.stringify(input));
  }
}

function refuses(profile: (s: string) => string | undefined, cases: readonly string[]): void {
  for (const input of cases) assert.equal(profile(input), undefined, JSON.stringify(input));
}

Deno.test("RFC 8265 §3.6: userparts", () => {
  accepts(usernameCaseMapped, {
    "juliet@example.com": "juliet@example.com",
    "fussball": "fussball",
    "fu\u00dfball": "fu\u00dfball",
    "\u03c0": "\u03c0",
    "\u03a3": "\u03c3",
    "\u03c3": "\u03c3",
    "\u03c2": "\u03c2",
  });
  refuses(usernameCaseMapped, ["foo bar", "", "henry\u2163", "\u221e"]);
});

Deno.test("RFC 8265 §4.3: passwords", () => {
  accepts(opaqueString, {
    "correct horse battery staple": "correct horse battery staple",
    "Correct Horse Battery Staple": "Correct Horse Battery Staple",
    "\u03c0\u00df\u00e5": "\u03c0\u00df\u00e5",
    "Jack of \u2666s": "Jack of \u2666s",
    "foo\u1680bar": "foo bar",
  });
  refuses(opaqueString, ["", "my cat is a \u0009by"]);
});

Deno.test("usernames: width, case and NFC are mapped", () => {
  accepts(usernameCaseMapped, {
    "\uff2a\uff35\uff2c\uff29\uff25\uff34\uff11": "juliet1",
    "\uff76\uff9e": "\u30ac", // halfwidth KA and voiced mark compose
    "\uff8a\uff9f\uff70": "\u30d1\u30fc",
    "E\u0301": "\u00e9",
    "\u212b": "\u00e5", // ANGSTROM SIGN
    "\u212a": "k", // KELVIN SIGN
    "\u1100\u1161\u11a8": "\uac01", // jamo that make a modern syllable
    "\u0130": "i\u0307",
    "\u1e9e": "\u00df",
    "\u{10400}": "\u{10428}",
    "\u0391\u03a3": "\u03b1\u03c3", // no final sigma
    "\u13a0": "\uab70",
    "\u1f88": "\u1f80",
  });
});

Deno.test("usernames: compatibility characters are refused, not folded", () => {
  refuses(usernameCaseMapped, [
    "\ufb01", // LATIN SMALL LIGATURE FI
    "\u00b9", // SUPERSCRIPT ONE
    "\u00aa",
    "\u2460", // CIRCLED DIGIT ONE
    "\u24b6",
    "\u2170", // SMALL ROMAN NUMERAL ONE
    "\u01c6",
    "\u017f", // LONG S
    "\u{1d400}", // MATHEMATICAL BOLD CAPITAL A
    "\ufe8d", // ARABIC LETTER ALEF ISOLATED FORM
    "\uffa1", // its width mapping is a compatibility jamo
  ]);
});

Deno.test("usernames: symbols, punctuation, spaces, ignorables, controls are refused", () => {
  refuses(usernameCaseMapped, [
    "\u265a",
    "a\u20acb",
    "\u00d7",
    "a\u2019b",
    "a\u2014b",
    "a\u00a0b",
    "a\u3000b",
    "a\u00adb", // SOFT HYPHEN
    "a\u200bb",
    "a\u2060b",
    "a\ufeffb",
    "a\ufe0fb",
    "a\u034fb",
    "a\u{e0041}b",
    "a\u202eb",
    "a\0b",
    "a\u0085b",
    "\ue000",
    "\ufdd0",
    "\u{1ffff}",
    "\u1100",
    "\u1161\u1100",
    "\ud7b0",
    "\u0378",
    "\u0488a",
    "\u16ee", // RUNIC ARLAUG SYMBOL, Nl
    "\u{10ffff}",
  ]);
});

Deno.test("OpaqueString: what is free, mapped and refused", () => {
  accepts(opaqueString, {
    "\uff21\ufb01\u2163\u00b9": "\uff21\ufb01\u2163\u00b9",
    "a\u00a0\u2003\u3000b": "a   b",
    "e\u0301": "\u00e9",
    "\u{1f600}": "\u{1f600}",
    "a\u05d0": "a\u05d0", // no directionality rule
    " a ": " a ",
  });
  refuses(opaqueString, [
    "a\u200bb",
    "\u2764\ufe0f", // VARIATION SELECTOR-16
    "\u{1f468}\u200d\u{1f469}", // ZERO WIDTH JOINER out of its context
    "\u1100",
    "\u0600",
    "\ue000",
    "\ufffe",
    "\u2028",
    "\ud800",
  ]);
});

Deno.test("RFC 8266 §3: nicknames, as they are compared", () => {
  accepts(nicknameKey, {
    "Foo": "foo",
    "foo": "foo",
    "Foo Bar": "foo bar",
    "foo bar": "foo bar",
    "\u03a3": "\u03c3",
    "\u03c3": "\u03c3",
    "\u03c2": "\u03c2",
    "\u03d4": "\u03cb", // settles in the second round
    "\u221e": "\u221e",
    "Richard \u2163": "richard iv",
  });
});

Deno.test("RFC 8266 §2.1: nicknames are enforced, and keep their case", () => {
  accepts(nickname, {
    "Foo": "Foo",
    "stpeter ": "stpeter",
    "  St   Peter  ": "St Peter",
    "St\u00a0\u3000Peter\u2003": "St Peter",
    "\u00a8a": "\u0308a", // NFKC makes a space of a part of it, which goes in the next round
    "\u03d4": "\u03ab",
    "Richard \u2163": "Richard IV",
    "\uff2a\uff41\uff43\uff4b": "Jack",
    "e\u0301": "\u00e9",
    "\u{1f600}": "\u{1f600}",
    "a\u05d0": "a\u05d0", // no directionality rule
    "~ ! ~": "~ ! ~",
  });
  accepts(nicknameKey, {
    " St\u2003PETER ": "st peter",
    "\u00c9": "\u00e9",
    "\u212a": "k",
    "\u0130": "i\u0307",
  });
});

Deno.test("nicknames that are none", () => {
  for (const profile of [nickname, nicknameKey]) {
    refuses(profile, [
      "",
      " ",
      "   ",
      "\u3000\u00a0",
      "a\tb",
      "a\nb",
      "\0",
      "\x7f",
      "a\u0085",
      "a\u200bb",
      "a\u202eb",
      "a\u2028b",
      "\u{1f468}\u200d\u{1f469}",
      "\ue000",
      "\ufffe",
      "\ud800",
      "\u0378",
    ]);
  }
});

Deno.test("nicknames: what was enforced stays, and has the key of what it was made of", () => {
  for (
    const name of ["Foo", " \u1e9e\u2163 \u03d4", "\u01c4 \ufb03", "\u0345\u00a8", "\u03b1\u03a3"]
  ) {
    const enforced = nickname(name)!;
    assert.equal(nickname(enforced), enforced);
    assert.equal(nicknameKey(enforced), nicknameKey(name));
    assert.equal(nicknameKey(nicknameKey(name)!), nicknameKey(name));
  }
});

Deno.test("exceptions of RFC 5892 §2.6", () => {
  for (const cp of [0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007]) assert.equal(precisOf(cp), PVALID);
  for (const cp of [0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb, 0x660, 0x669, 0x6f0, 0x6f9]) {
    assert.equal(precisOf(cp), CONTEXTO);
  }
  for (const cp of [0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3035, 0x303b]) {
    assert.equal(precisOf(cp), DISALLOWED);
  }
  // Not exceptions, though next to them.
  assert.equal(precisOf(0x302d), PVALID);
  assert.equal(precisOf(0x30fc), PVALID);
  assert.equal(precisOf(0x19da), FREE_PVAL); // RFC 6452: no BackwardCompatible entry
});

Deno.test("ZERO WIDTH NON-JOINER and JOINER", () => {
  const zwnj = "\u200c";
  const zwj = "\u200d";
  accepts(usernameCaseMapped, {
    // After a virama.
    [`\u0915\u094d${zwnj}\u0937`]: `\u0915\u094d${zwnj}\u0937`,
    [`\u0915\u094d${zwj}\u0937`]: `\u0915\u094d${zwj}\u0937`,
    [`\u0915\u094d${zwj}`]: `\u0915\u094d${zwj}`,
    // Between letters that would join, marks aside.
    [`\u0646\u0627\u0645\u0647${zwnj}\u0627\u06cc`]: `\u0646\u0627\u0645\u0647${zwnj}\u0627\u06cc`,
    [`\u0628\u064e${zwnj}\u064e\u0628`]: `\u0628\u064e${zwnj}\u064e\u0628`,
  });
  refuses(usernameCaseMapped, [
    zwnj,
    zwj,
    `a${zwnj}b`,
    `a${zwj}b`,
    `\u0915${zwj}\u0937`,
    `\u0628${zwj}\u0628`,
    `\u0628${zwnj}`,
    `${zwnj}\u0628`,
    `\u0628${zwnj}a`,
    `\u0627${zwnj}\u0628`, // ALEF does not join to its left
    `\u0628\u064e${zwnj}\u064e`,
  ]);
});

Deno.test("MIDDLE DOT, keraia, geresh, gershayim", () => {
  accepts(usernameCaseMapped, {
    "l\u00b7l": "l\u00b7l",
    "L\u00b7L": "l\u00b7l",
    "l\u0387l": "l\u00b7l",
    "\u0375\u03b1": "\u0375\u03b1",
    "\u05d0\u05f3": "\u05d0\u05f3",
    "\u05d0\u05f4\u05d1": "\u05d0\u05f4\u05d1",
  });
  refuses(usernameCaseMapped, [
    "\u00b7",
    "l\u00b7",
    "\u00b7l",
    "a\u00b7l",
    "l\u00b7a",
    "\u0375",
    "\u0375a",
    "\u03b1\u0375",
    "\u05f3",
    "\u05f3\u05d0",
    "\u0627\u05f3",
    "\u05f4\u05d0",
  ]);
});

Deno.test("KATAKANA MIDDLE DOT wants kana or Han anywhere", () => {
  accepts(usernameCaseMapped, {
    "a\u30fb\u30a2": "a\u30fb\u30a2",
    "\u30fb\u3042": "\u30fb\u3042",
    "\u4e00\u30fba": "\u4e00\u30fba",
    "\u30a2\uff65": "\u30a2\u30fb",
  });
  refuses(usernameCaseMapped, ["\u30fb", "a\u30fbb", "\uac00\u30fb"]);
});

Deno.test("Arabic-Indic digits of the two kinds do not mix", () => {
  accepts(usernameCaseMapped, {
    "\u0627\u0661\u0662": "\u0627\u0661\u0662",
    "\u0627\u06f1\u06f2": "\u0627\u06f1\u06f2",
  });
  refuses(usernameCaseMapped, ["\u0627\u0661\u06f2", "\u0627\u06f1\u0661"]);
  assert.equal(opaqueString("\u0661\u06f2"), undefined);
  assert.equal(opaqueString("\u0661"), "\u0661");
});

Deno.test("RFC 5893 §2: the six conditions", () => {
  const holds = (s: string) => satisfiesBidiRule(codePoints(s));
  // 1: the first.
  assert.equal(holds("\u05d0"), true);
  assert.equal(holds("\u0627"), true);
  assert.equal(holds("a"), true);
  assert.equal(holds("1a"), false);
  assert.equal(holds("\u0661\u0627"), false);
  assert.equal(holds("\u0301a"), false);
  assert.equal(holds(""), false);
  // 2: right to left, only some classes.
  assert.equal(holds("\u05d0a\u05d0"), false);
  assert.equal(holds("\u05d0-+,$!\u05d0"), true);
  assert.equal(holds("\u05d0 \u05d0"), false);
  // 3: right to left, the end.
  assert.equal(holds("\u05d0-"), false);
  assert.equal(holds("\u05d01"), true);
  assert.equal(holds("\u0627\u0661\u064e\u064e"), true);
  assert.equal(holds("\u05d0-\u05b0"), false);
  // 4: right to left, one kind of digits.
  assert.equal(holds("\u06271\u0661"), false);
  // 5: left to right, only some classes.
  assert.equal(holds("a\u05d0a"), false);
  assert.equal(holds("a\u0661a"), false);
  assert.equal(holds("a-1"), true);
  // 6: left to right, the end.
  assert.equal(holds("a-"), false);
  assert.equal(holds("a1\u0301"), true);
  // RFC 5893 §1.3: Dhivehi and Yiddish words that Stringprep refused.
  assert.equal(holds("\u0786\u07ae\u0782\u07b0\u0795\u07a9\u0793\u07a6\u0783\u07aa"), true);
  assert.equal(holds("\u05d9\u05b4\u05d5\u05d5\u05d0\u05b8"), true);
});

Deno.test("usernames: the Bidi Rule, where something is written right to left", () => {
  accepts(usernameCaseMapped, {
    "\u05d0\u05d1": "\u05d0\u05d1",
    "\u05d0\u05d11": "\u05d0\u05d11",
    "1a-": "1a-", // nothing right to left: no rule
  });
  refuses(usernameCaseMapped, ["a\u05d0", "\u05d0a", "1\u05d0", "\u05d0-", "\u0661"]);
  assert.equal(hasRightToLeft(codePoints("a\u0661")), true);
  assert.equal(hasRightToLeft(codePoints("a1\u00e9")), false);
});

Deno.test("RFC 8264 §7: rules are applied four times at most", () => {
  let applied = 0;
  assert.equal(settle("a", (s) => (applied++, s + "a")), undefined);
  assert.equal(applied, 4);
  assert.equal(settle("aaaa", (s) => s.length > 1 ? s.slice(1) : s), "a");
  assert.equal(settle("aaaaa", (s) => s.length > 1 ? s.slice(1) : s), undefined);
  assert.equal(settle("a", () => undefined), undefined);
});

Deno.test("code points of later versions of Unicode are refused whatever the runtime maps", () => {
  assert.equal(UNICODE_VERSION, "15.0.0");
  // U+A7CB came with 16.0, as the capital of U+0264.
  assert.equal(precisOf(0xa7cb), UNASSIGNED);
  assert.equal(usernameCaseMapped("\ua7cb"), undefined);
  assert.equal(opaqueString("\ua7cb"), undefined);
  assert.equal(usernameCaseMapped("\u0264"), "\u0264");
});

Deno.test("the tables agree with what the runtime knows of Unicode", () => {
  const letterDigit = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
  const other = /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]$/u;
  const ignorable = /^[\p{DI}\p{NChar}]$/u;
  const jamo = /^[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]$/u;
  const unassigned = /^\p{Cn}$/u;
  const scripts: [number, RegExp][] = [
    [GREEK, /^\p{sc=Grek}$/u],
    [HEBREW, /^\p{sc=Hebr}$/u],
    [KANA_OR_HAN, /^[\p{sc=Hira}\p{sc=Kana}\p{sc=Hani}]$/u],
  ];
  let checked = 0;
  for (let cp = 0x80; cp < 0x110000; cp++) {
    const derived = precisOf(cp);
    const c = String.fromCodePoint(cp);
    if (derived === UNASSIGNED) continue;
    // Code points assigned once stay so.
    assert.ok(!unassigned.test(c) || /^\p{NChar}$/u.test(c), cp.toString(16));
    for (const [script, pattern] of scripts) assert.equal(scriptOf(cp) === script, pattern.test(c));
    if (derived === CONTEXTO || /^[\u{df}\u{3c2}\u{6fd}\u{6fe}\u{f0b}\u{3007}]$/u.test(c)) continue;
    if (/^[\u{640}\u{7fa}\u{302e}\u{302f}\u{3031}-\u{3035}\u{303b}]$/u.test(c)) continue;
    let expected = DISALLOWED;
    if (cp === 0x200c || cp === 0x200d) expected = CONTEXTJ;
    else if (jamo.test(c) || ignorable.test(c) || /^\p{C}$/u.test(c)) expected = DISALLOWED;
    else if (c.normalize("NFKC") !== c || other.test(c)) expected = FREE_PVAL;
    else if (letterDigit.test(c)) expected = PVALID;
    assert.equal(derived, expected, cp.toString(16));
    checked++;
  }
  assert.ok(checked > 280_000);
});

Deno.test("bidi classes and joining types of some code points", () => {
  const bidi: [number, string][] = [
    [0x61, "L"],
    [0x5d0, "R"],
    [0x627, "AL"],
    [0x661, "AN"],
    [0x6f1, "EN"],
    [0x31, "EN"],
    [0x2b, "ES"],
    [0x2c, "CS"],
    [0x24, "ET"],
    [0x21, "ON"],
    [0xad, "BN"],
    [0x301, "NSM"],
    [0x20, ""],
    [0x202e, ""],
    [0x10ffff, "BN"],
  ];
  for (const [cp, expected] of bidi) assert.equal(bidiOf(cp), expected, cp.toString(16));
  const joining: [number, string][] = [
    [0x628, "D"],
    [0x627, "R"],
    [0xa872, "L"],
    [0x64e, "T"],
    [0x61, ""],
    [0x640, ""],
  ];
  for (const [cp, expected] of joining) assert.equal(joiningOf(cp), expected, cp.toString(16));
});

Deno.test("octets and code points of strings", () => {
  for (const s of ["", "a", "\u00e9", "\u07ff\u0800", "\uffff", "\u{1f600}x", "\ud7ff\ue000"]) {
    assert.equal(utf8Length(s), new TextEncoder().encode(s).length);
    assert.equal(String.fromCodePoint(...codePoints(s)), s);
  }
  assert.deepEqual(codePoints("\ud800a\udc00"), [0xd800, 0x61, 0xdc00]);
});

Deno.test("numbers as text", () => {
  const numbers = [0, 1, 31, 32, 1023, 1024, 0x10ffff, 2 ** 31 - 1, 0];
  assert.deepEqual(decodeNumbers(encodeNumbers(numbers)), numbers);
  assert.equal(encodeNumbers([0, 31, 32]), "Afg" + "B");
});
