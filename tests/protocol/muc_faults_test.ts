/** XEP-0045: things that happen to a room at the same moment, and people who vanish. */

import assert from "node:assert/strict";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { roomFind, roomLoad } from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  CONFIG,
  configure,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  mucTest,
  OWNER,
  quiet,
  ROOM,
  seen,
  submission,
  USER,
} from "../helpers/muc.ts";
import { sleep } from "../helpers/raw.ts";
import type { TestServer } from "../helpers/server.ts";
import { mismatch, parse, type Tag } from "../helpers/xml.ts";

const MESSAGE = `<message type='groupchat' to='${ROOM}'`;
const LEAVE = (nick: string) => `<presence type='unavailable' to='${ROOM}/${nick}'/>`;

function is(tag: Tag, pattern: string): boolean {
  return mismatch(parse(pattern), tag, {}) === undefined;
}

/** What has come. */
async function taken(client: TestClient): Promise<Tag[]> {
  const tags: Tag[] = [];
  while (client.pending > 0) tags.push(await client.next());
  return tags;
}

/** The room itself, as no client sees it. */
async function inner(server: TestServer, room = ROOM) {
  return await server.host().hooks.ask(roomFind, parseJid(room)!);
}

async function vanishes(server: TestServer, room = ROOM): Promise<void> {
  for (let i = 0; await inner(server, room) !== undefined; i++) {
    assert.ok(i < 200, "the room is still there");
    await sleep(10);
  }
  assert.equal(await server.host().hooks.ask(roomLoad, parseJid(room)!), "none");
}

mucTest("§10.1: a maker whose connection is cut leaves nothing behind", async (server) => {
  const alice = await online(server, "alice");
  await enter(alice, "Alice");
  alice.cut();
  await vanishes(server);
  const bob = await online(server, "bob");
  bob.send(join("Bob"));
  await bob.receives(seen("Bob", "affiliation='owner'", { status: [110, 201] }));
});

mucTest("§10.1: a maker who configures the room and is gone has opened it", async (server) => {
  const alice = await online(server, "alice", { tls: "direct" });
  await enter(alice, "Alice");
  const form = submission(CONFIG, "muc#roomconfig_persistentroom=1");
  alice.write(`<iq type='set' id='c' to='${ROOM}'><query xmlns='${OWNER}'>${form}</query></iq>`);
  await sleep(1);
  alice.cut();
  const bob = await online(server, "bob");
  await sleep(50);
  bob.send(join("Bob"));
  await bob.eventually(seen("Bob", "affiliation='none'", { status: [110] }));
});

mucTest(
  "an account is deleted that owns rooms: heirs own them, or nobody, or they go",
  async (server) => {
    const other = "empty@conference.localhost";
    const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
    await createRoom(server, alice, "Alice", ["persistentroom=1"], other);
    const bob = await inside(server, "bob", "Bob");
    const carol = await inside(server, "carol", "Carol");
    await ask(alice, "set", item("jid='bob@localhost' affiliation='admin'"));
    await quiet(server);
    await server.host().hooks.ask(deleteAccount, parseJid("alice@localhost")!);
    await bob.eventually(seen("Bob", "affiliation='owner' role='moderator'", { status: [110] }));
    await ask(bob, "get", item("affiliation='owner'"), "{any}");
    assert.deepEqual(
      bob.last.elements()[0]!.elements().map((e) => e.attrs.jid),
      ["bob@localhost"],
    );
    await vanishes(server, other);
    // The last one: the room goes on without an owner.
    await server.host().hooks.ask(deleteAccount, parseJid("bob@localhost")!);
    carol.send(`${MESSAGE} id='m'><body>alone</body></message>`);
    await carol.eventually(`<message from='${ROOM}/Carol' id='m'/>`);
  },
  {},
);

mucTest("two make the same room at once: one does", async (server) => {
  const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
  for (let round = 0; round < 10; round++) {
    const room = `room${round}@conference.localhost`;
    alice.send(join("Alice", room));
    bob.send(join("Bob", room));
    await quiet2(alice, bob);
    const got = [await taken(alice), await taken(bob)];
    const made = got.map((tags) => tags.filter((t) => is(t, created)).length);
    assert.deepEqual(made.toSorted(), [0, 1], `${got}`);
    const loser = got[made.indexOf(0)]!;
    assert.equal(loser.length, 1);
    assert.ok(is(loser[0]!, `<presence type='error'>${error("item-not-found")}</presence>`));
  }
});
const created = `<presence><x xmlns='${USER}'><status code='201'/></x></presence>`;

