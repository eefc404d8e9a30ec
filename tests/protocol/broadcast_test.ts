/** What a room sends to many: to whom it comes, in which order, and what it keeps waiting. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { MemoryTransport } from "../bench/memory_transport.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import {
  deliver,
  messageDelivered,
  messageToAccount,
  sessionSend,
  stanzaToAccount,
} from "../../lib/hooks/stanzas.ts";
import { StanzaError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { makeService } from "../../lib/module_service.ts";
import { NS } from "../../lib/ns.ts";
import { message, presence, type Stanza } from "../../lib/stanza.ts";
import { XmppStream } from "../../lib/stream/stream.ts";
import { xml } from "../../lib/xml/element.ts";

const LOCAL: Table = { c2s: { plaintext_auth: "loopback" } };
const MANY = { sessions_per_account: 30, connections_per_address: 400 };
const PLAIN = { tls: "none" } as const;
const ROMEO = parseJid("verona@rooms.localhost/romeo")!;

const jidOf = ({ jid }: TestClient) => parseJid(jid)!;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function said(body: string): Stanza {
  return message({ type: "groupchat", id: body, from: ROMEO }, xml("body", NS.client, {}, body));
}

const hears = (body: string) =>
  `<message type='groupchat' id='${body}' from='${ROMEO.full}'><body>${body}</body></message>`;

/** Has a room send something; who is gone is noted. */
function broadcast(server: TestServer, stanza: Stanza, to: Iterable<Jid>): string[] {
  const gone: string[] = [];
  const recipients = [...to].map((jid) => ({ jid }));
  server.inner.router.broadcaster.send(stanza, recipients, (jid) => void gone.push(jid.full));
  return gone;
}

Deno.test("three hundred clients get all of it in order, each to its own address", () =>
  withServer({ ...LOCAL, limits: MANY }, {}, async (server) => {
    const clients: TestClient[] = [];
    for (let i = 0; i < 300; i++) clients.push(await login(server, `user${i % 10}`, PLAIN));
    const everybody = clients.map(jidOf);
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(broadcast(server, said(`${i}`), everybody), []);
      if (i % 5 === 0) {
        for (const to of everybody) {
          const between = message({ from: ROMEO, to, type: "chat" }, xml("x", "urn:example"));
          await server.inner.router.route(between);
        }
      }
      if (i % 7 === 0) await sleep(1);
    }
    for (const client of clients) {
      for (let i = 0; i < 20; i++) {
        await client.receives(hears(`${i}`).replace("from", `to='${client.jid}' from`));
        if (i % 5 === 0) {
          await client.receives("<message type='chat'><x xmlns='urn:example'/></message>");
        }
      }
    }
    broadcast(server, presence({ from: ROMEO }), everybody);
    for (const client of clients) {
      await client.receives(`<presence from='${ROMEO.full}' to='${client.jid}'/>`);
    }
  }));

Deno.test("who is gone is named when all others have theirs; other resources get nothing", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await online(server, "alice", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    const gone = parseJid("alice@localhost/gone")!;
    const nobody = parseJid("nobody@localhost/gone")!;
    const bare = parseJid("alice@localhost")!;
    const named = broadcast(server, said("1"), [gone, jidOf(alice), nobody, bare, jidOf(bob)]);
    assert.deepEqual(named, [gone.full, nobody.full, bare.full]);
    await alice.receives(hears("1"));
    await bob.receives(hears("1"));

    // The room says that they are gone: nobody hears of that before the message itself.
    const inside = new Map(
      [gone, nobody, jidOf(bob), jidOf(alice)].map((jid) => [jid.full, { jid }]),
    );
    let depth = 0;
    const { broadcaster } = server.inner.router;
    const remove = (jid: Jid) => {
      assert.equal(depth++, 0);
      if (inside.delete(jid.full)) {
        broadcaster.send(said(`without ${jid.node}`), inside.values(), remove);
      }
      depth--;
    };
    broadcaster.send(said("2"), inside.values(), remove);
    for (const client of [alice, bob]) {
      await client.receives(hears("2"));
      await client.receives(hears("without alice"));
      await client.receives(hears("without nobody"));
      await client.receivesNothing();
    }
  }));

