/** The id by which an occupant is known again (XEP-0421). */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  inside,
  item,
  join,
  mucTest,
  quiet,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";

const ID = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{id}'/>";
const SAY = `<message to='${ROOM}' type='groupchat'><body>hi</body></message>`;

/** Enters, and gives the id that its own presence has. */
async function idOf(client: TestClient, nick: string, room = ROOM): Promise<string> {
  client.send(join(nick, room));
  const { id } = await client.eventually(
    `<presence from='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc#user'>` +
      `<status code='110'/></x>${ID}</presence>`,
  );
  await client.eventually("<message><subject/></message>");
  return id!;
}

mucTest(
  "XEP-0421 §3: the same in presence, messages, private ones and the subject",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", ["changesubject=1"]);
    const bob = await online(server, "bob");
    const id = await idOf(bob, "second");
    const from = `from='${ROOM}/second'`;
    const same = ID.replace("{id}", id);
    await alice.receives(`<presence ${from}>${same}</presence>`);
    bob.send(SAY);
    await alice.receives(`<message ${from}>${same}</message>`);
    bob.send(`<message to='${ROOM}/first' type='chat'><body>hi</body></message>`);
    await alice.receives(`<message ${from} type='chat'>${same}</message>`);
    bob.send(`<message to='${ROOM}' type='groupchat'><subject>s</subject></message>`);
    await alice.receives(`<message ${from}><subject>s</subject>${same}</message>`);
    bob.send(`<presence to='${ROOM}/second'><show>away</show></presence>`);
    await alice.receives(`<presence ${from}><show>away</show>${same}</presence>`);
    // Whatever the nickname.
    bob.send(`<presence to='${ROOM}/third'/>`);
    await alice.receives(`<presence ${from} type='unavailable'>${same}</presence>`);
    await alice.receives(`<presence from='${ROOM}/third'>${same}</presence>`);
    bob.send(`<presence to='${ROOM}/third' type='unavailable'/>`);
    await alice.receives(`<presence from='${ROOM}/third' type='unavailable'>${same}</presence>`);
  },
);

mucTest("XEP-0421 §4: in history and the archive", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  const id = await idOf(bob, "second");
  const same = ID.replace("{id}", id);
  bob.send(SAY);
  await bob.receives(`<message>${same}</message>`);
  const carol = await online(server, "carol");
  carol.send(join("third", ROOM, ""));
  await carol.eventually(`<message from='${ROOM}/second'><body>hi</body>${same}</message>`);
  await carol.receives("<message><subject/></message>");
  carol.send(`<iq type='set' id='q' to='${ROOM}'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  await carol.receives(
    "<message><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
      `<message xmlns='jabber:client' from='${ROOM}/second'>${same}</message></forwarded></result>` +
      "</message>",
  );
  assert(!carol.last.toString().includes("bob@"), `${carol.last}`);
});

mucTest(
  "XEP-0421 §4.1: the same when the user comes again, by any client and nickname",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", ["persistentroom=1"]);
    const phone = await online(server, "bob", { resource: "phone" });
    const id = await idOf(phone, "second");
    phone.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
    await phone.receives(seen("second", "role='none'", { type: "unavailable", status: [110] }));
    assert.equal(await idOf(phone, "third"), id);
    const desktop = await online(server, "bob", { resource: "desktop" });
    assert.equal(await idOf(desktop, "fourth"), id);
    // Another affiliation is no other user.
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    await desktop.close();
    await quiet(server);
    assert.equal(await idOf(phone, "third"), id);
  },
);

mucTest(
  "XEP-0421 §4.1: others have others, and so has the same user in another room",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    const other = `other@${SERVICE}`;
    await createRoom(server, alice, "first", [], other);
    const ids = [
      await idOf(bob, "second"),
      await idOf(carol, "third"),
      await idOf(bob, "second", other),
      await idOf(carol, "third", other),
    ];
    assert.equal(new Set(ids).size, 4);
    for (const id of ids) assert(id.length >= 16 && id.length <= 128, id);
  },
);

mucTest("XEP-0421 §4.1: a room that was made anew knows nobody", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  const before = await idOf(bob, "second");
  for (const [client, nick] of [[bob, "second"], [alice, "first"]] as const) {
    client.send(`<presence to='${ROOM}/${nick}' type='unavailable'/>`);
    await client.eventually(seen(nick, "role='none'", { type: "unavailable", status: [110] }));
  }
  await createRoom(server, alice, "first");
  assert.notEqual(await idOf(bob, "second"), before);
});

mucTest("XEP-0421 §4: each stanza of an occupant has one, its last one too", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  await quiet(server);
  await ask(alice, "set", item("nick='second' role='none'"));
  await bob.receives(`<presence type='unavailable' from='${ROOM}/second'>${ID}</presence>`);
  await carol.receives(`<presence type='unavailable' from='${ROOM}/second'>${ID}</presence>`);
  await ask(
    alice,
    "set",
    "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>",
  );
  await carol.receives(`<presence type='unavailable' from='${ROOM}/third'>${ID}</presence>`);
  await enter(bob, "second"); // another room of that name
});
