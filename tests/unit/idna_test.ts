import assert from "node:assert/strict";
import { domainToASCII } from "node:url";
import { domainToAscii, prepareDomain } from "../../lib/idna.ts";
import { decodePunycode, encodePunycode } from "../../lib/precis/punycode.ts";

Deno.test("U-labels are mapped to lower case, NFC and ASCII dots", () => {
  assert.equal(prepareDomain("B\u00dcCHER.example"), "b\u00fccher.example");
  assert.equal(prepareDomain("bu\u0308cher.example"), "b\u00fccher.example");
  assert.equal(prepareDomain("fa\u00df.example"), "fa\u00df.example");
  assert.equal(prepareDomain("\u03c2.example"), "\u03c2.example");
  assert.equal(prepareDomain("\u0391\u03a3.example"), "\u03b1\u03c3.example");
  assert.equal(prepareDomain("\uff25\uff58.example"), "ex.example");
  for (const dot of ["\u3002", "\uff0e", "\uff61"]) {
    assert.equal(prepareDomain(`\u65e5\u672c${dot}jp`), "\u65e5\u672c.jp");
    assert.equal(prepareDomain(`\u65e5\u672c.jp${dot}`), "\u65e5\u672c.jp");
    assert.equal(prepareDomain(`\u65e5\u672c${dot}${dot}jp`), undefined);
  }
  // Capital Cherokee is the valid form.
  assert.equal(prepareDomain("\u13a0\u13a1.example"), "\u13a0\u13a1.example");
});

Deno.test("A-labels become U-labels, if they are ones", () => {
  assert.equal(prepareDomain("xn--bcher-kva.example"), "b\u00fccher.example");
  assert.equal(prepareDomain("XN--BCHER-KVA.example"), "b\u00fccher.example");
  assert.equal(prepareDomain("xn--fa-hia.example"), "fa\u00df.example");
  assert.equal(prepareDomain("\uff58n--bcher-kva.example"), "b\u00fccher.example");
  const fakes = [
    "xn--",
    "xn--a",
    "xn--abc-", // decodes to ASCII
    "xn--bcher-kva-",
    "xn--a-ecp.ru", // U+0080
    "xn--bcher-kva9", // not Punycode
    "xn--mnchen-", // nothing encoded
    "xn--n3h", // a symbol
    "xn--99999999999",
    "xn---wvkoi",
    `xn--${encodePunycode([0x75, 0x308])}`, // not NFC
    `xn--${encodePunycode([0xdc])}`, // a capital
    `xn--${encodePunycode([0xff41])}`, // fullwidth
    `xn--${encodePunycode([0xd800])}`,
    `xn--${encodePunycode([0x2d, 0xfc])}`, // starts with a hyphen
  ];
  for (const fake of fakes) assert.equal(prepareDomain(fake), undefined, fake);
});

Deno.test("RFC 5891 §4.2.3: hyphens, leading marks, disallowed and unassigned code points", () => {
  for (
    const bad of [
      "-\u00fc.example",
      "\u00fc-.example",
      "ab--\u00fc.example",
      "ab--cd.example",
      "\u0301a.example",
      "\u2603.example",
      "\u{1f600}.example",
      "a\u00ad\u00fc.example",
      "\u00fc_.example",
      "\u0378.example",
      "\u{2fe0}.example",
      "\u0640.example",
      "\u1100\u1200.example",
      "a\u2044b.example",
    ]
  ) assert.equal(prepareDomain(bad), undefined, bad);
});

Deno.test("RFC 5892 appendix A: contexts in labels", () => {
  assert.equal(prepareDomain("l\u00b7l.example"), "l\u00b7l.example");
  assert.equal(prepareDomain("a\u00b7l.example"), undefined);
  assert.equal(
    prepareDomain("\u0915\u094d\u200d\u0937.example"),
    "\u0915\u094d\u200d\u0937.example",
  );
  assert.equal(prepareDomain("a\u200db.example"), undefined);
  assert.equal(prepareDomain("\u30ab\u30fb.example"), "\u30ab\u30fb.example");
  assert.equal(prepareDomain("a\u30fb.example"), undefined);
  // A label is its own context.
  assert.equal(prepareDomain("\u30fb.\u30ab"), undefined);
});

