/** XEP-0198: what comes together that should not: connections lost in the midst, resumed twice. */

import assert from "node:assert/strict";
import { StreamError } from "../../lib/errors.ts";
import { stanzaToAccount } from "../../lib/hooks/stanzas.ts";
import { sessionHibernated, sessionResumed, stanzaHeld } from "../../lib/hooks/streams.ts";
import { parseJid } from "../../lib/jid.ts";
import { message } from "../../lib/stanza.ts";
import { connect, login, type TestClient } from "../helpers/client.ts";
import { sleep, until } from "../helpers/raw.ts";
import { authenticate, base64 } from "../helpers/sasl.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import {
  authenticated,
  chat,
  DELAY,
  handled,
  managed,
  resumed,
  resuming,
  SM,
} from "../helpers/sm.ts";

const story = (name: string, transcript: (server: TestServer) => Promise<void>) =>
  Deno.test(name, () => withServer({}, {}, transcript));

const NOT_FOUND = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";

function sessionOf(server: TestServer, client: TestClient) {
  return server.host().session(parseJid(client.jid)!);
}

story("two resume at once: one has it, and never both", async (server) => {
  for (let round = 0; round < 10; round++) {
    const { client: romeo, id } = await managed(server, "romeo", { resource: `r${round}` });
    romeo.send(chat(romeo.jid, "hi"));
    await romeo.receives("<message/>");
    if (round % 2 === 0) romeo.cut();
    const [a, b] = await Promise.all([
      authenticated(server, "romeo"),
      authenticated(server, "romeo"),
    ]);
    for (const c of [a, b]) c.send(`<resume xmlns='${SM}' previd='${id}' h='0'/>`);
    // The second takes it from the first, whose stream ends then, or which is refused.
    const session = server.host().session(parseJid(romeo.jid)!)!;
    await until(() => a.pending > 0 && b.pending > 0, "both answers");
    const { remote } = session.stream!.transport;
    const [winner, loser] = remote.endsWith(`:${a.tls.localPort}`) ? [a, b] : [b, a];
    await winner.receives(`<resumed xmlns='${SM}' h='1'/>`);
    await winner.receives(`<message><body>hi</body>${DELAY}</message>`);
    assert.equal(await handled(winner), 1);
    await loser.next();
    if (loser.last.name === "resumed") await loser.streamError("conflict");
    else assert.equal(loser.last.name, "failed");
    assert.notEqual(session.stream, undefined);
    session.end(new StreamError("reset"));
    await winner.streamError("reset");
    loser.cut();
    romeo.cut();
  }
});

story("a stanza routed in the very turn of the loss", async (server) => {
  for (let round = 0; round < 10; round++) {
    const { client: romeo, id } = await managed(server, "romeo", { resource: `r${round}` });
    const to = parseJid(romeo.jid)!;
    const from = parseJid("juliet@localhost/x")!;
    const { router } = server.inner;
    const send = (text: string) => void router.route(message({ from, to, id: text }));
    const session = sessionOf(server, romeo)!;
    const { stream } = session;
    send("before");
    if (round % 3 === 0) stream!.onClose("reset by peer");
    else if (round % 3 === 1) stream!.onEnd();
    else romeo.cut();
    send("in the turn");
    await sleep(round * 2);
    send("after");
    const { client } = await resumed(server, "romeo", id, 0);
    for (const text of ["before", "in the turn", "after"]) {
      await client.receives(`<message id='${text}'>${DELAY}</message>`);
    }
    send("new");
    await client.eventually(
      `<message id='new'><delay xmlns='urn:xmpp:delay'>{absent}</delay></message>`,
    );
    session.end(new StreamError("reset"));
    await client.closed();
    romeo.cut();
  }
});

