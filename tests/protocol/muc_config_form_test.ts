/** XEP-0045 §10.1.3, §10.2, §16.5.3: the form of a room's configuration, and forms that are wrong. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  CONFIG,
  configure,
  createRoom,
  enter,
  FORMS,
  inside,
  MODULES,
  mucTest,
  OWNER,
  refused,
  ROOM,
  SERVICE,
  STANZAS,
  submission,
} from "../helpers/muc.ts";
import { items } from "../helpers/muc_lists.ts";

const GET = `<query xmlns='${OWNER}'/>`;

/** The fields of a room's form with their values, as `name` and `a|b`. */
async function form(owner: TestClient, room = ROOM): Promise<Record<string, string>> {
  await ask(
    owner,
    "get",
    GET,
    `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='form'/></query>`,
    room,
  );
  const x = owner.last.child("query", OWNER)!.child("x", FORMS)!;
  const fields = x.elements().filter((e) => e.name === "field");
  return Object.fromEntries(fields.map((f) => {
    const values = f.elements().filter((e) => e.name === "value").map((v) => v.text());
    return [f.attrs.var!.replace("muc#roomconfig_", ""), values.join("|")];
  }));
}

/** A form as it is, which must be refused; the text names the field. */
async function wrong(owner: TestClient, fields: string, condition: string, names = "") {
  const x = `<x xmlns='${FORMS}' type='submit'>
    <field var='FORM_TYPE'><value>${CONFIG}</value></field>${fields}</x>`;
  await unacceptable(owner, x, condition, names);
}

async function unacceptable(owner: TestClient, x: string, condition: string, names = "") {
  const text = names === "" ? "" : `<text xmlns='${STANZAS}'>${names}{any}</text>`;
  await owner.request(
    `<iq type='set' id='w' to='${ROOM}'><query xmlns='${OWNER}'>${x}</query></iq>`,
    `<iq type='error' from='${ROOM}'><error><${condition} xmlns='${STANZAS}'/>${text}</error></iq>`,
  );
}

