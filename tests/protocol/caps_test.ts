/** XEP-0115: Entity Capabilities; XEP-0390: Entity Capabilities 2.0. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, login } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { TestServer } from "../helpers/server.ts";
import { authenticate } from "../helpers/sasl.ts";
import type { Tag } from "../helpers/xml.ts";
import { clientFeatures, clientFeaturesKnown } from "../../lib/hooks/disco.ts";
import { parseJid } from "../../lib/jid.ts";

const modules = ["auth", "disco", "caps", "ping", "presence", "roster"];
const INFO = "http://jabber.org/protocol/disco#info";
const CAPS = "http://jabber.org/protocol/caps";

// ---- the server's own ----

async function offered(server: TestServer): Promise<[TestClient, Tag]> {
  await server.addUser("alice@localhost", "secret");
  const client = await connect(server);
  assert.equal((await client.open()).child("c"), undefined);
  assert.equal((await client.upgrade()).child("c"), undefined);
  await authenticate(client, "alice", "secret", "PLAIN");
  const features = await client.open();
  await client.bind();
  return [client, features];
}

async function infoOf(client: TestClient, node?: string): Promise<Tag> {
  const attr = node === undefined ? "" : ` node='${node}'`;
  client.send(`<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'${attr}/></iq>`);
  await client.receives(`<iq type='result' id='d'><query xmlns='${INFO}'${attr}/></iq>`);
  return client.last.child("query")!;
}

/** XEP-0115 §5.1 for answers without forms, computed from what came over the wire. */
function verOf(query: Tag): string {
  const identities = query.elements("identity").map(({ attrs: a }) =>
    `${a.category}/${a.type}/${a["xml:lang"] ?? ""}/${a.name ?? ""}<`
  );
  const features = query.elements("feature").map((f) => `${f.attrs.var}<`);
  const s = identities.sort().join("") + features.sort().join("");
  return createHash("sha1").update(s).digest("base64");
}

/** XEP-0390 §4.1, likewise. */
function caps2Of(query: Tag, algorithm: string): string {
  const features = query.elements("feature").map((f) => `${f.attrs.var}\x1f`);
  const identities = query.elements("identity").map(({ attrs: a }) =>
    [a.category, a.type, a["xml:lang"] ?? "", a.name ?? ""].map((s) => s + "\x1f").join("") + "\x1e"
  );
  const input = features.sort().join("") + "\x1c" + identities.sort().join("") + "\x1c\x1c";
  return createHash(algorithm).update(input).digest("base64");
}

Deno.test("XEP-0115 §6.3: the server's capabilities are in the features after the login", () =>
  withServer({}, { modules }, async (server) => {
    const [alice, features] = await offered(server);
    const c = features.child("c", CAPS)!;
    assert.equal(c.attrs.hash, "sha-1");
    assert.equal(c.attrs.ver, verOf(await infoOf(alice)));
    const query = await infoOf(alice, `${c.attrs.node}#${c.attrs.ver}`);
    assert.equal(c.attrs.ver, verOf(query));
    assert.ok(query.elements("feature").some((f) => f.attrs.var === CAPS));
  }));

Deno.test("XEP-0390 §5.2: and in their second version", () =>
  withServer({}, { modules }, async (server) => {
    const [alice, features] = await offered(server);
    const hashes = features.child("c", "urn:xmpp:caps")!.elements("hash");
    assert.deepEqual(hashes.map((h) => h.attrs.algo), ["sha-256", "sha3-256"]);
    const query = await infoOf(alice);
    assert.deepEqual(hashes.map((h) => h.text()), [
      caps2Of(query, "sha256"),
      caps2Of(query, "sha3-256"),
    ]);
    for (const h of hashes) {
      const node = `urn:xmpp:caps#${h.attrs.algo}.${h.text()}`;
      assert.equal(caps2Of(await infoOf(alice, node), "sha256"), hashes[0]!.text());
    }
  }));

