import assert from "node:assert/strict";
import { StanzaError } from "../../../lib/errors.ts";
import {
  finElement,
  MAM_NS,
  metadataElement,
  queryForm,
  readQuery,
  resultWriter,
} from "../../../lib/formats/mam.ts";
import { readForm } from "../../../lib/formats/form.ts";
import { parseJid } from "../../../lib/jid.ts";
import { parseXml } from "../../../lib/xml/parser.ts";

const FULL = { fullText: true };

function query(inner: string, attrs = ""): ReturnType<typeof parseXml> {
  return parseXml(`<query xmlns='${MAM_NS}' ${attrs}>${inner}</query>`);
}

function form(...fields: [name: string, ...values: string[]][]): string {
  const all: [string, ...string[]][] = [["FORM_TYPE", MAM_NS], ...fields];
  const texts = all.map(([name, ...values]) =>
    `<field var='${name}'>${values.map((v) => `<value>${v}</value>`).join("")}</field>`
  );
  return `<x xmlns='jabber:x:data' type='submit'>${texts.join("")}</x>`;
}

Deno.test("a query without anything asks for everything", () => {
  assert.deepEqual(readQuery(query(""), FULL), {
    query: {},
    queryId: undefined,
    flipped: false,
  });
});

Deno.test("all that a query can say", () => {
  const set = "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set>";
  const fields = form(
    ["with", "Juliet@Capulet.lit/balcony"],
    ["start", "2010-06-07T00:00:00Z"],
    ["end", "2010-07-07T13:23:54.5+01:00"],
    ["after-id", "a"],
    ["before-id", "b"],
    ["ids", "x", "y", "x", ""],
    ["include-groupchat", "false"],
    ["{urn:xmpp:fulltext:0}fulltext", "Where arth thou"],
  );
  const read = readQuery(query(fields + set + "<flip-page/>", "queryid='f27'"), FULL);
  assert.deepEqual(read, {
    query: {
      with: parseJid("juliet@capulet.lit/balcony"),
      start: Date.UTC(2010, 5, 7),
      end: Date.UTC(2010, 6, 7, 12, 23, 54, 500),
      afterId: "a",
      beforeId: "b",
      ids: ["x", "y"],
      text: "Where arth thou",
      page: { max: 10, after: undefined, before: "", index: undefined },
    },
    queryId: "f27",
    flipped: true,
  });
});

Deno.test("empty fields say nothing", () => {
  const names = ["with", "start", "end", "after-id", "before-id", "ids", "include-groupchat"];
  const fields = form(...names.map((name): [string, string] => [name, ""]));
  assert.deepEqual(readQuery(query(fields), FULL).query, {});
});

Deno.test("a field that is not offered is refused", () => {
  const search = form(["{urn:xmpp:fulltext:0}fulltext", "x"]);
  for (
    const [fields, options] of [[search, { fullText: false }], [form(["withtext", "x"]), FULL]]
  ) {
    assert.throws(
      () => readQuery(query(fields as string), options as typeof FULL),
      (e) => e instanceof StanzaError && e.condition === "feature-not-implemented",
    );
  }
});

Deno.test("the form has what was asked for, and nothing is required", () => {
  const fields = (options: typeof FULL) => {
    const { type, formType, fields } = readForm(queryForm(options).first()!);
    assert.deepEqual([type, formType], ["form", MAM_NS]);
    assert.ok([...fields.values()].every((f) => !f.required));
    return [...fields.keys()];
  };
  const plain = ["with", "start", "end", "before-id", "after-id", "ids", "include-groupchat"];
  assert.deepEqual(fields({ fullText: false }), plain);
  assert.deepEqual(fields(FULL), [...plain, "{urn:xmpp:fulltext:0}fulltext"]);
});

Deno.test("a result is well-formed whatever is in it", () => {
  const owner = parseJid("ohara@example.org")!;
  const write = resultWriter(owner, parseJid("ohara@example.org/<x>")!, 'it\'s "<&>"');
  for (
    const xml of ["<message/>", "<message from='a@b' id='1'><body>&lt;hi&gt;</body></message>"]
  ) {
    const parsed = parseXml(write({ id: "id", stamp: Date.UTC(2026, 0), xml }));
    assert.equal(parsed.attrs.to, "ohara@example.org/<x>");
    const result = parsed.child("result", MAM_NS)!;
    assert.deepEqual({ ...result.attrs }, { queryid: 'it\'s "<&>"', id: "id" });
    const [delay, message] = result.first()!.elements();
    assert.equal(delay!.attrs.stamp, "2026-01-01T00:00:00.000Z");
    assert.equal(message!.ns, "jabber:client");
  }
});

Deno.test("the end of the results, and the ends of the archive", () => {
  const message = (id: string) => ({ id, stamp: 0, xml: "" });
  assert.equal(
    String(finElement({ messages: [message("a"), message("b")], complete: true, count: 2 })),
    `<fin xmlns='${MAM_NS}' complete='true'><set xmlns='http://jabber.org/protocol/rsm'>` +
      "<first>a</first><last>b</last><count>2</count></set></fin>",
  );
  assert.equal(
    String(finElement({ messages: [], complete: false })),
    `<fin xmlns='${MAM_NS}'><set xmlns='http://jabber.org/protocol/rsm'/></fin>`,
  );
  assert.equal(String(metadataElement("empty")), `<metadata xmlns='${MAM_NS}'/>`);
});
