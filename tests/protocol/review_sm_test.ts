/** XEP-0198: what is easily forgotten of sessions that wait, of restarts and of nonsense. */

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StreamError } from "../../lib/errors.ts";
import { setAccountEnabled, setPassword } from "../../lib/hooks/accounts.ts";
import { sessionClosed, sessionHibernated } from "../../lib/hooks/streams.ts";
import { stanzaToAccount } from "../../lib/hooks/stanzas.ts";
import { parseJid } from "../../lib/jid.ts";
import { message, presence } from "../../lib/stanza.ts";
import { showFeatures } from "../helpers/caps.ts";
import { login, online, type TestClient } from "../helpers/client.ts";
import { kept } from "../helpers/offline.ts";
import { sleep, until } from "../helpers/raw.ts";
import { startServer, type Table, type TestServer, withServer } from "../helpers/server.ts";
import {
  authenticated,
  chat,
  DELAY,
  enable,
  handled,
  managed,
  plainLogin,
  resumed,
  resuming,
  SM,
} from "../helpers/sm.ts";

const NOT_FOUND = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
const TUNE = "http://jabber.org/protocol/tune";
const PUBSUB = "http://jabber.org/protocol/pubsub";

const sm = (settings: Table) => ({ modules: { stream_management: settings } });

const story = (
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
) => Deno.test(name, () => withServer(settings, {}, transcript));

function sessionOf(server: TestServer, client: TestClient) {
  return server.host().session(parseJid(client.jid)!)!;
}

/** What happens before the first server is killed, and after the start of the second. */
function killed<T>(
  name: string,
  before: (server: TestServer) => Promise<T>,
  after: (server: TestServer, left: T) => Promise<void>,
  { settings = {}, settingsAfter = settings, mayLogErrors = false }: {
    settings?: Table;
    settingsAfter?: Table;
    mayLogErrors?: boolean;
  } = {},
): void {
  Deno.test(name, async () => {
    const first = await startServer(settings);
    try {
      const left = await before(first);
      await sleep(50);
      const options = { copyOf: first.data, mayLogErrors };
      await withServer(settingsAfter, options, (second) => after(second, left));
    } finally {
      await first.stop();
    }
  });
}

/** Two accounts that see each other's presence. */
async function befriend(a: TestClient, b: TestClient): Promise<void> {
  const [left, right] = [a.jid.split("/")[0], b.jid.split("/")[0]];
  a.send(`<presence to='${right}' type='subscribe'/>`);
  await a.sync();
  b.send(`<presence to='${left}' type='subscribed'/><presence to='${left}' type='subscribe'/>`);
  await b.sync();
  a.send(`<presence to='${right}' type='subscribed'/>`);
  await a.sync();
  for (const client of [a, b]) client.skip();
}

/** A client with stream management that has got all that was sent before. */
async function settledManaged(client: TestClient): Promise<string> {
  await client.sync();
  client.skip();
  return await enable(client);
}

// ---- who is there after a restart ----

killed("killed: contacts whose sessions died are gone for those who come back", async (server) => {
  const romeo = await online(server, "romeo", { resource: "balcony" });
  const own = await online(server, "romeo", { resource: "gone" });
  const juliet = await online(server, "juliet", { resource: "phone" });
  const nurse = await online(server, "nurse", { resource: "kitchen" });
  await befriend(romeo, juliet);
  await befriend(romeo, nurse);
  const tablet = await online(server, "juliet", { resource: "tablet" });
  const julietId = await settledManaged(tablet);
  const left = await online(server, "juliet", { resource: "left" });
  await left.close();
  const id = await settledManaged(romeo);
  await sleep(20);
  return { id, jid: romeo.jid, own: own.jid, phone: juliet.jid, nurse: nurse.jid, julietId };
}, async (server, { id, own, phone, nurse, julietId }) => {
  const { client } = await resumed(server, "romeo", id, 0);
  await client.receivesAll(
    `<presence type='unavailable' from='${own}'/>`,
    `<presence type='unavailable' from='${phone}'/>`,
    `<presence type='unavailable' from='${nurse}'/>`,
  );
  await client.receives(`<r xmlns='${SM}'/>`);
  // The other one's session is back as well: it has never gone.
  await resumed(server, "juliet", julietId, 0);
  assert.equal(await handled(client), 0);
  assert.equal(client.pending, 0);
});

