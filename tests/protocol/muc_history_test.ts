/** What somebody gets to know who enters: history and subject (XEP-0045 §7.2.13-7.2.15). */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  configure,
  createRoom,
  inside,
  MODULES,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";
import type { Tag } from "../helpers/xml.ts";

const DELAY = `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='{any}Z'/>`;

/** Says something in the room, and waits until it is there. */
async function say(client: TestClient, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    client.send(`<message to='${ROOM}' type='groupchat'><body>${text}</body></message>`);
    await client.eventually(`<message from='${ROOM}/{any}'><body>${text}</body></message>`);
  }
}

/** Enters (or again), and gives what comes between oneself and the subject. */
async function history(client: TestClient, nick: string, attributes?: string): Promise<Tag[]> {
  const element = attributes === undefined ? "" : `<history ${attributes}/>`;
  client.send(`<presence to='${ROOM}/${nick}'><x xmlns='${MUC}'>${element}</x></presence>`);
  await client.eventually(seen(nick, "role='{any}'", { status: [110] }));
  const found: Tag[] = [];
  for (;;) {
    const message = await client.next();
    if (message.child("body") === undefined) return found;
    found.push(message);
  }
}

async function bodies(client: TestClient, nick: string, attributes?: string): Promise<string> {
  return (await history(client, nick, attributes)).map((m) => m.child("body")!.text()).join(" ");
}

mucTest(
  "§7.2.13: messages as they were, the oldest first, with the time and by the room",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    alice.send(
      `<message id='one' to='${ROOM}' type='groupchat'><body xml:lang='en'>Thrice the cat</body>` +
        "<html xmlns='http://jabber.org/protocol/xhtml-im'/></message>",
    );
    const { id } = await bob.receives(
      `<message id='one'><body>Thrice the cat</body><stanza-id xmlns='urn:xmpp:sid:0' id='{id}'/>` +
        "</message>",
    );
    await say(bob, "Thrice the hedge-pig");
    const carol = await online(server, "carol");
    const [one, two, ...more] = await history(carol, "third");
    assert.equal(more.length, 0);
    assert.equal(one!.attrs.id, "one");
    assert.equal(one!.attrs.from, `${ROOM}/first`);
    assert.equal(one!.attrs.to, carol.jid);
    assert.equal(one!.attrs.type, "groupchat");
    assert.equal(one!.child("stanza-id")!.attrs.id, id);
    assert.notEqual(one!.child("html"), undefined);
    assert.equal(two!.attrs.from, `${ROOM}/second`);
    const stamps = [one, two].map((m) => m!.child("delay", "urn:xmpp:delay")!);
    for (const { attrs } of stamps) {
      assert.equal(attrs.from, ROOM);
      assert(Math.abs(Date.parse(attrs.stamp!) - Date.now()) < 60_000);
    }
    assert(stamps[0]!.attrs.stamp! <= stamps[1]!.attrs.stamp!);
  },
);

mucTest(
  "§7.2.13: only what is worth it: no chat states, no subjects, nothing private",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    await inside(server, "bob", "second");
    const to = (inner: string) => `<message to='${ROOM}' type='groupchat'>${inner}</message>`;
    alice.send(to("<composing xmlns='http://jabber.org/protocol/chatstates'/>"));
    alice.send(to("<subject>Spells</subject>"));
    alice.send(`<message to='${ROOM}/second' type='chat'><body>private</body></message>`);
    alice.send(to("<body>secret</body><no-store xmlns='urn:xmpp:hints'/>"));
    await say(alice, "worth it");
    const carol = await online(server, "carol");
    assert.equal(await bodies(carol, "third"), "worth it");
  },
);

mucTest(
  "§7.2.13: as many as the room has set, and no more than the service keeps",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", ["muc#maxhistoryfetch=2"]);
    await say(alice, "1", "2", "3", "4", "5");
    const carol = await online(server, "carol");
    assert.equal(await bodies(carol, "third"), "4 5");
    assert.equal(await bodies(carol, "third", "maxstanzas='100'"), "4 5");
    await configure(alice, ["muc#maxhistoryfetch=4"]);
    await quiet(server);
    assert.equal(await bodies(carol, "third"), "2 3 4 5");
    await say(alice, "6");
    assert.equal(await bodies(carol, "third", "maxstanzas='100'"), "3 4 5 6");
  },
  { modules: { muc: { history: 4 } } },
);

