/** Everything the XML parser must refuse, each under its own condition, and what it must not. */

import assert from "node:assert/strict";
import { Element } from "../../lib/xml/element.ts";
import { defaultXmlLimits, StreamHeader, StreamParser } from "../../lib/xml/parser.ts";
import { bytes, CLOSE, condition, OPEN, parse, refused, shape, stanza } from "./xml_helpers.ts";

// What XMPP forbids or asks (RFC 6120 §11)

Deno.test("comments, processing instructions, DTDs and entities are restricted-xml", () => {
  for (
    const text of [
      "<!-- c -->",
      "<a><!-- c --></a>",
      "<a><!DOCTYPE a></a>",
      "<a><![CD\u{10ffff}ATA[]]></a>",
      "<!é>",
      "<?pi x?>",
      "<a><?pi?></a>",
      "<?xml version='1.0'?>",
      "<a>&nbsp;</a>",
      "<a b='&e;'/>",
      "<!DOCTYPE a>",
    ]
  ) refused("restricted-xml", OPEN + text);
  refused("restricted-xml", "<!DOCTYPE a [<!ENTITY e 'x'>]>" + OPEN);
  refused("restricted-xml", "<!-- c -->" + OPEN);
  refused("restricted-xml", "<?pi?>" + OPEN);
  refused("restricted-xml", "<?xml version='1.0'?><?xml version='1.0'?>" + OPEN);
  refused("restricted-xml", " <?xml version='1.0'?>" + OPEN);
});

Deno.test("declarations", () => {
  for (
    const text of [
      "<?xml version='1.0'?>",
      '<?xml version="1.0" encoding="utf-8"?>',
      "<?xml\tversion = '1.0'\nencoding='Utf-8' standalone='no' ?>\r\n",
    ]
  ) assert.equal(parse(text + OPEN).length, 1, text);
  for (const encoding of ["UTF-16", "ISO-8859-1", "us-ascii", "utf8"]) {
    refused("unsupported-encoding", `<?xml version='1.0' encoding='${encoding}'?>` + OPEN);
  }
  refused("bad-format", "<?xml version='1.1'?>" + OPEN);
  for (
    const text of [
      "<?xml?>",
      "<?xml encoding='UTF-8'?>",
      "<?xml version='1.0'encoding='UTF-8'?>",
      "<?xml version='1.0\"?>",
      "<?xml version='1.0'>",
      "<?xml version='1.0' a='b'?>",
      "<?xml version='1.0' standalone='maybe'?>",
    ]
  ) assert.ok(condition(() => parse(text + OPEN)), text);
});

Deno.test("other encodings are unsupported-encoding", () => {
  refused("unsupported-encoding", Uint8Array.of(0xfe, 0xff, 0x00, 0x3c));
  refused("unsupported-encoding", Uint8Array.of(0xff, 0xfe, 0x3c, 0x00));
  refused("unsupported-encoding", Uint8Array.of(0x00, 0x3c, 0x00, 0x73));
  refused("unsupported-encoding", Uint8Array.of(0x3c, 0x00, 0x73, 0x00));
  refused("unsupported-encoding", Uint8Array.of(0x00, 0x00, 0xfe, 0xff));
  refused("unsupported-encoding", Uint8Array.of(0x00, 0x00, 0x00, 0x3c));
});

Deno.test("what is not UTF-8 is unsupported-encoding, and what came before it is still told", () => {
  const wrong = [
    [0x80],
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xff],
    [0xe2, 0x82, 0x3c],
    [0xf0, 0x9f, 0x98, 0x2f],
  ];
  for (const w of wrong) {
    refused("unsupported-encoding", bytes(OPEN, "<a>", w, "</a>"));
    refused("unsupported-encoding", bytes(OPEN, "<a b='é", w, "'/>"));
    const parser = new StreamParser(defaultXmlLimits);
    parser.push(bytes(OPEN, "<a>é</a><b/> ", w));
    assert.equal(parser.next() instanceof StreamHeader, true);
    assert.equal((parser.next() as Element).text(), "é");
    assert.equal((parser.next() as Element).name, "b");
    assert.equal(condition(() => parser.next()), "unsupported-encoding");
  }
});

