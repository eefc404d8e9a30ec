/** XEP-0045 §7.8 and XEP-0249: inviting. */

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
  ROOM,
  SERVICE,
  USER,
} from "../helpers/muc.ts";
import { online } from "../helpers/client.ts";

const CONFERENCE = "jabber:x:conference";

const invite = (to: string, inner = "", id = "i1") =>
  `<message to='${ROOM}' id='${id}'><x xmlns='${USER}'><invite to='${to}'>${inner}</invite></x></message>`;

/** What the invited get. */
const invitation = (from: string, inner = "", direct = "", more = "") =>
  `<message from='${ROOM}' type='{absent}'><x xmlns='${USER}'><invite from='${from}'>${inner}</invite>${more}</x>` +
  `<x xmlns='${CONFERENCE}' jid='${ROOM}' ${direct}/></message>`;

const refusal = (condition: string, id = "i1") =>
  `<message from='${ROOM}' type='error' id='${id}'>${error(condition)}</message>`;

mucTest("§7.8.1, XEP-0249 §2: a direct invitation passes from client to client", async (server) => {
  await createRoom(server, "alice", "Alice");
  const alice = await online(server, "alice", { resource: "x" });
  const bob = await online(server, "bob");
  const x = `<x xmlns='${CONFERENCE}' jid='${ROOM}' password='cauldron' reason='Hey' ` +
    "continue='true' thread='t1'/>";
  alice.send(`<message to='bob@localhost' id='d1'>${x}</message>`);
  await bob.receives(`<message from='${alice.jid}' id='d1'>${x}</message>`);
  // From occupant to occupant, who need not know each other's addresses.
  await enter(bob, "Bob");
  await enter(alice, "Alice");
  await quiet(server);
  alice.send(`<message to='${ROOM}/Bob' id='d2'>${x}</message>`);
  await bob.receives(`<message from='${ROOM}/Alice' id='d2'>${x}</message>`);
});

mucTest("§7.8.2: the room invites in the name of an occupant, by the nickname", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await online(server, "carol");
  await quiet(server);
  bob.send(invite("carol@localhost", "<reason>Come &amp; see</reason>"));
  await carol.receives(
    invitation(
      `${ROOM}/Bob`,
      "<reason>Come &amp; see</reason><continue>{absent}</continue>",
      "reason='Come &amp; see' password='{absent}' continue='{absent}'",
      "<password>{absent}</password>",
    ),
  );
  // Nobody learns of it; an open room makes no members of those who are invited (§9.5).
  await bob.receivesNothing();
  await alice.receivesNothing();
  await ask(
    alice,
    "get",
    `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`,
    `<query xmlns='${ADMIN}'>{empty}</query>`,
  );
});

mucTest(
  "§7.8.2: in a non-anonymous room by the address, with the password, to be continued",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", [
      "whois=anyone",
      "passwordprotectedroom=1",
      "roomsecret=cauldron",
    ]);
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await quiet(server);
    const inner = "<continue thread='t1'/>";
    alice.send(
      `<message to='${ROOM}' type='normal'><x xmlns='${USER}'><invite to='${bob.jid}'>${inner}</invite>` +
        `<invite to='carol@localhost'>${inner}</invite></x></message>`,
    );
    for (const client of [bob, carol]) {
      await client.receives(
        invitation(
          "alice@localhost",
          inner,
          "password='cauldron' continue='true' thread='t1'",
          "<password>cauldron</password>",
        ),
      );
    }
    // With what it was told it gets in.
    bob.send(join("Bob", ROOM, "<password>cauldron</password>"));
    await bob.eventually(`<presence from='${ROOM}/Bob' type='{absent}'/>`);
  },
);

mucTest("§7.8.2: many at a time, but not too many, and all or nobody", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  const many = (n: number, last = "") =>
    `<message to='${ROOM}' id='m'><x xmlns='${USER}'>${
      "<invite to='bob@localhost'/>".repeat(n)
    }${last}</x></message>`;
  alice.send(many(20));
  for (let i = 0; i < 20; i++) await bob.receives(invitation(`${ROOM}/Alice`));
  alice.send(many(21));
  await alice.receives(refusal("policy-violation", "m"));
  alice.send(many(2, "<invite to='nobody@localhost'/>"));
  await alice.receives(refusal("item-not-found", "m"));
  alice.send(many(2, "<invite to='@'/>"));
  await alice.receives(refusal("jid-malformed", "m"));
  alice.send(many(2, "<invite/>"));
  await alice.receives(refusal("jid-malformed", "m"));
  await bob.receivesNothing();
});

