/** XEP-0045 §9.9: registration with a members-only room, which an admin has to approve. */

import {
  ADMIN,
  ask,
  createRoom,
  enter,
  error,
  FORMS,
  item,
  join,
  mucTest,
  quiet,
  refused,
  REGISTER,
  ROOM,
  submission,
  USER,
} from "../helpers/muc.ts";
import { online, type TestClient } from "../helpers/client.ts";

const registration = (nick: string) =>
  `<query xmlns='jabber:iq:register'>${
    submission(REGISTER, `muc#register_roomnick=${nick}`)
  }</query>`;

const request = (user: string, nick: string) =>
  `<message from='${ROOM}' type='{absent}'><x xmlns='${FORMS}' type='form'>` +
  `<field var='FORM_TYPE' type='hidden'><value>${REGISTER}</value></field>` +
  `<field var='muc#jid'><value>${user}</value></field>` +
  `<field var='muc#register_roomnick'><value>${nick}</value></field>` +
  "<field var='muc#register_allow' type='boolean'/></x></message>";

const answer = (user: string, nick: string, allow: string) =>
  `<message to='${ROOM}' id='a1'>${
    submission(
      REGISTER,
      `muc#jid=${user}`,
      `muc#register_roomnick=${nick}`,
      `muc#register_allow=${allow}`,
    )
  }</message>`;

const members = (client: TestClient, content: string) =>
  ask(
    client,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`,
    `<query xmlns='${ADMIN}'>${content}</query>`,
  );

mucTest(
  "§9.9: owners and admins are asked, wherever they are; one of them approves",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await ask(alice, "set", item("affiliation='admin' jid='carol@localhost'"));
    await quiet(server);
    bob.send(`<iq type='set' id='reg' to='${ROOM}'>${registration("Bob")}</iq>`);
    await bob.receives(`<iq type='result' id='reg' from='${ROOM}'>{empty}</iq>`);
    for (const admin of [alice, carol]) await admin.receives(request("bob@localhost", "Bob"));
    // Until then nothing has changed.
    await members(alice, "{empty}");
    bob.send(join("Bob"));
    await bob.receives(`<presence type='error'>${error("registration-required")}</presence>`);

    carol.send(answer("bob@localhost", "Bob", "1"));
    // §9.5: so it learns that it may enter.
    await bob.receives(
      `<message from='${ROOM}'><x xmlns='${USER}'><invite from='carol@localhost'/></x></message>`,
    );
    await members(alice, "<item affiliation='member' jid='bob@localhost' nick='Bob'/>");
    await enter(bob, "Bob");
    // The other one is late, which does no harm.
    alice.send(answer("bob@localhost", "Bob", "true"));
    await quiet(server);
    await members(alice, "{only}<item affiliation='member' jid='bob@localhost' nick='Bob'/>");
    await bob.receivesNothing();
  },
);

mucTest("§9.9: an admin denies, or says nothing", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  const bob = await online(server, "bob");
  await ask(bob, "set", registration("Bob"));
  await alice.receives(request("bob@localhost", "Bob"));
  alice.send(answer("bob@localhost", "Bob", "0"));
  alice.send(answer("bob@localhost", "Bob", "false"));
  alice.send(
    `<message to='${ROOM}'><x xmlns='${FORMS}' type='cancel'><field var='FORM_TYPE'><value>${REGISTER}</value></field></x></message>`,
  );
  await alice.receivesNothing();
  await members(alice, "{empty}");
  bob.send(join("Bob"));
  await bob.receives(`<presence type='error'>${error("registration-required")}</presence>`);
});

mucTest("§9.9: nobody but admins approves, oneself least of all", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  const bob = await online(server, "bob");
  const carol = await online(server, "carol");
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost'"));
  await enter(carol, "Carol");
  await ask(alice, "set", item("nick='Carol' role='moderator'"));
  await ask(bob, "set", registration("Bob"));
  await quiet(server);
  for (const client of [bob, carol]) {
    client.send(answer("bob@localhost", "Bob", "1"));
    await client.receives(`<message type='error' id='a1'>${error("forbidden")}</message>`);
  }
  await members(alice, "{only}<item jid='carol@localhost'/>");
});

mucTest("§9.9: what is approved must be possible", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  await online(server, "bob");
  await ask(alice, "set", item("affiliation='outcast' jid='dave@localhost'"));
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost' nick='Carol'"));
  await quiet(server);
  for (
    const [user, nick, condition] of [
      ["dave@localhost", "Dave", "not-allowed"],
      ["bob@localhost", "Carol", "conflict"],
      ["bob@localhost", "Alice", "conflict"],
      ["localhost", "Bob", "jid-malformed"],
      ["@", "Bob", "jid-malformed"],
    ] as const
  ) {
    alice.send(answer(user, nick, "1"));
    await alice.receives(`<message type='error' id='a1'>${error(condition)}</message>`);
  }
  await members(alice, "{only}<item jid='carol@localhost'/>");
});

mucTest("§9.9: an approval raises nobody, and lowers nobody", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  await ask(alice, "set", item("affiliation='admin' jid='carol@localhost'"));
  await quiet(server);
  alice.send(answer("carol@localhost", "Carol", "1"));
  await quiet(server);
  await ask(
    alice,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='admin'/></query>`,
    `<query xmlns='${ADMIN}'><item jid='carol@localhost' nick='Carol'/></query>`,
  );
  await members(alice, "{empty}");
});

mucTest("§9.9: a flood of requests", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  const bob = await online(server, "bob");
  for (let i = 0; i < 2; i++) {
    await ask(bob, "set", registration("Bob"));
    await alice.receives(request("bob@localhost", "Bob"));
  }
  await refused(bob, "set", registration("Bob"), "resource-constraint", "wait");
  await alice.receivesNothing();
}, { modules: { muc: { requests: 2 } } });
