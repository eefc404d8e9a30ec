/**
 * Every module can be switched off, and is advertised only while it is on: for each one a server
 * without it is compared with one that has them all. And whatever is advertised works.
 */

import assert from "node:assert/strict";
import { connect, login, NS, online } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { withServer } from "../helpers/server.ts";
import { builtin } from "../../modules/index.ts";

const DISCO_INFO = "http://jabber.org/protocol/disco#info";
const ROSTER = "jabber:iq:roster";
const ALL = Object.keys(builtin);

const PUBSUB = "http://jabber.org/protocol/pubsub";

/** What an account's own nodes can do (XEP-0060 §10, XEP-0163 §6.1). */
const PEP_FEATURES = [
  "access-presence",
  "auto-create",
  "auto-subscribe",
  "config-node",
  "config-node-max",
  "create-and-configure",
  "create-nodes",
  "delete-items",
  "delete-nodes",
  "filtered-notifications",
  "instant-nodes",
  "item-ids",
  "last-published",
  "leased-subscription",
  "manage-subscriptions",
  "member-affiliation",
  "meta-data",
  "modify-affiliations",
  "multi-items",
  "outcast-affiliation",
  "persistent-items",
  "presence-notifications",
  "presence-subscribe",
  "publish",
  "publish-node-full",
  "publish-only-affiliation",
  "publish-options",
  "publisher-affiliation",
  "pubsub-on-a-jid",
  "purge-nodes",
  "retract-items",
  "retrieve-affiliations",
  "retrieve-default",
  "retrieve-default-sub",
  "retrieve-items",
  "retrieve-subscriptions",
  "rsm",
  "since",
  "subscribe",
  "subscription-notifications",
  "subscription-options",
];

/** What a server shows of itself: features of streams, and of service discovery. */
type Shown = readonly string[];

/**
 * What goes with each module, and nothing else. `host` and `account` are features in disco#info,
 * `form` a form there, `before` and `after` are stream features before and after the login.
 */
const goesWith: Readonly<Record<string, readonly string[]>> = {
  adhoc: ["host http://jabber.org/protocol/commands"],
  admin: [], // commands, for admins only
  auth: [], // its own test below: without it there is no login to look from
  avatars: ["account urn:xmpp:pep-vcard-conversion:0"],
  bind2: [], // within the features of sasl2
  // Without blocking there is nothing to report with.
  blocking: ["host urn:xmpp:blocking", "host urn:xmpp:reporting:1"],
  bookmarks: [
    "account urn:xmpp:bookmarks:1#compat",
    "account urn:xmpp:bookmarks:1#compat-pep",
    "account urn:xmpp:bookmarks-conversion:0",
  ],
  caps: [
    "host http://jabber.org/protocol/caps",
    "host urn:xmpp:caps",
    "after c http://jabber.org/protocol/caps",
    "after c urn:xmpp:caps",
  ],
  carbons: ["host urn:xmpp:carbons:2", "host urn:xmpp:carbons:rules:0"],
  client_access: ["account urn:xmpp:cam:0"],
  contact: ["form http://jabber.org/network/serverinfo"],
  csi: ["after csi urn:xmpp:csi:0"],
  disco: [], // all of disco#info; its own test below
  displayed_sync: ["account urn:xmpp:mds:server-assist:0"],
  external_services: ["host urn:xmpp:extdisco:2"],
  fast: [], // within the features of sasl2
  http_upload: [], // at a domain of its own
  invites: ["before register urn:xmpp:invite", "before register urn:xmpp:ibr-token:0"],
  last: ["host jabber:iq:last", "account jabber:iq:last"],
  limits: ["before limits urn:xmpp:stream-limits:0", "after limits urn:xmpp:stream-limits:0"],
  mam: [
    "host urn:xmpp:message-retract:1",
    "host urn:xmpp:mam:2",
    "account urn:xmpp:mam:2",
    "account urn:xmpp:mam:2#extended",
    "account urn:xmpp:mam:2#groupchat-field",
    "account urn:xmpp:fulltext:0",
    "account urn:xmpp:message-retract:1",
    "account urn:xmpp:message-retract:1#tombstone",
  ],
  muc: [], // at a domain of its own
  muc_log: [], // pages, and a field in the rooms' forms
  multicast: ["host http://jabber.org/protocol/address"],
  offline: ["host msgoffline", "host http://jabber.org/protocol/offline"],
  pep: [
    `account ${PUBSUB}`,
    ...PEP_FEATURES.map((name) => `account ${PUBSUB}#${name}`),
    "account urn:xmpp:order-by:1",
    // All that lives in nodes of the account.
    "account urn:ietf:params:xml:ns:vcard-4.0",
    "account urn:xmpp:bookmarks-conversion:0",
    "account urn:xmpp:bookmarks:1#compat",
    "account urn:xmpp:bookmarks:1#compat-pep",
    "account urn:xmpp:mds:server-assist:0",
    "account urn:xmpp:pep-vcard-conversion:0",
  ],
  ping: ["host urn:xmpp:ping", "account urn:xmpp:ping"],
  presence: ["after sub urn:xmpp:features:pre-approval"],
  private: [
    "host jabber:iq:private",
    // Nothing to convert bookmarks from.
    "account urn:xmpp:bookmarks:1#compat",
    "account urn:xmpp:bookmarks-conversion:0",
  ],
  proxy65: [], // at a domain of its own
  push: ["account urn:xmpp:push:0"],
  pubsub: [], // at a domain of its own
  register: [
    "host jabber:iq:register",
    "before register http://jabber.org/features/iq-register",
    // An invitation is redeemed by registering.
    "before register urn:xmpp:invite",
    "before register urn:xmpp:ibr-token:0",
  ],
  reports: ["host urn:xmpp:reporting:1"],
  roster: [
    "after ver urn:xmpp:features:rosterver",
    // An approval given in advance is kept in the roster.
    "after sub urn:xmpp:features:pre-approval",
  ],
  sasl2: ["before authentication urn:xmpp:sasl:2"],
  sasl_upgrade: [], // within the features of sasl2
  stable_ids: ["host urn:xmpp:sid:0", "account urn:xmpp:sid:0"],
  stream_management: ["after sm urn:xmpp:sm:3"],
  time: ["host urn:xmpp:time"],
  // Without vCards there is nothing to convert avatars to.
  vcard: [
    "host vcard-temp",
    "account vcard-temp",
    "account urn:xmpp:pep-vcard-conversion:0",
  ],
  vcard4: ["account urn:ietf:params:xml:ns:vcard-4.0"],
  version: ["host jabber:iq:version"],
  well_known_nodes: [],
};

