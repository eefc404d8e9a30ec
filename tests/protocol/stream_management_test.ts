/** XEP-0198: Stream Management: what clients and server say to each other. */

import assert from "node:assert/strict";
import { parseJid } from "../../lib/jid.ts";
import { login } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { sleep, until } from "../helpers/raw.ts";
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
import { kept } from "../helpers/offline.ts";

function story(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Record<string, unknown> = {},
): void {
  Deno.test(name, () =>
    withServer(
      { ...settings, modules: { stream_management: settings.sm ?? {} }, sm: undefined },
      {},
      transcript,
    ));
}

const FAILED = (condition: string, h = "") =>
  `<failed xmlns='${SM}'${h}>` +
  `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`;

story("it is offered after the login and not before, and is optional", async (server) => {
  await server.addUser("romeo@localhost", "password of romeo");
  const romeo = await authenticated(server, "romeo");
  assert.match(`${romeo.last}`, /<sm xmlns='urn:xmpp:sm:3'><optional/);
  assert.doesNotMatch(romeo.transcript[1]!, /urn:xmpp:sm:3/);
});

story("enabling: without and with resumption, with the client's own limit", async (server) => {
  const a = await plainLogin(server, "a");
  a.send(`<enable xmlns='${SM}'/>`);
  await a.receives(`<enabled xmlns='${SM}' id='{absent}' resume='{absent}' max='{absent}'/>`);
  const b = await plainLogin(server, "b");
  b.send(`<enable xmlns='${SM}' resume='1'/>`);
  const { id } = await b.receives(
    `<enabled xmlns='${SM}' resume='true' id='{id}' max='600' location='there:5222'/>`,
  );
  assert.ok(id!.length >= 32);
  const c = await plainLogin(server, "c");
  c.send(`<enable xmlns='${SM}' resume='true' max='30'/>`);
  await c.receives(`<enabled xmlns='${SM}' resume='true' max='30'/>`);
  const d = await plainLogin(server, "d");
  d.send(`<enable xmlns='${SM}' resume='true' max='0'/>`);
  await d.receives(`<enabled xmlns='${SM}' id='{absent}' resume='{absent}'/>`);
}, { sm: { location: "there:5222" } });

story("out of order: before the login, before binding, twice", async (server) => {
  await server.addUser("romeo@localhost", "password of romeo");
  const { connect } = await import("../helpers/client.ts");
  const early = await connect(server);
  await early.open();
  early.send(`<enable xmlns='${SM}'/>`);
  await early.receives(FAILED("unexpected-request"));
  early.send(`<resume xmlns='${SM}' previd='x' h='0'/>`);
  await early.receives(FAILED("unexpected-request"));
  await early.close();

  const romeo = await authenticated(server, "romeo");
  romeo.send(`<enable xmlns='${SM}' resume='true'/>`);
  await romeo.receives(FAILED("unexpected-request"));
  await romeo.bind();
  romeo.send(`<r xmlns='${SM}'/>`);
  await romeo.receives(FAILED("unexpected-request"));
  romeo.send(`<a xmlns='${SM}' h='0'/>`);
  await romeo.receives(FAILED("unexpected-request"));
  await enable(romeo);
  romeo.send(`<enable xmlns='${SM}' resume='true'/>`);
  await romeo.receives(FAILED("unexpected-request"));
  romeo.send(`<resume xmlns='${SM}' previd='x' h='0'/>`);
  await romeo.receives(FAILED("unexpected-request"));
  assert.equal(await handled(romeo), 0);
  romeo.send(`<unknown xmlns='${SM}'/>`);
  await romeo.streamError("unsupported-stanza-type");
});

story("resuming what there is not", async (server) => {
  const { id } = await managed(server, "juliet");
  const romeo = await authenticated(server, "romeo");
  for (const previd of ["nonsense", id]) {
    romeo.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    await romeo.receives(FAILED("item-not-found", " h='{absent}'"));
  }
  for (
    const attrs of ["h='0'", `previd='${id}'`, `previd='${id}' h='x'`, `previd='${id}' h='-1'`]
  ) {
    romeo.send(`<resume xmlns='${SM}' ${attrs}/>`);
    await romeo.receives(FAILED("bad-request"));
  }
  await romeo.bind(); // §5: it is allowed to start anew on the same stream
});