mucTest("§7.2.13: no more bytes than the service keeps", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1", "x".repeat(900), "2");
  const carol = await online(server, "carol");
  assert.equal(await bodies(carol, "third"), "2");
}, { modules: { muc: { history_bytes: "1 KiB" } } });

mucTest("§7.2.13: a service may keep none at all", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1");
  const carol = await online(server, "carol");
  assert.equal(await bodies(carol, "third"), "");
}, { modules: { muc: { history: 0 } } });

const AWAKE = { modules: { muc: { awake: 10 } } };
mucTest("§7.2.13: history survives a room's sleep, with an archive", sleeps, AWAKE);
mucTest(
  "§7.2.13: and without one",
  sleeps,
  AWAKE,
  MODULES.filter((name) => name !== "mam"),
);

async function sleeps(server: Parameters<Parameters<typeof mucTest>[1]>[0]): Promise<void> {
  const alice = await createRoom(server, "alice", "first", ["persistentroom=1"]);
  await say(alice, "1", "2");
  alice.send(`<presence to='${ROOM}/first' type='unavailable'/>`);
  // Others are awake in its place.
  for (let i = 0; i < 11; i++) {
    const other = `other${i}@${SERVICE}`;
    await createRoom(server, alice, "first", ["persistentroom=1"], other);
    alice.send(`<presence to='${other}/first' type='unavailable'/>`);
  }
  await quiet(server);
  const carol = await online(server, "carol");
  const found = await history(carol, "third");
  assert.equal(found.map((m) => m.child("body")!.text()).join(" "), "1 2");
  for (const message of found) {
    assert.equal(message.attrs.from, `${ROOM}/first`);
    assert.equal(message.elements("delay").length, 1);
    assert.equal(message.elements("stanza-id").length, 1);
    // Who has said it is no business of everybody's.
    assert(!message.toString().includes("alice@"), `${message}`);
  }
}

mucTest("§7.2.14: maxstanzas", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1", "2", "3");
  const carol = await online(server, "carol");
  assert.equal(await bodies(carol, "third", "maxstanzas='0'"), "");
  assert.equal(await bodies(carol, "third", "maxstanzas='1'"), "3");
  assert.equal(await bodies(carol, "third", "maxstanzas='2'"), "2 3");
  assert.equal(await bodies(carol, "third", "maxstanzas='9999999999'"), "1 2 3");
});

mucTest("§7.2.14: maxchars counts whole stanzas, and sends no part of one", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1", "2", "3");
  const carol = await online(server, "carol");
  assert.equal(await bodies(carol, "third", "maxchars='0'"), "");
  assert.equal(await bodies(carol, "third", "maxchars='1'"), "");
  assert.equal(await bodies(carol, "third", "maxchars='100'"), "");
  assert.equal(await bodies(carol, "third", "maxchars='65000'"), "1 2 3");
  // Between one and two of them.
  const [first] = await history(carol, "third");
  const size = first!.toString().length;
  const { length } = await history(carol, "third", `maxchars='${Math.round(size * 1.5)}'`);
  assert.equal(length, 1);
});

mucTest("§7.2.14: seconds and since", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const between = Date.now();
  await say(alice, "2");
  const carol = await online(server, "carol");
  const moment = (ms: number) => new Date(ms).toISOString();
  assert.equal(await bodies(carol, "third", `since='${moment(between)}'`), "2");
  assert.equal(await bodies(carol, "third", "since='1970-01-01T00:00:00Z'"), "1 2");
  assert.equal(await bodies(carol, "third", "since='0001-01-01T00:00:00Z'"), "1 2");
  assert.equal(await bodies(carol, "third", `since='${moment(Date.now() + 60_000)}'`), "");
  assert.equal(await bodies(carol, "third", "since='9999-12-31T23:59:59Z'"), "");
  const local = moment(between + 2 * 3600_000).replace("Z", "+02:00");
  assert.equal(await bodies(carol, "third", `since='${local}'`), "2");
  const seconds = Math.ceil((Date.now() - between) / 1000);
  assert.equal(await bodies(carol, "third", `seconds='${seconds + 60}'`), "1 2");
  assert.equal(await bodies(carol, "third", "seconds='0'"), "");
});

