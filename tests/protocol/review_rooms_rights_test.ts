/** XEP-0045: ways around what a room allows, and what must not be learned by them. */

import { online } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  error,
  inside,
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

const REGISTRATION = "jabber:iq:register";
const SEVERAL = { modules: { muc: { more_names: ["halls"] } } };

const registration = (nick: string) =>
  `<query xmlns='${REGISTRATION}'>${submission(REGISTER, `muc#register_roomnick=${nick}`)}</query>`;

const invitation = (to: string) => `<x xmlns='${USER}'><invite to='${to}'/></x>`;

mucTest("§7.10: nobody is spared the password by registering", async (server) => {
  await createRoom(server, "alice", "Alice", ["passwordprotectedroom=1", "roomsecret=sesame"]);
  const eve = await online(server, "eve");
  await refused(eve, "get", `<query xmlns='${REGISTRATION}'/>`, "not-authorized", "auth");
  await refused(eve, "set", registration("Eve"), "not-authorized", "auth");
  await refused(eve, "set", "<query xmlns='urn:xmpp:mam:2'/>", "forbidden");
  eve.send(join("Eve", ROOM, "<password>sesame</password>"));
  await eve.eventually("<message><subject/></message>");
  await ask(eve, "set", registration("Eve"));
});

mucTest(
  "§7.10: who may not enter does not register",
  async (server) => {
    await createRoom(server, "alice", "Alice");
    const eve = await online(server, "eve", { domain: "heath.example" });
    await refused(eve, "set", registration("Eve"), "forbidden");
    await ask(await online(server, "bob"), "set", registration("Bob"));
  },
  { hosts: { localhost: {}, "heath.example": {} }, modules: { muc: { enter: "accounts" } } },
);

mucTest("§7.10: registrations are counted, for all are told of them", async (server) => {
  await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  await ask(bob, "set", registration("Bob"));
  await ask(bob, "set", `<query xmlns='${REGISTRATION}'><remove/></query>`);
  await refused(bob, "set", registration("Bob"), "resource-constraint");
}, { modules: { muc: { requests: 2 } } });

mucTest("§9.9: by its form no admin reserves another's nickname", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  await ask(alice, "set", item("jid='bob@localhost' affiliation='admin'"));
  const bob = await inside(server, "bob", "Bob");
  const approve = (jid: string) =>
    bob.send(
      `<message to='${ROOM}' id='${jid}'>${
        submission(
          REGISTER,
          `muc#jid=${jid}`,
          "muc#register_roomnick=Fool",
          "muc#register_allow=1",
        )
      }</message>`,
    );
  approve("alice@localhost");
  await bob.eventually(
    `<message type='error' id='alice@localhost'>${error("forbidden")}</message>`,
  );
  approve("carol@localhost");
  await alice.eventually(
    `<message><x xmlns='${USER}'><item jid='carol@localhost' affiliation='member'/></x></message>`,
  );
});

mucTest("§7.8.2: people are invited, and not all of a domain", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1", "allowinvites=1"]);
  await ask(alice, "set", item("jid='bob@localhost' affiliation='member'"));
  const bob = await inside(server, "bob", "Bob");
  for (const to of ["localhost", "far.example", "far.example/resource"]) {
    bob.send(`<message to='${ROOM}' id='i'>${invitation(to)}</message>`);
    await bob.receives(`<message type='error' id='i'>${error("jid-malformed")}</message>`);
  }
  const eve = await online(server, "eve");
  eve.send(join("Eve"));
  await eve.receives(`<presence type='error'>${error("registration-required")}</presence>`);
});

mucTest(
  "§7.8.2: rooms that are invited to each other do not wait for each other",
  async (server) => {
    const other = "hall@halls.localhost";
    const alice = await createRoom(server, "alice", "Alice");
    await createRoom(server, alice, "Alice", [], other);
    const bob = await inside(server, "bob", "Bob");
    await enter(bob, "Bob", other);
    await quiet(server);
    for (let i = 0; i < 10; i++) {
      alice.send(`<message to='${ROOM}'>${invitation(other)}</message>`);
      bob.send(`<message to='${other}'>${invitation(ROOM)}</message>`);
    }
    for (const room of [ROOM, other]) {
      alice.send(`<message type='groupchat' to='${room}' id='still'><body>here</body></message>`);
      await bob.eventually(`<message from='${room}/Alice' id='still'/>`);
    }
  },
  SEVERAL,
);

mucTest("a room that is its own owner, member and guest goes on", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  for (const jid of [ROOM, `${ROOM}/Alice`, "conference.localhost"]) {
    await ask(alice, "set", item(`jid='${jid}' affiliation='member'`));
  }
  await ask(alice, "set", item(`jid='${ROOM}' affiliation='owner'`));
  await configure(alice, ["roomname=Hall of mirrors"]);
  alice.send(`<message type='groupchat' to='${ROOM}' id='still'><body>here</body></message>`);
  await alice.eventually(`<message from='${ROOM}/Alice' id='still'/>`);
});
