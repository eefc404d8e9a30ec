/** XEP-0045 §9.6-9.9: moderators, their list, and registrations that admins approve. */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
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
  submission,
  USER,
} from "../helpers/muc.ts";
import { items, listed } from "../helpers/muc_lists.ts";

const role = (nick: string, to: string, inner = "") => item(`nick='${nick}' role='${to}'`, inner);

mucTest("§9.6: an admin makes somebody a moderator", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("hag@localhost member", "wicca@localhost admin"));
  const admin = await inside(server, "wicca", "second");
  const hag = await inside(server, "hag", "thirdwitch");
  const bob = await inside(server, "bob", "fourth");
  admin.send(
    `<iq type='set' id='mod1' to='${ROOM}'>${
      role("thirdwitch", "moderator", "<reason>A worthy witch indeed!</reason>")
    }</iq>`,
  );
  await admin.receives(`<iq type='result' id='mod1' from='${ROOM}'>{empty}</iq>`);
  const now = "affiliation='member' role='moderator'";
  await admin.receives(
    `<presence from='${ROOM}/thirdwitch'><x xmlns='${USER}'>
    <item affiliation='member' role='moderator' jid='${hag.jid}'>
    <reason>A worthy witch indeed!</reason></item></x></presence>`,
  );
  await bob.receives(seen("thirdwitch", `${now} jid='{absent}'`));
  await hag.receives(seen("thirdwitch", now, { status: [110] }));
  // A moderator sees who the others really are (§7.2.4).
  await hag.receivesAll(
    seen("firstwitch", `jid='${owner.jid}'`),
    seen("second", `jid='${admin.jid}'`),
    seen("fourth", `jid='${bob.jid}'`),
  );
  await hag.receivesNothing();
});

mucTest("§9.6: a visitor may become a moderator, too", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "fourth");
  await ask(owner, "set", role("fourth", "moderator"));
  await bob.receives(seen("fourth", "affiliation='none' role='moderator'", { status: [110] }));
});

mucTest("§9.7: moderator status is revoked", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("hag@localhost member", "wicca@localhost admin"));
  const admin = await inside(server, "wicca", "second");
  const hag = await inside(server, "hag", "thirdwitch");
  await ask(owner, "set", role("thirdwitch", "moderator"));
  await quiet(server);
  await ask(admin, "set", role("thirdwitch", "participant"));
  await hag.receives(
    seen("thirdwitch", "affiliation='member' role='participant'", { status: [110] }),
  );
  await owner.receives(seen("thirdwitch", "affiliation='member' role='participant'"));
  await refused(hag, "set", role("second", "none"), "forbidden", "auth");
  // Real addresses are no longer told.
  const bob = await online(server, "bob");
  await enter(bob, "fourth");
  await hag.receives(seen("fourth", "jid='{absent}'"));
});

mucTest("§9.7: not from owners and admins; and moderators make none", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("wicca@localhost admin", "hecate@localhost admin"));
  const admin = await inside(server, "wicca", "second");
  await inside(server, "hecate", "other");
  const hag = await inside(server, "hag", "thirdwitch");
  const bob = await inside(server, "bob", "fourth");
  await ask(owner, "set", role("thirdwitch", "moderator"));
  await ask(owner, "set", role("fourth", "moderator"));
  await quiet(server);
  for (const nick of ["firstwitch", "other"]) {
    for (const to of ["participant", "visitor", "none"]) {
      if (nick === "other" && to === "none") continue;
      await refused(admin, "set", role(nick, to), "not-allowed", "cancel");
    }
  }
  await refused(owner, "set", role("second", "participant"), "not-allowed", "cancel");
  await refused(hag, "set", role("fourth", "participant"), "forbidden", "auth");
  await refused(hag, "set", role("second", "participant"), "not-allowed", "cancel");
  await ask(owner, "set", role("fourth", "participant"));
  await refused(hag, "set", role("fourth", "moderator"), "forbidden", "auth");
  await refused(bob, "set", role("thirdwitch", "moderator"), "forbidden", "auth");
  // An admin who is not there has no role in the room.
  const away = await online(server, "wicca");
  await refused(away, "set", role("fourth", "moderator"), "forbidden", "auth");
});

mucTest("§9.8: the list of moderators, and changes of several, all or none", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("wicca@localhost admin"));
  const admin = await inside(server, "wicca", "second");
  const hag = await inside(server, "hag", "thirdwitch");
  const bob = await inside(server, "bob", "Hecate");
  await ask(owner, "set", role("thirdwitch", "moderator"));
  await quiet(server);
  await ask(
    admin,
    "get",
    item("role='moderator'"),
    `<query xmlns='${ADMIN}'>{only}
    <item affiliation='owner' jid='${owner.jid}' nick='firstwitch' role='moderator'/>
    <item affiliation='admin' jid='${admin.jid}' nick='second' role='moderator'/>
    <item affiliation='none' jid='${hag.jid}' nick='thirdwitch' role='moderator'/></query>`,
  );
  const both = (first: string, second: string) =>
    `<query xmlns='${ADMIN}'><item nick='thirdwitch' role='${first}'/>
    <item nick='Hecate' role='${second}'/></query>`;
  await ask(admin, "set", both("participant", "moderator"));
  await hag.receives(seen("thirdwitch", "role='participant'", { status: [110] }));
  await hag.receives(seen("Hecate", "role='moderator'"));
  await bob.receives(seen("thirdwitch", "role='participant'"));
  await bob.receives(seen("Hecate", "role='moderator'", { status: [110] }));
  await quiet(server);
  const wrong = `<query xmlns='${ADMIN}'><item nick='Hecate' role='participant'/>
    <item nick='firstwitch' role='participant'/></query>`;
  await refused(admin, "set", wrong, "not-allowed");
  const missing = `<query xmlns='${ADMIN}'><item nick='Hecate' role='participant'/>
    <item nick='nobody' role='participant'/></query>`;
  await refused(admin, "set", missing, "item-not-found");
  const twice = `<query xmlns='${ADMIN}'><item nick='Hecate' role='participant'/>
    <item nick='hecate' role='visitor'/></query>`;
  await refused(admin, "set", twice, "bad-request");
  assert.deepEqual((await listed(admin, "role='moderator'")).length, 3);
  await bob.receivesNothing();
});

