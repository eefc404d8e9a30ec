/** XEP-0045 §9.1, §9.2: banning users and whole domains, and the list of bans. */

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
  SERVICE,
  USER,
} from "../helpers/muc.ts";
import { items, listed } from "../helpers/muc_lists.ts";

const HOSTS = { hosts: { localhost: {}, "heath.example": {} } };

mucTest("§9.1: an owner bans somebody, with a reason", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "secondwitch");
  const hag = await inside(server, "hag", "thirdwitch");
  owner.send(
    `<iq type='set' id='ban1' to='${ROOM}'>${
      item("affiliation='outcast' jid='bob@localhost'", "<reason>Treason</reason>")
    }</iq>`,
  );
  // The banned, whoever has asked for it, and all others, in this order.
  await bob.receives(
    `<presence from='${ROOM}/secondwitch' to='${bob.jid}' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='outcast' role='none'><actor nick='firstwitch'/><reason>Treason</reason></item>
    <status code='301'/></x></presence>`,
  );
  await owner.receives(`<iq type='result' id='ban1' from='${ROOM}'>{empty}</iq>`);
  const gone = (jid: string) =>
    `<presence from='${ROOM}/secondwitch' type='unavailable'><x xmlns='${USER}'>
    <item affiliation='outcast' role='none' jid='${jid}'><reason>Treason</reason></item>
    <status code='301'/></x></presence>`;
  await owner.receives(gone(bob.jid));
  await hag.receives(gone("{absent}"));
  await hag.receivesNothing();
  // Nothing more from the room, and no way back.
  hag.send(`<message to='${ROOM}' type='groupchat'><body>good riddance</body></message>`);
  await hag.receives("<message type='groupchat'/>");
  await bob.receivesNothing();
  bob.send(join("secondwitch"));
  await bob.receives(
    `<presence type='error' from='${ROOM}/secondwitch'>${error("forbidden", "auth")}
    </presence>`,
  );
  assert.deepEqual(await listed(owner, "affiliation='outcast'"), ["bob@localhost (Treason)"]);
});

mucTest(
  "§9.1: all clients of the banned, under all nicknames; by a full JID, too",
  async (server) => {
    const owner = await createRoom(server, "crone", "firstwitch");
    const one = await inside(server, "bob", "second", ROOM, { resource: "desk" });
    const two = await inside(server, "bob", "second", ROOM, { resource: "phone" });
    const three = await inside(server, "bob", "other", ROOM, { resource: "pad" });
    await ask(owner, "set", item("affiliation='outcast' jid='Bob@localhost/phone'"));
    for (const [client, nick] of [[one, "second"], [two, "second"], [three, "other"]] as const) {
      await client.receives(
        seen(nick, "affiliation='outcast' role='none'", {
          type: "unavailable",
          status: [110, 301],
        }),
      );
      await client.receivesNothing();
    }
    await owner.eventually(seen("other", "role='none'", { type: "unavailable", status: [301] }));
    await owner.receivesNothing();
    assert.deepEqual(await listed(owner, "affiliation='outcast'"), ["bob@localhost"]);
  },
);

mucTest("§9.1: somebody who is not there is banned all the same", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", item("affiliation='outcast' jid='nobody@elsewhere.example'"));
  const bob = await online(server, "bob");
  await ask(owner, "set", item("affiliation='outcast' jid='bob@localhost'"));
  bob.send(join("secondwitch"));
  await bob.receives(`<presence type='error'>${error("forbidden", "auth")}</presence>`);
  // An outcast learns nothing of the room.
  const disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
  await refused(bob, "get", disco, "forbidden");
  await refused(bob, "get", item("affiliation='owner'"), "forbidden");
  await refused(bob, "get", "<query xmlns='jabber:iq:register'/>", "not-allowed");
});

mucTest("§9.1: a ban takes the registered nickname", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("bob@localhost member macbeth"));
  const hag = await online(server, "hag");
  hag.send(join("macbeth"));
  await hag.receives(`<presence type='error'>${error("conflict", "cancel")}</presence>`);
  await ask(owner, "set", item("affiliation='outcast' jid='bob@localhost'"));
  assert.deepEqual(await listed(owner, "affiliation='outcast'"), ["bob@localhost"]);
  await enter(hag, "macbeth");
  // Nor does it come back with the membership.
  await ask(owner, "set", items("bob@localhost member"));
  assert.deepEqual(await listed(owner, "affiliation='member'"), ["bob@localhost"]);
});