async function quiet2(...clients: TestClient[]): Promise<void> {
  for (let i = 0; i < 2; i++) for (const client of clients) await client.sync();
}

mucTest("two make the same open room at once: both are in, one owns it", async (server) => {
  const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
  for (let round = 0; round < 10; round++) {
    const room = `room${round}@conference.localhost`;
    alice.send(join("Alice", room));
    bob.send(join("Bob", room));
    await quiet2(alice, bob);
    const got = [await taken(alice), await taken(bob)].flat();
    const own = got.filter((t) =>
      is(t, `<presence><x xmlns='${USER}'><status code='110'/></x></presence>`)
    );
    assert.equal(own.length, 2, `${got}`);
    assert.equal((await inner(server, room))!.size, 2);
    const owners = [...(await inner(server, room))!.occupants()].filter((o) =>
      o.affiliation === "owner"
    );
    assert.equal(owners.length, 1);
  }
}, { modules: { muc: { lock: false } } });

mucTest("in and out in one packet: everybody sees both, and nobody is left", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  bob.send(join("Bob") + LEAVE("Bob"));
  await bob.receives(seen("Alice", "role='moderator'"));
  await bob.receives(seen("Bob", "role='participant'", { status: [110] }));
  await bob.receives("<message><subject/></message>");
  await bob.receives(seen("Bob", "role='none'", { type: "unavailable", status: [110] }));
  await alice.receives(seen("Bob", "role='participant'"));
  await alice.receives(seen("Bob", "role='none'", { type: "unavailable" }));
  await alice.receivesNothing();
  // In an own room: it never was.
  const room = "mine@conference.localhost";
  bob.send(join("Bob", room) + `<presence type='unavailable' to='${room}/Bob'/>`);
  await bob.eventually(`<presence type='unavailable' from='${room}/Bob'/>`);
  await vanishes(server, room);
});

mucTest("cut off in the midst of the roster: no ghost remains", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  for (let i = 0; i < 10; i++) await inside(server, "crowd", `Crowd ${i}`);
  await quiet(server);
  for (let round = 0; round < 10; round++) {
    const bob = await online(server, "bob", { tls: "direct", mechanism: "PLAIN" });
    bob.write(join("Bob"));
    if (round % 2 === 0) await sleep(round / 2);
    bob.cut();
    for (let i = 0; server.host().account(parseJid("bob@localhost")!) !== undefined; i++) {
      assert.ok(i < 200);
      await sleep(10);
    }
    await quiet2(alice);
    const got = await taken(alice);
    const came = got.filter((t) => is(t, seen("Bob", "role='participant'"))).length;
    const went = got.filter((t) =>
      is(t, `<presence type='unavailable' from='${ROOM}/Bob'/>`)
    ).length;
    assert.equal(came, went, `${got}`);
    assert.equal((await inner(server))!.size, 11);
  }
});

mucTest(
  "kicked, or banned, while leaving: gone once, and the moderator is answered",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const watcher = await inside(server, "watcher", "Watcher");
    for (let round = 0; round < 12; round++) {
      const bob = await inside(server, `bob${round}`, "Bob");
      await quiet(server);
      const request = round % 2 === 0
        ? item("nick='Bob' role='none'")
        : item(`jid='bob${round}@localhost' affiliation='outcast'`);
      const kick = () => alice.send(`<iq type='set' id='k' to='${ROOM}'>${request}</iq>`);
      const leave = () => round % 4 < 2 ? bob.send(LEAVE("Bob")) : bob.cut();
      if (round % 3 === 0) (leave(), kick());
      else (kick(), leave());
      await alice.eventually("<iq id='k'/>");
      await quiet2(alice, watcher);
      await sleep(20);
      await quiet2(watcher);
      const got = await taken(watcher);
      const went = got.filter((t) => is(t, `<presence type='unavailable' from='${ROOM}/Bob'/>`));
      assert.equal(went.length, 1, `${got}`);
      assert.equal((await inner(server))!.size, 2);
      bob.cut();
    }
  },
);

