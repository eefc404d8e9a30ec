import assert from "node:assert/strict";
import {
  Jid,
  jidCacheSize,
  parseJid,
  prepDomain,
  prepDomainFully,
  prepNode,
  prepNodeFully,
  prepPassword,
  prepResource,
  prepResourceFully,
  setJidCacheSize,
} from "../../lib/jid.ts";

function full(text: string): string | undefined {
  return parseJid(text)?.full;
}

function parts(text: string): [string, string, string] | undefined {
  const jid = parseJid(text);
  return jid && [jid.node, jid.domain, jid.resource];
}

/** Numbers below a bound, the same in each run (mulberry32). */
function random(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

Deno.test("RFC 7622 §3.5: the legal JIDs", () => {
  const legal: [string, string, string, string][] = [
    ["juliet@example.com", "juliet", "example.com", ""],
    ["juliet@example.com/foo", "juliet", "example.com", "foo"],
    ["juliet@example.com/foo bar", "juliet", "example.com", "foo bar"],
    ["juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"],
    ["foo\\20bar@example.com", "foo\\20bar", "example.com", ""],
    ["fussball@example.com", "fussball", "example.com", ""],
    ["fu\u00dfball@example.com", "fu\u00dfball", "example.com", ""],
    ["\u03c0@example.com", "\u03c0", "example.com", ""],
    ["\u03a3@example.com/foo", "\u03c3", "example.com", "foo"],
    ["\u03c3@example.com/foo", "\u03c3", "example.com", "foo"],
    ["\u03c2@example.com/foo", "\u03c2", "example.com", "foo"],
    ["king@example.com/\u265a", "king", "example.com", "\u265a"],
    ["example.com", "", "example.com", ""],
    ["example.com/foobar", "", "example.com", "foobar"],
    ["a.example.com/b@example.net", "", "a.example.com", "b@example.net"],
  ];
  for (const [text, ...expected] of legal) assert.deepEqual(parts(text), expected, text);
});

Deno.test("RFC 7622 §3.5: what is not a JID", () => {
  const illegal = [
    '"juliet"@example.com',
    "foo bar@example.com",
    "juliet@example.com/ foo",
    "@example.com/",
    "henry\u2163@example.com",
    "\u265a@example.com",
    "juliet@",
    "/foobar",
  ];
  for (const text of illegal) assert.equal(parseJid(text), undefined, text);
});

Deno.test("empty and doubled parts are refused", () => {
  for (
    const text of ["", "@", "/", "@c", "a@", "a@b/", "a@/r", "/r", "@/", "a@b@c", "a@@b", "b/"]
  ) {
    assert.equal(parseJid(text), undefined, text);
  }
});

Deno.test("the resource is all after the first slash", () => {
  assert.deepEqual(parts("a@b/c@d/e"), ["a", "b", "c@d/e"]);
  assert.deepEqual(parts("b//"), ["", "b", "/"]);
  assert.deepEqual(parts("b/@"), ["", "b", "@"]);
  assert.deepEqual(parts("A@B/C"), ["a", "b", "C"]);
});

Deno.test("a JID has its parts, bare and full form", () => {
  const jid = parseJid("Juliet@Capulet.Example/Balcony")!;
  assert.equal(jid.full, "juliet@capulet.example/Balcony");
  assert.equal(String(jid), jid.full);
  assert.equal(jid.bare, "juliet@capulet.example");
  assert.equal(jid.isBare, false);
  const bare = jid.toBare();
  assert.equal(bare.full, "juliet@capulet.example");
  assert.equal(bare.isBare, true);
  assert.equal(bare.toBare(), bare);
  assert.equal(jid.toBare(), bare);
  assert.deepEqual([bare.node, bare.domain, bare.resource], ["juliet", "capulet.example", ""]);
});

Deno.test("withResource and Jid.of put prepared parts together", () => {
  const bare = parseJid("juliet@capulet.example")!;
  const jid = bare.withResource("a/b");
  assert.deepEqual(
    [jid.node, jid.domain, jid.resource, jid.bare, jid.full],
    ["juliet", "capulet.example", "a/b", bare.full, "juliet@capulet.example/a/b"],
  );
  assert.equal(jid.toBare(), bare);
  assert.equal(jid.withResource("c").full, "juliet@capulet.example/c");
  assert.equal(jid.withResource(""), bare);
  for (const text of ["a@b/c", "a@b", "b/c", "b"]) {
    const parsed = parseJid(text)!;
    const built = Jid.of(parsed.node, parsed.domain, parsed.resource);
    assert.deepEqual(
      [built.node, built.domain, built.resource, built.bare, built.full],
      [parsed.node, parsed.domain, parsed.resource, parsed.bare, parsed.full],
    );
  }
});

Deno.test("RFC 7622 §3.3.1: characters that a node must not have", () => {
  for (const c of `"&'/:<>@`) {
    assert.equal(prepNode(`a${c}b`), undefined, c);
    assert.equal(prepNode(`\u00e9${c}b`), undefined, c);
    const wide = String.fromCodePoint(c.charCodeAt(0) + 0xfee0);
    assert.equal(prepNode(`a${wide}b`), undefined, wide);
  }
  for (const c of "!#$%()*+,-.;=?[\\]^_`{|}~") assert.equal(prepNode(`a${c}b`), `a${c}b`);
});

Deno.test("separators are those of the raw text, not of its mapping", () => {
  assert.equal(parseJid("a\uff20b.example"), undefined);
  assert.equal(parseJid("a@b.example\uff0fc"), undefined);
  // A slash or at sign with a combining mark still separates.
  assert.equal(parseJid("a@b.example/\u0338c")!.resource, "\u0338c");
});

Deno.test("control characters, NUL and spaces are refused", () => {
  for (const c of ["\0", "\t", "\n", "\r", "\x1f", "\x7f", "\x80", "\x85", "\u2028", "\u200b"]) {
    assert.equal(parseJid(`a${c}b@c.example`), undefined);
    assert.equal(parseJid(`a@c${c}d.example`), undefined);
    assert.equal(parseJid(`a@c.example/x${c}y`), undefined);
    assert.equal(prepPassword(`x${c}y`), undefined);
  }
  for (const c of [" ", "\u00a0", "\u3000", "\u1680"]) {
    assert.equal(prepNode(`a${c}b`), undefined);
    assert.equal(prepDomain(`a${c}b.example`), undefined);
    assert.equal(prepResource(`a${c}b`), "a b");
    assert.equal(prepResource(`${c}b`), undefined);
    assert.equal(prepResource(`b${c}`), "b ");
    assert.equal(prepPassword(`${c}b`), " b");
  }
});

Deno.test("lone surrogates are refused, pairs are not", () => {
  for (const c of ["\ud800", "\udfff", "\udc00\ud800", "a\ud83d"]) {
    assert.equal(prepNode(c), undefined);
    assert.equal(prepDomain(c), undefined);
    assert.equal(prepResource(c), undefined);
    assert.equal(prepPassword(c), undefined);
  }
  assert.equal(prepResource("\u{1f600}"), "\u{1f600}");
  assert.equal(prepNode("\u{10400}"), "\u{10428}");
});

Deno.test("each part has 1 to 1023 octets", () => {
  const a = (n: number) => "a".repeat(n);
  assert.equal(prepNode(a(1023)), a(1023));
  assert.equal(prepNode(a(1024)), undefined);
  assert.equal(prepResource(a(1023)), a(1023));
  assert.equal(prepResource(a(1024)), undefined);
  assert.equal(parseJid(`${a(1023)}@b/${a(1023)}`)!.full.length, 2049);
  assert.equal(parseJid(`${a(1024)}@b`), undefined);
  assert.equal(parseJid(`b/${a(1024)}`), undefined);
  // Two octets each, three, and four.
  assert.notEqual(prepNode("\u00e9".repeat(511)), undefined);
  assert.equal(prepNode("\u00e9".repeat(512)), undefined);
  assert.notEqual(prepResource("\u265a".repeat(341)), undefined);
  assert.equal(prepResource("\u265a".repeat(342)), undefined);
  assert.notEqual(prepResource("\u{1f600}".repeat(255)), undefined);
  assert.equal(prepResource("\u{1f600}".repeat(256)), undefined);
  // What counts is the result: these are 3069 octets before, and 1023 after.
  assert.equal(prepNode("\uff41".repeat(1023)), a(1023));
  assert.equal(prepNode("\uff41".repeat(1024)), undefined);
  for (const prep of [prepNode, prepDomain, prepResource, prepPassword]) {
    assert.equal(prep(""), undefined);
    assert.equal(prep("\u00e9".repeat(1_000_000)), undefined);
  }
});

Deno.test("long strings made to be slow take no time", () => {
  const start = performance.now();
  for (
    const s of [
      "\u30fb".repeat(4091) + "\u30a2",
      "\u0661".repeat(4092),
      "\u0628" + "\u064e".repeat(4000) + "\u200c\u0628",
      "a\u0301".repeat(2000),
      "\u0300\u0316".repeat(2000),
      "a".repeat(4091) + "!",
      "a.".repeat(2046),
      "\u00fc.".repeat(2046),
      "\u00fc".repeat(4092),
      "xn--" + "9".repeat(4000),
    ]
  ) {
    for (const prep of [prepNode, prepDomain, prepResource, prepPassword]) prep(s);
    parseJid(`${s}@${s}/${s}`);
  }
  assert.ok(performance.now() - start < 1000);
});

Deno.test("look-alikes of other scripts stay different, width and case fold", () => {
  assert.notEqual(full("p\u0430ypal@example.com"), full("paypal@example.com"));
  assert.notEqual(full("\u03bf@example.com"), full("o@example.com"));
  assert.equal(full("\uff2a\uff55liet@example.com"), "juliet@example.com");
  assert.equal(full("\u00c9lan@example.com"), full("e\u0301lan@example.com"));
  assert.notEqual(full("a@b.example/X"), full("a@b.example/x"));
  assert.equal(prepResource("\uff38"), "\uff38");
});

Deno.test("domains: dots, hyphens, lengths", () => {
  assert.equal(prepDomain("Example.COM"), "example.com");
  assert.equal(prepDomain("example.com."), "example.com");
  assert.equal(full("a@Example.com./r"), "a@example.com/r");
  assert.equal(prepDomain("localhost"), "localhost");
  assert.equal(prepDomain("1.2.3.4"), "1.2.3.4");
  assert.equal(prepDomain("a-b.c--d.example"), "a-b.c--d.example");
  for (const bad of [".", "..", ".a", "a..b", "a..", "-a.b", "a-.b", "a.-b", "a.b-", "ab--c.d"]) {
    assert.equal(prepDomain(bad), undefined, bad);
  }
  for (const bad of ["exa mple", "a_b", "a*b", "a:5222", "a%b", "a,b", "b@c", "a/b"]) {
    assert.equal(prepDomain(bad), undefined, bad);
  }
  const label = "a".repeat(63);
  assert.equal(prepDomain(`${label}.example`), `${label}.example`);
  assert.equal(prepDomain(`${label}a.example`), undefined);
  const long = [label, label, label, "a".repeat(61)].join(".");
  assert.equal(prepDomain(long), long);
  assert.equal(prepDomain(long + "."), long);
  assert.equal(prepDomain(long + "a"), undefined);
  assert.equal(prepDomain("a.".repeat(127).slice(0, -1))?.length, 253);
  assert.equal(prepDomain("a.".repeat(128).slice(0, -1)), undefined);
});

Deno.test("passwords: OpaqueString, never empty", () => {
  assert.equal(prepPassword("correct horse battery staple"), "correct horse battery staple");
  assert.equal(prepPassword("Correct Horse Battery Staple"), "Correct Horse Battery Staple");
  assert.equal(prepPassword("\u03c0\u00df\u00e5"), "\u03c0\u00df\u00e5");
  assert.equal(prepPassword("Jack of \u2666s"), "Jack of \u2666s");
  assert.equal(prepPassword("foo\u1680bar"), "foo bar");
  assert.equal(prepPassword("e\u0301"), "\u00e9");
  assert.equal(prepPassword(""), undefined);
  assert.equal(prepPassword("my cat is a \tby"), undefined);
});

Deno.test("the cache is bounded, keeps what is in use, and holds nothing long", () => {
  try {
    setJidCacheSize(100);
    const kept = parseJid("Kept@Example.com");
    for (let i = 0; i < 10_000; i++) {
      parseJid(`a${i}@example.com`);
      assert.ok(jidCacheSize() <= 100);
      if (i % 20 === 0) assert.equal(parseJid("Kept@Example.com"), kept);
    }
    setJidCacheSize(100);
    parseJid("a@b/" + "r".repeat(500));
    parseJid("not a jid@b");
    assert.equal(jidCacheSize(), 0);
    setJidCacheSize(0);
    assert.notEqual(parseJid("a@b"), parseJid("a@b"));
    assert.equal(jidCacheSize(), 0);
  } finally {
    setJidCacheSize(4096);
  }
});

Deno.test("ASCII: the short cuts give what the full rules give", () => {
  const next = random(1);
  // The characters that decide something come more often than the rest.
  const often = "abcxyz019AZ-.@/ \"&'[]:_~\\\x7f\x1f";
  let valid = 0;
  for (let n = 0; n < 40_000; n++) {
    let s = next(20) === 0 ? "xn--" : "";
    for (let length = next(12); length >= 0; length--) {
      s += next(4) === 0 ? String.fromCharCode(next(128)) : often[next(often.length)];
    }
    assert.equal(prepNode(s), prepNodeFully(s), s);
    assert.equal(prepDomain(s), prepDomainFully(s), s);
    assert.equal(prepResource(s), prepResourceFully(s), s);

    const slash = s.indexOf("/");
    const before = slash < 0 ? s : s.slice(0, slash);
    const at = before.indexOf("@");
    const node = at < 0 ? "" : prepNodeFully(before.slice(0, at));
    const domain = prepDomainFully(before.slice(at + 1));
    const resource = slash < 0 ? "" : prepResourceFully(s.slice(slash + 1));
    const isJid = node !== undefined && domain !== undefined && resource !== undefined;
    assert.deepEqual(parts(s), isJid ? [node, domain, resource] : undefined, s);
    if (isJid) valid++;
  }
  assert.ok(valid > 1000);
});

Deno.test("what is prepared stays as it is: 20,000 strings", () => {
  const next = random(2);
  const blocks: [number, number][] = [
    [0x20, 0x5f],
    [0xa0, 0x160],
    [0x300, 0x70],
    [0x370, 0x90],
    [0x400, 0x100],
    [0x590, 0x270],
    [0x900, 0x100],
    [0x1100, 0x100],
    [0x1e00, 0x200],
    [0x2000, 0x200],
    [0x3000, 0x100],
    [0xac00, 0x2ba4],
    [0xfb00, 0x500],
    [0xff00, 0xf0],
    [0x10400, 0x50],
    [0x1f300, 0x200],
    [0, 0x110000],
  ];
  let valid = 0;
  for (let n = 0; n < 20_000; n++) {
    const pair = [blocks[next(blocks.length)]!, blocks[next(blocks.length)]!];
    let s = "";
    for (let length = 1 + next(6); length > 0; length--) {
      const [first, size] = pair[next(2)]!;
      s += String.fromCodePoint(first + next(size));
    }
    for (const prep of [prepNode, prepDomain, prepResource, prepPassword]) {
      const once = prep(s);
      if (once === undefined) continue;
      valid++;
      assert.equal(prep(once), once, JSON.stringify(s));
      assert.equal(once.normalize("NFC"), once);
    }
    const jid = parseJid(`${s}@example.com/${s}`);
    if (jid !== undefined) assert.equal(full(jid.full), jid.full);
  }
  assert.ok(valid > 5000);
});
