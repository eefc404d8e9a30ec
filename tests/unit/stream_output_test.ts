/** What waits to be written to a stream. */

import assert from "node:assert/strict";
import { parseJid } from "../../lib/jid.ts";
import { addressText, message } from "../../lib/stanza.ts";
import { Output } from "../../lib/stream/output.ts";
import { xml } from "../../lib/xml/element.ts";
import { NS } from "../../lib/ns.ts";

const ROOM = parseJid("coven@conference.localhost/hag")!;
const said = (text: string) =>
  message({ from: ROOM, type: "groupchat" }, xml("body", NS.client, {}, text));
const to = (jid: string) => addressText(jid);

Deno.test("text and copies come out in the order in which they came", () => {
  const output = new Output();
  const [a, b] = [said("a"), said("b")];
  output.add("<first/>", true);
  output.addCopy(a, to("crone@localhost/x"));
  output.addCopy(b, to("crone@localhost/x"));
  output.add("<second/>", true);
  output.addCopy(a, to("crone@localhost/x"));
  const expected = "<first/>" + a.wire("crone@localhost/x") + b.wire("crone@localhost/x") +
    "<second/>" + a.wire("crone@localhost/x");
  assert.equal(output.length, expected.length);
  assert.equal(output.isAscii, true);
  assert.equal(output.take(), expected);
  assert.equal(output.length, 0);
  assert.equal(output.take(), "");
});

Deno.test("what is not ASCII, or not known to be, is said so until it is taken", () => {
  const cases: [(o: Output) => void, boolean][] = [
    [(o) => o.add("<a/>", true), true],
    [(o) => o.add("<a/>", false), false],
    [(o) => o.addCopy(said("plain"), to("crone@localhost/x")), true],
    [(o) => o.addCopy(said("grün"), to("crone@localhost/x")), false],
    [(o) => o.addCopy(said("plain"), to("crone@localhost/küche")), false],
  ];
  for (const [fill, isAscii] of cases) {
    const output = new Output();
    output.addCopy(said("x"), to("crone@localhost/x"));
    fill(output);
    assert.equal(output.isAscii, isAscii);
    output.take();
    output.add("<b/>", true);
    assert.equal(output.isAscii, true);
  }
});

Deno.test("what is forgotten leaves nothing", () => {
  const output = new Output();
  output.add("<a/>", false);
  output.addCopy(said("a"), to("crone@localhost/x"));
  output.clear();
  assert.equal(output.length, 0);
  assert.equal(output.isAscii, true);
  assert.equal(output.take(), "");
});
