/**
 * XEP-0198: sessions that survive the server. A crash is a second server on a copy of the data folder,
 * as it is at that moment.
 */

import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJid } from "../../lib/jid.ts";
import { login } from "../helpers/client.ts";
import { kept } from "../helpers/offline.ts";
import { sleep, until } from "../helpers/raw.ts";
import { startServer, type TestServer, withServer } from "../helpers/server.ts";
import { chat, DELAY, handled, managed, plainLogin, resumed, resuming, SM } from "../helpers/sm.ts";

type Settings = Record<string, unknown>;

const config = (sm: Settings) => ({ modules: { stream_management: sm } });

/** What happens before the end of the first server, and after the start of the second. */
async function twice<T>(
  end: "crash" | "stop",
  before: (server: TestServer) => Promise<T>,
  after: (server: TestServer, left: T) => Promise<void>,
  sm: Settings = {},
  smAfter: Settings = sm,
): Promise<void> {
  const first = await startServer(config(sm));
  try {
    const left = await before(first);
    if (end === "stop") await first.inner.stop();
    await withServer(
      config(smAfter),
      { copyOf: first.data },
      (second) => after(second, left),
    );
  } finally {
    await first.stop();
  }
}

for (const end of ["crash", "stop"] as const) {
  Deno.test(`${end}: the session is there again, with its presence and what it has missed`, () =>
    twice(end, async (server) => {
      const { client: romeo, id } = await managed(server, "romeo", { resource: "balcony" });
      romeo.send("<presence><status>here</status><priority>5</priority></presence>");
      await romeo.receives("<presence/>");
      const juliet = await login(server, "juliet");
      romeo.send(chat(juliet.jid, "hi"));
      juliet.send(chat(romeo.jid, "one"));
      await romeo.receives("<message><body>one</body></message>");
      juliet.send(chat("romeo@localhost", "two"));
      await romeo.receives("<message><body>two</body></message>");
      romeo.send(`<a xmlns='${SM}' h='2'/>`); // the presence, and one
      assert.equal(await handled(romeo), 2);
      if (end === "crash") romeo.cut();
      await sleep(50);
      juliet.send(chat("romeo@localhost", "three"));
      await juliet.sync();
      await sleep(50);
      return { id, jid: romeo.jid };
    }, async (server, { id, jid }) => {
      const session = server.host().session(parseJid(jid)!)!;
      assert.equal(session.priority, 5);
      assert.equal(session.presence!.childText("status"), "here");
      const garden = await plainLogin(server, "romeo", { resource: "garden" });
      garden.send("<presence/>");
      await garden.receivesAll(
        "<presence from='romeo@localhost/garden'/>",
        `<presence from='${jid}'><status>here</status></presence>`,
      );
      const juliet = await login(server, "juliet");
      juliet.send(chat("romeo@localhost", "four"));
      await juliet.sync();

      const { client, count } = await resumed(server, "romeo", id, 2);
      assert.equal(count, 2);
      await client.receives(`<message><body>two</body>${DELAY}</message>`);
      await client.receives(`<message><body>three</body>${DELAY}</message>`);
      await client.eventually(`<message><body>four</body>${DELAY}</message>`);
      client.send(chat(juliet.jid, "back again"));
      await juliet.receives(`<message from='${jid}'><body>back again</body></message>`);
      assert.equal(await handled(client), 3);
    }));
}

Deno.test("crash: who does not come back leaves its messages to the account, once", () =>
  twice("crash", async (server) => {
    const { client: romeo, id } = await managed(server, "romeo");
    const juliet = await login(server, "juliet");
    romeo.cut();
    await sleep(20);
    for (let i = 0; i < 5; i++) juliet.send(chat("romeo@localhost", `${i}`));
    await juliet.sync();
    await sleep(50);
    return id;
  }, async (server, id) => {
    await until(() => server.host().sessions === 0, "the end of the session");
    const late = await resuming(server, "romeo", id, 0);
    await late.receives(
      `<failed xmlns='${SM}' h='{any}'>` +
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    );
    await late.bind();
    late.send("<presence/>");
    for (let i = 0; i < 5; i++) {
      await late.eventually(`<message><body>${i}</body>${DELAY}</message>`);
    }
    await late.receivesNothing(100);
  }, { resume_timeout: "1s" }));

