/**
 * An account that is removed leaves nothing behind. Every table of the database is looked at: one that
 * this test puts nothing into fails it, so whoever adds a table adds how it is filled.
 */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { HTTP_LISTENERS } from "../helpers/http.ts";
import { withPostgres } from "../helpers/postgres.ts";
import { createRoom, item, join, ROOM } from "../helpers/muc.ts";
import { FAST, PHONE, plain, secured, succeeds, userAgent } from "../helpers/sasl2.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { filesIn, put, requestSlot } from "../helpers/upload.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { createInvitation } from "../../lib/hooks/invitations.ts";
import { parseJid } from "../../lib/jid.ts";

const NAME = "zebedee";
const JID = `${NAME}@localhost`;
const PASSWORD = `password of ${NAME}`;
const FRIEND = "friend@localhost";
const ADMIN = "http://jabber.org/protocol/admin";
const COMMANDS = "http://jabber.org/protocol/commands";
const PUBSUB = "http://jabber.org/protocol/pubsub";

/** Tables in which nothing is about an account. */
const OF_NOBODY = new Set([
  "confab_migrations",
  "confab_secrets",
  "admin_texts",
  "archive_state",
  "muc_services",
]);

/** Parts of SQLite's full-text index, which has its own ways of keeping them. */
const OF_THE_INDEX = /^archive_words_/;

/**
 * What other people have is theirs, also where it is about the account: their copies of messages, and
 * what it has published at their nodes.
 */
const OF_OTHERS = new Set(["archive", "archive_by_peer", "pubsub_items"]);

const SETTINGS: Table = {
  admins: [FRIEND],
  listen: HTTP_LISTENERS,
  modules: { register: true },
};

/** How long what is done behind may take, in ms. */
const PATIENCE_MS = 3000;

async function tables(server: TestServer): Promise<string[]> {
  const all = await server.inner.store.db.introspection.getTables();
  return all.map((t) => t.name).filter((name) => !OF_NOBODY.has(name) && !OF_THE_INDEX.test(name))
    .sort();
}

async function rowsOf(server: TestServer, table: string): Promise<string[]> {
  const rows = await server.inner.store.db.selectFrom(table).selectAll().execute();
  return rows.map((row) => JSON.stringify(row));
}

/** Tables in which there are such rows; waits a little, for what is done behind. */
async function tablesWith(
  server: TestServer,
  isIt: (row: string, table: string) => boolean,
): Promise<string[]> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found: string[] = [];
    for (const table of await tables(server)) {
      if ((await rowsOf(server, table)).some((row) => isIt(row, table))) found.push(table);
    }
    if (found.length === 0 || performance.now() >= end) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Tables without a row; waits a little, for what is written behind. */
async function emptyTables(server: TestServer): Promise<string[]> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const empty: string[] = [];
    for (const table of await tables(server)) {
      if ((await rowsOf(server, table)).length === 0) empty.push(table);
    }
    if (empty.length === 0 || performance.now() >= end) return empty;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let count = 0;

/** An IQ whose answer is a result. */
async function set(
  client: TestClient,
  payload: string,
  to?: string,
  type: "set" | "get" = "set",
): Promise<void> {
  const id = `f${++count}`;
  const address = to === undefined ? "" : ` to='${to}'`;
  await client.request(
    `<iq type='${type}' id='${id}'${address}>${payload}</iq>`,
    `<iq type='result' id='${id}'/>`,
  );
}

/** Fills tables, from outside, with what an account can leave. One function for each feature. */
type Filler = (zebedee: TestClient, friend: TestClient, server: TestServer) => Promise<unknown>;

