/** Entering rooms: what everybody gets to see, and in which order (XEP-0045 §7.1, §7.2.1-7.2.4). */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  MODULES,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
  SERVICE,
  USER,
} from "../helpers/muc.ts";
import { roomEnter } from "../../lib/hooks/rooms.ts";
import { HTTP_LISTENERS } from "../helpers/http.ts";

const NO_SUBJECT = `<message type='groupchat' from='${ROOM}'><subject>{empty}</subject></message>`;

mucTest("§7.1: others, oneself, history, subject, and what happens then", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  alice.send(`<message to='${ROOM}' type='groupchat'><body>before</body></message>`);
  await alice.eventually("<message><body>before</body></message>");
  const carol = await online(server, "carol");
  // What is said at the same moment comes in the room's order: here behind the entering.
  carol.send(join("third", ROOM, ""));
  await carol.receives(seen("first", "role='moderator'"));
  bob.send(`<message to='${ROOM}' type='groupchat'><body>after</body></message>`);
  await carol.receives(seen("second", "role='participant'"));
  await carol.receives(seen("third", "role='participant'", { status: [110] }));
  await carol.receives(
    `<message from='${ROOM}/first' type='groupchat'><body>before</body>` +
      "<delay xmlns='urn:xmpp:delay'/></message>",
  );
  await carol.receives(NO_SUBJECT);
  await carol.receives(
    `<message from='${ROOM}/second' type='groupchat'><body>after</body>` +
      "<delay xmlns='urn:xmpp:delay'>{absent}</delay></message>",
  );
});

mucTest("§7.2.1: without a nickname nobody enters", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  for (const room of [ROOM, `none@${SERVICE}`]) {
    bob.send(`<presence id='273hs51g' to='${room}'><x xmlns='${MUC}'/></presence>`);
    await bob.receives(
      `<presence from='${room}' id='273hs51g' type='error'>${
        error("jid-malformed", "modify")
      }</presence>`,
    );
  }
});

mucTest(
  "§7.2.2: those who are there, with role and affiliation, and oneself last",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    await ask(alice, "set", item("affiliation='admin' jid='bob@localhost'"));
    await ask(alice, "set", item("affiliation='member' jid='carol@localhost'"));
    await inside(server, "bob", "second");
    const carol = await online(server, "carol");
    alice.skip();
    carol.send(`<presence id='n13mt3l' to='${ROOM}/third'><x xmlns='${MUC}'/></presence>`);
    await carol.receives(seen("first", "affiliation='owner' role='moderator'"));
    await carol.receives(seen("second", "affiliation='admin' role='moderator'"));
    await carol.receives(
      `<presence id='n13mt3l' from='${ROOM}/third' to='${carol.jid}' type='{absent}'>` +
        `<x xmlns='${USER}'><item affiliation='member' role='participant'/>` +
        "<status code='110'/><status code='100'>{absent}</status></x></presence>",
    );
    await carol.receives(NO_SUBJECT);
    // The others: without a status code of any kind, and without the id.
    await alice.eventually(
      `<presence from='${ROOM}/third' to='${alice.jid}' id='{absent}'><x xmlns='${USER}'>{only}` +
        `<item affiliation='member' role='participant' jid='${carol.jid}'/></x></presence>`,
    );
  },
);

mucTest(
  "§7.2.2: there is one element of the room, whatever the client has sent",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await online(server, "bob");
    bob.send(
      `<presence to='${ROOM}/second'><show>away</show><status>brb</status><priority>5</priority>` +
        `<x xmlns='${MUC}'/><x xmlns='${USER}'><item affiliation='owner' role='moderator'/></x>` +
        `<c xmlns='http://jabber.org/protocol/caps' node='n' ver='v' hash='sha-1'/></presence>`,
    );
    await alice.receives(
      `<presence from='${ROOM}/second'>{only}<show>away</show><status>brb</status>` +
        `<priority>5</priority><x xmlns='${USER}'>{only}<item affiliation='none' ` +
        `role='participant' jid='${bob.jid}'/></x><occupant-id xmlns='urn:xmpp:occupant-id:0'/>` +
        `<c xmlns='http://jabber.org/protocol/caps' node='n'/></presence>`,
    );
  },
);

mucTest(
  "§7.2.2: a nickname is put into its form, and the occupant is told (210)",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await online(server, "bob");
    bob.send(join("third  witch"));
    await bob.receives(seen("first", "role='moderator'"));
    await bob.receives(seen("third witch", "role='participant'", { status: [110, 210] }));
    await alice.receives(
      `<presence from='${ROOM}/third witch'><x xmlns='${USER}'>` +
        "<status code='210'>{absent}</status></x></presence>",
    );
  },
);

mucTest(
  "§7.2.2: where nicknames are locked down, it is the registered one (210)",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", ["locknicks=1"]);
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost' nick='second'"));
    const bob = await online(server, "bob");
    bob.send(join("anything"));
    await bob.receives(seen("first", "role='moderator'"));
    await bob.receives(seen("second", "affiliation='member'", { status: [110, 210] }));
  },
);

mucTest("§7.2.2: a hook gives another nickname and another role", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  server.host().hooks.add(
    roomEnter,
    "test",
    (_room, who) => who.node === "bob" ? { nick: "bobby", role: "visitor" as const } : undefined,
  );
  bob.send(join("second"));
  await bob.receives(seen("first", "role='moderator'"));
  await bob.receives(seen("bobby", "role='visitor'", { status: [110, 210] }));
});

