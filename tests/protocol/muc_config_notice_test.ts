/** XEP-0045 §10.2, §10.2.1: what the room tells of its configuration, and who has to leave. */

import { online } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  enter,
  inside,
  item,
  MODULES,
  mucTest,
  quiet,
  ROOM,
  seen,
  USER,
} from "../helpers/muc.ts";
import { items } from "../helpers/muc_lists.ts";

const notice = (...codes: number[]) =>
  `<message from='${ROOM}' type='groupchat'><body>{absent}</body><x xmlns='${USER}'>{only}${
    codes.map((code) => `<status code='${code}'/>`).join("")
  }</x></message>`;

const LOGGED = [...MODULES, "muc_log"];

mucTest(
  "§10.2.1: logging begins (170) and ends (171)",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    const bob = await inside(server, "bob", "second");
    for (const [value, code] of [["1", 170], ["0", 171]] as const) {
      await configure(crone, [`enablelogging=${value}`]);
      await crone.receives(notice(code));
      await bob.receives(notice(code));
    }
    await bob.receivesNothing();
  },
  { modules: { muc_log: {} } },
  LOGGED,
);

mucTest("§10.2.1: the room is non-anonymous (172), and semi-anonymous (173)", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await configure(crone, ["whois=anyone"]);
  // Who is there learns who the others are.
  await bob.receivesAll(notice(172), seen("firstwitch", `jid='${crone.jid}'`));
  await bob.receivesNothing();
  await crone.receives(notice(172));
  await configure(crone, ["whois=moderators"]);
  await crone.receives(notice(173));
  await bob.receives(notice(173));
  // From now on they are not told any more.
  await enter(await online(server, "hag"), "third");
  await bob.receives(seen("third", "jid='{absent}'"));
});

mucTest(
  "§10.2.1: several changes at once, and any other (104)",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    const bob = await inside(server, "bob", "second");
    await configure(crone, ["enablelogging=1", "whois=anyone", "roomname=Cave"]);
    await bob.receivesAll(notice(170, 172, 104), seen("firstwitch", `jid='${crone.jid}'`));
    await quiet(server);
    for (
      const change of ["roomdesc=x", "lang=en", "moderatedroom=1", "roomsecret=x", "maxusers=10"]
    ) {
      await configure(crone, [change]);
      if (change === "roomsecret=x") continue; // there is no password
      await crone.eventually(notice(104));
      await bob.receives(notice(104));
    }
    // What stays as it is is no news.
    await configure(crone, ["roomdesc=x", "lang=en"]);
    await bob.receivesNothing();
  },
  { modules: { muc_log: {} } },
  LOGGED,
);

mucTest("§10.2: a room becomes members-only: all others have to leave (322)", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("hag@localhost member", "wicca@localhost admin"));
  const hag = await inside(server, "hag", "third");
  const admin = await inside(server, "wicca", "second");
  const bob = await inside(server, "bob", "fourth", ROOM, { resource: "desk" });
  const phone = await inside(server, "bob", "fourth", ROOM, { resource: "phone" });
  const eve = await inside(server, "eve", "fifth");
  await configure(crone, ["membersonly=1"]);
  for (const [client, nick] of [[bob, "fourth"], [phone, "fourth"], [eve, "fifth"]] as const) {
    await client.receives(
      seen(nick, "affiliation='none' role='none'", { type: "unavailable", status: [110, 322] }),
    );
    await client.receivesNothing();
  }
  for (const client of [hag, admin]) {
    await client.receives(seen("fourth", "role='none'", { type: "unavailable", status: [322] }));
    await client.receives(seen("fifth", "role='none'", { type: "unavailable", status: [322] }));
    await client.receives(notice(104));
  }
  // It may be opened again, and what is said then reaches those who come.
  await configure(crone, ["membersonly=0"]);
  await enter(eve, "fifth");
});

/** Changes the lists of the form, and says what the room shows of somebody. */
async function lists(owner: TestClient, admins: string, owners: string): Promise<void> {
  await configure(owner, [`roomadmins=${admins}`, `roomowners=${owners}`]);
}

mucTest("§10.2: somebody gains and loses the status of admin by the form", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const wicca = await inside(server, "wicca", "second");
  const bob = await inside(server, "bob", "third");
  await lists(crone, "wicca@localhost", "crone@localhost");
  await bob.receives(seen("second", "affiliation='admin' role='moderator'"));
  await wicca.eventually(
    seen("second", "affiliation='admin' role='moderator'", { status: [110] }),
  );
  await quiet(server);
  await lists(crone, "", "crone@localhost");
  await bob.receives(seen("second", "affiliation='none' role='participant'"));
  await wicca.receives(seen("second", "affiliation='none' role='participant'", { status: [110] }));
  await bob.receivesNothing();
});

mucTest("§10.2: in a members-only room an admin that is none is a member", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["roomadmins=wicca@localhost"]);
  const wicca = await inside(server, "wicca", "second");
  await configure(crone, ["roomadmins=", "membersonly=1"]);
  await wicca.receives(
    seen("second", "affiliation='member' role='participant'", { status: [110] }),
  );
  await wicca.receives(notice(104));
  await wicca.receivesNothing();
});

mucTest("§10.2: somebody gains and loses the status of owner by the form", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bard = await inside(server, "bard", "second");
  const bob = await inside(server, "bob", "third");
  await configure(crone, ["roomowners=crone@localhost|Bard@localhost/globe"]);
  await bob.receives(seen("second", "affiliation='owner' role='moderator'"));
  await bard.eventually(seen("second", "affiliation='owner'", { status: [110] }));
  await quiet(server);
  await configure(crone, ["roomowners=crone@localhost"]);
  await bob.receives(seen("second", "affiliation='admin' role='moderator'"));
  await bard.receives(seen("second", "affiliation='admin' role='moderator'", { status: [110] }));
});

mucTest("§10.2, §10.3: of those who are not there moderators are told", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "third");
  const news = (affiliation: string) =>
    `<message from='${ROOM}' type='{absent}'><x xmlns='${USER}'>
    <item affiliation='${affiliation}' jid='hecate@localhost' role='none'/></x></message>`;
  await configure(crone, ["roomadmins=hecate@localhost"]);
  await crone.receives(news("admin"));
  await ask(crone, "set", item("affiliation='owner' jid='hecate@localhost'"));
  await crone.receives(news("owner"));
  // In a semi-anonymous room addresses are the moderators' business.
  await bob.receivesNothing();
  await configure(crone, ["whois=anyone"]);
  await quiet(server);
  await ask(crone, "set", item("affiliation='none' jid='hecate@localhost'"));
  await crone.receives(news("none"));
  await bob.receives(news("none"));
});
