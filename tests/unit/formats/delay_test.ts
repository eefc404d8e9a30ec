import assert from "node:assert/strict";
import {
  delayElement,
  delayText,
  readDelay,
  withDelay,
  withoutDelay,
} from "../../../lib/formats/delay.ts";
import { parseJid } from "../../../lib/jid.ts";
import { message } from "../../../lib/stanza.ts";
import { xml } from "../../../lib/xml/element.ts";
import { parseXml } from "../../../lib/xml/parser.ts";

const STAMP = Date.UTC(2002, 8, 10, 23, 8, 25);

Deno.test("XEP-0203: the element and the text are the same", () => {
  assert.equal(
    delayText("capulet.com", STAMP),
    "<delay xmlns='urn:xmpp:delay' from='capulet.com' stamp='2002-09-10T23:08:25.000Z'/>",
  );
  assert.equal(delayElement("capulet.com", STAMP).toString(), delayText("capulet.com", STAMP));
  assert.equal(delayElement("capulet.com", STAMP, "Offline Storage").text(), "Offline Storage");
  const odd = parseXml(delayText("a'b&c", STAMP));
  assert.equal(odd.attrs.from, "a'b&c");
});

Deno.test("a delay is spliced into a stanza's text", () => {
  const delay = delayText("h", STAMP);
  const cases = [
    ["<message><body>a</body></message>", `<message><body>a</body>${delay}</message>`],
    ["<message to='a'/>", `<message to='a'>${delay}</message>`],
    ["<message/>", `<message>${delay}</message>`],
    ["<message><message/></message>", `<message><message/>${delay}</message>`],
  ];
  for (const [text, spliced] of cases) assert.equal(withDelay(text!, "h", STAMP), spliced);
});

Deno.test("delays are read and taken away by who they name", () => {
  const bad = xml("delay", "urn:xmpp:delay", { from: "a", stamp: "yesterday" });
  const m = message(
    { to: parseJid("x@y")! },
    bad,
    delayElement("a", STAMP),
    delayElement("b", STAMP + 1),
    "text",
  );
  assert.deepEqual(readDelay(m), { from: "a", stamp: STAMP });
  assert.deepEqual(readDelay(m, "b"), { from: "b", stamp: STAMP + 1 });
  assert.equal(readDelay(m, "c"), undefined);
  const rest = withoutDelay(m, "a");
  assert.equal(rest.elements().length, 1);
  assert.equal(readDelay(rest)?.from, "b");
  assert.equal(withoutDelay(m, "c"), m);
});
