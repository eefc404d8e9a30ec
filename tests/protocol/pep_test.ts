/** XEP-0163: Personal Eventing Protocol. */

import assert from "node:assert/strict";
import { showFeatures } from "../helpers/caps.ts";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import {
  pepDeleteNode,
  pepItems,
  pepMayRead,
  pepPublish,
  pepRetract,
} from "../../lib/hooks/pubsub.ts";
import { parseJid } from "../../lib/jid.ts";
import { xml } from "../../lib/xml/element.ts";

const modules = [
  "auth",
  "blocking",
  "caps",
  "disco",
  "pep",
  "ping",
  "presence",
  "register",
  "roster",
];
const PUBSUB = "http://jabber.org/protocol/pubsub";
const EVENT = `${PUBSUB}#event`;
const TUNE = "http://jabber.org/protocol/tune";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const NOTIFY = [`${TUNE}+notify`];

const tune = (artist: string) => `<tune xmlns='${TUNE}'><artist>${artist}</artist></tune>`;

function publish(id: string, artist: string, item = "", node = TUNE): string {
  const attr = item === "" ? "" : ` id='${item}'`;
  return `<iq type='set' id='${id}'><pubsub xmlns='${PUBSUB}'><publish node='${node}'>` +
    `<item${attr}>${tune(artist)}</item></publish></pubsub></iq>`;
}

const result = (id: string) => `<iq type='result' id='${id}'/>`;

const event = (from: string, artist: string) =>
  `<message from='${from}' type='headline' id='{any}'><event xmlns='${EVENT}'>` +
  `<items node='${TUNE}'><item id='{any}'>${tune(artist)}</item></items></event></message>`;

const items = (id: string, to: string, inside = "") =>
  `<iq type='get' id='${id}' to='${to}'><pubsub xmlns='${PUBSUB}'>` +
  `<items node='${TUNE}'/>${inside}</pubsub></iq>`;

/** Two accounts that see each other's presence. */
async function befriend(a: TestClient, b: TestClient): Promise<void> {
  const [left, right] = [a.jid.split("/")[0], b.jid.split("/")[0]];
  a.send(`<presence to='${right}' type='subscribe'/>`);
  await a.sync();
  b.send(`<presence to='${left}' type='subscribed'/><presence to='${left}' type='subscribe'/>`);
  await b.sync();
  a.send(`<presence to='${right}' type='subscribed'/>`);
  await a.sync();
  await b.sync();
  a.skip();
  b.skip();
}

const test = (name: string, f: (server: TestServer) => Promise<void>) =>
  Deno.test(name, () => withServer({}, { modules }, f));

test("an account publishes; its clients and contacts that asked for it are notified", async (server) => {
  const juliet = await login(server, "juliet");
  await showFeatures(juliet, NOTIFY);
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, NOTIFY, { asked: false });
  const nurse = await online(server, "nurse");
  await befriend(juliet, romeo);
  await befriend(juliet, nurse);
  juliet.send(publish("1", "Finzi"));
  await juliet.receivesAll(
    event("juliet@localhost", "Finzi"),
    `<iq type='result' id='1'><pubsub xmlns='${PUBSUB}'><publish node='${TUNE}'>` +
      `<item id='{id}'/></publish></pubsub></iq>`,
  );
  await romeo.receives(event("juliet@localhost", "Finzi"));
  assert.equal(romeo.last.attrs.to, romeo.jid);
  await nurse.receivesNothing();
});

test("a client that comes online gets the last items, with their time, once", async (server) => {
  const juliet = await online(server, "juliet");
  const romeo = await online(server, "romeo");
  await befriend(juliet, romeo);
  await juliet.request(publish("1", "Finzi"), result("1"));
  await juliet.request(publish("2", "Purcell"), result("2"));
  const balcony = await login(server, "juliet");
  await showFeatures(balcony, NOTIFY);
  const late = `<message from='juliet@localhost'><event xmlns='${EVENT}'><items node='${TUNE}'>` +
    `<item>${tune("Purcell")}</item></items></event><delay xmlns='urn:xmpp:delay'/></message>`;
  await balcony.eventually(late);
  const orchard = await login(server, "romeo");
  await showFeatures(orchard, NOTIFY, { asked: false });
  await orchard.eventually(late);
  await showFeatures(orchard, NOTIFY, { asked: false });
  await orchard.receives("<presence/>");
  await orchard.receivesNothing(50);
});

