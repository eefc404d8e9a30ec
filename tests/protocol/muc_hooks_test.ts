/** Hooks of rooms: another module rules them from outside, and hears of what happens in them. */

import assert from "node:assert/strict";
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
  OWNER,
  quiet,
  refused,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";
import { body, readArchive, say } from "../helpers/muc_archive.ts";
import { items } from "../helpers/muc_lists.ts";
import { StanzaError } from "../../lib/errors.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import {
  roomAffiliation,
  roomAffiliationChanged,
  roomConfigured,
  roomCreated,
  roomDefaults,
  roomDestroyed,
  roomEnter,
  roomEntered,
  roomFind,
  roomLeft,
  roomMay,
  roomMayCreate,
  roomMayDiscover,
  roomMessage,
  roomNickChanged,
  roomPresence,
  roomSent,
  roomWhisper,
} from "../../lib/hooks/rooms.ts";
import { parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import { xml } from "../../lib/xml/element.ts";

mucTest("a module rules rooms from outside", async (server) => {
  const { hooks } = server.host();
  hooks.add(roomMayCreate, "test", (room, creator) => {
    return room.node === "school" ? creator.node === "teacher" : undefined;
  });
  hooks.add(roomDefaults, "test", (config, room, creator) => {
    return room.node !== "school" ? config : {
      ...config,
      name: `The school of ${creator.node}`,
      persistent: true,
      moderated: true,
    };
  });
  hooks.add(roomAffiliation, "test", ({ node }, user) => {
    if (node !== "school") return undefined;
    if (user.node === "head") return Promise.resolve("owner" as const);
    return user.node === "truant" ? "outcast" : undefined;
  });
  hooks.add(roomEnter, "test", ({ jid, locked }, who, nick) => {
    if (jid.node !== "school" || locked) return undefined;
    if (who.node === "bully") throw new StanzaError("not-allowed", { text: "not you" });
    return who.node === "pupil" ? { role: "participant", nick: `${nick} of class 3` } : undefined;
  });
  const school = `school@${SERVICE}`;

  const pupil = await online(server, "pupil");
  pupil.send(join("Tom", school));
  await pupil.receives(`<presence type='error'>${error("not-allowed", "cancel")}</presence>`);
  const teacher = await online(server, "teacher");
  await enter(teacher, "Teacher", school);
  await configure(teacher, [], school);
  await ask(
    teacher,
    "get",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    `<query xmlns='http://jabber.org/protocol/disco#info'>
    <identity name='The school of teacher'/><feature var='muc_persistent'/></query>`,
    school,
  );
  // With another role and nickname than those that follow from the room's own rules.
  pupil.send(join("Tom", school));
  await pupil.receives(seen("Teacher", "affiliation='owner'", { room: school }));
  await pupil.receives(
    seen("Tom of class 3", "affiliation='none' role='participant'", {
      room: school,
      status: [110, 210],
    }),
  );
  const bully = await online(server, "bully");
  bully.send(join("Nelson", school));
  await bully.receives(`<presence type='error'>${error("not-allowed", "cancel")}</presence>`);
  const truant = await online(server, "truant");
  truant.send(join("Bart", school));
  await truant.receives(`<presence type='error'>${error("forbidden", "auth")}</presence>`);
  await refused(truant, "set", "<query xmlns='urn:xmpp:mam:2'/>", "forbidden", "auth", school);
  // Whoever is declined is judged by the rules of the room.
  const other = await online(server, "other");
  other.send(join("Lisa", school));
  await other.eventually(seen("Lisa", "role='visitor'", { room: school, status: [110] }));
  // An owner by another's word owns it.
  const head = await online(server, "head");
  head.send(join("Head", school));
  await head.eventually(
    seen("Head", "affiliation='owner' role='moderator'", { room: school, status: [110] }),
  );
  await configure(head, ["roomname=Another"], school);
  // Other rooms are as they were.
  await enter(pupil, "Tom");
});

mucTest("room.enter: a module admits where the room would not", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", [
    "membersonly=1",
    "passwordprotectedroom=1",
    "roomsecret=x",
    "maxusers=5",
  ]);
  const bob = await online(server, "bob");
  bob.send(join("second"));
  await bob.receives(`<presence type='error'>${error("registration-required")}</presence>`);
  server.host().hooks.add(roomEnter, "test", (_room, who, _nick, presence) => {
    assert.equal(presence.name, "presence");
    return who.node === "bob" ? Promise.resolve({ admitted: true as const }) : undefined;
  });
  await enter(bob, "second");
  // But not to another's nickname, and no outcast.
  const phone = await online(server, "bob", { resource: "phone" });
  phone.send(join("firstwitch"));
  await phone.receives(`<presence type='error'>${error("conflict")}</presence>`);
  await ask(crone, "set", items("bob@localhost outcast"));
  phone.send(join("second"));
  await phone.receives(`<presence type='error'>${error("forbidden")}</presence>`);
});

