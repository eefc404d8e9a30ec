/** XEP-0425: messages that moderators retract. XEP-0424: messages that their authors retract. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  mucTest,
  quiet,
  refused,
  ROOM,
} from "../helpers/muc.ts";
import { body, readArchive, say } from "../helpers/muc_archive.ts";
import { woken } from "../helpers/muc_woken.ts";
import { roomRetracted } from "../../lib/hooks/rooms.ts";

const MODERATE = "urn:xmpp:message-moderate:1";
const RETRACT = "urn:xmpp:message-retract:1";
const OCCUPANT = "urn:xmpp:occupant-id:0";
const INFO = "http://jabber.org/protocol/disco#info";

const moderate = (id: string, reason = "") =>
  `<moderate id='${id}' xmlns='${MODERATE}'><retract xmlns='${RETRACT}'/>${
    reason === "" ? "" : `<reason>${reason}</reason>`
  }</moderate>`;

const retract = (id: string) => `<retract id='${id}' xmlns='${RETRACT}'/>`;

/** Bodies that somebody gets who enters. */
async function history(client: TestClient, nick: string): Promise<string> {
  client.skip();
  client.send(join(nick, ROOM, ""));
  const bodies: string[] = [];
  for (;;) {
    const element = await client.next();
    if (element.child("subject", "jabber:client") !== undefined) return bodies.join(" ");
    const text = element.child("body", "jabber:client")?.text();
    if (element.name === "message" && text !== undefined) bodies.push(text);
  }
}

mucTest("XEP-0425 §2, XEP-0424 §2, §4: the room announces it", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const features = [MODERATE, RETRACT, `${RETRACT}#tombstone`];
  await ask(
    crone,
    "get",
    `<query xmlns='${INFO}'/>`,
    `<query xmlns='${INFO}'>${features.map((f) => `<feature var='${f}'/>`).join("")}</query>`,
  );
});

mucTest("XEP-0425 §3.1: a moderator retracts a message, with a reason", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const told: unknown[] = [];
  server.host().hooks.add(roomRetracted, "test", (room, id, why) => {
    told.push([room.jid.bare, id, why]);
  });
  const bob = await inside(server, "bob", "second");
  const hag = await inside(server, "hag", "third");
  const id = await say(bob, body("buy potions"));
  await quiet(server);
  crone.send(`<iq type='set' id='r1' to='${ROOM}'>${moderate(id, "spam")}</iq>`);
  await crone.receives(`<iq type='result' id='r1' from='${ROOM}'>{empty}</iq>`);
  const notice = `<message from='${ROOM}' type='groupchat' id='{any}'>
    <retract id='${id}' xmlns='${RETRACT}'>
    <moderated by='${ROOM}/firstwitch' xmlns='${MODERATE}'><occupant-id id='{who}' xmlns='${OCCUPANT}'/>
    </moderated><reason>spam</reason></retract>
    <stanza-id xmlns='urn:xmpp:sid:0' by='${ROOM}' id='{notice}'/></message>`;
  const { who, notice: noticeId } = await crone.receives(notice);
  await bob.receives(notice);
  await hag.receives(notice);
  await hag.receivesNothing();
  assert.deepEqual(told, [[ROOM, id, "spam"]]);
  // In the archive: a tombstone in its place, and the notice.
  const { ids, messages, bodies } = await readArchive(hag);
  assert.deepEqual(ids, [id, noticeId]);
  assert.equal(bodies, "- -");
  const [tombstone] = messages;
  assert.equal(tombstone!.attrs.from, `${ROOM}/second`);
  assert.equal(tombstone!.attrs.type, "groupchat");
  const retracted = tombstone!.child("retracted", RETRACT)!;
  assert.match(retracted.attrs.stamp!, /^20.*Z$/);
  assert.equal(retracted.child("reason", RETRACT)!.text(), "spam");
  const moderated = retracted.child("moderated", MODERATE)!;
  assert.equal(moderated.attrs.by, `${ROOM}/firstwitch`);
  assert.equal(moderated.child("occupant-id", OCCUPANT)!.attrs.id, who);
  assert.notEqual(tombstone!.child("occupant-id", OCCUPANT), undefined);
  assert(!tombstone!.toString().includes("potions"));
  assert.equal(await history(await online(server, "eve"), "eve"), "");
});

