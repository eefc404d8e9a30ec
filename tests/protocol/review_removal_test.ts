/** Accounts, hosts and servers that go while somebody is about to use them. */

import assert from "node:assert/strict";
import { createAccount, deleteAccount } from "../../lib/hooks/accounts.ts";
import { sessionClosed } from "../../lib/hooks/streams.ts";
import { parseJid } from "../../lib/jid.ts";
import { openStore } from "../../lib/store/mod.ts";
import { connect, login, NS } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { sleep, until } from "../helpers/raw.ts";
import { startServer, withServer } from "../helpers/server.ts";

const BIND = `<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`;

Deno.test("who has logged in to an account that is deleted has no right to its successor", async () => {
  await withServer({}, {}, async (server) => {
    await server.addUser("romeo@localhost", "pass word");
    const romeo = await connect(server, { tls: "direct" });
    await romeo.open();
    await authenticate(romeo, "romeo", "pass word", "PLAIN");
    await romeo.open();
    const { hooks } = server.host();
    const jid = parseJid("romeo@localhost")!;
    assert.equal(await hooks.ask(deleteAccount, jid), true);
    assert.equal(await hooks.ask(createAccount, jid, "another password"), "created");
    romeo.send(BIND);
    await romeo.streamError("not-authorized");
    // The new owner is not concerned.
    const successor = await login(server, "romeo", { password: "another password" });
    await successor.sync();
  });
});

Deno.test("nobody binds a resource on a host that is gone", async () => {
  await withServer({ hosts: { localhost: {}, "b.example": {} } }, {}, async (server) => {
    await server.addUser("romeo@b.example", "pass word");
    const romeo = await connect(server, { tls: "direct", domain: "b.example" });
    await romeo.open();
    await authenticate(romeo, "romeo", "pass word", "PLAIN");
    await romeo.open();
    const host = server.host("b.example");
    await server.inner.removeHost(host);
    romeo.send(BIND);
    await romeo.streamError("host-gone");
    assert.equal(host.sessions, 0);
  });
});

Deno.test("of two clients that remove their account at once the first is told that it is gone", async () => {
  await withServer({ modules: { register: true } }, {}, async (server) => {
    const remove = "<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>";
    for (const name of ["u1", "u2", "u3", "u4", "u5"]) {
      const both = [await login(server, name), await login(server, name)];
      for (const client of both) client.send(remove);
      await until(() => server.host().account(parseJid(`${name}@localhost`)!) === undefined, "end");
      await sleep(50);
      const told = both.filter((client) =>
        client.transcript.some((line) => line.startsWith("S:") && /type='result' id='r'/.test(line))
      );
      assert.equal(told.length, 1);
    }
  });
});

Deno.test("what a session leaves to be done is done before the server stops", async () => {
  const server = await startServer();
  let done = "";
  server.host().hooks.add(sessionClosed, "test", async () => {
    await sleep(150);
    await server.inner.store.ping();
    done = "with the store open";
  });
  const alice = await login(server, "alice");
  alice.cut();
  await until(() => server.host().sessions === 0, "the end of the session");
  await server.stop();
  assert.equal(done, "with the store open");
});

Deno.test("a deletion that the end of the server cuts short is finished by the next start", async () => {
  const server = await startServer();
  try {
    const client = await login(server, "zebedee");
    await client.request(
      "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='x@y'/></query></iq>",
      "<iq type='result' id='r'/>",
    );
    await client.close();
    const deleted = server.host().hooks.ask(deleteAccount, parseJid("zebedee@localhost")!);
    await server.inner.stop();
    await deleted;
    // While anything is left of it, the name is not free, and it is known that there is work to do.
    const store = await openStore({ url: `sqlite:${server.inner.config.store.location}` });
    const rows = async (table: string) =>
      await store.db.selectFrom(table).selectAll().where("node", "=", "zebedee").execute();
    const [account] = await rows("accounts");
    if (account === undefined) assert.deepEqual(await rows("roster_items"), []);
    else assert.equal(Number(account.deleted), 1);
    await store.close();
  } finally {
    await server.stop();
  }
});
