/** XEP-0045 §7.14: exiting a room; and what becomes of rooms in which nobody is. */

import assert from "node:assert/strict";
import { roomDestroyed, roomLeft, roomLoad } from "../../lib/hooks/mod.ts";
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
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";
import { online } from "../helpers/client.ts";

const leave = (nick: string, inner = "", room = ROOM) =>
  `<presence type='unavailable' to='${room}/${nick}'>${inner}</presence>`;

mucTest("§7.14: who leaves is told with status 110, all others that it is gone", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  await quiet(server);
  bob.send(leave("Bob"));
  const gone = (jid: string, codes: string) =>
    `<presence from='${ROOM}/Bob' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>{only}` +
    `<item affiliation='none' role='none' jid='${jid}'/>${codes}</x></presence>`;
  await bob.receives(gone(bob.jid, "<status code='110'/>"));
  await alice.receives(gone(bob.jid, ""));
  await carol.receives(gone("{absent}", ""));

  // It hears nothing more, and may say nothing more; a second farewell is ignored (§17.3).
  alice.send(`<message type='groupchat' to='${ROOM}'><body>gone?</body></message>`);
  await carol.receives("<message><body>gone?</body></message>");
  bob.send(leave("Bob"));
  await bob.receivesNothing();
  bob.send(`<message type='groupchat' to='${ROOM}' id='m'><body>no</body></message>`);
  await bob.receives(`<message type='error' id='m'>${error("not-acceptable")}</message>`);
  bob.send(`<message type='chat' to='${ROOM}/Alice' id='p'><body>no</body></message>`);
  await bob.receives(`<message type='error' id='p'>${error("not-acceptable")}</message>`);
});

mucTest("§7.14: with words of one's own", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  const left: (string | undefined)[] = [];
  server.host().hooks.add(roomLeft, "test", (_room, who, { why, reason }) => {
    left.push(`${who.nick} ${why} ${reason}`);
  });
  bob.send(leave(
    "Bob",
    "<status>gone where the goblins go</status><x xmlns='http://jabber.org/protocol/muc#user'>" +
      "<item affiliation='owner' role='moderator'/><status code='301'/></x>",
  ));
  const gone =
    `<presence from='${ROOM}/Bob' type='unavailable'><status>gone where the goblins go</status>` +
    "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/></x></presence>";
  await alice.receives(gone);
  if (`${alice.last}`.includes("301")) throw new Error("what only the room says was passed on");
  await bob.receives(gone);
  assert.deepEqual(left, ["Bob left gone where the goblins go"]);
});

mucTest("§7.14: whichever nickname is named, it is the client that leaves", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  bob.send(leave("Alice"));
  await bob.receives(seen("Bob", "role='none'", { type: "unavailable", status: [110] }));
  await alice.receives(seen("Bob", "role='none'", { type: "unavailable" }));
});

mucTest(
  "§7.14: an unavailable presence to all, the end of the stream, and a lost connection",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const gone = seen("Bob", "role='none'", { type: "unavailable" });
    for (const way of ["unavailable", "close", "cut", "probe"]) {
      const bob = await inside(server, "bob", "Bob");
      await quiet(server);
      switch (way) {
        case "unavailable":
          bob.send("<presence type='unavailable'><status>off</status></presence>");
          break;
        case "close":
          await bob.close();
          break;
        case "cut":
          bob.cut();
          break;
        case "probe":
          // Other types are no request to leave (§17.3).
          for (const type of ["probe", "subscribe", "unsubscribed"]) {
            bob.send(`<presence type='${type}' to='${ROOM}/Bob'/>`);
          }
          await alice.receivesNothing();
          bob.cut();
      }
      await alice.receives(gone);
    }
  },
);

mucTest(
  "§7.14: of several clients under a nickname the last one takes it along",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const phone = await inside(server, "bob", "Bob", ROOM, { resource: "phone" });
    const desk = await inside(server, "bob", "Bob", ROOM, { resource: "desk" });
    const pad = await inside(server, "bob", "Bob", ROOM, { resource: "pad" });
    await quiet(server);
    phone.send(leave("Bob"));
    await phone.receives(
      seen("Bob", `jid='${phone.jid}' role='none'`, { type: "unavailable", status: [110] }),
    );
    for (const client of [alice, desk, pad]) await client.receivesNothing();
    // What is said to Bob reaches the others.
    alice.send(`<message type='chat' to='${ROOM}/Bob'><body>psst</body></message>`);
    await desk.receives("<message><body>psst</body></message>");
    await pad.receives("<message><body>psst</body></message>");
    await phone.receivesNothing();

    pad.cut();
    await alice.receives(seen("Bob", `jid='${desk.jid}' role='participant'`)); // that one is shown now
    await desk.eventually(seen("Bob", `jid='${desk.jid}' role='participant'`, { status: [110] }));
    desk.send(leave("Bob"));
    await alice.receives(seen("Bob", `jid='${desk.jid}' role='none'`, { type: "unavailable" }));
    await alice.receivesNothing();
    // The nickname is free.
    const carol = await online(server, "carol");
    await enter(carol, "Bob");
  },
);