const SETTINGS = {
  modules: {
    contact: { admin: ["mailto:admin@localhost"] },
    external_services: { services: [{ type: "stun", host: "stun.localhost" }] },
    proxy65: { address: ["127.0.0.1"], port: 0 },
  },
};

function streamFeatures(stage: string, client: TestClient): string[] {
  return client.last.elements().map((f) => `${stage} ${f.name} ${f.ns}`);
}

/** Looks at a server with these modules as a client does. */
async function look(modules: readonly string[]): Promise<Shown> {
  const shown: string[] = [];
  await withServer(SETTINGS, { modules }, async (server) => {
    await server.addUser("alice@localhost", "secret");
    const alice = await connect(server, { tls: "direct" });
    await alice.open();
    shown.push(...streamFeatures("before", alice));
    await authenticate(alice, "alice", "secret", "PLAIN");
    await alice.open();
    shown.push(...streamFeatures("after", alice));
    await alice.bind();
    for (const [what, to] of [["host", "localhost"], ["account", "alice@localhost"]] as const) {
      alice.send(`<iq type='get' id='${what}' to='${to}'><query xmlns='${DISCO_INFO}'/></iq>`);
      const query = (await alice.next()).child("query", DISCO_INFO);
      for (const f of query?.elements().filter((e) => e.name === "feature") ?? []) {
        shown.push(`${what} ${f.attrs.var}`);
      }
      for (const x of query?.elements().filter((e) => e.ns === "jabber:x:data") ?? []) {
        shown.push(`form ${x.child("field")?.child("value")?.text()}`);
      }
    }
  });
  return shown.sort();
}

const withAll = look(ALL);

Deno.test("every module is in the table, and every line of it is shown", async () => {
  assert.deepEqual(Object.keys(goesWith).sort(), [...ALL].sort());
  const shown = await withAll;
  for (const line of Object.values(goesWith).flat()) assert.ok(shown.includes(line), line);
  assert.equal(new Set(shown).size, shown.length, "nothing is advertised twice");
});

