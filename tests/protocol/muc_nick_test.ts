/** XEP-0045 §7.6: changing nickname. */

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
  REGISTER,
  ROOM,
  seen,
  submission,
} from "../helpers/muc.ts";
import { roomPresence } from "../../lib/hooks/mod.ts";
import { online } from "../helpers/client.ts";

const to = (nick: string, inner = "", id = "n1") =>
  `<presence id='${id}' to='${ROOM}/${nick}'>${inner}</presence>`;

/** Registers the nickname `nick` for a client (§7.10). */
const registration = (nick: string) =>
  `<query xmlns='jabber:iq:register'>${
    submission(REGISTER, `muc#register_roomnick=${nick}`)
  }</query>`;

mucTest("§7.6: the old nickname goes with status 303, and the new one comes", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  await quiet(server);

  bob.send(to("Robert", "<show>away</show>"));
  const item = "affiliation='none' role='participant'";
  // A moderator sees the real address, a participant does not, in a semi-anonymous room.
  await alice.receives(
    seen("Bob", `${item} nick='Robert' jid='${bob.jid}'`, { type: "unavailable", status: [303] }),
  );
  await alice.receives(
    `<presence from='${ROOM}/Robert' type='{absent}'><show>away</show>` +
      `<x xmlns='http://jabber.org/protocol/muc#user'>{only}<item ${item} jid='${bob.jid}' nick='{absent}'/></x></presence>`,
  );
  await carol.receives(
    seen("Bob", `${item} nick='Robert' jid='{absent}'`, { type: "unavailable", status: [303] }),
  );
  await carol.receives(seen("Robert", `${item} jid='{absent}'`));
  await bob.receives(
    seen("Bob", `${item} nick='Robert' jid='${bob.jid}'`, {
      type: "unavailable",
      status: [303, 110],
    }),
  );
  await bob.receives(seen("Robert", `${item} jid='${bob.jid}'`, { status: [110] }));

  // It speaks under the new name, and is found there.
  bob.send(`<message type='groupchat' to='${ROOM}'><body>it is me</body></message>`);
  for (const client of [alice, bob, carol]) {
    await client.receives(
      `<message from='${ROOM}/Robert' type='groupchat'><body>it is me</body></message>`,
    );
  }
  carol.send(`<message type='chat' to='${ROOM}/Robert'><body>psst</body></message>`);
  await bob.receives(`<message from='${ROOM}/Carol' type='chat'><body>psst</body></message>`);
  carol.send(`<message type='chat' to='${ROOM}/Bob' id='gone'><body>psst</body></message>`);
  await carol.receives(
    `<message from='${ROOM}/Bob' type='error' id='gone'>${error("item-not-found")}</message>`,
  );

  // The old name is free.
  carol.send(to("Bob"));
  await alice.receives(seen("Carol", "nick='Bob'", { type: "unavailable", status: [303] }));
  await alice.receives(seen("Bob", `jid='${carol.jid}'`));
});

mucTest(
  "§7.6: a nickname that the service has changed comes with status 210, to oneself",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    await quiet(server);

    bob.send(to("Sir   Robert"));
    await bob.receives(
      seen("Bob", "nick='Sir Robert'", { type: "unavailable", status: [303, 110] }),
    );
    await bob.receives(seen("Sir Robert", "role='participant'", { status: [110, 210] }));
    await alice.receives(
      seen("Bob", "nick='Sir Robert'", { type: "unavailable", status: [303] }),
    );
    await alice.receives(
      seen("Sir Robert", "role='participant'", { extra: "<status>{absent}</status>" }),
    );
  },
);

mucTest(
  "§7.6: a nickname that is another's, or reserved by another, is a conflict",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    await ask(await online(server, "carol"), "set", registration("Queen"));
    await quiet(server);

    for (const nick of ["Alice", "alice", "ALICE", "Queen", "queen"]) {
      bob.send(to(nick, "", `to-${nick}`));
      await bob.receives(
        `<presence from='${ROOM}/${nick}' type='error' id='to-${nick}'>` +
          `${error("conflict", "cancel")}</presence>`,
      );
    }
    await alice.receivesNothing();
    // It is there as before.
    bob.send(`<message type='groupchat' to='${ROOM}'><body>still Bob</body></message>`);
    await alice.receives(`<message from='${ROOM}/Bob'><body>still Bob</body></message>`);
  },
);

mucTest("§7.6: other capitals are another nickname, of the same occupant", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "bob");
  await quiet(server);

  bob.send(to("Bob"));
  await alice.receives(seen("bob", "nick='Bob'", { type: "unavailable", status: [303] }));
  await alice.receives(seen("Bob", "role='participant'"));
  await bob.receives(seen("bob", "nick='Bob'", { type: "unavailable", status: [303, 110] }));
  await bob.receives(seen("Bob", "role='participant'", { status: [110] }));

  // Somebody else cannot have it in either form.
  const carol = await inside(server, "carol", "Carol");
  await quiet(server);
  for (const nick of ["bob", "Bob", "BOB"]) {
    carol.send(to(nick, "", nick));
    await carol.receives(`<presence type='error' id='${nick}'>${error("conflict")}</presence>`);
  }
});

mucTest("§7.6: an impossible nickname is refused, and nothing is said of it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);

  bob.send(to("x".repeat(65), "", "long"));
  await bob.receives(`<presence type='error' id='long'>${error("not-acceptable")}</presence>`);
  bob.send(to("\u2003\u2003", "", "blank"));
  await bob.receives("<presence type='error' id='blank'><error/></presence>");
  bob.send(`<presence to='${ROOM}' id='none'/>`);
  await bob.receives(`<presence type='error' id='none'>${error("jid-malformed")}</presence>`);
  await alice.receivesNothing();
});

mucTest(
  "§7.6: where nicknames are locked down, the one that is registered stays",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["locknicks=1"]);
    const bob = await online(server, "bob");
    await ask(bob, "set", registration("Bob"));
    await enter(bob, "Bob");
    const carol = await inside(server, "carol", "Carol");
    await quiet(server);

    for (const nick of ["Robert", "bob"]) {
      bob.send(to(nick, "", nick));
      await bob.receives(
        `<presence from='${ROOM}/${nick}' type='error' id='${nick}'>${
          error("not-acceptable", "{any}")
        }</presence>`,
      );
    }
    await alice.receivesNothing();
    // Who has none registered has none that could be locked.
    carol.send(to("Caroline"));
    await alice.receives(seen("Carol", "nick='Caroline'", { type: "unavailable", status: [303] }));
    await alice.receives(seen("Caroline", "role='participant'"));
  },
);

mucTest("§7.6: visitors change theirs if the configuration lets them", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", [
    "moderatedroom=1",
    "allowvisitornickchange=0",
    "allowvisitorstatus=0",
  ]);
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);

  bob.send(to("Robert"));
  await bob.receives(
    `<presence from='${ROOM}/Robert' type='error' id='n1'>${error("not-allowed")}</presence>`,
  );
  await alice.receivesNothing();

  await ask(
    alice,
    "set",
    `<query xmlns='http://jabber.org/protocol/muc#owner'>${
      submission(
        "http://jabber.org/protocol/muc#roomconfig",
        "muc#roomconfig_allowvisitornickchange=1",
      )
    }</query>`,
  );
  await quiet(server);
  // A nickname is no way round what visitors may not say.
  bob.send(to("Robert", "<show>dnd</show><status>buy this</status>"));
  await alice.receives(seen("Bob", "nick='Robert'", { type: "unavailable", status: [303] }));
  await alice.receives(
    `<presence from='${ROOM}/Robert'><show>dnd</show><status>{absent}</status></presence>`,
  );
});

mucTest("§7.6: all clients under a nickname go with it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const phone = await inside(server, "bob", "Bob", ROOM, { resource: "phone" });
  const desk = await inside(server, "bob", "Bob", ROOM, { resource: "desk" });
  await quiet(server);

  phone.send(to("Robert"));
  await alice.receives(seen("Bob", "nick='Robert'", { type: "unavailable", status: [303] }));
  await alice.receives(seen("Robert", `jid='${phone.jid}'`));
  for (const client of [phone, desk]) {
    await client.receives(
      seen("Bob", "nick='Robert'", { type: "unavailable", status: [303, 110] }),
    );
    await client.receives(seen("Robert", "role='participant'", { status: [110] }));
  }
  desk.send(`<message type='groupchat' to='${ROOM}'><body>hi</body></message>`);
  await alice.receives(`<message from='${ROOM}/Robert'><body>hi</body></message>`);
  await alice.receivesNothing();
});

mucTest(
  "§7.6: a client joins another one of its user under that one's nickname",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const phone = await inside(server, "bob", "Phone", ROOM, { resource: "phone" });
    const desk = await inside(server, "bob", "Desk", ROOM, { resource: "desk" });
    await quiet(server);

    phone.send(to("desk"));
    await alice.receives(seen("Phone", "nick='Desk'", { type: "unavailable", status: [303] }));
    await alice.receives(seen("Desk", `jid='${phone.jid}'`));
    await phone.receives(seen("Phone", "nick='Desk'", { type: "unavailable", status: [303, 110] }));
    // It is the other one's way of writing it.
    await phone.receives(seen("Desk", "role='participant'", { status: [110, 210] }));
    await desk.receives(seen("Phone", "nick='Desk'", { type: "unavailable", status: [303] }));
    await desk.receives(seen("Desk", "role='participant'", { status: [110] }));
    // One of them leaves, and the occupant is still there.
    desk.send(`<presence type='unavailable' to='${ROOM}/Desk'/>`);
    await desk.receives(seen("Desk", "role='none'", { type: "unavailable", status: [110] }));
    await alice.receivesNothing();
    phone.send(`<presence type='unavailable' to='${ROOM}/Desk'/>`);
    await alice.receives(seen("Desk", "role='none'", { type: "unavailable" }));
  },
);

mucTest("§7.6: of two who want the same nickname at once, one gets it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  await quiet(server);

  for (let round = 0; round < 5; round++) {
    const nick = `Queen ${round}`;
    bob.send(to(nick, "", "race"));
    carol.send(to(nick, "", "race"));
    let refused = 0;
    for (const client of [bob, carol]) {
      await client.sync();
      await client.sync();
      while (client.pending > 0) {
        const tag = await client.next();
        if (tag.attrs.type === "error" && tag.attrs.from === `${ROOM}/${nick}`) refused++;
      }
    }
    if (refused !== 1) throw new Error(`${refused} were refused in round ${round}`);
    await alice.receives(`<presence type='unavailable'/>`);
    await alice.receives(seen(nick, "role='participant'"));
    await alice.receivesNothing();
  }
});

mucTest("§7.6: of one who enters and one who changes, one gets the nickname", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await online(server, "carol");
  await quiet(server);

  carol.send(join("Queen"));
  bob.send(to("Queen"));
  await carol.sync();
  await bob.sync();
  await alice.sync();
  let queens = 0;
  while (alice.pending > 0) {
    const tag = await alice.next();
    if (tag.attrs.from === `${ROOM}/Queen` && tag.attrs.type === undefined) queens++;
  }
  if (queens !== 1) throw new Error(`there are ${queens} of them`);
});

mucTest(
  "§7.6: a change right behind the entering, and one that asks for everything",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    alice.send(`<message type='groupchat' to='${ROOM}'><subject>cats</subject></message>`);
    await alice.eventually("<message><subject>cats</subject></message>");
    const bob = await online(server, "bob");
    await quiet(server);

    bob.send(join("Bob") + to("Robert"));
    await bob.receives(seen("Alice", "role='moderator'"));
    await bob.receives(seen("Bob", "role='participant'", { status: [110] }));
    await bob.receives("<message type='groupchat'><subject>cats</subject></message>");
    await bob.receives(seen("Bob", "nick='Robert'", { type: "unavailable", status: [303, 110] }));
    await bob.receives(seen("Robert", "role='participant'", { status: [110] }));
    await alice.receives(seen("Bob", "role='participant'"));
    await alice.receives(seen("Bob", "nick='Robert'", { type: "unavailable", status: [303] }));
    await alice.receives(seen("Robert", "role='participant'"));

    // §17.3: a request to enter, under another nickname, from somebody who is there.
    bob.send(join("Bobby"));
    await bob.receives(seen("Robert", "nick='Bobby'", { type: "unavailable", status: [303, 110] }));
    await bob.receives(seen("Bobby", "role='participant'", { status: [110] }));
    await bob.receives(seen("Alice", "role='moderator'"));
    await bob.receives(seen("Bobby", "role='participant'", { status: [110] }));
    await bob.receives("<message type='groupchat'><subject>cats</subject></message>");
    await bob.receivesNothing();
  },
);

mucTest(
  "§7.6: a moderator is still one under another nickname, a visitor a visitor",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
    const bob = await inside(server, "bob", "Bob");
    await quiet(server);
    alice.send(to("Alicia"));
    await bob.receives(seen("Alice", "nick='Alicia'", { type: "unavailable", status: [303] }));
    await bob.receives(seen("Alicia", "affiliation='owner' role='moderator'"));
    bob.send(to("Robert"));
    await bob.receives(seen("Bob", "nick='Robert'", { type: "unavailable", status: [303, 110] }));
    await bob.receives(seen("Robert", "affiliation='none' role='visitor'", { status: [110] }));
    // By its new nickname it is given voice.
    await ask(alice, "set", item("nick='Robert' role='participant'"));
    await bob.receives(seen("Robert", "role='participant'", { status: [110] }));
  },
);

mucTest(
  "§7.6, §7.7: modules that have a say about presences have it whenever one is shown",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    server.host().hooks.add(
      roomPresence,
      "test",
      (presence) => presence.filter((c) => c.ns !== "urn:example:x"),
    );
    const bob = await online(server, "bob");
    const inner = "<show>away</show><x xmlns='urn:example:x'/>";
    const muc = "<x xmlns='http://jabber.org/protocol/muc'/>";
    const shown = (nick: string) =>
      `<presence from='${ROOM}/${nick}' type='{absent}'><show>{show}</show>` +
      "<x xmlns='urn:example:x'>{absent}</x></presence>";
    bob.send(to("Bob", inner + muc)); // enters
    await alice.receives(shown("Bob"));
    bob.send(to("Bob", inner.replace("away", "xa"))); // says how it is
    await alice.receives(shown("Bob"));
    bob.send(to("Bob", inner.replace("away", "dnd") + muc)); // asks for everything
    await alice.receives(shown("Bob"));
    bob.send(to("Robert", inner)); // changes nickname
    await alice.receives(seen("Bob", "nick='Robert'", { type: "unavailable", status: [303] }));
    await alice.receives(shown("Robert"));
  },
);
