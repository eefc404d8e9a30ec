/** XEP-0045 §8.2 and §8.5: kicking, and the list of those with voice. */

import {
  ADMIN,
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  mucTest,
  quiet,
  refused,
  ROOM,
  seen,
  USER,
} from "../helpers/muc.ts";
import { online } from "../helpers/client.ts";

const kick = (nick: string, inner = "") => item(`nick='${nick}' role='none'`, inner);

const items = (...list: readonly string[]) =>
  `<query xmlns='${ADMIN}'>${list.map((attrs) => `<item ${attrs}/>`).join("")}</query>`;

const out = (nick: string, inner: string, codes: readonly number[]) =>
  `<presence from='${ROOM}/${nick}' type='unavailable'><x xmlns='${USER}'>` +
  `<item affiliation='none' role='none'>${inner}</item>${
    codes.map((c) => `<status code='${c}'/>`).join("")
  }</x></presence>`;

mucTest(
  "§8.2: who is kicked is told why and by whom, then the moderator, then all",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    const carol = await inside(server, "carol", "Carol");
    await quiet(server);
    alice.send(
      `<iq type='set' id='k' to='${ROOM}'>${kick("Bob", "<reason>Avaunt!</reason>")}</iq>`,
    );
    const why = "<actor nick='Alice'/><reason>Avaunt!</reason>";
    await bob.receives(out("Bob", why, [110, 307]));
    await alice.receives(`<iq type='result' id='k' from='${ROOM}'>{empty}</iq>`);
    await alice.receives(out("Bob", why, [307]));
    await carol.receives(out("Bob", why, [307]));
    for (const client of [alice, bob, carol]) await client.receivesNothing();

    // It is out.
    bob.send(`<message type='groupchat' to='${ROOM}' id='m'><body>but</body></message>`);
    await bob.receives(`<message type='error' id='m'>${error("not-acceptable")}</message>`);
    alice.send(`<message type='groupchat' to='${ROOM}'><body>peace</body></message>`);
    await carol.receives("<message><body>peace</body></message>");
    await bob.receivesNothing();
    // A kick is no ban.
    await enter(bob, "Bob");
  },
);

mucTest("§8.2: somebody who kicks oneself hears of it before the success", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  await ask(alice, "set", kick("Bob").replace("none", "moderator"));
  await quiet(server);
  for (const client of [bob, alice]) {
    const nick = client === bob ? "Bob" : "Alice";
    client.send(`<iq type='set' id='k' to='${ROOM}'>${kick(nick)}</iq>`);
    await client.receives(
      seen(nick, "role='none'", { type: "unavailable", status: [110, 307] }),
    );
    await client.receives(`<iq type='result' id='k' from='${ROOM}'/>`);
    await client.receivesNothing();
    await quiet(server);
  }
});

mucTest("§8.2: several at once, in the order of the request", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  const dave = await inside(server, "dave", "Dave");
  await quiet(server);
  alice.send(
    `<iq type='set' id='k' to='${ROOM}'>${
      items("nick='Carol' role='none'", "nick='Bob' role='none'")
    }</iq>`,
  );
  await alice.receives(`<iq type='result' id='k' from='${ROOM}'/>`);
  for (const client of [alice, dave]) {
    await client.receives(out("Carol", "", [307]));
    await client.receives(out("Bob", "", [307]));
  }
  await bob.receives(out("Bob", "", [110, 307]));
  await carol.receives(out("Carol", "", [110, 307]));
  // They were removed before the others were told: they do not see each other go.
  await bob.receivesNothing();
  await carol.receivesNothing();
});

mucTest("§8.2: all clients of an occupant are out", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const phone = await inside(server, "bob", "Bob", ROOM, { resource: "phone" });
  const desk = await inside(server, "bob", "Bob", ROOM, { resource: "desk" });
  const other = await inside(server, "bob", "Robert", ROOM, { resource: "other" });
  await quiet(server);
  await ask(alice, "set", kick("Bob"));
  for (const client of [phone, desk]) await client.receives(out("Bob", "", [110, 307]));
  await other.receives(out("Bob", "", [307])); // a nickname of its own
  await alice.receives(out("Bob", "", [307]));
  await alice.receivesNothing();
});

mucTest("§8.2: nobody is kicked by a moderator with a lower affiliation", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const people = [];
  for (const name of ["bob", "carol", "dave", "erin"]) {
    people.push(await inside(server, name, name[0]!.toUpperCase() + name.slice(1)));
  }
  const [bob, carol, dave] = people as [typeof alice, typeof alice, typeof alice];
  await ask(alice, "set", item("affiliation='admin' jid='bob@localhost'"));
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost'"));
  await ask(alice, "set", items("nick='Carol' role='moderator'", "nick='Dave' role='moderator'"));
  await quiet(server);
  await refused(bob, "set", kick("Alice"), "not-allowed", "cancel");
  await refused(carol, "set", kick("Alice"), "not-allowed", "cancel");
  await refused(carol, "set", kick("Bob"), "not-allowed", "cancel");
  await refused(dave, "set", kick("Bob"), "not-allowed", "cancel");
  await refused(dave, "set", kick("Carol"), "not-allowed", "cancel");
  await refused(carol, "set", kick("Dave"), "not-allowed", "cancel"); // §5.1.3: by admins only
  await alice.receivesNothing();
  await ask(dave, "set", kick("Erin"));
  await ask(bob, "set", kick("Dave"));
  await ask(bob, "set", kick("Carol"));
  await ask(alice, "set", kick("Bob"));
});