mucTest(
  "XEP-0425 §3: without a reason, and any moderator's or visitor's message",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    const hag = await inside(server, "hag", "third");
    await ask(crone, "set", item("nick='third' role='moderator'"));
    const first = await say(crone, body("one"));
    const kept = await say(crone, body("two"));
    await quiet(server);
    await ask(hag, "set", moderate(first));
    await crone.eventually(`<message from='${ROOM}'><retract id='${first}' xmlns='${RETRACT}'>
    <moderated by='${ROOM}/third' xmlns='${MODERATE}'/><reason>{absent}</reason></retract></message>`);
    const { ids, messages } = await readArchive(crone);
    assert.deepEqual(ids.slice(0, 2), [first, kept]);
    const retracted = messages[0]!.child("retracted", RETRACT)!;
    assert.equal(retracted.child("reason", RETRACT), undefined);
    assert.equal(await history(await online(server, "eve"), "eve"), "two");
  },
);

mucTest("XEP-0425 §3.2: who may not, and what there is not", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  const id = await say(crone, body("hail"));
  await quiet(server);
  await refused(bob, "set", moderate(id), "forbidden", "auth");
  await refused(await online(server, "eve"), "set", moderate(id), "not-acceptable");
  // An owner who is not there is no moderator.
  await refused(await online(server, "crone"), "set", moderate(id), "not-acceptable");
  await refused(crone, "set", moderate("unknown"), "item-not-found", "cancel");
  await refused(crone, "set", moderate(""), "item-not-found", "cancel");
  const none = `<moderate xmlns='${MODERATE}'><retract xmlns='${RETRACT}'/></moderate>`;
  await refused(crone, "set", none, "bad-request");
  await refused(crone, "set", `<moderate id='${id}' xmlns='${MODERATE}'/>`, "bad-request");
  const edit = `<moderate id='${id}' xmlns='${MODERATE}'><edit xmlns='${RETRACT}'/></moderate>`;
  await refused(crone, "set", edit, "bad-request");
  await refused(crone, "set", moderate(id, "x".repeat(1001)), "policy-violation");
  await bob.receivesNothing();
  assert.equal((await readArchive(bob)).bodies, "hail");
  // Once is enough.
  await ask(crone, "set", moderate(id));
  await quiet(server);
  await refused(crone, "set", moderate(id, "again"), "item-not-found", "cancel");
  await bob.receivesNothing();
});

mucTest("XEP-0425: in a room without an archive, what is remembered", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["enablearchiving=0"]);
  const bob = await inside(server, "bob", "second");
  const id = await say(bob, body("one"));
  await say(bob, body("two"));
  await ask(crone, "set", moderate(id));
  await bob.eventually(
    `<message from='${ROOM}'><retract id='${id}' xmlns='${RETRACT}'/></message>`,
  );
  await quiet(server);
  await refused(crone, "set", moderate(id), "item-not-found");
  assert.equal(await history(await online(server, "eve"), "eve"), "two");
});

mucTest(
  "XEP-0425 §5: nobody says in the room's name that something was moderated",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    const bob = await inside(server, "bob", "second");
    const id = await say(crone, body("hail"));
    await quiet(server);
    const forged = `<retract id='${id}' xmlns='${RETRACT}'>
    <moderated by='${ROOM}/firstwitch' xmlns='${MODERATE}'/></retract>`;
    bob.send(`<message to='${ROOM}' type='groupchat' id='f'>${forged}${body("x")}</message>`);
    const { name } = await bob.receives("<message id='f' type='{name}'/>");
    if (name === "groupchat") {
      assert.equal(bob.last.child("retract", RETRACT), undefined);
    }
    const past = `<retracted id='x' stamp='2020-01-01T00:00:00Z' xmlns='${RETRACT}'/>`;
    await say(bob, past + body("y"));
    await crone.eventually("<message><body>y</body><retracted>{absent}</retracted></message>");
    assert.equal((await readArchive(crone)).bodies.slice(0, 4), "hail");
  },
);

