/** Settings of rooms that limit something, or say how new rooms begin; others are tested elsewhere. */

import assert from "node:assert/strict";
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
  refused,
  REGISTER,
  REQUEST,
  ROOM,
  seen,
  SERVICE,
  submission,
  USER,
} from "../helpers/muc.ts";
import { body, say } from "../helpers/muc_archive.ts";
import { items } from "../helpers/muc_lists.ts";
import { roomFind, roomLoad } from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";

const limit = (muc: Record<string, unknown>) => ({ modules: { muc } });

async function refusedEntry(client: TestClient, condition: string, nick = "other", room = ROOM) {
  client.send(join(nick, room));
  await client.eventually(
    `<presence type='error' from='${room}/{any}'>${error(condition)}</presence>`,
  );
}

async function notSent(client: TestClient, message: string, condition: string) {
  client.send(message);
  await client.eventually(`<message type='error'>${error(condition)}</message>`);
}

const groupchat = (content: string) =>
  `<message to='${ROOM}' type='groupchat'>${content}</message>`;

mucTest(
  "characters of names, descriptions, reasons, subjects and nicknames",
  async (server) => {
    const crone = await createRoom(server, "crone", "crone");
    const [ten, eleven] = ["x".repeat(10), "x".repeat(11)];
    const change = (field: string) =>
      `<query xmlns='${OWNER}'>${submission(CONFIG, field)}</query>`;
    for (const field of ["muc#roomconfig_roomname", "muc#roomconfig_roomdesc"]) {
      await ask(crone, "set", change(`${field}=${ten}`));
      await refused(crone, "set", change(`${field}=${eleven}`), "not-acceptable");
    }
    await inside(server, "bob", "bob");
    const kick = (reason: string) => item("nick='bob' role='none'", `<reason>${reason}</reason>`);
    await refused(crone, "set", kick(eleven), "policy-violation");
    await ask(crone, "set", kick(ten));
    await say(crone, `<subject>${ten}</subject>`);
    await notSent(crone, groupchat(`<subject>${eleven}</subject>`), "policy-violation");
    const hag = await online(server, "hag");
    await refusedEntry(hag, "not-acceptable", "sixsix");
    hag.send(join("fives"));
    await hag.eventually(seen("fives", "role='participant'", { status: [110] }));
    hag.send(`<presence to='${ROOM}/sixsix'/>`);
    await hag.eventually(`<presence type='error'>${error("not-acceptable")}</presence>`);
  },
  limit({
    name_length: 10,
    description_length: 10,
    reason_length: 10,
    subject_length: 10,
    nick_length: 5,
  }),
);

mucTest("bytes of messages and of presence", async (server) => {
  const crone = await createRoom(server, "crone", "crone");
  const bob = await inside(server, "bob", "bob");
  await quiet(server);
  await say(bob, body("x".repeat(800)));
  await notSent(bob, groupchat(body("x".repeat(1100))), "policy-violation");
  const whisper = `<message to='${ROOM}/crone' type='chat'>${body("x".repeat(1100))}</message>`;
  await notSent(bob, whisper, "policy-violation");
  const status = (length: number) => `<status>${"x".repeat(length)}</status>`;
  bob.send(`<presence to='${ROOM}/bob'>${status(1100)}</presence>`);
  await bob.eventually(`<presence type='error'>${error("policy-violation")}</presence>`);
  const hag = await online(server, "hag");
  hag.send(join("hag").replace("</presence>", `${status(1100)}</presence>`));
  await hag.eventually(`<presence type='error'>${error("policy-violation")}</presence>`);
  hag.send(join("hag").replace("</presence>", `${status(500)}</presence>`));
  await crone.eventually(`<presence from='${ROOM}/hag'>${status(500)}</presence>`);
}, limit({ message_bytes: "1 KiB", presence_bytes: "1 KiB" }));

mucTest("places in a room, and those that are kept for its admins", async (server) => {
  const crone = await createRoom(server, "crone", "crone");
  await ask(crone, "set", items("wicca@localhost admin", "bard@localhost owner"));
  await inside(server, "a", "a");
  await inside(server, "b", "b");
  await refusedEntry(await online(server, "c"), "service-unavailable");
  const wicca = await online(server, "wicca");
  await enter(wicca, "wicca");
  await refusedEntry(await online(server, "bard"), "service-unavailable");
  // Every client has a place, whatever the form says.
  await configure(crone, ["maxusers=3"]);
  await refusedEntry(await online(server, "a", { resource: "phone" }), "service-unavailable", "a");
}, limit({ occupants: 3, reserve: 1 }));

mucTest("affiliations of a room, however they come into being", async (server) => {
  const crone = await createRoom(server, "crone", "crone");
  const nine = Array.from({ length: 9 }, (_, i) => `u${i}@localhost outcast`);
  await ask(crone, "set", items(...nine));
  await refused(crone, "set", items("bob@localhost member"), "resource-constraint", "wait");
  const register = `<query xmlns='jabber:iq:register'>${
    submission(REGISTER, "muc#register_roomnick=bob")
  }</query>`;
  const bob = await online(server, "bob");
  await refused(bob, "set", register, "resource-constraint", "wait");
  // Changes of those that are there need no more room.
  await ask(crone, "set", items("u1@localhost member"));
  await ask(crone, "set", items("u2@localhost none"));
  await ask(bob, "set", register);
  await configure(crone, ["membersonly=1"]);
  await server.addUser("eve@localhost", "x");
  const invite =
    `<message to='${ROOM}'><x xmlns='${USER}'><invite to='eve@localhost'/></x></message>`;
  await notSent(crone, invite, "resource-constraint");
}, limit({ affiliations: 10 }));