mucTest(
  "destroyed while others enter: everybody is told something, and all is consistent",
  async (server) => {
    const joiners: TestClient[] = [];
    for (let i = 0; i < 6; i++) {
      joiners.push(
        await online(server, `j${i}`, { tls: "direct", mechanism: "PLAIN" }),
      );
    }
    const alice = await online(server, "alice");
    for (let round = 0; round < 8; round++) {
      const room = `room${round}@conference.localhost`;
      await createRoom(server, alice, "Alice", ["persistentroom=1"], room);
      for (const j of joiners.slice(0, round % 4)) j.send(join(`J${joiners.indexOf(j)}`, room));
      alice.send(
        `<iq type='set' id='d${round}' to='${room}'><query xmlns='${OWNER}'><destroy/></query></iq>`,
      );
      for (const j of joiners.slice(round % 4)) j.send(join(`J${joiners.indexOf(j)}`, room));
      await alice.eventually(`<iq type='result' id='d${round}'/>`);
      await quiet2(...joiners, alice, ...joiners);
      const left = await inner(server, room);
      for (const [i, j] of joiners.entries()) {
        const got = (await taken(j)).filter((t) => t.name === "presence");
        const own = got.filter((t) => t.attrs.from === `${room}/J${i}`);
        assert.ok(own.length > 0, `J${i} in round ${round}: ${got}`);
        const last = own.at(-1)!;
        const isIn = last.attrs.type === undefined;
        assert.equal(
          left?.occupant(`J${i}`) !== undefined,
          isIn,
          `J${i} in round ${round}: ${last}`,
        );
      }
    }
  },
);

mucTest(
  "the last one leaves a temporary room while another enters: that one is in",
  async (server) => {
    const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
    for (let round = 0; round < 20; round++) {
      const room = `room${round}@conference.localhost`;
      await enter(alice, "Alice", room);
      await configure(alice, [], room);
      const leave = () => alice.send(`<presence type='unavailable' to='${room}/Alice'/>`);
      if (round % 2 === 0) (leave(), bob.send(join("Bob", room)));
      else (bob.send(join("Bob", room)), leave());
      await bob.eventually(
        `<presence from='${room}/Bob' type='{absent}'><x xmlns='${USER}'><status code='110'/></x></presence>`,
      );
      await quiet2(alice, bob);
      const now = (await inner(server, room))!;
      assert.deepEqual([...now.occupants()].map((o) => o.nick), ["Bob"]);
      alice.skip();
      bob.skip();
    }
  },
);

mucTest("said just before leaving: everybody gets it, before that", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
  const carol = await inside(server, "carol", "Carol");
  for (let round = 0; round < 5; round++) {
    const bob = await inside(server, "bob", "Bob");
    bob.send(
      `${MESSAGE} id='1'><body>one</body></message>${MESSAGE} id='2'><body>two</body></message>` +
        LEAVE("Bob") + `${MESSAGE} id='3'><body>too late</body></message>`,
    );
    for (const client of [alice, carol]) {
      await client.receives(`<message from='${ROOM}/Bob' id='1'/>`);
      await client.receives(`<message from='${ROOM}/Bob' id='2'/>`);
      await client.receives(seen("Bob", "role='none'", { type: "unavailable" }));
    }
    await bob.eventually(`<message type='error' id='3'>${error("not-acceptable")}</message>`);
    const cut = await inside(server, "bob", "Bob");
    cut.write(`${MESSAGE} id='4'><body>last words</body></message>`);
    await sleep(1);
    cut.cut();
    for (const client of [alice, carol]) {
      await client.eventually(`<message from='${ROOM}/Bob' id='4'/>`);
      await client.receives(seen("Bob", "role='none'", { type: "unavailable" }));
    }
  }
});

mucTest("§7.6: the same nickname is wanted twice, and nicknames are swapped", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const watcher = await inside(server, "watcher", "Watcher");
  for (let round = 0; round < 5; round++) {
    alice.send(`<presence to='${ROOM}/X${round}'/>`);
    bob.send(`<presence to='${ROOM}/X${round}'/>`);
    await quiet2(alice, bob, watcher);
    const got = [await taken(alice), await taken(bob)].map((tags) =>
      tags.filter((t) => is(t, `<presence type='error'>${error("conflict")}</presence>`)).length
    );
    assert.deepEqual(got.toSorted(), [0, 1]);
    const room = (await inner(server))!;
    assert.equal(room.size, 3);
    assert.equal([...room.occupants()].filter((o) => o.nick === `X${round}`).length, 1);
  }
  // Into each other's: both are refused, or one comes first.
  const nicks = () => inner(server).then((r) => [...r!.occupants()].map((o) => o.nick).toSorted());
  const [a, b] = [alice, bob].map((c) => c.jid).map((jid) => parseJid(jid)!);
  const nickOf = async (jid: typeof a) =>
    [...(await inner(server))!.occupants()].find((o) => o.user.bare === jid!.bare)!.nick;
  const [before, after] = [await nickOf(a), await nickOf(b)];
  alice.send(`<presence to='${ROOM}/${after}'/>`);
  bob.send(`<presence to='${ROOM}/${before}'/>`);
  await quiet2(alice, bob);
  assert.deepEqual(await nicks(), [before, after, "Watcher"].toSorted());
  watcher.skip();
});