mucTest("§7.2.2: what presencebroadcast leaves out only moderators see", async (server) => {
  const alice = await createRoom(server, "alice", "first", [
    "moderatedroom=1",
    "presencebroadcast=moderator|participant",
  ]);
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  carol.send(join("third"));
  await alice.receives(seen("third", "role='visitor'"));
  await carol.receives(seen("first", "role='moderator'"));
  await carol.receives(seen("second", "role='participant'"));
  await carol.receives(seen("third", "role='visitor'", { status: [110] }));
  await bob.receivesNothing();
  // Nor does another visitor see the first one.
  const dave = await online(server, "dave");
  dave.send(join("fourth"));
  await dave.receives(seen("first", "role='moderator'"));
  await dave.receives(seen("second", "role='participant'"));
  await dave.receives(seen("fourth", "role='visitor'", { status: [110] }));
});

mucTest("§7.2.3: in a non-anonymous room everybody sees all addresses (100)", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["whois=anyone"]);
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  carol.send(join("third"));
  await carol.receives(seen("first", `jid='${alice.jid}'`));
  await carol.receives(seen("second", `jid='${bob.jid}'`));
  await carol.receives(seen("third", `jid='${carol.jid}'`, { status: [100, 110] }));
  for (const other of [alice, bob]) {
    await other.eventually(
      `<presence from='${ROOM}/third'><x xmlns='${USER}'>{only}` +
        `<item affiliation='none' role='participant' jid='${carol.jid}'/></x></presence>`,
    );
  }
});

mucTest("§7.2.4: in a semi-anonymous room moderators alone see them", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  alice.skip();
  carol.send(join("third"));
  await carol.receives(seen("first", "jid='{absent}'"));
  await carol.receives(seen("second", "jid='{absent}'"));
  await carol.receives(
    `<presence from='${ROOM}/third'><x xmlns='${USER}'>{only}<item jid='${carol.jid}'/>` +
      "<status code='110'/><mav xmlns='urn:xmpp:muc:affiliations:1'/></x></presence>",
  );
  await alice.receives(seen("third", `jid='${carol.jid}'`));
  await bob.receives(seen("third", "jid='{absent}'"));
  // An admin that comes later sees all of them.
  await ask(alice, "set", item("affiliation='admin' jid='dave@localhost'"));
  const dave = await online(server, "dave");
  dave.send(join("fourth"));
  await dave.receives(seen("first", `jid='${alice.jid}'`));
  await dave.receives(seen("second", `jid='${bob.jid}'`));
  await dave.receives(seen("third", `jid='${carol.jid}'`));
});

mucTest(
  "§7.2.4: who becomes a moderator learns the addresses, who was one no more",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    const carol = await inside(server, "carol", "third");
    await ask(alice, "set", item("nick='second' role='moderator'"));
    await bob.receives(seen("second", "role='moderator'", { status: [110] }));
    await bob.receivesAll(
      seen("first", `jid='${alice.jid}'`),
      seen("third", `jid='${carol.jid}'`),
    );
    await ask(alice, "set", item("nick='second' role='participant'"));
    await quiet(server);
    carol.send(`<presence to='${ROOM}/third'><show>away</show></presence>`);
    await bob.receives(seen("third", "jid='{absent}'"));
  },
);

mucTest(
  "§7.2.12: who enters a logged room is told (170)",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const logged = `logged@${SERVICE}`;
    await createRoom(server, alice, "first", ["enablelogging=1", "whois=anyone"], logged);
    const bob = await online(server, "bob");
    bob.send(join("second"));
    await bob.receives(seen("first", "role='moderator'"));
    await bob.receives(
      `<presence from='${ROOM}/second'><x xmlns='${USER}'><status code='110'/></x></presence>`,
    );
    assert(!bob.last.toString().includes("170"));
    await bob.receives(NO_SUBJECT);
    bob.send(join("second", logged));
    await bob.receives(seen("first", "role='moderator'", { room: logged }));
    await bob.receives(
      seen("second", "role='participant'", { status: [100, 110, 170], room: logged }),
    );
  },
  { listen: HTTP_LISTENERS },
  [...MODULES, "muc_log"],
);

mucTest("§7.2.16: once the subject was sent, everything comes as it happens", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  carol.send(join("third"));
  await carol.eventually(NO_SUBJECT);
  alice.send(`<presence to='${ROOM}/first'><show>dnd</show></presence>`);
  await carol.receives(`<presence from='${ROOM}/first'><show>dnd</show></presence>`);
  bob.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await carol.receives(seen("second", "role='none'", { type: "unavailable" }));
  const dave = await online(server, "dave");
  await enter(dave, "fourth");
  await carol.receives(seen("fourth", "role='participant'"));
  dave.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  await carol.receives(`<message from='${ROOM}/fourth'><body>hi</body></message>`);
});

mucTest("§7.2.11: a room that is none is made for whoever enters it (201)", async (server) => {
  const alice = await online(server, "alice");
  alice.send(join("first"));
  await alice.receives(
    seen("first", "affiliation='owner' role='moderator'", { status: [110, 201] }),
  );
  await alice.receives(NO_SUBJECT);
});
