import assert from "node:assert/strict";
import { AttributeMap, Element, startTag, tail, toXml, xml } from "../../lib/xml/element.ts";
import { escapeAttribute, escapeText } from "../../lib/xml/escape.ts";
import { defaultXmlLimits, parseXml, StreamParser } from "../../lib/xml/parser.ts";

const CLIENT = "jabber:client";

/** A stanza as it comes off a stream, with its source text. */
function received(text: string): Element {
  const parser = new StreamParser(defaultXmlLimits);
  parser.push(new TextEncoder().encode(`<s xmlns='${CLIENT}'>${text}`));
  parser.next();
  const e = parser.next();
  assert.ok(e instanceof Element && e.source === text);
  return e;
}

Deno.test("building leaves out what is not there", () => {
  const e = xml(
    "a",
    "urn:a",
    { b: "1", c: undefined },
    null,
    undefined,
    false,
    "",
    "t",
    xml("d", "urn:d"),
  );
  assert.deepEqual(Object.keys(e.attrs), ["b"]);
  assert.equal(e.children.length, 2);
  assert.equal(e.toString(), "<a xmlns='urn:a' b='1'>t<d xmlns='urn:d'/></a>");
});

Deno.test("attributes inherit nothing", () => {
  const attrs = new AttributeMap();
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    assert.equal(attrs[name], undefined);
    attrs[name] = name;
    assert.equal(attrs[name], name);
  }
  assert.equal(Object.keys(attrs).length, 4);
});

Deno.test("matching", () => {
  const e = parseXml(
    "<a xmlns='urn:a'>x<b>1</b><b xmlns='urn:b'>2</b><c xmlns='urn:c'/><b>3</b>y</a>",
  );
  assert.ok(e.is("a") && e.is("a", "urn:a"));
  assert.ok(!e.is("a", "urn:b") && !e.is("b", "urn:a"));
  assert.equal(e.child("b")?.text(), "1");
  assert.equal(e.child("b", "urn:b")?.text(), "2");
  assert.equal(e.child("c"), undefined);
  assert.equal(e.first()?.name, "b");
  assert.equal(e.elements().length, 4);
  assert.deepEqual(e.elements("b").map((b) => b.text()), ["1", "3"]);
  assert.equal(e.elements("b", "urn:b").length, 1);
  assert.ok(e.hasNs("urn:c") && !e.hasNs("urn:d"));
  assert.equal(e.text(), "xy");
  assert.equal(e.childText("b"), "1");
  assert.equal(e.childText("c", "urn:c"), "");
  assert.equal(e.childText("d"), undefined);
  assert.equal(xml("a", "").first(), undefined);
});

Deno.test("writing declares namespaces only where they change", () => {
  const e = xml("iq", CLIENT, { to: "a" }, xml("q", "urn:q", {}, xml("i", "urn:q")), xml("n", ""));
  const inner = "<q xmlns='urn:q'><i/></q><n xmlns=''/></iq>";
  assert.equal(toXml(e, CLIENT), `<iq to='a'>${inner}`);
  assert.equal(toXml(e, ""), `<iq xmlns='jabber:client' to='a'>${inner}`);
  assert.equal(startTag(e, CLIENT, "to") + tail(e), `<iq>${inner}`);
});

Deno.test("attributes in other namespaces get prefixes", () => {
  const e = xml("a", "", { "xml:lang": "en", "{urn:x}b": "1", "{urn:}y}b": "2", b: "3" });
  const text = e.toString();
  assert.equal(
    text,
    "<a xml:lang='en' xmlns:a0='urn:x' a0:b='1' xmlns:a1='urn:}y' a1:b='2' b='3'/>",
  );
  assert.deepEqual({ ...parseXml(text).attrs }, { ...e.attrs });
});

