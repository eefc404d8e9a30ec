/** New settings of `[modules.muc]` while people are in rooms, and the end of the module. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import { ask, configure, enter, error, item, join, ROOM, SERVICE, USER } from "../helpers/muc.ts";
import { type Confab, startConfab, toml } from "./process.ts";

const settings = (muc: string) =>
  toml(`[limits]\nbytes_per_second = 0\nconnections_per_second = 0\n[modules]\nmuc = ${muc}\n`);

async function reload(confab: Confab, muc: string): Promise<string[]> {
  await confab.write(settings(muc));
  return (await confab.json("reload")).changes;
}

async function said(from: TestClient, to: readonly TestClient[], nick: string, room = ROOM) {
  const id = crypto.randomUUID();
  from.send(`<message type='groupchat' to='${room}' id='${id}'><body>${id}</body></message>`);
  for (const client of to) {
    await client.eventually(
      `<message from='${room}/${nick}' id='${id}'><body>${id}</body></message>`,
    );
  }
}

/** The end of the service, as occupants see it (§10.9 is another). */
const shutdown = (nick: string, room = ROOM) =>
  `<presence type='unavailable' from='${room}/${nick}'><x xmlns='${USER}'>` +
  "<item role='none'/><status code='110'/><status code='332'/></x></presence>";

Deno.test("other settings: everybody stays, with roles and nicknames, and rooms obey the new ones", async () => {
  await using confab = await startConfab(settings("{ messages = 0 }"));
  const romeo = await online(confab.server, "romeo");
  await enter(romeo, "Romeo");
  await configure(romeo, ["moderatedroom=1", "roomname=Coven"]);
  const juliet = await online(confab.server, "juliet");
  await enter(juliet, "Juliet");
  await ask(romeo, "set", item("nick='Juliet' role='participant'"));
  await said(juliet, [romeo, juliet], "Juliet");
  // A room that waits to be configured waits on.
  const locked = `locked@${SERVICE}`;
  await enter(juliet, "Juliet", locked);

  assert.deepEqual(await reload(confab, "{ messages = 0, subject_length = 10 }"), [
    "localhost: module muc has new settings",
  ]);
  await said(juliet, [romeo, juliet], "Juliet");
  await said(romeo, [romeo, juliet], "Romeo");
  romeo.send(
    `<message type='groupchat' to='${ROOM}' id='s'><subject>too long a one</subject></message>`,
  );
  await romeo.eventually(`<message type='error' id='s'>${error("policy-violation")}</message>`);
  await ask(romeo, "get", item("role='moderator'"), "{any}");
  assert.equal(romeo.last.elements()[0]!.elements().length, 1);
  romeo.send(join("Romeo", locked));
  await romeo.eventually(
    `<presence type='error' from='${locked}/Romeo'>${error("item-not-found")}</presence>`,
  );
  await configure(juliet, [], locked);
  romeo.send(join("Romeo", locked));
  await romeo.eventually(
    `<presence from='${locked}/Romeo'><x xmlns='${USER}'><status code='110'/></x></presence>`,
  );
  juliet.send(`<presence to='${ROOM}/Giulietta'/>`);
  await romeo.eventually(`<presence from='${ROOM}/Giulietta'/>`);
  juliet.cut();
  await romeo.eventually(`<presence type='unavailable' from='${ROOM}/Giulietta'/>`);
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});

Deno.test("messages in the midst of a reload: told once, in order, or refused", async () => {
  await using confab = await startConfab(settings("{ messages = 0 }"));
  const romeo = await online(confab.server, "romeo");
  await enter(romeo, "Romeo");
  await configure(romeo, []);
  const told: number[] = [];
  const refused: number[] = [];
  let sent = 0;
  let isOver = false;
  const talk = async () => {
    while (!isOver || told.length + refused.length < sent) {
      while (!isOver && sent - told.length - refused.length < 20) {
        romeo.send(
          `<message type='groupchat' to='${ROOM}' id='${sent}'><body>${sent}</body></message>`,
        );
        sent++;
      }
      const { name, attrs } = await romeo.next("a message");
      if (name !== "message") continue;
      (attrs.type === "error" ? refused : told).push(Number(attrs.id));
    }
  };
  const talking = talk();
  for (let i = 1; i <= 5; i++) {
    await reload(confab, `{ messages = 0, subject_length = ${100 + i} }`);
  }
  isOver = true;
  await talking;
  assert.deepEqual(told, told.toSorted((a, b) => a - b));
  assert.equal(new Set([...told, ...refused]).size, sent);
  assert.ok(told.length > 100, `${told.length}`);
  console.log(`5 reloads: ${told.length} messages were told, ${refused.length} refused`);
});

Deno.test("switched off: everybody is told, nothing is left; switched on: what stays is there", async () => {
  await using confab = await startConfab(settings("true"));
  const romeo = await online(confab.server, "romeo");
  await enter(romeo, "Romeo");
  await configure(romeo, ["persistentroom=1"]);
  const temporary = `temporary@${SERVICE}`;
  await enter(romeo, "Romeo", temporary);
  await configure(romeo, [], temporary);
  const juliet = await online(confab.server, "juliet");
  await enter(juliet, "Juliet");
  romeo.skip();

  assert.deepEqual(await reload(confab, "false"), ["localhost: module muc unloaded"]);
  await romeo.eventually(shutdown("Romeo"));
  await romeo.eventually(shutdown("Romeo", temporary));
  await juliet.eventually(shutdown("Juliet"));
  juliet.send(`<message type='groupchat' to='${ROOM}' id='m'><body>hello?</body></message>`);
  await juliet.eventually(
    `<message type='error' id='m'>${error("remote-server-not-found")}</message>`,
  );
  await juliet.request(
    "<iq type='get' id='i' to='localhost'>" +
      "<query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
    "<iq type='result' id='i'/>",
  );
  assert.doesNotMatch(`${juliet.last}`, /conference/);

  assert.deepEqual(await reload(confab, "true"), ["localhost: module muc loaded"]);
  juliet.send(`<message type='groupchat' to='${ROOM}' id='m2'><body>hello?</body></message>`);
  await juliet.eventually(`<message type='error' id='m2'>${error("not-acceptable")}</message>`);
  await enter(romeo, "Romeo");
  await enter(juliet, "Juliet");
  await said(juliet, [romeo, juliet], "Juliet");
  const other = await online(confab.server, "other");
  await enter(other, "Other", temporary); // makes it anew
  await configure(other, [], temporary);
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});

Deno.test("another name: who is in rooms of the old one is told at once, others stay", async () => {
  const rooms = "rooms.localhost";
  await using confab = await startConfab(settings("{ more_names = ['rooms'] }"));
  const romeo = await online(confab.server, "romeo");
  await enter(romeo, "Romeo");
  await configure(romeo, ["persistentroom=1"]);
  const garden = `garden@${rooms}`;
  await enter(romeo, "Romeo", garden);
  await configure(romeo, [], garden);
  const before = performance.now();
  await reload(confab, "{ name = 'muc', more_names = ['rooms'] }");
  await romeo.eventually(shutdown("Romeo"));
  assert.ok(performance.now() - before < 4000);
  await said(romeo, [romeo], "Romeo", garden);
  await enter(romeo, "Romeo", "coven@muc.localhost");
  await reload(confab, "{ more_names = ['rooms'] }");
  await romeo.eventually(shutdown("Romeo", "coven@muc.localhost"));
  await enter(romeo, "Romeo");
  await said(romeo, [romeo], "Romeo");
  await said(romeo, [romeo], "Romeo", garden);
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});
