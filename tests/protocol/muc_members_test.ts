/** XEP-0045 §9.3-9.5: membership, the list of members, and nicknames that admins reserve. */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
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
import { items, listed } from "../helpers/muc_lists.ts";

mucTest("§9.3: membership is granted to somebody who is there", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
  const hag = await inside(server, "hag", "thirdwitch");
  const bob = await inside(server, "bob", "second");
  const reason = "<reason>A worthy witch indeed!</reason>";
  await ask(owner, "set", item("affiliation='member' jid='hag@localhost'", reason));
  await owner.receives(
    `<presence from='${ROOM}/thirdwitch' type='{absent}'><x xmlns='${USER}'>
    <item affiliation='member' role='participant' jid='${hag.jid}'>
    <reason>A worthy witch indeed!</reason></item></x></presence>`,
  );
  const now = "affiliation='member' role='participant'";
  await bob.receives(seen("thirdwitch", `${now} jid='{absent}'`));
  await hag.receives(seen("thirdwitch", now, { status: [110] }));
  assert.deepEqual(await listed(owner, "affiliation='member'"), [
    "hag@localhost (A worthy witch indeed!)",
  ]);
});

mucTest(
  "§9.3: membership is granted by a full JID, and to somebody who is away",
  async (server) => {
    const owner = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
    const hag = await online(server, "hag");
    await refused(hag, "get", item("affiliation='member'"), "forbidden");
    await ask(owner, "set", items("Hag@localhost/broom member"));
    assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost"]);
    await enter(hag, "thirdwitch");
  },
);

mucTest("§9.4: membership is revoked in an open room", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("hag@localhost member"));
  const hag = await inside(server, "hag", "thirdwitch");
  await ask(owner, "set", items("hag@localhost none"));
  await owner.receives(
    seen("thirdwitch", `affiliation='none' role='participant' jid='${hag.jid}'`),
  );
  const now = "affiliation='none' role='participant'";
  await hag.receives(seen("thirdwitch", now, { status: [110] }));
  await hag.receivesNothing();
  assert.deepEqual(await listed(owner, "affiliation='member'"), []);
});

mucTest("§9.4: in a moderated room a member that is none loses its voice", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
  await ask(owner, "set", items("hag@localhost member"));
  const hag = await inside(server, "hag", "thirdwitch");
  await ask(owner, "set", items("hag@localhost none"));
  await hag.receives(
    seen("thirdwitch", "affiliation='none' role='visitor'", { status: [110] }),
  );
});

mucTest("§9.4: whoever is no member has to leave a members-only room (321)", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await ask(owner, "set", items("hag@localhost member", "bob@localhost member"));
  const hag = await inside(server, "hag", "thirdwitch");
  const bob = await inside(server, "bob", "second");
  const reason = "<reason>Not so worthy after all!</reason>";
  owner.send(
    `<iq type='set' id='member2' to='${ROOM}'>${
      item("affiliation='none' jid='hag@localhost'", reason)
    }</iq>`,
  );
  // One presence, and not a first one that says that the membership is gone.
  await hag.receives(
    `<presence from='${ROOM}/thirdwitch' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='none' role='none'><actor nick='firstwitch'/>
    <reason>Not so worthy after all!</reason></item><status code='321'/></x></presence>`,
  );
  await owner.receives(`<iq type='result' id='member2'>{empty}</iq>`);
  const gone = seen("thirdwitch", "affiliation='none' role='none'", {
    type: "unavailable",
    status: [321],
  });
  await owner.receives(gone);
  await bob.receives(gone);
  await bob.receivesNothing();
  hag.send(join("thirdwitch"));
  await hag.receives(
    `<presence type='error'>${error("registration-required", "auth")}</presence>`,
  );
});

mucTest("§9.4, §9.5: who may grant and revoke", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("wicca@localhost admin", "hag@localhost member"));
  const admin = await online(server, "wicca");
  const member = await inside(server, "hag", "thirdwitch");
  const bob = await inside(server, "bob", "second");
  await quiet(server);
  for (const client of [member, bob, await online(server, "eve")]) {
    for (const change of ["bob@localhost member", "hag@localhost none", "x@localhost none"]) {
      await refused(client, "set", items(change), "forbidden", "auth");
    }
  }
  // A moderator that is no admin is none here.
  await ask(owner, "set", item("nick='second' role='moderator'"));
  await refused(bob, "set", items("bob@localhost member"), "forbidden", "auth");
  // An admin's own rank and that of others like it are the owners' business.
  await refused(admin, "set", items("crone@localhost member"), "forbidden");
  await refused(admin, "set", items("wicca@localhost owner"), "forbidden");
  await refused(admin, "set", items("hag@localhost admin"), "forbidden");
  // From outside of the room, too.
  await ask(admin, "set", items("bob@localhost member", "hag@localhost none"));
  assert.deepEqual(await listed(admin, "affiliation='member'"), ["bob@localhost"]);
});

mucTest("§9.5: several changes in one request, all or none", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await ask(owner, "set", items("hag@localhost member third"));
  const hag = await inside(server, "hag", "third");
  await ask(owner, "set", items("hag@localhost none", "hecate@localhost member"));
  await hag.receives(seen("third", "role='none'", { type: "unavailable", status: [321] }));
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hecate@localhost"]);
  await refused(owner, "set", items("a@localhost member", "@ member"), "jid-malformed");
  await refused(owner, "set", items("a@localhost member", "b@localhost king"), "bad-request");
  await refused(owner, "set", items("a@localhost member", "A@localhost none"), "bad-request");
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hecate@localhost"]);
});

