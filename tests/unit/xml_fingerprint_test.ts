import assert from "node:assert/strict";
import { fingerprint } from "../../lib/xml/fingerprint.ts";
import { parseXml } from "../../lib/xml/parser.ts";

const of = (text: string) => fingerprint(parseXml(text));

Deno.test("fingerprint: the same however it is written", () => {
  const one = of("<a xmlns='urn:a' x='1' y='2'><b>t</b>\n <c xmlns='urn:c'/></a>");
  const other = of("<p:a xmlns:p='urn:a' y='2' x='1'><p:b>t</p:b><c xmlns='urn:c'></c></p:a>");
  assert.equal(one, other);
});

Deno.test("fingerprint: another for anything else", () => {
  const texts = [
    "<a/>",
    "<b/>",
    "<a xmlns='u'/>",
    "<a x='1'/>",
    "<a>1</a>",
    "<a> </a>",
    "<a>1 </a>",
  ];
  texts.push("<a><b/><c/></a>", "<a><c/><b/></a>", "<a><b>c</b></a>", "<a><b/>c</a>");
  assert.equal(new Set(texts.map(of)).size, texts.length);
});