story("acknowledgements both ways", async (server) => {
  const { client: romeo } = await managed(server, "romeo");
  const { client: juliet } = await managed(server, "juliet");
  assert.equal(await handled(romeo), 0);
  for (let i = 0; i < 3; i++) romeo.send(chat(juliet.jid, `line ${i}`));
  romeo.send("<presence/>");
  assert.equal(await handled(romeo), 4);
  // Three at once, then the request after a while.
  for (let i = 0; i < 3; i++) await juliet.receives(`<message><body>line ${i}</body></message>`);
  await juliet.receives(`<r xmlns='${SM}'/>`);
  juliet.send(`<a xmlns='${SM}' h='3'/>`);
  assert.equal(await handled(juliet), 0);
  // From so many on the request comes with them.
  for (let i = 0; i < 5; i++) romeo.send(chat(juliet.jid, `more ${i}`));
  for (let i = 0; i < 5; i++) await juliet.receives(`<message><body>more ${i}</body></message>`);
  await juliet.receives(`<r xmlns='${SM}'/>`);
  juliet.send(`<a xmlns='${SM}' h='8'/><a xmlns='${SM}' h='8'/>`);
  // No further request while nothing is outstanding.
  await sleep(1500);
  assert.equal(juliet.pending, 0);
}, { sm: { ack_stanzas: 5, ack_delay: "1s" } });

story("an acknowledgement of what was not sent", async (server) => {
  const { client: romeo } = await managed(server, "romeo");
  romeo.send(chat(romeo.jid, "one"));
  await romeo.receives("<message/>");
  romeo.send(`<a xmlns='${SM}' h='2'/>`);
  const error = await romeo.streamError("undefined-condition");
  assert.match(`${error}`, /<handled-count-too-high [^>]*h='2'/);
  assert.match(`${error}`, /send-count='1'/);
  await until(() => server.host().sessions === 0, "the end of the session");
  const { client: juliet } = await managed(server, "juliet");
  juliet.send(`<a xmlns='${SM}' h='many'/>`);
  await juliet.streamError("bad-format");
});

story("too much is acknowledged with a resumption: the session goes on", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  romeo.cut();
  const wrong = await resuming(server, "romeo", id, 7);
  const error = await wrong.streamError("undefined-condition");
  assert.match(`${error}`, /h='7' send-count='0'/);
  const { client } = await resumed(server, "romeo", id, 0);
  client.send(chat(client.server ? romeo.jid : "", "hi"));
  await client.receives("<message><body>hi</body></message>");
});

story("a lost connection: the session waits, and gets what it has missed, once", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  romeo.send(chat(juliet.jid, "are you there?"));
  await juliet.receives("<message><body>are you there?</body></message>");
  juliet.send(chat(romeo.jid, "seen") + chat(romeo.jid, "not acknowledged"));
  await romeo.receives("<message><body>seen</body></message>");
  await romeo.receives("<message><body>not acknowledged</body></message>");
  romeo.cut();
  await until(() => server.host().session(parseJid(romeo.jid)!)!.stream === undefined, "the loss");
  juliet.send(chat("romeo@localhost", "missed") + chat(romeo.jid, "missed too"));
  await juliet.sync();
  assert.equal(await kept(server), 0);

  const { client, count } = await resumed(server, "romeo", id, 1);
  assert.equal(count, 1);
  await client.receives(`<message><body>not acknowledged</body>${DELAY}</message>`);
  await client.receives(
    `<message to='romeo@localhost'><body>missed</body>${DELAY}</message>`,
  );
  await client.receives(`<message><body>missed too</body>${DELAY}</message>`);
  await client.receives(`<r xmlns='${SM}'/>`);
  client.send(`<a xmlns='${SM}' h='4'/>`);
  client.send(chat(juliet.jid, "back"));
  await juliet.receives(`<message from='${romeo.jid}'><body>back</body></message>`);
  assert.equal(await handled(client), 2);
  await juliet.receivesNothing();
});