mucTest("XEP-0424 §3, §4, §5: an author retracts a message", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  const id = await say(bob, body("oops"));
  await say(bob, body("kept"));
  await quiet(server);
  bob.send(`<message to='${ROOM}' type='groupchat' id='r1'>${retract(id)}
    <fallback xmlns='urn:xmpp:fallback:0' for='${RETRACT}'/><body>gone</body></message>`);
  await crone.receives(`<message from='${ROOM}/second' type='groupchat' id='r1'>
    <retract id='${id}' xmlns='${RETRACT}'/><occupant-id xmlns='${OCCUPANT}'/></message>`);
  await quiet(server);
  const { ids, messages, bodies } = await readArchive(crone);
  assert.equal(bodies, "- kept gone");
  assert.equal(ids[0], id);
  const retracted = messages[0]!.child("retracted", RETRACT)!;
  assert.equal(retracted.attrs.id, "r1");
  assert.match(retracted.attrs.stamp!, /Z$/);
  assert.equal(await history(await online(server, "eve"), "eve"), "kept gone");
});

mucTest("XEP-0424 §5: a retraction without a body is kept, too", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const id = await say(crone, body("oops"));
  const own = await say(crone, retract(id));
  await quiet(server);
  const { ids, messages } = await readArchive(crone);
  assert.deepEqual(ids, [id, own]);
  assert.equal(messages[1]!.child("retract", RETRACT)!.attrs.id, id);
});

mucTest("XEP-0424 §5: another client of the author, under another nickname", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const desk = await inside(server, "bob", "second", ROOM, { resource: "desk" });
  const phone = await inside(server, "bob", "other", ROOM, { resource: "phone" });
  const id = await say(desk, body("oops"));
  await quiet(server);
  await say(phone, retract(id));
  await crone.eventually(`<message from='${ROOM}/other'><retract xmlns='${RETRACT}'/></message>`);
  await quiet(server);
  assert.equal((await readArchive(crone)).bodies, "- -");
});

mucTest("XEP-0424 §5: nobody retracts what another has said", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  const id = await say(crone, body("hail"));
  await quiet(server);
  for (const client of [bob]) {
    client.send(`<message to='${ROOM}' type='groupchat' id='r1'>${retract(id)}</message>`);
    await client.receives(`<message type='error' id='r1'>${error("forbidden", "auth")}</message>`);
  }
  await crone.receivesNothing();
  // Not even a moderator in this way, nor somebody who takes the nickname.
  const theirs = await say(bob, body("mine"));
  await quiet(server);
  crone.send(`<message to='${ROOM}' type='groupchat' id='r2'>${retract(theirs)}</message>`);
  await crone.receives(`<message type='error' id='r2'>${error("forbidden", "auth")}</message>`);
  bob.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await bob.sync();
  const eve = await online(server, "eve");
  await enter(eve, "second");
  eve.send(`<message to='${ROOM}' type='groupchat' id='r3'>${retract(theirs)}</message>`);
  await eve.eventually(`<message type='error' id='r3'>${error("forbidden", "auth")}</message>`);
  assert.equal((await readArchive(crone)).bodies, "hail mine");
});

mucTest("XEP-0424: a retraction of what nobody knows is a message like others", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await say(bob, retract("unknown") + body("gone"));
  await crone.eventually(`<message from='${ROOM}/second'><body>gone</body></message>`);
  await quiet(server);
  assert.equal((await readArchive(crone)).bodies, "gone");
});

mucTest("XEP-0424, XEP-0425: what a moderator has retracted stays so", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  const id = await say(bob, body("buy potions"));
  await ask(crone, "set", moderate(id, "spam"));
  await quiet(server);
  bob.send(`<message to='${ROOM}' type='groupchat' id='r1'>${retract(id)}</message>`);
  await bob.receives("<message id='r1'/>");
  await quiet(server);
  const { messages } = await readArchive(crone);
  const retracted = messages[0]!.child("retracted", RETRACT)!;
  assert.equal(retracted.child("reason", RETRACT)?.text(), "spam");
});

mucTest("XEP-0424: after the room has slept, the retracted is still not told", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
  const id = await say(crone, body("oops"));
  await say(crone, body("kept"));
  await say(crone, retract(id) + body("gone"));
  await quiet(server);
  await woken(server, async (later) => {
    assert.equal(await history(await online(later, "eve"), "eve"), "kept gone");
  });
});
