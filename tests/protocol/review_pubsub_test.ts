/** Publish-subscribe at its edges: who must not see, what must not be lost, what must not cost too much. */

import assert from "node:assert/strict";
import { presenceWith, showFeatures } from "../helpers/caps.ts";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import {
  ask,
  bare,
  create,
  entry,
  EVENT,
  itemIds,
  newItem,
  news,
  nodeConfig,
  publication,
  publish,
  publishOptions,
  PUBSUB,
  pubsubTest as test,
  refused,
  SERVICE,
  subscribe,
  subscribeOptions,
} from "../helpers/pubsub.ts";
import { pepItems, pepPublish } from "../../lib/hooks/pubsub.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { pubsubItemPut, pubsubNodeGet } from "../../lib/hooks/pubsub_storage.ts";
import { parseJid } from "../../lib/jid.ts";
import { xml } from "../../lib/xml/element.ts";

const JULIET = "juliet@localhost";

/** `a` sees `b`, and `b` sees `a`. */
async function befriend(a: TestClient, b: TestClient): Promise<void> {
  a.send(`<presence to='${bare(b)}' type='subscribe'/>`);
  await a.sync();
  b.send(
    `<presence to='${bare(a)}' type='subscribed'/><presence to='${bare(a)}' type='subscribe'/>`,
  );
  await b.sync();
  a.send(`<presence to='${bare(b)}' type='subscribed'/>`);
  await a.sync();
  await b.sync();
  a.skip();
  b.skip();
}

async function listening(server: TestServer, name: string, ...nodes: string[]) {
  const client = await login(server, name);
  const features = nodes.map((n) => `${n}+notify`);
  await showFeatures(client, features);
  await client.sync();
  client.skip();
  return client;
}

const configure = (client: TestClient, node: string, ...fields: string[]) =>
  ask(
    client,
    "set",
    `#<configure node='${node}'>${nodeConfig(...fields)}</configure>`,
    "",
    bare(client),
  );

const affiliate = (client: TestClient, node: string, jid: string, as: string, to: string) =>
  ask(
    client,
    "set",
    `#<affiliations node='${node}'><affiliation jid='${jid}' affiliation='${as}'/></affiliations>`,
    "",
    to,
  );

const group = (client: TestClient, jid: string, ...groups: string[]) =>
  client.request(
    `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='${jid}'>${
      groups.map((g) => `<group>${g}</group>`).join("")
    }</item></query></iq>`,
    "<iq type='result' id='g'/>",
  );

/** How many of the events that have come, and come soon, are of that node. */
async function events(client: TestClient, node: string): Promise<number> {
  let found = 0;
  await new Promise((resolve) => setTimeout(resolve, 150));
  await client.sync();
  while (client.pending > 0) {
    const stanza = await client.next();
    if (stanza.child("event", EVENT)?.child("items", EVENT)?.attrs.node === node) found++;
  }
  return found;
}

test("a lease that has run out gives no right to read or to publish", async (server) => {
  const alice = await login(server, "alice");
  const bob = await online(server, "bob");
  await create(alice, "n", "access_model=authorize", "publish_model=subscribers");
  await publish(alice, "n", "1");
  const expire = new Date(Date.now() + 400).toISOString();
  await affiliate(alice, "n", "bob@localhost", "member", SERVICE);
  await ask(
    bob,
    "set",
    `<subscribe node='n' jid='bob@localhost'/><options>${
      subscribeOptions(`expire=${expire}`)
    }</options>`,
    "<subscription subscription='subscribed'/><options/>",
  );
  await affiliate(alice, "n", "bob@localhost", "none", SERVICE);
  await ask(bob, "get", "<items node='n'/>", "<items><item id='1'/></items>");
  await new Promise((resolve) => setTimeout(resolve, 450));
  await refused(bob, "get", "<items node='n'/>", "auth", "not-authorized", "not-subscribed");
  await refused(bob, "set", publication("n", "2"), "auth", "forbidden");
});

