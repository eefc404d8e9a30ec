import assert from "node:assert/strict";
import { messageKinds } from "../../../docs/message_kinds.ts";
import { copiedMessage, traitsOf } from "../../../lib/formats/message_traits.ts";
import { parseStored } from "../../../lib/formats/stored.ts";

for (const { kind, spec, xml, archive, offline, carbons, urgent, chatState } of messageKinds) {
  Deno.test(`${spec}: ${kind}`, () => {
    const traits = traitsOf(parseStored(xml));
    assert.deepEqual({
      archive: traits.archive,
      offline: traits.offline,
      carbons: { sent: traits.carbons, received: traits.carbons && !traits.occupant },
      urgent: traits.urgent,
      chatState: traits.chatState,
    }, { archive, offline, carbons, urgent, chatState: chatState ?? false });
  });
}

Deno.test("the archive of a room keeps what is said in it, and its subjects", () => {
  const room = (content: string) =>
    traitsOf(parseStored(`<message type='groupchat'>${content}</message>`));
  assert(room("<body>Hi</body>").history);
  assert(room("<subject>Witches</subject>").history);
  assert(room("<retract xmlns='urn:xmpp:message-retract:1' id='a'/>").history);
  assert(!room("<body>Hi</body><no-store xmlns='urn:xmpp:hints'/>").history);
  assert(!room("<composing xmlns='http://jabber.org/protocol/chatstates'/>").history);
});

function copy(name: string, content: string): string {
  return `<message type='chat'><${name} xmlns='urn:xmpp:carbons:2'>` +
    `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' ` +
    `from='juliet@capulet.lit/balcony'>${content}</message></forwarded></${name}></message>`;
}

Deno.test("a copy is as urgent as what it copies, unless the account has sent it itself", () => {
  const received = traitsOf(parseStored(copy("received", "<body>Hi</body>")));
  assert(received.urgent);
  assert(!traitsOf(parseStored(copy("sent", "<body>Hi</body>"))).urgent);
  const state = copy("received", "<active xmlns='http://jabber.org/protocol/chatstates'/>");
  assert(!traitsOf(parseStored(state)).urgent);
  for (const trait of ["archive", "history", "offline", "carbons"] as const) {
    assert(!received[trait], trait);
  }
  assert.equal(copiedMessage(parseStored(state))?.attrs.from, "juliet@capulet.lit/balcony");
  assert.equal(copiedMessage(parseStored("<message><body>Hi</body></message>")), undefined);
});

Deno.test("asking twice gives the same object: nothing is made for it", () => {
  const one = parseStored("<message><body>1</body></message>");
  const two = parseStored("<message type='chat'><body>2</body></message>");
  assert.equal(traitsOf(one), traitsOf(two));
});
