import assert from "node:assert/strict";
import { parseStored } from "../../../lib/formats/stored.ts";
import { parseJid } from "../../../lib/jid.ts";
import { NS } from "../../../lib/ns.ts";
import { message, Stanza } from "../../../lib/stanza.ts";
import { xml } from "../../../lib/xml/element.ts";

Deno.test("a stanza kept as text comes back as it was", () => {
  const m = message(
    { type: "chat", id: "a'b", from: parseJid("a@b/c")!, to: parseJid("d@e")!, lang: "de" },
    xml("body", NS.client, {}, "1 < 2 & 'x'"),
    xml("x", "some:ns", { "{other:ns}a": "v" }, xml("y", "some:ns"), xml("z", NS.client)),
  );
  const back = parseStored(m.wire());
  assert(back instanceof Stanza);
  assert.equal(back.ns, NS.client);
  assert.equal(back.from?.full, "a@b/c");
  assert.equal(back.to?.full, "d@e");
  assert.equal(back.type, "chat");
  assert.equal(back.childText("body"), "1 < 2 & 'x'");
  assert.equal(back.child("x", "some:ns")?.first()?.ns, "some:ns");
  assert.equal(back.child("x", "some:ns")?.attrs["{other:ns}a"], "v");
  // As often as one likes.
  assert.equal(parseStored(back.wire()).wire(), back.wire());
  assert.equal(parseStored(back.append(xml("more", "n:s")).wire()).elements().length, 3);
});

Deno.test("an empty stanza comes back too", () => {
  const back = parseStored("<message to='d@e'/>");
  assert.equal(back.to?.full, "d@e");
  assert.equal(back.wire(), "<message to='d@e'/>");
});

Deno.test("what was kept under larger limits is read back", () => {
  const many = Array.from({ length: 100 }, (_, i) => `a${i}='x'`).join(" ");
  const text = `<message><x xmlns='urn:example' ${many}>${"y".repeat(300_000)}</x></message>`;
  assert.equal(parseStored(text).wire(), text);
});
