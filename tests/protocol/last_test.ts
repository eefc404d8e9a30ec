/** XEP-0012: Last Activity. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { mayDiscover } from "../../lib/hooks/disco.ts";
import { iqToSession } from "../../lib/hooks/stanzas.ts";
import { parseJid } from "../../lib/jid.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const ASK = (to: string) => `<iq type='get' id='l' to='${to}'><query xmlns='jabber:iq:last'/></iq>`;
const ANSWER = "<iq type='result' id='l'><query xmlns='jabber:iq:last' seconds='{seconds}'/></iq>";

function refused(condition: string): string {
  return `<iq type='error' id='l'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** Lets everybody see everybody. */
function open(server: TestServer): void {
  server.host().hooks.add(mayDiscover, "test", () => true, { priority: 1000 });
}

async function gone(client: TestClient, server: TestServer): Promise<void> {
  await client.close();
  const jid = parseJid(client.jid)!;
  for (let i = 0; i < 100 && server.host().account(jid) !== undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("the host tells how long it has been up (§5)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const { seconds } = await alice.request(ASK("localhost"), ANSWER);
    assert(Number(seconds) >= 0 && Number(seconds) < 60);
  }));

Deno.test("an account that was never online, is, and was (§3)", () =>
  withServer({}, {}, async (server) => {
    open(server);
    await server.addUser("bob@localhost", "password of bob");
    const alice = await login(server, "alice");
    await alice.request(ASK("bob@localhost"), refused("item-not-found"));
    const bob = await online(server, "bob");
    await alice.request(
      ASK("bob@localhost"),
      "<iq type='result' id='l'><query xmlns='jabber:iq:last' seconds='0'>{empty}</query></iq>",
    );
    bob.send("<presence type='unavailable'><status>Heading Home</status></presence>");
    await gone(bob, server);
    await alice.request(
      ASK("bob@localhost"),
      "<iq type='result' id='l'><query xmlns='jabber:iq:last' seconds='{s}'>Heading Home</query></iq>",
    );
    // The next time without a word.
    await gone(await online(server, "bob"), server);
    await alice.request(
      ASK("bob@localhost"),
      "<iq type='result' id='l'><query xmlns='jabber:iq:last' seconds='{s}'>{empty}</query></iq>",
    );
  }));

Deno.test("it is written, and read after a restart of the module", () =>
  withServer({}, {}, async (server) => {
    open(server);
    await gone(await online(server, "bob"), server);
    await server.inner.unloadModule(server.host(), "last");
    const { db } = server.inner.store;
    const old = Date.now() - 3_600_000;
    const [row] = await db.selectFrom("last_logouts").selectAll().execute();
    assert.equal(row?.node, "bob");
    await db.updateTable("last_logouts").set({ time: old }).execute();
    await server.inner.loadModule(server.host(), "last");
    const alice = await login(server, "alice");
    const { seconds } = await alice.request(ASK("bob@localhost"), ANSWER);
    assert(Number(seconds) >= 3600 && Number(seconds) < 3660);
  }));

Deno.test("who may not see the presence learns nothing (§3, §4)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await online(server, "bob");
    await alice.request(ASK("bob@localhost"), refused("forbidden"));
    await alice.request(ASK(bob.jid), refused("forbidden"));
    await bob.receivesNothing();
    open(server);
    // Behind the check of this module, before that of others.
    server.host().hooks.add(iqToSession, "test", () => true, { priority: 50 });
    alice.send(ASK(bob.jid));
    await bob.receives(`<iq type='get' id='l'><query xmlns='jabber:iq:last'/></iq>`);
  }));

Deno.test("a long status is cut, and guests leave nothing behind", () =>
  withServer(
    { hosts: { localhost: { anonymous: true } }, modules: { last: { status_length: 10 } } },
    {},
    async (server) => {
      open(server);
      const bob = await online(server, "bob");
      bob.send("<presence type='unavailable'><status>0123456789abcdef</status></presence>");
      await gone(bob, server);
      await server.inner.unloadModule(server.host(), "last");
      const { db } = server.inner.store;
      const rows = await db.selectFrom("last_logouts").selectAll().execute();
      assert.deepEqual(rows.map((r) => [r.node, r.status]), [["bob", "0123456789"]]);
    },
  ));