story("a stanza that is being handled while its session is resumed counts once", async (server) => {
  const { hooks } = server.host();
  let go = () => {};
  let calls = 0;
  const juliet = await login(server, "juliet");
  juliet.send("<presence/>");
  await juliet.receives("<presence/>");
  hooks.add(stanzaToAccount, "slow", (stanza) => {
    if (stanza.id !== "slow") return;
    calls++;
    return new Promise<void>((done) => go = done);
  });
  const { client: romeo, id } = await managed(server, "romeo");
  romeo.send(
    `<message to='juliet@localhost' type='chat' id='slow'><body>slow</body></message>` +
      chat("juliet@localhost", "behind it"),
  );
  await until(() => calls === 1, "the handler");
  romeo.cut();
  const again = await resuming(server, "romeo", id, 0);
  await sleep(100);
  assert.equal(again.pending, 0);
  go();
  // What was behind it on the old stream was not handled: its client sends it again.
  await again.receives(`<resumed xmlns='${SM}' h='1'/>`);
  again.send(chat("juliet@localhost", "behind it"));
  await juliet.receives("<message id='slow'/>");
  await juliet.receives("<message><body>behind it</body></message>");
  assert.equal(await handled(again), 2);
  await juliet.receivesNothing();
});

story(
  "a connection lost while it is being resumed leaves the session as it was",
  async (server) => {
    const { hooks } = server.host();
    let go = () => {};
    hooks.add(stanzaToAccount, "slow", (stanza) => {
      if (stanza.id === "slow" && !stanza.isError) return new Promise<void>((done) => go = done);
    });
    const { client: romeo, id } = await managed(server, "romeo");
    romeo.send(`<message to='nobody@localhost' id='slow'><body>x</body></message>`);
    await sleep(20);
    const second = await resuming(server, "romeo", id, 0);
    await romeo.streamError("conflict");
    await sleep(20);
    second.cut();
    await sleep(20);
    go();
    await sleep(50);
    assert.equal(sessionOf(server, romeo)!.stream, undefined);
    const { client, count } = await resumed(server, "romeo", id, 0);
    assert.equal(count, 1);
    await client.receives("<message type='error' id='slow'/>");
  },
);