for (const name of ALL.filter((m) => m !== "auth" && m !== "disco")) {
  Deno.test(`without ${name} all is as before, less what goes with it`, async () => {
    const without = await look(ALL.filter((m) => m !== name));
    const gone = goesWith[name]!;
    assert.deepEqual(without, (await withAll).filter((line) => !gone.includes(line)));
  });
}

Deno.test("without disco there is no service discovery, and no capabilities of the server", async () => {
  const without = await look(ALL.filter((m) => m !== "disco"));
  assert.deepEqual(without.filter((line) => /^(host|account|form) /.test(line)), []);
  assert.deepEqual(without.filter((line) => line.startsWith("after c ")), []);
});

Deno.test("without auth nobody can log in, and nothing breaks", () =>
  withServer(SETTINGS, { modules: ALL.filter((m) => m !== "auth") }, async (server) => {
    const client = await connect(server, { tls: "direct" });
    await client.open();
    await assert.rejects(authenticate(client, "alice", "secret", "PLAIN"), /not-authorized/);
  }));

// ---- what is advertised works ----

/** An IQ for each feature that is asked for by one; `""` where there is nothing to ask. */
const asked: Readonly<Record<string, string>> = {
  [DISCO_INFO]: `<query xmlns='${DISCO_INFO}'/>`,
  "http://jabber.org/protocol/disco#items":
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
  "http://jabber.org/protocol/commands":
    "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>",
  [PUBSUB]: `<pubsub xmlns='${PUBSUB}'><subscriptions/></pubsub>`,
  "jabber:iq:last": "<query xmlns='jabber:iq:last'/>",
  "jabber:iq:version": "<query xmlns='jabber:iq:version'/>",
  "jabber:iq:register": "<query xmlns='jabber:iq:register'/>",
  "jabber:iq:private": "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>",
  "urn:xmpp:blocking": "<blocklist xmlns='urn:xmpp:blocking'/>",
  "urn:xmpp:cam:0": "<list xmlns='urn:xmpp:cam:0'/>",
  "urn:xmpp:extdisco:2": "<services xmlns='urn:xmpp:extdisco:2'/>",
  "urn:xmpp:mam:2": "<query xmlns='urn:xmpp:mam:2'/>",
  "urn:xmpp:mam:2#extended": "<metadata xmlns='urn:xmpp:mam:2'/>",
  "urn:xmpp:ping": "<ping xmlns='urn:xmpp:ping'/>",
  "urn:xmpp:time": "<time xmlns='urn:xmpp:time'/>",
  "vcard-temp": "<vCard xmlns='vcard-temp'/>",
  "http://jabber.org/protocol/offline":
    "<offline xmlns='http://jabber.org/protocol/offline'><fetch/></offline>",
  "http://jabber.org/protocol/address": "",
  "msgoffline": "",
  "urn:ietf:params:xml:ns:vcard-4.0": "",
  "urn:xmpp:bookmarks-conversion:0": "",
  "urn:xmpp:bookmarks:1#compat": "",
  "urn:xmpp:bookmarks:1#compat-pep": "",
  "urn:xmpp:carbons:2": "",
  "urn:xmpp:carbons:rules:0": "",
  "urn:xmpp:fulltext:0": "",
  "urn:xmpp:mam:2#groupchat-field": "",
  "urn:xmpp:mds:server-assist:0": "",
  "urn:xmpp:message-retract:1": "",
  "urn:xmpp:message-retract:1#tombstone": "",
  "urn:xmpp:order-by:1": "",
  "urn:xmpp:pep-vcard-conversion:0": "",
  "urn:xmpp:push:0": "",
  "urn:xmpp:reporting:1": "",
  "urn:xmpp:sid:0": "",
  "urn:xmpp:caps": "",
  "http://jabber.org/protocol/caps": "",
  ...Object.fromEntries(PEP_FEATURES.map((name) => [`${PUBSUB}#${name}`, ""])),
};

/** These serve the account of whoever asks, without `to`. */
const OWN: ReadonlySet<string> = new Set([
  "jabber:iq:private",
  "urn:xmpp:blocking",
  "urn:xmpp:cam:0",
  "urn:xmpp:mam:2",
  "urn:xmpp:mam:2#extended",
  "http://jabber.org/protocol/offline",
]);

