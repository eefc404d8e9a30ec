/** XEP-0502: how much is said in a room. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import { ask, configure, createRoom, FORMS, inside, mucTest, ROOM } from "../helpers/muc.ts";
import { body, say } from "../helpers/muc_archive.ts";
import type { TestServer } from "../helpers/server.ts";
import { roomFind } from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Activity } from "../../modules/muc/activity.ts";

const INFO = "http://jabber.org/protocol/disco#info";

async function infoField(client: TestClient, name: string): Promise<string | undefined> {
  await ask(client, "get", `<query xmlns='${INFO}'/>`, `<query xmlns='${INFO}'/>`);
  const x = client.last.child("query", INFO)!.child("x", FORMS)!;
  return x.elements().find((f) => f.attrs.var === name)?.child("value", FORMS)?.text();
}

const ACTIVITY = "{urn:xmpp:muc-activity}message-activity";

/** Makes the room believe that so many hours have gone by. */
async function hoursLater(server: TestServer, hours: number) {
  const room = await server.host().hooks.ask(roomFind, parseJid(ROOM)!);
  const { activity } = room as unknown as { activity: Activity };
  activity.rate(Date.now() + hours * 3_600_000);
}

mucTest("XEP-0502 §3.1, §4: messages per hour of a room for everybody", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
  const bob = await inside(server, "bob", "second");
  // There is no hour yet of which it could be told.
  assert.equal(await infoField(bob, ACTIVITY), undefined);
  await say(crone, body("one"));
  await say(bob, body("two"));
  await say(bob, body("three"));
  // Neither corrections, nor what has no body, nor private messages, nor subjects.
  await say(bob, body("3") + "<replace id='x' xmlns='urn:xmpp:message-correct:0'/>");
  await say(bob, "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
  await say(crone, "<subject>Toads</subject>");
  bob.send(`<message to='${ROOM}/firstwitch' type='chat'><body>psst</body></message>`);
  await crone.eventually("<message type='chat'/>");
  await hoursLater(server, 1);
  assert.equal(await infoField(bob, ACTIVITY), "3.00");
  assert.equal(await infoField(await online(server, "eve"), ACTIVITY), "3.00");
});

for (
  const [how, fields] of [
    ["temporary", ["persistentroom=0"]],
    ["hidden", ["publicroom=0"]],
    ["members-only", ["membersonly=1"]],
    ["with a password", ["passwordprotectedroom=1", "roomsecret=x"]],
  ] as const
) {
  mucTest(`XEP-0502 §3.1, §9: nothing is told of a room that is ${how}`, async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
    await say(crone, body("one"));
    await hoursLater(server, 1);
    assert.equal(await infoField(crone, ACTIVITY), "1.00");
    await configure(crone, fields);
    assert.equal(await infoField(crone, ACTIVITY), undefined);
  });
}