mucTest("§9.8: who may read the list of moderators", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["whois=anyone"]);
  await ask(owner, "set", items("hag@localhost member", "wicca@localhost admin"));
  const hag = await inside(server, "hag", "thirdwitch");
  await refused(hag, "get", item("role='moderator'"), "forbidden", "auth");
  await refused(await online(server, "eve"), "get", item("role='moderator'"), "forbidden");
  const away = await online(server, "wicca");
  assert.deepEqual(await listed(away, "role='moderator'"), [
    `${owner.jid} firstwitch moderator`,
  ]);
  await ask(owner, "set", role("thirdwitch", "moderator"));
  assert.equal((await listed(hag, "role='moderator'")).length, 2);
});

mucTest("§9.6-9.8: rubbish", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await inside(server, "hag", "thirdwitch");
  const wrong = (payload: string, condition: string) => refused(owner, "set", payload, condition);
  await wrong(role("thirdwitch", "king"), "bad-request");
  await wrong(role("thirdwitch", ""), "bad-request");
  await wrong(role("nobody", "moderator"), "item-not-found");
  await wrong(role("", "moderator"), "item-not-found");
  await wrong(item("role='moderator'"), "bad-request");
  await wrong(item("role='moderator' jid='hag@localhost'"), "bad-request");
  await wrong(item("nick='thirdwitch' role='moderator' affiliation='member'"), "bad-request");
  await wrong(
    `<query xmlns='${ADMIN}'><item nick='thirdwitch' role='moderator'/>
    <item jid='hag@localhost' affiliation='member'/></query>`,
    "bad-request",
  );
  const long = `<reason>${"x".repeat(1001)}</reason>`;
  await wrong(role("thirdwitch", "moderator", long), "policy-violation");
  await refused(owner, "get", item("role='king'"), "bad-request");
});

const request = (nick: string) =>
  `<query xmlns='jabber:iq:register'>${
    submission(REGISTER, `muc#register_roomnick=${nick}`)
  }</query>`;

mucTest("§9.9: admins approve of a registration, wherever they are", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await ask(owner, "set", items("wicca@localhost admin"));
  const admin = await online(server, "wicca");
  const hag = await online(server, "hag");
  await quiet(server);
  await ask(hag, "set", request("thirdwitch"));
  const asked = `<message from='${ROOM}' type='{absent}'><x xmlns='${FORMS}' type='form'>
    <field var='FORM_TYPE' type='hidden'><value>${REGISTER}</value></field>
    <field var='muc#jid' type='jid-single'><value>hag@localhost</value></field>
    <field var='muc#register_roomnick' type='text-single'><value>thirdwitch</value></field>
    <field var='muc#register_allow' type='boolean'><value>0</value></field></x></message>`;
  await owner.receives(asked);
  await admin.receives(asked);
  // Until then there is no way in.
  hag.send(join("thirdwitch"));
  await hag.receives(`<presence type='error'>${error("registration-required")}</presence>`);
  const answer = (allow: string, ...more: string[]) =>
    `<message to='${ROOM}'>${
      submission(
        REGISTER,
        "muc#jid=hag@localhost",
        "muc#register_roomnick=thirdwitch",
        `muc#register_allow=${allow}`,
        ...more,
      )
    }</message>`;
  admin.send(answer("0"));
  await admin.sync();
  assert.deepEqual(await listed(owner, "affiliation='member'"), []);
  // Nobody approves of oneself.
  hag.send(answer("1"));
  await hag.receives(`<message type='error'>${error("forbidden", "auth")}</message>`);
  admin.send(answer("1"));
  await admin.sync();
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hag@localhost thirdwitch"]);
  await enter(hag, "thirdwitch");
});

mucTest("§9.9: an approval that comes too late, and rubbish", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["membersonly=1"]);
  await ask(owner, "set", items("hecate@localhost member third", "eve@localhost outcast"));
  const answer = async (condition: string, ...fields: string[]) => {
    owner.send(`<message to='${ROOM}'>${submission(REGISTER, ...fields)}</message>`);
    await owner.eventually(`<message type='error'>${error(condition)}</message>`);
  };
  const allow = "muc#register_allow=1";
  const hag = "muc#jid=hag@localhost";
  await answer("conflict", hag, "muc#register_roomnick=third", allow);
  await answer("not-allowed", "muc#jid=eve@localhost", "muc#register_roomnick=new", allow);
  await answer("jid-malformed", "muc#register_roomnick=new", allow);
  await answer("jid-malformed", "muc#jid=localhost", "muc#register_roomnick=new", allow);
  await answer("jid-malformed", hag, allow);
  await answer("not-acceptable", hag, "muc#register_roomnick= ", allow);
  owner.send(`<message to='${ROOM}'><x xmlns='${FORMS}' type='cancel'/></message>`);
  await owner.receivesNothing();
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["hecate@localhost third"]);
});