Deno.test("XEP-0191 §3.3: who has blocked the sender gets no copy, and nobody is told", () =>
  withServer(LOCAL, {}, async (server) => {
    const answers: Stanza[] = [];
    const { handle } = makeService(server.host(), "test", "rooms", "Rooms");
    handle.onStanza((stanza) => {
      answers.push(stanza);
      return true;
    });
    const alice = await online(server, "alice", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    await alice.request(
      `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${ROMEO.full}'/></block></iq>`,
      "<iq type='result' id='b'/>",
    );
    answers.length = 0; // presence that the room gets because of it
    const everybody = [alice, bob].map(jidOf);
    for (const stanza of [said("1"), presence({ from: ROMEO })]) {
      assert.deepEqual(broadcast(server, stanza, everybody), []);
    }
    await bob.receives(hears("1"));
    await bob.receives("<presence/>");
    await alice.receivesNothing();
    assert.deepEqual(answers, []);
  }));

Deno.test("filters see each copy, may change and drop it; what they break is logged", () =>
  withServer(LOCAL, { mayLogErrors: true }, async (server) => {
    const { hooks } = server.host();
    const names = ["alice", "bob", "carol", "dave", "erin"];
    const clients = await Promise.all(names.map((name) => login(server, name, PLAIN)));
    const [alice, bob, carol, dave, erin] = clients as [
      TestClient,
      TestClient,
      TestClient,
      TestClient,
      TestClient,
    ];
    hooks.add(
      stanzaToAccount,
      "test",
      (stanza, to) => stanza.id === "1" && to.node === "bob" ? DROP : undefined,
    );
    hooks.add(messageToAccount, "test", (stanza, to) => {
      if (to.node === "carol") throw new StanzaError("policy-violation");
      if (to.node === "dave") throw new Error("a mistake");
      return to.node === "erin" ? stanza.append(xml("seen", "urn:example")) : undefined;
    });
    let delivered = 0;
    hooks.add(messageDelivered, "test", () => void delivered++);
    assert.deepEqual(broadcast(server, said("1"), clients.map(jidOf)), []);
    await alice.receives(hears("1"));
    await erin.receives("<message><body>1</body><seen xmlns='urn:example'/></message>");
    for (const client of [bob, carol, dave]) await client.receivesNothing();
    assert.equal(delivered, 0);
    const errors = server.log.filter((line) => line.includes('"level":"error"'));
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, /a mistake/);
  }));

Deno.test("a filter that waits keeps the copies of one session in order, and no others waiting", () =>
  withServer(LOCAL, {}, async (server) => {
    const { hooks } = server.host();
    const [alice, bob] = [await login(server, "alice", PLAIN), await login(server, "bob", PLAIN)];
    const everybody = [alice, bob].map(jidOf);
    const waiting: (() => void)[] = [];
    const wait = (stanza: Stanza, what: string) =>
      stanza.id === what ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined;
    hooks.add(stanzaToAccount, "test", (s, to) => to.node === "alice" ? wait(s, "1") : undefined);
    hooks.add(messageToAccount, "test", (s, to) => to.node === "alice" ? wait(s, "3") : undefined);
    hooks.add(sessionSend, "test", (s, to) => to.jid.node === "alice" ? wait(s, "5") : undefined);
    for (let i = 0; i < 7; i++) broadcast(server, said(`${i}`), everybody);
    for (let i = 0; i < 7; i++) await bob.receives(hears(`${i}`));
    await alice.receives(hears("0"));
    for (const next of [1, 3, 5]) {
      await alice.receivesNothing(20);
      assert.equal(waiting.length, 1);
      waiting.pop()!();
      await alice.receives(hears(`${next}`));
      await alice.receives(hears(`${next + 1}`));
    }
    // Nothing of it is left behind.
    broadcast(server, said("7"), everybody);
    for (const client of [alice, bob]) await client.receives(hears("7"));

    // Not without bound, and not for a session that is over.
    const copies = 1100;
    let unreachable = 0;
    for (let i = 0; i < copies; i++) {
      unreachable += broadcast(server, said(i === 0 ? "1" : `more ${i}`), [jidOf(alice)]).length;
    }
    assert.equal(unreachable, copies - 1000);
    alice.send("</stream:stream>");
    await alice.closed();
    waiting.pop()!();
    await bob.receivesNothing(20);
  }));

Deno.test("a stream that ends has sent what was broadcast before, when the server stops as well", () =>
  withServer(LOCAL, {}, async (server) => {
    const [alice, bob] = [await login(server, "alice", PLAIN), await login(server, "bob", PLAIN)];
    broadcast(server, said("1"), [alice, bob].map(jidOf));
    alice.send("</stream:stream>");
    await alice.receives(hears("1"));
    await alice.closed();
    broadcast(server, said("2"), [jidOf(bob)]);
    const stopped = server.inner.stop();
    await bob.receives(hears("1"));
    await bob.receives(hears("2"));
    await bob.streamError("system-shutdown");
    await stopped;
  }));

