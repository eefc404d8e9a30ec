/** XEP-0065: SOCKS5 Bytestreams: the proxy. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { login, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { bytestream, GREETING, request, Socks } from "../helpers/socks.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const NS = "http://jabber.org/protocol/bytestreams";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

const with_ = (more: Table = {}): Table => ({
  modules: { proxy65: { port: 0, address: ["127.0.0.1"], ...more } },
});
const ACTIVATE = (sid: string, target: string) =>
  `<iq type='set' id='a' to='proxy.localhost'><query xmlns='${NS}' sid='${sid}'>
    <activate>${target}</activate></query></iq>`;
const DONE = "<iq type='result' id='a' from='proxy.localhost'>{empty}</iq>";

function refused(condition: string, id = "a"): string {
  return `<iq type='error' id='${id}'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** The port that clients are told. */
async function portOf(client: TestClient): Promise<number> {
  const { port } = await client.request(
    `<iq type='get' id='p' to='proxy.localhost'><query xmlns='${NS}'/></iq>`,
    `<iq type='result' id='p'><query xmlns='${NS}'>{only}
      <streamhost jid='proxy.localhost' host='localhost' port='{port}'/></query></iq>`,
  );
  return Number(port);
}

/** An active bytestream between two clients. */
async function stream(
  requester: TestClient,
  target: TestClient,
  sid = "s1",
): Promise<[Socks, Socks]> {
  const port = await portOf(requester);
  const digest = bytestream(sid, requester.jid, target.jid);
  const b = await Socks.join(port, digest);
  const a = await Socks.join(port, digest);
  await requester.request(ACTIVATE(sid, target.jid), DONE);
  a.restart();
  b.restart();
  return [a, b];
}

async function two(server: TestServer): Promise<[TestClient, TestClient]> {
  return [await login(server, "alice"), await login(server, "bob")];
}

Deno.test("the proxy is found (§4)", () =>
  withServer(with_({ public_host: "relay.test", public_port: 4711 }), {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      `<iq type='get' id='1' to='localhost'><query xmlns='${ITEMS}'/></iq>`,
      `<iq type='result' id='1'><query xmlns='${ITEMS}'><item jid='proxy.localhost'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='2' to='proxy.localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='2'><query xmlns='${INFO}'>
        <identity category='proxy' type='bytestreams' name='File transfer proxy'/>
        <feature var='${NS}'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='3' to='proxy.localhost'><query xmlns='${NS}'/></iq>`,
      `<iq type='result' id='3'><query xmlns='${NS}'>
        <streamhost jid='proxy.localhost' host='relay.test' port='4711'/></query></iq>`,
    );
  }));

Deno.test("20 MB go through, both ways, and the end is passed on (§6)", () =>
  withServer(with_({ bytes_per_second: 0 }), {}, async (server) => {
    const [alice, bob] = await two(server);
    const [a, b] = await stream(alice, bob);
    const data = Buffer.alloc(20 << 20, "0123456789abcdef!");
    a.socket.end(data);
    b.send(Buffer.from("thanks"));
    await b.until(() => b.ended, "20 MB", 20_000);
    assert.equal(b.received, data.length);
    await a.receives(Buffer.from("thanks"));
    // Half of it is still open.
    b.socket.end("bye");
    await a.receives(Buffer.from("bye"));
    await a.until(() => a.closed && b.closed, "both ends");
    const whole = Buffer.concat([
      Buffer.from([5, 0, 5, 0, 0, 3, 40]),
      Buffer.from(bytestream("s1", alice.jid, bob.jid)),
      Buffer.from([0, 0]),
      data,
    ]);
    assert.equal(b.sha1.digest("hex"), hash("sha1", whole, "hex"));
    // The name is free again.
    const [c, d] = await stream(alice, bob);
    c.socket.destroy();
    await d.closes();
  }));

Deno.test("a reader that stops makes the writer wait", () =>
  withServer(with_({ bytes_per_second: 0 }), {}, async (server) => {
    const [alice, bob] = await two(server);
    const [a, b] = await stream(alice, bob);
    b.socket.pause();
    const before = Deno.memoryUsage().external;
    const size = 64 << 20;
    a.socket.write(new Uint8Array(size));
    await alice.receivesNothing(500);
    // Most of it has not left the writer.
    assert(a.socket.writableLength > 0);
    assert(Deno.memoryUsage().external - before < size + (24 << 20));
    b.socket.resume();
    await b.until(() => b.received === size, "all of it", 20_000);
    a.socket.destroy();
    await b.closes();
  }));

Deno.test("a connection that is cut in the middle cuts the other", () =>
  withServer(with_(), {}, async (server) => {
    const [alice, bob] = await two(server);
    const [a, b] = await stream(alice, bob);
    a.send(new Uint8Array(1 << 20));
    await b.until(() => b.received > 0, "the beginning");
    a.socket.resetAndDestroy();
    await b.closes();
    assert(b.received <= 1 << 20);
    const [c, d] = await stream(alice, bob, "s2");
    d.socket.destroy();
    await c.closes();
  }));