mucTest("§7.8.2: who is not there is not invited, nor are rooms and occupants", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  for (const to of ["nobody@localhost", "nobody@localhost/x"]) {
    alice.send(invite(to));
    await alice.receives(refusal("item-not-found"));
  }
  for (const to of [ROOM, `${ROOM}/Alice`, `other@${SERVICE}`, `other@${SERVICE}/Bob`]) {
    alice.send(invite(to));
    await alice.receives(refusal("not-acceptable"));
  }
});

mucTest(
  "§7.8.2: whoever is not in the room invites nobody, but its owners and admins",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice");
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    await quiet(server);
    for (const stranger of [bob, carol]) {
      stranger.send(invite("alice@localhost"));
      await stranger.receives(refusal("not-acceptable"));
    }
    await ask(alice, "set", item("affiliation='admin' jid='bob@localhost'"));
    await quiet(server);
    bob.send(invite("carol@localhost"));
    await carol.receives(invitation("bob@localhost"));
    // To a room that is not there.
    bob.send(
      `<message to='nowhere@${SERVICE}' id='i2'><x xmlns='${USER}'><invite to='carol@localhost'/></x></message>`,
    );
    await bob.receives(
      `<message from='nowhere@${SERVICE}' type='error' id='i2'>${
        error("item-not-found")
      }</message>`,
    );
    await carol.receivesNothing();
  },
);

mucTest(
  "§7.8.2, §9.5: to a members-only room admins invite, and who is invited is a member",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    // Who becomes a member is invited by that (§9.5).
    await bob.receives(invitation(`${ROOM}/Alice`));
    await enter(bob, "Bob");
    await quiet(server);
    bob.send(invite("carol@localhost"));
    await bob.receives(refusal("forbidden"));
    carol.send(join("Carol"));
    await carol.receives(`<presence type='error'>${error("registration-required")}</presence>`);

    alice.send(invite("carol@localhost"));
    await carol.receives(invitation(`${ROOM}/Alice`));
    await carol.receivesNothing(); // once
    await enter(carol, "Carol");
    await carol.receivesNothing();
    await ask(
      alice,
      "get",
      `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`,
      `<query xmlns='${ADMIN}'><item jid='bob@localhost'/><item jid='carol@localhost'/></query>`,
    );
  },
);

mucTest(
  "§7.8.2: members invite where they may, but nobody whom the room has banned",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["membersonly=1", "allowinvites=1"]);
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    const dave = await online(server, "dave");
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    await ask(alice, "set", item("affiliation='outcast' jid='dave@localhost'"));
    await enter(bob, "Bob");
    await quiet(server);
    bob.send(invite("carol@localhost"));
    await carol.receives(invitation(`${ROOM}/Bob`));
    await enter(carol, "Carol");
    await quiet(server);
    bob.send(invite("dave@localhost"));
    await bob.receives(refusal("forbidden"));
    // Not even somebody who may change that does it in passing.
    alice.send(invite("dave@localhost"));
    await alice.receives(refusal("forbidden"));
    await dave.receivesNothing();
    dave.send(join("Dave"));
    await dave.receives(`<presence type='error'>${error("forbidden")}</presence>`);
    // An owner who is invited stays one.
    bob.send(invite("alice@localhost"));
    await alice.receives(invitation(`${ROOM}/Bob`));
    await ask(
      alice,
      "get",
      `<query xmlns='${ADMIN}'><item affiliation='owner'/></query>`,
      `<query xmlns='${ADMIN}'><item jid='alice@localhost'/></query>`,
    );
  },
);

mucTest("§7.8.2: an invitation to an open room opens it to no outcast", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  await ask(alice, "set", item("affiliation='outcast' jid='dave@localhost'"));
  const bob = await inside(server, "bob", "Bob");
  const dave = await online(server, "dave");
  await quiet(server);
  // Whom the room has banned is nothing that its occupants may find out by inviting.
  bob.send(invite("dave@localhost"));
  await dave.receives(invitation(`${ROOM}/Bob`));
  dave.send(join("Dave"));
  await dave.receives(`<presence type='error'>${error("forbidden")}</presence>`);
});

