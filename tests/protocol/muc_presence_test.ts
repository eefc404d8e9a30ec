/** Whose presence is shown to whom, and how often (XEP-0045 §7.2.2, §7.7, §10.2, §17.3). */

import { roomPresence } from "../../lib/hooks/rooms.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { online } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  inside,
  item,
  join,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
} from "../helpers/muc.ts";

const STATUS = (nick: string, inner: string) =>
  `<presence to='${ROOM}/${nick}'>${inner}</presence>`;

// ---- presencebroadcast ----

/** Who sees whom: moderators see everybody, and everybody sees oneself. */
const SEEN: Readonly<Record<string, { participant: boolean; visitor: boolean }>> = {
  "moderator|participant|visitor": { participant: true, visitor: true },
  "moderator|participant": { participant: true, visitor: false },
  "moderator": { participant: false, visitor: false },
  "visitor": { participant: false, visitor: true },
};

for (const [roles, shown] of Object.entries(SEEN)) {
  mucTest(`§10.2, §7.2.2: presencebroadcast: ${roles}`, async (server) => {
    const alice = await createRoom(server, "alice", "moderator", [
      "moderatedroom=1",
      `presencebroadcast=${roles}`,
    ]);
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    const watcher = await inside(server, "carol", "watcher"); // a visitor
    const bob = await online(server, "bob");
    await quiet(server);
    bob.send(join("participant"));
    await bob.eventually(seen("participant", "role='participant'", { status: [110] }));
    await alice.receives(seen("participant", "role='participant'"));
    if (shown.participant) await watcher.receives(seen("participant", "role='participant'"));
    const dave = await online(server, "dave");
    await quiet(server);
    dave.send(join("visitor"));
    await dave.eventually(seen("visitor", "role='visitor'", { status: [110] }));
    await alice.receives(seen("visitor", "role='visitor'"));
    if (shown.visitor) await watcher.receives(seen("visitor", "role='visitor'"));
    await quiet(server);
    // What comes later is shown to the same people, the leaving too.
    for (const [client, nick] of [[bob, "participant"], [dave, "visitor"]] as const) {
      for (const inner of ["<show>away</show>", ""]) {
        client.send(
          inner === ""
            ? `<presence to='${ROOM}/${nick}' type='unavailable'/>`
            : STATUS(nick, inner),
        );
        await alice.receives(`<presence from='${ROOM}/${nick}'/>`);
        if (shown[nick]) await watcher.receives(`<presence from='${ROOM}/${nick}'/>`);
        await watcher.receivesNothing();
      }
    }
  });
}

mucTest("§10.2: whose role is not shown speaks as any other", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["presencebroadcast=moderator"]);
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  alice.skip();
  bob.send(`<message to='${ROOM}' type='groupchat'><body>hi</body></message>`);
  await carol.receives(`<message from='${ROOM}/second'><body>hi</body></message>`);
});

mucTest("§10.2: another role appears, and disappears", async (server) => {
  const alice = await createRoom(server, "alice", "first", [
    "moderatedroom=1",
    "presencebroadcast=moderator|participant",
  ]);
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  await ask(alice, "set", item("nick='second' role='participant'"));
  await carol.receives(seen("second", "role='participant'"));
  await quiet(server);
  await ask(alice, "set", item("nick='second' role='visitor'"));
  await carol.receives(seen("second", "role='none'", { type: "unavailable" }));
  await bob.receives(seen("second", "role='visitor'", { status: [110] }));
  await carol.receivesNothing();
});

mucTest("§10.2: the setting changes while people are there", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  const carol = await inside(server, "carol", "third");
  await configure(alice, ["presencebroadcast=moderator"]);
  await carol.receives(seen("second", "role='none'", { type: "unavailable" }));
  await bob.receivesAll(
    seen("third", "role='none'", { type: "unavailable" }),
    seen("second", "role='participant'", { status: [110] }),
    `<message from='${ROOM}'><x xmlns='${MUC}#user'><status code='104'/></x></message>`,
  );
  await quiet(server);
  await configure(alice, ["presencebroadcast=moderator|participant|visitor"]);
  await carol.eventually(seen("second", "role='participant'"));
  await bob.eventually(seen("third", "role='participant'"));
});

// ---- large rooms ----

