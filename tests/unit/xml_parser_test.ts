import assert from "node:assert/strict";
import { type Attributes, Element, type Node, toXml } from "../../lib/xml/element.ts";
import {
  defaultXmlLimits,
  parseXml,
  STREAM_END,
  StreamHeader,
  StreamParser,
  type XmlEvent,
  type XmlLimits,
} from "../../lib/xml/parser.ts";
import {
  CLOSE,
  condition,
  drain,
  OPEN,
  parse,
  refused,
  seen,
  shape,
  stanza,
  STREAMS,
  utf8,
} from "./xml_helpers.ts";

// Events

Deno.test("a stream gives its header, its stanzas and its end", () => {
  const [header, message, end, ...more] = parse(
    `<?xml version='1.0'?>\n${OPEN}\n <message type='chat'><body>Hi</body></message> ${CLOSE}\n`,
  );
  assert.ok(header instanceof StreamHeader);
  assert.equal(header.name, "stream");
  assert.equal(header.prefix, "stream");
  assert.equal(header.ns, STREAMS);
  assert.equal(header.defaultNs, "jabber:client");
  assert.deepEqual({ ...header.attrs }, { to: "example.org" });
  assert.deepEqual(header.declaration, { version: "1.0", encoding: undefined });
  assert.ok(message instanceof Element);
  assert.ok(message.is("message", "jabber:client"));
  assert.equal(message.childText("body"), "Hi");
  assert.equal(end, STREAM_END);
  assert.deepEqual(more, []);
});

Deno.test("stanzas are made by the given type, complete", () => {
  class Stanza extends Element {
    readonly many: number;
    constructor(name: string, ns: string, attrs: Attributes, children: Node[]) {
      super(name, ns, attrs, children);
      this.many = children.length;
    }
  }
  const parser = new StreamParser(defaultXmlLimits, Stanza);
  parser.push(utf8(OPEN + "<iq><a/><b/></iq>"));
  const [, iq] = drain(parser);
  assert.ok(iq instanceof Stanza);
  assert.equal(iq.many, 2);
  assert.ok(!(iq.children[0] instanceof Stanza));
});

Deno.test("a header in the prefix-free style, and one that ends the stream at once", () => {
  const [header, features] = parse(
    `<stream xmlns='${STREAMS}'><message xmlns='jabber:client'/>`,
  ) as [StreamHeader, Element];
  assert.equal(header.prefix, "");
  assert.equal(header.defaultNs, STREAMS);
  assert.ok(features.is("message", "jabber:client"));
  const [empty, end] = parse(`<s:s xmlns:s='urn:s'/>`);
  assert.equal((empty as StreamHeader).defaultNs, "");
  assert.equal(end, STREAM_END);
});

const VARIED = "<?xml version='1.0' encoding=\"UTF-8\"?>\r\n" +
  `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAMS}' xml:lang='dé'>\n\n` +
  "<message to='a@b' from=\"c&amp;d\"><body>é€😀 &lt;&#x1F600;]]&gt;\r\nx</body>" +
  "<x xmlns='urn:x' xmlns:p='urn:p'><p:y p:z='1' z='2'/><![CDATA[<&]] >]]]]></x></message>" +
  " \t<presence/><stream:features><a xmlns='urn:a'/></stream:features>" +
  "<iq type = 'get'\n id\t=\r\n'\"'  ><名 前='𐀀'></名 ></iq>" +
  `<message><body>></body></message>${CLOSE} \n`;

Deno.test("where the input is cut makes no difference", () => {
  const input = utf8(VARIED);
  const want = seen(parse(input));
  assert.equal((want as unknown[]).length, 7);
  for (let at = 1; at < input.length; at++) {
    const parser = new StreamParser(defaultXmlLimits);
    // One buffer for all reads: nothing may refer to it after push.
    const shared = new Uint8Array(input.length);
    const events: XmlEvent[] = [];
    for (const piece of [input.subarray(0, at), input.subarray(at)]) {
      shared.set(piece);
      parser.push(shared.subarray(0, piece.length));
      shared.fill(0x3e);
      events.push(...drain(parser));
    }
    assert.deepEqual(seen(events), want, `cut at ${at}`);
    assert.equal(parser.buffered, 0);
  }
  for (const size of [1, 2, 3, 7]) {
    const parser = new StreamParser(defaultXmlLimits);
    const events: XmlEvent[] = [];
    for (let at = 0; at < input.length; at += size) {
      parser.push(input.slice(at, at + size));
      events.push(...drain(parser));
    }
    assert.deepEqual(seen(events), want, `pieces of ${size}`);
  }
});

Deno.test("input may pile up while the caller does not ask", () => {
  const parser = new StreamParser(defaultXmlLimits);
  for (const b of utf8(VARIED)) parser.push(Uint8Array.of(b));
  assert.equal(parser.buffered, VARIED.length);
  assert.deepEqual(seen(drain(parser)), seen(parse(VARIED)));
});

