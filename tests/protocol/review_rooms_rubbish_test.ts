/** XEP-0045: rubbish in every request that rooms and their service answer: refused, and no fault of ours. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ADMIN,
  createRoom,
  inside,
  join,
  mucTest,
  OWNER,
  REGISTER,
  REQUEST,
  ROOM,
  SERVICE,
  USER,
} from "../helpers/muc.ts";

const FORMS = "jabber:x:data";
const DEEP = "<item>".repeat(40) + "</item>".repeat(40);
const BIDI = "&#x202e;gpj.exe";
const LONG = "x".repeat(5000);

const PAYLOADS: readonly (readonly [name: string, ns: string])[] = [
  ["query", ADMIN],
  ["query", OWNER],
  ["query", "jabber:iq:register"],
  ["vCard", "vcard-temp"],
  ["moderate", "urn:xmpp:message-moderate:1"],
  ["apply-to", "urn:xmpp:fasten:0"],
  ["query", "urn:xmpp:mam:2"],
  ["metadata", "urn:xmpp:mam:2"],
  ["ping", "urn:xmpp:ping"],
  ["search", "urn:xmpp:channel-search:0:search"],
  ["unique", "http://jabber.org/protocol/muc#unique"],
  ["query", "http://jabber.org/protocol/disco#info"],
  ["query", "http://jabber.org/protocol/disco#items"],
  ["command", "http://jabber.org/protocol/commands"],
];

const form = (type: string, ...fields: string[]) =>
  `<x xmlns='${FORMS}' type='${type}'>${fields.join("")}</x>`;
const field = (name: string, ...values: string[]) =>
  `<field var='${name}'>${values.map((v) => `<value>${v}</value>`).join("")}</field>`;

const CONTENTS: readonly string[] = [
  "",
  "text",
  DEEP,
  "<item/>",
  "<item affiliation='emperor' jid='a@b'/>",
  "<item affiliation='member' jid=''/>",
  "<item affiliation='member' jid='@/'/>",
  `<item affiliation='member' jid='a@b' nick='${BIDI}'/>`,
  `<item affiliation='member' jid='a@b' nick='${LONG}'/>`,
  "<item affiliation='owner' jid='b'/>",
  "<item affiliation='none' role='none' nick='Bob'/>",
  "<item role='king' nick='Bob'/>",
  "<item role='none' nick=''/>",
  `<item role='visitor' nick='${BIDI}'/>`,
  "<item affiliation='constructor' jid='__proto__@b'/>",
  `<item affiliation='member' jid='a@b'><reason>${LONG}</reason></item>`,
  "<destroy jid='@'/>",
  `<destroy><reason>${LONG}</reason></destroy>`,
  "<retract xmlns='urn:xmpp:message-retract:1'/>",
  form("submit", field("FORM_TYPE", "http://jabber.org/protocol/muc#roominfo")),
  form("form"),
  form("nonsense"),
  form("submit", form("submit", form("submit"))),
  form("submit", "<field/>", "<field type='list-multi'/>"),
  form("submit", field("a"), field("a")),
  form("submit", field("muc#roomconfig_roomowners", "@", "", "b")),
  form("submit", field("muc#roomconfig_roomowners", ROOM, "far.example")),
  form("submit", field("muc#roomconfig_maxusers", "-1")),
  form("submit", field("muc#roomconfig_whois", "nobody")),
  form("submit", field("muc#roomconfig_presencebroadcast", "__proto__")),
  form("submit", field("muc#register_roomnick", BIDI)),
  form("submit", field("muc#register_roomnick", " ")),
  form("submit", field("q", "\u0130\u0307%_'\"\\"), field("key", "__proto__")),
  form("submit", field("start", "yesterday"), field("with", "@")),
  `<set xmlns='http://jabber.org/protocol/rsm'><max>-1</max><after>${LONG}</after></set>`,
  `<set xmlns='http://jabber.org/protocol/rsm'><max>1e9</max><before/></set>`,
  `<set xmlns='http://jabber.org/protocol/rsm'><index>9</index></set>`,
];

/** Sends them all, and none may be answered with a fault of ours. Returns how many were answered. */
async function refusesAll(client: TestClient, requests: readonly string[]): Promise<number> {
  let answered = 0;
  for (let i = 0; i < requests.length; i += 20) {
    for (const request of requests.slice(i, i + 20)) client.send(request);
    await client.sync();
    while (client.pending > 0) {
      const tag = await client.next("anything");
      if (tag.name === "iq" || tag.attrs.type === "error") answered++;
      assert.ok(!`${tag}`.includes("internal-server-error"), `${tag}`);
    }
  }
  return answered;
}