test("items are kept, and read by those who see the presence", async (server) => {
  const juliet = await online(server, "juliet");
  const romeo = await online(server, "romeo");
  await juliet.request(publish("1", "Finzi", "current"), result("1"));
  await romeo.request(
    items("2", "juliet@localhost"),
    `<iq type='error' id='2'><error type='auth'><not-authorized xmlns='${STANZAS}'/>` +
      `<presence-subscription-required xmlns='${PUBSUB}#errors'/></error></iq>`,
  );
  await befriend(juliet, romeo);
  await romeo.request(
    items("3", "juliet@localhost"),
    `<iq type='result' id='3'><pubsub xmlns='${PUBSUB}'><items node='${TUNE}'>` +
      `<item id='current'>${tune("Finzi")}</item></items></pubsub></iq>`,
  );
  await romeo.request(
    publish("4", "Purcell").replace("<iq", "<iq to='juliet@localhost'"),
    `<iq type='error' id='4'><error type='auth'><forbidden xmlns='${STANZAS}'/></error></iq>`,
  );
});

test("other modules publish, read, retract and delete", async (server) => {
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, NOTIFY);
  const juliet = await online(server, "juliet");
  await befriend(juliet, romeo);
  await juliet.close();
  const { hooks } = server.host();
  const account = parseJid("juliet@localhost")!;
  const payload = (name: string) => xml("tune", TUNE, {}, xml("artist", TUNE, {}, name));
  const options = { max_items: "3", access_model: "presence" };
  for (const name of ["a", "b", "c", "d"]) {
    const id = await hooks.ask(
      pepPublish,
      account,
      TUNE,
      { id: name, payload: payload(name) },
      options,
    );
    assert.equal(id, name);
  }
  const read = await hooks.ask(pepItems, account, TUNE);
  assert.deepEqual(read!.map((i) => i.id), ["b", "c", "d"]);
  assert.equal(read![0]!.payload!.childText("artist"), "b");
  assert.deepEqual((await hooks.ask(pepItems, account, TUNE, { max: 2 }))!.map((i) => i.id), [
    "c",
    "d",
  ]);
  assert.deepEqual((await hooks.ask(pepItems, account, TUNE, { ids: ["c", "x"] }))!.length, 1);
  for (const name of ["a", "b", "c", "d"]) await romeo.eventually(event("juliet@localhost", name));
  assert.equal(await hooks.ask(pepRetract, account, TUNE, ["c", "x"]), true);
  await romeo.eventually(
    `<message from='juliet@localhost'><event xmlns='${EVENT}'><items node='${TUNE}'>` +
      `<retract id='c'/></items></event></message>`,
  );
  assert.equal(await hooks.ask(pepMayRead, account, TUNE, parseJid(romeo.jid)!), true);
  assert.equal(await hooks.ask(pepMayRead, account, TUNE, parseJid("tybalt@localhost")!), false);
  assert.equal(await hooks.ask(pepMayRead, account, "none", parseJid(romeo.jid)!), undefined);
  assert.equal(await hooks.ask(pepDeleteNode, account, TUNE), true);
  await romeo.eventually(
    `<message from='juliet@localhost'><event xmlns='${EVENT}'><delete node='${TUNE}'/></event></message>`,
  );
  assert.equal(await hooks.ask(pepDeleteNode, account, TUNE), false);
  assert.deepEqual(await hooks.ask(pepItems, account, TUNE), []);
});

const owner = (name: string) => `${name}@localhost`;

