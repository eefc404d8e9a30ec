import assert from "node:assert/strict";
import { parseXml } from "../../../lib/xml/parser.ts";
import { meaningOf, readList, toList, toPayload } from "../../../modules/bookmarks/convert.ts";

const native = (attrs: string, inner = "") =>
  parseXml(`<conference xmlns='urn:xmpp:bookmarks:1'${attrs}>${inner}</conference>`);
const list = (inner: string) => parseXml(`<storage xmlns='storage:bookmarks'>${inner}</storage>`);

Deno.test("bookmarks: items as a list (XEP-0402 §5.3.1)", () => {
  const payload = native(
    " name='The Play' autojoin='1'",
    "<nick>JC</nick><password>p</password><extensions><state xmlns='urn:x'><a/></state></extensions>",
  );
  const other = parseXml("<url xmlns='storage:bookmarks' url='https://a/'/>");
  assert.equal(
    toList([{ id: "play@c", payload }], [other]).toString(),
    "<storage xmlns='storage:bookmarks'><conference name='The Play' autojoin='1' jid='play@c'>" +
      "<nick>JC</nick><password>p</password>" +
      "<extensions><state xmlns='urn:x'><a/></state></extensions></conference>" +
      "<url url='https://a/'/></storage>",
  );
});

Deno.test("bookmarks: a list as items, and what is no room", () => {
  const { rooms, others } = readList(list(
    "<conference jid='A@C/me' name='1'/><conference jid='a@c' name='2'/><conference name='3'/>" +
      "<conference jid='@'/><url url='x'/><conference jid='d@c' xmlns='urn:x'/>",
  ));
  assert.deepEqual([...rooms.keys()], ["a@c"]);
  assert.equal(rooms.get("a@c")?.attrs.name, "1");
  assert.equal(others.length, 4);
});

Deno.test("bookmarks: extensions survive a list, and what clients put beside becomes one", () => {
  const before = native(
    "",
    "<extensions><state xmlns='urn:x' a='1'/><old xmlns='urn:y'/></extensions>",
  );
  const room = parseXml(
    "<conference xmlns='storage:bookmarks' jid='a@c' name='N'><nick>n</nick>" +
      "<old xmlns='urn:y'>new</old></conference>",
  );
  assert.equal(
    toPayload(room, before).toString(),
    "<conference xmlns='urn:xmpp:bookmarks:1' name='N'><nick>n</nick>" +
      "<extensions><state xmlns='urn:x' a='1'/><old xmlns='urn:y'>new</old></extensions></conference>",
  );
  assert.equal(toPayload(room, undefined).child("extensions")?.elements().length, 1);
});

Deno.test("bookmarks: what means the same", () => {
  const same = [
    native(" autojoin='1' name='a'"),
    native(" name='a' autojoin='true'", "\n<nick/> "),
  ];
  assert.equal(meaningOf(same[0]!), meaningOf(same[1]!));
  assert.equal(meaningOf(native("")), meaningOf(native(" autojoin='false' name=''")));
  for (
    const other of [native(" autojoin='1'"), native(" autojoin='1' name='a'", "<nick>x</nick>")]
  ) {
    assert.notEqual(meaningOf(other), meaningOf(same[0]!));
  }
});