story("the connection is cut at every step of a resumption", async (server) => {
  const { client, id } = await managed(server, "romeo");
  client.send(chat(client.jid, "hi"));
  await client.receives("<message/>");
  client.cut();
  const header = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' " +
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
  const password = base64("\0romeo\0password of romeo");
  const bytes = header +
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${password}</auth>` +
    header + `<resume xmlns='${SM}' previd='${id}' h='0'/>` + `<r xmlns='${SM}'/>`;
  const steps = [1, header.length, header.length + 20];
  for (let at = bytes.lastIndexOf(header); at <= bytes.length; at += 9) steps.push(at);
  for (const [i, at] of [...steps, bytes.length].entries()) {
    const c = await connect(server, { tls: "direct" });
    c.write(bytes.slice(0, at));
    if (i % 3 === 0) await sleep(10);
    if (i % 2 === 0) c.cut();
    else c.tls.end();
  }
  await sleep(100);
  assert.equal(server.host().sessions, 1);
  const { client: last, count } = await resumed(server, "romeo", id, 0);
  assert.equal(count, 1);
  await last.receives(`<message><body>hi</body>${DELAY}</message>`);
  assert.equal(await handled(last), 1);
  assert.equal(server.host().sessions, 1);
});

story("resumed over and over under load: each message once, in order", async (server) => {
  let { client: romeo, id } = await managed(server, "romeo");
  const juliet = await login(server, "juliet");
  const total = 400;
  let sent = 0;
  let seen = 0;
  let h = 0;
  const sending = (async () => {
    while (sent < total) {
      for (let i = 0; i < 5; i++) juliet.send(chat("romeo@localhost", `${sent++}`));
      await sleep(2);
    }
  })();
  const take = (body: string) => {
    // The server goes by our `h`: what we have counted never comes again.
    assert.equal(Number(body), seen);
    seen++;
    h++;
  };
  for (let round = 0; seen < total; round++) {
    for (let i = 0; i < 15 + round && seen < total; i++) {
      const element = await romeo.next();
      if (element.name === "message") take(element.child("body", "jabber:client")!.text());
      else if (element.name === "presence") h++;
    }
    if (seen === total) break;
    const old = romeo;
    if (round % 2 === 0) old.cut();
    romeo = await resuming(server, "romeo", id, h);
    await romeo.receives(`<resumed xmlns='${SM}'/>`);
    old.cut();
  }
  await sending;
  assert.equal(seen, total);
});

story("the end comes while it is resumed", async (server) => {
  const { client: romeo, id } = await managed(server, "romeo");
  const session = sessionOf(server, romeo)!;
  const { hooks } = server.host();
  let go = () => {};
  hooks.add(stanzaToAccount, "slow", (stanza) => {
    if (stanza.id === "slow" && !stanza.isError) return new Promise<void>((done) => go = done);
  });
  romeo.send(`<message to='nobody@localhost' id='slow'><body>x</body></message>`);
  await sleep(20);
  const again = await resuming(server, "romeo", id, 0);
  await sleep(20);
  session.end(new StreamError("not-authorized"));
  go();
  await again.receives(`<failed xmlns='${SM}'>${NOT_FOUND}</failed>`);
  assert.equal(server.host().sessions, 0);
  await again.bind();
});

story("a session is only for its account", async (server) => {
  const { id } = await managed(server, "romeo");
  const mallory = await resuming(server, "mallory", id, 0);
  await mallory.receives(`<failed xmlns='${SM}' h='{absent}'>${NOT_FOUND}</failed>`);
});

story("modules hear of it", async (server) => {
  const { hooks } = server.host();
  const heard: string[] = [];
  hooks.add(sessionHibernated, "test", (s, held) => {
    heard.push(`hibernated ${s.jid.resource}: ${held().map((x) => x.childText("body"))}`);
  });
  hooks.add(sessionResumed, "test", (s) => void heard.push(`resumed ${s.jid.resource}`));
  hooks.add(stanzaHeld, "test", (x) => void heard.push(`held ${x.childText("body")}`));
  const { client: romeo, id } = await managed(server, "romeo", { resource: "b" });
  const juliet = await login(server, "juliet");
  juliet.send(chat("romeo@localhost", "unseen"));
  await romeo.receives("<message/>");
  romeo.cut();
  await until(() => heard.length === 1, "the news");
  juliet.send(chat("romeo@localhost", "late"));
  await juliet.sync();
  const { client } = await resumed(server, "romeo", id, 0);
  await client.receives("<message/>");
  assert.deepEqual(heard, ["hibernated b: unseen", "held late", "resumed b"]);
});

story("a slow reader loses its stream and nothing else", async (server) => {
  await server.addUser("romeo@localhost", "password of romeo");
  const romeo = await connect(server, { tls: "direct" });
  await romeo.open();
  await authenticate(romeo, "romeo", "password of romeo", "PLAIN");
  await romeo.open();
  await romeo.bind("slow");
  romeo.send(`<presence/><enable xmlns='${SM}' resume='true'/>`);
  await romeo.receives("<presence/>");
  const { id } = await romeo.receives(`<enabled xmlns='${SM}' id='{id}'/>`);
  const session = sessionOf(server, romeo)!;
  session.stream!.configure({ ...session.stream!.settings, outputBytes: 100_000 });
  const juliet = await login(server, "juliet");
  for (let i = 0; i < 30; i++) {
    juliet.send(chat("romeo@localhost", `${i} ${"x".repeat(10_000)}`));
  }
  await juliet.sync();
  romeo.skip();
  const { client } = await resumed(server, "romeo", id!, 0);
  for (let i = 0; i < 30; i++) {
    await client.eventually(`<message><body>${i} {any}</body></message>`);
  }
  client.send(`<a xmlns='${SM}' h='30'/>`);
  assert.equal(await handled(client), 0);
  assert.equal(server.host().session(parseJid(romeo.jid)!), session);
});