Deno.test("wrong digests, a third one, and who came alone (§6.3.5)", () =>
  withServer(with_(), {}, async (server) => {
    const [alice, bob] = await two(server);
    const port = await portOf(alice);
    await alice.request(ACTIVATE("s", bob.jid), refused("item-not-found"));
    const digest = bytestream("s", alice.jid, bob.jid);
    const b = await Socks.join(port, digest);
    await alice.request(ACTIVATE("s", bob.jid), refused("not-allowed"));
    // Capitals are the same digest.
    const a = await Socks.connect(port);
    a.send([...GREETING, ...request(digest.toUpperCase())]);
    await a.receives([5, 0, 5, 0, 0, 3, 40, ...Buffer.from(digest.toUpperCase()), 0, 0]);
    const third = await Socks.connect(port);
    third.send([...GREETING, ...request(digest)]);
    await third.receives([5, 0, 5, 2]);
    await third.closes();
    // Another requester, another target, another sid.
    await bob.request(ACTIVATE("s", bob.jid), refused("item-not-found"));
    await alice.request(ACTIVATE("s", alice.jid), refused("item-not-found"));
    await alice.request(ACTIVATE("x", bob.jid), refused("item-not-found"));
    // What comes too early is ignored (§10.1).
    a.send(Buffer.from("too early"));
    await alice.receivesNothing(50);
    await alice.request(ACTIVATE("s", bob.jid), DONE);
    await alice.request(ACTIVATE("s", bob.jid), refused("not-allowed"));
    b.restart();
    a.send(Buffer.from("now"));
    await b.receives(Buffer.from("now"));
    const fourth = await Socks.connect(port);
    fourth.send([...GREETING, ...request(digest)]);
    await fourth.receives([5, 0, 5, 2]);
    await fourth.closes();
    a.socket.destroy();
    await b.closes();
  }));

Deno.test("one that leaves before the activation", () =>
  withServer(with_(), {}, async (server) => {
    const [alice, bob] = await two(server);
    const port = await portOf(alice);
    const digest = bytestream("s", alice.jid, bob.jid);
    const gone = await Socks.join(port, digest);
    gone.socket.destroy();
    const a = await Socks.join(port, digest);
    await alice.receivesNothing(50);
    await alice.request(ACTIVATE("s", bob.jid), refused("not-allowed"));
    const b = await Socks.join(port, digest);
    await alice.request(ACTIVATE("s", bob.jid), DONE);
    a.socket.destroy();
    await b.closes();
  }));