mucTest("§7.14: a temporary room goes with the last one who leaves", async (server) => {
  const destroyed: string[] = [];
  server.host().hooks.add(roomDestroyed, "test", (jid) => void destroyed.push(jid.bare));
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  alice.send(`<message type='groupchat' to='${ROOM}'><body>a secret</body></message>`);
  alice.send(leave("Alice"));
  await quiet(server);
  assert.deepEqual(destroyed, []);
  bob.send(leave("Bob"));
  await bob.receives(seen("Bob", "role='none'", { type: "unavailable", status: [110] }));
  await bob.sync();
  assert.deepEqual(destroyed, [ROOM]);

  // Whoever comes next makes another one, in which nothing of the old one is left.
  bob.send(join("Bob", ROOM, ""));
  await bob.receives(
    seen("Bob", "affiliation='owner' role='moderator'", { status: [110, 201] }),
  );
  await bob.receives("<message type='groupchat'><subject>{empty}</subject></message>");
  alice.send(join("Alice"));
  await alice.receives(`<presence type='error'>${error("item-not-found")}</presence>`);
  // Nobody has configured it: it never was.
  bob.cut();
  await alice.sync();
  await until(() => destroyed.length === 2);
});

mucTest(
  "§7.14: a temporary room also goes when the last connection is lost, or a kick empties it",
  async (server) => {
    const destroyed: string[] = [];
    server.host().hooks.add(roomDestroyed, "test", (jid) => void destroyed.push(jid.node));
    const alice = await createRoom(server, "alice", "Alice", [], `one@${SERVICE}`);
    alice.cut();
    await until(() => destroyed.includes("one"));
    const bob = await createRoom(server, "bob", "Bob", [], `two@${SERVICE}`);
    await ask(bob, "set", item("nick='Bob' role='none'"), "{empty}", `two@${SERVICE}`);
    await until(() => destroyed.includes("two"));
  },
);

mucTest("§7.14: a persistent room remains, sleeps, and is woken as it was", async (server) => {
  const loads: string[] = [];
  server.host().hooks.add(roomLoad, "test", (jid) => void loads.push(jid.node), {
    priority: 1000,
  });
  const alice = await createRoom(server, "alice", "Alice", [
    "persistentroom=1",
    "whois=anyone",
    "roomname=The Coven",
  ]);
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost' nick='Bob'"));
  alice.send(`<message type='groupchat' to='${ROOM}'><subject>cats</subject></message>`);
  alice.send(
    `<message type='groupchat' to='${ROOM}' id='old'><body>older</body>` +
      "<delay xmlns='urn:xmpp:delay' from='alice@localhost' stamp='2004-09-29T01:54:37Z'/></message>",
  );
  alice.send(`<message type='groupchat' to='${ROOM}' id='new'><body>newer</body></message>`);
  await quiet(server);
  alice.send(leave("Alice"));
  await quiet(server);
  const bob = await online(server, "bob");
  // Ten others in which nobody is: the first goes to sleep.
  for (let n = 0; n < 11; n++) {
    const room = `room${n}@${SERVICE}`;
    await createRoom(server, bob, "Bob", ["persistentroom=1"], room);
    bob.send(leave("Bob", "", room));
  }
  await quiet(server);
  loads.length = 0;

  bob.send(join("Bob", ROOM, ""));
  await bob.receives(
    seen("Bob", "affiliation='member' role='participant'", { status: [110, 100] }),
  );
  await bob.receives(
    `<message from='${ROOM}/Alice' id='old'><body>older</body><delay xmlns='urn:xmpp:delay' from='alice@localhost'/></message>`,
  );
  assert.equal(bob.last.elements().filter((e) => e.name === "delay").length, 1);
  await bob.receives(
    `<message from='${ROOM}/Alice' id='new'><body>newer</body><delay xmlns='urn:xmpp:delay' from='${ROOM}'/></message>`,
  );
  await bob.receives(
    `<message from='${ROOM}/Alice'><subject>cats</subject><delay xmlns='urn:xmpp:delay' from='${ROOM}'/></message>`,
  );
  assert.deepEqual(loads, ["coven"]);
  await ask(
    bob,
    "get",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info'><identity name='The Coven'/></query>",
  );
  // The nickname is still its own.
  alice.send(join("Bob"));
  await alice.receives(`<presence type='error'>${error("conflict")}</presence>`);
}, { modules: { muc: { awake: 10 } } });

mucTest("§7.14: who leaves and comes back at once is there", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
  for (let n = 0; n < 3; n++) alice.send(leave("Alice") + join("Alice"));
  for (let n = 0; n < 3; n++) {
    await alice.receives(seen("Alice", "role='none'", { type: "unavailable", status: [110] }));
    await alice.receives(
      seen("Alice", "affiliation='owner' role='moderator'", { status: [110] }),
    );
    await alice.receives("<message><subject/></message>");
  }
  alice.send(`<message type='groupchat' to='${ROOM}'><body>here</body></message>`);
  await alice.receives(`<message from='${ROOM}/Alice'><body>here</body></message>`);
});

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 100 && !condition(); n++) await new Promise((r) => setTimeout(r, 20));
  assert.ok(condition());
}