Deno.test("crash: sessions that had ended, and those that could not be resumed, stay away", () =>
  twice("crash", async (server) => {
    const { client: a } = await managed(server, "a");
    await a.close();
    const b = await plainLogin(server, "b");
    b.send(`<enable xmlns='${SM}'/>`);
    await b.receives(`<enabled xmlns='${SM}'/>`);
    await sleep(50);
  }, async (server) => {
    assert.equal(server.host().sessions, 0);
    await Promise.resolve();
  }));

Deno.test("crash: an account that was deleted does not come back with its session", () =>
  twice("crash", async (server) => {
    const { client } = await managed(server, "romeo");
    client.cut();
    await sleep(50);
    // The store has it, the journal not yet: the worst moment of all.
    await server.inner.store.db.deleteFrom("accounts").execute();
  }, async (server) => {
    assert.equal(server.host().sessions, 0);
    await Promise.resolve();
  }));

Deno.test('durability "off": nothing is left, and messages that were kept are still there', () =>
  twice("crash", async (server) => {
    await server.addUser("bob@localhost", "password of bob");
    const juliet = await login(server, "juliet");
    for (let i = 0; i < 3; i++) juliet.send(chat("bob@localhost", `${i}`));
    await juliet.sync();
    const { client: bob, id } = await managed(server, "bob", { available: false });
    bob.send("<presence/>");
    await bob.eventually("<message><body>2</body></message>");
    await sleep(50);
    // Not acknowledged by anybody: they stay where they are.
    assert.equal(await kept(server), 3);
    return id;
  }, async (server, id) => {
    const bob = await resuming(server, "bob", id, 0);
    await bob.receives(
      `<failed xmlns='${SM}' h='{absent}'>` +
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    );
    await bob.bind();
    bob.send("<presence/>");
    for (let i = 0; i < 3; i++) await bob.eventually(`<message><body>${i}</body></message>`);
  }, { durability: "off" }));

Deno.test("a journal is read once more when it is switched off, and removed", () =>
  twice(
    "crash",
    async (server) => {
      const { client, id } = await managed(server, "romeo");
      client.cut();
      await sleep(50);
      return id;
    },
    async (server, id) => {
      await resumed(server, "romeo", id, 0);
      assert.throws(
        () => Deno.statSync(`${server.data}/sm.journal/localhost`),
        Deno.errors.NotFound,
      );
    },
    {},
    { durability: "off" },
  ));

Deno.test("stop: with nothing that lasts, messages go to where they are kept", () =>
  twice("stop", async (server) => {
    const { client } = await managed(server, "bob");
    const juliet = await login(server, "juliet");
    client.cut();
    await sleep(20);
    juliet.send(chat("bob@localhost", "missed"));
    await juliet.sync();
  }, async (server) => {
    assert.equal(await kept(server), 1);
  }, { durability: "off" }));

Deno.test("crash: kept messages on their way are there once, wherever they were", () =>
  twice("crash", async (server) => {
    await server.addUser("bob@localhost", "password of bob");
    const juliet = await login(server, "juliet");
    for (let i = 0; i < 10; i++) juliet.send(chat("bob@localhost", `${i}`));
    await juliet.sync();
    // They are in the journal; that they leave the store takes its time.
    const { offlineRemove } = await import("../../lib/hooks/storage.ts");
    server.host().hooks.add(offlineRemove, "slow", () => new Promise(() => {}), { priority: 1 });
    const { client: bob, id } = await managed(server, "bob", { available: false });
    bob.send("<presence/>");
    await bob.eventually("<message><body>9</body></message>");
    await sleep(50);
    assert.equal(await kept(server), 10);
    return id;
  }, async (server, id) => {
    assert.equal(await kept(server), 0);
    const { client: bob } = await resumed(server, "bob", id, 1);
    for (let i = 0; i < 10; i++) {
      await bob.receives(`<message><body>${i}</body>${DELAY}</message>`);
    }
    await bob.receives(`<r xmlns='${SM}'/>`);
    await handled(bob);
    assert.equal(bob.pending, 0);
  }));

