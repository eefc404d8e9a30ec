/** XEP-0045 §7.10-7.12 and §9.9: registering with a room, the list of members, the reserved nickname. */

import {
  ADMIN,
  ask,
  createRoom,
  enter,
  error,
  FORMS,
  inside,
  item,
  join,
  mucTest,
  quiet,
  refused,
  REGISTER,
  ROOM,
  seen,
  SERVICE,
  submission,
  USER,
} from "../helpers/muc.ts";
import { online, type TestClient } from "../helpers/client.ts";

const NS = "jabber:iq:register";
const GET = `<query xmlns='${NS}'/>`;
const DISCO = "http://jabber.org/protocol/disco#info";

const registration = (nick: string) =>
  `<query xmlns='${NS}'>${submission(REGISTER, `muc#register_roomnick=${nick}`)}</query>`;

const REMOVE = `<query xmlns='${NS}'><remove/></query>`;

/** §7.12. */
const reserved = (client: TestClient, content: string) =>
  ask(
    client,
    "get",
    `<query xmlns='${DISCO}' node='x-roomuser-item'/>`,
    `<query xmlns='${DISCO}' node='x-roomuser-item'>${content}</query>`,
  );

const members = (client: TestClient, content: string) =>
  ask(
    client,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`,
    `<query xmlns='${ADMIN}'>${content}</query>`,
  );

mucTest("§7.10: whoever registers is a member, and has a nickname", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const carol = await online(server, "carol");
  await quiet(server);
  await ask(
    bob,
    "get",
    GET,
    `<query xmlns='${NS}'><instructions/><registered>{absent}</registered><x xmlns='${FORMS}' type='form'><title/><instructions/>` +
      `<field var='FORM_TYPE' type='hidden'><value>${REGISTER}</value></field>` +
      "<field var='muc#register_roomnick' type='text-single' label='{label}'><required/></field></x></query>",
  );
  bob.send(`<iq type='set' id='reg' to='${ROOM}'>${registration("Bob")}</iq>`);
  await bob.receives(`<iq type='result' id='reg' from='${ROOM}'>{empty}</iq>`);
  // All see it: a member has voice in a moderated room.
  await bob.receives(seen("Bob", "affiliation='member' role='participant'", { status: [110] }));
  await alice.receives(seen("Bob", `affiliation='member' role='participant' jid='${bob.jid}'`));
  await ask(
    bob,
    "get",
    GET,
    `<query xmlns='${NS}'><registered>{empty}</registered><username>Bob</username></query>`,
  );
  await members(alice, "<item affiliation='member' jid='bob@localhost' nick='Bob'/>");

  // §7.12: nobody else gets in with it.
  await quiet(server);
  bob.send(`<presence type='unavailable' to='${ROOM}/Bob'/>`);
  await quiet(server);
  for (const nick of ["Bob", "bob"]) {
    carol.send(join(nick));
    await carol.receives(`<presence type='error'>${error("conflict")}</presence>`);
  }
  await enter(bob, "Bob");
});

mucTest("§7.10: whoever is not in the room registers as well, from any client", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["whois=anyone"]);
  const bob = await online(server, "bob");
  await quiet(server);
  await ask(bob, "set", registration("Bob"));
  // §10.3: the room hears of it.
  await alice.receives(
    `<message from='${ROOM}'><x xmlns='${USER}'><item affiliation='member' role='none' jid='bob@localhost'/></x></message>`,
  );
  await reserved(
    await online(server, "bob"),
    "{only}<identity category='conference' type='text' name='Bob'/>",
  );
});

mucTest(
  "§7.10: a nickname that is another's, or reserved by another, is a conflict",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await ask(bob, "set", registration("Queen"));
    for (const nick of ["Alice", "alice", "Queen", "QUEEN"]) {
      await refused(carol, "set", registration(nick), "conflict", "cancel");
    }
    await members(alice, "<item jid='bob@localhost'/>");
    // One's own may be changed, and the old one is free then.
    await ask(bob, "set", registration("King"));
    await ask(carol, "set", registration("Queen"));
    await reserved(bob, "<identity name='King'/>");
  },
);

mucTest("§7.10: an outcast may not, nor anybody where it is switched off", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  const carol = await online(server, "carol");
  await ask(alice, "set", item("affiliation='outcast' jid='bob@localhost'"));
  await refused(bob, "get", GET, "not-allowed", "cancel");
  await refused(bob, "set", registration("Bob"), "not-allowed", "cancel");
  await refused(bob, "set", REMOVE, "registration-required");
  await ask(
    alice,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='outcast'/></query>`,
    `<query xmlns='${ADMIN}'><item jid='bob@localhost' nick='{absent}'/></query>`,
  );
  await ask(
    alice,
    "set",
    `<query xmlns='http://jabber.org/protocol/muc#owner'>${
      submission(
        "http://jabber.org/protocol/muc#roomconfig",
        "muc#roomconfig_allowregistration=0",
      )
    }</query>`,
  );
  await refused(carol, "get", GET, "not-allowed", "cancel");
  await refused(carol, "set", registration("Carol"), "not-allowed", "cancel");
  // A member has registered, in whatever way.
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost'"));
  await ask(carol, "set", registration("Carol"));
});