Deno.test("nothing is held between stanzas, and white space leaves nothing", () => {
  const parser = new StreamParser({ ...defaultXmlLimits, stanzaBytes: 100 });
  parser.push(utf8("<s xmlns='jabber:client'>"));
  drain(parser);
  for (let i = 0; i < 1000; i++) {
    parser.push(utf8(" \n\t\r"));
    assert.equal(parser.next(), undefined);
    assert.equal(parser.buffered, 0);
  }
  parser.push(utf8(" ".repeat(1000) + `<a b='${"c".repeat(80)}'/>`));
  assert.equal(drain(parser).length, 1);
  assert.equal(parser.buffered, 0);
});

Deno.test("a stanza that dribbles in costs no more than its length", () => {
  const input = utf8(
    OPEN + "<message><body>" + "Über den Wolken ".repeat(6000) + "</body>" +
      "<x xmlns='urn:x' a='1'>y</x>".repeat(3500) + "</message>",
  );
  assert.ok(input.length > 190_000);
  const parser = new StreamParser(defaultXmlLimits);
  const events: XmlEvent[] = [];
  const start = performance.now();
  for (const b of input) {
    parser.push(Uint8Array.of(b));
    const e = parser.next();
    if (e !== undefined) events.push(e);
  }
  const took = performance.now() - start;
  assert.equal(events.length, 2);
  assert.equal((events[1] as Element).children.length, 3501);
  // About 0.1 s here; parsing anew for every byte would take hours.
  assert.ok(took < 3000, `${took} ms`);
});

// Documents one after another

Deno.test("reset awaits a new document; what was sent ahead is kept or discarded", () => {
  const next = `<?xml version='1.0'?>${OPEN}<a/>`;
  for (const cut of [0, 1, 5, 30, next.length]) {
    const parser = new StreamParser(defaultXmlLimits);
    parser.push(utf8(`<?xml version='1.0'?>${OPEN}<auth/>\n` + next.slice(0, cut)));
    parser.next();
    assert.equal((parser.next() as Element).name, "auth");
    parser.reset(false);
    const events = drain(parser);
    parser.push(utf8(next.slice(cut)));
    events.push(...drain(parser));
    assert.equal(events.length, 2);
    assert.ok(events[0] instanceof StreamHeader);
    assert.equal(events[0].declaration?.version, "1.0");
  }

  const parser = new StreamParser(defaultXmlLimits);
  parser.push(utf8(`${OPEN}<starttls/><iq>injected</iq><iq`));
  parser.next();
  parser.next();
  parser.reset(true);
  assert.equal(parser.buffered, 0);
  parser.push(utf8(next));
  assert.equal(drain(parser).length, 2);
});

Deno.test("the old header's prefixes and namespace do not reach into the new document", () => {
  const parser = new StreamParser(defaultXmlLimits);
  parser.push(utf8(OPEN));
  drain(parser);
  parser.reset(false);
  parser.push(utf8("<s>"));
  assert.equal((parser.next() as StreamHeader).ns, "");
  parser.push(utf8("<stream:features/>"));
  assert.equal(condition(() => parser.next()), "not-well-formed");
});

Deno.test("after an error the parser is dead", () => {
  const parser = new StreamParser(defaultXmlLimits);
  parser.push(utf8(OPEN + "<a/><b>&x;</b><c/>"));
  assert.ok(parser.next() instanceof StreamHeader);
  assert.equal((parser.next() as Element).name, "a");
  assert.equal(condition(() => parser.next()), "restricted-xml");
  parser.push(utf8("<d/>"));
  assert.equal(parser.buffered, 0);
  assert.equal(condition(() => parser.next()), "restricted-xml");
});

// Limits

Deno.test("limits are policy-violation", () => {
  const limits: XmlLimits = { stanzaBytes: 120, depth: 3, attributes: 4, children: 5 };
  const ok = (text: string) => assert.ok(stanza(text, limits), text);
  const bad = (text: string) => refused("policy-violation", OPEN + text, limits);
  const filled = (size: number) => `<a>${"x".repeat(size - 7)}</a>`;
  ok(filled(120));
  bad(filled(121));
  bad("<a>" + "x".repeat(200));
  ok(`<a>${"é".repeat(56)}</a>`);
  bad(`<a>${"é".repeat(57)}</a>`);
  ok(`<a>${"€".repeat(37)}</a>`);
  bad(`<a>${"€".repeat(38)}</a>`);
  ok(`<a>${"😀".repeat(28)}</a>`);
  bad(`<a>${"😀".repeat(29)}</a>`);
  ok("<a><b><c/></b></a>");
  bad("<a><b><c><d/></c></b></a>");
  ok("<a b='' c='' d='' e=''/>");
  bad("<a b='' c='' d='' e='' f=''/>");
  bad("<a xmlns:b='u' xmlns:c='u' xmlns:d='u' xmlns:e='u' xmlns='u'/>");
  ok("<a><b/><b/><b/><b/></a>");
  bad("<a><b/><b/><b/><b/><b/></a>");
  refused("policy-violation", `<s a='${"x".repeat(120)}'>`, limits);
  refused("policy-violation", `<?xml version='1.0'${" ".repeat(120)}?>`, limits);
  // Ended or not, a stanza beyond the limit is not waited for.
  refused("policy-violation", OPEN + "<a b='" + "x".repeat(120), limits);
});