Deno.test("crash: what modules know of a session is there again", () =>
  twice("crash", async (server) => {
    const { client: romeo, id } = await managed(server, "romeo");
    romeo.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    await romeo.receives("<iq type='result' id='r'/>");
    romeo.send("<presence to='room@rooms.localhost/me'/>");
    await romeo.eventually("<presence type='error'/>");
    await handled(romeo);
    await sleep(50);
    return { id, jid: romeo.jid };
  }, async (server, { id }) => {
    const { client, count } = await resumed(server, "romeo", id, 2);
    assert.equal(count, 2);
    client.send(
      "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='j@l'/></query></iq>",
    );
    await client.receivesAll(
      "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='j@l'/></query></iq>",
      "<iq type='result' id='s'/>",
    );
  }));

Deno.test("new settings while sessions go on, and the module switched off", async () => {
  await withServer(config({}), {}, async (server) => {
    const { client: romeo, id } = await managed(server, "romeo");
    const two = await managed(server, "two");
    two.client.cut();
    const juliet = await login(server, "juliet");
    await sleep(20);
    const host = server.host();
    await server.inner.unloadModule(host, "stream_management");
    juliet.send(chat(romeo.jid, "in between") + chat("two@localhost", "kept"));
    await romeo.receives("<message><body>in between</body></message>");
    await server.inner.loadModule(host, "stream_management");
    assert.equal(await handled(romeo), 0);
    romeo.cut();
    const { client } = await resumed(server, "romeo", id, 0);
    await client.receives(`<message><body>in between</body>${DELAY}</message>`);
    await server.inner.unloadModule(host, "stream_management");
    await until(() => host.sessions === 2, "the end of what waits");
    client.send(chat(juliet.jid, "still here"));
    await juliet.receives("<message><body>still here</body></message>");
    await server.inner.loadModule(host, "stream_management");
    const again = await login(server, "two");
    again.send("<presence/>");
    await again.eventually(`<message><body>kept</body>${DELAY}</message>`);
  });
});

Deno.test("crash: the client has got more than the journal knows, and gets all the rest", async () => {
  const image = await mkdtemp(join(tmpdir(), "confab-image-"));
  try {
    let id = "";
    await withServer(config({}), {}, async (server) => {
      const { client: romeo, id: smId } = await managed(server, "romeo");
      id = smId;
      const juliet = await login(server, "juliet");
      juliet.send(chat(romeo.jid, "in the journal"));
      await romeo.receives("<message/>");
      await sleep(50);
      await cp(server.data, image, { recursive: true });
      juliet.send(chat(romeo.jid, "lost") + chat(romeo.jid, "lost too"));
      await romeo.receives("<message><body>lost</body></message>");
      await romeo.receives("<message><body>lost too</body></message>");
    });
    const again = async (body: string) => {
      const server = await startServer(config({}), { copyOf: image });
      const juliet = await login(server, "juliet");
      juliet.send(chat("romeo@localhost", body));
      await juliet.sync();
      await sleep(50);
      return server;
    };
    // It dies again before its client is back.
    const second = await again("new");
    await cp(second.data, image, { recursive: true });
    await second.stop();
    for (const h of [1, 3]) {
      const server = await again("newer");
      const wrong = await resuming(server, "romeo", id, 100_000);
      await wrong.streamError("undefined-condition");
      const { client } = await resumed(server, "romeo", id, h);
      await client.receives(`<message><body>new</body>${DELAY}</message>`);
      await client.receives(`<message><body>newer</body>${DELAY}</message>`);
      await client.receives(`<r xmlns='${SM}'/>`);
      client.send(`<a xmlns='${SM}' h='${h + 1}'/>`);
      assert.equal(await handled(client), 0);
      await sleep(50);
      // And once more: the numbers are those of the client now.
      await cp(server.data, `${image}/more`, { recursive: true });
      await server.stop();
      const third = await startServer(config({}), { copyOf: `${image}/more` });
      const { client: last } = await resumed(third, "romeo", id, h + 1);
      await last.receives(`<message><body>newer</body>${DELAY}</message>`);
      assert.equal(await handled(last), 0);
      await third.stop();
      await rm(`${image}/more`, { recursive: true });
    }
  } finally {
    await rm(image, { recursive: true });
  }
});
