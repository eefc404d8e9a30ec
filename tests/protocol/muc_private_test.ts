/** Private messages from occupant to occupant (XEP-0045 §7.5). */

import assert from "node:assert/strict";
import { DROP } from "../../lib/hooks/hook.ts";
import { roomMay, roomWhisper } from "../../lib/hooks/rooms.ts";
import { online } from "../helpers/client.ts";
import { page } from "../helpers/mam.ts";
import {
  ask,
  configure,
  createRoom,
  error,
  inside,
  item,
  mucTest,
  quiet,
  ROOM,
  SERVICE,
  USER,
} from "../helpers/muc.ts";

const PM = (nick: string, inner = "<body>I'll give thee a wind.</body>", type = "chat") =>
  `<message id='hgn27af1' to='${ROOM}/${nick}' type='${type}'>${inner}</message>`;
const REFUSED = (nick: string, condition: string, type = "{any}") =>
  `<message id='hgn27af1' from='${ROOM}/${nick}' type='error'>${error(condition, type)}</message>`;

mucTest(
  "§7.5: it comes from the occupant's address, with the element that marks it",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    const carol = await inside(server, "carol", "third");
    await quiet(server);
    for (const mark of ["", `<x xmlns='${USER}'/>`]) {
      bob.send(PM("first", `<body>I'll give thee a wind.</body>${mark}`));
      await alice.receives(
        `<message id='hgn27af1' from='${ROOM}/second' to='${alice.jid}' type='chat'>` +
          `<body>I'll give thee a wind.</body><x xmlns='${USER}'>{empty}</x>` +
          "<occupant-id xmlns='urn:xmpp:occupant-id:0'/></message>",
      );
      assert.equal(alice.last.elements("x").length, 1);
      assert(!alice.last.toString().includes("bob@"));
    }
    await carol.receivesNothing();
    await bob.receivesNothing();
  },
);

mucTest("§7.5: of any type but groupchat", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (const type of ["chat", "normal", "headline"]) {
    bob.send(PM("first", "<body>b</body>", type));
    await alice.receives(
      `<message from='${ROOM}/second' type='${type}'><body>b</body></message>`,
    );
  }
  bob.send(`<message to='${ROOM}/first'><body>no type</body></message>`);
  await alice.receives(
    `<message from='${ROOM}/second' type='{absent}'><body>no type</body></message>`,
  );
  bob.send(PM("first", "<body>b</body>", "groupchat"));
  await bob.receives(REFUSED("first", "bad-request", "modify"));
  await alice.receivesNothing();
});

mucTest(
  "§7.5: to an address that is nobody's, and from somebody who is not there",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    bob.send(PM("nobody"));
    await bob.receives(REFUSED("nobody", "item-not-found", "cancel"));
    const carol = await online(server, "carol");
    for (const nick of ["first", "nobody"]) {
      carol.send(PM(nick));
      await carol.receives(REFUSED(nick, "not-acceptable"));
    }
    // Nor does another client of an occupant's.
    const other = await online(server, "bob", { resource: "other" });
    other.send(PM("first"));
    await other.receives(REFUSED("first", "not-acceptable"));
    carol.send(`<message id='n' to='none@${SERVICE}/first' type='chat'><body>b</body></message>`);
    await carol.receives(
      `<message id='n' from='none@${SERVICE}/first' type='error'>${
        error("item-not-found")
      }</message>`,
    );
    await alice.receivesNothing();
  },
);

mucTest("§7.5, §7.2.8: to all clients of an occupant, from any of them", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  const away = await online(server, "bob", { resource: "away" });
  await quiet(server);
  alice.send(PM("second"));
  for (const client of [phone, desktop]) {
    await client.receives(`<message from='${ROOM}/first' to='${client.jid}' type='chat'/>`);
  }
  await away.receivesNothing();
  for (const client of [phone, desktop]) {
    client.send(PM("first"));
    await alice.receives(`<message from='${ROOM}/second' type='chat'/>`);
  }
  // To oneself it is no different.
  phone.send(PM("second"));
  for (const client of [phone, desktop]) {
    await client.receives(`<message from='${ROOM}/second' to='${client.jid}'/>`);
  }
});

mucTest("§7.5: the nickname in other capitals is the same one's", async (server) => {
  const alice = await createRoom(server, "alice", "First");
  const bob = await inside(server, "bob", "second");
  bob.send(PM("fIRST"));
  await alice.receives(`<message from='${ROOM}/second' type='chat'/>`);
});