test("who is no member any more loses what only a member may have", async (server) => {
  const juliet = await online(server, "juliet");
  const bob = await online(server, "bob");
  await ask(
    juliet,
    "set",
    publication("n", "1") + publishOptions("access_model=presence"),
    "<publish/>",
    JULIET,
  );
  await affiliate(juliet, "n", "bob@localhost", "member", JULIET);
  await ask(bob, "set", "<subscribe node='n' jid='bob@localhost'/>", "<subscription/>", JULIET);
  await affiliate(juliet, "n", "bob@localhost", "none", JULIET);
  await bob.eventually(news("<subscription subscription='none'/>", JULIET));
  await bob.sync();
  bob.skip();
  await publish(juliet, "n", "2", "2", JULIET);
  assert.equal(await events(bob, "n"), 0);
});

test("requests that wait are approved when nobody need approve them any more", async (server) => {
  const alice = await online(server, "alice");
  const bob = await online(server, "bob");
  await create(alice, "n", "access_model=authorize");
  await ask(
    bob,
    "set",
    "<subscribe node='n' jid='bob@localhost'/>",
    "<subscription subscription='pending'/>",
  );
  await ask(alice, "set", `#<configure node='n'>${nodeConfig("access_model=open")}</configure>`);
  await bob.eventually(news("<subscription subscription='subscribed'/>"));
});

test("an empty id of an item is none", async (server) => {
  const alice = await login(server, "alice");
  await create(alice, "n");
  await ask(
    alice,
    "set",
    `<publish node='n'><item id=''>${entry("x")}</item></publish>`,
    "<publish node='n'><item id='{id}'/></publish>",
  );
  await ask(alice, "get", "<items node='n'/>", "<items><item/>{only}</items>");
  assert.match(itemIds(alice)[0]!, /^[0-9a-f-]{36}$/);
});

test("a payload with as many attributes as there may be, of another namespace", async (server) => {
  const juliet = await listening(server, "juliet", "n");
  const many = Array.from({ length: 50 }, (_, i) => `y:a${i}='${i}'`).join(" ");
  const payload = `<x:p xmlns:x='urn:x' xmlns:y='urn:y' xml:lang='de' ${many}>a&amp;b` +
    `<![CDATA[<c>]]><x:q/><y:r xmlns:y='urn:z' y:k='&lt;&apos;&quot;&#10;'/></x:p>`;
  const check = (tag: TestClient["last"]) => {
    const p = tag.elements()[0]!.elements()[0]!.elements()[0]!.elements()[0]!;
    assert.equal(p.name, "p");
    assert.equal(p.ns, "urn:x");
    assert.equal(p.attrs["{urn:y}a49"], "49");
    assert.equal(p.attrs["xml:lang"], "de");
    assert.equal(p.text(), "a&b<c>");
    const [q, r] = p.elements();
    assert.equal(q!.ns, "urn:x");
    assert.equal(r!.ns, "urn:z");
    assert.equal(r!.attrs["{urn:z}k"], "<'\"\n");
  };
  juliet.send(
    `<iq type='set' id='p'><pubsub xmlns='${PUBSUB}'><publish node='n'><item id='1'>${payload}` +
      "</item></publish></pubsub></iq>",
  );
  await juliet.eventually(news("<items node='n'><item id='1'/></items>", JULIET));
  check(juliet.last);
  await juliet.eventually("<iq type='result' id='p'/>");
  await ask(juliet, "get", "<items node='n'/>", "<items><item id='1'/></items>", JULIET);
  check(juliet.last);
});

test("a payload as large as the stanza may be is told and read", async (server) => {
  const juliet = await listening(server, "juliet", "n");
  // Written anew it is longer than it was: each of the inner elements declares its namespace.
  const ns = "urn:example:a-namespace-with-a-name-that-is-not-short";
  const payload = `<p xmlns='urn:p' xmlns:y='${ns}'>${"x".repeat(261_000)}${
    "<y:r/>".repeat(16)
  }</p>`;
  juliet.send(
    `<iq type='set' id='p'><pubsub xmlns='${PUBSUB}'><publish node='n'><item id='1'>${payload}` +
      "</item></publish></pubsub></iq>",
  );
  await juliet.eventually(news("<items node='n'><item id='1'/></items>", JULIET));
  const told = juliet.last.elements()[0]!.elements()[0]!.elements()[0]!.elements()[0]!;
  assert.equal(told.text().length, 261_000);
  assert.equal(told.elements().length, 16);
  await juliet.eventually("<iq type='result' id='p'/>");
});

