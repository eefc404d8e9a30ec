/** XEP-0494: Client Access Management. */

import assert from "node:assert/strict";
import { login, NS, type TestClient } from "../helpers/client.ts";
import {
  BIND2,
  byToken,
  failure,
  FAST,
  LAPTOP,
  PHONE,
  plain,
  secured,
  succeeds,
  userAgent,
} from "../helpers/sasl2.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import type { Tag } from "../helpers/xml.ts";
import { deleteAccount, setPassword } from "../../lib/hooks/accounts.ts";
import { parseJid } from "../../lib/jid.ts";

const modules = ["auth", "ping", "disco", "sasl2", "bind2", "fast", "client_access"];
const CAM = "urn:xmpp:cam:0";
const ALICE = parseJid("alice@localhost")!;

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () =>
    withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await transcript(server);
    }));
}

const bind = `<bind xmlns='${BIND2}'/>`;
const wish = `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`;

/** Logs a client in; `token` in what comes back is one for the next login. */
async function comes(
  server: TestServer,
  agent: string,
): Promise<{ client: TestClient; token: string }> {
  const client = await secured(server);
  client.send(plain("alice", "secret", agent + bind + wish));
  const success = await succeeds(client);
  return { client, token: success.child("token")!.attrs.token! };
}

async function list(client: TestClient): Promise<Tag[]> {
  await client.request(
    `<iq type='get' id='list'><list xmlns='${CAM}'/></iq>`,
    `<iq type='result' id='list'><clients xmlns='${CAM}'/></iq>`,
  );
  return client.last.child("clients")!.elements("client");
}

const device = (c: Tag) => c.child("user-agent")!.child("device")?.text() ?? "";
const auth = (c: Tag) => c.child("auth")!.elements().map((e) => e.name).join(" ");
const shown = (cs: Tag[]) => cs.map((c) => `${device(c)}: ${c.attrs.connected} ${auth(c)}`).sort();

const revoke = (id: string) => `<iq type='set' id='r'><revoke xmlns='${CAM}' id='${id}'/></iq>`;
const DONE = "<iq type='result' id='r'>{empty}</iq>";
const refused = (condition: string, app = "") =>
  `<iq type='error' id='r'><error><${condition} xmlns='${NS.stanzaErrors}'/>${app}</error></iq>`;
const RESET = refused("service-unavailable", `<password-reset-required xmlns='${CAM}'/>`);

const PHONE_AGENT = userAgent(PHONE, "Conversing", "Kiva's phone");
const LAPTOP_AGENT = userAgent(LAPTOP, "Gossip", "Laptop");

test("§3.1: all clients, with what they are and how they log in", async (server) => {
  const { client } = await comes(server, PHONE_AGENT);
  const { client: laptop } = await comes(server, LAPTOP_AGENT);
  await laptop.close();
  const legacy = await login(server, "alice", { password: "secret", resource: "old" });
  const clients = await list(client);
  assert.deepEqual(shown(clients), [
    ": true password",
    "Kiva's phone: true password fast",
    "Laptop: false password fast",
  ]);
  for (const c of clients) {
    assert.ok(c.attrs.id!.length > 8);
    assert.equal(c.attrs.type, "session");
    assert.equal(c.child("permission")!.attrs.status, "unrestricted");
    const [from, to] = ["first-seen", "last-seen"].map((n) => Date.parse(c.child(n)!.text()));
    assert.ok(from! <= to! && Date.now() - from! < 30_000);
  }
  const phone = clients.find((c) => device(c) === "Kiva's phone")!;
  assert.equal(phone.child("user-agent")!.child("software")!.text(), "Conversing");
  assert.notEqual(phone.attrs.id, PHONE);
  // The same ids the next time.
  const ids = (cs: Tag[]) => cs.map((c) => c.attrs.id).sort();
  assert.deepEqual(ids(await list(legacy)), ids(clients));
});

test("announced to the account's owner, and for nobody else", async (server) => {
  const { client } = await comes(server, PHONE_AGENT);
  await client.request(
    "<iq type='get' id='d' to='alice@localhost'>" +
      "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'>" +
      `<feature var='${CAM}'/></query></iq>`,
  );
  const bob = await login(server, "bob");
  await bob.request(
    `<iq type='get' id='r' to='alice@localhost'><list xmlns='${CAM}'/></iq>`,
    "<iq type='error' id='r'/>",
  );
  const [phone] = await list(client);
  await bob.request(
    `<iq type='set' id='r' to='alice@localhost'><revoke xmlns='${CAM}' id='${
      phone!.attrs.id
    }'/></iq>`,
    "<iq type='error' id='r'/>",
  );
  await bob.request(revoke(phone!.attrs.id!), refused("item-not-found"));
  await client.sync();
});