killed("killed: contacts on another host are asked", async (server) => {
  const romeo = await online(server, "romeo");
  await server.addUser("juliet@other.test", "password of juliet");
  const juliet = await login(server, "juliet", { domain: "other.test", tls: "direct" });
  juliet.send("<presence/>");
  await juliet.sync();
  await befriend(romeo, juliet);
  return await settledManaged(romeo);
}, async (server, id) => {
  const { client } = await resumed(server, "romeo", id, 0);
  await client.eventually("<presence type='unavailable' from='juliet@other.test'/>");
}, { settings: { hosts: { localhost: {}, "other.test": {} } } });

killed("killed: who has blocked a contact hears nothing of it", async (server) => {
  const romeo = await online(server, "romeo");
  const juliet = await online(server, "juliet", { resource: "phone" });
  await befriend(romeo, juliet);
  juliet.send(
    "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>",
  );
  await juliet.sync();
  return await settledManaged(romeo);
}, async (server, id) => {
  const { client } = await resumed(server, "romeo", id, 0);
  assert.equal(await handled(client), 0);
  assert.equal(client.pending, 0);
});

killed("killed: events of contacts come to those who have asked for them", async (server) => {
  const romeo = await login(server, "romeo");
  const known = showFeatures(romeo, [`${TUNE}+notify`]);
  await known;
  await romeo.sync();
  const juliet = await online(server, "juliet");
  await befriend(romeo, juliet);
  return await settledManaged(romeo);
}, async (server, id) => {
  const juliet = await online(server, "juliet");
  juliet.send(
    `<iq type='set' id='p'><pubsub xmlns='${PUBSUB}'><publish node='${TUNE}'><item>` +
      `<tune xmlns='${TUNE}'/></item></publish></pubsub></iq>`,
  );
  await juliet.receives("<iq type='result' id='p'/>");
  await juliet.sync();
  const { client } = await resumed(server, "romeo", id, 0);
  await client.eventually(
    `<message from='juliet@localhost'><event xmlns='${PUBSUB}#event'/></message>`,
  );
});

killed("killed while a client was asked for its features: it is asked again", async (server) => {
  const romeo = await login(server, "romeo");
  const id = await enable(romeo);
  await showFeatures(romeo, ["a"], { asked: false });
  await romeo.eventually("<iq type='get'/>");
  await handled(romeo);
  return id;
}, async (server, id) => {
  const { client } = await resumed(server, "romeo", id, 2);
  await client.eventually(
    "<iq type='get'><query xmlns='http://jabber.org/protocol/disco#info' node='urn:test#{any}'/></iq>",
  );
});

// ---- room ----

story("sessions that wait give way to a new one, the longest first", async (server) => {
  const ids: string[] = [];
  for (const resource of ["a", "b", "c"]) {
    const { client, id } = await managed(server, "romeo", { resource });
    client.cut();
    await until(() => sessionOf(server, client).stream === undefined, "the loss");
    await sleep(5);
    ids.push(id);
  }
  await plainLogin(server, "romeo", { resource: "d" });
  const first = await resuming(server, "romeo", ids[0]!, 0);
  await first.receives(`<failed xmlns='${SM}' h='0'>${NOT_FOUND}</failed>`);
  await resumed(server, "romeo", ids[1]!, 0);
  await resumed(server, "romeo", ids[2]!, 0);
  // Those that are connected do not.
  const last = await authenticated(server, "romeo");
  last.send("<iq type='set' id='x'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await last.receives("<iq type='error' id='x'/>");
}, { hosts: { localhost: { limits: { sessions_per_account: 3 } } } });

for (const conflict of ["refuse-new", "rename-new"]) {
  story(
    `bind.conflict "${conflict}": a session that waits is in nobody's way`,
    async (server) => {
      const { client } = await managed(server, "romeo", { resource: "phone" });
      client.cut();
      await until(() => sessionOf(server, client).stream === undefined, "the loss");
      const again = await plainLogin(server, "romeo", { resource: "phone" });
      assert.equal(again.jid, "romeo@localhost/phone");
      assert.equal(server.host().sessions, 1);
    },
    { bind: { conflict } },
  );
}

story("presence that is out of date makes room in a full queue", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  const { router } = server.inner;
  const to = parseJid(romeo.jid)!;
  const from = [1, 2, 3].map((n) => parseJid(`juliet@localhost/${n}`)!);
  const show = (n: number) => void router.route(presence({ from: from[n % 3]!, to, id: `${n}` }));
  show(0);
  await romeo.receives("<presence id='0'/>"); // may have been counted: it stays
  romeo.cut();
  await until(() => sessionOf(server, romeo).stream === undefined, "the loss");
  juliet.send(chat(romeo.jid, "first"));
  await juliet.sync();
  for (let n = 1; n <= 1000; n++) {
    show(n);
    if (n % 100 === 0) await sleep(5);
  }
  juliet.send(chat(romeo.jid, "last"));
  await juliet.sync();
  await sleep(50);
  const image = await startServer(sm({ queue: 50 }), { copyOf: server.data });
  try {
    for (const s of [server, image]) {
      const { client } = await resumed(s, "romeo", id, 1);
      await client.receives("<message><body>first</body></message>");
      const shown: number[] = [];
      for (;;) {
        const element = await client.next();
        if (element.name === "message") break;
        shown.push(Number(element.attrs.id));
      }
      assert.deepEqual(shown.slice(-3), [998, 999, 1000]);
      assert.ok(shown.length <= 50, `${shown.length} are left`);
      client.send(`<a xmlns='${SM}' h='${shown.length + 3}'/>`);
      assert.equal(await handled(client), 0);
    }
  } finally {
    await image.stop();
  }
}, sm({ queue: 50 }));

