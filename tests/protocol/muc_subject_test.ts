/** XEP-0045 §8.1: the room's subject. */

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
  ROOM,
} from "../helpers/muc.ts";
import { online } from "../helpers/client.ts";

const say = (inner: string, id = "s1") =>
  `<message type='groupchat' to='${ROOM}' id='${id}'>${inner}</message>`;

mucTest("§8.1: a moderator changes the subject, everybody is told", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  alice.send(say("<subject>Fire Burn!</subject><extra xmlns='urn:example:x'/>"));
  for (const client of [alice, bob]) {
    await client.receives(
      `<message from='${ROOM}/Alice' type='groupchat' id='s1'><subject>Fire Burn!</subject>` +
        "<extra xmlns='urn:example:x'/><body>{absent}</body><delay xmlns='urn:xmpp:delay'>{absent}</delay></message>",
    );
  }
  // Who enters later gets it, after the history, with the time of the change.
  bob.send(say("<body>that is new</body>"));
  await bob.eventually("<message><body>that is new</body></message>");
  const carol = await online(server, "carol");
  carol.send(join("Carol", ROOM, ""));
  await carol.eventually(`<presence from='${ROOM}/Carol'/>`);
  await carol.receives(`<message from='${ROOM}/Bob'><body>that is new</body></message>`);
  await carol.receives(
    `<message from='${ROOM}/Alice' type='groupchat'><subject>Fire Burn!</subject>` +
      `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='{stamp}'/></message>`,
  );
  await carol.receivesNothing();
});

mucTest("§8.1: without a subject those who enter get an empty one", async (server) => {
  await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  bob.send(join("Bob", ROOM, ""));
  await bob.eventually(
    `<message from='${ROOM}' type='groupchat'><subject>{empty}</subject></message>`,
  );
});

mucTest("§8.1: participants may only where that is configured, visitors never", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  await ask(alice, "set", item("nick='Carol' role='participant'"));
  await quiet(server);
  for (const client of [bob, carol]) {
    client.send(say("<subject>mine</subject>"));
    await client.receives(
      `<message from='${ROOM}' type='error' id='s1'>${error("forbidden", "auth")}</message>`,
    );
  }
  await alice.receivesNothing();

  await ask(
    alice,
    "set",
    "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
      "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" +
      "<field var='muc#roomconfig_changesubject'><value>1</value></field></x></query>",
  );
  await quiet(server);
  carol.send(say("<subject>ours</subject>"));
  for (const client of [alice, bob, carol]) {
    await client.receives(`<message from='${ROOM}/Carol'><subject>ours</subject></message>`);
  }
  bob.send(say("<subject>mine</subject>"));
  await bob.receives(`<message type='error' id='s1'>${error("forbidden", "auth")}</message>`);
  await alice.receivesNothing();
});

mucTest("§8.1: strangers cannot change it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  await quiet(server);
  bob.send(say("<subject>mine</subject>"));
  await bob.receives(`<message type='error' id='s1'>${error("not-acceptable")}</message>`);
  await alice.receivesNothing();
});

mucTest("§8.1: an empty subject removes it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  alice.send(say("<subject>cats</subject>") + say("<subject></subject>"));
  await alice.receives("<message><subject>cats</subject></message>");
  await alice.receives(`<message from='${ROOM}/Alice'><subject>{empty}</subject></message>`);
  const bob = await online(server, "bob");
  bob.send(join("Bob"));
  await bob.eventually("<message type='groupchat'><subject>{empty}</subject></message>");
});

mucTest("§8.1: with a body or a thread it is a message, and changes nothing", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  alice.send(say("<subject>cats</subject>"));
  await bob.eventually("<message><subject>cats</subject></message>");
  await quiet(server);
  // Whoever may speak may send these.
  for (const more of ["<body>look</body>", "<thread>t1</thread>", "<subject/><body>!</body>"]) {
    bob.send(say(`<subject>dogs</subject>${more}`));
    await bob.receives(`<message from='${ROOM}/Bob' type='groupchat'>${more}</message>`);
    await alice.receives(`<message from='${ROOM}/Bob' type='groupchat'>${more}</message>`);
  }
  const carol = await online(server, "carol");
  carol.send(join("Carol"));
  await carol.eventually(`<message from='${ROOM}/Alice'><subject>cats</subject></message>`);
});

mucTest("§8.1: in several languages", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  alice.send(say("<subject xml:lang='en'>cats</subject><subject xml:lang='de'>Katzen</subject>"));
  const both = `<message from='${ROOM}/Alice'><subject xml:lang='en'>cats</subject>` +
    "<subject xml:lang='de'>Katzen</subject></message>";
  await alice.receives(both);
  const bob = await online(server, "bob");
  bob.send(join("Bob"));
  await bob.eventually(both);
});

mucTest("§8.1: one that is too long is refused, in whatever language", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  for (
    const inner of [
      `<subject>${"x".repeat(21)}</subject>`,
      `<subject>x</subject><subject xml:lang='de'>${"x".repeat(21)}</subject>`,
    ]
  ) {
    alice.send(say(inner));
    await alice.receives(
      `<message from='${ROOM}' type='error' id='s1'>${error("policy-violation")}</message>`,
    );
  }
  alice.send(say(`<subject>${"x".repeat(20)}</subject>`));
  await alice.receives(`<message from='${ROOM}/Alice' type='groupchat'><subject/></message>`);
}, { modules: { muc: { subject_length: 20 } } });

mucTest("§8.1: the subject of a persistent room is kept when all have left", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
  alice.send(say("<subject>for ever</subject>"));
  await alice.receives("<message><subject>for ever</subject></message>");
  alice.send(`<presence type='unavailable' to='${ROOM}/Alice'/>`);
  await quiet(server);
  await enterAndSee();

  async function enterAndSee(): Promise<void> {
    alice.send(join("Queen"));
    await alice.eventually(
      `<message from='${ROOM}/Alice'><subject>for ever</subject>` +
        `<delay xmlns='urn:xmpp:delay' from='${ROOM}'/></message>`,
    );
  }
});

mucTest("§8.1: changes and messages come in the order in which they were sent", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  await enter(bob, "Bob");
  await quiet(server);
  alice.send(
    say("<body>1</body>") + say("<subject>2</subject>") + say("<body>3</body>") +
      say("<subject>4</subject>"),
  );
  await bob.receives("<message><body>1</body></message>");
  await bob.receives("<message><subject>2</subject></message>");
  await bob.receives("<message><body>3</body></message>");
  await bob.receives("<message><subject>4</subject></message>");
});