/** Publishes with options, to a node that is made by it. */
function publishWith(id: string, artist: string, options: Record<string, string>): string {
  const fields = Object.entries(options).map(([k, value]) =>
    `<field var='pubsub#${k}'><value>${value}</value></field>`
  );
  const form = `<publish-options><x xmlns='jabber:x:data' type='submit'>` +
    `<field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#publish-options</value></field>` +
    `${fields.join("")}</x></publish-options></pubsub>`;
  return publish(id, artist, "current").replace("</pubsub>", form);
}

test("§6: an account is found as a service, with the nodes that one may read", async (server) => {
  const INFO = "http://jabber.org/protocol/disco#info";
  const ITEMS = "http://jabber.org/protocol/disco#items";
  const juliet = await online(server, "juliet");
  const romeo = await online(server, "romeo");
  await befriend(juliet, romeo);
  await juliet.request(publish("1", "Finzi", "a"), result("1"));
  await juliet.request(
    publish("2", "x", "", "urn:test:secret").replace(
      "</pubsub>",
      `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options></pubsub>`,
    ),
    result("2"),
  );
  const features = ["publish", "auto-create", "filtered-notifications", "access-presence"];
  await juliet.request(
    `<iq type='get' id='3' to='${owner("juliet")}'><query xmlns='${INFO}'/></iq>`,
    `<iq type='result' id='3'><query xmlns='${INFO}'><identity category='account' type='registered'/>` +
      `<identity category='pubsub' type='pep'/>${
        features.map((f) => `<feature var='${PUBSUB}#${f}'/>`).join("")
      }</query></iq>`,
  );
  await juliet.request(
    `<iq type='get' id='4' to='${owner("juliet")}'><query xmlns='${ITEMS}'/></iq>`,
    `<iq type='result' id='4'><query xmlns='${ITEMS}'><item node='${TUNE}'/><item node='urn:test:secret'/></query></iq>`,
  );
  await romeo.request(
    `<iq type='get' id='5' to='${owner("juliet")}'><query xmlns='${ITEMS}'/></iq>`,
    `<iq type='result' id='5'><query xmlns='${ITEMS}'><item node='${TUNE}'/></query></iq>`,
  );
  assert.ok(!romeo.last.toString().includes("secret"));
  await romeo.request(
    `<iq type='get' id='6' to='${owner("juliet")}'><query xmlns='${ITEMS}' node='${TUNE}'/></iq>`,
    `<iq type='result' id='6'><query xmlns='${ITEMS}' node='${TUNE}'><item jid='${
      owner("juliet")
    }' name='a'/></query></iq>`,
  );
  await romeo.request(
    `<iq type='get' id='7' to='${owner("juliet")}'><query xmlns='${INFO}' node='${TUNE}'/></iq>`,
    `<iq type='result' id='7'><query xmlns='${INFO}' node='${TUNE}'><identity category='pubsub' type='leaf'/></query></iq>`,
  );
});

test("a contact that is blocked, or blocks, gets nothing", async (server) => {
  const juliet = await login(server, "juliet");
  await showFeatures(juliet, NOTIFY);
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, NOTIFY, { asked: false });
  await befriend(juliet, romeo);
  const block = (name: string) =>
    `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${
      owner(name)
    }'/></block></iq>`;
  await juliet.request(block("romeo"), result("b"));
  await romeo.sync();
  romeo.skip();
  await juliet.request(publish("1", "Finzi"), result("1"));
  await romeo.receivesNothing();
  await romeo.request(publish("2", "Purcell"), result("2"));
  await juliet.sync();
  juliet.skip();
  await juliet.receivesNothing();
  const orchard = await login(server, "romeo");
  await showFeatures(orchard, NOTIFY, { asked: false });
  await orchard.eventually(event("romeo@localhost", "Purcell"));
  await orchard.receivesNothing(30);
});

