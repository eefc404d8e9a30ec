/** XEP-0386 with XEP-0313: a client that binds learns where its archive stands. */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import { MAM, page } from "../helpers/mam.ts";
import { BIND2, plain, secured, succeeds } from "../helpers/sasl2.ts";
import { type TestServer, withServer } from "../helpers/server.ts";

const BIND = `<bind xmlns='${BIND2}'/>`;

Deno.test("the state of the archive comes with the bound resource (§3.2)", () =>
  withServer({}, {}, async (server) => {
    await server.addUser("bob@localhost", "secret");
    const first = await secured(server);
    first.send(plain("bob", "secret", BIND));
    await succeeds(
      first,
      `<bound xmlns='${BIND2}'><metadata xmlns='${MAM}'>{empty}</metadata></bound>`,
    );
    await first.closed();

    const alice = await online(server, "alice");
    for (const body of ["one", "two"]) {
      alice.send(`<message to='bob@localhost' type='chat'><body>${body}</body></message>`);
    }
    await alice.sync();
    const second = await secured(server);
    second.send(plain("bob", "secret", BIND));
    await succeeds(
      second,
      `<bound xmlns='${BIND2}'><metadata xmlns='${MAM}'><start id='{any}' timestamp='{any}Z'/><end id='{any}'/></metadata></bound>`,
    );
  }));

/** Two messages for Bob, who is not there; one of them is not to be archived. Then he comes. */
async function come(server: TestServer): Promise<TestClient> {
  await server.addUser("bob@localhost", "secret");
  const alice = await online(server, "alice");
  alice.send(
    "<message to='bob@localhost' type='chat'><body>passing</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>",
  );
  alice.send("<message to='bob@localhost' type='chat'><body>archived</body></message>");
  await alice.sync();
  const bob = await secured(server);
  bob.send(plain("bob", "secret", BIND));
  await succeeds(bob, `<bound xmlns='${BIND2}'/>`);
  bob.send("<presence/>");
  await bob.eventually("<message><body>passing</body></message>");
  return bob;
}

Deno.test("an offline message bears the id that it has in the archive", () =>
  withServer({}, {}, async (server) => {
    const bob = await come(server);
    const { id } = await bob.receives(
      "<message><body>archived</body><stanza-id xmlns='urn:xmpp:sid:0' by='bob@localhost' id='{id}'/></message>",
    );
    assert.deepEqual((await page(bob)).ids, [id]);
  }));

Deno.test("what the archive has does not come again as an offline message (§3.2)", () =>
  withServer({ modules: { mam: { clear_offline: true } } }, {}, async (server) => {
    const bob = await come(server);
    await bob.receivesNothing(100);
    const { bodies } = await page(bob);
    assert.deepEqual(bodies, ["archived"]);
  }));
