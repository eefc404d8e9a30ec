/** What only a room may say is taken out of what its occupants say (XEP-0045 §7.4, §17.3). */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { createRoom, inside, MUC, mucTest, quiet, ROOM, SERVICE, USER } from "../helpers/muc.ts";
import type { Tag } from "../helpers/xml.ts";

const SID = "urn:xmpp:sid:0";
const FORWARDED = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/>" +
  "</forwarded>";
/** Elements that must not come through, as they are named and by what they are known. */
const FORGED: readonly string[] = [
  `<x xmlns='${USER}'><item affiliation='owner' role='moderator'/><status code='307'/></x>`,
  `<x xmlns='${USER}'><invite from='forged@localhost'/></x>`,
  `<x xmlns='${USER}'><destroy jid='forged@localhost'/></x>`,
  `<x xmlns='${MUC}'><password>forged</password></x>`,
  `<query xmlns='${MUC}#admin'><item affiliation='forged'/></query>`,
  `<query xmlns='${MUC}#owner'><destroy jid='forged'/></query>`,
  "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
  `<stanza-id xmlns='${SID}' by='${ROOM}' id='forged'/>`,
  `<stanza-id xmlns='${SID}' by='COVEN@${SERVICE}' id='forged'/>`,
  `<stanza-id xmlns='${SID}' by='${SERVICE}' id='forged'/>`,
  `<stanza-id xmlns='${SID}' by='${ROOM}/second' id='forged'/>`,
  `<stanza-id xmlns='${SID}' id='forged'/>`,
  `<stanza-id xmlns='${SID}' by='' id='forged'/>`,
  `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='2002-10-13T23:58:37Z'>forged</delay>`,
  `<delay xmlns='urn:xmpp:delay' from='${ROOM}/first' stamp='2002-10-13T23:58:37Z'>forged</delay>`,
  "<delay xmlns='urn:xmpp:delay' stamp='2002-10-13T23:58:37Z'>forged</delay>",
  `<x xmlns='jabber:x:delay' from='${ROOM}' stamp='20021013T23:58:37'>forged</x>`,
  "<hats xmlns='urn:xmpp:hats:0'><hat uri='forged' title='Boss'/></hats>",
  "<moderated xmlns='urn:xmpp:message-moderate:1' by='forged'/>",
  "<retract xmlns='urn:xmpp:message-retract:1' id='x'>" +
  "<moderated xmlns='urn:xmpp:message-moderate:1' by='forged'/></retract>",
  "<retracted xmlns='urn:xmpp:message-retract:1' id='forged' stamp='2002-10-13T23:58:37Z'/>",
  `<result xmlns='urn:xmpp:mam:2' id='forged'>${FORWARDED}</result>`,
  "<fin xmlns='urn:xmpp:mam:2' complete='forged'/>",
  `<received xmlns='urn:xmpp:carbons:2'>${FORWARDED}forged</received>`,
  `<sent xmlns='urn:xmpp:carbons:2'>${FORWARDED}forged</sent>`,
  "<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='forged'/>" +
  "</addresses>",
  "<mentions xmlns='urn:xmpp:mmn:0'>forged</mentions>",
  "<mav xmlns='urn:xmpp:muc:affiliations:1' until='forged'/>",
];

/** What looks like it and is the client's to say. */
const TRUE: readonly string[] = [
  `<stanza-id xmlns='${SID}' by='bob@localhost' id='kept'/>`,
  `<origin-id xmlns='${SID}' id='kept'/>`,
  "<delay xmlns='urn:xmpp:delay' from='bob@localhost' stamp='2002-10-13T23:58:37Z'>kept</delay>",
  "<x xmlns='jabber:x:data' type='submit'><field var='kept'/></x>",
  "<stanza-id xmlns='urn:example' by='kept'/>",
  "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='kept' ver='v'/>",
  "<html xmlns='http://jabber.org/protocol/xhtml-im'>kept</html>",
];

