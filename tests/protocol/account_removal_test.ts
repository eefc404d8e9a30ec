/** A deleted account leaves nothing behind: every table of the database is looked at for its name. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import { withPostgres } from "../helpers/postgres.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { parseJid } from "../../lib/jid.ts";

const NAME = "zebedee";

/** Tables with a row in which the name stands, anywhere. */
async function tablesNaming(server: TestServer, name: string): Promise<string[]> {
  const { db } = server.inner.store;
  const found: string[] = [];
  for (const { name: table } of await db.introspection.getTables()) {
    const rows = await db.selectFrom(table).selectAll().execute();
    if (rows.some((row) => JSON.stringify(row).includes(name))) found.push(table);
  }
  return found.sort();
}

const cluster = await withPostgres();
Deno.test.afterAll(async () => await cluster?.stop());

Deno.test("sqlite: nothing of a deleted account is left in any table", () => test({}));

if (cluster !== undefined) {
  Deno.test("postgres: nothing of a deleted account is left in any table", async () => {
    await test({ store: { url: await cluster.database() } });
  });
}

async function test(settings: Table): Promise<void> {
  await withServer({ modules: { register: true }, ...settings }, {}, async (server) => {
    const friend = await online(server, "friend");
    const client = await online(server, NAME);

    // A little of everything that an account can leave.
    await client.request(
      "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Z</FN></vCard></iq>",
      "<iq type='result' id='v'/>",
    );
    await client.request(
      "<iq type='set' id='p'><query xmlns='jabber:iq:private'><a xmlns='n:s'>1</a></query></iq>",
      "<iq type='result' id='p'/>",
    );
    await client.request(
      "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block></iq>",
      "<iq type='result' id='b'/>",
    );
    await client.request(
      "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='x@y' name='X'/></query></iq>",
      "<iq type='result' id='r'/>",
    );
    await client.close();
    const gone = await login(server, NAME);
    await gone.close();
    friend.send(`<message to='${NAME}@localhost' type='chat'><body>hello</body></message>`);
    await friend.sync();
    // What is written behind is written now.
    for (const name of ["last", "auth"]) {
      await server.inner.unloadModule(server.host(), name);
      await server.inner.loadModule(server.host(), name);
    }
    const before = await tablesNaming(server, NAME);
    for (
      const table of [
        "accounts",
        "blocked",
        "last_logouts",
        "offline_messages",
        "private_xml",
        "roster_items",
        "vcards",
      ]
    ) {
      assert(before.includes(table), `${table} holds nothing of the account before it is deleted`);
    }

    // While it is online, so that what follows from the end of its sessions comes in between.
    const last = await login(server, NAME);
    const deleted = server.host().hooks.ask(deleteAccount, parseJid(`${NAME}@localhost`)!);
    await last.streamError("not-authorized");
    assert.equal(await deleted, true);
    for (const name of ["last", "auth"]) await server.inner.unloadModule(server.host(), name);
    assert.deepEqual(await tablesNaming(server, NAME), []);
  });
}