test("a login is remembered after a restart of the connection, and by token", async (server) => {
  const { client, token } = await comes(server, PHONE_AGENT);
  const [before] = await list(client);
  await client.close();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const again = await secured(server);
  again.send(byToken("alice", token, PHONE_AGENT + bind));
  await succeeds(again);
  const clients = await list(again);
  assert.deepEqual(shown(clients), ["Kiva's phone: true password fast"]);
  assert.equal(clients[0]!.child("first-seen")!.text(), before!.child("first-seen")!.text());
  assert.notEqual(clients[0]!.child("last-seen")!.text(), before!.child("last-seen")!.text());
});

test("§3.2: who knows the password is thrown out, and can come back by it alone", async (server) => {
  const { client } = await comes(server, PHONE_AGENT);
  const { client: laptop, token } = await comes(server, LAPTOP_AGENT);
  const other = (await list(client)).find((c) => device(c) === "Laptop")!;
  await client.request(revoke(other.attrs.id!), RESET);
  await laptop.streamError("not-authorized");
  const again = await secured(server);
  again.send(byToken("alice", token, LAPTOP_AGENT));
  await again.receives(failure("not-authorized"));
  assert.deepEqual(shown(await list(client)), [
    "Kiva's phone: true password fast",
    "Laptop: false password",
  ]);
  again.send(plain("alice", "secret", LAPTOP_AGENT));
  await succeeds(again);
});

test("§3.2: after a new password it is thrown out for good", async (server) => {
  const { client: laptop } = await comes(server, LAPTOP_AGENT);
  const legacy = await login(server, "alice", { password: "secret" });
  await server.host().hooks.ask(setPassword, ALICE, "new secret");
  const phone = await secured(server);
  phone.send(plain("alice", "new secret", PHONE_AGENT + bind));
  await succeeds(phone);
  const clients = await list(phone);
  assert.deepEqual(shown(clients), [": true ", "Kiva's phone: true password", "Laptop: true "]);
  for (const c of clients.filter((c) => auth(c) === "")) {
    await phone.request(revoke(c.attrs.id!), DONE);
  }
  await laptop.streamError("not-authorized");
  await legacy.streamError("not-authorized");
  assert.deepEqual(shown(await list(phone)), ["Kiva's phone: true password"]);
});

test("after a new password, clients that are away have no access any more", async (server) => {
  const { client: laptop } = await comes(server, LAPTOP_AGENT);
  await laptop.close();
  await server.host().hooks.ask(setPassword, ALICE, "new secret");
  const phone = await secured(server);
  phone.send(plain("alice", "new secret", PHONE_AGENT + bind));
  await succeeds(phone);
  assert.deepEqual(shown(await list(phone)), ["Kiva's phone: true password"]);
});

test("a client may revoke itself: it hears the answer first", async (server) => {
  const { client } = await comes(server, PHONE_AGENT);
  const [self] = await list(client);
  await client.request(revoke(self!.attrs.id!), RESET);
  await client.streamError("not-authorized");
});

test("requests that make no sense", async (server) => {
  const { client } = await comes(server, PHONE_AGENT);
  await client.request(revoke("nobody"), refused("item-not-found"));
  await client.request(
    `<iq type='set' id='r'><revoke xmlns='${CAM}'/></iq>`,
    refused("bad-request"),
  );
  await client.request(
    `<iq type='set' id='r'><list xmlns='${CAM}'/></iq>`,
    refused("service-unavailable"),
  );
});

test("only the latest clients are remembered", async (server) => {
  const agents = Array.from({ length: 4 }, (_, i) => PHONE.slice(0, -1) + i);
  let last: TestClient | undefined;
  for (const [i, id] of agents.entries()) {
    last = (await comes(server, userAgent(id, "", `device ${i}`))).client;
    if (i < 3) await last.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // Of the others it is known that they hold tokens, and nothing more.
  assert.deepEqual(shown(await list(last!)), [
    ": false fast",
    ": false fast",
    "device 2: false password fast",
    "device 3: true password fast",
  ]);
}, { modules: { client_access: { clients: 2 } } });

test("a deleted account leaves nothing behind", async (server) => {
  await comes(server, PHONE_AGENT);
  await server.host().hooks.ask(deleteAccount, ALICE);
  const rows = await server.inner.store.db.selectFrom("client_access").selectAll().execute();
  assert.deepEqual(rows, []);
});