mucTest("§9.5: who may read the list of members", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await ask(owner, "set", items("hag@localhost member", "wicca@localhost admin"));
  const [member, admin] = [await online(server, "hag"), await online(server, "wicca")];
  const eve = await online(server, "eve");
  assert.deepEqual(await listed(admin, "affiliation='member'"), ["hag@localhost"]);
  await refused(member, "get", item("affiliation='member'"), "forbidden", "auth");
  await enter(member, "thirdwitch");
  await refused(member, "get", item("affiliation='member'"), "forbidden", "auth");
  // In a non-anonymous room every member may, there or not.
  await ask(
    owner,
    "set",
    `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>
    <field var='muc#roomconfig_whois'><value>anyone</value></field></x></query>`,
  );
  assert.deepEqual(await listed(member, "affiliation='member'"), ["hag@localhost"]);
  assert.deepEqual(await listed(member, "affiliation='admin'"), ["wicca@localhost"]);
  assert.deepEqual(await listed(member, "affiliation='owner'"), ["crone@localhost"]);
  await refused(member, "get", item("affiliation='outcast'"), "forbidden", "auth");
  member.send(`<presence to='${ROOM}/thirdwitch' type='unavailable'/>`);
  assert.deepEqual(await listed(member, "affiliation='member'"), ["hag@localhost"]);
  await refused(eve, "get", item("affiliation='member'"), "forbidden", "auth");
});

mucTest("§9.5: whoever has become a member of a members-only room is invited", async (server) => {
  const fields = ["membersonly=1", "passwordprotectedroom=1", "roomsecret=cauldronburn"];
  const owner = await createRoom(server, "crone", "firstwitch", fields);
  const hecate = await online(server, "hecate");
  const reason = "<reason>Come!</reason>";
  await ask(owner, "set", item("affiliation='member' jid='hecate@localhost'", reason));
  await hecate.receives(
    `<message from='${ROOM}' id='{any}'><x xmlns='${USER}'><invite from='${ROOM}/firstwitch'>
    <reason>Come!</reason></invite><password>cauldronburn</password></x>
    <x xmlns='jabber:x:conference' jid='${ROOM}' password='cauldronburn' reason='Come!'/></message>`,
  );
  // Who is a member already is not invited once more.
  await ask(owner, "set", items("hecate@localhost member nick"));
  await ask(owner, "set", items("hecate@localhost admin"));
  await hecate.receivesNothing();
});

mucTest("§9.5: to an open room nobody is invited by that", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  const hecate = await online(server, "hecate");
  await ask(owner, "set", items("hecate@localhost member"));
  await hecate.receivesNothing();
});

mucTest("§9.3, §9.5: admins reserve nicknames, change them, and unset them", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("hag@localhost member thirdwitch"));
  const { nick } = await ask(
    owner,
    "get",
    item("affiliation='member'"),
    `<query xmlns='${ADMIN}'><item affiliation='member' jid='hag@localhost' nick='{nick}'/></query>`,
  );
  assert.equal(nick, "thirdwitch");
  const bob = await online(server, "bob");
  const taken = async (name: string) => {
    bob.send(join(name));
    await bob.receives(`<presence type='error'>${error("conflict", "cancel")}</presence>`);
  };
  await taken("thirdwitch");
  await taken("ThirdWitch");
  // The user finds out (§7.12).
  const hag = await online(server, "hag");
  await hag.request(
    `<iq type='get' id='n' to='${ROOM}'>
    <query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/></iq>`,
    `<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'>
    <identity category='conference' type='text' name='thirdwitch'/></query></iq>`,
  );
  // Without a nickname in the item it stays; with an empty one it goes.
  await ask(owner, "set", items("hag@localhost member"));
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost thirdwitch"]);
  await ask(owner, "set", items("hag@localhost member nag"));
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost nag"]);
  await taken("nag");
  await ask(owner, "set", item("affiliation='member' jid='hag@localhost' nick=''"));
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost"]);
  await enter(bob, "nag");
  // It goes with the membership.
  await ask(owner, "set", items("hag@localhost member thirdwitch"));
  await ask(owner, "set", items("hag@localhost none"));
  await ask(owner, "set", items("hag@localhost member"));
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost"]);
});

mucTest("§9.3: a nickname is reserved for one user, and must be one", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("hag@localhost member third"));
  await inside(server, "bob", "second");
  const wrong = (change: string, condition: string) => refused(owner, "set", change, condition);
  await wrong(items("eve@localhost member third"), "conflict");
  await wrong(items("eve@localhost member THIRD"), "conflict");
  await wrong(items("eve@localhost member second"), "conflict");
  await wrong(items("eve@localhost member firstwitch"), "conflict");
  await wrong(items("eve@localhost member same", "bob@localhost member same"), "conflict");
  const blank = item("affiliation='member' jid='eve@localhost' nick=' '");
  await wrong(blank, "not-acceptable");
  await wrong(items(`eve@localhost member ${"x".repeat(65)}`), "not-acceptable");
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost third"]);
  // Who has it now may have it for good; one request may pass a nickname on.
  await ask(owner, "set", items("bob@localhost member second"));
  const pass = `<query xmlns='${ADMIN}'><item jid='hag@localhost' affiliation='member' nick=''/>
    <item jid='eve@localhost' affiliation='member' nick='third'/></query>`;
  await ask(owner, "set", pass);
  assert.deepEqual(await listed(owner, "affiliation='member'"), [
    "bob@localhost second",
    "eve@localhost third",
    "hag@localhost",
  ]);
  await ask(owner, "set", items("eve@localhost none", "hag@localhost member third"));
  assert.deepEqual(await listed(owner, "affiliation='member'"), [
    "bob@localhost second",
    "hag@localhost third",
  ]);
});