Deno.test("text between stanzas is bad-format, around the stream not-well-formed", () => {
  refused("bad-format", OPEN + "x");
  refused("bad-format", OPEN + "<a/>x<b/>");
  refused("bad-format", OPEN + "&amp;");
  refused("bad-format", OPEN + "<![CDATA[ ]]>");
  refused("bad-format", OPEN + "\ufeff");
  // RFC 6120 §11.6: never a byte order mark, wherever it stands.
  refused("not-well-formed", "\ufeff" + OPEN);
  refused("not-well-formed", OPEN + "\0");
  refused("not-well-formed", "GET / HTTP/1.1\r\n\r\n");
  refused("not-well-formed", bytes([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  refused("not-well-formed", OPEN + CLOSE + "x");
  refused("not-well-formed", OPEN + CLOSE + OPEN);
  refused("not-well-formed", CLOSE);
});

// Well-formedness (XML 1.0)

Deno.test("what is not well-formed", () => {
  for (
    const text of [
      "<a></b>",
      "<a><b></a></b>",
      "<a></aa>",
      "<aa></a>",
      "</a>",
      "</stream>",
      "<a b=c/>",
      "<a b/>",
      "<a b='1'c='2'/>",
      "<a 'b'/>",
      "<a b='1' b='2'/>",
      "<a b='<'/>",
      "<a b='1/>",
      "<a / >",
      "<a></a b='1'>",
      "< a/>",
      "<>",
      "<1a/>",
      "<-a/>",
      "<a$b/>",
      "<a ·b='1'/>",
      "<\u037e/>",
      "<\u{f0000}/>",
      "<a>]]></a>",
      "<a>&</a>",
      "<a>& </a>",
      "<a>&;</a>",
      "<a>&a:b;</a>",
      "<a>&amp</a>",
      "<a>&#;</a>",
      "<a>&#x;</a>",
      "<a>&#0;</a>",
      "<a>&#8;</a>",
      "<a>&#xD800;</a>",
      "<a>&#xFFFF;</a>",
      "<a>&#x110000;</a>",
      "<a>&#99999999999999999999;</a>",
      "<a>&#1F;</a>",
      "<a>&#X20;</a>",
      "<a b='&#0;'/>",
      "<a>\0</a>",
      "<a>\x0b</a>",
      "<a>\x1f</a>",
      "<a>\ufffe</a>",
      "<a b='\x01'/>",
      "<a b='\uffff'/>",
      "<a><![CDATA[\x02]]></a>",
    ]
  ) refused("not-well-formed", OPEN + text + "<z b='1'/>");
});

Deno.test("names and namespaces", () => {
  for (
    const text of [
      "<p:a/>",
      "<a p:b='1'/>",
      "<:a/>",
      "<a:/>",
      "<a:b:c xmlns:a='urn:a'/>",
      "<a:1 xmlns:a='urn:a'/>",
      "<a xmlns:p='urn:a' xmlns:q='urn:a' p:b='1' q:b='2'/>",
      "<a xmlns:p='urn:a' xmlns:p='urn:b'/>",
      "<a xmlns='urn:a' xmlns='urn:b'/>",
      "<a xmlns:p=''/>",
      "<a xmlns:xml='urn:a'/>",
      "<a xmlns:xmlns='urn:a'/>",
      "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
      "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
      "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
      "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
      "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
      "<xmlns:a/>",
      "<a><b xmlns:p='urn:p'/><p:c/></a>",
      "<a xml:lang='a' xml:lang='b'/>",
    ]
  ) refused("not-well-formed", OPEN + text);

  const e = stanza(
    "<a p:b='1' b='2' q:b='3' xml:lang='en' xmlns:p='urn:p' xmlns:q='urn:q' xmlns='urn:a'>" +
      "<p:c xmlns:p='urn:p2' p:d='4'/><c xmlns=''/><c/>" +
      "<xml:c xmlns:xml='http://www.w3.org/XML/1998/namespace'/></a>",
  );
  assert.deepEqual(shape(e), [
    "urn:a",
    "a",
    { "{urn:p}b": "1", b: "2", "{urn:q}b": "3", "xml:lang": "en" },
    [
      ["urn:p2", "c", { "{urn:p2}d": "4" }, []],
      ["", "c", {}, []],
      ["urn:a", "c", {}, []],
      ["http://www.w3.org/XML/1998/namespace", "c", {}, []],
    ],
  ]);
  const odd = stanza(
    "<_.-·é名𐀀 __proto__='1' constructor='2' xmlns:__proto__='u' __proto__:a='3'/>",
  );
  assert.equal(odd.name, "_.-·é名𐀀");
  assert.equal(odd.attrs["__proto__"], "1");
  assert.equal(odd.attrs["constructor"], "2");
  assert.equal(odd.attrs["{u}a"], "3");
  assert.equal(odd.attrs["toString"], undefined);
});

Deno.test("values and text are normalised", () => {
  const e = stanza(
    "<a b='\t1\n2\r\n3\r4&#9;&#xA;&#13;&lt;&gt;&amp;&apos;&quot;\"'>\r\n1\r2\n&#13;</a>",
  );
  assert.equal(e.attrs["b"], ' 1 2 3 4\t\n\r<>&\'""');
  assert.deepEqual(e.children, ["\n1\n2\n\r"]);
  assert.deepEqual(stanza("<a>x<![CDATA[<&>]]]]><![CDATA[]]>&#x1F600;]></a>").children, [
    "x<&>]]😀]>",
  ]);
  assert.deepEqual(stanza("<a><![CDATA[]]></a>").children, []);
  assert.deepEqual(stanza("<a><![CDATA[\r\n]]></a>").children, ["\n"]);
  assert.deepEqual(stanza("<a> <b/>\n</a>").children.length, 3);
  assert.equal(
    stanza("<a>\x7f\x85\u2028\ufeff\u{10ffff}</a>").text(),
    "\x7f\x85\u2028\ufeff\u{10ffff}",
  );
});