test("XEP-0222: a node for a group of the roster; access follows the roster", async (server) => {
  const juliet = await login(server, "juliet");
  await showFeatures(juliet, NOTIFY);
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, NOTIFY, { asked: false });
  const nurse = await login(server, "nurse");
  await showFeatures(nurse, NOTIFY, { asked: false });
  await befriend(juliet, romeo);
  await befriend(juliet, nurse);
  const group = (name: string, group: string) =>
    `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='${
      owner(name)
    }'><group>${group}</group></item></query></iq>`;
  await juliet.request(group("romeo", "Friends"), result("g"));
  await juliet.request(group("nurse", "Servants"), result("g"));
  const options = { access_model: "roster", roster_groups_allowed: "Friends", max_items: "max" };
  await juliet.request(publishWith("1", "Finzi", options), result("1"));
  await romeo.receives(event("juliet@localhost", "Finzi"));
  await nurse.receivesNothing();
  await nurse.request(
    items("2", owner("juliet")),
    `<iq type='error' id='2'><error><not-authorized xmlns='${STANZAS}'/><not-in-roster-group xmlns='${PUBSUB}#errors'/></error></iq>`,
  );
  // An explicit subscription ends when the access does (§7.1).
  await romeo.request(
    `<iq type='set' id='3' to='${
      owner("juliet")
    }'><pubsub xmlns='${PUBSUB}'><subscribe node='${TUNE}' jid='${owner("romeo")}'/></pubsub></iq>`,
    `<iq type='result' id='3'><pubsub xmlns='${PUBSUB}'><subscription subscription='subscribed'/></pubsub></iq>`,
  );
  await romeo.eventually(event("juliet@localhost", "Finzi"));
  await juliet.request(group("romeo", "Rivals"), result("g"));
  await romeo.eventually(
    `<message from='juliet@localhost'><event xmlns='${EVENT}'><subscription node='${TUNE}' jid='${
      owner("romeo")
    }' subscription='none'/></event></message>`,
  );
  await juliet.request(publish("4", "Purcell"), result("4"));
  await romeo.receivesNothing();
});

test("who gets to see an account's presence gets its last items", async (server) => {
  const juliet = await online(server, "juliet");
  await juliet.request(publish("1", "Finzi"), result("1"));
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, NOTIFY);
  romeo.send("<presence to='juliet@localhost' type='subscribe'/>");
  await juliet.eventually("<presence type='subscribe'/>");
  juliet.send("<presence to='romeo@localhost' type='subscribed'/>");
  await romeo.eventually(event("juliet@localhost", "Finzi"));
});

test("XEP-0223: a private node; only its account hears of it and reads it", async (server) => {
  const juliet = await login(server, "juliet");
  await showFeatures(juliet, NOTIFY);
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, NOTIFY, { asked: false });
  await befriend(juliet, romeo);
  const options = { access_model: "whitelist", persist_items: "true" };
  juliet.send(publishWith("1", "Finzi", options));
  await juliet.receivesAll(event("juliet@localhost", "Finzi"), result("1"));
  await romeo.receivesNothing();
  await romeo.request(
    items("2", owner("juliet")),
    `<iq type='error' id='2'><error type='cancel'><not-allowed xmlns='${STANZAS}'/><closed-node xmlns='${PUBSUB}#errors'/></error></iq>`,
  );
  // A member of the whitelist is a contact like others.
  await juliet.request(
    `<iq type='set' id='3'><pubsub xmlns='${PUBSUB}#owner'><affiliations node='${TUNE}'><affiliation jid='${
      owner("romeo")
    }' affiliation='member'/></affiliations></pubsub></iq>`,
    result("3"),
  );
  await romeo.receives(`<message from='juliet@localhost'><pubsub xmlns='${PUBSUB}'/></message>`);
  await juliet.request(publish("4", "Purcell"), result("4"));
  await romeo.receives(event("juliet@localhost", "Purcell"));
});

