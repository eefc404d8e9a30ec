/** XEP-0045 §7.13, §8.3, §8.4 and §8.6: voice, which is asked for, granted and revoked. */

import {
  ask,
  createRoom,
  error,
  FORMS,
  inside,
  item,
  mucTest,
  quiet,
  refused,
  REQUEST,
  ROOM,
  seen,
  submission,
} from "../helpers/muc.ts";
import { online } from "../helpers/client.ts";

const request = (role = "participant", id = "v1") =>
  `<message to='${ROOM}' id='${id}'>${submission(REQUEST, `muc#role=${role}`)}</message>`;

/** What moderators get. */
const approval = (nick: string, jid: string) =>
  `<message from='${ROOM}' type='{absent}'><x xmlns='${FORMS}' type='form'><title/><instructions/>` +
  `<field var='FORM_TYPE' type='hidden'><value>${REQUEST}</value></field>` +
  "<field var='muc#role' type='list-single' label='{role}'><value>participant</value></field>" +
  `<field var='muc#jid' type='jid-single' label='{jid}'><value>${jid}</value></field>` +
  `<field var='muc#roomnick' type='text-single' label='{nick}'><value>${nick}</value></field>` +
  "<field var='muc#request_allow' type='boolean' label='{allow}'/></x></message>";

