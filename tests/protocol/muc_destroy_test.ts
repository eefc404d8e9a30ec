/** XEP-0045 §10.9: destroying a room, and that nothing is left of it. */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  error,
  inside,
  item,
  join,
  MODULES,
  mucTest,
  OWNER,
  quiet,
  refused,
  ROOM,
  seen,
  SERVICE,
  USER,
} from "../helpers/muc.ts";
import { items, listed } from "../helpers/muc_lists.ts";
import { roomDestroyed } from "../../lib/hooks/rooms.ts";
import type { TestServer } from "../helpers/server.ts";

const destroy = (attributes = "", inner = "") =>
  `<query xmlns='${OWNER}'><destroy${attributes}>${inner}</destroy></query>`;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

mucTest(
  "§10.9: everybody is told once, with the reason and another place to go",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
    const desk = await inside(server, "bob", "second", ROOM, { resource: "desk" });
    const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
    const hag = await inside(server, "hag", "third");
    const reason = "<reason>Macbeth doth come.</reason><password>cauldronburn</password>";
    crone.send(
      `<iq type='set' id='begone' to='${ROOM}'>${destroy(` jid='heath@${SERVICE}'`, reason)}</iq>`,
    );
    const farewell = (nick: string) =>
      `<presence from='${ROOM}/${nick}' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='none' role='none'/><destroy jid='heath@${SERVICE}'>
    <reason>Macbeth doth come.</reason><password>cauldronburn</password></destroy></x></presence>`;
    await crone.receives(farewell("firstwitch"));
    await crone.receives(`<iq type='result' id='begone' from='${ROOM}'>{empty}</iq>`);
    await desk.receives(farewell("second"));
    await phone.receives(farewell("second"));
    await hag.receives(farewell("third"));
    for (const client of [crone, desk, phone, hag]) await client.receivesNothing();
  },
);

mucTest("§10.9: without a word, from outside, by any owner or an administrator", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("bard@localhost owner"));
  const bob = await inside(server, "bob", "second");
  const bard = await online(server, "bard");
  await ask(bard, "set", destroy());
  await bob.receives(
    `<presence from='${ROOM}/second' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='none' role='none'/><destroy jid='{absent}'>{empty}</destroy></x></presence>`,
  );
  await createRoom(server, crone, "firstwitch");
  const boss = await online(server, "boss");
  await ask(boss, "set", destroy());
  await crone.eventually("<presence type='unavailable'/>");
}, { admins: ["boss@localhost"] });

mucTest("§10.9: only owners destroy a room", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost member"));
  const clients = [
    await inside(server, "wicca", "second"),
    await inside(server, "hag", "third"),
    await inside(server, "bob", "fourth"),
    await online(server, "eve"),
  ];
  await quiet(server);
  for (const client of clients) await refused(client, "set", destroy(), "forbidden", "auth");
  await crone.receivesNothing();
});

mucTest("§10.9: rubbish", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await quiet(server);
  await refused(crone, "set", destroy(" jid='a@b@c'"), "jid-malformed", "modify");
  await refused(crone, "set", destroy(" jid=''"), "jid-malformed", "modify");
  const long = "x".repeat(1001);
  await refused(crone, "set", destroy("", `<reason>${long}</reason>`), "policy-violation");
  await refused(crone, "set", destroy("", `<password>${long}</password>`), "policy-violation");
  await refused(crone, "set", destroy(), "item-not-found", "cancel", `none@${SERVICE}`);
  await bob.receivesNothing();
});

