import assert from "node:assert/strict";
import { StanzaError } from "../../../lib/errors.ts";
import type { Element } from "../../../lib/xml/element.ts";
import { xml } from "../../../lib/xml/element.ts";
import type { Field } from "../../../lib/formats/form.ts";
import { answers, form, readForm } from "../../../lib/formats/form.ts";

const NS = "jabber:x:data";
const BOT = [
  { type: "fixed", value: "Section 1: Bot Info" },
  { var: "botname", type: "text-single", label: "The name of your bot", required: true },
  { var: "description", type: "text-multi" },
  { var: "public", type: "boolean" },
  { var: "password", type: "text-private" },
  {
    var: "features",
    type: "list-multi",
    options: [{ value: "news", label: "News" }, { value: "search", label: "Search" }],
  },
  {
    var: "maxsubs",
    type: "list-single",
    options: [{ value: "20" }, { value: "none" }],
    value: "20",
  },
  { var: "owner", type: "jid-single" },
  { var: "invitelist", type: "jid-multi", desc: "Tell all your friends about your new bot!" },
] as const satisfies readonly Field[];

function field(name: string | undefined, ...values: string[]): Element {
  return xml("field", NS, { var: name }, ...values.map((v) => xml("value", NS, {}, v)));
}

function submission(...fields: Element[]): Element {
  return xml("x", NS, { type: "submit" }, ...fields);
}

function refuses(condition: string, text: RegExp, f: () => unknown): void {
  assert.throws(f, (e) => {
    assert.ok(e instanceof StanzaError);
    assert.equal(e.condition, condition);
    assert.match(e.text ?? "", text);
    return true;
  });
}

Deno.test("a form is built in the order given, with FORM_TYPE first", () => {
  const x = form({
    type: "form",
    formType: "jabber:bot",
    title: "Bot Configuration",
    instructions: "Fill out this form to configure your new bot!",
    fields: [
      { type: "fixed", value: "Section 1" },
      { var: "botname", type: "text-single", label: "Name", required: true },
      { var: "public", type: "boolean", value: true },
      { var: "description", type: "text-multi", value: "one\r\ntwo\nthree" },
      {
        var: "maxsubs",
        type: "list-single",
        value: "20",
        options: [{ value: "20", label: "twenty" }],
      },
      { var: "invitelist", type: "jid-multi", desc: "Friends", value: ["a@b", "c@d"] },
    ],
  });
  assert.equal(
    x.toString(),
    "<x xmlns='jabber:x:data' type='form'><title>Bot Configuration</title>" +
      "<instructions>Fill out this form to configure your new bot!</instructions>" +
      "<field var='FORM_TYPE' type='hidden'><value>jabber:bot</value></field>" +
      "<field type='fixed'><value>Section 1</value></field>" +
      "<field var='botname' type='text-single' label='Name'><required/></field>" +
      "<field var='public' type='boolean'><value>1</value></field>" +
      "<field var='description' type='text-multi'><value>one</value><value>two</value>" +
      "<value>three</value></field>" +
      "<field var='maxsubs' type='list-single'><value>20</value>" +
      "<option label='twenty'><value>20</value></option></field>" +
      "<field var='invitelist' type='jid-multi'><desc>Friends</desc><value>a@b</value>" +
      "<value>c@d</value></field></x>",
  );
});

Deno.test("a table of results has its columns first and every column in every row", () => {
  const x = form({
    type: "result",
    table: {
      columns: [{ var: "name", label: "Name", type: "text-single" }, { var: "url" }],
      rows: [{ name: "Comune", url: "http://a" }, { name: "Silence" }],
    },
  });
  assert.equal(
    x.toString(),
    "<x xmlns='jabber:x:data' type='result'><reported>" +
      "<field var='name' label='Name' type='text-single'/><field var='url'/></reported>" +
      "<item><field var='name'><value>Comune</value></field>" +
      "<field var='url'><value>http://a</value></field></item>" +
      "<item><field var='name'><value>Silence</value></field>" +
      "<field var='url'><value/></field></item></x>",
  );
  assert.deepEqual(
    readForm(x).rows.map((row) => [...row]),
    [[["name", ["Comune"]], ["url", ["http://a"]]], [["name", ["Silence"]], ["url", [""]]]],
  );
});