// ---- races ----

story("the same client comes back without resuming: it has all in order", async (server) => {
  for (let round = 0; round < 5; round++) {
    const { client: romeo } = await managed(server, "romeo", { resource: "phone" });
    const juliet = await login(server, "juliet");
    romeo.cut();
    await until(() => sessionOf(server, romeo).stream === undefined, "the loss");
    for (let i = 0; i < 100; i++) juliet.send(chat("romeo@localhost", `${i}`));
    await juliet.sync();
    const again = await authenticated(server, "romeo");
    again.send(
      "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" +
        "<resource>phone</resource></bind></iq><presence/>",
    );
    for (let i = 0; i < 100;) {
      const element = await again.next();
      if (element.name !== "message") continue;
      assert.equal(element.child("body", "jabber:client")!.text(), `${i++}`);
    }
    await again.close();
    await juliet.close();
    await until(() => server.host().sessions === 0, "the end");
  }
});

story("resumed while its end is being announced: there is none to resume", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  const session = sessionOf(server, romeo);
  romeo.cut();
  await until(() => session.stream === undefined, "the loss");
  let go = () => {};
  const gone = new Promise<void>((done) => go = done);
  server.host().hooks.add(sessionClosed, "slow", () => gone);
  session.end(new StreamError("reset"));
  const again = await resuming(server, "romeo", id, 0);
  await again.receives(`<failed xmlns='${SM}'>${NOT_FOUND}</failed>`);
  go();
  await again.bind();
});

story("a resumption that comes to nothing is no second loss", async (server) => {
  const { hooks } = server.host();
  let told = 0;
  hooks.add(sessionHibernated, "test", () => void told++);
  const { client: romeo, id } = await managed(server, "romeo");
  let go = () => {};
  hooks.add(stanzaToAccount, "slow", (stanza) => {
    if (stanza.id === "slow" && !stanza.isError) return new Promise<void>((done) => go = done);
  });
  romeo.send("<message to='nobody@localhost' id='slow'><body>x</body></message>");
  await sleep(20);
  romeo.cut();
  await sleep(20);
  const second = await resuming(server, "romeo", id, 0);
  await sleep(20);
  second.cut();
  await sleep(20);
  go();
  await sleep(50);
  assert.equal(told, 1);
});

story("a session that ends while the module is being loaded anew stays away", async (server) => {
  const { client: romeo } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  romeo.cut();
  await until(() => sessionOf(server, romeo).stream === undefined, "the loss");
  juliet.send(chat("romeo@localhost", "once"));
  await juliet.sync();
  await sleep(20);
  const host = server.host();
  await server.inner.unloadModule(host, "stream_management");
  sessionOf(server, romeo).end(new StreamError("reset"));
  await sleep(20);
  await server.inner.loadModule(host, "stream_management");
  assert.equal(host.account(parseJid("romeo@localhost")!), undefined);
  const again = await login(server, "romeo");
  again.send("<presence/>");
  await again.eventually(`<message><body>once</body>${DELAY}</message>`);
  await again.receivesNothing(50);
});