mucTest("§7.8.2: a reason may be too long, and invitations too many", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  alice.send(invite("bob@localhost", `<reason>${"x".repeat(21)}</reason>`));
  await alice.receives(refusal("policy-violation"));
  for (let i = 0; i < 3; i++) {
    alice.send(invite("bob@localhost", `<reason>${"x".repeat(20)}</reason>`));
    await bob.receives(invitation(`${ROOM}/Alice`));
  }
  alice.send(invite("bob@localhost"));
  await alice.receives(refusal("policy-violation"));
  await bob.receivesNothing();
}, { modules: { muc: { invitations: 3, reason_length: 20 } } });

// ---- declining ----

const decline = (to: string, inner = "", id = "d1") =>
  `<message to='${ROOM}' id='${id}'><x xmlns='${USER}'><decline to='${to}'>${inner}</decline></x></message>`;

const declined = (from: string, inner = "") =>
  `<message from='${ROOM}' type='{absent}'><x xmlns='${USER}'><decline from='${from}'>${inner}</decline></x></message>`;

mucTest("§7.8.2: the invited declines, to the nickname or to the address", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await online(server, "carol");
  await quiet(server);
  for (const to of [`${ROOM}/Bob`, "bob@localhost", bob.jid]) {
    bob.send(invite("carol@localhost"));
    await carol.receives(invitation(`${ROOM}/Bob`));
    carol.send(decline(to, "<reason>too busy</reason>"));
    await bob.receives(declined("carol@localhost", "<reason>too busy</reason>"));
  }
  await alice.receivesNothing();
  await carol.receivesNothing();
});

mucTest(
  "§7.8.2: also when who has invited has another nickname by then, or has left",
  async (server) => {
    await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    const carol = await online(server, "carol");
    bob.send(invite("carol@localhost"));
    await carol.receives(invitation(`${ROOM}/Bob`));
    bob.send(`<presence to='${ROOM}/Robert'/>`);
    await quiet(server);
    carol.send(decline(`${ROOM}/Bob`));
    await bob.receives(declined("carol@localhost"));

    bob.send(invite("carol@localhost"));
    await carol.receives(invitation(`${ROOM}/Robert`));
    bob.send(`<presence type='unavailable' to='${ROOM}/Robert'/>`);
    await quiet(server);
    carol.send(decline(`${ROOM}/Robert`));
    await bob.receives(declined("carol@localhost"));
  },
);

mucTest("§7.8.2: whoever was not invited has nothing to decline", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  const bob = await inside(server, "bob", "Bob");
  const carol = await online(server, "carol");
  const dave = await online(server, "dave");
  await quiet(server);
  bob.send(invite("carol@localhost"));
  await carol.receives(invitation(`${ROOM}/Bob`));
  dave.send(decline(`${ROOM}/Bob`, "<reason>buy this</reason>"));
  await dave.receives(refusal("forbidden", "d1"));
  dave.send(decline("bob@localhost", "<reason>buy this</reason>"));
  await dave.receives(refusal("forbidden", "d1"));
  // Nor to anybody else, nor a second time.
  carol.send(decline(`${ROOM}/Alice`, "<reason>hello</reason>"));
  await carol.receives(refusal("forbidden", "d1"));
  carol.send(decline("dave@localhost", "<reason>hello</reason>"));
  await carol.receives(refusal("forbidden", "d1"));
  carol.send(decline("@", "<reason>hello</reason>"));
  await carol.receives(refusal("jid-malformed", "d1"));
  carol.send(decline("bob@localhost") + decline("bob@localhost", "", "d2"));
  await bob.receives(declined("carol@localhost"));
  await carol.receives(refusal("forbidden", "d2"));
  for (const client of [alice, bob, dave]) await client.receivesNothing();
});

mucTest("§7.8.2, §9.5: what a new member is sent may be declined, too", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["membersonly=1"]);
  const bob = await online(server, "bob");
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  await bob.receives(invitation(`${ROOM}/Alice`));
  await quiet(server);
  bob.send(decline(`${ROOM}/Alice`));
  await alice.receives(declined("bob@localhost"));
});
