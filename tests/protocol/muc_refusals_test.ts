/** Who may not enter a room, and what they are told (XEP-0045 §7.2.5-7.2.11, §7.2.17). */

import { StanzaError } from "../../lib/errors.ts";
import { roomEnter, roomMayCreate } from "../../lib/hooks/rooms.ts";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";

/** Asks to enter and is refused; nobody else hears of it. */
async function refused(
  client: TestClient,
  nick: string,
  condition: string,
  type: string,
  { room = ROOM, within = "" }: { readonly room?: string; readonly within?: string } = {},
): Promise<void> {
  client.send(
    `<presence id='n13mt3l' to='${room}/${nick}'><x xmlns='${MUC}'>${within}</x></presence>`,
  );
  await client.receives(
    `<presence from='${room}/${nick}' id='n13mt3l' type='error' to='${client.jid}'>` +
      `<x xmlns='${MUC}'/>${error(condition, type)}</presence>`,
  );
}

const PASSWORD = (text: string) => `<password>${text}</password>`;
const PROTECTED = ["passwordprotectedroom=1", "roomsecret=cauldronburn"];

mucTest("§7.2.5: no password, a wrong one, the right one", async (server) => {
  const alice = await createRoom(server, "alice", "first", PROTECTED);
  const bob = await online(server, "bob");
  await refused(bob, "second", "not-authorized", "auth");
  await refused(bob, "second", "not-authorized", "auth", { within: PASSWORD("") });
  await refused(bob, "second", "not-authorized", "auth", { within: PASSWORD("Cauldronburn") });
  await refused(bob, "second", "not-authorized", "auth", {
    within: "<password xmlns='jabber:client'>cauldronburn</password>",
  });
  await alice.receivesNothing();
  bob.send(join("second", ROOM, PASSWORD("cauldronburn")));
  await bob.receives(seen("first", "role='moderator'"));
  await bob.receives(seen("second", "role='participant'", { status: [110] }));
  // The password is nobody else's business.
  await alice.receives(seen("second", "role='participant'"));
  if (alice.last.toString().includes("cauldron")) throw new Error(`${alice.last}`);
});

mucTest("§7.2.5: owners need none, all others do", async (server) => {
  const alice = await createRoom(server, "alice", "first", [...PROTECTED, "persistentroom=1"]);
  await ask(alice, "set", item("affiliation='admin' jid='bob@localhost'"));
  await ask(alice, "set", item("affiliation='owner' jid='carol@localhost'"));
  const bob = await online(server, "bob");
  await refused(bob, "second", "not-authorized", "auth");
  await inside(server, "carol", "third");
});

mucTest("§7.2.6: a room for members only", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["membersonly=1"]);
  const bob = await online(server, "bob");
  await refused(bob, "second", "registration-required", "auth");
  await alice.receivesNothing();
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  await enter(bob, "second");
});

mucTest("§7.2.6: a whole domain of members", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["membersonly=1"]);
  await ask(alice, "set", item("affiliation='member' jid='localhost'"));
  await inside(server, "bob", "second");
});

mucTest("§7.2.7: the banned, and nobody lets them in", async (server) => {
  const alice = await createRoom(server, "alice", "first", PROTECTED);
  await ask(alice, "set", item("affiliation='outcast' jid='bob@localhost'"));
  const bob = await online(server, "bob");
  await quiet(server);
  await refused(bob, "second", "forbidden", "auth", { within: PASSWORD("cauldronburn") });
  server.host().hooks.add(roomEnter, "test", () => ({ admitted: true }));
  await refused(bob, "second", "forbidden", "auth");
  await alice.receivesNothing();
});

mucTest("§7.2.8: another's nickname, however it is written", async (server) => {
  const alice = await createRoom(server, "alice", "First Witch");
  const bob = await online(server, "bob");
  for (const nick of ["First Witch", "first witch", "FIRST  WITCH", "Ｆirst Witch"]) {
    await refused(bob, nick, "conflict", "cancel");
  }
  await alice.receivesNothing();
});

mucTest("§7.2.8: a nickname that another member has reserved", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost' nick='third'"));
  const bob = await online(server, "bob");
  await refused(bob, "Third", "conflict", "cancel");
  await inside(server, "carol", "third");
});

mucTest("§7.2.9: a full room; its admins still come in, up to a number", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["maxusers=2"]);
  for (const name of ["dave", "erin"]) {
    await ask(alice, "set", item(`affiliation='admin' jid='${name}@localhost'`));
  }
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost'"));
  await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  await refused(carol, "third", "service-unavailable", "wait");
  await inside(server, "dave", "fourth");
  const erin = await online(server, "erin");
  await refused(erin, "fifth", "service-unavailable", "wait");
  // Places are given back.
  server.clients.forEach((c) => c.skip());
  const dave = await online(server, "dave", { resource: "other" });
  await refused(dave, "fourth", "service-unavailable", "wait");
  await ask(alice, "set", item("nick='second' role='none'"));
  await ask(alice, "set", item("nick='fourth' role='none'"));
  await quiet(server);
  await enter(carol, "third");
}, { modules: { muc: { occupants: 2, reserve: 1 } } });

mucTest("§7.2.10: a locked room is there for its maker alone", async (server) => {
  const alice = await online(server, "alice");
  await enter(alice, "first");
  const bob = await online(server, "bob");
  await refused(bob, "second", "item-not-found", "cancel");
  await alice.receivesNothing();
  // Another client of the maker comes in, to configure it.
  const desktop = await online(server, "alice", { resource: "desktop" });
  await enter(desktop, "first");
  alice.skip();
  await configure(desktop);
  await enter(bob, "second");
});