Deno.test("switched off, and on again with a restart: nothing comes twice", async () => {
  await withServer({}, {}, async (server) => {
    const { client: bob } = await managed(server, "bob");
    const juliet = await login(server, "juliet");
    bob.cut();
    await until(() => sessionOf(server, bob).stream === undefined, "the loss");
    juliet.send(chat("bob@localhost", "once"));
    await juliet.sync();
    await sleep(20);
    await server.inner.unloadModule(server.host(), "stream_management");
    await until(() => server.host().sessions === 1, "the end of what waits");
    await sleep(50);
    assert.equal(await kept(server), 1);
    await withServer({}, { copyOf: server.data }, async (second) => {
      assert.equal(second.host().sessions, 0);
      assert.equal(await kept(second), 1);
    });
  });
});

// ---- who may not come back ----

killed(
  "killed: an account disabled meanwhile has no session, and keeps its messages",
  async (server) => {
    const { client } = await managed(server, "bob");
    const juliet = await login(server, "juliet");
    client.cut();
    await sleep(20);
    juliet.send(chat("bob@localhost", "kept"));
    await juliet.sync();
    await sleep(50);
    await server.inner.store.db.updateTable("accounts").set({ enabled: 0 })
      .where("node", "=", "bob").execute();
  },
  async (server) => {
    assert.equal(server.host().sessions, 0);
    assert.equal(await kept(server), 1);
    const { hooks } = server.host();
    await hooks.ask(setAccountEnabled, parseJid("bob@localhost")!, true);
  },
);

story("the old password resumes nothing", async (server) => {
  const { client, id } = await managed(server, "romeo");
  client.cut();
  await sleep(20);
  const { hooks } = server.host();
  await hooks.ask(setPassword, parseJid("romeo@localhost")!, "another");
  await assert.rejects(resuming(server, "romeo", id, 0));
});

story("a host that is removed keeps what its sessions have missed", async (server) => {
  await server.addUser("bob@other.test", "password of bob");
  const bob = await plainLogin(server, "bob", { domain: "other.test" });
  const id = await enable(bob);
  const juliet = await login(server, "juliet");
  // Of another host's account, with the same password.
  const other = await resuming(server, "bob", id, 0);
  await other.receives(`<failed xmlns='${SM}' h='{absent}'>${NOT_FOUND}</failed>`);
  other.cut();
  bob.cut();
  await sleep(20);
  juliet.send(chat("bob@other.test", "kept"));
  await juliet.sync();
  await server.inner.removeHost(server.host("other.test"));
  const config = server.inner.config.hosts.find((h) => h.domain === "other.test")!;
  const host = await server.inner.addHost(config);
  assert.equal(host.sessions, 0);
  const again = await plainLogin(server, "bob", { domain: "other.test" });
  again.send("<presence/>");
  await again.eventually("<message><body>kept</body></message>");
}, { hosts: { localhost: {}, "other.test": {} } });

// ---- nonsense ----

story("counts that are none", async (server) => {
  for (const h of ["-1", "4294967296", "x", "", "1.5", "99999999999999999999", " 1"]) {
    const { client, id } = await managed(server, "romeo");
    const wrong = await resuming(server, "romeo", id, 0);
    await wrong.receives(`<resumed xmlns='${SM}'/>`);
    client.cut();
    wrong.send(`<a xmlns='${SM}' h='${h}'/>`);
    await wrong.streamError("bad-format");
    const other = await authenticated(server, "romeo");
    other.send(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`);
    await other.receives(
      `<failed xmlns='${SM}'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
    );
    other.cut();
  }
});

story("thousands of requests, and nobody reads the answers", async (server) => {
  const { client } = await managed(server, "romeo");
  const session = sessionOf(server, client);
  client.tls.pause();
  for (let i = 0; i < 40; i++) {
    client.write(`<r xmlns='${SM}'/>`.repeat(5000));
    await sleep(5);
  }
  await sleep(100);
  const { stream } = session;
  assert.ok(stream === undefined || stream.waiting <= 8 << 20, `${stream?.waiting} wait`);
  client.tls.resume();
});

story("a client that never acknowledges is bounded", async (server) => {
  const { client } = await managed(server, "romeo");
  const from = parseJid("juliet@localhost/x")!;
  const to = parseJid(client.jid)!;
  for (let i = 0; i < 200; i++) {
    void server.inner.router.route(message({ from, to, type: "headline", id: `${i}` }));
  }
  await client.streamError("resource-constraint");
  await until(() => server.host().sessions === 0, "the end");
}, sm({ queue: 100 }));