Deno.test("a module broadcasts and runs tasks in slices; none after it is unloaded", () =>
  withServer(LOCAL, { modules: ["auth", "ping", "time"], mayLogErrors: true }, async (server) => {
    const host = server.host();
    const alice = await login(server, "alice", PLAIN);
    const scope = server.inner.modules.get(host)!.get("time")!;
    const ran: string[] = [];
    scope.slices.run(() => {
      ran.push("first");
      throw new Error("a mistake");
    });
    scope.slices.run(() => {
      scope.broadcast(said("1"), [{ jid: jidOf(alice) }], () => ran.push("gone"));
    });
    assert.equal(scope.slices.length, 2);
    await alice.receives(hears("1"));
    scope.slices.run(() => void ran.push("late"));
    await server.inner.unloadModule(host, "time");
    while (server.inner.slices.length > 0) await sleep(1);
    assert.deepEqual(ran, ["first"]);
    const errors = server.log.filter((line) => line.includes('"level":"error"'));
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, /"area":"time".*a mistake/);
  }));

Deno.test("addresses elsewhere, and of services, are routed to; a refusal comes back to the room", () =>
  withServer(LOCAL, {}, async (server) => {
    const answers: Stanza[] = [];
    makeService(server.host(), "test", "rooms", "Rooms").handle.onStanza((stanza) => {
      answers.push(stanza);
      return true;
    });
    const heard: Stanza[] = [];
    makeService(server.host(), "test", "bots", "Bots").handle.onStanza((stanza) => {
      heard.push(stanza);
      return true;
    });
    const alice = await login(server, "alice", PLAIN);
    const [bot, far] = [parseJid("a@bots.localhost/x")!, parseJid("b@example.org/y")!];
    assert.deepEqual(broadcast(server, said("1"), [bot, far, jidOf(alice)]), []);
    await alice.receives(hears("1"));
    assert.deepEqual(heard.map((s) => [s.attrs.to, s.id]), [[bot.full, "1"]]);
    assert.deepEqual(answers.map((s) => [s.from?.full, s.type, s.to?.full]), [
      [far.full, "error", ROMEO.full],
    ]);

    // Somebody else delivers: each copy is offered to it.
    const taken: (string | undefined)[] = [];
    server.host().hooks.add(deliver, "test", (stanza) => {
      if (stanza.name !== "message") return undefined;
      taken.push(stanza.attrs.to);
      return stanza.to!.node === "alice" ? true : undefined;
    });
    assert.deepEqual(broadcast(server, said("2"), [jidOf(alice), bot]), []);
    assert.deepEqual(taken, [alice.jid, bot.full]);
    assert.equal(heard.length, 2);
    await alice.receivesNothing();
  }));

/** A connection that takes its time over each write. */
class Slow extends MemoryTransport {
  static writes = 0;

  override write(): void {
    Slow.writes++;
    const end = performance.now() + 1;
    while (performance.now() < end);
  }
}

Deno.test("while a large room is told something, others chat", () =>
  withServer(LOCAL, {}, async (server) => {
    const host = server.host();
    const alice = await online(server, "alice", PLAIN);
    const bob = await online(server, "bob", PLAIN);
    const everybody: Jid[] = [];
    for (let i = 0; i < 500; i++) {
      const stream = new XmppStream(new Slow(), host.streamSettings, {
        onHeader() {},
        onElement() {},
        onClosed() {},
      });
      stream.sendHeader({}, NS.client);
      const jid = parseJid(`user${i}@localhost/x`)!;
      await host.bind(jid, { stream, lang: undefined, guest: true, loginBegun: 0 });
      everybody.push(jid);
    }
    server.inner.flusher.flush();
    Slow.writes = 0;
    broadcast(server, said("1"), [...everybody, jidOf(bob)]);
    const slowest = { ms: 0, writes: 0 };
    for (let i = 0; i < 10; i++) {
      const start = performance.now();
      alice.send(`<message to='${bob.jid}' type='chat' id='${i}'><body>hi</body></message>`);
      // The first of them brings what the room has said.
      if (i === 0) await bob.receives(hears("1"));
      await bob.receives(`<message type='chat' id='${i}'><body>hi</body></message>`);
      slowest.ms = Math.max(slowest.ms, performance.now() - start);
      slowest.writes = Slow.writes;
    }
    assert.ok(slowest.writes > 0 && slowest.writes < 500, `${slowest.writes} were written first`);
    assert.ok(slowest.ms < 250, `${slowest.ms} ms`); // half a second, if they had to wait for all
    while (Slow.writes < 500) await sleep(5);
    await bob.receivesNothing();
    assert.equal(Slow.writes, 500);
  }));
