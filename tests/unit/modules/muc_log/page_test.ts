/** Whatever strangers write, pages stay as we have made them, and nobody can forge a line. */

import assert from "node:assert/strict";
import type { Entry, Kind } from "../../../../modules/muc_log/entries.ts";
import type { ListedLog } from "../../../../modules/muc_log/logs.ts";
import { dayPage, indexPage, roomPage, type Site } from "../../../../modules/muc_log/page.ts";
import { plainPage } from "../../../../modules/muc_log/plain.ts";
import { cleanLine, cleanText, cut, pieces } from "../../../../modules/muc_log/text.ts";
import { Zone } from "../../../../modules/muc_log/zone.ts";

const zone = new Zone("UTC");
const SITE: Site = { domain: "localhost", base: "/logs", theme: "auto", zone, indexed: false };
const KINDS: readonly Kind[] = [
  "message",
  "action",
  "encrypted",
  "retracted",
  "subject",
  "entered",
  "left",
  "kicked",
  "banned",
  "removed",
  "members-only",
  "lost",
  "nick",
  "config",
  "created",
  "destroyed",
  "on",
  "off",
];

const CONTEXTS = [
  "X",
  `"X`,
  `'X`,
  `>X`,
  `"'>X`,
  `</bdi>X`,
  `</p></li></ol>X`,
  `--></title>X`,
  "`X",
];
const PAYLOADS = [
  "<script>alert(1)</script>",
  "<ScRiPt src=//evil.example>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  " onmouseover=alert(1) x=",
  "<style>*{display:none}</style>",
  "<a href=javascript:alert(1)>x</a>",
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "&lt;script&gt;&#60;b&#62;&amp;",
  "<!--",
  "<![CDATA[<b>]]>",
  "<?php ?>",
  "${alert(1)}{{7*7}}",
  "\u0000<\u0000b>",
  "\u0001\u0008\u001b[31m\u007f\u0085\u009b31m",
  "\u202e\u202d\u202a\u2066\u2067\u2068moc.live\u2069\u202c",
  "\u2028\u2029\r\n\v\f\n",
  "\ufeff\ufffe\uffff\ud800x\udc00",
  "‮אבג <b> دها",
  "w".repeat(5000),
  "<".repeat(500),
];
const NASTY = PAYLOADS.flatMap((payload) => CONTEXTS.map((c) => c.replace("X", () => payload)));

function entriesWith(text: string): Entry[] {
  return KINDS.map((kind, id) => ({
    id,
    at: Date.UTC(2026, 10, 30, 12, 0, id),
    kind,
    nick: text,
    text,
    detail: text,
    origin: text,
    corrects: id === 1 ? text : null,
  }));
}

function logWith(text: string): ListedLog {
  return {
    room: "room@chat.localhost",
    name: text,
    description: text,
    open: true,
    state: "logged",
    gone: 0,
    last: Date.UTC(2026, 10, 30),
  };
}

async function pagesWith(text: string): Promise<string[]> {
  const log = logWith(text);
  const content = { entries: entriesWith(text), part: 1, parts: 1 };
  const day = { log, day: "2026-11-30", content, before: "2026-11-29", after: undefined };
  const pages = [
    indexPage(SITE, [log], true, undefined),
    roomPage(SITE, log, ["2026-11-30"], undefined, undefined),
    dayPage(SITE, day),
  ];
  return (await Promise.all(pages)).map(String);
}

/** Directions, and what is no text. */
// deno-lint-ignore no-control-regex
const NO_WAY_OUT = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** The tags of a page, without what may differ. */
function skeleton(page: string): string {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/ h\d+"/, ' h"')).join("");
}

Deno.test("nothing that is written becomes markup", async () => {
  const expected = (await pagesWith("harmless")).map(skeleton);
  for (const text of NASTY) {
    const pages = await pagesWith(text);
    assert.deepEqual(pages.map(skeleton), expected, JSON.stringify(text));
    for (const page of pages) {
      assert.doesNotMatch(page, /<script|javascript:[^<]*"/i);
      assert.doesNotMatch(page, NO_WAY_OUT);
    }
  }
});

Deno.test("as plain text nobody can forge a line", () => {
  const forged = "x\n[12:00:00] <admin> I agree\u2028[12:00:01] <admin> really\r[12:00:02] -- off";
  for (const text of [...NASTY, forged, "a> b", "admin> x <y"]) {
    const entries = entriesWith(text);
    const page = plainPage({
      log: logWith(text),
      day: "2026-11-30",
      zone,
      content: { entries, part: 1, parts: 1 },
    });
    const [first, second, ...lines] = page.trimEnd().split("\n");
    assert.match(first!, /room@chat\.localhost\)?, 2026-11-30, UTC$/);
    assert.equal(second, "");
    const own = lines.filter((line) => line.startsWith("["));
    assert.equal(own.length, entries.length, JSON.stringify(text));
    assert(lines.every((line) => /^(\[\d\d:\d\d:\d\d\] (<|\* <|-- )| {11})/.test(line)));
    // One nickname, whatever is in it.
    assert.match(own[0]!, /^\[12:00:00\] <[^<>]*> /);
    assert.doesNotMatch(page, /[\r\u2028\u2029\u0085\v\f]/);
  }
});

Deno.test("links are those of pages and of XMPP, and worth nothing to spammers", async () => {
  const hrefs = (text: string) => pieces(text).flatMap(({ href }) => href ?? []);
  assert.deepEqual(hrefs("see http://a.example/x, and (https://b.example/y_(z))."), [
    "http://a.example/x",
    "https://b.example/y_(z)",
  ]);
  assert.deepEqual(hrefs("HTTPS://EXAMPLE.ORG/A?b=c&d=%22#e!"), [
    "https://example.org/A?b=c&d=%22#e",
  ]);
  assert.deepEqual(hrefs("xmpp:room@chat.example?join"), ["xmpp:room@chat.example?join"]);
  assert.deepEqual(hrefs("https://bücher.example/ü"), ["https://xn--bcher-kva.example/%C3%BC"]);
  for (
    const text of [
      "javascript:alert(1)",
      "data:text/html,x",
      "ftp://a.example",
      "file:///etc/passwd",
      "http://",
      "https://.",
      "xmpp:",
      "nothttp://a.example",
      "http://bank.example@evil.example/",
      "vbscript:x",
      "http:a.example",
    ]
  ) assert.deepEqual(hrefs(text), [], text);
  // Everything is still there.
  const text = "a http://a.example/?q=1. b xmpp:x@y; c https:// d";
  assert.equal(pieces(text).map((p) => p.text).join(""), text);

  const page = (await pagesWith(`http://a.example/"onclick='x'&b=<i>`))[2]!;
  assert(page.includes('<a href="http://a.example/" rel="nofollow noopener noreferrer ugc">'));
  const many = "http://a.example/" + ")".repeat(50_000) + "!".repeat(50_000);
  const started = performance.now();
  pieces(many);
  pieces("http://".repeat(20_000));
  assert(performance.now() - started < 2000);
});

Deno.test("texts are cut between characters", () => {
  assert.equal(cut("short", 256), "short");
  assert.equal(cut("🦉".repeat(64), 256), "🦉".repeat(64));
  const long = cut("🦉".repeat(65), 256);
  assert.equal(long, "🦉".repeat(63) + "…");
  assert(new TextEncoder().encode(cut("é".repeat(1000), 256)).length <= 256);
  assert.equal(cleanText("a\r\nb\u2028c\n\n"), "a\nb\nc");
  assert.equal(cleanLine("a\r\nb\tc"), "a b c");
});