story("hundreds of losses and resumptions leave nothing behind", async (server) => {
  let { client, id } = await managed(server, "romeo");
  const session = sessionOf(server, client);
  const { deadlines, durability } = server.inner;
  for (let i = 0; i < 300; i++) {
    client.cut();
    ({ client } = await resumed(server, "romeo", id, 0));
  }
  await until(() => server.inner.unbound.size === 0, "the end of the old streams");
  await sleep(50);
  assert.equal(server.host().sessions, 1);
  assert.equal(
    sessionOf(server, client.jid === "" ? { jid: session.jid.full } as TestClient : client),
    session,
  );
  assert.equal(durability.pending, 0);
  assert.ok(deadlines.size < 20, `${deadlines.size} deadlines`);
});

// ---- the journal ----

for (
  const [what, spoil] of [
    ["garbage", (b: Uint8Array) => b.fill(7)],
    ["of another version", (b: Uint8Array) => (b[20]! ^= 1, b)],
  ] as const
) {
  Deno.test(`a journal that is ${what} is set aside, and the server starts`, async () => {
    const first = await startServer();
    const { client } = await managed(first, "romeo");
    client.cut();
    await first.inner.stop();
    const folder = join(first.data, "sm.journal", "localhost");
    const name = (await readdir(folder)).find((n) => n.endsWith(".journal"))!;
    const bytes = await readFile(join(folder, name));
    await writeFile(join(folder, name), spoil(bytes));
    await withServer({}, { copyOf: first.data, mayLogErrors: true }, async (second) => {
      assert.equal(second.host().sessions, 0);
      const names = await readdir(join(second.data, "sm.journal", "localhost"));
      assert.ok(names.includes(name.replace("journal", "damaged")), names.join());
      await managed(second, "romeo");
    });
    await first.stop();
  });
}

// ---- together with others ----

story("the clock is set back: what two sessions had comes to neither again", async (server) => {
  const { client: romeo } = await managed(server, "romeo", { resource: "phone" });
  const { client: desk } = await managed(server, "romeo", { resource: "desk" });
  await romeo.receives("<presence/>");
  const juliet = await login(server, "juliet");
  const now = Date.now;
  Date.now = () => now() - 3_600_000;
  try {
    juliet.send(chat("romeo@localhost", "once"));
    await desk.receives("<message><body>once</body></message>");
    romeo.cut();
    await until(() => sessionOf(server, romeo).stream === undefined, "the loss");
    sessionOf(server, romeo).end(new StreamError("reset"));
    await desk.receives("<presence type='unavailable'/>");
    desk.send(`<a xmlns='${SM}' h='2'/>`);
    assert.equal(await handled(desk), 0);
    assert.equal(desk.pending, 0);
  } finally {
    Date.now = now;
  }
});

killed("killed: what was held back from an inactive client is there", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  romeo.send("<inactive xmlns='urn:xmpp:csi:0'/>");
  await until(() => sessionOf(server, romeo).gate !== undefined, "the gate");
  const receipt = (n: number) =>
    `<message to='${romeo.jid}'><received xmlns='urn:xmpp:receipts' id='${n}'/></message>`;
  const julietId = await enable(juliet);
  juliet.send(receipt(1) + `<presence to='${romeo.jid}'><status>old</status></presence>`);
  juliet.send(`<presence to='${romeo.jid}'><status>new</status></presence>` + receipt(2));
  // The sender is told that they are safe.
  assert.equal(await handled(juliet), 4);
  assert.equal(romeo.pending, 0);
  return { id, julietId };
}, async (server, { id }) => {
  const { client } = await resumed(server, "romeo", id, 0);
  await client.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
  await client.receives("<presence><status>new</status></presence>");
  await client.receives("<message><received xmlns='urn:xmpp:receipts' id='2'/></message>");
});

killed(
  "killed: what an inactive client has been sent is not there a second time",
  async (server) => {
    const { client: romeo, id } = await managed(server, "romeo");
    const juliet = await login(server, "juliet");
    romeo.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    await until(() => sessionOf(server, romeo).gate !== undefined, "the gate");
    juliet.send(
      `<message to='${romeo.jid}'><received xmlns='urn:xmpp:receipts' id='1'/></message>` +
        chat(romeo.jid, "wake up"),
    );
    await romeo.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
    await romeo.receives("<message><body>wake up</body></message>");
    return id;
  },
  async (server, id) => {
    const { client } = await resumed(server, "romeo", id, 2);
    assert.equal(await handled(client), 0);
    assert.equal(client.pending, 0);
  },
);