mucTest("§7.10: a form that is none is a bad request", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  const x = (inner: string) => `<query xmlns='${NS}'>${inner}</query>`;
  for (
    const bad of [
      x(""),
      x("<username>Bob</username>"),
      x(`<x xmlns='${FORMS}' type='result'/>`),
      x(`<x xmlns='${FORMS}'/>`),
      x(submission("http://jabber.org/protocol/muc#roomconfig", "muc#register_roomnick=Bob")),
    ]
  ) await refused(bob, "set", bad, "bad-request", "modify");
  // Nicknames that are none, too long or missing.
  for (const nick of ["", "\u2003", "x".repeat(65)]) {
    await refused(bob, "set", registration(nick), "not-acceptable");
  }
  await refused(bob, "set", x(submission(REGISTER, "other=1")), "not-acceptable");
  // A cancelled form changes nothing.
  await ask(bob, "set", x(`<x xmlns='${FORMS}' type='cancel'/>`));
  await members(alice, "{empty}");
});

mucTest("§7.10: no registration with a room that is not there, or not open yet", async (server) => {
  const bob = await online(server, "bob");
  await refused(bob, "get", GET, "item-not-found", "cancel", `nowhere@${SERVICE}`);
  await refused(bob, "set", registration("Bob"), "item-not-found", "cancel", `nowhere@${SERVICE}`);
  const alice = await online(server, "alice");
  await enter(alice, "Alice");
  await refused(bob, "set", registration("Bob"), "item-not-found", "cancel");
});

mucTest("§7.10, XEP-0077 §3.2: a registration is removed again", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  await refused(bob, "set", REMOVE, "registration-required");
  await ask(bob, "set", registration("Bob"));
  await quiet(server);
  bob.send(`<iq type='set' id='un' to='${ROOM}'>${REMOVE}</iq>`);
  await bob.receives(`<iq type='result' id='un' from='${ROOM}'>{empty}</iq>`);
  await bob.receives(seen("Bob", "affiliation='none' role='participant'", { status: [110] }));
  await alice.receives(seen("Bob", "affiliation='none' role='participant'"));
  await reserved(bob, "{empty}");
  await members(alice, "{empty}");

  // An owner stays an owner: only the nickname goes.
  await ask(alice, "set", registration("Alice"));
  await reserved(alice, "<identity name='Alice'/>");
  await ask(alice, "set", REMOVE);
  await reserved(alice, "{empty}");
  await ask(
    alice,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='owner'/></query>`,
    `<query xmlns='${ADMIN}'><item jid='alice@localhost' nick='{absent}'/></query>`,
  );
});

mucTest("§7.10: who gives membership of a members-only room up is out", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  const bob = await online(server, "bob");
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  await enter(bob, "Bob");
  await quiet(server);
  bob.send(`<iq type='set' id='un' to='${ROOM}'>${REMOVE}</iq>`);
  await bob.receives(
    seen("Bob", "affiliation='none' role='none'", { type: "unavailable", status: [110, 321] }),
  );
  await bob.receives(`<iq type='result' id='un' from='${ROOM}'/>`);
  await alice.receives(
    seen("Bob", "affiliation='none' role='none'", { type: "unavailable", status: [321] }),
  );
});

mucTest("§7.10: where nicknames are locked down, the registered one is given", async (server) => {
  await createRoom(server, "alice", "Alice", ["locknicks=1"]);
  const bob = await online(server, "bob");
  await ask(bob, "set", registration("Bob"));
  bob.send(join("Robert"));
  await bob.eventually(seen("Bob", "affiliation='member'", { status: [110, 210] }));
});

mucTest("§7.11: members read the list of members of a non-anonymous room", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["whois=anyone"]);
  const bob = await online(server, "bob");
  const carol = await online(server, "carol");
  await ask(bob, "set", registration("Bob"));
  const list = "<item affiliation='member' jid='bob@localhost' nick='Bob' role='{absent}'/>";
  await members(alice, list);
  await members(bob, list); // although it is not there
  await refused(
    carol,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`,
    "forbidden",
  );
  await enter(carol, "Carol");
  await members(carol, list);
  // Bans are none of their business, and in a semi-anonymous room nothing is.
  await refused(
    bob,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='outcast'/></query>`,
    "forbidden",
  );
  await ask(
    alice,
    "set",
    `<query xmlns='http://jabber.org/protocol/muc#owner'>${
      submission("http://jabber.org/protocol/muc#roomconfig", "muc#roomconfig_whois=moderators")
    }</query>`,
  );
  for (const client of [bob, carol]) {
    await refused(
      client,
      "get",
      `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`,
      "forbidden",
    );
  }
  await members(alice, list);
});

mucTest("§7.12: the reserved nickname, before and after entering", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  await reserved(bob, "{empty}");
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost' nick='Bob'"));
  const own = "{only}<identity category='conference' type='text' name='Bob'/>";
  await reserved(bob, own);
  await enter(bob, "Other"); // it may have another one where they are not locked down
  await reserved(bob, own);
  await reserved(alice, "{empty}");
  // §9.5: an admin takes it away again.
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost' nick=''"));
  await reserved(bob, "{empty}");
});