const field = (name: string, ...values: string[]) =>
  `<field var='${name.includes("#") ? name : `muc#roomconfig_${name}`}'>${
    values.map((v) => `<value>${v}</value>`).join("")
  }</field>`;

const DEFAULTS = {
  FORM_TYPE: CONFIG,
  roomname: "",
  roomdesc: "",
  lang: "",
  persistentroom: "0",
  publicroom: "1",
  membersonly: "0",
  moderatedroom: "0",
  passwordprotectedroom: "0",
  roomsecret: "",
  whois: "moderators",
  maxusers: "10000",
  allowpm: "anyone",
  allowinvites: "0",
  changesubject: "0",
  presencebroadcast: "moderator|participant|visitor",
  getmemberlist: "moderator|participant|visitor",
  allowvisitornickchange: "1",
  allowvisitorstatus: "1",
  allowvoicerequests: "1",
  allowregistration: "1",
  locknicks: "0",
  enablelogging: "0",
  enablearchiving: "1",
  "muc#maxhistoryfetch": "20",
  slow_mode_duration: "0",
  forwardmentions: "1",
  pubsub: "",
  "muc#roominfo_contactjid": "",
  roomadmins: "",
  roomowners: "crone@localhost",
};

const OTHERS = {
  roomname: "A Dark Cave",
  roomdesc: "For witches",
  lang: "en-GB",
  persistentroom: "1",
  publicroom: "0",
  membersonly: "1",
  moderatedroom: "1",
  passwordprotectedroom: "1",
  roomsecret: "cauldronburn",
  whois: "anyone",
  maxusers: "50",
  allowpm: "participants",
  allowinvites: "1",
  changesubject: "1",
  presencebroadcast: "moderator|visitor",
  getmemberlist: "moderator",
  allowvisitornickchange: "0",
  allowvisitorstatus: "0",
  allowvoicerequests: "0",
  allowregistration: "0",
  locknicks: "1",
  enablelogging: "1",
  enablearchiving: "0",
  "muc#maxhistoryfetch": "7",
  slow_mode_duration: "20",
  forwardmentions: "0",
  pubsub: "xmpp:pubsub.localhost?;node=coven",
  "muc#roominfo_contactjid": "hag@localhost|bob@localhost",
  roomadmins: "wicca@localhost|hecate@localhost",
  roomowners: "crone@localhost|bard@localhost",
};

mucTest(
  "§16.5.3: all fields that are registered, as they are and as they become",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    assert.deepEqual(await form(crone), DEFAULTS);
    const fields = Object.entries(OTHERS).map(([name, value]) => `${name}=${value}`);
    await configure(crone, fields);
    const { FORM_TYPE: _, ...now } = await form(crone);
    assert.deepEqual(now, OTHERS);
    // What a form leaves out stays as it is; what it empties is empty.
    await configure(crone, ["roomname="]);
    assert.deepEqual(await form(crone), { ...OTHERS, FORM_TYPE: CONFIG, roomname: "" });
    const emptied = `<query xmlns='${OWNER}'>${
      submission(CONFIG, "muc#roomconfig_lang=").replace("<value></value>", "")
    }</query>`;
    await ask(crone, "set", emptied);
    assert.deepEqual((await form(crone)).lang, "");
  },
  { modules: { muc_log: {} } },
  [...MODULES, "muc_log"],
);

mucTest(
  "§10.2: types, options and labels",
  async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch", ["maxusers=30"]);
    await ask(
      crone,
      "get",
      GET,
      `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='form'><title>{any}${ROOM}</title>
    <field var='muc#roomconfig_roomname' type='text-single' label='{any}'/>
    <field var='muc#roomconfig_roomsecret' type='text-private' label='{any}'/>
    <field var='muc#roomconfig_membersonly' type='boolean' label='{any}'/>
    <field var='muc#roomconfig_roomadmins' type='jid-multi' label='{any}'/>
    <field var='muc#roomconfig_presencebroadcast' type='list-multi' label='{any}'>
      <option label='Moderators'><value>moderator</value></option></field>
    <field var='muc#roomconfig_maxusers' type='list-single' label='{any}'><value>30</value>
      <option><value>5</value></option><option><value>10000</value></option></field>
    <field var='muc#roomconfig_slow_mode_duration' type='text-single' label='{any}'>
      <validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:integer'>
      <range min='0' max='86400'/></validate></field>
    </x></query>`,
    );
    // Without the modules there is no field for a log or an archive.
    assert.equal((await form(crone)).enablelogging, undefined);
    assert.equal((await form(crone)).enablearchiving, undefined);
  },
  {},
  MODULES.filter((name) => name !== "mam"),
);

mucTest("§10.2: only owners see and change the configuration", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await ask(crone, "set", items("wicca@localhost admin", "hag@localhost member"));
  const admin = await inside(server, "wicca", "second");
  const member = await inside(server, "hag", "third");
  const bob = await inside(server, "bob", "fourth");
  const eve = await online(server, "eve");
  const change = `<query xmlns='${OWNER}'>${
    submission(CONFIG, "muc#roomconfig_roomname=x")
  }</query>`;
  for (const client of [admin, member, bob, eve]) {
    await refused(client, "get", GET, "forbidden", "auth");
    await refused(client, "set", change, "forbidden", "auth");
  }
  assert.equal((await form(crone)).roomname, "");
  // An owner need not be there; an administrator of the server owns every room.
  await ask(crone, "set", items("bard@localhost owner"));
  await configure(await online(server, "bard"), ["roomname=Globe"]);
  assert.equal((await form(await online(server, "boss"))).roomname, "Globe");
}, { admins: ["boss@localhost"] });

mucTest("§10.2: whoever cancels has changed nothing", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", ["roomname=A Dark Cave"]);
  await ask(
    crone,
    "set",
    `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='cancel'>
    ${field("roomname", "Another")}</x></query>`,
  );
  assert.equal((await form(crone)).roomname, "A Dark Cave");
  await crone.receivesNothing();
});

mucTest("§10.1.3: values that are not acceptable: the answer names the field", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const no = (name: string, ...values: string[]) =>
    wrong(
      crone,
      field(name, ...values),
      "not-acceptable",
      name.includes("#") ? name : `muc#roomconfig_${name}`,
    );
  await no("membersonly", "maybe");
  await no("membersonly", "1", "0");
  await no("whois", "nobody");
  await no("whois", "none");
  await no("allowpm", "everybody");
  await no("maxusers", "7");
  await no("maxusers", "20000");
  await no("maxusers", "many");
  await no("presencebroadcast", "moderator", "king");
  await no("getmemberlist", "owner");
  await no("muc#maxhistoryfetch", "-1");
  await no("muc#maxhistoryfetch", "101");
  await no("muc#maxhistoryfetch", "1e3");
  await no("slow_mode_duration", "-5");
  await no("slow_mode_duration", "86401");
  await no("slow_mode_duration", "99999999999999999999");
  await no("slow_mode_duration", "ten");
  await no("lang", "not a language");
  await no("lang", "x".repeat(60));
  await no("roomname", "x".repeat(201));
  await no("roomname", "one", "two");
  await no("roomdesc", "x".repeat(2001));
  await no("pubsub", "x".repeat(1001));
  await no("roomowners", "@");
  await no("roomadmins", "crone@localhost", "a@b@c");
  await no("muc#roominfo_contactjid", "no address @");
  await no("muc#roominfo_contactjid", ...Array.from({ length: 21 }, (_, i) => `u${i}@localhost`));
  await wrong(
    crone,
    field("passwordprotectedroom", "1"),
    "not-acceptable",
    "muc#roomconfig_roomsecret",
  );
  await wrong(
    crone,
    field("passwordprotectedroom", "1") + field("roomsecret", ""),
    "not-acceptable",
    "muc#roomconfig_roomsecret",
  );
  await wrong(
    crone,
    field("passwordprotectedroom", "1") + field("roomsecret", "x".repeat(1001)),
    "policy-violation",
  );
  // All or nothing.
  await wrong(crone, field("roomname", "Cave") + field("whois", "nobody"), "not-acceptable");
  const { enablelogging: _, ...unchanged } = DEFAULTS;
  assert.deepEqual(await form(crone), unchanged);
  await crone.receivesNothing();
});

