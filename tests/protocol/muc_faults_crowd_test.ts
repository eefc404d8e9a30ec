/** XEP-0045: hundreds of people in a room, who come and go at once, and one who does not read. */

import assert from "node:assert/strict";
import { roomFind } from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Room } from "../../modules/muc/room.ts";
import { login, online, type TestClient } from "../helpers/client.ts";
import {
  configure,
  createRoom,
  enter,
  inside,
  join,
  MODULES,
  mucTest,
  ROOM,
  SERVICE,
  SUBJECT,
} from "../helpers/muc.ts";
import { memoryInUse, sleep, until } from "../helpers/raw.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";

const CROWD: Table = {
  c2s: { plaintext_auth: "loopback" },
  limits: { sessions_per_account: 1000, connections_per_address: 0 },
  auth: { iterations: 10_000 },
};

function crowdTest(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  muc: Table = {},
  more: Table = {},
): void {
  const settings = {
    ...CROWD,
    ...more,
    limits: { ...CROWD.limits as Table, ...more.limits as Table },
    modules: { muc: { joins: 0, messages: 0, ...muc } },
  };
  Deno.test(name, () => withServer(settings, { modules: MODULES }, transcript));
}

/** Many clients of one account. */
async function crowd(server: TestServer, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  while (clients.length < count) {
    const some = Math.min(10, count - clients.length);
    const login10 = Array.from(
      { length: some },
      () => login(server, "crowd", { tls: "none", mechanism: "SCRAM-SHA-1" }),
    );
    clients.push(...await Promise.all(login10));
  }
  return clients;
}

async function inner(server: TestServer, room = ROOM): Promise<Room> {
  return await server.host().hooks.ask(roomFind, parseJid(room)!) as unknown as Room;
}

/** Times of round trips of two who chat with each other, in ms. */
class Chat {
  readonly times: number[] = [];
  #isOver = false;
  #running: Promise<void> = Promise.resolve();

  constructor(readonly a: TestClient, readonly b: TestClient) {}

  start(): void {
    this.#running = (async () => {
      for (let i = 0; !this.#isOver; i++) {
        const start = performance.now();
        this.a.send(
          `<message to='${this.b.jid}' type='chat' id='chat${i}'><body>hi</body></message>`,
        );
        await this.b.eventually(`<message id='chat${i}'/>`);
        this.times.push(performance.now() - start);
        await sleep(10);
      }
    })();
  }

  async stop(): Promise<{ median: number; most: number }> {
    this.#isOver = true;
    await this.#running;
    const sorted = this.times.toSorted((x, y) => x - y);
    return { median: sorted[sorted.length >> 1]!, most: sorted.at(-1)! };
  }
}

async function chatOf(server: TestServer): Promise<Chat> {
  return new Chat(
    await online(server, "carol", { tls: "none" }),
    await online(server, "dave", { tls: "none" }),
  );
}

crowdTest("200 are cut off at once: all are gone, and nothing piles up", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const clients = await crowd(server, 200);
  clients.forEach((c, i) => c.send(join(`C${i}`)));
  await until(() => server.clients.size > 200, "the clients");
  const room = await inner(server);
  await until(() => room.size === 201 && room.turns.length === 0, "their entry");
  await alice.sync();
  alice.skip();
  const chat = await chatOf(server);
  chat.start();
  const start = performance.now();
  for (const c of clients) c.cut();
  await until(() => room.size === 1 && room.turns.length === 0, () => `${room.size} are left`);
  const took = performance.now() - start;
  const gone = new Set<string>();
  await alice.sync();
  while (alice.pending > 0) {
    const { name, attrs } = await alice.next();
    assert.equal(name, "presence");
    assert.equal(attrs.type, "unavailable");
    assert.ok(!gone.has(attrs.from!), `${attrs.from} is gone twice`);
    gone.add(attrs.from!);
  }
  assert.equal(gone.size, 200);
  const { median, most } = await chat.stop();
  console.log(
    `200 gone in ${took.toFixed(0)} ms; ` +
      `others chat in ${median.toFixed(1)} ms, at most ${most.toFixed(0)}`,
  );
  assert.equal(room.clients.size, 1);
  assert.equal(room.moderators.size + room.mere.size, 1);
});