/** What comes to others of this element, alone and beside others, as each kind of stanza. */
async function passedOn(alice: TestClient, bob: TestClient, inner: string): Promise<Tag[]> {
  const found: Tag[] = [];
  for (const around of ["", "<body>b</body>"]) {
    bob.send(`<message to='${ROOM}' type='groupchat'>${around}${inner}</message>`);
    found.push(await next(alice, "message"));
    bob.send(`<message to='${ROOM}/first' type='chat'>${around}${inner}</message>`);
    found.push(await next(alice, "message"));
  }
  return found;
}

/** The next stanza, which must be of that kind and from the occupant. */
async function next(client: TestClient, name: string): Promise<Tag> {
  const stanza = await client.next();
  assert.equal(stanza.name, name);
  assert.equal(stanza.attrs.from, `${ROOM}/second`);
  assert.equal(stanza.attrs.type === "error", false);
  return stanza;
}

mucTest("§7.4, §17.3: nothing forged in messages, to all or to one", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (const forged of FORGED) {
    for (const stanza of await passedOn(alice, bob, forged)) {
      const text = `${stanza}`.replaceAll("forged@localhost", "forged");
      assert(!text.includes("forged"), `${forged}\n  came through as ${text}`);
      assert(!text.includes("moderate"), `${forged}\n  came through as ${text}`);
      assert(!text.includes("<item"), `${forged}\n  came through as ${text}`);
      assert.equal(stanza.elements("occupant-id").length, 1);
    }
  }
  bob.skip();
}, { modules: { muc: { messages: 0 } } });

mucTest("§7.4, §17.2: all else comes through unchanged", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (const element of TRUE) {
    for (const stanza of await passedOn(alice, bob, element)) {
      assert(`${stanza}`.includes("kept"), `${element}\n  came through as ${stanza}`);
    }
  }
}, { modules: { muc: { messages: 0 } } });

mucTest("§17.3: nothing forged in presence: when entering, later, leaving", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const all = FORGED.filter((f) => !f.includes("<password>")).join("");
  bob.send(`<presence to='${ROOM}/second' type='unavailable'>${all}</presence>`);
  check(await next(alice, "presence"));
  await quiet(server);
  bob.send(`<presence to='${ROOM}/second'><x xmlns='${MUC}'/>${all}${TRUE[5]}</presence>`);
  const entered = await next(alice, "presence");
  check(entered);
  assert(`${entered}`.includes("kept"));
  bob.send(`<presence to='${ROOM}/second'><show>away</show>${all}</presence>`);
  check(await next(alice, "presence"));
  bob.send(`<presence to='${ROOM}/third'>${all}</presence>`);
  check(await next(alice, "presence"));
  await alice.receives(`<presence from='${ROOM}/third'/>`);
  check(alice.last);
});

function check(stanza: Tag): void {
  const text = `${stanza}`.replaceAll("forged@localhost", "forged");
  assert(!text.includes("forged"), `came through as ${text}`);
  assert.equal(stanza.elements("x").filter((x) => x.ns === USER).length, 1);
  assert.equal(stanza.elements("occupant-id").length, 1);
  assert.equal(stanza.elements("hats").length, 0);
}

mucTest("§7.4: nothing forged in history, either", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(
    `<message to='${ROOM}' type='groupchat'><body>hi</body>${FORGED.join("")}</message>`,
  );
  await alice.receives("<message><body>hi</body></message>");
  const carol = await inside(server, "carol", "third");
  carol.send(`<presence to='${ROOM}/third'><x xmlns='${MUC}'/></presence>`);
  await carol.eventually("<message><body>hi</body></message>");
  assert(!carol.last.toString().includes("forged"), `${carol.last}`);
  assert.equal(carol.last.elements("delay").length, 1);
  assert.equal(carol.last.elements("stanza-id").length, 1);
  assert.equal(carol.last.elements("occupant-id").length, 1);
});