mucTest("§7.2.14: the least that any of them allows", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1", "2", "3");
  const carol = await online(server, "carol");
  const cases: readonly [attributes: string, expected: string][] = [
    ["maxstanzas='2' maxchars='65000' seconds='180' since='1970-01-01T00:00:00Z'", "2 3"],
    ["maxstanzas='2' maxchars='0'", ""],
    ["maxstanzas='2' since='9999-12-31T23:59:59Z'", ""],
    ["seconds='180' since='9999-12-31T23:59:59Z'", ""],
    ["seconds='0' since='1970-01-01T00:00:00Z'", ""],
    ["maxstanzas='0' maxchars='65000'", ""],
  ];
  for (const [attributes, expected] of cases) {
    assert.equal(await bodies(carol, "third", attributes), expected, attributes);
  }
});

mucTest("§7.2.14: rubbish says nothing", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await say(alice, "1", "2", "3");
  const carol = await online(server, "carol");
  const numbers = ["", "-1", "1.5", "1e9", "0x1", " 1", "one", "NaN", "99999999999999999999", "٣"];
  const moments = [
    "",
    "now",
    "2002-10-13",
    "2002-13-13T23:58:37Z",
    "2002-02-30T23:58:37Z",
    "2002-10-13T23:58:37",
    "2002-10-13T25:58:37Z",
    "20021013T23:58:37",
    "1e400",
  ];
  for (const value of numbers) {
    for (const name of ["maxstanzas", "maxchars", "seconds"]) {
      assert.equal(await bodies(carol, "third", `${name}='${value}'`), "1 2 3", `${name} ${value}`);
    }
  }
  for (const value of moments) {
    assert.equal(await bodies(carol, "third", `since='${value}'`), "1 2 3", value);
  }
  // What is right counts, whatever is beside it; an element of another namespace is none.
  assert.equal(await bodies(carol, "third", "maxchars='x' maxstanzas='1' since='x'"), "3");
  assert.equal(await bodies(carol, "third", "xmlns='other' maxstanzas='0'"), "1 2 3");
  carol.send(
    `<presence to='${ROOM}/third'><x xmlns='${MUC}'><history maxstanzas='1'/>` +
      "<history maxstanzas='0'/></x></presence>",
  );
  await carol.eventually("<message><body>3</body></message>");
});

mucTest("§7.2.15: there was never a subject: an empty one, by the room", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  bob.send(`<presence to='${ROOM}/second'><x xmlns='${MUC}'/></presence>`);
  await bob.eventually(seen("second", "role='participant'", { status: [110] }));
  await bob.receives(
    `<message from='${ROOM}' to='${bob.jid}' type='groupchat'>{only}` +
      "<subject>{empty}</subject></message>",
  );
});

mucTest("§7.2.15: the subject, with who has set it, and when; no body", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  alice.send(
    `<message id='s' to='${ROOM}' type='groupchat'><subject>Fire Burn!</subject></message>`,
  );
  await alice.receives(
    `<message id='s' from='${ROOM}/first' type='groupchat'><subject>Fire Burn!</subject>` +
      "<delay xmlns='urn:xmpp:delay'>{absent}</delay></message>",
  );
  await say(alice, "later");
  alice.send(`<presence to='${ROOM}/renamed'/>`);
  await quiet(server);
  const bob = await online(server, "bob");
  bob.send(`<presence to='${ROOM}/second'><x xmlns='${MUC}'/></presence>`);
  await bob.eventually("<message><body>later</body></message>");
  await bob.receives(
    `<message id='s' from='${ROOM}/first' to='${bob.jid}' type='groupchat'>` +
      `<subject>Fire Burn!</subject>${DELAY}<body>{absent}</body></message>`,
  );
  await bob.receivesNothing();
});

mucTest("§7.2.15: one that was cleared is empty, with the time", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  for (const subject of ["Spells", ""]) {
    alice.send(`<message to='${ROOM}' type='groupchat'><subject>${subject}</subject></message>`);
    await alice.receives(`<message from='${ROOM}/first'><subject>${subject}</subject></message>`);
  }
  const bob = await online(server, "bob");
  bob.send(`<presence to='${ROOM}/second'><x xmlns='${MUC}'/></presence>`);
  await bob.eventually(seen("second", "role='participant'", { status: [110] }));
  await bob.receives(
    `<message from='${ROOM}/first' type='groupchat'><subject>{empty}</subject>${DELAY}</message>`,
  );
});