Deno.test("each feature of the host, of the own account and of a contact's answers", () =>
  withServer(SETTINGS, { modules: ALL }, async (server) => {
    const alice = await online(server, "alice");
    const bob = await login(server, "bob");
    bob.send("<iq type='set' id='card'><vCard xmlns='vcard-temp'><FN>Bob</FN></vCard></iq>");
    await bob.receives("<iq type='result' id='card'/>");
    alice.send("<iq type='set' id='card'><vCard xmlns='vcard-temp'><FN>Alice</FN></vCard></iq>");
    await alice.receives("<iq type='result' id='card'/>");
    bob.send("<presence to='alice@localhost' type='subscribed'/><presence/>");
    await bob.sync();
    alice.send("<presence to='bob@localhost' type='subscribe'/>");
    await alice.eventually(`<presence from='${bob.jid}'/>`);
    await alice.sync();
    alice.skip();

    for (const to of ["localhost", "alice@localhost", "bob@localhost"]) {
      alice.send(`<iq type='get' id='d' to='${to}'><query xmlns='${DISCO_INFO}'/></iq>`);
      const { last } = alice;
      await alice.receives(`<iq type='result' id='d'><query xmlns='${DISCO_INFO}'/></iq>`);
      assert.notEqual(alice.last, last);
      const features = alice.last.child("query", DISCO_INFO)!.elements()
        .filter((e) => e.name === "feature").map((e) => e.attrs.var!);
      assert.ok(features.length > 3);
      for (const feature of features) {
        const payload = asked[feature];
        assert.notEqual(payload, undefined, `${feature} is advertised by ${to}: how is it used?`);
        if (payload === "") continue;
        const address = OWN.has(feature) ? "" : ` to='${to}'`;
        alice.send(`<iq type='get' id='f'${address}>${payload}</iq>`);
        await alice.receives("<iq type='result' id='f'/>");
      }
    }
  }));

Deno.test("nodes of the server's capabilities are answered, each hash of them", () =>
  withServer(SETTINGS, { modules: ALL }, async (server) => {
    await server.addUser("alice@localhost", "secret");
    const alice = await connect(server, { tls: "direct" });
    await alice.open();
    await authenticate(alice, "alice", "secret", "PLAIN");
    const features = await alice.open();
    const one = features.child("c", "http://jabber.org/protocol/caps")!.attrs;
    const two = features.child("c", "urn:xmpp:caps")!.elements();
    await alice.bind();
    const nodes = [
      `${one.node}#${one.ver}`,
      ...two.map((hash) => `urn:xmpp:caps#${hash.attrs.algo}.${hash.text()}`),
    ];
    for (const node of nodes) {
      alice.send(
        `<iq type='get' id='n' to='localhost'><query xmlns='${DISCO_INFO}' node='${node}'/></iq>`,
      );
      await alice.receives(
        `<iq type='result' id='n'><query xmlns='${DISCO_INFO}' node='${node}'/></iq>`,
      );
    }
    assert.equal(nodes.length, 3);
  }));

Deno.test("stream features do what they say: versions of rosters, approval in advance", () =>
  withServer(SETTINGS, { modules: ALL }, async (server) => {
    const alice = await online(server, "alice");
    await server.addUser("bob@localhost", "password of bob");
    const { ver } = await alice.request(
      `<iq type='get' id='r'><query xmlns='${ROSTER}' ver=''/></iq>`,
      `<iq type='result'><query xmlns='${ROSTER}' ver='{ver}'/></iq>`,
    );
    await alice.request(
      `<iq type='get' id='s'><query xmlns='${ROSTER}' ver='${ver}'/></iq>`,
      "<iq type='result'>{empty}</iq>",
    );
    alice.send("<presence to='bob@localhost' type='subscribed'/>");
    await alice.receives(
      `<iq type='set'><query xmlns='${ROSTER}'><item jid='bob@localhost' approved='true'/></query></iq>`,
    );
  }));

Deno.test("without login nothing but logging in is offered where TLS is required", () =>
  withServer(SETTINGS, { modules: ALL }, async (server) => {
    const client = await connect(server);
    await client.open();
    const [first, ...more] = client.last.elements();
    assert.equal(first!.name, "starttls");
    assert.ok(first!.child("required", NS.tls));
    assert.deepEqual(more.map((e) => e.name), ["limits"]);
  }));