crowdTest("300 enter at once while two others chat", async (server) => {
  await createRoom(server, "alice", "Alice");
  const clients = await crowd(server, 300);
  const chat = await chatOf(server);
  chat.start();
  await sleep(200);
  const quiet = chat.times.length;
  const room = await inner(server);
  // They are in the same process, and have 90,000 stanzas to parse: later.
  for (const c of clients) c.pause();
  const start = performance.now();
  clients.forEach((c, i) => c.send(join(`C${i}`)));
  await until(() => room.size === 301 && room.turns.length === 0, () => `${room.size} are in`);
  const took = performance.now() - start;
  await sleep(200);
  const { median, most } = await chat.stop();
  for (const c of clients) c.resume();
  await Promise.all(clients.map((c) => c.eventually(SUBJECT)));
  console.log(
    `300 entered in ${took.toFixed(0)} ms; meanwhile others chat in ${median.toFixed(1)} ms, ` +
      `at most ${most.toFixed(0)} (${chat.times.length - quiet} round trips)`,
  );
  assert.ok(most < 500, `${most} ms`);
  for (const c of clients) c.cut();
  await until(() => room.size === 1, "their end");
});

crowdTest(
  "who does not read ends by its own limit, and nobody waits for it",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
    const bob = await inside(server, "bob", "Bob");
    const slow = await login(server, "slow", { tls: "none" });
    await enter(slow, "Slow");
    const room = await inner(server);
    await alice.sync();
    alice.skip();
    bob.skip();
    slow.pause();
    const body = "x".repeat(20_000);
    const times: number[] = [];
    let sent = 0;
    for (; room.occupant("Slow") !== undefined && sent < 2000; sent++) {
      const start = performance.now();
      alice.send(
        `<message type='groupchat' to='${ROOM}' id='m${sent}'><body>${body}</body></message>`,
      );
      await bob.eventually(`<message id='m${sent}'/>`);
      times.push(performance.now() - start);
    }
    assert.ok(sent < 2000, "it still is in the room");
    await bob.eventually(`<presence type='unavailable' from='${ROOM}/Slow'/>`);
    await alice.eventually(`<presence type='unavailable' from='${ROOM}/Slow'/>`);
    const sorted = times.toSorted((x, y) => x - y);
    console.log(
      `it was out after ${sent} messages; others had each in ${
        sorted[sent >> 1]!.toFixed(1)
      } ms, ` +
        `at most ${sorted.at(-1)!.toFixed(0)}`,
    );
    assert.ok(sorted.at(-1)! < 1000);
    slow.cut();
  },
  {},
  { limits: { output_bytes: 1 << 20 } },
);

crowdTest(
  "other settings while turns wait, and what is shown later: nothing is stuck",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const clients = await crowd(server, 110);
    clients.forEach((c, i) => c.send(join(`C${i}`)));
    const room = await inner(server);
    await until(() => room.size === 111 && room.turns.length === 0, "their entry");
    await alice.sync();
    alice.skip();
    const [c0] = clients;
    c0!.send(`<presence to='${ROOM}/C0'><show>away</show></presence>`);
    await alice.eventually(`<presence from='${ROOM}/C0'><show>away</show></presence>`);
    c0!.send(`<presence to='${ROOM}/C0'><show>dnd</show></presence>`);
    await sleep(50);
    let isDone = false;
    const done = room.turns.act(() => void (isDone = true));
    assert.ok(!isDone, "it waits for a slice");
    const host = server.host();
    await server.inner.unloadModule(host, "muc");
    await server.inner.loadModule(host, "muc");
    await done;
    assert.equal(await inner(server), room);
    const start = performance.now();
    await alice.eventually(`<presence from='${ROOM}/C0'><show>dnd</show></presence>`);
    assert.ok(performance.now() - start < 1000);
    alice.send(`<message type='groupchat' to='${ROOM}' id='m'><body>hi</body></message>`);
    await alice.eventually(`<message from='${ROOM}/Alice' id='m'/>`);
    c0!.send(`<presence to='${ROOM}/C0'><show>xa</show></presence>`);
    await alice.eventually(`<presence from='${ROOM}/C0'><show>xa</show></presence>`);
  },
  { presence_interval: "2s" },
);