test("large items come page by page, also by their ids", async (server) => {
  const alice = await login(server, "alice");
  await create(alice, "n");
  const text = "x".repeat(100_000);
  for (let i = 0; i < 5; i++) await publish(alice, "n", `${i}`, text);
  await ask(
    alice,
    "get",
    "<items node='n'/>",
    "<items/><set xmlns='http://jabber.org/protocol/rsm'><count>5</count></set>",
  );
  assert.deepEqual(itemIds(alice), ["3", "4"]);
  const ids = Array.from({ length: 5 }, (_, i) => `<item id='${i}'/>`).join("");
  await ask(alice, "get", `<items node='n'>${ids}${ids}</items>`, "<items/>");
  assert.deepEqual(itemIds(alice), ["0", "1"]);
  await ask(alice, "set", `<retract node='n'>${ids}</retract>`);
}, { modules: { pubsub: { page_bytes: 250_000 } }, limits: { bytes_per_second: 0 } });

test("items that were kept are gone when nothing is kept any more", async (server) => {
  const juliet = await online(server, "juliet");
  await publish(juliet, "n", "1", "1", JULIET);
  await configure(juliet, "n", "persist_items=0");
  await configure(juliet, "n", "persist_items=1");
  await ask(juliet, "get", "<items node='n'/>", "<items>{empty}</items>", JULIET);
});

test("XEP-0163 §4.3.4: who gets access hears of the last item, and nobody twice", async (server) => {
  const juliet = await online(server, "juliet");
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, ["w+notify", "g+notify", "p+notify"]);
  await befriend(juliet, romeo);
  await publish(juliet, "p", "1", "1", JULIET);
  for (
    const [node, ...fields] of [["w", "access_model=whitelist"], [
      "g",
      "access_model=roster",
      "roster_groups_allowed=friends",
    ]]
  ) {
    await ask(
      juliet,
      "set",
      publication(node!, "1") + publishOptions(...fields),
      "<publish/>",
      JULIET,
    );
  }
  assert.equal(await events(romeo, "w"), 0);
  await affiliate(juliet, "w", "romeo@localhost", "member", JULIET);
  await romeo.eventually(newItem("w", "1", "1", JULIET));
  await group(juliet, "romeo@localhost", "friends");
  await romeo.eventually(newItem("g", "1", "1", JULIET));
  await group(juliet, "romeo@localhost", "friends", "family");
  await affiliate(juliet, "w", "romeo@localhost", "none", JULIET);
  assert.equal(await events(romeo, "p"), 0);
  await configure(juliet, "w", "access_model=presence");
  await romeo.eventually(newItem("w", "1", "1", JULIET));
  await configure(juliet, "w", "access_model=open");
  assert.equal(await events(romeo, "w"), 0);
});

test("nobody hears of what is not for him: whoever blocks, is blocked, or is not a contact any more", async (server) => {
  const juliet = await online(server, "juliet");
  const romeo = await login(server, "romeo");
  await showFeatures(romeo, ["n+notify"]);
  await befriend(juliet, romeo);
  let n = 0;
  const heard = async () => {
    romeo.skip();
    await publish(juliet, "n", `${++n}`, "x", JULIET);
    return await events(romeo, "n");
  };
  const blocking = (client: TestClient, what: string, jid: string) =>
    client.request(
      `<iq type='set' id='b'><${what} xmlns='urn:xmpp:blocking'><item jid='${jid}'/></${what}></iq>`,
      "<iq type='result' id='b'/>",
    );
  assert.equal(await heard(), 1);
  await ask(romeo, "set", "<subscribe node='n' jid='romeo@localhost'/>", "<subscription/>", JULIET);
  assert.equal(await heard(), 1);
  await blocking(romeo, "block", JULIET);
  assert.equal(await heard(), 0);
  await blocking(romeo, "unblock", JULIET);
  await blocking(juliet, "block", "romeo@localhost");
  assert.equal(await heard(), 0);
  romeo.send("<presence type='unavailable'/>" + presenceWith(["n+notify"]));
  assert.equal(await events(romeo, "n"), 0);
  for (
    const request of [
      "<items node='n'/>",
      "<items node='n'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></items>",
    ]
  ) {
    await refused(romeo, "get", request, "cancel", "service-unavailable", "", JULIET);
  }
  for (const kind of ["info", "items"]) {
    await romeo.request(
      `<iq type='get' id='d' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#${kind}' node='n'/></iq>`,
      "<iq type='error' id='d'><error><service-unavailable/></error></iq>".replace(
        "<service-unavailable/>",
        "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
      ),
    );
  }
  await blocking(juliet, "unblock", "romeo@localhost");
  assert.equal(await heard(), 1);
  juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>");
  await juliet.sync();
  assert.equal(await heard(), 0);
  romeo.send("<presence type='unavailable'/>" + presenceWith(["n+notify"]));
  assert.equal(await events(romeo, "n"), 0);
  // Nothing bounces back to the account from those who have blocked it.
  juliet.skip();
});