mucTest("§10.9: afterwards it is not there, and can be made anew by anybody", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["persistentroom=1"]);
  await ask(crone, "set", items("bob@localhost outcast"));
  crone.send(`<message to='${ROOM}' type='groupchat'><body>secret</body></message>`);
  crone.send(`<message to='${ROOM}' type='groupchat'><subject>Toads</subject></message>`);
  await crone.eventually("<message><subject>Toads</subject></message>");
  await ask(crone, "set", destroy());
  await refused(
    crone,
    "get",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "item-not-found",
  );
  crone.send(`<message to='${ROOM}' type='groupchat'><body>anybody?</body></message>`);
  await crone.eventually(`<message type='error'>${error("item-not-found")}</message>`);
  const bob = await online(server, "bob");
  bob.send(join("mine", ROOM, ""));
  await bob.receives(seen("mine", "affiliation='owner'", { status: [110, 201] }));
  await bob.receives("<message type='groupchat'><subject>{empty}</subject></message>");
  await ask(bob, "set", `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`);
  assert.deepEqual(await listed(bob, "affiliation='owner'"), ["bob@localhost"]);
  assert.deepEqual(await listed(bob, "affiliation='outcast'"), []);
  bob.send(`<iq type='set' id='q' to='${ROOM}'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  await bob.receives("<iq type='result' id='q'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>");
});

/** All rows of the database in which a word stands, as `table: row`. */
async function traces(server: TestServer, word: string): Promise<readonly string[]> {
  const { db } = server.inner.store;
  const found: string[] = [];
  for (const { name } of await db.introspection.getTables()) {
    for (const row of await db.selectFrom(name as never).selectAll().execute()) {
      const texts = Object.values(row).map((v) =>
        v instanceof Uint8Array ? new TextDecoder().decode(v) : String(v)
      );
      if (texts.some((t) => t.includes(word))) found.push(`${name}: ${JSON.stringify(row)}`);
    }
  }
  return found;
}

for (const archive of ["1", "0"]) {
  const how = archive === "1" ? "an archive" : "a history of its own";
  mucTest(
    `§10.9: nothing is left of a room with ${how}`,
    async (server) => {
      const destroyed: string[] = [];
      server.host().hooks.add(roomDestroyed, "test", (room) => void destroyed.push(room.bare));
      const crone = await createRoom(server, "crone", "firstwitch", [
        "persistentroom=1",
        "enablelogging=1",
        `enablearchiving=${archive}`,
      ]);
      const bob = await inside(server, "bob", "second");
      await ask(crone, "set", items("bob@localhost member second", "hag@localhost outcast"));
      const vcard = "<vCard xmlns='vcard-temp'><FN>coven</FN></vCard>";
      await ask(crone, "set", vcard);
      crone.send(`<message to='${ROOM}' type='groupchat'><body>hail coven</body></message>`);
      bob.send(`<message to='${ROOM}' type='groupchat'><body>hail coven</body></message>`);
      crone.send(`<message to='${ROOM}' type='groupchat'><subject>coven</subject></message>`);
      await bob.eventually("<message><subject>coven</subject></message>");
      await pause(1300); // who is where, and the log, are written some time later
      const tables = new Set((await traces(server, "coven")).map((t) => t.split(":")[0]!));
      for (
        const table of [
          "muc_rooms",
          "muc_listed",
          "muc_affiliations",
          "muc_cards",
          "muc_occupants",
          archive === "1" ? "archive" : "muc_history",
          "room_log_rooms",
        ]
      ) assert(tables.has(table), `${table} is not in ${[...tables]}`);
      await ask(crone, "set", destroy());
      await pause(1300);
      assert.deepEqual(destroyed, [ROOM]);
      assert.deepEqual(await traces(server, "coven"), []);
      assert.deepEqual(await traces(server, "hail"), []);
    },
    { modules: { muc_log: {} } },
    [...MODULES, "muc_log"],
  );
}

mucTest("§10.9: nor of a temporary one that everybody has left", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  crone.send(`<message to='${ROOM}' type='groupchat'><body>hail coven</body></message>`);
  await bob.eventually("<message><body>hail coven</body></message>");
  await ask(crone, "set", item("affiliation='member' jid='hag@localhost'"));
  for (const [client, nick] of [[crone, "firstwitch"], [bob, "second"]] as const) {
    client.send(`<presence to='${ROOM}/${nick}' type='unavailable'/>`);
    await client.sync();
  }
  await pause(500);
  assert.deepEqual(await traces(server, "coven"), []);
});