mucTest("10,000 requests to rooms that are not there leave nothing behind", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const { service } = await inner(server);
  const bob = await online(server, "bob");
  const COUNT = 10_000;
  const rounds = async (kind: string, make: (room: string, i: number) => string) => {
    let answers = 0;
    for (let from = 0; from < COUNT; from += 500) {
      for (let i = from; i < from + 500; i++) bob.send(make(`${kind}${i}@${SERVICE}`, i));
      await bob.sync();
      answers += bob.pending;
      bob.skip();
      bob.transcript.length = 0;
    }
    return answers;
  };
  const disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
  await rounds("warm", (room, i) => `<iq type='get' id='d${i}' to='${room}'>${disco}</iq>`);
  const before = await memoryInUse();
  const start = performance.now();
  assert.equal(
    await rounds("disco", (room, i) => `<iq type='get' id='d${i}' to='${room}'>${disco}</iq>`),
    COUNT,
  );
  assert.equal(
    await rounds(
      "admin",
      (room, i) =>
        `<iq type='get' id='a${i}' to='${room}'><query xmlns='http://jabber.org/protocol/muc#admin'>` +
        "<item affiliation='owner'/></query></iq>",
    ),
    COUNT,
  );
  assert.equal(await rounds("status", (room) => `<presence to='${room}/Bob'/>`), COUNT);
  assert.equal(
    await rounds("gone", (room) => `<presence type='unavailable' to='${room}/Bob'/>`),
    0,
  );
  assert.equal(
    await rounds(
      "said",
      (room, i) =>
        `<message type='groupchat' to='${room}' id='m${i}'><body>hello?</body></message>`,
    ),
    COUNT,
  );
  assert.equal(
    await rounds(
      "ping",
      (room, i) => `<iq type='get' id='p${i}' to='${room}/Bob'><ping xmlns='urn:xmpp:ping'/></iq>`,
    ),
    COUNT,
  );
  const took = performance.now() - start;
  assert.equal(service.rooms.size, 1);
  const grown = await memoryInUse() - before;
  console.log(`${6 * COUNT} requests in ${took.toFixed(0)} ms; ${grown} bytes more in use`);
  assert.ok(grown < 10e6, `${grown} bytes`);
  await alice.sync();
}, {
  log: { level: "warn" },
  modules: { muc: { joins: 0, messages: 0 }, presence: { directed: 100_000 } },
});

mucTest(
  "rooms that are looked at stay awake for a while, and not too many of them",
  async (server) => {
    const alice = await online(server, "alice");
    for (let i = 0; i < 40; i++) {
      const room = `room${i}@${SERVICE}`;
      await enter(alice, "Alice", room);
      await configure(alice, ["persistentroom=1"], room);
      alice.send(`<presence type='unavailable' to='${room}/Alice'/>`);
      await alice.eventually(`<presence type='unavailable' from='${room}/Alice'/>`);
    }
    await alice.sync();
    const { service } = await inner(server, `room0@${SERVICE}`);
    await sleep(20);
    assert.ok(service.rooms.size <= 10, `${service.rooms.size} rooms`);
    // All at once: each is found by whoever has woken it, and people who enter are in the right one.
    const bob = await online(server, "bob");
    for (let i = 0; i < 40; i++) bob.send(join("Bob", `room${i}@${SERVICE}`));
    for (let i = 0; i < 40; i++) {
      await bob.eventually(`<presence from='room${i}@${SERVICE}/Bob'/>`);
      await bob.eventually("<message><subject/></message>");
    }
    assert.equal(service.rooms.size, 40);
    await Promise.all(
      Array.from(
        { length: 40 },
        async (_, i) =>
          assert.equal((await inner(server, `room${i}@${SERVICE}`)).size, 1, `room ${i}`),
      ),
    );
    bob.cut();
    await until(() => service.rooms.size <= 10, () => `${service.rooms.size} rooms`);
    await sleep(1100);
    service.sweep();
    assert.equal(service.rooms.size, 0);
  },
  { modules: { muc: { joins: 0, awake: 10, sleep: "1s", rooms_per_account: 0 } } },
);
