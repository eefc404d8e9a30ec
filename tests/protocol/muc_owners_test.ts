/** XEP-0045 §10.3-10.8: owners and admins, and their lists. */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
import {
  ask,
  CONFIG,
  configure,
  createRoom,
  enter,
  FORMS,
  inside,
  item,
  mucTest,
  OWNER,
  quiet,
  refused,
  ROOM,
  seen,
  submission,
  USER,
} from "../helpers/muc.ts";
import { items, listed } from "../helpers/muc_lists.ts";

const owners = item("affiliation='owner'");
const admins = item("affiliation='admin'");

mucTest("§10.3: an owner grants owner status", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const hecate = await inside(server, "hecate", "hecate");
  const bob = await inside(server, "bob", "third");
  const reason = "<reason>A worthy witch indeed!</reason>";
  await ask(crone, "set", item("affiliation='owner' jid='hecate@localhost/broom'", reason));
  await bob.receives(
    `<presence from='${ROOM}/hecate'><x xmlns='${USER}'>
    <item affiliation='owner' role='moderator' jid='{absent}'>
    <reason>A worthy witch indeed!</reason></item></x></presence>`,
  );
  await hecate.eventually(seen("hecate", "affiliation='owner'", { status: [110] }));
  assert.deepEqual(await listed(crone, "affiliation='owner'"), [
    "crone@localhost",
    "hecate@localhost (A worthy witch indeed!)",
  ]);
  // Whatever that was: the new owner may do all.
  await configure(hecate, ["roomname=Cave"]);
});

mucTest("§10.4: an owner revokes owner status, that of another or the own one", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("hecate@localhost owner"));
  const hecate = await inside(server, "hecate", "hecate");
  const bob = await inside(server, "bob", "third");
  await ask(crone, "set", items("hecate@localhost admin"));
  await bob.receives(seen("hecate", "affiliation='admin' role='moderator'"));
  await hecate.receives(seen("hecate", "affiliation='admin'", { status: [110] }));
  await ask(crone, "set", items("hecate@localhost owner"));
  await quiet(server);
  await ask(hecate, "set", items("hecate@localhost none"));
  await bob.receives(seen("hecate", "affiliation='none' role='participant'"));
  await refused(hecate, "get", `<query xmlns='${OWNER}'/>`, "forbidden", "auth");
});

mucTest("§10.4: the last owner stays one", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  for (const affiliation of ["admin", "member", "none", "outcast"]) {
    await refused(crone, "set", items(`crone@localhost ${affiliation}`), "conflict", "cancel");
  }
  await ask(crone, "set", items("hecate@localhost owner"));
  const both = items("crone@localhost admin", "hecate@localhost admin");
  await refused(crone, "set", both, "conflict", "cancel");
  // One for another in one request.
  await ask(crone, "set", items("crone@localhost none", "bard@localhost owner"));
  const hecate = await online(server, "hecate");
  assert.deepEqual(await listed(hecate, "affiliation='owner'"), [
    "bard@localhost",
    "hecate@localhost",
  ]);
  await ask(hecate, "set", items("bard@localhost none"));
  await refused(hecate, "set", items("hecate@localhost none"), "conflict");
});