mucTest("§7.5: who may is the room's to say: allowpm", async (server) => {
  const alice = await createRoom(server, "alice", "moderator", ["moderatedroom=1"]);
  for (const name of ["bob", "carol"]) {
    await ask(alice, "set", item(`affiliation='member' jid='${name}@localhost'`));
  }
  const bob = await inside(server, "bob", "participant");
  const carol = await inside(server, "carol", "other");
  const dave = await inside(server, "dave", "visitor");
  const clients = { moderator: alice, participant: bob, other: carol, visitor: dave };
  type Nick = keyof typeof clients;
  const pairs: readonly [from: Nick, to: Nick][] = [
    ["moderator", "visitor"],
    ["visitor", "moderator"],
    ["moderator", "participant"],
    ["participant", "moderator"],
    ["participant", "other"],
    ["participant", "visitor"],
    ["visitor", "participant"],
  ];
  const allowed: Record<string, readonly boolean[]> = {
    anyone: [true, true, true, true, true, true, true],
    participants: [true, true, true, true, true, true, false],
    moderators: [true, true, true, true, false, false, false],
    none: [false, false, false, false, false, false, false],
  };
  for (const [allowpm, row] of Object.entries(allowed)) {
    await configure(alice, [`allowpm=${allowpm}`]);
    await quiet(server);
    for (const [i, [from, to]] of pairs.entries()) {
      clients[from].send(PM(to, `<body>${allowpm}</body>`));
      if (row[i]) {
        await clients[to].receives(
          `<message from='${ROOM}/${from}' type='chat'><body>${allowpm}</body></message>`,
        );
      } else await clients[from].receives(REFUSED(to, "forbidden", "auth"));
    }
    for (const client of Object.values(clients)) assert.equal(client.pending, 0);
  }
});

mucTest("§7.5: a hook has the last word, and may change them", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const { hooks } = server.host();
  hooks.add(roomWhisper, "test", (m) => m.childText("body") === "spam" ? DROP : m);
  hooks.add(
    roomMay,
    "test",
    (_room, who, action) => action === "whisper" ? who.nick !== "first" : undefined,
  );
  bob.send(PM("first", "<body>spam</body>"));
  bob.send(PM("first", "<body>ham</body>"));
  await alice.receives(`<message from='${ROOM}/second'><body>ham</body></message>`);
  alice.send(PM("second"));
  await alice.receives(REFUSED("second", "forbidden", "auth"));
});

mucTest("§7.5: who floods has to wait, to whomever it is", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  await quiet(server);
  for (let i = 0; i < 10; i++) bob.send(PM(i % 2 === 0 ? "first" : "third"));
  for (const client of [alice, carol]) {
    for (let i = 0; i < 2; i++) await client.receives(`<message from='${ROOM}/second'/>`);
    await client.receivesNothing();
  }
  for (let i = 0; i < 6; i++) {
    await bob.receives(REFUSED(i % 2 === 0 ? "first" : "third", "policy-violation", "wait"));
  }
}, { modules: { muc: { messages: 4 } } });

mucTest("§7.5: one that is too large is refused", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(PM("first", `<body>${"x".repeat(1024)}</body>`));
  await bob.receives(REFUSED("first", "policy-violation", "modify"));
  await alice.receivesNothing();
}, { modules: { muc: { message_bytes: "1 KiB" } } });

mucTest("§7.5: the answer that it could not be read goes to nobody", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(PM("first"));
  await alice.receives(`<message from='${ROOM}/second'/>`);
  alice.send(
    `<message id='hgn27af1' to='${ROOM}/second' type='error'>${
      error("feature-not-implemented", "cancel")
    }</message>`,
  );
  await bob.receivesNothing();
  await alice.receivesNothing();
});

mucTest(
  "§7.5: whoever has blocked the sender gets nothing, and stays in the room",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    await alice.request(
      "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>" +
        `<item jid='${ROOM}/second'/></block></iq>`,
      "<iq type='result' id='b'/>",
    );
    alice.skip();
    bob.send(PM("first"));
    await quiet(server);
    bob.send(`<iq type='get' id='p' to='${ROOM}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await bob.receives("<iq type='result' id='p'/>");
    alice.send(`<iq type='get' id='p' to='${ROOM}/first'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await alice.receives("<iq type='result' id='p'/>");
  },
);

mucTest("§7.5: it is in the archives of both, and not in the room's", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  alice.send(PM("second", "<body>psst</body>"));
  await bob.receives("<message><body>psst</body></message>");
  for (const client of [alice, bob]) {
    const { bodies } = await page(client);
    assert.deepEqual(bodies.filter((b) => b === "psst"), ["psst"]);
  }
  alice.send(`<iq type='set' id='q' to='${ROOM}'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  await alice.receives(
    "<iq type='result' id='q'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>",
  );
});
