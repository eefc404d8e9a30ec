/** Who is there already: several clients of one occupant, and clients that have lost track (XEP-0045 §7.2). */

import { online } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  inside,
  item,
  join,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
  SERVICE,
  USER,
} from "../helpers/muc.ts";

const MAV = "<mav xmlns='urn:xmpp:muc:affiliations:1'/>";
const SUBJECT = `<message from='${ROOM}' type='groupchat'><subject/></message>`;

// ---- several clients ----

mucTest("§7.2.8: a second client of the same user shares the nickname", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await online(server, "bob", { resource: "desktop" });
  await quiet(server);
  desktop.send(join("second"));
  await desktop.receives(seen("first", "role='moderator'"));
  await desktop.receives(seen("second", `jid='${desktop.jid}'`, { status: [110] }));
  await desktop.receives(SUBJECT);
  // The others see the client that has spoken of itself last; there is one occupant.
  await alice.receives(seen("second", `jid='${desktop.jid}'`));
  await phone.receives(seen("second", "role='participant'", { status: [110] }));
  await alice.receivesNothing();
});

mucTest("§7.2.8: all of them get what is said, and may speak", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  for (
    const [speaker, nick] of [[alice, "first"], [phone, "second"], [desktop, "second"]] as const
  ) {
    speaker.send(`<message id='${nick}' to='${ROOM}' type='groupchat'><body>hi</body></message>`);
    for (const client of [alice, phone, desktop]) {
      await client.receives(
        `<message id='${nick}' from='${ROOM}/${nick}' to='${client.jid}' type='groupchat'>` +
          "<body>hi</body></message>",
      );
    }
  }
});

mucTest("§7.2.8: the occupant is gone when the last of them has left", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  desktop.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await desktop.receives(seen("second", "role='none'", { type: "unavailable", status: [110] }));
  await alice.receives(seen("second", `jid='${phone.jid}' role='participant'`));
  await phone.receives(seen("second", "role='participant'", { status: [110] }));
  await desktop.receivesNothing();
  phone.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await phone.receives(seen("second", "role='none'", { type: "unavailable", status: [110] }));
  await alice.receives(seen("second", "role='none'", { type: "unavailable" }));
  await alice.receivesNothing();
});

mucTest("§7.2.8: one that was not shown leaves without a word to the others", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  phone.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await phone.receives(seen("second", "role='none'", { type: "unavailable", status: [110] }));
  await alice.receivesNothing();
  await desktop.receivesNothing();
});

mucTest("§7.2.8: a connection that ends is one client less", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  await desktop.close();
  await alice.receives(seen("second", `jid='${phone.jid}'`));
  phone.cut();
  await alice.receives(seen("second", "role='none'", { type: "unavailable" }));
});

mucTest("§7.2.8: all of them go when the occupant is put out", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
  await ask(alice, "set", item("nick='second' role='none'"));
  for (const client of [phone, desktop]) {
    await client.receives(
      seen("second", "role='none'", { type: "unavailable", status: [110, 307] }),
    );
  }
  await alice.receives(seen("second", "role='none'", { type: "unavailable", status: [307] }));
  await alice.receivesNothing();
});

mucTest("§7.2.8: a user may have two nicknames as well", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const phone = await inside(server, "bob", "phone", ROOM, { resource: "phone" });
  const desktop = await inside(server, "bob", "desktop", ROOM, { resource: "desktop" });
  alice.skip();
  phone.send(`<presence to='${ROOM}/phone' type='unavailable'/>`);
  await alice.receives(seen("phone", "role='none'", { type: "unavailable" }));
  await desktop.receives(seen("phone", "role='none'", { type: "unavailable" }));
  await desktop.receivesNothing();
});

mucTest(
  "§7.2.8: the nickname as the first client has written it, for all (210)",
  async (server) => {
    await createRoom(server, "alice", "first");
    await inside(server, "bob", "Second", ROOM, { resource: "phone" });
    const desktop = await online(server, "bob", { resource: "desktop" });
    desktop.send(join("second"));
    await desktop.receives(seen("first", "role='moderator'"));
    await desktop.receives(seen("Second", "role='participant'", { status: [110, 210] }));
  },
);