mucTest("§10.2, §10.5: the last owner stays one in the form, too", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const change = (...fields: string[]) =>
    `<query xmlns='${OWNER}'>${
      submission(CONFIG, ...fields.map((f) => `muc#roomconfig_${f}`))
    }</query>`;
  await refused(crone, "set", change("roomowners="), "conflict", "cancel");
  const empty = `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='submit'>
    <field var='muc#roomconfig_roomowners'/></x></query>`;
  await refused(crone, "set", empty, "conflict");
  await refused(crone, "set", change("roomowners=localhost"), "not-acceptable");
  await ask(crone, "set", change("roomowners=hecate@localhost"));
  // An owner that is not in the list any more is an admin.
  const hecate = await online(server, "hecate");
  assert.deepEqual(await listed(hecate, "affiliation='owner'"), ["hecate@localhost"]);
  assert.deepEqual(await listed(hecate, "affiliation='admin'"), ["crone@localhost"]);
});

mucTest(
  "§10.5, §10.8: lists in the form are whole ones, those in requests are changes",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", [
      "roomadmins=a@localhost|b@localhost",
      "roomowners=crone@localhost|o@localhost",
    ]);
    assert.deepEqual(await listed(crone, "affiliation='admin'"), ["a@localhost", "b@localhost"]);
    await configure(crone, ["roomadmins=b@localhost|c@localhost"]);
    assert.deepEqual(await listed(crone, "affiliation='admin'"), ["b@localhost", "c@localhost"]);
    assert.deepEqual(await listed(crone, "affiliation='owner'"), [
      "crone@localhost",
      "o@localhost",
    ]);
    await configure(crone, ["roomname=Cave"]);
    assert.deepEqual(await listed(crone, "affiliation='admin'"), ["b@localhost", "c@localhost"]);
    await ask(crone, "set", items("a@localhost admin", "c@localhost none"));
    assert.deepEqual(await listed(crone, "affiliation='admin'"), ["a@localhost", "b@localhost"]);
    await ask(crone, "set", items("p@localhost owner"));
    assert.equal((await listed(crone, "affiliation='owner'")).length, 3);
    // Whoever is in both is an owner.
    await configure(crone, ["roomadmins=o@localhost|a@localhost"]);
    assert.deepEqual(await listed(crone, "affiliation='admin'"), ["a@localhost"]);
  },
);

mucTest("§10.3-10.8: only owners change the lists of owners and admins", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("wicca@localhost admin", "hecate@localhost admin"));
  const admin = await inside(server, "wicca", "second");
  const bob = await inside(server, "bob", "third");
  await quiet(server);
  for (const client of [admin, bob]) {
    for (
      const change of [
        "bob@localhost admin",
        "bob@localhost owner",
        "wicca@localhost owner",
        "hecate@localhost none",
        "hecate@localhost member",
        "crone@localhost admin",
        "crone@localhost none",
      ]
    ) await refused(client, "set", items(change), "forbidden", "auth");
  }
  assert.deepEqual(await listed(crone, "affiliation='admin'"), [
    "hecate@localhost",
    "wicca@localhost",
  ]);
});

mucTest("§10.6, §10.7: admin status is granted and revoked", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("wicca@localhost member second"));
  const wicca = await inside(server, "wicca", "second");
  const bob = await inside(server, "bob", "third");
  await ask(crone, "set", item("affiliation='admin' jid='wicca@localhost'"));
  await bob.receives(seen("second", "affiliation='admin' role='moderator'"));
  await wicca.eventually(seen("second", "affiliation='admin'", { status: [110] }));
  await quiet(server);
  // Such as it is, the reserved nickname remains.
  assert.deepEqual(await listed(crone, "affiliation='admin'"), ["wicca@localhost second"]);
  const reason = "<reason>Not so worthy after all!</reason>";
  await ask(crone, "set", item("affiliation='none' jid='wicca@localhost'", reason));
  await bob.receives(
    `<presence from='${ROOM}/second'><x xmlns='${USER}'>
    <item affiliation='none' role='participant'><reason>Not so worthy after all!</reason></item>
    </x></presence>`,
  );
  assert.deepEqual(await listed(crone, "affiliation='admin'"), []);
});

mucTest(
  "§10.7: an admin that is none any more has no voice in a moderated room",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
    await ask(crone, "set", items("wicca@localhost admin"));
    const wicca = await inside(server, "wicca", "second");
    await ask(crone, "set", items("wicca@localhost none"));
    await wicca.receives(seen("second", "affiliation='none' role='visitor'", { status: [110] }));
  },
);

mucTest("§10.7: an admin that is none has to leave a members-only room (321)", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost owner"));
  const wicca = await inside(server, "wicca", "second");
  const hag = await inside(server, "hag", "third");
  await ask(crone, "set", items("wicca@localhost none", "hag@localhost member"));
  await wicca.receives(
    seen("second", "affiliation='none' role='none'", { type: "unavailable", status: [110, 321] }),
  );
  await hag.eventually(seen("third", "affiliation='member' role='participant'"));
});

mucTest("§10.5, §10.8: who reads the lists in a semi-anonymous room", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost member"));
  const member = await inside(server, "hag", "third");
  const bob = await inside(server, "bob", "fourth");
  const admin = await online(server, "wicca");
  const eve = await online(server, "eve");
  assert.deepEqual(await listed(crone, "affiliation='owner'"), ["crone@localhost"]);
  for (const client of [member, bob, eve]) {
    await refused(client, "get", owners, "forbidden", "auth");
    await refused(client, "get", admins, "forbidden", "auth");
  }
  // Not even admins read who the others are that rule.
  await refused(admin, "get", owners, "forbidden", "auth");
  await refused(admin, "get", admins, "forbidden", "auth");
  await enter(admin, "second");
  await refused(admin, "get", admins, "forbidden", "auth");
});

mucTest("§10.5, §10.8: who reads the lists in a non-anonymous room", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["whois=anyone"]);
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost member"));
  const member = await online(server, "hag");
  const bob = await inside(server, "bob", "fourth");
  const eve = await online(server, "eve");
  for (const client of [member, bob]) {
    assert.deepEqual(await listed(client, "affiliation='owner'"), ["crone@localhost"]);
    assert.deepEqual(await listed(client, "affiliation='admin'"), ["wicca@localhost"]);
  }
  await refused(eve, "get", owners, "forbidden", "auth");
  await refused(eve, "get", admins, "forbidden", "auth");
});

mucTest(
  "§10: an administrator of the server owns every room, and is in no list",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    const boss = await inside(server, "boss", "boss");
    await crone.sync();
    await configure(boss, ["roomname=Cave"]);
    assert.deepEqual(await listed(boss, "affiliation='owner'"), ["crone@localhost"]);
    // Even the last owner can be replaced from there.
    await ask(boss, "set", items("crone@localhost none", "hag@localhost owner"));
    assert.deepEqual(await listed(boss, "affiliation='owner'"), ["hag@localhost"]);
  },
  { admins: ["boss@localhost"] },
);
