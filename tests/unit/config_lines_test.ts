import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { findLines } from "../../lib/config/lines.ts";
import type { Path } from "../../lib/config/problem.ts";

/** Checks the lines of paths; the text must be TOML. */
function check(text: string, expected: readonly (readonly [Path, number | undefined])[]): void {
  parse(text);
  const lineOf = findLines(text);
  for (const [path, line] of expected) assert.equal(lineOf(path), line, JSON.stringify(path));
}

Deno.test("lines: keys, tables, comments", () => {
  check(
    `# a comment with [brackets] and = signs
a = 1 # b = 2

  b = "x" # "
[t] # [u]
\tc = 'y'
[t.u]
d = true
[ v . w ]
e = 1
`,
    [
      [["a"], 2],
      [["b"], 4],
      [["t"], 5],
      [["t", "c"], 6],
      [["t", "u"], 7],
      [["t", "u", "d"], 8],
      [["v"], 9],
      [["v", "w"], 9],
      [["v", "w", "e"], 10],
      [["v", "w", "missing", "deep"], 9],
      [["missing"], undefined],
      [[], undefined],
    ],
  );
});

Deno.test("lines: dotted and quoted keys", () => {
  check(
    `a.b.c = 1
a . b . d = 2
"a"."x.y" = 3
'lit\\eral' = 4
"tab\\tkey \\"q\\" \\u00e9" = 5
"" = 6
[hosts."example.org"]
anonymous = false
modules.muc.max = 3
[hosts.'other.org'.limits]
depth = 4
"#=" = 1
`,
    [
      [["a"], 1],
      [["a", "b", "c"], 1],
      [["a", "b", "d"], 2],
      [["a", "x.y"], 3],
      [["lit\\eral"], 4],
      [['tab\tkey "q" é'], 5],
      [[""], 6],
      [["hosts"], 7],
      [["hosts", "example.org"], 7],
      [["hosts", "example.org", "anonymous"], 8],
      [["hosts", "example.org", "modules", "muc"], 9],
      [["hosts", "example.org", "modules", "muc", "max"], 9],
      [["hosts", "other.org"], 10],
      [["hosts", "other.org", "limits", "depth"], 11],
      [["hosts", "other.org", "limits", "#="], 12],
    ],
  );
});

Deno.test("lines: arrays of tables and tables below them", () => {
  check(
    `[[listen.c2s]]
port = 1
[listen.c2s.more]
x = 1
[[listen.c2s]]

port = 2
[[listen.c2s.inner]]
y = 1
[[listen.c2s.inner]]
y = 2
[listen.s2s]
z = 1
`,
    [
      [["listen"], 1],
      [["listen", "c2s"], 1],
      [["listen", "c2s", 0], 1],
      [["listen", "c2s", 0, "port"], 2],
      [["listen", "c2s", 0, "more"], 3],
      [["listen", "c2s", 0, "more", "x"], 4],
      [["listen", "c2s", 1], 5],
      [["listen", "c2s", 1, "port"], 7],
      [["listen", "c2s", 1, "inner", 0, "y"], 9],
      [["listen", "c2s", 1, "inner", 1, "y"], 11],
      [["listen", "c2s", 1, "tls"], 5],
      [["listen", "s2s", "z"], 13],
    ],
  );
});

Deno.test("lines: inline tables and lists over many lines", () => {
  check(
    `a = { b = 1, "c d" = { e = "}" }, f = [1, { g = 2 }] }
list = [
  "one", # not the "end" ]
  # a comment, with commas
  "two", "three",
  [
    4,
  ],
  { k = 1 },
]
after = 1
empty = [ ]
none = {}
last = 2`,
    [
      [["a", "b"], 1],
      [["a", "c d", "e"], 1],
      [["a", "f", 1, "g"], 1],
      [["list"], 2],
      [["list", 0], 3],
      [["list", 1], 5],
      [["list", 2], 5],
      [["list", 3], 6],
      [["list", 3, 0], 7],
      [["list", 4, "k"], 9],
      [["after"], 11],
      [["empty"], 12],
      [["none"], 13],
      [["last"], 14],
    ],
  );
});

Deno.test("lines: strings over many lines hide what looks like keys", () => {
  check(
    `a = """
b = 1
[t]
\\""" c = 2
two quotes at the end"""""
d = '''
e = 1 \\'''
f = """x""" # """
g = ''''quoted''''
h = """\\
   joined \\
   """
i = 1979-05-27 07:32:00
j = +inf
k = "\\\\"
l = 1
`,
    [
      [["a"], 1],
      [["b"], undefined],
      [["t"], undefined],
      [["d"], 6],
      [["e"], undefined],
      [["f"], 8],
      [["g"], 9],
      [["h"], 10],
      [["i"], 13],
      [["j"], 14],
      [["k"], 15],
      [["l"], 16],
    ],
  );
});

Deno.test("lines: a table's own header counts more than its children's", () => {
  check("[a.b]\nx = 1\n[a]\ny = 2\n", [[["a"], 3], [["a", "b"], 1], [["a", "y"], 4]]);
});

Deno.test("lines: ends of lines of other systems", () => {
  check('a = 1\r\n[t]\r\nb = """\r\nx\\\r\n\r\ny"""\r\nc = [\r\n1,\r\n2]\r\n', [
    [["a"], 1],
    [["t"], 2],
    [["t", "b"], 3],
    [["t", "c"], 7],
    [["t", "c", 1], 9],
  ]);
});

Deno.test("lines: text that is not TOML ends too", () => {
  for (
    const text of [
      "]]]",
      "=",
      "a",
      "[",
      "[[",
      '"',
      "a = [",
      "a = {",
      "a = {b",
      '"""',
      "a=[,,]",
      "\\",
      "[a]]b",
    ]
  ) {
    findLines(text)(["a"]);
  }
  // Every text of five of the characters that mean something.
  const alphabet = "[]{}=\"'#,.\n a\\";
  const texts = (n: number): string[] =>
    n === 0 ? [""] : texts(n - 1).flatMap((text) => [...alphabet].map((c) => text + c));
  for (const text of texts(4)) findLines(text)(["a"]);
});

Deno.test("lines: each key of a generated document is where it was written", () => {
  // A small generator with a fixed seed: values of all kinds, one key to a line.
  let seed = 12345;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  const values = [
    '"s"',
    "'l'",
    "1_000",
    "true",
    "[1, 2]",
    "{ x = 1 }",
    '"""\nmany\n"""',
    "[\n1,\n]",
  ];
  for (let round = 0; round < 200; round++) {
    let text = "";
    let line = 1;
    const expected: [Path, number][] = [];
    const add = (piece: string) => {
      text += piece + "\n";
      line += piece.split("\n").length;
    };
    let table: string[] = [];
    for (let i = 0; i < 30; i++) {
      const kind = random(5);
      if (kind === 0) add("# comment [x] a = 1");
      if (kind === 1) {
        table = [`t${i}`, "quoted.name"];
        expected.push([table, line]);
        add(`[t${i}."quoted.name"]`);
      }
      const key = random(2) === 0 ? [`k${i}`] : [`k${i}`, "d d"];
      expected.push([[...table, ...key], line]);
      add(
        `${key.map((k) => k.includes(" ") ? `"${k}"` : k).join(".")} = ${
          values[random(values.length)]
        }`,
      );
    }
    check(text, expected);
  }
});