// ---- lost track ----

mucTest("§7.2.1: who enters once more gets everything once more", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  alice.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  await quiet(server);
  bob.send(`<presence id='again' to='${ROOM}/second'><x xmlns='${MUC}'/></presence>`);
  await bob.receives(seen("first", "role='moderator'"));
  await bob.receives(
    `<presence id='again' from='${ROOM}/second'><x xmlns='${USER}'>{only}<item role='participant'/>` +
      `<status code='110'/>${MAV}</x></presence>`,
  );
  await bob.receives(
    `<message from='${ROOM}/first'><body>hi</body><delay xmlns='urn:xmpp:delay'/></message>`,
  );
  await bob.receives(SUBJECT);
  // Nothing has changed for the others.
  await alice.receivesNothing();
});

mucTest("§7.2.1: with another presence than before it is news for the others", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(`<presence to='${ROOM}/second'><show>away</show><x xmlns='${MUC}'/></presence>`);
  await alice.receives(
    `<presence from='${ROOM}/second'><show>away</show><x xmlns='${USER}'>` +
      "<status code='110'>{absent}</status></x></presence>",
  );
  await bob.receives(seen("first", "role='moderator'"));
  await bob.receives(`<presence from='${ROOM}/second'><show>away</show></presence>`);
  await bob.receives(SUBJECT);
});

mucTest("§7.2.1: it is as if it had just come: warnings, password, history", async (server) => {
  const alice = await createRoom(server, "alice", "first", [
    "whois=anyone",
    "passwordprotectedroom=1",
    "roomsecret=x",
  ]);
  const bob = await online(server, "bob");
  bob.send(join("second", ROOM, "<password>x</password>"));
  await bob.eventually(SUBJECT);
  alice.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  await quiet(server);
  // It is there: nobody asks for the password.
  bob.send(join("second", ROOM, "<history maxstanzas='0'/>"));
  await bob.receives(seen("first", `jid='${alice.jid}'`));
  await bob.receives(seen("second", "role='participant'", { status: [100, 110] }));
  await bob.receives(SUBJECT);
});

mucTest("§7.2.1: under another nickname, it changes that and gets everything", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(join("bobby"));
  await alice.receives(
    seen("second", "nick='bobby'", { type: "unavailable", status: [303] }),
  );
  await alice.receives(seen("bobby", "role='participant'"));
  await bob.eventually(seen("first", "role='moderator'"));
  await bob.receives(seen("bobby", "role='participant'", { status: [110] }));
  await bob.receives(SUBJECT);
  await alice.receivesNothing();
});

// ---- without the element of XEP-0045 ----

mucTest(
  "§7.2.18: a stranger's presence does not enter: it is told that it is out",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await online(server, "bob");
    for (const room of [ROOM, `none@${SERVICE}`]) {
      bob.send(`<presence id='gc' to='${room}/second'><show>away</show></presence>`);
      await bob.receives(
        `<presence from='${room}/second' to='${bob.jid}' type='unavailable'><x xmlns='${USER}'>` +
          "<item affiliation='none' role='none'/>" +
          "<status code='110'/><status code='307'/><status code='333'/></x></presence>",
      );
    }
    await alice.receivesNothing();
    // Also with the nickname of somebody who is there.
    bob.send(`<presence to='${ROOM}/first'/>`);
    await bob.receives(
      seen("first", "role='none'", { type: "unavailable", status: [110, 307, 333] }),
    );
    await alice.receivesNothing();
    await enter(bob, "second");
  },
);

mucTest("§7.2.18: nor is a room made by it", async (server) => {
  const bob = await online(server, "bob");
  bob.send(`<presence to='${ROOM}/second'/>`);
  await bob.receives(
    seen("second", "role='none'", { type: "unavailable", status: [110, 307, 333] }),
  );
  const alice = await online(server, "alice");
  alice.send(join("first"));
  await alice.receives(seen("first", "affiliation='owner'", { status: [110, 201] }));
});

mucTest("§7.2.18: presence to everybody does not reach rooms", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send("<presence><show>away</show></presence>");
  await bob.receives("<presence><show>away</show></presence>");
  await alice.receivesNothing();
});
