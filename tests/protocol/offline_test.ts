/** XEP-0160 and XEP-0203: messages kept for accounts that are offline. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { bobJid, chat, DELAY, kept, messagesFor, settled, withBoth } from "../helpers/offline.ts";
import { withServer } from "../helpers/server.ts";
import { StanzaError } from "../../lib/errors.ts";
import { messageOffline, sessionSend, stanzaToAccount } from "../../lib/hooks/stanzas.ts";
import { offlineList, offlineRemove, offlineStore } from "../../lib/hooks/storage.ts";
import { parseJid } from "../../lib/jid.ts";
import { message } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

Deno.test("messages are kept, and delivered once, in order, with their time", () =>
  withBoth(async (alice, server) => {
    const before = Date.now();
    for (const n of [1, 2, 3]) alice.send(chat(`message ${n}`));
    alice.send("<message to='bob@localhost/gone' type='chat'><body>to a resource</body></message>");
    alice.send("<message to='bob@localhost'><subject>of type normal</subject></message>");
    await alice.receivesNothing();
    assert.equal(await kept(server), 5);

    const bob = await login(server, "bob");
    await bob.receivesNothing();
    bob.send("<presence/>");
    for (const n of [1, 2, 3]) {
      const { stamp } = await bob.eventually(
        `<message type='chat' from='${alice.jid}' to='bob@localhost'>
          <body>message ${n}</body>${DELAY}</message>`,
      );
      const time = Date.parse(stamp!);
      assert(time >= before - 1 && time <= Date.now());
    }
    await bob.eventually(
      `<message to='bob@localhost/gone'><body>to a resource</body>${DELAY}</message>`,
    );
    await bob.eventually(`<message><subject>of type normal</subject>${DELAY}</message>`);
    await bob.sync();
    bob.skip();
    await settled(server);
    assert.equal(await kept(server), 0);

    await bob.close();
    const again = await login(server, "bob");
    again.send("<presence/>");
    await again.sync();
    assert(!again.transcript.join("").includes("<message"));
  }));

Deno.test("only what is worth keeping is kept (XEP-0160 §3, XEP-0334)", () =>
  withBoth(async (alice, server) => {
    const hints = "xmlns='urn:xmpp:hints'";
    const state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
    const refused = [
      `<message id='r0' to='bob@localhost' type='groupchat'><body>a</body></message>`,
      `<message id='r1' to='bob@localhost' type='chat'>${state}</message>`,
      `<message id='r2' to='bob@localhost' type='chat'>${state}<thread>t</thread></message>`,
      `<message id='r3' to='bob@localhost'/>`,
      `<message id='r4' to='bob@localhost'><body>a</body><no-store ${hints}/></message>`,
      `<message id='r5' to='bob@localhost'><store ${hints}/><no-store ${hints}/></message>`,
    ];
    for (const [i, text] of refused.entries()) {
      alice.send(text);
      await alice.receives(
        `<message id='r${i}' type='error'><error type='cancel'>
          <service-unavailable xmlns='${STANZAS}'/></error></message>`,
      );
    }
    alice.send("<message to='bob@localhost' type='headline'><body>a</body></message>");
    alice.send("<message to='bob@localhost' type='error'><body>a</body></message>");
    await alice.receivesNothing();
    assert.equal(await kept(server), 0);

    alice.send(chat("a", state));
    alice.send(chat("a", `<no-permanent-store ${hints}/>`));
    alice.send(`<message to='bob@localhost' type='chat'>${state}<store ${hints}/></message>`);
    alice.send("<message to='bob@localhost'><x xmlns='some:extension'/></message>");
    await alice.receivesNothing();
    assert.equal(await kept(server), 4);
  }));

Deno.test("over the quota the sender is told", () =>
  withBoth(async (alice, server) => {
    for (const body of ["1", "2", "3"]) alice.send(chat(body));
    await alice.receives(
      `<message type='error' from='bob@localhost'><error type='cancel'>
        <service-unavailable xmlns='${STANZAS}'/></error></message>`,
    );
    assert.equal(await kept(server), 2);
    const bob = await online(server, "bob");
    await settled(server);
    await bob.close();
    alice.send(chat("4"));
    await alice.receivesNothing();
    assert.equal(await kept(server), 1);
  }, { modules: { offline: { quota: 2 } } }));

Deno.test("the quota of characters holds too", () =>
  withBoth(async (alice, server) => {
    const long = "x".repeat(50_000);
    alice.send(chat(long));
    await alice.receivesNothing();
    alice.send(chat(long));
    await alice.receives(
      `<message type='error'><error><service-unavailable xmlns='${STANZAS}'/></error></message>`,
    );
    assert.equal(await kept(server), 1);
  }, { modules: { offline: { quota_bytes: "64 KiB" } } }));

Deno.test("messages too old are given up", () =>
  withBoth(async (_alice, server) => {
    const { hooks } = server.host();
    const store = (ageMs: number, body: string) =>
      hooks.ask(offlineStore, bobJid, {
        stamp: Date.now() - ageMs,
        from: "alice@localhost",
        xml: `<message to='bob@localhost'><body>${body}</body></message>`,
      });
    await store(2 * 3_600_000, "old");
    await store(0, "new");
    assert.equal(await kept(server), 1);
    const bob = await login(server, "bob");
    bob.send("<presence/>");
    assert.deepEqual(await messagesFor(bob, 1), ["new"]);
  }, { modules: { offline: { max_age: "1h" } } }));

Deno.test("a negative priority gets nothing until it is one no more", () =>
  withBoth(async (alice, server) => {
    const bob = await online(server, "bob", {
      presence: "<presence><priority>-1</priority></presence>",
    });
    alice.send(chat("hello"));
    await alice.receivesNothing();
    await bob.receivesNothing();
    assert.equal(await kept(server), 1);
    bob.send("<presence><priority>0</priority></presence>");
    assert.deepEqual(await messagesFor(bob, 1), ["hello"]);
    await settled(server);

    // And again, for the next one that comes in between.
    bob.send("<presence><priority>-1</priority></presence>");
    await bob.sync();
    alice.send(chat("again"));
    await alice.sync();
    bob.send("<presence/>");
    assert.deepEqual(await messagesFor(bob, 1), ["again"]);
  }));

Deno.test("two logins at once get every message once between them", () =>
  withBoth(async (alice, server) => {
    const count = 500;
    for (let i = 0; i < count; i++) alice.send(chat(`m${i}`));
    await alice.sync();
    assert.equal(await kept(server), count);
    const clients = await Promise.all([1, 2, 3].map(() => login(server, "bob")));
    for (const client of clients) client.send("<presence/>");
    await settled(server);
    const got: string[] = [];
    for (const client of clients) got.push(...await bodiesOf(client));
    assert.equal(got.length, count);
    assert.equal(new Set(got).size, count);
    assert.equal(await kept(server), 0);
  }, { limits: { burst_bytes: "1 MiB" } }));

/** Bodies of all messages that have come so far. */
async function bodiesOf(client: TestClient): Promise<string[]> {
  client.send("<iq type='get' id='end' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
  const found: string[] = [];
  for (;;) {
    const tag = await client.next();
    if (tag.attrs.id === "end") return found;
    if (tag.name !== "message") continue;
    found.push(tag.elements().find((e) => e.name === "body")!.text());
  }
}

Deno.test("a session that dies while it is sent to loses nothing", () =>
  withBoth(async (alice, server) => {
    const count = 200;
    const long = "y".repeat(60_000); // more than the buffers between us
    for (let i = 0; i < count; i++) alice.send(chat(`${i} ${long}`));
    await alice.sync();
    assert.equal(await kept(server), count);

    const deaf = await login(server, "bob");
    deaf.tls.pause();
    deaf.send("<presence/>");
    await new Promise((resolve) => setTimeout(resolve, 200));
    deaf.cut();
    for (let i = 0; i < 100 && server.host().account(bobJid) !== undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const left = await kept(server);
    assert(left > 0, "the connection took all of it at once: the test needs more messages");

    const bob = await login(server, "bob");
    bob.send("<presence/>");
    const bodies = await messagesFor(bob, left);
    // The rest, complete and in order.
    assert.deepEqual(
      bodies.map((b) => Number(b.split(" ")[0])),
      Array.from({ length: left }, (_, i) => count - left + i),
    );
    await settled(server);
    assert.equal(await kept(server), 0);
  }, { modules: { offline: { quota_bytes: "64 MiB" } } }));

Deno.test("a message stored while its recipient logs in is delivered", () =>
  withBoth(async (alice, server) => {
    const { hooks } = server.host();
    let go = () => {};
    const gate = new Promise<void>((resolve) => go = resolve);
    const remove = hooks.add(offlineStore, "slow", async () => {
      await gate;
      return undefined;
    }, { priority: 10 });
    alice.send(chat("just in time"));
    const bob = await online(server, "bob");
    go();
    assert.deepEqual(await messagesFor(bob, 1), ["just in time"]);
    remove();
    await settled(server);
    assert.equal(await kept(server), 0);
  }));

Deno.test("filters on what is sent to clients see kept messages as stanzas", () =>
  withBoth(async (alice, server) => {
    alice.send(chat("a &lt; b", "<x xmlns='some:extension'><y/></x>"));
    await alice.sync();
    const seen: string[] = [];
    const remove = server.host().hooks.add(sessionSend, "test", (stanza) => {
      if (stanza.name === "message") {
        seen.push(`${stanza.from?.full} ${stanza.childText("body")}`);
        return stanza.append(xml("seen", "some:filter"));
      }
    });
    const bob = await login(server, "bob");
    bob.send("<presence/>");
    await bob.eventually(
      `<message><body>a &lt; b</body><x xmlns='some:extension'><y/></x>${DELAY}
        <seen xmlns='some:filter'/></message>`,
    );
    remove();
    assert.deepEqual(seen, [`${alice.jid} a < b`]);
  }));

Deno.test("nobody passes a delay off as ours, and a message that comes back keeps its own", () =>
  withBoth(async (alice, server) => {
    const old = "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'/>";
    const room = "<delay xmlns='urn:xmpp:delay' from='a.room' stamp='2002-01-01T00:00:00Z'/>";
    alice.send(chat("forged", old + room));
    await alice.sync();
    const returned = message(
      { type: "chat", from: parseJid(alice.jid)!, to: bobJid },
      xml("body", "jabber:client", {}, "returned"),
      xml("delay", "urn:xmpp:delay", { from: "localhost", stamp: "2003-01-01T00:00:00Z" }),
    );
    await server.host().hooks.ask(messageOffline, returned, bobJid);
    const [forged, back] = await server.host().hooks.ask(offlineList, bobJid) ?? [];
    assert(!forged!.xml.includes("2001") && forged!.xml.includes("2002"));
    assert(!back!.xml.includes("2003"));
    assert.equal(new Date(back!.stamp).getUTCFullYear(), 2003);
  }));

Deno.test("what another module stores for is its own", () =>
  withBoth(async (alice, server) => {
    const { hooks } = server.host();
    const elsewhere: string[] = [];
    hooks.add(offlineStore, "other", (_account, m) => {
      elsewhere.push(m.xml);
      return "stored" as const;
    }, { priority: 1 });
    hooks.add(offlineList, "other", () =>
      elsewhere.map((xml, i) => ({ id: i, stamp: 0, from: "alice@localhost", xml })), {
      priority: 1,
    });
    hooks.add(offlineRemove, "other", () => {
      elsewhere.length = 0;
      return true as const;
    }, { priority: 1 });
    alice.send(chat("elsewhere"));
    await alice.sync();
    assert.equal(elsewhere.length, 1);
    const bob = await login(server, "bob");
    bob.send("<presence/>");
    await bob.eventually(
      `<message><body>elsewhere</body>
        <delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:00.000Z'/></message>`,
    );
    await settled(server);
    const { db } = server.inner.store;
    assert.deepEqual(await db.selectFrom("offline_messages").selectAll().execute(), []);
  }));

Deno.test("a store that fails is told to the sender, and nothing is lost in silence", async () => {
  await withServer({}, { mayLogErrors: true }, async (server) => {
    await server.addUser("bob@localhost", "password of bob");
    const alice = await login(server, "alice");
    server.host().hooks.add(offlineStore, "broken", () => Promise.reject(new Error("disk")), {
      priority: 1,
    });
    alice.send(chat("hello"));
    await alice.receives(
      `<message type='error'><error><internal-server-error xmlns='${STANZAS}'/></error></message>`,
    );
  });
});

Deno.test("a filter that refuses comes before anything is stored", () =>
  withBoth(async (alice, server) => {
    server.host().hooks.add(stanzaToAccount, "test", (_stanza, to) => {
      if (to.bare === bobJid.bare) throw new StanzaError("policy-violation");
    });
    alice.send("<message to='bob@localhost' id='m'><body>a</body></message>");
    await alice.receives(
      `<message id='m' type='error'><error><policy-violation xmlns='${STANZAS}'/></error></message>`,
    );
    assert.equal(await kept(server), 0);
  }));