Deno.test("what is no SOCKS5, or another kind of it", () =>
  withServer(with_({ handshake_timeout: "500ms" }), {}, async (server) => {
    const alice = await login(server, "alice");
    const port = await portOf(alice);
    const digest = "0".repeat(40);
    const answers = async (sent: number[], expected: number[]) => {
      const socks = await Socks.connect(port);
      socks.send(sent);
      await socks.receives(expected);
      await socks.closes();
      assert.equal(socks.received, expected.length);
    };
    const http = Buffer.from("GET / HTTP/1.1\r\n\r\n");
    await answers([...http], []);
    await answers([4, 1, 0, 80, 127, 0, 0, 1, 0], []);
    await answers([5, 1, 2], [5, 0xff]);
    await answers([5, 0], [5, 0xff]);
    const unsupported = (status: number) => [5, 0, 5, status, 0, 1, 0, 0, 0, 0, 0, 0];
    await answers([...GREETING, ...request(digest, { command: 2 })], unsupported(7));
    await answers([...GREETING, ...request(digest, { command: 3 })], unsupported(7));
    await answers([...GREETING, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80], unsupported(8));
    await answers(
      [...GREETING, ...request("example.org")],
      [5, 0, 5, 2, 0, 3, 11]
        .concat([...Buffer.from("example.org")], [0, 0]),
    );
    await answers(
      [...GREETING, ...request("x".repeat(40))],
      [5, 0, 5, 2, 0, 3, 40]
        .concat([...Buffer.from("x".repeat(40))], [0, 0]),
    );
    await answers([5, 255, ...new Array(600).fill(1)], []);
    // One byte at a time.
    const slow = await Socks.connect(port);
    for (const byte of [5, 2, 1, 0, ...request(digest)]) {
      slow.send([byte]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await slow.receives([5, 0, 5, 0, 0, 3, 40]);
    slow.socket.destroy();
    // And never.
    await (await Socks.connect(port)).closes();
    const half = await Socks.connect(port);
    half.send([5]);
    await half.closes();
  }));

Deno.test("requests that are wrong, and who may ask", async () => {
  const hosts = { localhost: {}, "other.test": { modules: { proxy65: false } } };
  await withServer({ hosts, ...with_() }, {}, async (server) => {
    const alice = await login(server, "alice");
    const set = (sid: string, inner: string) =>
      `<iq type='set' id='a' to='proxy.localhost'><query xmlns='${NS}'${sid}>${inner}</query></iq>`;
    await alice.request(set("", "<activate>b@c</activate>"), refused("bad-request"));
    await alice.request(set(" sid='s'", ""), refused("bad-request"));
    await alice.request(set(" sid='s'", "<activate>@</activate>"), refused("jid-malformed"));
    const carol = await login(server, "carol", { domain: "other.test" });
    await carol.request(ACTIVATE("s", "b@c"), refused("forbidden"));
    await carol.request(
      `<iq type='get' id='a' to='proxy.localhost'><query xmlns='${NS}'/></iq>`,
      refused("forbidden"),
    );
  });
  await withServer({ hosts, ...with_({ users: "everybody" }) }, {}, async (server) => {
    const carol = await login(server, "carol", { domain: "other.test" });
    const dave = await login(server, "dave", { domain: "other.test" });
    const [a, b] = await stream(carol, dave);
    a.socket.destroy();
    await b.closes();
  });
});

Deno.test("limits: connections, bytestreams of an account, bytes, speed", async () => {
  await withServer(with_({ connections: 4, per_account: 1 }), {}, async (server) => {
    const [alice, bob] = await two(server);
    const [a, b] = await stream(alice, bob);
    const port = await portOf(alice);
    const digest = bytestream("s2", alice.jid, bob.jid);
    const [c, d] = [await Socks.join(port, digest), await Socks.join(port, digest)];
    await (await Socks.connect(port)).closes();
    await alice.request(ACTIVATE("s2", bob.jid), refused("resource-constraint"));
    a.socket.destroy();
    await b.closes();
    await alice.receivesNothing(50);
    await alice.request(ACTIVATE("s2", bob.jid), DONE);
    c.socket.destroy();
    await d.closes();
  });
  await withServer(with_({ per_address: 2 }), {}, async (server) => {
    const alice = await login(server, "alice");
    const port = await portOf(alice);
    const [a, b] = [await Socks.connect(port), await Socks.connect(port)];
    await (await Socks.connect(port)).closes();
    a.socket.destroy();
    await alice.receivesNothing(50);
    const c = await Socks.connect(port);
    c.send(GREETING);
    await c.receives([5, 0]);
    b.socket.destroy();
    c.socket.destroy();
  });
  const slow = { bytes: 300_000, bytes_per_second: 100_000 };
  await withServer(with_(slow), {}, async (server) => {
    const [alice, bob] = await two(server);
    const [a, b] = await stream(alice, bob);
    const start = performance.now();
    a.send(new Uint8Array(250_000));
    await b.until(() => b.received === 250_000, "all");
    const took = performance.now() - start;
    assert(took > 1000 && took < 4000, `${took} ms`);
    a.send(new Uint8Array(100_000));
    await b.closes();
    assert(b.received <= 300_000);
  });
});

Deno.test("times: no activation, no traffic", () => {
  const times = { activation_timeout: "500ms", idle_timeout: "500ms" };
  return withServer(with_(times), {}, async (server) => {
    const [alice, bob] = await two(server);
    const port = await portOf(alice);
    const [a, b] = await stream(alice, bob);
    const digest = bytestream("never", alice.jid, bob.jid);
    const [c, d] = [await Socks.join(port, digest), await Socks.join(port, digest)];
    for (let i = 0; i < 8; i++) {
      a.send([i]);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert(c.closed || c.ended);
    await d.closes();
    assert(!a.closed && !b.closed);
    await a.closes();
    await b.closes();
    await alice.request(ACTIVATE("never", bob.jid), refused("item-not-found"));
  });
});

Deno.test("unloaded, it closes everything, and can be loaded again", () =>
  withServer(with_(), {}, async (server) => {
    const [alice, bob] = await two(server);
    const port = await portOf(alice);
    const [a, b] = await stream(alice, bob);
    const waiting = await Socks.join(port, bytestream("w", alice.jid, bob.jid));
    await server.inner.unloadModule(server.host(), "proxy65");
    for (const socks of [a, b, waiting]) await socks.closes();
    await assert.rejects(Socks.connect(port));
    await server.inner.loadModule(server.host(), "proxy65");
    const [c, d] = await stream(alice, bob);
    c.socket.destroy();
    await d.closes();
  }));

Deno.test("set up anew on the same port", async () => {
  const spare = createServer().listen(0, "127.0.0.1");
  await once(spare, "listening");
  const { port } = spare.address() as AddressInfo;
  await new Promise((resolve) => spare.close(resolve));
  await withServer(with_({ port }), {}, async (server) => {
    const [alice, bob] = await two(server);
    for (let i = 0; i < 3; i++) {
      const [a, b] = await stream(alice, bob);
      const refused = await Socks.connect(port);
      refused.send([4]);
      await server.inner.unloadModule(server.host(), "proxy65");
      await server.inner.loadModule(server.host(), "proxy65");
      for (const socks of [a, b, refused]) await socks.closes();
    }
  });
});

Deno.test("a port that is taken is named", async () => {
  await withServer(with_(), {}, async (server) => {
    const port = await portOf(await login(server, "alice"));
    const second = withServer(with_({ port }), {}, () => Promise.resolve());
    await assert.rejects(second, new RegExp(`127\\.0\\.0\\.1:${port}: something listens there`));
  });
});