Deno.test("a form that would be invalid is a fault of its builder", () => {
  const twice = { var: "a", type: "text-single" } as const;
  assert.throws(() => form({ type: "form", fields: [twice, twice] }), /two fields named a/);
  assert.throws(
    () => form({ type: "form", formType: "x", fields: [{ var: "FORM_TYPE", type: "hidden" }] }),
    /FORM_TYPE/,
  );
  const options = [{ value: "1" }, { value: "1" }];
  assert.throws(
    () => form({ type: "form", fields: [{ var: "a", type: "list-single", options }] }),
    /option twice/,
  );
  assert.throws(() => form({ type: "form", table: { columns: [], rows: [] } }), /table/);
});

Deno.test("what was built is read again", () => {
  const read = readForm(form({ type: "form", formType: "jabber:bot", title: "T", fields: BOT }));
  assert.equal(read.type, "form");
  assert.equal(read.formType, "jabber:bot");
  assert.equal(read.title, "T");
  assert.deepEqual([...read.fields.keys()], BOT.slice(1).map((f) => (f as { var: string }).var));
  assert.deepEqual(read.fields.get("botname"), {
    type: "text-single",
    label: "The name of your bot",
    required: true,
    values: [],
    options: [],
  });
  assert.deepEqual(read.fields.get("maxsubs")?.values, ["20"]);
});

Deno.test("XEP-0068 §4: FORM_TYPE counts when hidden, or in a submission", () => {
  const typed = (type: string, fieldType?: string) =>
    readForm(xml(
      "x",
      NS,
      { type },
      xml("field", NS, { var: "FORM_TYPE", type: fieldType }, xml("value", NS, {}, "f")),
    )).formType;
  assert.equal(typed("form", "hidden"), "f");
  assert.equal(typed("result", "text-single"), undefined);
  assert.equal(typed("result"), undefined);
  assert.equal(typed("submit"), "f");
  assert.equal(typed("submit", "text-single"), "f");
});

Deno.test("forms that are none are refused as malformed", () => {
  refuses("bad-request", /no data form/, () => readForm(xml("x", "jabber:x:oob")));
  refuses("bad-request", /absent/, () => readForm(xml("x", NS)));
  refuses("bad-request", /"error"/, () => readForm(xml("x", NS, { type: "error" })));
  refuses("bad-request", /field a .* twice/, () => readForm(submission(field("a"), field("a"))));
  refuses(
    "bad-request",
    /no name/,
    () => readForm(submission(xml("field", NS, { type: "text-single" }))),
  );
  refuses(
    "bad-request",
    /option of the field a/,
    () => readForm(submission(xml("field", NS, { var: "a" }, xml("option", NS)))),
  );
});

Deno.test("an unknown field type is text-single", () => {
  const read = readForm(submission(xml("field", NS, { var: "a", type: "colour" })));
  assert.equal(read.fields.get("a")?.type, "text-single");
});

Deno.test("XEP-0004 example 3: a submission is read into typed answers", () => {
  const found = answers(
    readForm(submission(
      field("FORM_TYPE", "jabber:bot"),
      field("botname", "The Jabber Google Bot"),
      field("description", "one", "two"),
      field("public", "0"),
      field("features", "news", "search", "news"),
      field("maxsubs", "none"),
      field("owner", "Romeo@Montague.net/home"),
      field("invitelist", "juliet@capulet.com", "JULIET@capulet.com", "benvolio@montague.net"),
      field("unknown", "ignored"),
    )),
    BOT,
    "jabber:bot",
  );
  // The types are inferred from the fields.
  const name: string | undefined = found.botname;
  const isPublic: boolean | undefined = found.public;
  const invited: readonly string[] | undefined = found.invitelist;
  assert.equal(name, "The Jabber Google Bot");
  assert.equal(isPublic, false);
  assert.deepEqual(invited, ["juliet@capulet.com", "benvolio@montague.net"]);
  assert.deepEqual(found, {
    botname: "The Jabber Google Bot",
    description: "one\ntwo",
    public: false,
    features: ["news", "search"],
    maxsubs: "none",
    owner: "romeo@montague.net/home",
    invitelist: ["juliet@capulet.com", "benvolio@montague.net"],
  });
});