test("strangers subscribe to an open node, and owners approve by message", async (server) => {
  const juliet = await online(server, "juliet");
  const benvolio = await online(server, "benvolio");
  const subscribe = (id: string, state: string) =>
    [
      `<iq type='set' id='${id}' to='${
        owner("juliet")
      }'><pubsub xmlns='${PUBSUB}'><subscribe node='${TUNE}' jid='${
        owner("benvolio")
      }'/></pubsub></iq>`,
      `<iq type='result' id='${id}'><pubsub xmlns='${PUBSUB}'><subscription subscription='${state}'/></pubsub></iq>`,
    ] as const;
  await juliet.request(publishWith("1", "Finzi", { access_model: "open" }), result("1"));
  await benvolio.request(...subscribe("2", "subscribed"));
  await benvolio.receives(event("juliet@localhost", "Finzi"));
  await juliet.request(publish("3", "Purcell"), result("3"));
  await benvolio.receives(event("juliet@localhost", "Purcell"));
  await juliet.request(
    `<iq type='set' id='4'><pubsub xmlns='${PUBSUB}#owner'><delete node='${TUNE}'/></pubsub></iq>`,
    result("4"),
  );
  await benvolio.receives(
    `<message><event xmlns='${EVENT}'><delete node='${TUNE}'/></event></message>`,
  );
  await juliet.request(publishWith("5", "Finzi", { access_model: "authorize" }), result("5"));
  await benvolio.request(...subscribe("6", "pending"));
  await juliet.receives(
    `<message from='juliet@localhost'><x xmlns='jabber:x:data' type='form'/></message>`,
  );
  juliet.send(
    `<message to='${owner("juliet")}'><x xmlns='jabber:x:data' type='submit'>` +
      `<field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#subscribe_authorization</value></field>` +
      `<field var='pubsub#node'><value>${TUNE}</value></field>` +
      `<field var='pubsub#subscriber_jid'><value>${owner("benvolio")}</value></field>` +
      "<field var='pubsub#allow'><value>true</value></field></x></message>",
  );
  await benvolio.receives(
    `<message from='juliet@localhost'><event xmlns='${EVENT}'><subscription node='${TUNE}' jid='${
      owner("benvolio")
    }' subscription='subscribed'/></event></message>`,
  );
  await benvolio.receives(event("juliet@localhost", "Finzi"));
});

test("features that a client shows later count from then on", async (server) => {
  const juliet = await online(server, "juliet");
  await juliet.request(publish("1", "Finzi"), result("1"));
  const other = await online(server, "juliet");
  await showFeatures(other, ["urn:test:other+notify"]);
  await other.eventually("<presence/>");
  await other.receivesNothing(30);
  await showFeatures(other, ["urn:test:other+notify", ...NOTIFY]);
  await other.eventually(event("juliet@localhost", "Finzi"));
  await juliet.request(publish("2", "Purcell"), result("2"));
  await other.eventually(event("juliet@localhost", "Purcell"));
});

test("XEP-0312: a client gets all it has missed", async (server) => {
  const juliet = await online(server, "juliet");
  await juliet.request(publishWith("1", "a", { max_items: "max" }), result("1"));
  await juliet.request(publish("2", "b"), result("2"));
  const again = await login(server, "juliet");
  await showFeatures(again, NOTIFY, { inside: "<ago xmlns='urn:xmpp:ago:0' secs='60'/>" });
  await again.eventually(event("juliet@localhost", "a"));
  await again.eventually(event("juliet@localhost", "b"));
});

test("10,000 publications of one client, and its stream lives", async (server) => {
  const juliet = await login(server, "juliet");
  const PER_ROUND = 500;
  const start = performance.now();
  for (let round = 0; round < 20; round++) {
    let text = "";
    for (let i = 0; i < PER_ROUND; i++) text += publish(`${round}-${i}`, `${i}`, `item${i}`);
    juliet.send(text);
    for (let i = 0; i < PER_ROUND; i++) await juliet.receives(result(`${round}-${i}`));
  }
  const took = performance.now() - start;
  await juliet.request(
    items("last", owner("juliet")),
    `<iq type='result' id='last'><pubsub xmlns='${PUBSUB}'><items><item id='item499'/>{only}</items></pubsub></iq>`,
  );
  assert.ok(took < 60_000, `it took ${took} ms`);
});
