/** XEP-0045 §7.7: changing availability status. */

import {
  ask,
  createRoom,
  enter,
  inside,
  item,
  join,
  mucTest,
  quiet,
  ROOM,
  seen,
  USER,
} from "../helpers/muc.ts";
import { online, type TestClient } from "../helpers/client.ts";

/** Every presence is shown at once. */
const AT_ONCE = { modules: { muc: { presence_interval: "0s" } } };

const status = (nick: string, inner: string) =>
  `<presence to='${ROOM}/${nick}'>${inner}</presence>`;

mucTest("§7.7: all see how somebody is, moderators also who it is", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  await quiet(server);

  bob.send(status(
    "Bob",
    "<show>xa</show><status xml:lang='en'>gone</status><status xml:lang='de'>weg</status>" +
      "<priority>7</priority><mood xmlns='urn:example:mood'>fine</mood>",
  ));
  const said = "<show>xa</show><status xml:lang='en'>gone</status>" +
    "<status xml:lang='de'>weg</status><mood xmlns='urn:example:mood'>fine</mood>";
  const shown = (jid: string, codes: string) =>
    `<presence from='${ROOM}/Bob' type='{absent}'>${said}` +
    `<x xmlns='${USER}'>{only}<item affiliation='none' role='participant' jid='${jid}'/>${codes}</x></presence>`;
  await alice.receives(shown(bob.jid, ""));
  await carol.receives(shown("{absent}", ""));
  await bob.receives(shown(bob.jid, "<status code='110'/>"));

  // Who enters later sees it, too.
  const dave = await online(server, "dave");
  dave.send(join("Dave"));
  await dave.eventually(shown("{absent}", ""));
}, AT_ONCE);

mucTest("§7.7: a client cannot say what only the room says", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  bob.send(status(
    "Bob",
    `<x xmlns='${USER}'><item affiliation='owner' role='moderator' jid='king@localhost/x'/>` +
      "<status code='100'/></x><hats xmlns='urn:xmpp:hats:0'/>" +
      "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
  ));
  await alice.receives(seen("Bob", `affiliation='none' role='participant' jid='${bob.jid}'`));
  const x = alice.last.elements().filter((e) => e.ns === USER);
  const ids = alice.last.elements().filter((e) => e.name === "occupant-id");
  if (x.length !== 1 || x[0]!.elements().length !== 1) throw new Error(`${alice.last}`);
  if (ids.length !== 1 || ids[0]!.attrs.id === "forged") throw new Error(`${alice.last}`);
  if (alice.last.elements().some((e) => e.name === "hats")) throw new Error(`${alice.last}`);
});

mucTest("§7.7: of several clients the one is shown that has spoken last", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const phone = await inside(server, "bob", "Bob", ROOM, { resource: "phone" });
  const desk = await inside(server, "bob", "Bob", ROOM, { resource: "desk" });
  await quiet(server);
  const everybody = async (text: string, client: TestClient) => {
    const shown = `<presence from='${ROOM}/Bob' type='{absent}'><status>${text}</status>` +
      `<x xmlns='${USER}'><item jid='${client.jid}'/></x></presence>`;
    for (const c of [alice, phone, desk]) await c.receives(shown);
  };
  phone.send(status("Bob", "<status>walking</status>"));
  await everybody("walking", phone);
  desk.send(status("Bob", "<status>at the desk</status>"));
  await everybody("at the desk", desk);
  phone.send(status("Bob", "<status>walking again</status>"));
  await everybody("walking again", phone);

  // The one that is not shown leaves: nobody else learns anything.
  desk.send(`<presence type='unavailable' to='${ROOM}/Bob'/>`);
  await desk.receives(seen("Bob", "role='none'", { type: "unavailable", status: [110] }));
  await alice.receivesNothing();
  await phone.receivesNothing();
}, AT_ONCE);

