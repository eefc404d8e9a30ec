/** XEP-0045: rooms whose database stalls or fails, and modules that fail in them, or never answer. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  archiveSettled,
  archiveStore,
  roomEnter,
  roomFind,
  roomLoad,
  roomMay,
  roomMessage,
  roomRemove,
  roomSave,
} from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Room } from "../../modules/muc/room.ts";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  MODULES,
  refused,
  ROOM,
  seen,
} from "../helpers/muc.ts";
import { logged, sleep, until } from "../helpers/raw.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { enable, SM } from "../helpers/sm.ts";

const OTHER = "chapel@conference.localhost";
const STATES = "http://jabber.org/protocol/chatstates";
const PLAIN = "plain@conference.localhost";

/** A test in which errors are logged: that is what it is about. */
function faultTest(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(
    name,
    () =>
      withServer({ ...settings, modules: { muc: {}, ...settings.modules as Table } }, {
        modules: [...MODULES, "stream_management"],
        mayLogErrors: true,
      }, transcript),
  );
}

const never = () => new Promise<never>(() => {});

async function inner(server: TestServer, room = ROOM): Promise<Room> {
  return await server.host().hooks.ask(roomFind, parseJid(room)!) as unknown as Room;
}

/** As if all that is under way had taken too long. */
async function timePasses(server: TestServer, room = ROOM): Promise<void> {
  await sleep(20);
  (await inner(server, room)).turns.overdue(performance.now());
}

function say(client: TestClient, id: string, room = ROOM): void {
  client.send(`<message type='groupchat' to='${room}' id='${id}'><body>${id}</body></message>`);
}

async function heard(client: TestClient, nick: string, id: string, room = ROOM): Promise<void> {
  await client.eventually(`<message type='groupchat' from='${room}/${nick}' id='${id}'/>`);
}

const failure = (id: string, room = ROOM) =>
  `<message type='error' id='${id}' from='${room}'>${error("internal-server-error")}</message>`;

faultTest("what is refused after a while is refused to whoever has said it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const { hooks } = server.host();
  const undo = hooks.add(roomMay, "test", async (_room, who) => {
    await sleep(5);
    return who.nick !== "Bob";
  });
  say(bob, "b");
  say(alice, "a");
  await bob.receives(`<message type='error' id='b' from='${ROOM}'>${error("forbidden")}</message>`);
  await bob.receives(`<message from='${ROOM}/Alice' id='a'/>`);
  undo();
  const fail = hooks.add(roomMessage, "test", (message) => {
    if (message.id === "throws") throw new Error("a fault in a module");
    if (message.id === "rejects") return Promise.reject(new Error("a fault in a module"));
  });
  for (const id of ["throws", "rejects"]) {
    say(bob, id);
    await bob.receives(failure(id));
  }
  fail();
  say(bob, "c");
  await bob.receives(`<message from='${ROOM}/Bob' id='c'/>`);
});

faultTest("a module that never answers about a message does not stop the room", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await createRoom(server, alice, "Alice", [], OTHER);
  server.host().hooks.add(roomMessage, "test", (message) => {
    if (message.id === "stuck") return never();
  });
  say(bob, "stuck");
  await sleep(20);
  say(alice, "behind");
  say(alice, "elsewhere", OTHER);
  await timePasses(server);
  await bob.eventually(failure("stuck"));
  await heard(alice, "Alice", "behind");
  await heard(alice, "Alice", "elsewhere", OTHER);
  say(bob, "next");
  await heard(alice, "Bob", "next");
});

faultTest(
  "a module that never answers about an entry: others talk on, and it is refused",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await online(server, "bob");
    let stuck = true;
    server.host().hooks.add(roomEnter, "test", () => stuck ? never() : undefined);
    bob.send(join("Bob"));
    await sleep(20);
    say(alice, "meanwhile");
    await timePasses(server);
    await bob.eventually(
      `<presence type='error' from='${ROOM}/Bob'>${error("internal-server-error")}</presence>`,
    );
    await heard(alice, "Alice", "meanwhile");
    stuck = false;
    await enter(bob, "Bob");
    say(bob, "in");
    await heard(alice, "Bob", "in");
  },
);