Deno.test("limits may be raised on the way", () => {
  const parser = new StreamParser({ ...defaultXmlLimits, stanzaBytes: 110 });
  parser.push(utf8(OPEN));
  drain(parser);
  parser.limits = defaultXmlLimits;
  parser.push(utf8(`<a>${"x".repeat(1000)}`));
  assert.deepEqual(drain(parser), []);
  parser.push(utf8("</a>"));
  assert.equal(drain(parser).length, 1);
});

Deno.test("hostile stanzas of full size are judged quickly", () => {
  const size = defaultXmlLimits.stanzaBytes - 100;
  const many = (text: string, less = 0) => text.repeat(Math.floor((size - less) / text.length));
  const scopes = Array.from(
    { length: 60 },
    (_, d) => `<a ${Array.from({ length: 60 }, (_, i) => `xmlns:p${d}-${i}='u'`).join(" ")}>`,
  ).join("");
  for (
    const text of [
      `<a>${many("]")}</a>`,
      `<a>${many("&amp;")}</a>`,
      `<a>${many("\r")}</a>`,
      `<a b='${many("\t")}'/>`,
      `<a b='${many("&#9;")}'/>`,
      `<a>${many("<![CDATA[]]>")}</a>`,
      `<a>${many("<")}`,
      `<a>${many("<a>")}`,
      `<a ${many("b:c='' ")}`,
      many("<a:"),
      "<a>" + many("&"),
      scopes + many("<p0-0:b p0-1:c=''/>", scopes.length + 300) + "</a>".repeat(60),
    ]
  ) {
    const start = performance.now();
    condition(() => parse(OPEN + text));
    const took = performance.now() - start;
    assert.ok(took < 1000, `${text.slice(0, 20)}: ${took} ms`);
  }
});

// Source text

Deno.test("a stanza keeps its source when that can be copied", () => {
  const kept = (text: string, contentAt: number) => {
    const e = stanza(` ${text} `);
    assert.equal(e.source, text);
    assert.equal(e.contentAt, contentAt);
    assert.deepEqual(shape(parseXml(toXml(e, ""))), shape(e));
  };
  kept("<a/>", 4);
  kept("<a b='c' />", 11);
  kept("<a></a>", 3);
  kept("<a b='/'></a>", 9);
  kept("<a b='1'>é<p:b xmlns:p='urn:p'><p:c/></p:b></a>", 9);
  kept("<a xmlns='urn:a'>x<b xmlns=''/></a >", 17);
  kept("<a stream:b='1'><xml:c xml:lang='en'/></a>", 16);
  kept("<a><![CDATA[<]]>&#13;</a>", 3);

  const left = (text: string) => assert.equal(stanza(text).source, undefined, text);
  left("<stream:a/>");
  left("<a xmlns:p='urn:p'/>");
  left("<a><stream:b/></a>");
  left("<a><b stream:c='1'/></a>");
  left("<a><b xmlns:p='urn:p'><stream:b/></b></a>");
  left("<a>\r\n</a>");
  left("<a><![CDATA[\r]]></a>");
  left("<a><b c='\r'/></a>");
});

// Whole documents

Deno.test("parseXml takes one element and nothing else", () => {
  const e = parseXml("\n<a xmlns='urn:a'><b/>é</a> ");
  assert.deepEqual(shape(e), ["urn:a", "a", {}, [["urn:a", "b", {}, []], "é"]]);
  assert.equal(e.source, "<a xmlns='urn:a'><b/>é</a>");
  const of = (text: string, limits?: XmlLimits) => condition(() => parseXml(text, limits));
  for (
    const text of ["", " ", "x", "<a>", "<a/><b/>", "<a/>x", "<a>\ud800</a>", "<p:a/>", "</a>"]
  ) {
    assert.equal(of(text), "not-well-formed", text);
  }
  assert.equal(of("<?xml version='1.0'?><a/>"), "restricted-xml");
  assert.equal(of("<!-- --><a/>"), "restricted-xml");
  assert.equal(of("<a>&x;</a>"), "restricted-xml");
  assert.equal(of("<a><b/></a>", { ...defaultXmlLimits, depth: 1 }), "policy-violation");
  assert.equal(of("<a>\ufffe</a>"), "not-well-formed");
});