mucTest("room.may: every action of an occupant", async (server) => {
  const asked: string[] = [];
  let answer: boolean | undefined;
  const crone = await createRoom(server, "crone", "firstwitch", ["moderatedroom=1"]);
  const bob = await inside(server, "bob", "second");
  const id = await say(crone, body("hail"));
  server.host().hooks.add(roomMay, "test", (room, who, action) => {
    assert.equal(room.jid.bare, ROOM);
    if (who.nick === "second" || who.nick === "rob") asked.push(action);
    return who.nick === "firstwitch" ? undefined : answer;
  });
  await server.addUser("hag@localhost", "x");
  await quiet(server);
  const register = "http://jabber.org/protocol/muc#request";
  const MAYS = {
    "speak": `<message to='${ROOM}' type='groupchat'><body>hi</body></message>`,
    "change-subject": `<message to='${ROOM}' type='groupchat'><subject>x</subject></message>`,
    "whisper": `<message to='${ROOM}/firstwitch' type='chat'><body>hi</body></message>`,
    "invite": `<message to='${ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'>
      <invite to='hag@localhost'/></x></message>`,
    "request-voice": `<message to='${ROOM}'><x xmlns='jabber:x:data' type='submit'>
      <field var='FORM_TYPE'><value>${register}</value></field></x></message>`,
  };
  for (answer of [false, true]) {
    for (const [action, stanza] of Object.entries(MAYS)) {
      asked.length = 0;
      bob.skip();
      bob.send(stanza);
      await bob.sync();
      assert.deepEqual(asked, [action]);
      const before = bob.pending;
      if (answer) continue;
      assert.equal(before, 1);
      await bob.receives(`<message type='error'>${error("forbidden", "auth")}</message>`);
    }
  }
  await quiet(server);
  answer = false;
  bob.send(`<presence to='${ROOM}/rob'/>`);
  await bob.receives(`<presence type='error'>${error("not-allowed")}</presence>`);
  await refused(bob, "get", item("affiliation='member'"), "forbidden");
  const moderate = `<moderate id='${id}' xmlns='urn:xmpp:message-moderate:1'>
    <retract xmlns='urn:xmpp:message-retract:1'/></moderate>`;
  await refused(bob, "set", moderate, "forbidden");
  answer = true;
  await ask(bob, "get", item("affiliation='member'"), "{any}");
  await ask(bob, "set", moderate);
  bob.send(`<presence to='${ROOM}/rob'/>`);
  await bob.eventually(seen("rob", "role='visitor'", { status: [110] }));
  assert(asked.includes("change-nick") && asked.includes("read-lists"));
  // Declining leaves it to the room.
  answer = undefined;
  await refused(bob, "get", item("affiliation='member'"), "forbidden");
});

mucTest("room.message: messages are changed, refused, dropped", async (server) => {
  server.host().hooks.add(roomMessage, "test", (message, room, from) => {
    const text = message.childText("body") ?? message.childText("subject");
    assert.equal(room.jid.bare, ROOM);
    assert.equal(message.from!.full, from.jid.full);
    if (text === "drop") return DROP;
    if (text === "refuse") throw new StanzaError("policy-violation", { text: "mind your words" });
    if (text === "later") {
      return new Promise((resolve) => setTimeout(() => resolve(message), 30));
    }
    return text === "damn"
      ? message.filter((e) => e.name !== "body").append(xml("body", NS.client, {}, "d***"))
      : message;
  });
  const crone = await createRoom(server, "crone", "firstwitch", ["changesubject=1"]);
  const bob = await inside(server, "bob", "second");
  const send = (text: string, name = "body") =>
    bob.send(`<message to='${ROOM}' type='groupchat' id='m'><${name}>${text}</${name}></message>`);
  send("damn");
  await crone.receives(`<message from='${ROOM}/second'><body>d***</body></message>`);
  await bob.receives(`<message from='${ROOM}/second' id='m'><body>d***</body></message>`);
  send("drop");
  send("drop", "subject");
  await bob.receivesNothing();
  send("refuse");
  await bob.receives(
    `<message type='error' id='m'>${error("policy-violation", "modify")}</message>`,
  );
  send("refuse", "subject");
  await bob.receives("<message type='error' id='m'/>");
  await crone.receivesNothing();
  // What takes its time keeps its place.
  send("later");
  send("soon");
  await crone.receives("<message><body>later</body></message>");
  await crone.receives("<message><body>soon</body></message>");
  assert.equal((await readArchive(crone)).bodies, "d*** later soon");
});

