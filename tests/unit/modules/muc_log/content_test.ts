/** What of a message is logged. */

import assert from "node:assert/strict";
import { changedSettings } from "../../../../modules/muc_log/changes.ts";
import { entryOf } from "../../../../modules/muc_log/content.ts";
import { kindsLogged } from "../../../../modules/muc_log/entries.ts";
import { NS } from "../../../../lib/ns.ts";
import type { RoomConfig } from "../../../../lib/rooms.ts";
import { message } from "../../../../lib/stanza.ts";
import { type Element, xml } from "../../../../lib/xml/element.ts";

const EME = "urn:xmpp:eme:0";
const OMEMO = "eu.siacs.conversations.axolotl";

function entry(body: string | undefined, ...more: Element[]) {
  const children = body === undefined ? more : [xml("body", NS.client, {}, body), ...more];
  const found = entryOf(message({ type: "groupchat", id: "m1" }, ...children), "witch", "s1");
  if (found === undefined) return undefined;
  const { kind, text } = found;
  return text === undefined ? kind : `${kind}: ${text}`;
}

Deno.test("messages, actions (XEP-0245), subjects (XEP-0045 §8.1)", () => {
  const subject = xml("subject", NS.client, {}, "Fire");
  assert.equal(entry("hello"), "message: hello");
  assert.equal(entry("/me stirs"), "action: stirs");
  assert.equal(entry("/meow"), "message: /meow");
  assert.equal(entry(undefined, subject), "subject: Fire");
  assert.equal(entry(undefined, xml("subject", NS.client)), "subject: ");
  assert.equal(entry("hello", subject), "message: hello");
  assert.equal(entry(" \n"), undefined);
  assert.equal(
    entry(undefined, xml("composing", "http://jabber.org/protocol/chatstates")),
    undefined,
  );
});

Deno.test("what asks not to be stored is not (XEP-0334)", () => {
  for (const hint of ["no-store", "no-permanent-store"]) {
    assert.equal(entry("secret", xml(hint, "urn:xmpp:hints")), undefined);
  }
  assert.equal(entry("hello", xml("no-copy", "urn:xmpp:hints")), "message: hello");
});

Deno.test("reactions and retractions are none, whatever their body says", () => {
  for (
    const [name, ns] of [
      ["retract", "urn:xmpp:message-retract:1"],
      ["reactions", "urn:xmpp:reactions:0"],
      ["apply-to", "urn:xmpp:fasten:0"],
    ] as const
  ) {
    assert.equal(entry("This person took something back", xml(name, ns)), undefined);
  }
});

Deno.test("of ciphertext it is said that it is some (XEP-0380)", () => {
  const omemo = xml("encrypted", OMEMO, {}, xml("payload", OMEMO, {}, "AAAA"));
  const eme = xml("encryption", EME, { namespace: OMEMO });
  assert.equal(entry("I sent you an OMEMO encrypted message", omemo, eme), "encrypted");
  assert.equal(entry("I sent you an OMEMO encrypted message", eme), "encrypted");
  assert.equal(entry(undefined, omemo), "encrypted");
  assert.equal(entry("?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA"), "encrypted");
  // Keys alone (XEP-0384 §4.6) are no message.
  assert.equal(entry(undefined, xml("encrypted", OMEMO, {}, xml("header", OMEMO))), undefined);
});

Deno.test("what can be read beside a fallback is text (XEP-0428, XEP-0426)", () => {
  const eme = xml("encryption", EME, { namespace: OMEMO });
  const fallback = (...parts: { start?: string; end?: string }[]) =>
    xml(
      "fallback",
      "urn:xmpp:fallback:0",
      { for: OMEMO },
      ...parts.map((part) => xml("body", "urn:xmpp:fallback:0", part)),
    );
  assert.equal(entry("🔒 hi", eme, fallback({ start: "0", end: "2" })), "message: hi");
  assert.equal(entry("hi 🔒", eme, fallback({ start: "2" })), "message: hi");
  assert.equal(entry("🔒 hi", eme, fallback()), "encrypted");
  assert.equal(entry("🔒 hi", eme, fallback({})), "encrypted");
  assert.equal(entry("🔒 hi", eme, fallback({ start: "x", end: "1" })), "encrypted");
  assert.equal(entry("🔒 hi", eme, fallback({ start: "9", end: "2" })), "message: 🔒 hi");
});

Deno.test("a correction names what it corrects (XEP-0308)", () => {
  const replace = xml("replace", "urn:xmpp:message-correct:0", { id: "m0" });
  const corrected = message({ id: "m1" }, xml("body", NS.client, {}, "better"), replace);
  assert.deepEqual(entryOf(corrected, "witch", "s1"), {
    kind: "message",
    nick: "witch",
    text: "better",
    stanza: "s1",
    origin: "m1",
    corrects: "m0",
  });
});

Deno.test("which kinds are logged", () => {
  const none = kindsLogged([]);
  assert.deepEqual(
    (["message", "retracted", "on", "destroyed", "entered", "kicked", "subject"] as const).map(
      none,
    ),
    [true, true, true, true, false, false, false],
  );
  assert(kindsLogged(["visits"])("left"));
  assert(!kindsLogged(["visits"])("nick"));
});

Deno.test("changed settings are named, their values are not", () => {
  const before = { password: "", moderated: false, contacts: [], logging: true } as unknown;
  const after = { password: "xyzzy", moderated: true, contacts: [], logging: true } as unknown;
  assert.equal(changedSettings(before as RoomConfig, after as RoomConfig), "moderation, password");
  assert.equal(changedSettings(after as RoomConfig, after as RoomConfig), "");
});
