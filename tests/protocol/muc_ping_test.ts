/** Whether one is still there (XEP-0410), and IQs from occupant to occupant (XEP-0045 §17.4). */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  MODULES,
  mucTest,
  quiet,
  refused,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";

const PING = "<ping xmlns='urn:xmpp:ping'/>";
const VCARD = "<vCard xmlns='vcard-temp'/>";

async function pings(
  client: TestClient,
  nick: string,
  condition?: string,
  room = ROOM,
): Promise<void> {
  client.send(`<iq type='get' id='s2c1' to='${room}/${nick}'>${PING}</iq>`);
  await client.receives(
    condition === undefined
      ? `<iq type='result' id='s2c1' from='${room}/${nick}' to='${client.jid}'>{empty}</iq>`
      : `<iq type='error' id='s2c1' from='${room}/${nick}'>${error(condition)}</iq>`,
  );
}

mucTest("XEP-0410 §3: an occupant pings its own nickname, and the room answers", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  await pings(bob, "second");
  await pings(alice, "first");
});

mucTest(
  "XEP-0410 §3: who is not there learns it, whatever the nickname and the room",
  async (server) => {
    await createRoom(server, "alice", "first");
    const bob = await online(server, "bob");
    for (const nick of ["first", "second", "nobody"]) await pings(bob, nick, "not-acceptable");
    await pings(bob, "second", "not-acceptable", `none@${SERVICE}`);
    await enter(await online(server, "carol"), "third", `locked@${SERVICE}`);
    await pings(bob, "second", "not-acceptable", `locked@${SERVICE}`);
  },
);

mucTest("XEP-0410 §3: nor does another client of an occupant pass for one", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const other = await online(server, "alice", { resource: "other" });
  alice.skip();
  await pings(other, "first", "not-acceptable");
});

mucTest("XEP-0410 §3: in a room that is still locked", async (server) => {
  const alice = await online(server, "alice");
  await enter(alice, "first");
  await pings(alice, "first");
});

mucTest("XEP-0410 §3: after a kick, a leave, and the room's end", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  await ask(alice, "set", item("nick='second' role='none'"));
  await quiet(server);
  await pings(bob, "second", "not-acceptable");
  alice.send(`<presence to='${ROOM}/first' type='unavailable'/>`);
  await alice.receives(seen("first", "role='none'", { type: "unavailable", status: [110] }));
  await pings(alice, "first", "not-acceptable");
});

mucTest("XEP-0410 §3: after a change of the nickname the new one counts", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(`<presence to='${ROOM}/third'/>`);
  await bob.eventually(seen("third", "role='participant'", { status: [110] }));
  await pings(bob, "third");
  await pings(bob, "second", "item-not-found");
});

mucTest(
  "XEP-0410 §4: several clients: each is answered by itself, after a change too",
  async (server) => {
    await createRoom(server, "alice", "first");
    const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
    const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
    await pings(phone, "second");
    await pings(desktop, "second");
    phone.send(`<presence to='${ROOM}/third'/>`);
    await desktop.eventually(seen("third", "role='participant'", { status: [110] }));
    await pings(desktop, "third");
    await pings(desktop, "second", "item-not-found");
    await quiet(server);
    phone.send(`<presence to='${ROOM}/third' type='unavailable'/>`);
    await phone.receives(seen("third", "role='none'", { type: "unavailable", status: [110] }));
    await quiet(server);
    await pings(phone, "third", "not-acceptable");
    await pings(desktop, "third");
  },
);

mucTest("XEP-0410 §3: another's nickname is pinged as anything else is asked", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(`<iq type='get' id='p' to='${ROOM}/first'>${PING}</iq>`);
  const { id } = await alice.receives(
    `<iq type='get' id='{id}' from='${ROOM}/second' to='${alice.jid}'>${PING}</iq>`,
  );
  alice.send(`<iq type='result' id='${id}' to='${ROOM}/second'/>`);
  await bob.receives(`<iq type='result' id='p' from='${ROOM}/first' to='${bob.jid}'>{empty}</iq>`);
});

// ---- IQs through the room ----

mucTest(
  "§17.4: requests go to a client, answers back, and nobody learns an address",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const bob = await inside(server, "bob", "second");
    for (const type of ["get", "set"]) {
      bob.send(`<iq type='${type}' id='q' to='${ROOM}/first'><query xmlns='urn:example'/></iq>`);
      const { id } = await alice.receives(
        `<iq type='${type}' id='{id}' from='${ROOM}/second' to='${alice.jid}'>` +
          "<query xmlns='urn:example'/></iq>",
      );
      assert.notEqual(id, "q");
      assert(!alice.last.toString().includes("bob@"));
      alice.send(
        `<iq type='result' id='${id}' to='${ROOM}/second'><query xmlns='urn:example' a='1'/></iq>`,
      );
      await bob.receives(
        `<iq type='result' id='q' from='${ROOM}/first' to='${bob.jid}'>` +
          "<query xmlns='urn:example' a='1'/></iq>",
      );
      assert(!bob.last.toString().includes("alice@"));
    }
  },
);

