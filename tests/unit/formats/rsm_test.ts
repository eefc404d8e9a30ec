import assert from "node:assert/strict";
import { StanzaError } from "../../../lib/errors.ts";
import { pageElement, pageOf, readPage, RSM_NS } from "../../../lib/formats/rsm.ts";
import { parseXml } from "../../../lib/xml/parser.ts";

const query = (set: string) =>
  parseXml(`<query xmlns='urn:example'><set xmlns='${RSM_NS}'>${set}</set></query>`);
const condition = (name: string) => (e: unknown) =>
  e instanceof StanzaError && e.condition === name;

Deno.test("no request, and requests of every kind", () => {
  assert.equal(readPage(parseXml("<query xmlns='urn:example'/>")), undefined);
  const none = { max: undefined, after: undefined, before: undefined, index: undefined };
  assert.deepEqual(readPage(query("<max>10</max>")), { ...none, max: 10 });
  assert.deepEqual(readPage(query("<max>0</max>")), { ...none, max: 0 });
  assert.deepEqual(readPage(query("<after>x</after>")), { ...none, after: "x" });
  assert.deepEqual(readPage(query("<before/>")), { ...none, before: "" });
  assert.deepEqual(readPage(query("<index>3</index>")), { ...none, index: 3 });
});

Deno.test("nonsense is bad-request", () => {
  for (
    const set of [
      "<max>-1</max>",
      "<max>1.5</max>",
      "<max/>",
      "<max>99999999999</max>",
      "<max>ten</max>",
      "<index>-1</index>",
      "<after>a</after><before>b</before>",
      "<after>a</after><index>1</index>",
    ]
  ) assert.throws(() => readPage(query(set)), condition("bad-request"), set);
});

const LIST = ["a", "b", "c", "d", "e"];
const page = (set: string | undefined, most = 10) => {
  const { items, set: answer } = pageOf(
    LIST,
    (x) => x,
    set === undefined ? undefined : readPage(query(set)),
    most,
  );
  return [items.join(""), answer?.toString()];
};
const answer = (first: string, index: number, last: string) =>
  pageElement({ first, firstIndex: index, last, count: 5 }).toString();

Deno.test("pages of a list in memory", () => {
  assert.deepEqual(page(undefined), ["abcde", undefined]);
  assert.deepEqual(page(undefined, 2), ["ab", answer("a", 0, "b")]);
  assert.deepEqual(page("<max>2</max>"), ["ab", answer("a", 0, "b")]);
  assert.deepEqual(page("<max>2</max><after>b</after>"), ["cd", answer("c", 2, "d")]);
  assert.deepEqual(page("<max>2</max><after>d</after>"), ["e", answer("e", 4, "e")]);
  assert.deepEqual(page("<max>2</max><before/>"), ["de", answer("d", 3, "e")]);
  assert.deepEqual(page("<max>2</max><before>d</before>"), ["bc", answer("b", 1, "c")]);
  assert.deepEqual(page("<max>9</max><before>c</before>"), ["ab", answer("a", 0, "b")]);
  assert.deepEqual(page("<max>2</max><index>3</index>"), ["de", answer("d", 3, "e")]);
  assert.deepEqual(page("<max>100</max>", 3), ["abc", answer("a", 0, "c")]);
  const count = pageElement({ count: 5 }).toString();
  for (const set of ["<max>0</max>", "<after>e</after>", "<before>a</before>"]) {
    assert.deepEqual(page(set), ["", count]);
  }
});

Deno.test("an item that is not there any more", () => {
  for (const set of ["<after>x</after>", "<before>x</before>", "<index>6</index>"]) {
    assert.throws(() => page(set), condition("item-not-found"));
  }
});