mucTest("§9.1: nobody is banned by somebody of a lower or the same rank", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  const grant = items("wicca@localhost admin", "hecate@localhost admin", "hag@localhost member");
  await ask(owner, "set", grant);
  const admin = await inside(server, "wicca", "second");
  const member = await inside(server, "hag", "third");
  const bob = await inside(server, "bob", "fourth");
  await quiet(server);
  const ban = (name: string) => item(`affiliation='outcast' jid='${name}@localhost'`);
  await refused(admin, "set", ban("crone"), "not-allowed", "cancel");
  await refused(admin, "set", ban("hecate"), "not-allowed", "cancel");
  await refused(member, "set", ban("bob"), "forbidden", "auth");
  await refused(bob, "set", ban("hag"), "forbidden", "auth");
  await refused(await online(server, "stranger"), "set", ban("bob"), "forbidden", "auth");
  await ask(admin, "set", ban("bob"));
  await ask(admin, "set", ban("hag"));
  await bob.eventually(seen("fourth", "affiliation='outcast'", { type: "unavailable" }));
  await member.eventually(seen("third", "affiliation='outcast'", { type: "unavailable" }));
  await ask(owner, "set", ban("hecate"));
  assert.deepEqual(await listed(admin, "affiliation='outcast'"), [
    "bob@localhost",
    "hag@localhost",
    "hecate@localhost",
  ]);
});

mucTest("§9.1: nobody bans oneself", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("wicca@localhost admin", "hecate@localhost owner"));
  const admin = await online(server, "wicca");
  for (const [client, jid] of [[owner, "crone@localhost"], [admin, "wicca@localhost"]] as const) {
    await refused(client, "set", item(`affiliation='outcast' jid='${jid}'`), "conflict", "cancel");
    await refused(client, "set", item(`affiliation='outcast' jid='${client.jid}'`), "conflict");
  }
  await refused(owner, "set", item("affiliation='outcast' jid='localhost'"), "conflict");
});

mucTest("§9.2: several bans and their end in one request, all or none", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("wicca@localhost admin"));
  const admin = await inside(server, "wicca", "second");
  const bob = await inside(server, "bob", "third");
  const hag = await inside(server, "hag", "fourth");
  await quiet(server);
  const wrong = items("bob@localhost outcast", "crone@localhost outcast");
  await refused(admin, "set", wrong, "not-allowed");
  const own = items("bob@localhost outcast", "wicca@localhost outcast");
  await refused(admin, "set", own, "conflict");
  await refused(
    admin,
    "set",
    items("bob@localhost outcast", "bob@localhost none"),
    "bad-request",
  );
  assert.deepEqual(await listed(admin, "affiliation='outcast'"), []);
  await bob.receivesNothing();

  await ask(admin, "set", items("bob@localhost outcast", "hag@localhost outcast"));
  await bob.receives(seen("third", "role='none'", { type: "unavailable", status: [301] }));
  await hag.receives(seen("fourth", "role='none'", { type: "unavailable", status: [301] }));
  await bob.receivesNothing();
  await owner.receivesAll(
    seen("third", "role='none'", { type: "unavailable", status: [301] }),
    seen("fourth", "role='none'", { type: "unavailable", status: [301] }),
  );
  const change = items("bob@localhost none", "lord@localhost outcast");
  await ask(admin, "set", change);
  assert.deepEqual(await listed(owner, "affiliation='outcast'"), [
    "hag@localhost",
    "lord@localhost",
  ]);
  await enter(bob, "third");
});

