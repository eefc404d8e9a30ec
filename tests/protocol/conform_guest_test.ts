/** SASL ANONYMOUS (RFC 4505, XEP-0175) from end to end: guests come, chat, and leave nothing behind. */

import assert from "node:assert/strict";
import { sql } from "kysely";
import { connect, login, NS, online, type TestClient } from "../helpers/client.ts";
import { held, isBackTo } from "../helpers/raw.ts";
import { withServer } from "../helpers/server.ts";
import type { TestServer } from "../helpers/server.ts";

const HOSTS = { hosts: { localhost: {}, "guests.test": { anonymous: true } } };

async function guest(server: TestServer): Promise<TestClient> {
  const client = await connect(server, { tls: "direct", domain: "guests.test" });
  await client.open();
  client.send(`<auth xmlns='${NS.sasl}' mechanism='ANONYMOUS'/>`);
  await client.next();
  if (client.last.name === "challenge") {
    client.send(`<response xmlns='${NS.sasl}'/>`);
    await client.next();
  }
  assert.equal(client.last.name, "success");
  await client.open();
  await client.bind();
  return client;
}

/** What a guest has written to others stays in their archives, as it stays in their memory. */
const OF_OTHERS: ReadonlySet<string> = new Set(["archive.peer", "archive.xml"]);

/** Names of tables in which anything of the host is kept. */
async function traces(server: TestServer, domain: string): Promise<string[]> {
  const { store } = server.inner;
  const tables = await store.db.introspection.getTables();
  const found: string[] = [];
  for (const { name, columns } of tables) {
    for (const column of columns.map((c) => c.name)) {
      const rows = await sql<{ n: number }>`select count(*) as n from ${sql.table(name)}
        where ${sql.ref(column)} like ${`%${domain}%`}`.execute(store.db);
      if (Number(rows.rows[0]!.n) > 0) found.push(`${name}.${column}`);
    }
  }
  return found;
}

/** Whose archives have a message in them. */
async function archives(server: TestServer): Promise<string[]> {
  const rows = await sql<{ owner: string }>`select distinct o.owner from archive a
    left join archive_owners o on o.id = a.owner order by o.owner`.execute(server.inner.store.db);
  return rows.rows.map((row) => row.owner);
}

Deno.test("a guest logs in where the host allows it, and nowhere else", () =>
  withServer(HOSTS, {}, async (server) => {
    const names = (c: TestClient) =>
      c.last.child("mechanisms", NS.sasl)!.elements().map((m) => m.text());
    const at = await connect(server, { tls: "direct", domain: "guests.test" });
    await at.open();
    assert.ok(names(at).includes("ANONYMOUS"));
    const not = await connect(server, { tls: "direct" });
    await not.open();
    assert.ok(!names(not).includes("ANONYMOUS"));
    not.send(`<auth xmlns='${NS.sasl}' mechanism='ANONYMOUS'/>`);
    await not.receives(`<failure xmlns='${NS.sasl}'><invalid-mechanism/></failure>`);

    const one = await guest(server);
    const two = await guest(server);
    one.send("<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    await one.receives(
      "<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'>" +
        "<identity category='account' type='anonymous'/></query></iq>",
    );
    assert.match(one.jid, /^[^@]{16,}@guests\.test\/./);
    assert.notEqual(one.jid.split("@")[0], two.jid.split("@")[0]);
    one.send(`<message to='${two.jid}' type='chat'><body>who are you?</body></message>`);
    await two.receives(`<message from='${one.jid}'><body>who are you?</body></message>`);
  }));

Deno.test("with its session all goes that a guest has left, in the database and in rosters", () =>
  withServer(HOSTS, {}, async (server) => {
    const before = held(server);
    const alice = await online(server, "alice");
    await alice.request("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "<iq/>");
    const visitor = await guest(server);
    const bare = visitor.jid.split("/")[0]!;
    visitor.send("<presence/>");
    visitor.send("<presence to='alice@localhost' type='subscribe'/>");
    await alice.eventually(`<presence from='${bare}' type='subscribe'/>`);
    alice.send(
      `<presence to='${bare}' type='subscribed'/><presence to='${bare}' type='subscribe'/>`,
    );
    await visitor.eventually("<presence from='alice@localhost' type='subscribe'/>");
    visitor.send("<presence to='alice@localhost' type='subscribed'/>");
    await alice.eventually(`<presence from='${visitor.jid}' type='{absent}'/>`);
    for (
      const payload of [
        "<query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bob'/></query>",
        "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>y</x></query>",
        "<vCard xmlns='vcard-temp'><FN>Nobody</FN></vCard>",
        "<block xmlns='urn:xmpp:blocking'><item jid='mercutio@localhost'/></block>",
      ]
    ) {
      await visitor.request(
        `<iq type='set' id='${payload.length}'>${payload}</iq>`,
        "<iq type='result'/>",
      );
    }
    // Kept for it, as it is not available.
    visitor.send("<presence type='unavailable'><status>bye</status></presence>");
    await alice.eventually(`<presence from='${visitor.jid}' type='unavailable'/>`);
    alice.send(`<message to='${bare}' type='chat'><body>still there?</body></message>`);
    await alice.sync();
    assert.notDeepEqual(await traces(server, "guests.test"), []);

    await visitor.close();
    await alice.eventually(`<presence from='${bare}' type='unsubscribed'/>`);
    alice.send(
      "<iq type='set' id='rm'><query xmlns='jabber:iq:roster'>" +
        `<item jid='${bare}' subscription='remove'/></query></iq>`,
    );
    await alice.eventually("<iq type='result' id='rm'/>");
    alice.send(`<message id='late' to='${bare}' type='chat'><body>?</body></message>`);
    await alice.eventually("<message type='error' id='late'/>");
    await alice.close();
    await isBackTo(server, before);
    const left = await traces(server, "guests.test");
    assert.deepEqual(left.filter((place) => !OF_OTHERS.has(place)), []);
    assert.deepEqual(await archives(server), ["alice@localhost"], "its own is gone");
  }));

Deno.test("a server that stops leaves nothing of its guests", () =>
  withServer(HOSTS, {}, async (server) => {
    const visitor = await guest(server);
    const told: string[] = [];
    const { accountDeleted } = await import("../../lib/hooks/accounts.ts");
    server.host("guests.test").hooks.add(accountDeleted, "test", (jid) => void told.push(jid.bare));
    await server.inner.stop();
    assert.deepEqual(told, [visitor.jid.split("/")[0]]);
  }));

Deno.test("accounts are no guests", () =>
  withServer(HOSTS, {}, async (server) => {
    const alice = await login(server, "alice", { domain: "guests.test" });
    await alice.request(
      "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query></iq>",
      "<iq type='result'/>",
    );
    await alice.close();
    const again = await login(server, "alice", { domain: "guests.test" });
    await again.request(
      "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>",
      "<iq><query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query></iq>",
    );
  }));