mucTest(
  "room.whisper, room.presence: what is shown of people, and said among them",
  async (server) => {
    const { hooks } = server.host();
    hooks.add(roomWhisper, "test", (message, _room, from, to) => {
      const text = message.childText("body");
      if (text === "drop") return DROP;
      if (text === "refuse") throw new StanzaError("not-allowed");
      return message.append(xml("via", "urn:x", { from: from.nick, to: to.nick }));
    });
    hooks.add(roomPresence, "test", (presence, _room, who) => {
      if (who.nick === "ghost") return DROP;
      return presence.filter((e) => e.name !== "status");
    });
    const crone = await createRoom(server, "crone", "firstwitch");
    const bob = await inside(server, "bob", "second");
    await quiet(server);
    const whisper = (text: string) =>
      bob.send(`<message to='${ROOM}/firstwitch' type='chat'><body>${text}</body></message>`);
    whisper("psst");
    await crone.receives(`<message from='${ROOM}/second' type='chat'><body>psst</body>
    <via xmlns='urn:x' from='second' to='firstwitch'/></message>`);
    whisper("drop");
    await bob.receivesNothing();
    whisper("refuse");
    await bob.receives(`<message type='error'>${error("not-allowed")}</message>`);
    bob.send(`<presence to='${ROOM}/second'><show>away</show><status>buy!</status></presence>`);
    await crone.receives(
      `<presence from='${ROOM}/second'><show>away</show><status>{absent}</status></presence>`,
    );
    const ghost = await online(server, "ghost");
    ghost.send(join("ghost").replace("</presence>", "<show>xa</show></presence>"));
    await crone.receives(`<presence from='${ROOM}/ghost'><show>{absent}</show></presence>`);
  },
);

mucTest("room.may-discover: a room that somebody does not see", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  server.host().hooks.add(roomMayDiscover, "test", (_room, who) => who.node !== "bob");
  const info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
  await ask(crone, "get", info, "{any}");
  const bob = await online(server, "bob");
  await refused(bob, "get", info, "item-not-found");
  // Whoever is in it sees it.
  await enter(bob, "second");
  await ask(bob, "get", info, "{any}");
});

mucTest("what a module hears of rooms", async (server) => {
  const { hooks } = server.host();
  const told: string[] = [];
  const say_ = (...words: unknown[]) => void told.push(words.join(" "));
  hooks.add(roomCreated, "test", (room, creator) => say_("created", room.locked, creator.bare));
  hooks.add(
    roomConfigured,
    "test",
    (room, before) => say_("configured", before.name || "-", room.config.name, room.locked),
  );
  hooks.add(roomEntered, "test", (room, { nick }) => say_("entered", nick, room.size));
  hooks.add(
    roomLeft,
    "test",
    (_room, { nick }, { why, reason }) => say_("left", nick, why, reason ?? "-"),
  );
  hooks.add(roomNickChanged, "test", (_room, { nick }, before) => say_("nick", before, nick));
  hooks.add(
    roomAffiliationChanged,
    "test",
    (_room, user, now, before, by) => say_("affiliation", user.bare, before, now, by?.bare ?? "-"),
  );
  hooks.add(
    roomSent,
    "test",
    (_room, message, from) =>
      say_("sent", message.childText("body") ?? message.childText("subject"), from?.nick ?? "-"),
  );
  hooks.add(roomDestroyed, "test", (room) => say_("destroyed", room.bare));
  const next = (...expected: string[]) => assert.deepEqual(told.splice(0), expected);

  const crone = await createRoom(server, "crone", "firstwitch", ["roomname=Cave"]);
  next("created true crone@localhost", "entered firstwitch 1", "configured - Cave false");
  const desk = await inside(server, "bob", "second", ROOM, { resource: "desk" });
  await inside(server, "bob", "second", ROOM, { resource: "phone" });
  next("entered second 2");
  await say(desk, body("hail"));
  next("sent hail second");
  desk.send(`<presence to='${ROOM}/rob'/>`);
  await quiet(server);
  next("nick second rob");
  await ask(crone, "set", items("bob@localhost member"));
  await ask(crone, "set", items("bob@localhost member rob"));
  next("affiliation bob@localhost none member crone@localhost");
  desk.send(`<presence to='${ROOM}/rob' type='unavailable'><status>bye</status></presence>`);
  await quiet(server);
  next();
  await ask(crone, "set", item("nick='rob' role='none'", "<reason>spam</reason>"));
  await quiet(server);
  next("left rob kicked spam");
  await enter(desk, "rob");
  desk.send(`<presence to='${ROOM}/rob' type='unavailable'><status>bye</status></presence>`);
  await quiet(server);
  next("entered rob 2", "left rob left bye");
  await enter(desk, "rob");
  await ask(crone, "set", items("bob@localhost outcast"));
  await quiet(server);
  next(
    "entered rob 2",
    "left rob banned -",
    "affiliation bob@localhost member outcast crone@localhost",
  );
  const found = await hooks.ask(roomFind, parseJid(ROOM)!);
  assert.equal(found!.affiliationOf(parseJid("bob@localhost")!), "outcast");
  assert.equal(await hooks.ask(roomFind, parseJid(`nowhere@${SERVICE}`)!), undefined);
  assert.equal(await hooks.ask(roomFind, parseJid("coven@elsewhere.example")!), undefined);
  await say(crone, "<subject>Toads</subject>");
  await ask(crone, "set", `<query xmlns='${OWNER}'><destroy/></query>`);
  await quiet(server);
  next("sent Toads firstwitch", `destroyed ${ROOM}`);
});