mucTest("§17.4: an error comes back without who has made it", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(`<iq type='get' id='q' to='${ROOM}/first'><query xmlns='urn:example'/></iq>`);
  const { id } = await alice.receives(`<iq type='get' id='{id}' from='${ROOM}/second'/>`);
  alice.send(
    `<iq type='error' id='${id}' to='${ROOM}/second'><query xmlns='urn:example'/>` +
      `<error type='cancel' by='${alice.jid}'><feature-not-implemented ` +
      "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  );
  await bob.receives(
    `<iq type='error' id='q' from='${ROOM}/first'><error type='cancel' by='{absent}'>` +
      "<feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  );
  assert(!bob.last.toString().includes("alice@"));
  // It is no sign that she could not be reached.
  await pings(alice, "first");
});

mucTest("§17.4: an answer counts once, and from whoever was asked", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  const stranger = await online(server, "dave");
  await quiet(server);
  bob.send(`<iq type='get' id='q' to='${ROOM}/first'><query xmlns='urn:example'/></iq>`);
  const { id } = await alice.receives(`<iq type='get' id='{id}' from='${ROOM}/second'/>`);
  for (const forger of [carol, stranger, bob]) {
    for (const to of [`${ROOM}/second`, `${ROOM}/first`, `none@${SERVICE}/second`]) {
      forger.send(`<iq type='result' id='${id}' to='${to}'><forged xmlns='urn:example'/></iq>`);
    }
  }
  await bob.receivesNothing();
  await carol.receivesNothing();
  for (let i = 0; i < 2; i++) {
    alice.send(`<iq type='result' id='${id}' to='${ROOM}/second'><true xmlns='urn:example'/></iq>`);
  }
  await bob.receives("<iq type='result' id='q'><true xmlns='urn:example'/></iq>");
  await bob.receivesNothing();
  // One that nobody has asked for.
  alice.send(`<iq type='result' id='q' to='${ROOM}/second'/>`);
  await bob.receivesNothing();
});

mucTest(
  "§17.4: vCards are the account's, which answers in its stead",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    await alice.request(
      "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Alice</FN></vCard></iq>",
      "<iq type='result' id='v'/>",
    );
    const bob = await inside(server, "bob", "second");
    alice.skip();
    bob.send(`<iq type='get' id='v' to='${ROOM}/first'>${VCARD}</iq>`);
    await bob.receives(
      `<iq type='result' id='v' from='${ROOM}/first' to='${bob.jid}'>` +
        "<vCard xmlns='vcard-temp'><FN>Alice</FN></vCard></iq>",
    );
    // Nobody's but one's own can be set.
    bob.send(
      `<iq type='set' id='w' to='${ROOM}/first'><vCard xmlns='vcard-temp'><FN>Bob</FN></vCard></iq>`,
    );
    await bob.receives(`<iq type='error' id='w' from='${ROOM}/first'>${error("forbidden")}</iq>`);
    await alice.receivesNothing();
  },
  {},
  [...MODULES, "vcard"],
);

mucTest("§17.4: to nobody, and from nobody", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(`<iq type='get' id='q' to='${ROOM}/nobody'><query xmlns='urn:example'/></iq>`);
  await bob.receives(
    `<iq type='error' id='q' from='${ROOM}/nobody'>${error("item-not-found")}</iq>`,
  );
  const carol = await online(server, "carol");
  for (const payload of ["<query xmlns='urn:example'/>", VCARD, PING]) {
    carol.send(`<iq type='get' id='q' to='${ROOM}/first'>${payload}</iq>`);
    await carol.receives(`<iq type='error' id='q'>${error("not-acceptable")}</iq>`);
  }
  await alice.receivesNothing();
});

mucTest(
  "§17.4: to an occupant with several clients it goes to the one that is shown",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
    const desktop = await inside(server, "bob", "second", ROOM, { resource: "desktop" });
    alice.send(`<iq type='get' id='q' to='${ROOM}/second'><query xmlns='urn:example'/></iq>`);
    const { id } = await desktop.receives(`<iq type='get' id='{id}' from='${ROOM}/first'/>`);
    await phone.receivesNothing();
    desktop.send(`<iq type='result' id='${id}' to='${ROOM}/first'/>`);
    await alice.receives(`<iq type='result' id='q' from='${ROOM}/second'/>`);
  },
);

mucTest("§17.4: what asks too much has to wait", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (let i = 0; i < 3; i++) {
    bob.send(`<iq type='get' id='q${i}' to='${ROOM}/first'><query xmlns='urn:example'/></iq>`);
  }
  await bob.receives(`<iq type='error' id='q2'>${error("policy-violation", "wait")}</iq>`);
  await alice.receives("<iq type='get'/>");
  await alice.receives("<iq type='get'/>");
  await alice.receivesNothing();
  // To ask whether one is still there costs nothing.
  await pings(bob, "second");
}, { modules: { muc: { messages: 2 } } });

mucTest("§17.4: an IQ to the room is the room's", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  await refused(bob, "get", "<query xmlns='urn:example'/>", "service-unavailable", "cancel");
  await ask(bob, "get", PING);
  await alice.receivesNothing();
});
