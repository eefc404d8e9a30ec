import assert from "node:assert/strict";
import { HeldStanzas } from "../../../../modules/csi/held.ts";
import { parseStored } from "../../../../lib/formats/stored.ts";

/** A gate, what goes through it, and what it has told. */
function gate(limits = { stanzas: 100, characters: 100_000 }) {
  const written: string[] = [];
  const told: string[] = [];
  const held = new HeldStanzas(limits, {
    domain: "localhost",
    write: (stanza, to) => written.push(stanza.wire(to)),
    holds: () => told.push("holds"),
    empty: () => told.push("empty"),
    kept: () => {},
    urgent: () => told.push("urgent"),
  });
  const takes = (xml: string, to?: string) => held.takes(parseStored(xml), to);
  return { held, takes, written, told };
}

const presence = (from: string, more = "") => `<presence from='${from}'${more}/>`;

Deno.test("of presence the last of each resource is left, behind what came before it", () => {
  const { held, takes, written, told } = gate();
  assert(takes(presence("a@x/1"), "b@x"));
  assert(takes(presence("a@x/2"), "b@x"));
  assert(takes("<message from='a@x/1'><received xmlns='urn:xmpp:receipts' id='1'/></message>"));
  assert(takes(presence("a@x/1", " type='unavailable'"), "b@x"));
  assert.equal(held.size, 3);
  assert.deepEqual(told, ["holds"]);
  held.open();
  assert.deepEqual(written, [
    "<presence from='a@x/2' to='b@x'/>",
    "<message from='a@x/1'><received xmlns='urn:xmpp:receipts' id='1'/></message>",
    "<presence from='a@x/1' type='unavailable' to='b@x'/>",
  ]);
  assert.deepEqual(held.savings, { held: 4, replaced: 1, flushes: 1 });
  assert.deepEqual(told, ["holds", "empty"]);
  held.open();
  assert.equal(held.savings.flushes, 1);
});

Deno.test("an answer, a request and what is urgent are not taken, and bring the rest along", () => {
  for (
    const stanza of [
      "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
      "<iq type='result' id='1'/>",
      presence("a@x", " type='subscribe'"),
      presence("a@x/1", " type='error'"),
      "<message type='chat'><body>Hi</body></message>",
      "<message type='error'/>",
    ]
  ) {
    const { takes, written, told } = gate();
    takes(presence("a@x/1"));
    assert.equal(takes(stanza), false, stanza);
    assert.equal(written.length, 1, stanza);
    assert.equal(told.includes("urgent"), stanza.startsWith("<message"), stanza);
  }
});

Deno.test("chat states of different people and to different people do not replace each other", () => {
  const { held, takes } = gate();
  const state = (from: string, to: string, name: string) =>
    `<message type='chat' from='${from}' to='${to}'>` +
    `<${name} xmlns='http://jabber.org/protocol/chatstates'/></message>`;
  const copy = (direction: string, inner: string) =>
    `<message type='chat' from='b@x'><${direction} xmlns='urn:xmpp:carbons:2'>` +
    `<forwarded xmlns='urn:xmpp:forward:0'>${
      inner.replace("<message", "<message xmlns='jabber:client'")
    }</forwarded></${direction}></message>`;
  takes(state("a@x/1", "b@x", "composing"));
  takes(state("c@x/1", "b@x", "composing"));
  takes(state("a@x/1", "b@x", "paused"));
  assert.equal(held.size, 2);
  takes(copy("sent", state("b@x/2", "a@x", "composing")));
  takes(copy("sent", state("b@x/2", "c@x", "composing")));
  takes(copy("sent", state("b@x/2", "a@x", "active")));
  assert.equal(held.size, 4);
});

Deno.test("the limits: one stanza or character more sends all", () => {
  const few = gate({ stanzas: 2, characters: 100_000 });
  for (let i = 0; i < 3; i++) few.takes(presence(`a@x/${i}`));
  assert.equal(few.written.length, 3);
  const short = gate({ stanzas: 100, characters: 1000 });
  const large = `<presence from='a@x/1'><status>${"x".repeat(600)}</status></presence>`;
  short.takes(large);
  // What takes the place of another counts once.
  short.takes(large);
  assert.equal(short.written.length, 0);
  short.takes(large.replace("a@x", "b@x"));
  assert.equal(short.written.length, 2);
});

Deno.test("a session that is over gives up what it held", () => {
  const { held, takes, written } = gate();
  takes("<message from='a@x/1'><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  assert.deepEqual(held.abandon().map((s) => s.name), ["message"]);
  assert.equal(held.size, 0);
  assert.deepEqual(written, []);
});