Deno.test("XEP-0390 §6.1: older versions are still answered for, others are not there", () =>
  withServer({}, { modules }, async (server) => {
    const [alice, before] = await offered(server);
    await server.inner.unloadModule(server.host(), "ping");
    const [, after] = await offered(server);
    const [old, now] = [before, after].map((f) => f.child("c", CAPS)!.attrs);
    assert.notEqual(old!.ver, now!.ver);
    for (const { node, ver } of [old!, now!]) {
      assert.equal(verOf(await infoOf(alice, `${node}#${ver}`)), ver);
    }
    alice.send(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}' node='${now!.node}#x'/></iq>`,
    );
    await alice.receives(
      "<iq type='error'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
  }));

// ---- what is learned of clients ----

const FEATURES = ["http://jabber.org/protocol/muc", "urn:xmpp:avatar:metadata+notify", INFO];
const ANSWER = `<identity category='client' type='pc' name='Exodus'/>` +
  FEATURES.map((f) => `<feature var='${f}'/>`).join("");
const VER = createHash("sha1")
  .update("client/pc//Exodus<" + [...FEATURES].sort().map((f) => f + "<").join(""))
  .digest("base64");
const CAPS2 = createHash("sha256")
  .update(
    [...FEATURES].sort().map((f) => f + "\x1f").join("") +
      "\x1cclient\x1fpc\x1f\x1fExodus\x1f\x1e\x1c\x1c",
  ).digest("base64");

const presence = (ver = VER, hash = "sha-1") =>
  `<presence><c xmlns='${CAPS}' hash='${hash}' node='http://exodus' ver='${ver}'/></presence>`;

/** Takes the server's question and answers it. */
async function isAsked(
  client: TestClient,
  answer = ANSWER,
  node = `http://exodus#${VER}`,
): Promise<void> {
  const { id } = await client.eventually(
    `<iq type='get' id='{id}' from='localhost'><query xmlns='${INFO}' node='${node}'/></iq>`,
  );
  client.send(
    `<iq type='result' id='${id}' to='localhost'><query xmlns='${INFO}' node='${node}'>${answer}</query></iq>`,
  );
  await client.sync();
}

/** Nothing but the client's own presence comes. */
async function isNotAsked(client: TestClient): Promise<void> {
  await client.sync();
  await client.receives("<presence/>");
  await client.receivesNothing();
}

async function featuresOf(server: TestServer, client: TestClient): Promise<string[]> {
  const session = server.host().session(parseJid(client.jid)!)!;
  const known = await server.host().hooks.ask(clientFeatures, session);
  return FEATURES.filter((f) => known!.has(f));
}

Deno.test("XEP-0115 §5.4: a client with an unknown hash is asked, the next one is not", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(presence());
    await isAsked(alice);
    assert.deepEqual(await featuresOf(server, alice), FEATURES);

    const bob = await login(server, "bob");
    bob.send(presence());
    await isNotAsked(bob);
    assert.deepEqual(await featuresOf(server, bob), FEATURES);
  }));

Deno.test("XEP-0390: likewise, and it is preferred", () =>
  withServer({}, { modules }, async (server) => {
    const both = presence().replace(
      "</presence>",
      `<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>${CAPS2}</hash></c></presence>`,
    );
    const alice = await login(server, "alice");
    alice.send(both);
    await isAsked(alice, ANSWER, `urn:xmpp:caps#sha-256.${CAPS2}`);
    assert.deepEqual(await featuresOf(server, alice), FEATURES);
    const bob = await login(server, "bob");
    bob.send(both);
    await isNotAsked(bob);
    assert.deepEqual(await featuresOf(server, bob), FEATURES);
  }));

Deno.test("many clients with one hash: one is asked, all are known", () =>
  withServer({}, { modules }, async (server) => {
    const told: string[] = [];
    server.host().hooks.add(
      clientFeaturesKnown,
      "test",
      (session) => void told.push(session.jid.full),
    );
    const alice = await login(server, "alice");
    alice.send(presence());
    await alice.sync();
    const others: TestClient[] = [];
    for (let i = 0; i < 10; i++) {
      const other = await login(server, `user${i}`);
      other.send(presence());
      await isNotAsked(other);
      others.push(other);
    }
    assert.deepEqual(told, []);
    await isAsked(alice);
    assert.deepEqual(told, [alice, ...others].map((c) => c.jid));
    for (const other of others) assert.deepEqual(await featuresOf(server, other), FEATURES);
    alice.skip();
    await alice.receivesNothing();
  }));