Deno.test("XEP-0004 §3.6: fields can be emptied", () => {
  const empty = (...values: string[]) =>
    answers(
      readForm(submission(
        field("botname", "b"),
        ...["description", "public", "features", "maxsubs", "owner", "invitelist"].map((n) =>
          n === "features" ? field(n) : field(n, ...values)
        ),
      )),
      BOT,
    );
  const expected = {
    botname: "b",
    description: "",
    public: false,
    features: [],
    maxsubs: "",
    owner: "",
    invitelist: [],
  };
  assert.deepEqual(empty(), expected);
  assert.deepEqual(empty(""), expected);
});

Deno.test("XEP-0004 §4: invalid values are not acceptable, and named", () => {
  const submit = (...fields: Element[]) => () => answers(readForm(submission(...fields)), BOT);
  const named = field("botname", "b");
  refuses("not-acceptable", /^botname: .*required/, submit());
  refuses("not-acceptable", /^botname: .*required/, submit(field("botname")));
  refuses("not-acceptable", /^botname: .*required/, submit(field("botname", "")));
  refuses("not-acceptable", /^botname: only one/, submit(field("botname", "a", "b")));
  refuses("not-acceptable", /^public: "yes"/, submit(named, field("public", "yes")));
  refuses("not-acceptable", /^maxsubs: "21"/, submit(named, field("maxsubs", "21")));
  refuses("not-acceptable", /^features: "x"/, submit(named, field("features", "news", "x")));
  refuses("not-acceptable", /^owner: "a@@b"/, submit(named, field("owner", "a@@b")));
  refuses("not-acceptable", /^invitelist: "@"/, submit(named, field("invitelist", "a@b", "@")));
});

Deno.test("a submission must be one, of the right form", () => {
  refuses(
    "bad-request",
    /submit, not result/,
    () => answers(readForm(form({ type: "result" })), BOT),
  );
  const other = readForm(submission(field("FORM_TYPE", "jabber:other"), field("botname", "b")));
  refuses("bad-request", /jabber:bot, not "jabber:other"/, () => answers(other, BOT, "jabber:bot"));
  assert.deepEqual(answers(readForm(submission(field("botname", "b"))), BOT, "jabber:bot"), {
    botname: "b",
  });
});

Deno.test("XEP-0122: a field for a whole number says so", () => {
  const built = (validate: { datatype: "xs:integer"; min?: number; max?: number }) =>
    form({ type: "form", fields: [{ var: "n", type: "text-single", value: "5", validate }] })
      .first()!.toString();
  const field = (method: string) =>
    `<field xmlns='${NS}' var='n' type='text-single'>` +
    "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:integer'>" +
    `${method}</validate><value>5</value></field>`;
  assert.equal(
    built({ datatype: "xs:integer", min: 0, max: 3600 }),
    field("<range min='0' max='3600'/>"),
  );
  assert.equal(built({ datatype: "xs:integer", min: -1 }), field("<range min='-1'/>"));
  assert.equal(built({ datatype: "xs:integer", max: 10 }), field("<range max='10'/>"));
  assert.equal(built({ datatype: "xs:integer" }), field("<basic/>"));
});

Deno.test("XEP-0122 §4.4: what is no whole number of the range is not acceptable", () => {
  const fields = [
    { var: "wait", type: "text-single", validate: { datatype: "xs:integer", min: 0, max: 3600 } },
    { var: "any", type: "text-single", validate: { datatype: "xs:integer" } },
  ] as const satisfies readonly Field[];
  const read = (name: "wait" | "any", text: string) =>
    answers(readForm(submission(field(name, text))), fields)[name];
  for (const [text, number] of [["0", "0"], ["3600", "3600"], [" +007 ", "7"], ["-0", "0"]]) {
    assert.equal(read("wait", text!), number, text);
  }
  assert.equal(read("any", "-12"), "-12");
  // It was emptied (XEP-0004 §3.6).
  assert.equal(read("wait", ""), "");
  refuses("not-acceptable", /^wait: -1 is less than 0/, () => read("wait", "-1"));
  refuses("not-acceptable", /^wait: 3601 is more than 3600/, () => read("wait", "3601"));
  for (
    const text of ["x", "1.5", "1e3", "0x10", "1 2", "--1", "+", " ", "\u0663", "9".repeat(400)]
  ) {
    refuses("not-acceptable", /^any: .* no whole number/, () => read("any", text));
  }
});