story("while a session waits its contacts see it, and its end", async (server) => {
  const romeo = await managed(server, "romeo", { resource: "balcony" });
  const other = await plainLogin(server, "romeo", { resource: "garden" });
  other.send("<presence/>");
  await other.receivesAll(
    "<presence from='romeo@localhost/garden'/>",
    "<presence from='romeo@localhost/balcony'/>",
  );
  romeo.client.cut();
  await sleep(300);
  await other.receivesNothing();
  other.send(
    `<iq type='get' id='v' to='romeo@localhost/balcony'><query xmlns='jabber:iq:version'/></iq>`,
  );
  await other.receivesAll(
    "<presence from='romeo@localhost/balcony' type='unavailable'/>",
    "<iq type='error' id='v' from='romeo@localhost/balcony'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  );
  assert.equal(server.host().sessions, 1);
  const late = await resuming(server, "romeo", romeo.id, 0);
  await late.receives(FAILED("item-not-found", " h='0'"));
}, { sm: { resume_timeout: "1s" } });

story("an orderly end ends the session, after a last acknowledgement", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  romeo.send(chat("nobody@localhost", "hello"));
  romeo.send("</stream:stream>");
  await romeo.receives("<message type='error'/>");
  await romeo.receives(`<a xmlns='${SM}' h='1'/>`);
  await romeo.streamEnd();
  await romeo.ends();
  assert.equal(server.host().sessions, 0);
  const late = await resuming(server, "romeo", id, 0);
  await late.receives(FAILED("item-not-found", " h='1'"));
});

story("without resumption a lost connection is the end; nothing is lost", async (server) => {
  const romeo = await plainLogin(server, "romeo");
  romeo.send(`<enable xmlns='${SM}'/>`);
  await romeo.receives(`<enabled xmlns='${SM}'/>`);
  romeo.send("<presence/>");
  await romeo.receives("<presence/>");
  const juliet = await login(server, "juliet");
  juliet.send(chat("romeo@localhost", "still unacknowledged"));
  await romeo.receives("<message/>");
  romeo.cut();
  await until(() => server.host().sessions === 1, "the end of the session");
  const again = await login(server, "romeo");
  again.send("<presence/>");
  await again.eventually(`<message><body>still unacknowledged</body>${DELAY}</message>`);
});

story("when it is not resumed: messages go elsewhere, requests get errors", async (server) => {
  const balcony = await managed(server, "romeo", { resource: "balcony" });
  const juliet = await login(server, "juliet");
  balcony.client.cut();
  await sleep(20);
  juliet.send(chat("romeo@localhost", "to the account"));
  juliet.send(chat("romeo@localhost/balcony", "to the resource"));
  juliet.send(`<message to='romeo@localhost/balcony' id='n'><body>normal</body></message>`);
  juliet.send(
    `<message to='romeo@localhost/balcony' type='headline'><body>news</body></message>`,
  );
  await juliet.sync();
  // No session is available: the account's own messages are kept, the normal one is an error.
  await juliet.receives("<message type='error' id='n' from='romeo@localhost/balcony'/>");
  const garden = await login(server, "romeo", { resource: "garden" });
  garden.send("<presence/>");
  await garden.eventually(
    `<message to='romeo@localhost'><body>to the account</body>${DELAY}</message>`,
  );
  await garden.receives(
    `<message to='romeo@localhost/balcony'><body>to the resource</body>${DELAY}</message>`,
  );
  await garden.receivesNothing();
  await juliet.receivesNothing();
}, { sm: { resume_timeout: "1s" } });