Deno.test("RFC 5893: the Bidi Rule holds for all labels of a name with one right to left", () => {
  assert.equal(prepareDomain("\u05d0\u05d1.example"), "\u05d0\u05d1.example");
  assert.equal(prepareDomain("\u05d01.example"), "\u05d01.example");
  assert.equal(prepareDomain("1\u05d0.example"), undefined);
  assert.equal(prepareDomain("a\u05d0.example"), undefined);
  assert.equal(prepareDomain("\u05d0.1example"), undefined);
  assert.equal(prepareDomain("1a.\u05d0"), undefined);
  assert.equal(prepareDomain("1a.\u00e9"), "1a.\u00e9");
});

Deno.test("lengths count in A-label form", () => {
  // 63 octets as A-label: "xn--", the basic letters, the delimiter and the delta.
  const fits = prepareDomain("a".repeat(55) + "\u00fc");
  assert.notEqual(fits, undefined);
  assert.ok(domainToAscii(fits!).length <= 63);
  assert.equal(prepareDomain("a".repeat(62) + "\u00fc"), undefined);
  const label = "\u00fc".repeat(30);
  assert.ok(domainToAscii(label).length <= 63);
  assert.equal(prepareDomain(Array(9).fill(label).join(".")), undefined);
  assert.equal(prepareDomain("\u00fc".repeat(4000)), undefined);
  assert.equal(prepareDomain("\u00fc.".repeat(2000)), undefined);
});

Deno.test("IP literals", () => {
  assert.equal(prepareDomain("[::1]"), "[::1]");
  assert.equal(prepareDomain("[2001:DB8::1]"), "[2001:db8::1]");
  assert.equal(prepareDomain("[::ffff:192.0.2.1]"), "[::ffff:192.0.2.1]");
  assert.equal(prepareDomain("[FE80::1%25Eth0]"), "[fe80::1%25Eth0]");
  assert.equal(prepareDomain("[v1.AB:c]"), "[v1.ab:c]");
  for (
    const bad of [
      "[",
      "[]",
      "[::1",
      "::1",
      "[::1].",
      "[::1]a",
      "[1.2.3.4]",
      "[:::1]",
      "[12345::]",
      "[fe80::1%eth0]",
      "[fe80::1%25]",
      "[fe80::1%25a b]",
      "[v1.]",
      "[v.a]",
      "[\uff11::1]",
    ]
  ) assert.equal(prepareDomain(bad), undefined, bad);
});

Deno.test("domainToAscii gives what DNS asks for", () => {
  const names = ["example.com", "b\u00fccher.example", "\u65e5\u672c\u8a9e.jp", "\u05d0\u05d1.com"];
  for (const name of names) {
    assert.equal(domainToAscii(name), domainToASCII(name));
    assert.equal(prepareDomain(domainToAscii(name)), name);
  }
  assert.equal(domainToAscii("fa\u00df.de"), "xn--fa-hia.de");
  assert.equal(domainToAscii("[::1]"), "[::1]");
});

// RFC 3492 §7.1, in lower case.
const PUNYCODE: readonly [string, string][] = [
  ["\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587", "ihqwcrb4cv8a8dqg056pqjye"],
  [
    "\u043f\u043e\u0447\u0435\u043c\u0443\u0436\u0435\u043e\u043d\u0438\u043d\u0435\u0433\u043e\u0432\u043e\u0440\u044f\u0442\u043f\u043e\u0440\u0443\u0441\u0441\u043a\u0438",
    "b1abfaaepdrnnbgefbadotcwatmq2g4l",
  ],
  ["3\u5e74b\u7d44\u91d1\u516b\u5148\u751f", "3b-ww4c5e180e575a65lsy2b"],
  ["-> $1.00 <-", "-> $1.00 <--"],
  ["b\u00fccher", "bcher-kva"],
];

Deno.test("Punycode encodes and decodes", () => {
  for (const [text, encoded] of PUNYCODE) {
    const points = [...text].map((c) => c.codePointAt(0)!);
    assert.equal(encodePunycode(points), encoded);
    assert.deepEqual(decodePunycode(encoded), points);
  }
  for (const bad of ["-", "\u00fc", "a-\u00fc", "!", "A", "99999999", "a-b", "9".repeat(500)]) {
    assert.equal(decodePunycode(bad), undefined, bad);
  }
});
