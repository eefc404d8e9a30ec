/** Messages to all occupants, and changes of the subject (XEP-0045 §7.3, §7.4). */

import assert from "node:assert/strict";
import { DROP } from "../../lib/hooks/hook.ts";
import { roomMay, roomMessage } from "../../lib/hooks/rooms.ts";
import { message } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { online } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  mucTest,
  quiet,
  ROOM,
  seen,
} from "../helpers/muc.ts";

const SAY = (body: string, id = "hysf1v37") =>
  `<message id='${id}' to='${ROOM}' type='groupchat'><body>${body}</body></message>`;
const SUBJECT = (text: string, id = "lh2bs617") =>
  `<message id='${id}' to='${ROOM}' type='groupchat'><subject>${text}</subject></message>`;
const REFUSED = (id: string, condition: string, type = "{any}") =>
  `<message id='${id}' from='${ROOM}' type='error'>${error(condition, type)}</message>`;

mucTest(
  "§7.4: all occupants get a message from the occupant's address, the sender too",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    const carol = await inside(server, "carol", "third");
    await quiet(server);
    carol.send(
      `<message id='hysf1v37' to='${ROOM}' type='groupchat' xml:lang='en'>` +
        "<body>Harpier cries: 'tis time.</body><thread>t</thread>" +
        "<x xmlns='urn:example' a='&lt;'><y>&amp;</y></x></message>",
    );
    for (const client of [alice, bob, carol]) {
      await client.receives(
        `<message id='hysf1v37' from='${ROOM}/third' to='${client.jid}' type='groupchat' ` +
          "xml:lang='en'>{only}<body>Harpier cries: 'tis time.</body><thread>t</thread>" +
          "<x xmlns='urn:example' a='&lt;'><y>&amp;</y></x>" +
          `<stanza-id xmlns='urn:xmpp:sid:0' by='${ROOM}'/>` +
          "<occupant-id xmlns='urn:xmpp:occupant-id:0'/></message>",
      );
      assert(!client.last.toString().includes("carol@") || client === carol);
    }
  },
);

mucTest("§7.4: the id is the client's, or is made, the same for all", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  alice.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  const ids = [];
  for (const client of [alice, bob]) {
    ids.push((await client.receives("<message id='{id}'><body>hi</body></message>")).id);
  }
  assert.equal(ids[0], ids[1]);
  assert(ids[0]!.length > 8);
});

mucTest("§7.4: everybody gets all of it in the same order", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (let i = 0; i < 20; i++) {
    alice.send(SAY(`a${i}`, `a${i}`));
    bob.send(SAY(`b${i}`, `b${i}`));
  }
  const orders: string[] = [];
  for (const client of [alice, bob]) {
    const ids: string[] = [];
    while (ids.length < 40) ids.push((await client.next()).attrs.id!);
    for (const who of ["a", "b"]) {
      assert.deepEqual(
        ids.filter((id) => id.startsWith(who)),
        Array.from({ length: 20 }, (_, i) => `${who}${i}`),
      );
    }
    orders.push(ids.join());
  }
  assert.equal(orders[0], orders[1]);
});

mucTest("§7.4: what has no body is passed on as well", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
  bob.send(`<message to='${ROOM}' type='groupchat'>${composing}</message>`);
  await alice.receives(
    `<message from='${ROOM}/second' type='groupchat'>${composing}</message>`,
  );
  bob.send(`<message to='${ROOM}' type='groupchat'/>`);
  await alice.receives(`<message from='${ROOM}/second' type='groupchat'/>`);
});

mucTest("§7.4: who is no occupant may not speak", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await ask(alice, "set", item("affiliation='owner' jid='bob@localhost'"));
  const bob = await online(server, "bob");
  await quiet(server);
  bob.send(SAY("hi"));
  await bob.receives(REFUSED("hysf1v37", "not-acceptable", "modify"));
  // Nor another client of one.
  const other = await online(server, "alice", { resource: "other" });
  await quiet(server);
  other.send(SAY("hi"));
  await other.receives(REFUSED("hysf1v37", "not-acceptable"));
  await alice.receivesNothing();
  // Nor who was one.
  await enter(bob, "second");
  bob.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await bob.receives(seen("second", "role='none'", { type: "unavailable", status: [110] }));
  bob.send(SAY("hi"));
  await bob.receives(REFUSED("hysf1v37", "not-acceptable"));
});

