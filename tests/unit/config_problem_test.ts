import assert from "node:assert/strict";
import {
  alternatives,
  editDistance,
  formatKey,
  formatProblem,
  nearest,
  show,
  unknownName,
} from "../../lib/config/problem.ts";

Deno.test("problem: one line that says where, what and why", () => {
  const p = { file: "server.toml", line: 41, key: "limits.depth", message: "is wrong" };
  assert.equal(formatProblem(p), "server.toml:41: limits.depth: is wrong");
  assert.equal(formatProblem({ ...p, column: 7, key: "" }), "server.toml:41:7: is wrong");
  assert.equal(formatProblem({ ...p, line: undefined, key: "" }), "server.toml: is wrong");
  assert.equal(formatProblem({ ...p, file: undefined, line: undefined }), "limits.depth: is wrong");
  assert.equal(
    formatProblem({ ...p, key: "a\x1b[2Jb\n", message: "\u202ex" }),
    "server.toml:41: a\\u001b[2Jb\\u000a: \\u202ex",
  );
});

Deno.test("problem: keys as TOML writes them", () => {
  assert.equal(formatKey(["hosts", "example.org", "limits"]), 'hosts."example.org".limits');
  assert.equal(formatKey(["listen", "c2s", 1, "port"]), "listen.c2s[1].port");
  assert.equal(formatKey(["", 'a"b']), '""."a\\"b"');
});

Deno.test("problem: values in short", () => {
  const values: [unknown, string][] = [
    ["lots", '"lots"'],
    ["a\nb", '"a\\nb"'],
    ["x".repeat(100), `"${"x".repeat(60)}..."`],
    [1.5, "1.5"],
    [false, "false"],
    [undefined, "nothing"],
    [[1], "a list"],
    [{}, "a table"],
    [new Date(), "a date"],
  ];
  for (const [value, shown] of values) assert.equal(show(value), shown);
});

Deno.test("problem: edit distance", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["a", "", 1],
    ["kitten", "sitting", 3],
    ["abcd", "abdc", 1],
    ["ca", "abc", 3],
    ["stanza_byts", "stanza_bytes", 1],
  ];
  for (const [a, b, distance] of cases) {
    assert.equal(editDistance(a, b), distance);
    assert.equal(editDistance(b, a), distance);
    assert.ok(editDistance(a, b, 2) >= Math.min(2, distance));
  }
});

Deno.test("problem: the nearest name, if it is near at all", () => {
  const names = ["stanza_bytes", "stanza_bytes_before_auth", "depth", "port", "tls"];
  assert.equal(nearest("stanza_byts", names), "stanza_bytes");
  assert.equal(nearest("stanza-bytes", names), "stanza_bytes");
  assert.equal(nearest("Port", names), "port");
  assert.equal(nearest("ports", names), "port");
  assert.equal(nearest("detph", names), "depth");
  assert.equal(nearest("xml", names), undefined);
  assert.equal(nearest("zzzzzzzz", names), undefined);
  assert.equal(unknownName("key", "tsl", names), 'unknown key; did you mean "tls"?');
  assert.equal(unknownName("key", "zzzz", names), "unknown key");
  assert.equal(unknownName("module", "zzzz", names, "so what"), "unknown module; so what");
});

Deno.test("problem: alternatives", () => {
  assert.equal(alternatives(["a"]), '"a"');
  assert.equal(alternatives(["a", "b"]), '"a" or "b"');
  assert.equal(alternatives(["a", "b", "c"]), '"a", "b" or "c"');
});