mucTest("§9.2: who may read the list of bans, and what is in it", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch", ["whois=anyone"]);
  const grant = items("wicca@localhost admin", "hag@localhost member nag");
  await ask(owner, "set", grant);
  await ask(owner, "set", item("affiliation='outcast' jid='bob@localhost'", "<reason>x</reason>"));
  const member = await inside(server, "hag", "nag");
  const admin = await online(server, "wicca");
  assert.deepEqual(await listed(admin, "affiliation='outcast'"), ["bob@localhost (x)"]);
  await ask(
    admin,
    "get",
    item("affiliation='outcast'"),
    `<query xmlns='${ADMIN}'><item affiliation='outcast' jid='bob@localhost' nick='{absent}'
    role='{absent}'/></query>`,
  );
  await refused(member, "get", item("affiliation='outcast'"), "forbidden", "auth");
  await refused(await online(server, "eve"), "get", item("affiliation='outcast'"), "forbidden");
  await refused(admin, "get", item("affiliation='banned'"), "bad-request");
  await refused(admin, "get", `<query xmlns='${ADMIN}'/>`, "bad-request");
  await refused(admin, "get", item("affiliation='outcast' role='visitor'"), "bad-request");
});

mucTest("§9.2: a whole domain is banned, but not those whom the room knows", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  await ask(owner, "set", items("hag@heath.example member"));
  const elsewhere = { domain: "heath.example" };
  const bob = await inside(server, "bob", "second", ROOM, elsewhere);
  const hag = await inside(server, "hag", "third", ROOM, elsewhere);
  const near = await inside(server, "bob", "fourth");
  await ask(owner, "set", item("affiliation='outcast' jid='heath.example'"));
  await bob.receives(
    seen("second", "affiliation='outcast' role='none'", { type: "unavailable", status: [301] }),
  );
  await owner.receives(seen("second", "role='none'", { type: "unavailable", status: [301] }));
  await hag.receives(seen("second", "role='none'", { type: "unavailable", status: [301] }));
  await near.receives(seen("second", "role='none'", { type: "unavailable", status: [301] }));
  await near.receivesNothing();
  bob.send(join("second"));
  await bob.receives(`<presence type='error'>${error("forbidden")}</presence>`);
  assert.deepEqual(await listed(owner, "affiliation='outcast'"), ["heath.example"]);
  // Whoever is a member no more is one of the domain.
  await ask(owner, "set", items("hag@heath.example none"));
  await hag.receives(
    seen("third", "affiliation='outcast' role='none'", { type: "unavailable", status: [301] }),
  );
  await refused(owner, "set", items("heath.example admin"), "not-allowed");
  await refused(owner, "set", items("heath.example owner"), "not-allowed");
  await ask(owner, "set", items("heath.example none"));
  await enter(bob, "second");
}, HOSTS);

mucTest("§9.1, §9.2: rubbish", async (server) => {
  const owner = await createRoom(server, "crone", "firstwitch");
  const set = (payload: string, condition: string) => refused(owner, "set", payload, condition);
  await set(item("affiliation='outcast'"), "bad-request");
  await set(item("affiliation='outcast' jid=''"), "jid-malformed");
  await set(item("affiliation='outcast' jid='@localhost'"), "jid-malformed");
  await set(item("affiliation='outcast' jid='a@b@c'"), "jid-malformed");
  await set(item("affiliation='outlaw' jid='bob@localhost'"), "bad-request");
  await set(item("affiliation='' jid='bob@localhost'"), "bad-request");
  await set(item("affiliation='outcast' jid='bob@localhost' role='none'"), "bad-request");
  await set(item("affiliation='outcast' nick='nobody'"), "item-not-found");
  await set(item("jid='bob@localhost'"), "bad-request");
  await set(`<query xmlns='${ADMIN}'/>`, "bad-request");
  await set(`<query xmlns='${ADMIN}'><x/><item/></query>`, "bad-request");
  const long = `<reason>${"x".repeat(1001)}</reason>`;
  await set(item("affiliation='outcast' jid='bob@localhost'", long), "policy-violation");
  const many = Array.from({ length: 501 }, (_, i) => `u${i}@localhost outcast`);
  await set(items(...many), "bad-request");
  await ask(owner, "set", items(...many.slice(1)));
  assert.equal((await listed(owner, "affiliation='outcast'")).length, 500);
  await refused(
    owner,
    "get",
    item("affiliation='outcast'"),
    "item-not-found",
    "cancel",
    `nowhere@${SERVICE}`,
  );
  await refused(
    owner,
    "set",
    items("bob@localhost outcast"),
    "item-not-found",
    "cancel",
    `nowhere@${SERVICE}`,
  );
});