story("a request to a session that never comes back gets one error", async (server) => {
  const { client: romeo } = await managed(server, "romeo", { resource: "phone" });
  const other = await plainLogin(server, "romeo", { resource: "desk" });
  romeo.cut();
  await sleep(20);
  other.send(`<iq type='get' id='q' to='${romeo.jid}'><query xmlns='x:y'/></iq>`);
  await other.sync();
  server.host().session(parseJid("romeo@localhost/phone")!)!.end(new StreamError("reset"));
  await other.receives(
    "<iq type='error' id='q'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  );
  await other.receivesNothing(20);
});

killed(
  "killed: held back before stream management was there, and lost in between",
  async (server) => {
    const romeo = await online(server, "romeo");
    const juliet = await login(server, "juliet");
    romeo.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    await until(() => sessionOf(server, romeo).gate !== undefined, "the gate");
    const receipt = (n: number) =>
      `<message to='${romeo.jid}'><received xmlns='urn:xmpp:receipts' id='${n}'/></message>`;
    juliet.send(receipt(1));
    await juliet.sync();
    const id = await enable(romeo);
    juliet.send(receipt(2));
    await juliet.sync();
    await sleep(20);
    romeo.cut();
    await until(() => sessionOf(server, romeo).stream === undefined, "the loss");
    juliet.send(receipt(3));
    await juliet.sync();
    return id;
  },
  async (server, id) => {
    const { client } = await resumed(server, "romeo", id, 0);
    for (const n of [1, 2, 3]) {
      await client.receives(`<message><received xmlns='urn:xmpp:receipts' id='${n}'/></message>`);
    }
    assert.equal(await handled(client), 0);
  },
);

killed("killed: held back over many segments of the journal", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  romeo.send("<inactive xmlns='urn:xmpp:csi:0'/>");
  await until(() => sessionOf(server, romeo).gate !== undefined, "the gate");
  for (let n = 0; n < 200; n++) {
    juliet.send(
      `<presence to='${romeo.jid}'><status>${n} ${"x".repeat(3000)}</status></presence>`,
    );
    if (n % 20 === 0) await juliet.sync();
    if (n % 20 === 0) await sleep(6);
  }
  juliet.send(`<message to='${romeo.jid}'><received xmlns='urn:xmpp:receipts' id='1'/></message>`);
  await juliet.sync();
  assert.equal(romeo.pending, 0);
  return id;
}, async (server, id) => {
  const { client } = await resumed(server, "romeo", id, 0);
  await client.receives("<presence><status>199 {any}</status></presence>");
  await client.receives("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>");
}, { settings: sm({ segment_bytes: 65_536 }) });

story("resumed while the old stream is being closed: it is one or the other", async (server) => {
  const { durability } = server.inner;
  for (let round = 0; round < 10; round++) {
    const { client: romeo, id } = await managed(server, "romeo", { resource: `r${round}` });
    const session = sessionOf(server, romeo);
    const again = await authenticated(server, "romeo");
    durability.pledge(sleep(round * 3)); // the last acknowledgement waits for it
    romeo.write("</stream:stream>");
    if (round % 2 === 0) await sleep(round);
    again.send(`<resume xmlns='${SM}' previd='${id}' h='0'/>`);
    const { name } = await again.next();
    if (name === "resumed") {
      assert.equal(await handled(again), 0);
      session.end(new StreamError("reset"));
      await again.streamError("reset");
    } else {
      assert.equal(name, "failed");
      again.cut();
    }
    await until(() => server.host().sessions === 0, "the end");
    romeo.cut();
  }
});

killed("killed: who has asked for services is told of others later", async (server) => {
  const romeo = await online(server, "romeo");
  romeo.send("<iq type='get' id='s' to='localhost'><services xmlns='urn:xmpp:extdisco:2'/></iq>");
  await romeo.receives("<iq type='result' id='s'/>");
  return await settledManaged(romeo);
}, async (server, id) => {
  const host = server.host();
  const { client } = await resumed(server, "romeo", id, 0);
  await server.inner.unloadModule(host, "external_services");
  const module = host.config.modules.external_services!;
  const services = [{ type: "stun", host: "stun.test", restricted: false }];
  const config = { ...module, settings: { ...(module.settings as Table), services } };
  host.config = { ...host.config, modules: { ...host.config.modules, external_services: config } };
  await server.inner.loadModule(host, "external_services");
  await client.eventually(
    "<iq type='set'><services xmlns='urn:xmpp:extdisco:2'><service host='stun.test'/></services></iq>",
  );
}, {
  settings: {
    modules: { external_services: { services: [{ type: "stun", host: "old.test" }] } },
  },
});