faultTest(
  "a change that never ends is given up; what it does in the end disturbs nobody",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    let finish = () => {};
    const undo = server.host().hooks.add(
      roomSave,
      "test",
      () => new Promise((resolve) => finish = () => resolve(true)),
      { priority: 1 },
    );
    alice.send(
      `<iq type='set' id='v' to='${ROOM}'>${
        item("jid='carol@localhost' affiliation='member'")
      }</iq>`,
    );
    await sleep(20);
    say(bob, "behind");
    await timePasses(server);
    await alice.eventually(`<iq type='error' id='v'>${error("internal-server-error")}</iq>`);
    await heard(alice, "Bob", "behind");
    undo();
    finish();
    await ask(alice, "set", item("jid='dave@localhost' affiliation='member'"));
    say(bob, "after");
    await heard(alice, "Bob", "after");
  },
);

faultTest(
  "the archive stalls: the room waits for it, others do not; in time it is refused",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    await createRoom(server, alice, "Alice", [], OTHER);
    const { hooks } = server.host();
    let stalls = true;
    hooks.add(archiveSettled, "test", (owner) => stalls && owner === ROOM ? never() : undefined, {
      priority: 1,
    });
    say(bob, "1");
    say(bob, "2");
    await bob.receivesNothing(50);
    say(alice, "elsewhere", OTHER);
    await heard(alice, "Alice", "elsewhere", OTHER);
    bob.send(`<message to='${alice.jid}' type='chat' id='direct'><body>hi</body></message>`);
    await alice.eventually("<message id='direct'/>");
    stalls = false;
    say(alice, "3");
    await bob.receivesNothing(20);
    for (let i = 0; i < 3; i++) await timePasses(server);
    await bob.eventually(failure("1"));
    await bob.eventually(failure("2"));
    await heard(bob, "Alice", "3");
  },
);

faultTest(
  "the archive fails: whoever has spoken learns it, nobody else has heard it",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    const undo = server.host().hooks.add(archiveSettled, "test", () => false, { priority: 1 });
    say(bob, "lost");
    await bob.receives(failure("lost"));
    await alice.receivesNothing();
    undo();
    const refuse = server.host().hooks.add(archiveStore, "test", () => {
      throw new Error("no archive");
    }, { priority: 1 });
    say(bob, "lost too");
    await bob.receives(failure("lost too"));
    refuse();
    say(bob, "kept");
    await heard(alice, "Bob", "kept");
    await heard(bob, "Bob", "kept");
    const carol = await online(server, "carol");
    carol.send(join("Carol", ROOM, ""));
    await carol.eventually(
      `<message from='${ROOM}/Bob' id='kept'><delay xmlns='urn:xmpp:delay'/></message>`,
    );
    await carol.eventually("<message><subject/></message>");
  },
);

faultTest(
  "a message is acknowledged when it is on its way to the archive, not before",
  async (server) => {
    await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    await enable(bob);
    let decide = () => {};
    const { hooks } = server.host();
    hooks.add(roomMessage, "test", () => new Promise((resolve) => decide = () => resolve()));
    let settle = (_kept: boolean) => {};
    hooks.add(archiveSettled, "test", () => new Promise((resolve) => settle = resolve), {
      priority: 1,
    });
    say(bob, "m");
    bob.write(`<r xmlns='${SM}'/>`);
    await sleep(100);
    assert.equal(bob.pending, 0, "its fate is not decided on");
    decide();
    await bob.receives(`<a xmlns='${SM}' h='1'/>`);
    settle(true);
    await bob.receives(`<message from='${ROOM}/Bob' id='m'/>`);
  },
);