story(
  "when it is not resumed and another resource is there, that one gets them",
  async (server) => {
    const balcony = await managed(server, "romeo", { resource: "balcony" });
    const juliet = await login(server, "juliet");
    balcony.client.cut();
    await sleep(20);
    juliet.send(chat("romeo@localhost", "one") + chat("romeo@localhost/balcony", "two"));
    await juliet.sync();
    const garden = await login(server, "romeo", { resource: "garden" });
    garden.send("<presence/>");
    // From here on both get what goes to the account; the garden need not get it again.
    await garden.eventually("<presence from='romeo@localhost/balcony'/>");
    juliet.send(chat("romeo@localhost", "for both"));
    await garden.eventually("<message><body>for both</body></message>");
    await garden.eventually("<presence from='romeo@localhost/balcony' type='unavailable'/>");
    await garden.receives(`<message><body>one</body>${DELAY}</message>`);
    await garden.receives(`<message><body>two</body>${DELAY}</message>`);
    await garden.receivesNothing(100);
  },
  { sm: { resume_timeout: "2s" } },
);

story("a new session of the same resource takes the place of one that waits", async (server) => {
  const old = await managed(server, "romeo", { resource: "balcony" });
  const juliet = await login(server, "juliet");
  old.client.cut();
  await sleep(20);
  juliet.send(chat("romeo@localhost/balcony", "missed"));
  await juliet.sync();
  const romeo = await plainLogin(server, "romeo", { resource: "balcony" });
  assert.equal(server.host().account(parseJid("romeo@localhost")!)!.sessions.length, 1);
  romeo.send("<presence/>");
  await romeo.eventually(`<message><body>missed</body>${DELAY}</message>`);
});

story("resumed while the old connection is still open: that one ends", async (server) => {
  const { client: old, id } = await managed(server, "romeo");
  old.send(chat(old.jid, "to myself"));
  await old.receives("<message/>");
  const { client, count } = await resumed(server, "romeo", id, 0);
  assert.equal(count, 1);
  await old.streamError("conflict");
  await client.receives(`<message><body>to myself</body>${DELAY}</message>`);
  assert.equal(server.host().sessions, 1);
  await handled(client);
});

story("the oldest of too many sessions that wait gives way", async (server) => {
  const ids: string[] = [];
  for (const resource of ["a", "b", "c"]) {
    const { client, id } = await managed(server, "romeo", { resource });
    ids.push(id);
    client.cut();
    await sleep(30);
  }
  assert.equal(server.host().sessions, 2);
  const late = await resuming(server, "romeo", ids[0]!, 0);
  await late.receives(FAILED("item-not-found", " h='{any}'"));
  await late.close();
  await resumed(server, "romeo", ids[1]!, 0);
}, { sm: { hibernated_per_account: 2 } });

story("an account that is deleted or disabled leaves no session behind", async (server) => {
  const { setAccountEnabled, deleteAccount } = await import("../../lib/hooks/accounts.ts");
  for (const [name, end] of [["a", "disable"], ["b", "delete"]] as const) {
    const { client } = await managed(server, name);
    const juliet = await login(server, "juliet");
    client.cut();
    await sleep(20);
    juliet.send(chat(`${name}@localhost`, "missed"));
    await juliet.sync();
    const jid = parseJid(`${name}@localhost`)!;
    const { hooks } = server.host();
    await (end === "disable"
      ? hooks.ask(setAccountEnabled, jid, false)
      : hooks.ask(deleteAccount, jid));
    await until(() => server.host().account(jid) === undefined, "the end of the session");
    if (end === "delete") {
      await juliet.receives("<message type='error'/>");
      const { offlineList } = await import("../../lib/hooks/storage.ts");
      assert.deepEqual(await hooks.ask(offlineList, jid), []);
    }
    await juliet.close();
  }
});

story("too much unacknowledged: the session ends, nothing is lost", async (server) => {
  const { client: romeo } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  for (let i = 0; i < 60; i++) juliet.send(chat("romeo@localhost", `${i}`));
  await juliet.sync();
  await romeo.streamError("resource-constraint");
  const again = await login(server, "romeo");
  again.send("<presence/>");
  for (let i = 0; i < 60; i++) {
    await again.eventually(`<message><body>${i}</body>${DELAY}</message>`);
  }
  await again.receivesNothing();
}, { sm: { queue: 50 } });

