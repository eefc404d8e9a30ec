/** HTTP and uploads under attack: what has been found to work once, and must not again. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { type App, httpApp } from "../../lib/http/app.ts";
import { login } from "../helpers/client.ts";
import { HTTP_LISTENERS, httpPort, raw } from "../helpers/http.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { filesIn, local, put, requestSlot } from "../helpers/upload.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

function app(): App {
  const app = httpApp();
  app.get("/env", (c) => c.json(c.env));
  app.get("/slow", async (c) => {
    await sleep(300);
    return c.text("at last");
  });
  app.get("/long", () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new Uint8Array(1000).fill(97));
          await sleep(300);
          controller.enqueue(new Uint8Array(1000).fill(97));
          controller.close();
        },
      }),
      { headers: { "content-length": "2000" } },
    ));
  app.post("/size", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
  return app;
}

const withHttp = (
  settings: Table,
  transcript: (port: number, server: TestServer) => Promise<void>,
) =>
  withServer({ listen: HTTP_LISTENERS, ...settings }, { modules: ["auth"] }, async (server) => {
    server.host().http.add("test", "/t", app());
    await transcript(httpPort(server), server);
  });

const withUpload = (settings: Table, transcript: (server: TestServer) => Promise<void>) =>
  withServer(
    { listen: HTTP_LISTENERS, modules: { http_upload: settings } },
    { modules: ["auth", "http_upload"] },
    transcript,
  );

const HOST = "Host: localhost\r\n";

Deno.test("a client cannot push the proxy's word for its address out of X-Forwarded-For", () =>
  withHttp({}, async (port) => {
    for (const before of [1, 30, 250, 1000]) {
      const chain = `${"1.2.3.4,".repeat(before)} 192.0.2.7`;
      const { text } = await raw(
        port,
        `GET /t/env HTTP/1.1\r\n${HOST}X-Forwarded-For: ${chain}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(text, /"remote":"192\.0\.2\.7"/, String(before));
    }
  }));

Deno.test("a body that stalls behind an answered request is not waited for", () =>
  withHttp({ http: { stall_timeout: "1s", idle_timeout: "2s" } }, async (port) => {
    const get = `GET /t/slow HTTP/1.1\r\n${HOST}\r\n`;
    const post = `POST /t/size HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nabc`;
    const { closed, text, ms } = await raw(port, get + post, { wait: 6000 });
    assert.match(text, /at last/);
    assert.ok(closed && ms < 4500, `${ms} ms`);
    // One that goes on is heard.
    const { text: both } = await raw(port, get + post, {
      then: ["defghij"],
      every: 600,
      wait: 1200,
    });
    assert.match(both, /at last[^]*\r\n10\r\n/);
  }));

Deno.test("a broken request is no answer to the one before, and none in the middle of it", () =>
  withHttp({}, async (port) => {
    const before = await raw(port, `GET /t/slow HTTP/1.1\r\n${HOST}\r\nNONSENSE\r\n\r\n`);
    assert.ok(before.closed);
    assert.equal(before.text, "");
    const middle = await raw(port, `GET /t/long HTTP/1.1\r\n${HOST}\r\n`, {
      then: ["NONSENSE\r\n\r\n"],
      every: 100,
    });
    assert.ok(middle.closed);
    assert.doesNotMatch(middle.text, /400/);
    // Alone it is told, also in the middle of its body.
    assert.equal((await raw(port, "NONSENSE\r\n\r\n")).status, 400);
    const chunked = `POST /t/size HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
    assert.equal((await raw(port, chunked, { then: ["zz\r\n"], every: 50 })).status, 400);
  }));

Deno.test("framing that two programs could read in two ways is refused", () =>
  withHttp({}, async (port) => {
    const post = (headers: string, body: string) =>
      raw(port, `POST /t/size HTTP/1.1\r\n${HOST}${headers}\r\n\r\n${body}`);
    const cases: [headers: string, body: string][] = [
      ["Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"],
      ["Transfer-Encoding: chunked\r\nContent-Length: 6", "0\r\n\r\nG"],
      ["Content-Length: 1\r\nContent-Length: 2", "ab"],
      ["Content-Length: +2", "ab"],
      ["Content-Length : 2", "ab"],
      ["Transfer-Encoding: xchunked", "0\r\n\r\n"],
      ["Transfer-Encoding: chunked, identity", "0\r\n\r\n"],
      ["X: a\r\n Content-Length: 2", "ab"],
      ["X: a\rContent-Length: 2", "ab"],
      ["Transfer-Encoding: chunked", "2\nab\n0\n\n"],
      ["Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\n"],
    ];
    for (const [headers, body] of cases) {
      const { status, closed, text } = await post(headers, body);
      assert.equal(status, 400, headers);
      assert.ok(closed, headers);
      assert.equal(text.split("HTTP/1.1").length, 2, headers);
    }
    const { status, closed } = await post("Expect: miracles\r\nContent-Length: 2", "ab");
    assert.deepEqual([status, closed], [417, true]);
  }));

Deno.test("HTTP leaves room for XMPP", () =>
  withHttp({ limits: { connections: 8 } }, async (port, server) => {
    const sockets: Socket[] = [];
    for (let i = 0; i < 12; i++) {
      const socket = connectTcp(port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
    }
    await sleep(300);
    assert.equal(server.inner.http.open, 4);
    await login(server, "alice");
    for (const socket of sockets) socket.destroy();
  }));

Deno.test("a content type that browsers would take for another one", () =>
  withUpload({}, async (server) => {
    const alice = await login(server, "alice");
    const types: Record<string, string> = {
      "image/png;,text/html": "image/png",
      'image/png;a=",text/html"': "image/png",
      'video/webm;codecs="vp8, opus"': "video/webm",
      "image/png; a=b": "image/png; a=b",
    };
    for (const [type, served] of Object.entries(types)) {
      const slot = await requestSlot(alice, { name: "a.png", size: 3, type });
      assert.equal((await put(server, slot, 3, { "content-type": type })).status, 201, type);
      const answer = await fetch(local(server, slot.get));
      assert.equal(answer.headers.get("content-type"), served);
      await answer.body?.cancel();
    }
  }));

Deno.test("every name that is given leads back to its file", () =>
  withUpload({}, async (server) => {
    const alice = await login(server, "alice");
    const names = [
      "100%.txt",
      "50%25.txt",
      "a%2Fb%00.txt",
      "%2e%2e",
      "a+b c.txt",
      "#?&;=@:,$!'()*.txt",
      "é%C3.txt",
      "\u{1f600}.png",
      'quo"te\\n.txt',
      "__proto__",
      "%E0%A4%A",
      "x".repeat(300) + ".jpeg",
    ];
    for (const name of names) {
      const slot = await requestSlot(alice, { name, size: 2 });
      assert.equal((await put(server, slot, 2)).status, 201, name);
      const answer = await fetch(local(server, slot.get));
      assert.equal(answer.status, 200, name);
      assert.equal(await answer.text(), "xx");
      assert.match(answer.headers.get("content-disposition")!, /^attachment; filename="[^"\\]*"; /);
    }
  }));

Deno.test("one slot, twenty uploads at once: one is taken, whole", () =>
  withUpload({}, async (server) => {
    const alice = await login(server, "alice");
    const size = 200_000;
    const slot = await requestSlot(alice, { name: "f", size });
    const bodies = Array.from({ length: 20 }, (_, i) => new Uint8Array(size).fill(i + 1));
    const answers = await Promise.all(
      bodies.map((body) => put(server, slot, body).then((a) => a.status, () => 0)),
    );
    const taken = answers.indexOf(201);
    assert.equal(answers.filter((status) => status === 201).length, 1, answers.join());
    assert.ok(answers.every((s) => [0, 201, 403, 404, 409].includes(s)), answers.join());
    const got = Buffer.from(await (await fetch(local(server, slot.get))).arrayBuffer());
    assert.ok(got.equals(bodies[taken]!));
    assert.equal((await filesIn(server)).length, 1);
  }));

Deno.test("quotas hold against slots asked for in parallel", async () => {
  const ask = (id: number, size: number) =>
    `<iq type='get' id='q${id}' to='upload.localhost'>` +
    `<request xmlns='urn:xmpp:http:upload:0' filename='f' size='${size}'/></iq>`;
  await withUpload({ quota: 100_000, slots_per_minute: 1000 }, async (server) => {
    const alice = await login(server, "alice");
    for (let i = 0; i < 50; i++) alice.send(ask(i, 10_000));
    let given = 0;
    for (let i = 0; i < 50; i++) {
      const { type } = await alice.receives("<iq type='{type}' id='q{n}'/>");
      if (type === "result") given++;
    }
    assert.equal(given, 10);
  });
  await withUpload({ quota_of_all: 100_000 }, async (server) => {
    const names = Array.from({ length: 20 }, (_, i) => `user${i}`);
    const clients = await Promise.all(names.map((name) => login(server, name)));
    for (const client of clients) client.send(ask(1, 10_000));
    const types = await Promise.all(
      clients.map(async (client) => (await client.receives("<iq type='{type}' id='q1'/>")).type),
    );
    assert.equal(types.filter((type) => type === "result").length, 10);
  });
});
