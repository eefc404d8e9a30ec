import assert from "node:assert/strict";
import {
  contentType,
  disposition,
  encodeName,
  essence,
  isShown,
  safeName,
} from "../../../../modules/http_upload/names.ts";
import { rangeOf } from "../../../../modules/http_upload/range.ts";

Deno.test("names: nothing but a name is left of them", () => {
  const cases: Record<string, string> = {
    "a.txt": "a.txt",
    "très cool.jpg": "très cool.jpg",
    "tre\u0300s.jpg": "très.jpg",
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "a\0.txt": "a.txt",
    "a\r\nX: y.txt": "aX_ y.txt",
    "photo\u202egpj.exe": "photogpj.exe",
    "\ufeff\u200ba.txt": "a.txt",
    ".htaccess": "htaccess",
    "...": "file",
    "": "file",
    "   ": "file",
    "a. ": "a",
    "nul": "_nul",
    "COM1.txt": "_COM1.txt",
    "console.txt": "console.txt",
    'a"b<c>d|e?f*g:h': "a_b_c_d_e_f_g_h",
    "\ud800x": "\ufffdx",
  };
  for (const [given, name] of Object.entries(cases)) assert.equal(safeName(given), name, given);
  const long = safeName("🌹".repeat(1000) + ".tar.gz");
  assert.match(long, /^(🌹)+\.gz$/u);
  assert.ok(new TextEncoder().encode(long).length <= 180);
  assert.ok(safeName("x." + "y".repeat(1000)).length <= 180);
  for (const given of [...Object.keys(cases), long]) {
    const name = safeName(given);
    assert.equal(safeName(name), name, "once is enough");
    const url = `https://h/${encodeName(name)}`;
    assert.equal(new URL(url).href, url);
    assert.equal(decodeURIComponent(encodeName(name)), name);
  }
});

Deno.test("Content-Disposition holds any name", () => {
  assert.equal(disposition("inline", "a.txt"), `inline; filename="a.txt"; filename*=UTF-8''a.txt`);
  assert.equal(
    disposition("attachment", 'ü"\\%41.txt'),
    `attachment; filename="____41.txt"; filename*=UTF-8''%C3%BC%22%5C%2541.txt`,
  );
});

Deno.test("content types: what may stand in a header", () => {
  for (const good of ["image/png", "text/plain; charset=utf-8", "application/vnd.x-y+json"]) {
    assert.equal(contentType(good), good);
  }
  for (const bad of ["", "image", "a/b\r\nX: y", "a/b; ü", "a b/c", "/x", "x/", "a/b, c/d"]) {
    assert.equal(contentType(bad), undefined, bad);
  }
  assert.equal(essence("Text/Plain; charset=utf-8"), "text/plain");
  assert.equal(isShown("IMAGE/PNG; x=y"), true);
  assert.equal(isShown("image/svg+xml"), false);
  assert.equal(isShown("text/html"), false);
});

Deno.test("ranges: of nothing, of one byte", () => {
  assert.equal(rangeOf("bytes=0-0", 0), "unsatisfiable");
  assert.equal(rangeOf("bytes=-1", 0), "unsatisfiable");
  assert.deepEqual(rangeOf("bytes=0-0", 1), { start: 0, end: 0 });
  assert.deepEqual(rangeOf("bytes=-5", 1), { start: 0, end: 0 });
  assert.equal(rangeOf(null, 1), undefined);
  assert.equal(rangeOf("bytes=1-99999999999999999999", 1), undefined);
});