mucTest("how often somebody enters, speaks, invites and asks", async (server) => {
  const crone = await createRoom(server, "crone", "crone", ["moderatedroom=1"]);
  const bob = await online(server, "bob");
  for (const node of ["coven", "a", "b"]) {
    if (node !== "coven") await createRoom(server, crone, "crone", [], `${node}@${SERVICE}`);
    await enter(bob, "bob", `${node}@${SERVICE}`);
  }
  // Over all rooms; whoever else comes has a count of its own.
  await refusedEntry(bob, "resource-constraint", "bob", `c@${SERVICE}`);
  const hag = await inside(server, "hag", "hag");
  const request = `<message to='${ROOM}'>${submission(REQUEST, "muc#role=participant")}</message>`;
  for (let i = 0; i < 2; i++) bob.send(request);
  await notSent(bob, request, "policy-violation");
  await ask(crone, "set", item("nick='bob' role='participant'"));
  await ask(crone, "set", item("nick='hag' role='participant'"));
  await say(bob, body("one"));
  await say(bob, body("two"));
  bob.send(`<message to='${ROOM}/hag' type='chat'><body>three</body></message>`);
  await notSent(bob, groupchat(body("four")), "policy-violation");
  await notSent(
    bob,
    `<message to='${ROOM}/hag' type='chat'><body>five</body></message>`,
    "policy-violation",
  );
  await say(hag, body("one"));
  await server.addUser("eve@localhost", "x");
  await server.addUser("ann@localhost", "x");
  const invite = (...names: string[]) =>
    `<message to='${ROOM}'><x xmlns='${USER}'>${
      names.map((name) => `<invite to='${name}@localhost'/>`).join("")
    }</x></message>`;
  await notSent(hag, invite("eve", "ann", "bob"), "policy-violation");
  hag.send(invite("eve", "ann"));
  await notSent(hag, invite("eve"), "policy-violation");
}, limit({ joins: 3, messages: 3, invitations: 2, requests: 2 }));

mucTest("some limits can be switched off", async (server) => {
  const crone = await createRoom(server, "crone", "crone");
  const bob = await online(server, "bob");
  for (let i = 0; i < 320; i++) {
    bob.send(join("bob") + `<presence to='${ROOM}/bob' type='unavailable'/>`);
  }
  await enter(bob, "bob");
  for (let i = 0; i < 150; i++) bob.send(groupchat(body(`${i}`)));
  await crone.eventually("<message type='groupchat'><body>149</body></message>");
}, limit({ joins: 0, messages: 0 }));

mucTest("messages that are remembered, and their size", async (server) => {
  const crone = await createRoom(server, "crone", "crone", ["muc#maxhistoryfetch=3"]);
  const form = `<query xmlns='${OWNER}'>${submission(CONFIG, "muc#maxhistoryfetch=4")}</query>`;
  await refused(crone, "set", form, "not-acceptable");
  for (const text of ["one", "two", "three", "four"]) await say(crone, body(text));
  const told = async (name: string) => {
    const client = await online(server, name);
    client.send(join(name, ROOM, ""));
    const bodies: string[] = [];
    for (;;) {
      const element = await client.next();
      if (element.child("subject", "jabber:client") !== undefined) return bodies.join(" ");
      if (element.name === "message") bodies.push(element.child("body", "jabber:client")!.text());
    }
  };
  assert.equal(await told("a"), "two three four");
  const large = "x".repeat(1200);
  await say(crone, body(large));
  await say(crone, body("five"));
  assert.equal(await told("b"), `${large} five`);
}, limit({ history: 3, history_bytes: "2 KiB" }));

mucTest("rooms without occupants in memory", async (server) => {
  const crone = await online(server, "crone");
  for (let i = 0; i < 12; i++) {
    const room = `r${i}@${SERVICE}`;
    await createRoom(server, crone, "crone", ["persistentroom=1"], room);
    crone.send(`<presence to='${room}/crone' type='unavailable'/>`);
    await crone.sync();
  }
  const woken: string[] = [];
  const { hooks } = server.host();
  hooks.add(roomLoad, "test", (room) => void woken.push(room.node), { priority: 1000 });
  // The ones that were unused longest have gone to sleep.
  for (let i = 11; i >= 0; i--) await hooks.ask(roomFind, parseJid(`r${i}@${SERVICE}`)!);
  assert.deepEqual(woken, ["r1", "r0"]);
}, limit({ awake: 10 }));

mucTest("what new rooms begin with", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "crone");
  await ask(
    crone,
    "get",
    `<query xmlns='${OWNER}'/>`,
    `<query xmlns='${OWNER}'><x xmlns='jabber:x:data'>${
      Object.entries({
        persistentroom: "1",
        publicroom: "0",
        moderatedroom: "1",
        membersonly: "1",
        whois: "anyone",
        maxusers: "50",
        allowpm: "participants",
        allowinvites: "1",
        changesubject: "1",
        allowregistration: "0",
        enablearchiving: "0",
        forwardmentions: "0",
        lang: "de",
      }).map(([name, value]) =>
        `<field var='muc#roomconfig_${name}'><value>${value}</value></field>`
      ).join("")
    }<field var='muc#maxhistoryfetch'><value>7</value></field></x></query>`,
  );
}, {
  modules: {
    muc: {
      defaults: {
        persistent: true,
        public: false,
        moderated: true,
        members_only: true,
        whois: "anyone",
        max_users: 50,
        allow_pm: "participants",
        allow_invites: true,
        change_subject: true,
        allow_registration: false,
        archive: false,
        history: 7,
        forward_mentions: false,
        lang: "de",
      },
    },
  },
});