const FILLERS: readonly Filler[] = [
  (z) => set(z, "<vCard xmlns='vcard-temp'><FN>Z</FN></vCard>"),
  (z) => set(z, "<query xmlns='jabber:iq:private'><a xmlns='n:s'>1</a></query>"),
  (z) => set(z, "<block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block>"),
  (z) => set(z, "<query xmlns='jabber:iq:roster'><item jid='x@y' name='X'/></query>"),
  (z) => set(z, "<enable xmlns='urn:xmpp:push:0' jid='push.example' node='zebedee-device'/>"),
  (z) => set(z, "<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs>"),
  async (z, friend) => {
    z.send(`<message type='chat' to='${FRIEND}'><body>findable words</body></message>`);
    z.send(`<message type='chat' to='${JID}'><body>a note</body></message>`);
    await z.sync();
    await friend.sync();
    // The index of an archive is made by the first search.
    const form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>" +
      "<value>urn:xmpp:mam:2</value></field><field var='{urn:xmpp:fulltext:0}fulltext'>" +
      "<value>findable</value></field></x>";
    await set(z, `<query xmlns='urn:xmpp:mam:2'>${form}</query>`);
  },
  async (z, _friend, server) => {
    const slot = await requestSlot(z, { name: "zebedee.txt", size: 5 });
    assert.equal((await put(server, slot, 5)).status, 201);
    assert((await filesIn(server)).length > 0);
  },
  async (_z, _friend, server) => {
    const token = `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`;
    const bind = "<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag></bind>";
    const phone = await secured(server);
    phone.send(plain(NAME, PASSWORD, userAgent(PHONE, "Phone") + token + bind));
    await succeeds(phone);
    await phone.close();
  },
  // Nodes of its own, and a part in those of others.
  async (z, friend) => {
    const publish = (node: string) =>
      `<pubsub xmlns='${PUBSUB}'><publish node='${node}'><item id='1'><x xmlns='n:s'/></item></publish>` +
      `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>` +
      `<value>${PUBSUB}#publish-options</value></field><field var='pubsub#access_model'>` +
      `<value>open</value></field><field var='pubsub#persist_items'><value>1</value></field></x>` +
      `</publish-options></pubsub>`;
    const affiliate = (node: string, jid: string) =>
      `<pubsub xmlns='${PUBSUB}#owner'><affiliations node='${node}'>` +
      `<affiliation jid='${jid}' affiliation='publisher'/></affiliations></pubsub>`;
    const subscribe = (node: string, jid: string) =>
      `<pubsub xmlns='${PUBSUB}'><subscribe node='${node}' jid='${jid}'/></pubsub>`;
    await set(z, publish("urn:example:mine"));
    await set(friend, publish("urn:example:theirs"));
    await set(z, affiliate("urn:example:mine", FRIEND));
    await set(friend, affiliate("urn:example:theirs", JID));
    await set(z, subscribe("urn:example:theirs", JID), FRIEND);
    await set(friend, subscribe("urn:example:mine", FRIEND), JID);
    const service = "pubsub.localhost";
    await set(friend, `<pubsub xmlns='${PUBSUB}'><create node='shared'/></pubsub>`, service);
    await set(friend, affiliate("shared", JID), service);
    await set(z, subscribe("shared", JID), service);
    const item = "<publish node='shared'><item id='1'><x xmlns='n:s'/></item></publish>";
    await set(z, `<pubsub xmlns='${PUBSUB}'>${item}</pubsub>`, service);
  },
  (_z, _friend, server) =>
    Promise.all([
      server.host().hooks.ask(createInvitation, {
        contact: parseJid(JID)!,
        register: true,
        by: "test",
      }),
      server.host().hooks.ask(createInvitation, { register: true, by: JID }),
    ]),
  // The message of the day, and that it was seen.
  async (_z, friend) => {
    const node = `${ADMIN}#set-motd`;
    const { id } = await friend.request(
      `<iq type='set' id='m' to='localhost'><command xmlns='${COMMANDS}' node='${node}'/></iq>`,
      `<iq type='result' id='m'><command xmlns='${COMMANDS}' sessionid='{id}'/></iq>`,
    );
    const form =
      "<x xmlns='jabber:x:data' type='submit'><field var='motd'><value>hi</value></field></x>";
    await set(
      friend,
      `<command xmlns='${COMMANDS}' node='${node}' sessionid='${id}'>${form}</command>`,
      "localhost",
    );
  },
  // A room that goes to the friend; the last one, since the friend hears of it from now on.
  async (z, friend) => {
    await createRoom(z.server, z, "zed", ["persistentroom=1", "enablearchiving=0"]);
    await set(z, item(`affiliation='admin' jid='${FRIEND}'`), ROOM);
    await set(z, "<vCard xmlns='vcard-temp'><FN>Attic</FN></vCard>", ROOM);
    friend.send(join("fred"));
    z.send(`<message type='groupchat' to='${ROOM}' id='said'><body>hello</body></message>`);
    await friend.eventually("<message type='groupchat' id='said'/>");
  },
];

const cluster = await withPostgres();
Deno.test.afterAll(async () => await cluster?.stop());

Deno.test("sqlite: nothing of a removed account is left in any table, or on the disk", () =>
  test({}));

if (cluster !== undefined) {
  Deno.test("postgres: nothing of a removed account is left in any table", async () => {
    await test({ store: { url: await cluster.database() } });
  });
}

/** What modules write behind, they write when they are unloaded. */
async function settle(server: TestServer, andLoad: boolean): Promise<void> {
  for (const name of ["client_access", "last", "auth"]) {
    await server.inner.unloadModule(server.host(), name);
    if (andLoad) await server.inner.loadModule(server.host(), name);
  }
}

async function test(settings: Table): Promise<void> {
  await withServer({ ...SETTINGS, ...settings }, {}, async (server) => {
    const friend = await online(server, "friend");
    const zebedee = await online(server, NAME);
    for (const fill of FILLERS) {
      await fill(zebedee, friend, server);
      await zebedee.sync();
      zebedee.skip();
    }
    await zebedee.close();
    friend.send(`<message to='${JID}' type='chat'><body>hello</body></message>`);
    await friend.sync();
    await settle(server, true);

    assert.deepEqual(
      await emptyTables(server),
      [],
      "tables that this test puts nothing into: add a filler",
    );

    // By its own client, as XEP-0077 §3.2 has it.
    const last = await login(server, NAME);
    last.send("<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>");
    await last.receives("<iq type='result' id='bye'/>");
    await last.streamError("not-authorized");
    const isOfIt = (row: string, table: string) => row.includes(NAME) && !OF_OTHERS.has(table);
    assert.deepEqual(await tablesWith(server, isOfIt), []);
    assert.deepEqual(await filesIn(server), []);

    // With the other one gone nothing is about anybody.
    await server.host().hooks.ask(deleteAccount, parseJid(FRIEND)!);
    await settle(server, false);
    assert.deepEqual(await tablesWith(server, () => true), []);
  });
}