story("too many bytes for a session that waits: it ends, nothing is lost", async (server) => {
  const { client: romeo } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  romeo.cut();
  await sleep(20);
  for (let i = 0; i < 9; i++) juliet.send(chat("romeo@localhost", `${i} ${"x".repeat(8000)}`));
  await juliet.sync();
  assert.equal(server.host().sessions, 1);
  const again = await login(server, "romeo");
  again.send("<presence/>");
  for (let i = 0; i < 9; i++) await again.eventually(`<message><body>${i} {any}</body></message>`);
}, { sm: { queue_bytes: "64 KiB" } });

story("too much in all sessions together: the one that waits longest ends", async (server) => {
  const one = await managed(server, "one");
  one.client.cut();
  await sleep(20);
  const two = await managed(server, "two");
  two.client.cut();
  await sleep(20);
  const juliet = await login(server, "juliet");
  for (let i = 0; i < 6; i++) {
    juliet.send(chat(i % 2 ? "one@localhost" : "two@localhost", "x".repeat(200_000)));
  }
  await juliet.sync();
  const gone = () => server.host().account(parseJid("one@localhost")!) === undefined;
  await until(gone, "the end of the one");
  assert.notEqual(server.host().account(parseJid("two@localhost")!), undefined);
}, { sm: { memory: "1 MiB" } });

story("who does not answer a request counts as lost, and may come back", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  romeo.send(chat(romeo.jid, "hi"));
  await romeo.receives("<message/>");
  await romeo.receives(`<r xmlns='${SM}'/>`);
  await romeo.streamError("connection-timeout");
  const { client } = await resumed(server, "romeo", id, 0);
  await client.receives(`<message><body>hi</body>${DELAY}</message>`);
}, { sm: { ack_delay: "1s", ack_timeout: "1s" } });

story("silence (c2s.idle_timeout) loses the stream, not the session", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  server.host().endIdle(Infinity);
  await romeo.streamError("connection-timeout");
  await resumed(server, "romeo", id, 0);
});

story("kept messages: handed over once, whatever becomes of the session", async (server) => {
  await server.addUser("bob@localhost", "password of bob");
  const juliet = await login(server, "juliet");
  for (let i = 0; i < 30; i++) juliet.send(chat("bob@localhost", `${i}`));
  await juliet.sync();
  const { client: bob, id } = await managed(server, "bob", { available: false });
  bob.send("<presence/>");
  await bob.eventually("<message><body>29</body></message>");
  await until(() => true, "");
  for (let i = 0; i < 100 && await kept(server) > 0; i++) await sleep(10);
  assert.equal(await kept(server), 0);
  bob.cut();
  const { client } = await resumed(server, "bob", id, 11); // presence and ten messages
  for (let i = 10; i < 30; i++) {
    await client.receives(`<message><body>${i}</body>${DELAY}</message>`);
  }
  client.cut();
  await until(() => server.host().session(parseJid(bob.jid)!)?.stream === undefined, "the loss");
  server.host().session(parseJid(bob.jid)!)!.end(
    new (await import("../../lib/errors.ts")).StreamError("reset"),
  );
  for (let i = 0; i < 100 && await kept(server) < 20; i++) await sleep(10);
  assert.equal(await kept(server), 20);
});

for (const durability of ["full", "off"]) {
  story(`with durability "${durability}" all goes as with the default`, async (server) => {
    const { client: romeo, id } = await managed(server, "romeo");
    const juliet = await login(server, "juliet");
    romeo.send(chat(juliet.jid, "one"));
    assert.equal(await handled(romeo), 1);
    romeo.cut();
    juliet.send(chat(romeo.jid, "two"));
    await juliet.sync();
    const { client } = await resumed(server, "romeo", id, 0);
    await client.receives(`<message><body>two</body>${DELAY}</message>`);
  }, { sm: { durability } });
}