mucTest("§7.2.10: a new room need not be locked", async (server) => {
  const alice = await online(server, "alice");
  await enter(alice, "first");
  await inside(server, "bob", "second");
}, { modules: { muc: { lock: false } } });

mucTest("§7.2.10: it is given up when it is not configured in time", async (server) => {
  const alice = await online(server, "alice");
  await enter(alice, "first");
  await alice.receives(
    `<presence from='${ROOM}/first' type='unavailable'><x xmlns='${MUC}#user'>` +
      "<item affiliation='none' role='none'/><destroy/></x></presence>",
  );
  alice.send(join("first"));
  await alice.receives(seen("first", "role='moderator'", { status: [110, 201] }));
}, { modules: { muc: { lock_timeout: "1s" } } });

mucTest("§7.2.11: rooms that only admins may make", async (server) => {
  const bob = await online(server, "bob");
  await refused(bob, "second", "not-allowed", "cancel");
  const root = await createRoom(server, "root", "first");
  await enter(bob, "second");
  await root.eventually(seen("second", "role='participant'"));
}, { admins: ["root@localhost"], modules: { muc: { create: "admins" } } });

mucTest("§7.2.11: a hook decides who makes rooms", async (server) => {
  server.host().hooks.add(roomMayCreate, "test", (_room, who) => who.node !== "bob");
  const bob = await online(server, "bob");
  await refused(bob, "second", "not-allowed", "cancel");
  await createRoom(server, "alice", "first");
});

mucTest("§7.2.11: only so many rooms of one account, and of all", async (server) => {
  const alice = await createRoom(server, "alice", "first", [], `a@${SERVICE}`);
  await enter(alice, "first", `b@${SERVICE}`); // locked, and counts all the same
  await refused(alice, "first", "resource-constraint", "wait", { room: `c@${SERVICE}` });
  const bob = await createRoom(server, "bob", "second", [], `d@${SERVICE}`);
  await refused(bob, "second", "resource-constraint", "wait", { room: `e@${SERVICE}` });
  // One that is gone makes room for another.
  bob.send(`<presence to='d@${SERVICE}/second' type='unavailable'/>`);
  await bob.receives(
    seen("second", "role='none'", { type: "unavailable", room: `d@${SERVICE}` }),
  );
  await enter(bob, "second", `e@${SERVICE}`);
}, { modules: { muc: { rooms: 3, rooms_per_account: 2 } } });

mucTest("§7.2.17: what is no nickname is not acceptable", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  await refused(bob, "123456789", "not-acceptable", "modify");
  await alice.receivesNothing();
  await enter(bob, "12345678");
  // No room is made by somebody who cannot enter it.
  const room = `other@${SERVICE}`;
  await refused(bob, "123456789", "not-acceptable", "modify", { room });
  alice.send(join("first", room));
  await alice.eventually(seen("first", "affiliation='owner'", { status: [110, 201], room }));
}, { modules: { muc: { nick_length: 8 } } });

mucTest("§7.2.17: who has reserved another nickname must keep to it", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["locknicks=1"]);
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost' nick='second'"));
  const bob = await inside(server, "bob", "second");
  bob.send(`<presence id='n' to='${ROOM}/other'/>`);
  await bob.receives(
    `<presence id='n' from='${ROOM}/other' type='error'>${error("not-acceptable")}</presence>`,
  );
});

mucTest("§7.2.17: a module refuses in its own words", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  server.host().hooks.add(roomEnter, "test", () => {
    throw new StanzaError("not-allowed", { text: "on Mondays we are closed" });
  });
  await refused(bob, "second", "not-allowed", "cancel");
});

mucTest("§7.2.17: a module admits whom the room's rules would not", async (server) => {
  await createRoom(server, "alice", "first", [...PROTECTED, "membersonly=1"]);
  server.host().hooks.add(roomEnter, "test", () => ({ admitted: true }));
  await inside(server, "bob", "second");
});

mucTest("§7.2.17: people of other hosts may be kept out", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob", { domain: "elsewhere.localhost" });
  await refused(bob, "second", "forbidden", "auth");
}, {
  hosts: { localhost: {}, "elsewhere.localhost": {} },
  modules: { muc: { enter: "accounts" } },
});

mucTest("§7.2.17: or come in and make no rooms", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob", { domain: "elsewhere.localhost" });
  await refused(bob, "second", "not-allowed", "cancel", { room: `other@${SERVICE}` });
  await enter(bob, "second");
}, { hosts: { localhost: {}, "elsewhere.localhost": {} } });

mucTest("§7.2.17: who enters too often has to wait", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  for (let i = 0; i < 3; i++) {
    await enter(bob, "second");
    bob.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
    await bob.receives(seen("second", "role='none'", { type: "unavailable", status: [110] }));
  }
  await refused(bob, "second", "resource-constraint", "wait");
}, { modules: { muc: { joins: 3 } } });

mucTest("§7.2.17: nor is anybody told all of it over and over", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  await enter(bob, "second");
  await enter(bob, "second");
  await refused(bob, "second", "resource-constraint", "wait");
  bob.send(`<presence id='n' to='${ROOM}/bobby'/>`);
  await bob.receives(`<presence id='n' type='error'>${error("resource-constraint")}</presence>`);
}, { modules: { muc: { joins: 3 } } });

mucTest("§7.2.17: a presence can be too large", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  const large = `<long xmlns='x'>${"x".repeat(1024)}</long>`;
  bob.send(`<presence id='l' to='${ROOM}/second'><x xmlns='${MUC}'/>${large}</presence>`);
  await bob.receives(
    `<presence id='l' type='error'>${error("policy-violation", "modify")}</presence>`,
  );
  await alice.receivesNothing();
  await enter(bob, "second");
}, { modules: { muc: { presence_bytes: "1 KiB" } } });
