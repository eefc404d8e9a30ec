/** Stanzas that are wrong, lie about where they come from, or reach for what is not theirs. */

import assert from "node:assert/strict";
import { login, NS, online } from "../helpers/client.ts";
import { logged, undisturbed } from "../helpers/raw.ts";
import type { TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

function test(name: string, attack: (server: TestServer) => Promise<void>): void {
  Deno.test(
    name,
    () =>
      withServer({ c2s: { plaintext_auth: "loopback" } }, {}, async (server) => {
        await undisturbed(server, () => attack(server));
      }),
  );
}

const PLAIN = { tls: "none" } as const;

const error = (kind: string, id: string, type: string, condition: string) =>
  `<${kind} type='error' id='${id}'><error type='${type}'><${condition} xmlns='${NS.stanzaErrors}'/></error></${kind}>`;

// ---- lies ----

test("a stanza in another's name ends the stream, and reaches nobody", async (server) => {
  const bob = await online(server, "bob", PLAIN);
  const stanzas = [
    `<message from='FROM' to='${bob.jid}'><body>x</body></message>`,
    "<presence from='FROM'/>",
    `<presence from='FROM' to='${bob.jid}' type='unavailable'/>`,
    "<presence from='FROM' to='bob@localhost' type='subscribed'/>",
    "<iq from='FROM' type='get' id='i'><query xmlns='jabber:iq:roster'/></iq>",
    `<iq from='FROM' to='${bob.jid}' type='result' id='i'/>`,
  ];
  const names = ["bob@localhost", bob.jid, "localhost", "mallory@localhost/elsewhere", "", "a b@c"];
  for (const [i, stanza] of stanzas.entries()) {
    const mallory = await login(server, "mallory", { ...PLAIN, resource: "here" });
    mallory.send(stanza.replace("FROM", names[i]!));
    await mallory.streamError("invalid-from");
  }
  assert.equal(logged(server, `"error":"invalid-from"`).length, stanzas.length);
  await bob.receivesNothing();
  await bob.close();
});

test("ids and delays in the server's name are taken out", async (server) => {
  const bob = await online(server, "bob", PLAIN);
  const mallory = await login(server, "mallory", PLAIN);
  const id = (by: string) => `<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='${by}'/>`;
  const delay = `<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'/>`;
  const forged = [
    id("bob@localhost"),
    id("BOB@localhost"),
    id("localhost"),
    id("mallory@localhost"),
    delay,
  ];
  for (const to of [bob.jid, "bob@localhost"]) {
    mallory.send(
      `<message to='${to}' type='chat'><body>x</body>${forged.join("")}${
        id("room.test")
      }</message>`,
    );
    const sid = "<stanza-id xmlns='urn:xmpp:sid:0'";
    const given = await bob.receives(
      `<message>{only}<body>x</body>${sid} id='forged' by='room.test'/>` +
        `${sid} id='{id}' by='bob@localhost'/></message>`,
    );
    assert.notEqual(given.id, "forged"); // the archive's
  }
  await bob.close();
  mallory.send(`<message to='bob@localhost'><body>later</body>${forged.join("")}</message>`);
  await mallory.sync();
  const back = await login(server, "bob", PLAIN);
  back.send("<presence/>");
  await back.eventually("<message><body>later</body></message>");
  assert.ok(!back.last.toString().includes("forged"));
  assert.ok(!back.last.toString().includes("2001"));
  await back.close();
  await mallory.close();
});

// ---- what is not theirs ----

const POKES: readonly (readonly [type: string, payload: string])[] = [
  ["get", "<query xmlns='jabber:iq:roster'/>"],
  ["set", "<query xmlns='jabber:iq:roster'><item jid='mallory@localhost'/></query>"],
  ["get", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>"],
  ["set", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>"],
  ["get", "<blocklist xmlns='urn:xmpp:blocking'/>"],
  ["set", "<block xmlns='urn:xmpp:blocking'><item jid='carol@localhost'/></block>"],
  ["set", "<unblock xmlns='urn:xmpp:blocking'/>"],
  ["get", "<offline xmlns='http://jabber.org/protocol/offline'><fetch/></offline>"],
  ["set", "<offline xmlns='http://jabber.org/protocol/offline'><purge/></offline>"],
  ["get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"],
  ["get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"],
  ["get", "<ping xmlns='urn:xmpp:ping'/>"],
  ["set", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"],
  ["set", `<bind xmlns='${NS.bind}'><resource>x</resource></bind>`],
];

test("others' rosters, lists and stores are refused, and the same for those who do not exist", async (server) => {
  await server.addUser("away@localhost", "secret");
  const bob = await online(server, "bob", PLAIN);
  bob.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>");
  await bob.eventually("<iq type='result' id='1'/>");
  bob.skip();
  const mallory = await online(server, "mallory", PLAIN);
  for (const [type, payload] of POKES) {
    const answers: string[] = [];
    for (const to of ["bob@localhost", "away@localhost", "nobody@localhost"]) {
      const request = `<iq type='${type}' id='p' to='${to}'>${payload}</iq>`;
      await mallory.request(request, `<iq type='error' id='p' from='${to}'/>`);
      const answer = mallory.last.child("error", "jabber:client")!;
      const condition = answer.elements()[0]!.name;
      assert.ok(["forbidden", "service-unavailable", "item-not-found"].includes(condition));
      answers.push(answer.toString());
    }
    // Nobody learns so who has an account.
    assert.equal(new Set(answers).size, 1, `${payload}: ${answers}`);
    // Nor do they reach a resource, or change anything.
    const full = `<iq type='${type}' id='p' to='${bob.jid}'>${payload}</iq>`;
    await mallory.request(full, error("iq", "p", "cancel", "service-unavailable"));
  }
  // A vCard may be read, and shows that there is somebody.
  await mallory.request(
    "<iq type='set' id='v' to='bob@localhost'><vCard xmlns='vcard-temp'><FN>Fool</FN></vCard></iq>",
    error("iq", "v", "auth", "forbidden"),
  );
  await bob.receivesNothing();
  await bob.request(
    "<iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>",
    "<iq type='result' id='2'><query xmlns='jabber:iq:roster'>{only}<item jid='a@b'/></query></iq>",
  );
  await bob.request(
    "<iq type='get' id='3'><blocklist xmlns='urn:xmpp:blocking'/></iq>",
    "<iq type='result' id='3'><blocklist xmlns='urn:xmpp:blocking'>{only}</blocklist></iq>",
  );
  await bob.close();
  await mallory.close();
});

test("a roster push or an answer that a client makes up is nobody's", async (server) => {
  const bob = await online(server, "bob", PLAIN);
  const mallory = await online(server, "mallory", PLAIN);
  const push = "<query xmlns='jabber:iq:roster'><item jid='mallory@localhost'/></query>";
  await mallory.request(
    `<iq type='set' id='push' to='${bob.jid}'>${push}</iq>`,
    error("iq", "push", "cancel", "service-unavailable"),
  );
  mallory.send("<iq type='result' id='0' to='localhost'/><iq type='error' id='1' to='localhost'/>");
  mallory.send("<iq type='result' id='0' to='bob@localhost'/>");
  await mallory.receivesNothing();
  await bob.receivesNothing();
  await mallory.close();
  await bob.close();
});

// ---- wrong ones ----

test("RFC 6120 §8.2.3: IQs that are none", async (server) => {
  const bob = await online(server, "bob", PLAIN);
  const mallory = await online(server, "mallory", PLAIN);
  const ping = "<ping xmlns='urn:xmpp:ping'/>";
  const wrong = [
    `<iq type='get'>${ping}</iq>`,
    `<iq type='get' id=''>${ping}</iq>`,
    `<iq type='get' id='i'/>`,
    `<iq type='set' id='i'/>`,
    `<iq type='get' id='i'>text</iq>`,
    `<iq type='get' id='i'>${ping}${ping}</iq>`,
    `<iq type='set' id='i'><a xmlns='urn:a'/>text<b xmlns='urn:b'/></iq>`,
    `<iq id='i'>${ping}</iq>`,
    `<iq type='' id='i'>${ping}</iq>`,
    `<iq type='GET' id='i'>${ping}</iq>`,
    `<iq type='chat' id='i'>${ping}</iq>`,
    `<iq type='subscribe' id='i'>${ping}</iq>`,
    `<iq type='__proto__' id='i'>${ping}</iq>`,
  ];
  for (const iq of wrong) {
    for (const to of ["", " to='localhost'", " to='bob@localhost'", ` to='${bob.jid}'`]) {
      mallory.send(iq.replace("<iq", `<iq${to}`));
      await mallory.receives(
        `<iq type='error'><error type='modify'><bad-request xmlns='${NS.stanzaErrors}'/></error></iq>`,
      );
      assert.equal(mallory.last.attrs.id, / id='([^']*)'/.exec(iq)?.[1]);
    }
  }
  await bob.receivesNothing();
  await mallory.close();
  await bob.close();
});

test("addresses that are none are told, and nothing else comes of them", async (server) => {
  const mallory = await online(server, "mallory", PLAIN);
  const bad = [
    "",
    "@",
    "@localhost",
    "a@",
    "/x",
    "a@@b",
    "a b@localhost",
    "a&quot;b@localhost",
    "bob@localhost/",
    "\u0085@localhost",
    `${"a".repeat(1024)}@localhost`,
    `bob@localhost/${"a".repeat(1024)}`,
    `bob@${"a".repeat(1024)}`,
    "bob@local host",
  ];
  for (const to of bad) {
    for (const kind of ["message", "presence", "iq"]) {
      const content = kind === "iq" ? "<ping xmlns='urn:xmpp:ping'/>" : "";
      const type = kind === "iq" ? "type='get'" : "";
      mallory.send(`<${kind} to='${to}' id='x' ${type}>${content}</${kind}>`);
      await mallory.receives(error(kind, "x", "modify", "jid-malformed"));
    }
  }
  await mallory.close();
});

test("RFC 6121 §4.7.2.3: priorities that are none change nothing", async (server) => {
  const mallory = await online(server, "mallory", {
    ...PLAIN,
    presence: "<presence><priority>-5</priority></presence>",
  });
  const session = () => [...server.host().online.get("mallory")!.sessions][0]!;
  const silly = [
    "128",
    "-129",
    "1e2",
    "0x10",
    "1.5",
    "NaN",
    "Infinity",
    "--1",
    "9".repeat(999),
    "a",
  ];
  for (const priority of silly) {
    mallory.send(`<presence id='x'><priority>${priority}</priority></presence>`);
    await mallory.receives(error("presence", "x", "modify", "bad-request"));
    assert.equal(session().priority, -5);
  }
  for (
    const [text, value] of [["127", 127], ["-128", -128], [" +7 ", 7], ["", 0], ["007", 7], [
      "-0",
      0,
    ]]
  ) {
    mallory.send(`<presence><priority>${text}</priority></presence>`);
    await mallory.receives("<presence/>");
    assert.ok(session().priority === value, `${text}: ${session().priority}`);
  }
  await mallory.close();
});

test("presence of an unknown type", async (server) => {
  const bob = await online(server, "bob", PLAIN);
  const mallory = await online(server, "mallory", PLAIN);
  for (const type of ["available", "invisible", "", "SUBSCRIBE", "constructor", "groupchat"]) {
    for (const to of ["", " to='bob@localhost'", ` to='${bob.jid}'`, " to='localhost'"]) {
      mallory.send(`<presence${to} type='${type}' id='x'/>`);
      await mallory.receives(error("presence", "x", "modify", "bad-request"));
    }
  }
  await bob.receivesNothing();
  await mallory.close();
  await bob.close();
});

test("elements that are no stanzas end the stream", async (server) => {
  for (
    const xml of [
      "<note/>",
      "<message xmlns='jabber:server'/>",
      "<message xmlns=''/>",
      "<Message/>",
      "<stream:features/>",
      "<stream:error/>",
      `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>AGEAYg==</auth>`,
      `<starttls xmlns='${NS.tls}'/>`,
      `<success xmlns='${NS.sasl}'/>`,
    ]
  ) {
    const mallory = await login(server, "mallory", PLAIN);
    mallory.send(xml);
    await mallory.streamError("unsupported-stanza-type");
  }
});

test("names of JavaScript's own mean nothing", async (server) => {
  const bob = await online(server, "bob", PLAIN);
  const mallory = await online(server, "mallory", PLAIN);
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"];
  for (const name of names) {
    const inner = `<${name} ${name}='1' xmlns='${name}'><${name}/></${name}>`;
    mallory.send(
      `<message to='${bob.jid}' ${name}='1' type='${name}' id='${name}'>${inner}</message>`,
    );
    await bob.receives(`<message ${name}='1' type='${name}' id='${name}'>${inner}</message>`);
    await mallory.request(
      `<iq type='get' id='${name}' to='localhost'>${inner}</iq>`,
      error("iq", name, "cancel", "service-unavailable"),
    );
    mallory.send(`<message to='${name}@localhost' id='m'><body>x</body></message>`);
    await mallory.receives(error("message", "m", "cancel", "service-unavailable"));
    mallory.send(`<message to='bob@${name}' id='m'><body>x</body></message>`);
    await mallory.next();
    assert.equal(mallory.last.attrs.type, "error");
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  await mallory.close();
  await bob.close();
});