const MODELS = ["open", "presence", "roster", "authorize", "whitelist"];
const EVERYBODY = ["friend", "mate", "stranger", "member", "outcast", "publonly"];
/** Who may read, by model. */
const READERS: Record<string, readonly string[]> = {
  open: ["friend", "mate", "stranger", "member"],
  presence: ["friend", "mate", "member"],
  roster: ["mate", "member"],
  authorize: ["member"],
  whitelist: ["member"],
};

test("access models and affiliations, by every way to items and meta-data", async (server) => {
  const juliet = await online(server, "juliet");
  const clients = new Map<string, TestClient>();
  for (const name of EVERYBODY) {
    const client = await login(server, name);
    await showFeatures(client, MODELS.map((m) => `${m}+notify`), { asked: name === "friend" });
    clients.set(name, client);
    if (name !== "stranger") await befriend(juliet, client);
  }
  await group(juliet, "mate@localhost", "mates");
  for (const model of MODELS) {
    await create2(juliet, model);
    await affiliate(juliet, model, "member@localhost", "member", JULIET);
    await affiliate(juliet, model, "outcast@localhost", "outcast", JULIET);
    await affiliate(juliet, model, "publonly@localhost", "publish-only", JULIET);
  }
  for (const client of clients.values()) {
    await client.sync();
    client.skip();
  }
  for (const model of MODELS) {
    await publish(juliet, model, "1", "secret", JULIET);
    for (const [name, client] of clients) {
      const may = READERS[model]!.includes(name);
      const where = `${name} at ${model}`;
      // Strangers do not hear without subscribing, and neither do those who are not subscribed.
      assert.equal(await events(client, model), may && name !== "stranger" ? 1 : 0, where);
      await outcome(client, may, `<pubsub xmlns='${PUBSUB}'><items node='${model}'/></pubsub>`);
      await outcome(
        client,
        may,
        `<pubsub xmlns='${PUBSUB}'><items node='${model}'><item id='1'/></items></pubsub>`,
      );
      await outcome(
        client,
        may,
        `<pubsub xmlns='${PUBSUB}'><items node='${model}'/>` +
          "<set xmlns='http://jabber.org/protocol/rsm'><max>5</max></set></pubsub>",
      );
      // Discovery of an account is for its contacts alone.
      const isContact = name !== "stranger";
      await outcome(
        client,
        may && isContact,
        `<query xmlns='http://jabber.org/protocol/disco#items' node='${model}'/>`,
      );
      const banned = name === "outcast" || name === "publonly";
      await outcome(
        client,
        isContact && (may || (model === "authorize" && !banned)),
        `<query xmlns='http://jabber.org/protocol/disco#info' node='${model}'/>`,
      );
      if (isContact) {
        await client.request(
          `<iq type='get' id='l' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
          "<iq type='result' id='l'/>",
        );
        const listed = client.last.elements()[0]!.elements().map((i) => i.attrs.node);
        const visible = may || name === "publonly" || (model === "authorize" && !banned);
        assert.equal(listed.includes(model), visible, `${where} is listed`);
      }
      if (name !== "publonly") {
        await refused(client, "set", publication(model, "2"), "auth", "forbidden", "", JULIET);
      }
      for (const request of [`<configure node='${model}'/>`, `<affiliations node='${model}'/>`]) {
        await refused(client, "get", `#${request}`, "auth", "forbidden", "", JULIET);
      }
      for (const request of [`<purge node='${model}'/>`, `<delete node='${model}'/>`]) {
        await refused(client, "set", `#${request}`, "auth", "forbidden", "", JULIET);
      }
    }
  }
}, { limits: { bytes_per_second: 0 } });

const create2 = (client: TestClient, model: string) =>
  ask(
    client,
    "set",
    `<create node='${model}'/><configure>${
      nodeConfig(`access_model=${model}`, "roster_groups_allowed=mates")
    }</configure>`,
    "<create/>",
    bare(client),
  );

async function outcome(client: TestClient, may: boolean, request: string): Promise<void> {
  await client.request(
    `<iq type='get' id='o' to='${JULIET}'>${request}</iq>`,
    `<iq type='${may ? "result" : "error"}' id='o'/>`,
  );
}

test(
  "presence that flaps brings the last items no more often than they are taken",
  async (server) => {
    const juliet = await online(server, "juliet");
    await publish(juliet, "n", "1", "x".repeat(20_000), JULIET);
    const other = await login(server, "juliet");
    await showFeatures(other, ["n+notify"]);
    await other.eventually(news("<items node='n'/>", JULIET));
    const flap = "<presence type='unavailable'/>" + presenceWith(["n+notify"]);
    other.send(flap.repeat(1000));
    const found = await events(other, "n");
    assert.ok(found >= 1 && found < 100, `${found} times`);
  },
  { limits: { bytes_per_second: 0 } },
);

test("more last items than may wait do not end a session", async (server) => {
  const juliet = await online(server, "juliet");
  const text = "x".repeat(60_000);
  const nodes = Array.from({ length: 20 }, (_, i) => `n${i}`);
  for (const node of nodes) await publish(juliet, node, "1", text, JULIET);
  const other = await login(server, "juliet");
  await showFeatures(other, nodes.map((n) => `${n}+notify`));
  for (let i = 0; i < nodes.length; i++) {
    await other.eventually(news(`<items node='{any}'/>`, JULIET));
  }
  await other.sync();
}, { limits: { output_bytes: 300_000, bytes_per_second: 0 } });

test("guests subscribe to nothing and make nothing at the service", async () => {
  const settings = { hosts: { localhost: { anonymous: true } } };
  await withServer(
    settings,
    { modules: ["auth", "caps", "disco", "pep", "ping", "presence", "pubsub", "roster"] },
    async (server) => {
      const alice = await login(server, "alice");
      await create(alice, "n");
      const guest = await connect(server);
      await guest.open();
      await guest.upgrade();
      guest.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>");
      await guest.receives("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      await guest.open();
      await guest.bind();
      const request = `<subscribe node='n' jid='${bare(guest)}'/>`;
      await refused(guest, "set", request, "cancel", "forbidden");
      await refused(guest, "set", "<create node='mine'/>", "auth", "forbidden");
      await refused(guest, "set", publication("mine", "1"), "cancel", "item-not-found");
      await ask(guest, "get", "<items node='n'/>", "<items/>");
    },
  );
});

test("nothing is kept behind an account that is deleted while it publishes", async (server) => {
  const { hooks } = server.host();
  const account = parseJid(JULIET)!;
  const juliet = await online(server, "juliet");
  const bob = await online(server, "bob");
  const first = publication("n", "0") + publishOptions("max_items=max");
  await ask(juliet, "set", first, "<publish/>", JULIET);
  await affiliate(juliet, "n", "bob@localhost", "publisher", JULIET);
  await juliet.close();
  // The store is slow: what is published is under way when the account goes.
  let slow = true;
  const wait = async () => {
    if (slow) await new Promise((resolve) => setTimeout(resolve, 500));
    return undefined;
  };
  hooks.add(pubsubItemPut, "test", wait, { priority: 500 });
  bob.send(
    `<iq type='set' id='p' to='${JULIET}'><pubsub xmlns='${PUBSUB}'>${
      publication("n", "1")
    }</pubsub></iq>`,
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  await hooks.ask(deleteAccount, account);
  await new Promise((resolve) => setTimeout(resolve, 600));
  slow = false;
  assert.equal(await hooks.ask(pubsubNodeGet, account, "n"), "none");
  await server.addUser(JULIET, "secret");
  await hooks.ask(pepPublish, account, "n", { id: "2", payload: xml("x", "urn:x") }, {
    max_items: "max",
  });
  const items = await hooks.ask(pepItems, account, "n");
  assert.deepEqual(items!.map((i) => i.id), ["2"]);
});

test("a temporary subscription of a resource that is not there", async (server) => {
  const alice = await login(server, "alice");
  const bob = await online(server, "bob");
  await create(alice, "n");
  await refused(
    bob,
    "set",
    `<subscribe node='n' jid='bob@localhost/nobody'/><options>${
      subscribeOptions("expire=presence")
    }</options>`,
    "modify",
    "bad-request",
    "invalid-options",
  );
});

test("the last owner stays, whatever is asked at once", async (server) => {
  const alice = await login(server, "alice");
  const bob = await login(server, "bob");
  await create(alice, "n");
  await affiliate(alice, "n", "bob@localhost", "owner", SERVICE);
  const both = "#<affiliations node='n'><affiliation jid='alice@localhost' affiliation='none'/>" +
    "<affiliation jid='bob@localhost' affiliation='none'/></affiliations>";
  await alice.request(
    `<iq type='set' id='a' to='${SERVICE}'><pubsub xmlns='${PUBSUB}#owner'>${
      both.slice(1)
    }</pubsub></iq>`,
    "<iq type='error' id='a'/>",
  );
  await refused(alice, "get", "#<configure node='n'/>", "auth", "forbidden");
  await ask(bob, "get", "#<configure node='n'/>", "<configure/>");
});

test("two clients make a node at once with other options: one is refused", async (server) => {
  const juliet = await login(server, "juliet");
  const other = await login(server, "juliet");
  const request = (id: string, model: string) =>
    `<iq type='set' id='${id}'><pubsub xmlns='${PUBSUB}'>${publication("n", id)}${
      publishOptions(`access_model=${model}`)
    }</pubsub></iq>`;
  juliet.send(request("1", "whitelist"));
  other.send(request("1", "open"));
  const types = [];
  for (const client of [juliet, other]) {
    await client.eventually("<iq id='1'/>");
    types.push(client.last.attrs.type);
  }
  assert.deepEqual(types.sort(), ["error", "result"]);
});

test("subscribers by hundreds, and one who leaves hears nothing more", async (server) => {
  const alice = await login(server, "alice");
  const bob = await online(server, "bob");
  await create(alice, "n");
  for (let i = 0; i < 300; i++) await subscribe(bob, "n", `bob@localhost/${i}`);
  await subscribe(bob, "n");
  await publish(alice, "n", "1");
  assert.equal(await events(bob, "n"), 1);
  await ask(bob, "set", "<unsubscribe node='n' jid='bob@localhost'/>");
  await publish(alice, "n", "2");
  assert.equal(await events(bob, "n"), 0);
}, { limits: { bytes_per_second: 0 } });

test("§6.1.3: a node that has moved says where to, if anybody may know", async (server) => {
  const alice = await login(server, "alice");
  const bob = await login(server, "bob");
  const uri = "xmpp:pubsub.example.org?;node=n";
  const gone = "<iq type='error' id='s'><error type='cancel'>" +
    `<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>${uri}</gone></error></iq>`;
  const request = `<iq type='set' id='s' to='${SERVICE}'><pubsub xmlns='${PUBSUB}'>` +
    "<subscribe node='n' jid='bob@localhost'/></pubsub></iq>";
  await create(alice, "n");
  await ask(alice, "set", `#<delete node='n'><redirect uri='${uri}'/></delete>`);
  await bob.request(request, gone);
  await create(alice, "n", "access_model=whitelist");
  await refused(bob, "get", "<items node='n'/>", "cancel", "not-allowed", "closed-node");
  await ask(alice, "set", `#<delete node='n'><redirect uri='${uri}'/></delete>`);
  await refused(bob, "get", "<items node='n'/>", "cancel", "item-not-found");
});

test("a namespace that would be written thousands of times is refused", async (server) => {
  const juliet = await login(server, "juliet");
  const to = bare(juliet);
  const payload = (ns: string, count: number) =>
    `<publish node='n'><item id='1'><p xmlns='urn:p' xmlns:x='${ns}'>${
      "<x:a/>".repeat(count)
    }</p></item></publish>`;
  await ask(juliet, "set", payload("u".repeat(1024), 100), "<publish/>", to);
  const much = payload("u".repeat(1024), 4000);
  await refused(juliet, "set", much, "modify", "not-acceptable", "payload-too-big", to);
  juliet.send(
    `<iq type='set' id='p' to='${to}'><pubsub xmlns='${PUBSUB}'>${
      payload("&amp;".repeat(20_000), 2000)
    }</pubsub></iq>`,
  );
  await juliet.streamError("policy-violation");
}, { limits: { bytes_per_second: 0 } });