faultTest("rooms cannot be stored: nothing is changed, and nothing half made", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["roomname=Before", "persistentroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const undo = server.host().hooks.add(roomSave, "test", () => {
    throw new Error("the disk is full");
  }, { priority: 1 });
  await refused(
    alice,
    "set",
    item("jid='bob@localhost' affiliation='outcast'"),
    "internal-server-error",
  );
  await bob.receivesNothing();
  await refused(
    alice,
    "set",
    "<query xmlns='http://jabber.org/protocol/muc#owner'>" +
      "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>" +
      "<value>http://jabber.org/protocol/muc#roomconfig</value></field>" +
      "<field var='muc#roomconfig_roomname'><value>After</value></field></x></query>",
    "internal-server-error",
  );
  assert.equal((await inner(server)).config.name, "Before");
  alice.send(`<message type='groupchat' to='${ROOM}' id='s'><subject>Too full</subject></message>`);
  await alice.eventually(failure("s"));
  assert.equal((await inner(server)).subject, undefined);
  undo();
  await ask(alice, "set", item("jid='bob@localhost' affiliation='member'"));
  await bob.receives(seen("Bob", "affiliation='member'", { status: [110] }));

  const gone = server.host().hooks.add(roomRemove, "test", () => {
    throw new Error("the disk is full");
  }, { priority: 1 });
  const destroy = "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>";
  await refused(alice, "set", destroy, "internal-server-error");
  say(bob, "still here");
  await heard(alice, "Bob", "still here");
  gone();
  await ask(alice, "set", destroy);
});

faultTest(
  "open at once, and not to be stored: whoever makes the room is told, and it is not there",
  async (server) => {
    const alice = await online(server, "alice");
    const undo = server.host().hooks.add(roomSave, "test", () => {
      throw new Error("the disk is full");
    }, { priority: 1 });
    alice.send(join("Alice"));
    await alice.receives(`<presence type='error'>${error("internal-server-error")}</presence>`);
    undo();
    assert.equal(await server.host().hooks.ask(roomFind, parseJid(ROOM)!), undefined);
    await enter(alice, "Alice");
    await alice.sync();
  },
  { modules: { muc: { lock: false } } },
);

faultTest("a temporary room that cannot be removed is removed later", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const undo = server.host().hooks.add(roomRemove, "test", () => {
    throw new Error("the disk is full");
  }, { priority: 1 });
  alice.send(`<presence type='unavailable' to='${ROOM}/Alice'/>`);
  await alice.receives(`<presence type='unavailable' from='${ROOM}/Alice'/>`);
  await alice.sync();
  const { service } = await inner(server);
  undo();
  await sleep(1100);
  service.sweep();
  for (let i = 0; await server.host().hooks.ask(roomLoad, parseJid(ROOM)!) !== "none"; i++) {
    assert.ok(i < 100, "it is still stored");
    await sleep(20);
  }
  await until(() => service.rooms.size === 0, "the end of the room");
}, { modules: { muc: { sleep: "1s" } } });

faultTest(
  "somebody else locks the database: who is archived waits, and goes on",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    await createRoom(server, alice, "Alice", ["enablearchiving=0"], PLAIN);
    const other = new DatabaseSync(`${server.data}/confab.sqlite`);
    other.exec("begin immediate");
    const start = performance.now();
    say(bob, "waits");
    bob.send(`<message to='${alice.jid}' type='headline' id='direct'><body>hi</body></message>`);
    await alice.eventually("<message id='direct'/>");
    say(alice, "not archived", PLAIN);
    await heard(alice, "Alice", "not archived", PLAIN);
    // Chat states are not archived, but do not overtake what is.
    alice.send(`<message type='groupchat' to='${ROOM}'><composing xmlns='${STATES}'/></message>`);
    await alice.receivesNothing(300);
    other.exec("commit");
    other.close();
    await alice.receives(`<message from='${ROOM}/Bob' id='waits'/>`);
    await alice.receives(`<message from='${ROOM}/Alice'><composing xmlns='${STATES}'/></message>`);
    assert.ok(performance.now() - start < 5000);
    assert.equal(logged(server, "could not be archived").length, 0);
  },
);
