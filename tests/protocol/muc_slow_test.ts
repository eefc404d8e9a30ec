/** XEP-0500: slow mode. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  FORMS,
  inside,
  item,
  mucTest,
  quiet,
  ROOM,
  STANZAS,
  USER,
} from "../helpers/muc.ts";
import { body, readArchive, say } from "../helpers/muc_archive.ts";
import { items } from "../helpers/muc_lists.ts";

const INFO = "http://jabber.org/protocol/disco#info";

async function infoField(client: TestClient, name: string): Promise<string | undefined> {
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  const x = client.last.child("query", INFO)!.child("x", FORMS)!;
  return x.elements().find((f) => f.attrs.var === name)?.child("value", FORMS)?.text();
}

/** Says something too early. */
async function tooEarly(client: TestClient): Promise<void> {
  client.send(`<message to='${ROOM}' type='groupchat' id='early'><body>early</body></message>`);
  await client.eventually(
    `<message type='error' id='early' from='${ROOM}'><error type='wait'>
    <policy-violation xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>slow mode{any}</text></error>
    </message>`,
  );
}

const SLOW = "muc#roominfo_slow_mode_duration";

mucTest("XEP-0500 §5: owners set it, and everybody finds it", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const eve = await online(server, "eve");
  assert.equal(await infoField(eve, SLOW), undefined);
  await configure(crone, ["slow_mode_duration=20"]);
  assert.equal(await infoField(eve, SLOW), "20");
  await crone.receives(
    `<message from='${ROOM}' type='groupchat'><x xmlns='${USER}'><status code='104'/></x></message>`,
  );
  await configure(crone, ["slow_mode_duration=0"]);
  assert.equal(await infoField(eve, SLOW), undefined);
});

mucTest("XEP-0500 §6, §8: a user waits, whatever client or nickname it is", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["slow_mode_duration=1"]);
  const desk = await inside(server, "bob", "second", ROOM, { resource: "desk" });
  const phone = await inside(server, "bob", "other", ROOM, { resource: "phone" });
  const hag = await inside(server, "hag", "third");
  await quiet(server);
  await say(desk, body("one"));
  await tooEarly(desk);
  await tooEarly(phone);
  // Only what has a body counts; others have their own time.
  await say(desk, "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
  await say(hag, body("two"));
  // Nor does it help to leave and come again.
  desk.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await desk.sync();
  const again = await inside(server, "bob", "new", ROOM, { resource: "again" });
  await tooEarly(again);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  // What was refused has not made the time any longer.
  await say(phone, body("three"));
  await tooEarly(phone);
  assert.equal((await readArchive(crone)).bodies, "one two three");
});

mucTest("XEP-0500 §6: owners, admins and moderators need not wait, members do", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["slow_mode_duration=60"]);
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost member"));
  const admin = await inside(server, "wicca", "second");
  const hag = await inside(server, "hag", "third");
  const bob = await inside(server, "bob", "fourth");
  await ask(crone, "set", item("nick='fourth' role='moderator'"));
  await quiet(server);
  for (const client of [crone, admin, bob]) {
    for (const text of ["one", "two", "three"]) await say(client, body(text));
  }
  await say(hag, body("one"));
  await tooEarly(hag);
  // Changes of the subject and private messages are no messages to the room.
  hag.send(`<message to='${ROOM}/fourth' type='chat'><body>psst</body></message>`);
  await bob.eventually("<message type='chat'><body>psst</body></message>");
  await configure(crone, ["slow_mode_duration=0"]);
  await say(hag, body("two"));
  await ask(crone, "set", item("nick='fourth' role='participant'"));
  await configure(crone, ["slow_mode_duration=60"]);
  await say(bob, body("four"));
  await tooEarly(bob);
});