const answer = (nick: string, jid: string, allow: string, role = "participant") =>
  `<message to='${ROOM}' id='v2'>${
    submission(
      REQUEST,
      `muc#role=${role}`,
      `muc#jid=${jid}`,
      `muc#roomnick=${nick}`,
      `muc#request_allow=${allow}`,
    )
  }</message>`;

const failure = (condition: string, id = "v1") =>
  `<message from='${ROOM}' type='error' id='${id}'>${error(condition)}</message>`;

const say = `<message type='groupchat' to='${ROOM}' id='say'><body>hi</body></message>`;

mucTest(
  "§7.13, §8.6: a visitor asks, all moderators are told, one of them grants it",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
    const bob = await inside(server, "bob", "Bob");
    const carol = await inside(server, "carol", "Carol");
    const dave = await inside(server, "dave", "Dave");
    await ask(alice, "set", item("nick='Carol' role='moderator'"));
    await quiet(server);

    bob.send(say);
    await bob.receives(`<message type='error' id='say'>${error("forbidden", "auth")}</message>`);
    bob.send(request());
    for (const moderator of [alice, carol]) await moderator.receives(approval("Bob", bob.jid));
    await dave.receivesNothing();
    await bob.receivesNothing();

    // Also a moderator without an affiliation may grant it.
    carol.send(answer("Bob", bob.jid, "true"));
    await bob.receives(seen("Bob", "affiliation='none' role='participant'", { status: [110] }));
    for (const client of [alice, carol, dave]) {
      await client.receives(seen("Bob", "affiliation='none' role='participant'"));
    }
    bob.send(say);
    await dave.receives(`<message from='${ROOM}/Bob'><body>hi</body></message>`);
    // The other moderator's answer is late, and changes nothing.
    await quiet(server);
    alice.send(answer("Bob", bob.jid, "1"));
    await dave.receivesNothing();
  },
);

mucTest("§8.6: a moderator denies it, or does not answer", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  bob.send(request());
  await alice.receives(approval("Bob", bob.jid));
  alice.send(answer("Bob", bob.jid, "false") + answer("Bob", bob.jid, "0"));
  alice.send(
    `<message to='${ROOM}'><x xmlns='${FORMS}' type='cancel'><field var='FORM_TYPE'><value>${REQUEST}</value></field></x></message>`,
  );
  await alice.receivesNothing();
  await bob.receivesNothing();
  bob.send(say);
  await bob.receives(`<message type='error' id='say'>${error("forbidden", "auth")}</message>`);
});

mucTest("§8.6: nobody but a moderator grants it, oneself least of all", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  const dave = await online(server, "dave");
  await ask(alice, "set", item("nick='Carol' role='participant'"));
  await quiet(server);
  for (const client of [bob, carol]) {
    client.send(answer("Bob", bob.jid, "1"));
    await client.receives(failure("forbidden", "v2"));
  }
  dave.send(answer("Bob", bob.jid, "1"));
  await dave.receives(failure("not-acceptable", "v2"));
  await alice.receivesNothing();
  // A moderator cannot grant it to somebody who is not there.
  alice.send(answer("Nobody", "nobody@localhost/x", "1"));
  await alice.receives(failure("item-not-found", "v2"));
  // What the form says of the role does not count.
  await quiet(server);
  alice.send(answer("Bob", bob.jid, "1", "moderator"));
  await bob.receives(seen("Bob", "role='participant'", { status: [110] }));
});

mucTest("§7.13: voice is all that can be asked for, by those who have none", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const carol = await inside(server, "carol", "Carol");
  const dave = await online(server, "dave");
  await ask(alice, "set", item("nick='Carol' role='participant'"));
  await quiet(server);
  for (const role of ["moderator", "none", "king"]) {
    bob.send(request(role));
    await bob.receives(failure("bad-request"));
  }
  for (const client of [carol, alice]) {
    client.send(request());
    await client.receives(failure("not-allowed"));
  }
  dave.send(request());
  await dave.receives(failure("not-acceptable"));
  // A form of another kind, or none.
  bob.send(`<message to='${ROOM}' id='v1'>${submission("urn:example:form", "a=1")}</message>`);
  await bob.receives(failure("bad-request"));
  bob.send(`<message to='${ROOM}' id='v1'><body>please</body></message>`);
  await bob.receives(failure("bad-request"));
  await alice.receivesNothing();
});

mucTest("§7.13: requests may be switched off", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", [
    "moderatedroom=1",
    "allowvoicerequests=0",
  ]);
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  bob.send(request());
  await bob.receives(failure("forbidden"));
  await alice.receivesNothing();
});

mucTest("§7.13: a flood of requests", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  await quiet(server);
  for (let i = 0; i < 2; i++) {
    bob.send(request());
    await alice.receives(approval("Bob", bob.jid));
  }
  bob.send(request());
  await bob.receives(failure("policy-violation"));
  await alice.receivesNothing();
}, { modules: { muc: { requests: 2 } } });

mucTest(
  "§8.3, §8.4: voice is granted and revoked, with a reason; first the moderator is told",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
    const bob = await inside(server, "bob", "Bob");
    await quiet(server);
    for (
      const [role, reason] of [["participant", "worthy"], ["visitor", "not so worthy"]] as const
    ) {
      const change = item(`nick='Bob' role='${role}'`, `<reason>${reason}</reason>`);
      alice.send(`<iq type='set' id='${role}' to='${ROOM}'>${change}</iq>`);
      await alice.receives(`<iq type='result' id='${role}' from='${ROOM}'>{empty}</iq>`);
      const shown = (codes: string) =>
        `<presence from='${ROOM}/Bob' type='{absent}'><x xmlns='http://jabber.org/protocol/muc#user'>` +
        `<item affiliation='none' role='${role}'><actor nick='Alice'/><reason>${reason}</reason></item>${codes}</x></presence>`;
      await alice.receives(shown(""));
      await bob.receives(shown("<status code='110'/>"));
    }
    bob.send(say);
    await bob.receives(`<message type='error' id='say'>${error("forbidden", "auth")}</message>`);
    // The reason was for that moment.
    bob.send(`<presence to='${ROOM}/Bob'><show>away</show></presence>`);
    await alice.receives(
      `<presence from='${ROOM}/Bob'><x xmlns='http://jabber.org/protocol/muc#user'>` +
        "<item role='visitor'>{empty}</item></x></presence>",
    );
    // What is so already is no news.
    await quiet(server);
    await ask(alice, "set", item("nick='Bob' role='visitor'"));
    await bob.receivesNothing();
  },
);

mucTest(
  "§8.4: owners and admins keep their voice; and all their role by leaving",
  async (server) => {
    const alice = await createRoom(server, "alice", "Alice", ["moderatedroom=1"]);
    const bob = await inside(server, "bob", "Bob");
    const carol = await inside(server, "carol", "Carol");
    await ask(alice, "set", item("affiliation='admin' jid='bob@localhost'"));
    await quiet(server);
    for (const role of ["visitor", "participant"]) {
      await refused(alice, "set", item(`nick='Bob' role='${role}'`), "not-allowed", "cancel");
      await refused(bob, "set", item(`nick='Alice' role='${role}'`), "not-allowed", "cancel");
      await refused(bob, "set", item(`nick='Bob' role='${role}'`), "not-allowed", "cancel");
    }
    // §5.1: a moderated room remembers who has voice.
    await ask(bob, "set", item("nick='Carol' role='participant'"));
    carol.send(`<presence type='unavailable' to='${ROOM}/Carol'/>`);
    await quiet(server);
    carol.send(
      `<presence to='${ROOM}/Carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    );
    await carol.eventually(
      seen("Carol", "affiliation='none' role='participant'", { status: [110] }),
    );
  },
);