Deno.test("the same hash again costs no question and tells nobody", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(presence());
    await isAsked(alice);
    const told: string[] = [];
    server.host().hooks.add(
      clientFeaturesKnown,
      "test",
      (session) => void told.push(session.jid.full),
    );
    alice.skip();
    alice.send(presence());
    await isNotAsked(alice);
    // Left out, it has not changed (§8.4).
    alice.send("<presence><show>away</show></presence>");
    await isNotAsked(alice);
    assert.deepEqual(await featuresOf(server, alice), FEATURES);
    assert.deepEqual(told, []);

    // After an absence it is told anew, from memory.
    alice.send("<presence type='unavailable'/>");
    alice.send(presence());
    await alice.sync();
    assert.deepEqual(told, [alice.jid]);
  }));

Deno.test("XEP-0115 §5.4: an answer that does not fit its hash counts for nobody else", () =>
  withServer({}, { modules }, async (server) => {
    const mallory = await login(server, "mallory");
    mallory.send(presence());
    await isAsked(mallory, ANSWER.replace(/<feature.*notify'\/>/, ""));
    assert.deepEqual(await featuresOf(server, mallory), [INFO]);

    const alice = await login(server, "alice");
    alice.send(presence());
    await isAsked(alice);
    assert.deepEqual(await featuresOf(server, alice), FEATURES);
    assert.deepEqual(await featuresOf(server, mallory), [INFO]);
  }));

Deno.test("if the first gives no good answer, the next with that hash is asked", () =>
  withServer({ modules: { caps: { timeout: "1s" } } }, { modules }, async (server) => {
    const silent = await login(server, "silent");
    silent.send(presence());
    await silent.sync();
    const gone = await login(server, "gone");
    gone.send(presence());
    await gone.sync();
    const alice = await login(server, "alice");
    alice.send(presence());
    await alice.sync();
    gone.cut();
    await isAsked(alice); // after a second
    assert.deepEqual(await featuresOf(server, alice), FEATURES);
  }));

Deno.test("XEP-0115 §5.4: an unknown hash function: the answer is the client's own", () =>
  withServer({}, { modules }, async (server) => {
    for (const name of ["alice", "bob"]) {
      const client = await login(server, name);
      client.send(presence(VER, "sha-7"));
      await isAsked(client);
      assert.deepEqual(await featuresOf(server, client), FEATURES);
    }
  }));

Deno.test("a client that changes its mind while it is asked is asked again", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(presence("c3RhbGU="));
    alice.send(presence());
    await isAsked(alice, "<identity category='client' type='pc'/>", "http://exodus#c3RhbGU=");
    await isAsked(alice);
    assert.deepEqual(await featuresOf(server, alice), FEATURES);
  }));

Deno.test("clients without capabilities, or with the legacy format, are not asked", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send("<presence/>");
    await isNotAsked(alice);
    alice.send(`<presence><c xmlns='${CAPS}' node='http://exodus' ver='0.9'/></presence>`);
    await isNotAsked(alice);
    assert.deepEqual(await featuresOf(server, alice), []);
  }));

Deno.test("an error or nonsense for an answer harms nobody", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(presence());
    const { id } = await alice.eventually("<iq type='get' id='{id}'/>");
    alice.send(
      `<iq type='error' id='${id}' to='localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    );
    const bob = await login(server, "bob");
    bob.send(presence());
    const again = await bob.eventually("<iq type='get' id='{id}'/>");
    bob.send(`<iq type='result' id='${again.id}' to='localhost'/>`);
    await bob.sync();
    assert.deepEqual(await featuresOf(server, bob), []);
  }));