mucTest("§8.2: only moderators, and only whoever is there", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await online(server, "carol");
  await quiet(server);
  await refused(bob, "set", kick("Alice"), "forbidden", "auth");
  await refused(bob, "set", kick("Bob"), "forbidden", "auth");
  await refused(carol, "set", kick("Bob"), "forbidden", "auth");
  await refused(alice, "set", kick("Nobody"), "item-not-found", "cancel");
  await refused(
    alice,
    "set",
    kick("Bob", `<reason>${"x".repeat(21)}</reason>`),
    "policy-violation",
  );
  await alice.receivesNothing();
  await bob.receivesNothing();
  await ask(alice, "set", kick("bob", `<reason>${"x".repeat(20)}</reason>`));
}, { modules: { muc: { reason_length: 20 } } });

mucTest("§8.2, §17.4: requests that make no sense", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  for (
    const bad of [
      `<query xmlns='${ADMIN}'/>`,
      items(""),
      items("nick='Bob'"),
      items("role='none'"),
      items("jid='bob@localhost' role='none'"),
      items("nick='Bob' role='king'"),
      items("nick='Bob' role=''"),
      items("nick='Bob' role='visitor' affiliation='none'"),
      items("nick='Bob' role='visitor'", "jid='bob@localhost' affiliation='none'"),
      items("nick='Bob' role='visitor'", "nick='Bob'"),
      items("nick='Bob' role='visitor'", "nick='bob' role='none'"),
      items(...new Array<string>(501).fill("nick='Bob' role='none'")),
    ]
  ) await refused(alice, "set", bad, "bad-request", "modify");
  await bob.receivesNothing();
});

mucTest("§8.5: a request with an item that is refused changes nothing", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await inside(server, "carol", "Carol");
  await ask(alice, "set", items("nick='Bob' role='moderator'"));
  await quiet(server);
  for (
    const [bad, condition] of [
      ["nick='Nobody' role='none'", "item-not-found"],
      ["nick='Alice' role='none'", "not-allowed"],
      ["nick='Alice' role='visitor'", "not-allowed"],
      ["nick='Nobody' role='moderator'", "item-not-found"],
      ["nick='Alice' role='king'", "bad-request"],
    ] as const
  ) {
    await refused(bob, "set", items("nick='Carol' role='none'", bad), condition);
    await refused(bob, "set", items("nick='Carol' role='visitor'", bad), condition);
    await refused(bob, "set", items(bad, "nick='Carol' role='visitor'"), condition);
  }
  await refused(
    bob,
    "set",
    items(
      "nick='Carol' role='visitor'",
      "nick='Bob' role='participant'",
      "nick='Carol' role='moderator'",
    ),
    "forbidden",
  );
  await alice.receivesNothing();
  await ask(
    alice,
    "get",
    items("role='participant'"),
    `<query xmlns='${ADMIN}'>{only}<item nick='Carol' role='participant'/></query>`,
  );
});

mucTest("§8.5: moderators read the list of those with voice, and change it", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  const dave = await inside(server, "dave", "Dave");
  await ask(alice, "set", items("nick='Bob' role='participant'", "nick='Dave' role='moderator'"));
  await quiet(server);
  const participants = items("role='participant'");
  for (const moderator of [alice, dave]) {
    await ask(
      moderator,
      "get",
      participants,
      `<query xmlns='${ADMIN}'>{only}<item affiliation='none' jid='${bob.jid}' nick='Bob' role='participant'/></query>`,
    );
  }
  for (const client of [bob, carol, await online(server, "erin")]) {
    for (const role of ["participant", "visitor", "moderator"]) {
      await refused(client, "get", items(`role='${role}'`), "forbidden", "auth");
    }
  }
  await ask(
    dave,
    "get",
    items("role='visitor'"),
    `<query xmlns='${ADMIN}'>{only}<item affiliation='none' jid='${carol.jid}' nick='Carol' role='visitor'/></query>`,
  );
  await ask(dave, "get", items("role='none'"), `<query xmlns='${ADMIN}'>{empty}</query>`);

  await quiet(server);
  await ask(dave, "set", items("nick='Bob' role='visitor'", "nick='Carol' role='participant'"));
  await alice.receives(seen("Bob", "role='visitor'"));
  await alice.receives(seen("Carol", "role='participant'"));
  await ask(
    alice,
    "get",
    participants,
    `<query xmlns='${ADMIN}'>{only}<item jid='${carol.jid}' nick='Carol' role='participant'/></query>`,
  );
  // §9.8.
  await ask(
    alice,
    "get",
    items("role='moderator'"),
    `<query xmlns='${ADMIN}'>{only}<item affiliation='owner' jid='${alice.jid}' nick='Alice' role='moderator'/>` +
      `<item affiliation='none' jid='${dave.jid}' nick='Dave' role='moderator'/></query>`,
  );
  await refused(alice, "get", items("role='king'"), "bad-request");
  await refused(alice, "get", items("role='visitor' affiliation='none'"), "bad-request");
  await refused(alice, "get", `<query xmlns='${ADMIN}'/>`, "bad-request");
});

mucTest("§8.2: one who is kicked comes back while others are being told", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  alice.send(`<iq type='set' id='k' to='${ROOM}'>${kick("Bob")}</iq>`);
  await bob.receives(out("Bob", "", [110, 307]));
  bob.send(join("Bob"));
  await bob.eventually(seen("Bob", "role='participant'", { status: [110] }));
  await alice.receives("<iq type='result' id='k'/>");
  await alice.receives(out("Bob", "", [307]));
  await alice.receives(seen("Bob", "role='participant'"));
});