mucTest("§7.4: visitors of a moderated room may not speak", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["moderatedroom=1"]);
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  carol.send(SAY("hi"));
  await carol.receives(REFUSED("hysf1v37", "forbidden", "auth"));
  // Not without a body, either.
  carol.send(`<message id='c' to='${ROOM}' type='groupchat'><a xmlns='b'/></message>`);
  await carol.receives(REFUSED("c", "forbidden", "auth"));
  await alice.receivesNothing();
  bob.send(SAY("members may"));
  await alice.receives(`<message from='${ROOM}/second'><body>members may</body></message>`);
  await ask(alice, "set", item("nick='third' role='participant'"));
  await quiet(server);
  carol.send(SAY("now"));
  await alice.receives(`<message from='${ROOM}/third'><body>now</body></message>`);
});

mucTest("§7.4: a message can be too large", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  alice.send(SAY("x".repeat(1024)));
  await alice.receives(REFUSED("hysf1v37", "policy-violation", "modify"));
  alice.send(SAY("x".repeat(800)));
  await alice.receives(`<message from='${ROOM}/first' type='groupchat'/>`);
}, { modules: { muc: { message_bytes: "1 KiB" } } });

mucTest("§7.4: who says too much has to wait, whatever the client and room", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  for (const client of [phone, desktop, phone]) client.send(SAY("hi"));
  for (let i = 0; i < 3; i++) {
    for (const client of [alice, phone, desktop]) {
      await client.receives(`<message from='${ROOM}/second'><body>hi</body></message>`);
    }
  }
  desktop.send(SAY("one more"));
  await desktop.receives(REFUSED("hysf1v37", "policy-violation", "wait"));
  await phone.receivesNothing();
  alice.send(SAY("others may"));
  await phone.receives(`<message from='${ROOM}/first'><body>others may</body></message>`);
}, { modules: { muc: { messages: 3 } } });

mucTest("§7.4: a module changes messages, swallows them, decides who speaks", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const { hooks } = server.host();
  hooks.add(roomMessage, "test", (m) => {
    const text = m.childText("body");
    if (text === "spam") return DROP;
    if (text !== "change") return m;
    return message(
      { type: "groupchat", from: m.from!, id: m.id! },
      xml("body", "jabber:client", {}, "changed"),
    );
  });
  hooks.add(
    roomMay,
    "test",
    (_room, who, action) =>
      who.nick === "second" && action === "speak" ? Promise.resolve(false) : undefined,
  );
  alice.send(SAY("spam"));
  alice.send(SAY("change"));
  await bob.receives(`<message from='${ROOM}/first'><body>changed</body></message>`);
  bob.send(SAY("hi"));
  await bob.receives(REFUSED("hysf1v37", "forbidden"));
});

// ---- the subject ----

mucTest("§7.3: a moderator changes the subject, a participant may not", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  alice.send(SUBJECT("Fire Burn!"));
  for (const client of [alice, bob]) {
    await client.receives(
      `<message id='lh2bs617' from='${ROOM}/first' to='${client.jid}' type='groupchat'>` +
        "<subject>Fire Burn!</subject><body>{absent}</body></message>",
    );
  }
  bob.send(SUBJECT("mine"));
  await bob.receives(REFUSED("lh2bs617", "forbidden", "auth"));
  await alice.receivesNothing();
});

mucTest("§7.3: where the room allows it participants may, and visitors not", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["changesubject=1", "moderatedroom=1"]);
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  bob.send(SUBJECT("ours"));
  await alice.receives(`<message from='${ROOM}/second'><subject>ours</subject></message>`);
  await carol.receives(`<message from='${ROOM}/second'><subject>ours</subject></message>`);
  carol.send(SUBJECT("mine"));
  await carol.receives(REFUSED("lh2bs617", "forbidden", "auth"));
});

mucTest("§7.3: a subject beside a body or a thread is a message as any other", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (
    const inner of ["<subject>s</subject><body>b</body>", "<subject>s</subject><thread>t</thread>"]
  ) {
    bob.send(`<message to='${ROOM}' type='groupchat'>${inner}</message>`);
    await alice.receives(`<message from='${ROOM}/second'>${inner}</message>`);
  }
  const carol = await online(server, "carol");
  await enter(carol, "third"); // there is no subject
});

mucTest("§7.3: a subject can be too long", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  alice.send(SUBJECT("12345678901"));
  await alice.receives(REFUSED("lh2bs617", "policy-violation", "modify"));
  alice.send(SUBJECT("1234567890"));
  await alice.receives(`<message from='${ROOM}/first'><subject>1234567890</subject></message>`);
}, { modules: { muc: { subject_length: 10 } } });