const NODE = "urn:xmpp:hats:commands:assign";

mucTest("rubbish in requests", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const eve = await online(server, "eve");
  const requests: string[] = [];
  for (const to of [ROOM, SERVICE, `${ROOM}/Bob`, `none@${SERVICE}`]) {
    for (const type of ["get", "set"]) {
      for (const [name, ns] of PAYLOADS) {
        for (const content of CONTENTS) {
          // What would put people out is no rubbish.
          if (ns === OWNER && content.includes("<destroy><reason>")) continue;
          const attrs = name === "command" ? ` node='${NODE}'` : "";
          requests.push(
            `<iq type='${type}' id='x' to='${to}'><${name} xmlns='${ns}'${attrs}>${content}</${name}></iq>`,
          );
        }
      }
    }
  }
  for (const client of [eve, bob, alice]) {
    const answered = await refusesAll(client, requests);
    // What was sent to Bob is his to answer.
    assert.ok(answered >= requests.length / 2, `${client.jid}: ${answered} of ${requests.length}`);
  }
  alice.send(`<message type='groupchat' to='${ROOM}' id='still'><body>here</body></message>`);
  await bob.eventually(`<message from='${ROOM}/Alice' id='still'/>`);
}, {
  limits: { bytes_per_second: 0 },
  modules: {
    muc: { changes: 0, messages: 0, joins: 0, listed: 0, searches: 10_000, requests: 10_000 },
  },
});

mucTest("rubbish in messages and presence", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["persistentroom=1"]);
  const bob = await inside(server, "bob", "Bob");
  const inUser = [
    "<invite/>",
    "<invite to='@'/>",
    "<decline/>",
    "<decline to=''/>",
    DEEP,
    "<status code='x'/>",
  ];
  const stanzas = [
    ...inUser.map((x) => `<message to='${ROOM}' id='m'><x xmlns='${USER}'>${x}</x></message>`),
    ...[REQUEST, REGISTER, "nonsense"].flatMap((type) =>
      CONTENTS.filter((c) => c.startsWith("<x")).map((c) =>
        `<message to='${ROOM}' id='m'>${
          c.replace(/^(<x [^>]*>)/, `$1${field("FORM_TYPE", type)}`)
        }</message>`
      )
    ),
    ...["", " ", BIDI, "&#x200b;", "&#xfeff;", LONG.slice(0, 1000), "a&#x301;", "\u05d0a"].map((
      nick,
    ) =>
      `<presence to='${ROOM}/${nick}'><x xmlns='http://jabber.org/protocol/muc'><history seconds='-1'
      maxstanzas='NaN' since='never'/><mav xmlns='urn:xmpp:muc:affiliations:1' since='--'/></x></presence>`
    ),
    `<message to='${ROOM}' type='groupchat'><subject>a</subject><subject>b</subject></message>`,
    `<message to='${ROOM}' type='groupchat'><retract xmlns='urn:xmpp:message-retract:1'/></message>`,
    `<message to='${ROOM}' type='groupchat'><retract xmlns='urn:xmpp:message-retract:1' id='${LONG}'/></message>`,
    `<message to='${ROOM}' type='groupchat'><body>a</body><reference xmlns='urn:xmpp:reference:0'
    type='mention' uri='xmpp:%ff%00@@'/></message>`,
    `<message to='${ROOM}/Bob' type='groupchat'><body>a</body></message>`,
    `<message to='${ROOM}' type='error'/>`,
    `<presence to='${ROOM}/Bob' type='error'/>`,
    `<presence to='${ROOM}/Bob' type='probe'/>`,
    `<presence to='${ROOM}' type='subscribe'/>`,
  ];
  const eve = await online(server, "eve");
  for (const client of [eve, bob, alice]) await refusesAll(client, stanzas);
  const carol = await online(server, "carol");
  carol.send(join("Carol"));
  await carol.eventually("<message type='groupchat'><subject/></message>");
  carol.send(`<message type='groupchat' to='${ROOM}' id='still'><body>here</body></message>`);
  await carol.eventually(`<message from='${ROOM}/Carol' id='still'/>`);
}, {
  modules: { muc: { changes: 0, messages: 0, joins: 0, invitations: 10_000, requests: 10_000 } },
});
