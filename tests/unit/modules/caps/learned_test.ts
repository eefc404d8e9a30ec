import assert from "node:assert/strict";
import type { Child } from "../../../../lib/xml/element.ts";
import { xml } from "../../../../lib/xml/element.ts";
import type { Announcement } from "../../../../modules/caps/learned.ts";
import { announcementIn, Cache, markIn, readAnswer } from "../../../../modules/caps/learned.ts";

const CAPS1 = "http://jabber.org/protocol/caps";
const CAPS2 = "urn:xmpp:caps";
const INFO = "http://jabber.org/protocol/disco#info";
const DATA = "jabber:x:data";

const presence = (...children: Child[]) => xml("presence", "jabber:client", {}, ...children);
const caps1 = (attrs: Record<string, string>) => xml("c", CAPS1, attrs);
const caps2 = (...hashes: [string, string][]) =>
  xml(
    "c",
    CAPS2,
    {},
    ...hashes.map(([algo, value]) => xml("hash", "urn:xmpp:hashes:2", { algo }, value)),
  );
const announced = (value: string): Announcement => ({
  version: 1,
  hash: "sha-1",
  value,
  node: `n#${value}`,
});

Deno.test("an announcement names the node to ask", () => {
  assert.deepEqual(
    announcementIn(presence(caps1({ hash: "sha-1", node: "http://exodus", ver: "x=" }))),
    {
      version: 1,
      hash: "sha-1",
      value: "x=",
      node: "http://exodus#x=",
    },
  );
  assert.deepEqual(announcementIn(presence(caps2(["sha-512", "b="], ["sha-256", "a="]))), {
    version: 2,
    hash: "sha-256",
    value: "a=",
    node: "urn:xmpp:caps#sha-256.a=",
  });
});

Deno.test("XEP-0390 is preferred, if its hash is known", () => {
  const old = caps1({ hash: "sha-1", node: "n", ver: "x=" });
  assert.equal(announcementIn(presence(old, caps2(["sha-256", "a="])))?.version, 2);
  assert.equal(announcementIn(presence(old, caps2(["md5", "a="])))?.version, 1);
  assert.equal(announcementIn(presence(caps2(["sha-1", "a="]))), undefined);
});

Deno.test("the legacy format and no capabilities announce nothing", () => {
  assert.equal(announcementIn(presence(caps1({ node: "n", ver: "0.9" }))), undefined);
  assert.equal(announcementIn(presence()), undefined);
  assert.equal(markIn(presence()), undefined);
});

const HONEST = xml(
  "query",
  INFO,
  {},
  xml("identity", INFO, { category: "client", type: "pc" }),
  xml("feature", INFO, { var: "a" }),
  xml("feature", INFO, { var: "b" }),
  xml("feature", INFO, { var: "c" }),
);
const VER = "8eGVtVqiANX4gspCArlsHx96/+U=";

Deno.test("an answer is verified by its hash", () => {
  const honest = readAnswer(HONEST, announced(VER));
  if (!honest.verified) throw new Error("hash of the test is wrong");
  assert.ok(["a", "b", "c"].every((f) => honest.features.has(f)));
  const other = readAnswer(HONEST, announced("AAAA"));
  assert.equal(other.verified, false);
  assert.deepEqual([...other.features], ["a", "b", "c"]);
  assert.equal(readAnswer(HONEST, { ...announced(VER), hash: "sha-0" }).verified, false);
});

Deno.test("XEP-0115 §9.3: an answer of another shape with the same hash changes no feature", () => {
  const poisoned = xml(
    "query",
    INFO,
    {},
    xml("identity", INFO, { category: "client", type: "pc" }),
    // The features b and c are hidden in a form, which gives the same string.
    xml("feature", INFO, { var: "a" }),
    xml(
      "x",
      DATA,
      { type: "result" },
      xml("field", DATA, { var: "FORM_TYPE", type: "hidden" }, xml("value", DATA, {}, "b")),
      xml("field", DATA, { var: "c" }),
    ),
  );
  const answer = readAnswer(poisoned, announced(VER));
  assert.equal(answer.verified, true);
  assert.deepEqual([...answer.features], [...readAnswer(HONEST, announced(VER)).features]);
});

Deno.test("the cache is bounded and forgets the least recently announced", () => {
  const cache = new Cache<string>(2);
  const [a, b] = [cache.entry(announced("a")), cache.entry(announced("b"))];
  assert.equal(cache.entry(announced("a")), a);
  cache.entry(announced("c"));
  assert.equal(cache.count, 2);
  assert.equal(cache.entry(announced("a")), a);
  assert.notEqual(cache.entry(announced("b")), b);
});

Deno.test("the cache keeps what is being asked, and drops what came to nothing", () => {
  const cache = new Cache<string>(2);
  const a = cache.entry(announced("a"));
  a.asked = "somebody";
  cache.entry(announced("b"));
  cache.entry(announced("c"));
  assert.equal(cache.entry(announced("a")), a);
  cache.drop(a);
  assert.notEqual(cache.entry(announced("a")), a);
});