Deno.test("the namespace of xml is written by its prefix", () => {
  const text = "<a xmlns='urn:a'><xml:b c='1'><d/><e xmlns=''/></xml:b></a>";
  const e = parseXml(text);
  e.source = undefined;
  const again = parseXml(e.toString());
  const b = again.first()!;
  assert.equal(b.ns, "http://www.w3.org/XML/1998/namespace");
  assert.deepEqual(b.elements().map((x) => x.ns), ["urn:a", ""]);
  assert.equal(again.toString(), again.source);
});

Deno.test("escapes", () => {
  assert.equal(escapeText("a<b>&\r\n\t'\""), "a&lt;b&gt;&amp;&#xD;\n\t'\"");
  assert.equal(escapeAttribute("a<b>&\r\n\t'\""), "a&lt;b&gt;&amp;&#xD;&#xA;&#x9;&apos;&quot;");
  assert.equal(escapeText("plain é😀"), "plain é😀");
  const every = "<>&'\"\t\n\r ]]> é😀\u2028";
  const e = xml("a", "urn:'&<>", { b: every }, every);
  const back = parseXml(e.toString());
  assert.equal(back.ns, e.ns);
  assert.equal(back.attrs["b"], every);
  assert.equal(back.text(), every);
});

Deno.test("a source is copied, whatever becomes of the attributes", () => {
  const text = "<message to=\"a\" from='x'><body  >&#104;i</body></message >";
  const e = received(text);
  const content = "><body  >&#104;i</body></message >";
  assert.equal(toXml(e, CLIENT), "<message to='a' from='x'" + content);
  const stamped = e.withAttrs({ from: "y&z", to: undefined, id: "1" });
  assert.equal(toXml(stamped, CLIENT), "<message from='y&amp;z' id='1'" + content);
  assert.equal(toXml(stamped, ""), `<message xmlns='${CLIENT}' from='y&amp;z' id='1'` + content);
  assert.deepEqual({ ...e.attrs }, { to: "a", from: "x" });
  assert.equal(toXml(received("<iq  id='1' />"), CLIENT), "<iq id='1'/>");
  assert.equal(toXml(received("<iq></iq>"), CLIENT), "<iq></iq>");
});

Deno.test("append keeps the source where there is content to add to", () => {
  const delay = xml("delay", "urn:xmpp:delay", { stamp: "now" }, "&");
  const added = "<delay xmlns='urn:xmpp:delay' stamp='now'>&amp;</delay>";
  const more = received("<message><body>1</body></message>").append(delay, xml("x", CLIENT));
  assert.equal(more.source, `<message><body>1</body>${added}<x/></message>`);
  assert.equal(toXml(more, CLIENT), more.source);
  assert.equal(more.children.length, 3);

  const empty = received("<message a='1'/>").append(delay);
  assert.equal(toXml(empty, CLIENT), `<message a='1'>${added}</message>`);
  const open = received("<message a='/'></message>").append(delay);
  assert.equal(toXml(open, CLIENT), `<message a='/'>${added}</message>`);
  const twice = open.withAttrs({ a: undefined }).append(delay);
  assert.equal(toXml(twice, CLIENT), `<message>${added}${added}</message>`);

  const built = xml("message", CLIENT).append(delay);
  assert.equal(built.source, undefined);
  assert.equal(toXml(built, CLIENT), `<message>${added}</message>`);
});

Deno.test("filter drops the source with the child", () => {
  const e = received("<message><a/>t<b/></message>");
  assert.equal(e.filter(() => true), e);
  const less = e.filter((c) => c.name !== "a");
  assert.equal(toXml(less, CLIENT), "<message>t<b/></message>");
  assert.equal(e.children.length, 3);
});

Deno.test("copies are of the same type", () => {
  class Stanza extends Element {}
  const s = new Stanza("message", CLIENT, {}, [xml("a", CLIENT)]);
  assert.ok(s.withAttrs({ a: "1" }) instanceof Stanza);
  assert.ok(s.append(xml("b", CLIENT)) instanceof Stanza);
  assert.ok(s.filter(() => false) instanceof Stanza);
});