mucTest(
  "§7.2.2: in a large room those without an affiliation or a role are not shown",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    await ask(alice, "set", item("affiliation='member' jid='member@localhost'"));
    const early = await inside(server, "early", "early");
    for (let i = 0; i < 8; i++) await inside(server, `u${i}`, `u${i}`);
    // The eleventh: too many from here on.
    const late = await online(server, "late");
    await quiet(server);
    late.send(join("late"));
    await late.eventually(seen("late", "role='participant'", { status: [110] }));
    await alice.receives(seen("late", "role='participant'")); // a moderator sees all
    await early.receivesNothing();
    // Members are shown.
    const member = await online(server, "member");
    member.send(join("member"));
    await early.receives(seen("member", "affiliation='member'"));
    await late.eventually(seen("member", "affiliation='member'"));
    // Those who were shown go as they came; those who were not, do not.
    await quiet(server);
    late.send(`<presence to='${ROOM}/late' type='unavailable'/>`);
    await alice.receives(seen("late", "role='none'", { type: "unavailable" }));
    await member.receivesNothing();
    early.send(`<presence to='${ROOM}/early' type='unavailable'/>`);
    await member.receives(seen("early", "role='none'", { type: "unavailable" }));
  },
  { modules: { muc: { quiet_above: 10 } } },
);

// ---- visitors, and everybody's haste ----

mucTest("§7.7: what visitors write about themselves may be taken out", async (server) => {
  const alice = await createRoom(server, "alice", "first", [
    "moderatedroom=1",
    "allowvisitorstatus=0",
  ]);
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  const bob = await inside(server, "bob", "second");
  const carol = await online(server, "carol");
  alice.skip();
  const spam = "<show>away</show><status>buy this</status>";
  const without = "<show>away</show><status>{absent}</status>";
  carol.send(`<presence to='${ROOM}/third'>${spam}<x xmlns='${MUC}'/></presence>`);
  await alice.receives(`<presence from='${ROOM}/third'>${without}</presence>`);
  carol.send(STATUS("third", spam));
  await alice.receives(`<presence from='${ROOM}/third'>${without}</presence>`);
  carol.send(
    `<presence to='${ROOM}/third'><status>once more</status><x xmlns='${MUC}'/></presence>`,
  );
  await alice.receives(`<presence from='${ROOM}/third'><status>{absent}</status></presence>`);
  carol.send(STATUS("fourth", spam));
  await alice.receives(`<presence from='${ROOM}/third' type='unavailable'/>`);
  await alice.receives(`<presence from='${ROOM}/fourth'>${without}</presence>`);
  carol.send(
    `<presence to='${ROOM}/fourth' type='unavailable'><status>buy this</status></presence>`,
  );
  await alice.receives(
    `<presence from='${ROOM}/fourth' type='unavailable'><status>{absent}</status></presence>`,
  );
  bob.send(STATUS("second", spam));
  await alice.receives(`<presence from='${ROOM}/second'>${spam}</presence>`);
}, { modules: { muc: { presence_interval: "0s" } } });

mucTest("§7.7: of many presences in a short time the last one is shown", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  for (let i = 0; i < 20; i++) bob.send(STATUS("second", `<status>${i}</status>`));
  await alice.receives(`<presence from='${ROOM}/second'><status>0</status></presence>`);
  await alice.receivesNothing();
  await alice.receives(`<presence from='${ROOM}/second'><status>19</status></presence>`);
  await alice.receivesNothing(600);
}, { modules: { muc: { presence_interval: "500ms" } } });

mucTest("§7.7: one that waits is not shown of somebody who has left", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(STATUS("second", "<show>away</show>"));
  bob.send(STATUS("second", "<show>dnd</show>"));
  bob.send(`<presence to='${ROOM}/second' type='unavailable'/>`);
  await alice.receives(`<presence from='${ROOM}/second'><show>away</show></presence>`);
  await alice.receives(seen("second", "role='none'", { type: "unavailable" }));
  await alice.receivesNothing(400);
}, { modules: { muc: { presence_interval: "200ms" } } });

mucTest("§17.3: a module has a say about what is shown", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  server.host().hooks.add(
    roomPresence,
    "test",
    (presence, _room, { nick }) =>
      nick === "third" ? DROP : presence.filter((c) => c.name !== "status"),
  );
  const said = "<show>away</show><status>spam</status>";
  bob.send(`<presence to='${ROOM}/second'>${said}<x xmlns='${MUC}'/></presence>`);
  await alice.receives(
    `<presence from='${ROOM}/second'><show>away</show><status>{absent}</status></presence>`,
  );
  bob.send(STATUS("second", said));
  await alice.receives(
    `<presence from='${ROOM}/second'><show>away</show><status>{absent}</status></presence>`,
  );
  const carol = await online(server, "carol");
  carol.send(`<presence to='${ROOM}/third'>${said}<x xmlns='${MUC}'/></presence>`);
  await alice.receives(
    `<presence from='${ROOM}/third'><show>{absent}</show><status>{absent}</status></presence>`,
  );
});