mucTest("§10.1.3, XEP-0004, XEP-0068: forms that are none", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const no = (x: string) => unacceptable(crone, x, "bad-request");
  await no("");
  await no("<destroyed/>");
  await no(`<x xmlns='${FORMS}'/>`);
  await no(`<x xmlns='${FORMS}' type='form'/>`);
  await no(`<x xmlns='${FORMS}' type='result'>${field("roomname", "x")}</x>`);
  await no(`<x xmlns='${FORMS}' type='later'/>`);
  await no(submission("http://jabber.org/protocol/muc#roominfo", "muc#roomconfig_roomname=x"));
  await no(submission("jabber:iq:register"));
  await wrong(crone, field("roomname", "x") + field("roomname", "y"), "bad-request");
  await wrong(crone, "<field type='text-single'><value>x</value></field>", "bad-request");
  assert.equal((await form(crone)).roomname, "");
  // Of old clients the form has no name; fields that nobody knows are ignored, and so are their types.
  const old = `<x xmlns='${FORMS}' type='submit'>${field("roomname", "x")}</x>`;
  await ask(crone, "set", `<query xmlns='${OWNER}'>${old}</query>`);
  assert.equal((await form(crone)).roomname, "x");
  const strange = `<x xmlns='${FORMS}' type='submit'>
    <field var='muc#roomconfig_roomname' type='list-multi'><value>y</value><value/></field>
    </x>`;
  await unacceptable(crone, strange, "not-acceptable");
  const unknown = `<x xmlns='${FORMS}' type='submit'>
    <field var='urn:example:colour' type='colour'><value>red</value><value>green</value></field>
    <field type='fixed'><value>Hello</value></field><reported/><item/>
    <field var='muc#roomconfig_roomname' type='boolean'><value>z</value></field></x>`;
  await ask(crone, "set", `<query xmlns='${OWNER}'>${unknown}</query>`);
  assert.equal((await form(crone)).roomname, "z");
});

mucTest("§10.2: a huge form is read like any other", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const many = Array.from({ length: 2000 }, (_, i) => field(`urn:x#${i}`, "v"));
  await ask(
    crone,
    "set",
    `<query xmlns='${OWNER}'><x xmlns='${FORMS}' type='submit'>
    ${many.join("")}${field("roomname", "Cave")}</x></query>`,
  );
  assert.equal((await form(crone)).roomname, "Cave");
  const admins = Array.from({ length: 30 }, (_, i) => `u${i}@localhost`);
  const both = field("roomname", "Den") + field("roomadmins", ...admins);
  await wrong(crone, both, "resource-constraint");
  const { roomname, roomadmins } = await form(crone);
  assert.deepEqual([roomname, roomadmins], ["Cave", ""]);
}, { modules: { muc: { affiliations: 20 } } });

mucTest("§10.2: the answer comes before what the room is told of the change", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await enter(crone, "firstwitch", `other@${SERVICE}`);
  await crone.sync();
  crone.skip();
  crone.send(`<iq type='set' id='c' to='${ROOM}'><query xmlns='${OWNER}'>
    ${submission(CONFIG, "muc#roomconfig_roomname=Cave")}</query></iq>`);
  await crone.receives("<iq type='result' id='c'>{empty}</iq>");
  await crone.receives(`<message from='${ROOM}' type='groupchat'>
    <x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>`);
});
