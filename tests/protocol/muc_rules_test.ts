/** The business rules of rooms (XEP-0045 §17, §18). */

import { online } from "../helpers/client.ts";
import {
  createRoom,
  enter,
  error,
  inside,
  join,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";

mucTest("§17.1: nicknames that cannot be seen are none", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  // Spaces of several kinds, one that has no width, a soft hyphen, a mark of direction.
  for (const nick of [" ", "   ", "\u00a0", "\u3000", "\u200b", "\u00ad", "\u200e", "\u2028"]) {
    bob.send(`<presence id='n' to='${ROOM}/${nick}'><x xmlns='${MUC}'/></presence>`);
    await bob.receives(
      `<presence id='n' type='error'><error type='modify'/></presence>`,
    );
    bob.send(`<presence id='m' to='none@${SERVICE}/${nick}'><x xmlns='${MUC}'/></presence>`);
    await bob.receives("<presence id='m' type='error'><error type='modify'/></presence>");
  }
  await alice.receivesNothing();
});

mucTest("§17.1: nor can they be taken later", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (const nick of [" ", "\u00a0", "\u200b"]) {
    bob.send(`<presence id='n' to='${ROOM}/${nick}'/>`);
    await bob.receives("<presence id='n' type='error'><error type='modify'/></presence>");
  }
  await alice.receivesNothing();
});

mucTest("§17.1: addresses of rooms are prepared as all others", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  bob.send(join("second", `COVEN@Conference.LocalHost`));
  await bob.receives(seen("first", "role='moderator'"));
  await bob.receives(seen("second", "role='participant'", { status: [110] }));
  await alice.receives(seen("second", "role='participant'"));
});

mucTest("§17.2: what is not of type groupchat is refused", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (const type of ["", "type='normal'", "type='chat'", "type='headline'"]) {
    bob.send(`<message id='t' to='${ROOM}' ${type}><body>hi</body></message>`);
    await bob.receives(
      `<message id='t' from='${ROOM}' type='error'>${error("bad-request", "modify")}</message>`,
    );
  }
  await alice.receivesNothing();
});

mucTest("§17.2: errors that are sent to rooms go nowhere", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  for (const client of [bob, carol]) {
    for (const to of [ROOM, `${ROOM}/first`, `none@${SERVICE}`, `none@${SERVICE}/x`, SERVICE]) {
      client.send(
        `<message to='${to}' type='error'><body>b</body>${
          error("bad-request", "modify")
        }</message>`,
      );
    }
    await client.receivesNothing();
  }
  await alice.receivesNothing();
});

mucTest("§17.2: to a room that is none or not yet there", async (server) => {
  const alice = await online(server, "alice");
  await enter(alice, "first"); // locked
  const bob = await online(server, "bob");
  for (const room of [ROOM, `none@${SERVICE}`]) {
    for (const to of [room, `${room}/first`]) {
      for (const type of ["groupchat", "chat", "normal"]) {
        bob.send(`<message id='m' to='${to}' type='${type}'><body>hi</body></message>`);
        await bob.receives(
          `<message id='m' from='${to}' type='error'>${
            error("item-not-found", "cancel")
          }</message>`,
        );
      }
    }
  }
  await alice.receivesNothing();
  // Its maker may try it out.
  alice.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  await alice.receives(`<message from='${ROOM}/first'><body>hi</body></message>`);
});

mucTest("§17.3: nobody enters, or leaves, by presence of another type", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  const types = ["probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed"];
  for (const type of types) {
    for (const to of [ROOM, `${ROOM}/third`, `${ROOM}/second`]) {
      for (const client of [bob, carol]) {
        client.send(`<presence to='${to}' type='${type}'><x xmlns='${MUC}'/></presence>`);
      }
    }
  }
  await quiet(server);
  await alice.receivesNothing();
  bob.send(`<message to='${ROOM}' type='groupchat'><body>still here</body></message>`);
  await alice.receives(`<message from='${ROOM}/second'><body>still here</body></message>`);
  await carol.receivesNothing();
});

mucTest("§17.3: unavailable presence of strangers is ignored without a word", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  for (const to of [ROOM, `${ROOM}/first`, `${ROOM}/bob`, `none@${SERVICE}/x`, SERVICE]) {
    bob.send(`<presence to='${to}' type='unavailable'/>`);
  }
  await bob.receivesNothing();
  await alice.receivesNothing();
  // Nor does another client of an occupant's put it out.
  const other = await online(server, "alice", { resource: "other" });
  await quiet(server);
  other.send(`<presence to='${ROOM}/first' type='unavailable'/>`);
  await other.receivesNothing();
  await alice.receivesNothing();
});

mucTest("§17.3: a rule for every presence: role and affiliation are there", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await alice.receives(seen("second", `affiliation='none' role='participant' jid='${bob.jid}'`));
  bob.send(`<presence to='${ROOM}/second'><show>away</show></presence>`);
  await alice.receives(seen("second", `affiliation='none' role='participant' jid='${bob.jid}'`));
  bob.send(`<presence to='${ROOM}/third'/>`);
  await alice.receives(
    seen("second", "affiliation='none' role='participant' nick='third'", { type: "unavailable" }),
  );
  await alice.receives(seen("third", "affiliation='none' role='participant'"));
  bob.send(`<presence to='${ROOM}/third' type='unavailable'><status>bye</status></presence>`);
  await alice.receives(
    `<presence from='${ROOM}/third' type='unavailable'><status>bye</status>` +
      `<x xmlns='${MUC}#user'><item affiliation='none' role='none' jid='${bob.jid}'/></x></presence>`,
  );
});

mucTest(
  "§17.3: presence to the service is nobody's, messages to it are refused",
  async (server) => {
    const bob = await online(server, "bob");
    for (const type of ["", "type='unavailable'", "type='subscribe'", "type='probe'"]) {
      bob.send(`<presence to='${SERVICE}' ${type}><x xmlns='${MUC}'/></presence>`);
    }
    await bob.receivesNothing();
    bob.send(`<message id='m' to='${SERVICE}' type='groupchat'><body>hi</body></message>`);
    await bob.receives(`<message id='m' type='error'>${error("service-unavailable")}</message>`);
  },
);

mucTest("§18.1.2: a client that is gone is no occupant any more", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.cut();
  await alice.receives(seen("second", "role='none'", { type: "unavailable" }));
  await inside(server, "carol", "second");
});

mucTest("§18.1.2: nor is one that says it is unavailable to all", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send("<presence type='unavailable'><status>good night</status></presence>");
  await alice.receives(
    `<presence from='${ROOM}/second' type='unavailable'><x xmlns='${MUC}#user'>` +
      "<item role='none'/></x></presence>",
  );
});