mucTest("§7.7: when the client that is shown leaves, another one is shown", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const phone = await inside(server, "bob", "Bob", ROOM, { resource: "phone" });
  phone.send(status("Bob", "<status>walking</status>"));
  const desk = await online(server, "bob", { resource: "desk" });
  await enter(desk, "Bob");
  desk.send(status("Bob", "<show>dnd</show><status>at the desk</status>"));
  await quiet(server);

  desk.send(`<presence type='unavailable' to='${ROOM}/Bob'><status>bye</status></presence>`);
  await desk.receives(seen("Bob", "role='none'", { type: "unavailable", status: [110] }));
  const shown = `<presence from='${ROOM}/Bob' type='{absent}'><show>{absent}</show>` +
    `<status>walking</status><x xmlns='${USER}'><item role='participant' jid='${phone.jid}'/></x></presence>`;
  await alice.receives(shown);
  await phone.receives(shown);
  await alice.receivesNothing();
  await desk.receivesNothing();

  // The same if its session is lost.
  const again = await online(server, "bob", { resource: "tablet" });
  await enter(again, "Bob");
  await quiet(server);
  again.cut();
  await alice.receives(shown);
}, AT_ONCE);

mucTest(
  "§7.7: what comes too soon after the last one waits; the last one counts",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    await quiet(server);
    for (const n of [1, 2, 3, 4]) bob.send(status("Bob", `<status>${n}</status>`));
    await alice.receives(`<presence from='${ROOM}/Bob'><status>1</status></presence>`);
    await alice.receivesNothing();
    await alice.receives(`<presence from='${ROOM}/Bob'><status>4</status></presence>`);
    await alice.receivesNothing(700);

    // What has waited comes to nothing if its author is gone meanwhile.
    bob.send(status("Bob", "<status>5</status>") + status("Bob", "<status>6</status>"));
    bob.send(`<presence type='unavailable' to='${ROOM}/Bob'/>`);
    await alice.receives(`<presence from='${ROOM}/Bob'><status>5</status></presence>`);
    await alice.receives(seen("Bob", "role='none'", { type: "unavailable" }));
    await alice.receivesNothing(700);
  },
  { modules: { muc: { presence_interval: "500ms" } } },
);

mucTest("§7.7: visitors may be kept from writing into their status", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", [
    "moderatedroom=1",
    "allowvisitorstatus=0",
  ]);
  const bob = await online(server, "bob");
  await quiet(server);
  bob.send(
    `<presence to='${ROOM}/Bob'><show>chat</show><status>buy this</status>` +
      "<x xmlns='http://jabber.org/protocol/muc'/></presence>",
  );
  const shown =
    `<presence from='${ROOM}/Bob'><show>{show}</show><status>{absent}</status></presence>`;
  await alice.receives(shown);
  bob.send(status("Bob", "<show>away</show><status>and that</status>"));
  await alice.receives(shown);
  bob.send(
    `<presence to='${ROOM}/Bob'><show>dnd</show><status>and this</status>` +
      "<x xmlns='http://jabber.org/protocol/muc'/></presence>",
  );
  await alice.receives(shown);
  // With voice it is free to.
  await ask(alice, "set", item("nick='Bob' role='participant'"));
  await quiet(server);
  bob.send(status("Bob", "<status>hello</status>"));
  await alice.receives(`<presence from='${ROOM}/Bob'><status>hello</status></presence>`);
}, AT_ONCE);

mucTest("§7.7: a role that is not broadcast is seen by moderators alone", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", [
    "moderatedroom=1",
    "presencebroadcast=moderator|participant",
  ]);
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  await quiet(server);
  bob.send(status("Bob", "<show>xa</show>"));
  await alice.receives(`<presence from='${ROOM}/Bob'><show>xa</show></presence>`);
  await bob.receives(seen("Bob", "role='visitor'", { status: [110] }));
  await carol.receivesNothing();
}, AT_ONCE);

mucTest(
  "§7.7: a presence of somebody who is not there says so, and nobody else sees it",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await online(server, "bob");
    await quiet(server);
    bob.send(status("Bob", "<show>xa</show>"));
    await bob.receives(
      seen("Bob", "affiliation='none' role='none'", {
        type: "unavailable",
        status: [110, 307, 333],
      }),
    );
    bob.send(`<presence type='unavailable' to='${ROOM}/Bob'/>`);
    bob.send(`<presence type='probe' to='${ROOM}/Bob'/>`);
    bob.send(`<presence type='subscribe' to='${ROOM}/Bob'/>`);
    await bob.receivesNothing();
    await alice.receivesNothing();
  },
);

mucTest("§7.7: a presence that is too large is refused", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  bob.send(`<presence id='p' to='${ROOM}/Bob'><status>${"x".repeat(1100)}</status></presence>`);
  await bob.receives(
    `<presence type='error' id='p'><error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
  );
  await alice.receivesNothing();
}, { modules: { muc: { presence_bytes: "1 KiB" } } });
