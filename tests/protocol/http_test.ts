/** The HTTP listener: who serves a request, what is refused, and that nobody holds it up. */

import assert from "node:assert/strict";
import { type App, httpApp } from "../../lib/http/app.ts";
import { publicUrl } from "../../lib/http/url.ts";
import { makeService } from "../../lib/module_service.ts";
import { HTTP_LISTENERS, httpPort, raw, trusting } from "../helpers/http.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";

const NONE = { modules: [] };

/** Says what it sees. */
function mirror(): App {
  const app = httpApp();
  app.get("/", (c) => c.json({ path: new URL(c.req.url).pathname, ...c.env }));
  app.get("/page/:name", (c) => c.json({ name: c.req.param("name"), q: c.req.query("q") }));
  app.post("/size", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
  app.post("/unread", (c) => c.text("not read"));
  app.get("/fail", () => {
    throw new Error("on purpose");
  });
  app.get("/slow", async (c) => {
    await new Promise((done) => setTimeout(done, 700));
    return c.text("at last");
  });
  app.get("/big", () => new Response(new Uint8Array(30 << 20)));
  app.get("/cookies", (c) => {
    c.header("Set-Cookie", "a=1", { append: true });
    c.header("Set-Cookie", "b=2", { append: true });
    c.header("Content-Security-Policy", "default-src 'self'");
    return c.text("ok");
  });
  return app;
}

const withHttp = (
  settings: Table,
  transcript: (server: TestServer, base: string) => Promise<void>,
  options: { mayLogErrors?: boolean } = {},
) =>
  withServer({ listen: HTTP_LISTENERS, ...settings }, { ...NONE, ...options }, async (server) => {
    for (const host of server.inner.hosts.values()) host.http.add("test", "/mirror", mirror());
    await transcript(server, `http://localhost:${httpPort(server)}`);
  });

const get = (path: string, host = "localhost", more = "") =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`;

Deno.test("paths: the mount is cut off, the longest one counts, the rest is not found", () =>
  withHttp({}, async (server, base) => {
    const remove = server.host().http.add("other", "/mirror/inner", {
      fetch: (request) => new Response(new URL(request.url).pathname),
    });
    const text = async (path: string) => {
      const answer = await fetch(base + path);
      return `${answer.status} ${await answer.text()}`;
    };
    assert.match(await text("/mirror"), /^200 .*"path":"\/"/);
    assert.match(await text("/mirror/"), /^200 .*"path":"\/"/);
    assert.equal(await text("/mirror/page/a%20b?q=1"), '200 {"name":"a b","q":"1"}');
    assert.equal(await text("/mirror/inner"), "200 /");
    assert.equal(await text("/mirror/inner/x"), "200 /x");
    assert.equal(await text("/mirror/innermost"), "404 Not found\n");
    assert.equal(await text("/"), "404 Not found\n");
    assert.equal(await text("/mirro"), "404 Not found\n");
    remove();
    assert.equal(await text("/mirror/inner"), "404 Not found\n");
    assert.throws(
      () => server.host().http.add("x", "/mirror", mirror()),
      /taken by the module test/,
    );
    assert.throws(() => server.host().http.add("x", "mirror", mirror()), /is no path/);
    assert.throws(() => server.host().http.add("x", "/a b", mirror()), /is no path/);
  }));

Deno.test("an application is loaded at its first request, and again after a failure", () =>
  withHttp({}, async (server, base) => {
    let loads = 0;
    server.host().http.add("test", "/late", async () => {
      if (++loads === 1) throw new Error("not yet");
      return await Promise.resolve(mirror());
    });
    assert.equal(loads, 0);
    assert.equal((await fetch(`${base}/late`)).status, 500);
    const answers = await Promise.all([1, 2, 3].map(() => fetch(`${base}/late`)));
    assert.deepEqual(answers.map((a) => a.status), [200, 200, 200]);
    assert.equal(loads, 2);
    for (const a of answers) await a.body?.cancel();
  }, { mayLogErrors: true }));

Deno.test("hosts: by their domain, a service's, or the public URL; strangers are misdirected", () =>
  withHttp({
    hosts: {
      "first.example": {},
      "bücher.example": { public_url: "https://files.other.example/xmpp/" },
    },
  }, async (server) => {
    const { close } = makeService(server.host("bücher.example"), "test", "upload", "Files");
    const port = httpPort(server);
    const domain = async (host: string, path = "/mirror") => {
      const { status, text } = await raw(port, get(path, host));
      return status === 200 ? /"domain":"([^"]*)"/.exec(text)![1] : status;
    };
    const second = "bücher.example".replace(
      "ü",
      new TextDecoder("latin1").decode(
        new TextEncoder().encode("ü"),
      ),
    );
    assert.equal(await domain("first.example"), "first.example");
    assert.equal(await domain(`FIRST.example:${port}`), "first.example");
    assert.equal(await domain("xn--bcher-kva.example"), second);
    assert.equal(await domain("upload.xn--bcher-kva.example"), second);
    assert.equal(await domain("files.other.example"), second);
    assert.equal(await domain("files.other.example", "/xmpp/mirror"), second);
    assert.equal(await domain("127.0.0.1"), "first.example");
    assert.equal(await domain("[::1]"), "first.example");
    assert.equal(await domain("localhost"), "first.example");
    assert.equal(await domain("evil.example"), 421);
    assert.equal(await domain("first.example.evil.example"), 421);
    close();
    assert.equal(await domain("upload.xn--bcher-kva.example"), 421);
    assert.equal(
      publicUrl(server.host("bücher.example"), "/upload/1"),
      "https://files.other.example/xmpp/upload/1",
    );
    assert.equal(
      publicUrl(server.host("first.example"), "/upload/1"),
      `https://first.example:${httpPort(server, "direct")}/upload/1`,
    );
  }));

Deno.test("the public URL without a listener, and with http alone", async () => {
  await withServer({}, NONE, (server) => {
    assert.equal(publicUrl(server.host(), "/x"), undefined);
    return Promise.resolve();
  });
  const http = [{ address: ["127.0.0.1"], port: 0, tls: "none" }];
  await withServer({ listen: { http } }, NONE, (server) => {
    assert.equal(publicUrl(server.host(), "/x"), `http://localhost:${httpPort(server)}/x`);
    return Promise.resolve();
  });
  const settings = {
    listen: { http: [] },
    http: { public_url: "https://{host}:444/c/" },
    hosts: { "a.example": {}, "bü.example": {} },
  };
  await withServer(settings, NONE, (server) => {
    assert.equal(publicUrl(server.host("a.example"), "/x"), "https://a.example:444/c/x");
    assert.equal(publicUrl(server.host("bü.example"), ""), "https://xn--b-eha.example:444/c");
    return Promise.resolve();
  });
});

Deno.test("who the client is: a trusted proxy is believed, nobody else", async () => {
  const remote = async (server: TestServer, more: string) => {
    const { text } = await raw(httpPort(server), get("/mirror", "localhost", more));
    return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  };
  await withHttp(
    { http: { trusted_proxies: ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"] } },
    async (s) => {
      const of = async (xff: string) => (await remote(s, `X-Forwarded-For: ${xff}\r\n`)).remote;
      assert.equal((await remote(s, "")).remote, "127.0.0.1");
      assert.equal(await of("192.0.2.1"), "192.0.2.1");
      assert.equal(await of("198.51.100.7, 192.0.2.1"), "192.0.2.1");
      assert.equal(await of("198.51.100.7, 10.1.2.3"), "198.51.100.7");
      assert.equal(await of("192.0.2.9, [2001:db8::5]"), "192.0.2.9");
      assert.equal(await of("nonsense, 10.1.2.3"), "10.1.2.3");
      assert.equal(await of("::ffff:192.0.2.1"), "192.0.2.1");
      assert.equal((await remote(s, "X-Forwarded-Proto: https\r\n")).secure, true);
      assert.equal((await remote(s, "")).secure, false);
    },
  );
  await withHttp({ http: { trusted_proxies: [] } }, async (s) => {
    const seen = await remote(s, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n");
    assert.deepEqual([seen.remote, seen.secure], ["127.0.0.1", false]);
  });
});

Deno.test("headers of every answer, and those of an application before them", () =>
  withHttp({}, async (_, base) => {
    for (const path of ["/mirror", "/nothing"]) {
      const { headers, body } = await fetch(base + path);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("referrer-policy"), "no-referrer");
      assert.match(headers.get("content-security-policy")!, /^default-src 'none'/);
      assert.equal(headers.get("server"), null);
      await body?.cancel();
    }
    const own = await fetch(`${base}/mirror/cookies`);
    assert.equal(own.headers.get("content-security-policy"), "default-src 'self'");
    assert.deepEqual(own.headers.getSetCookie(), ["a=1", "b=2"]);
    await own.body?.cancel();
    const head = await fetch(`${base}/mirror`, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
  }));

Deno.test("requests that make no sense are refused", () =>
  withHttp({}, async (server) => {
    const port = httpPort(server);
    const status = async (text: string) => {
      const answer = await raw(port, text);
      assert.ok(answer.closed, text);
      return answer.status;
    };
    assert.equal(await status("GET /mirror HTTP/1.1\r\nConnection: close\r\n\r\n"), 400);
    assert.equal(await status(get("/mirror", "localhost", "Host: other\r\n")), 400);
    assert.equal(await status(get("/mirror", "a b")), 400);
    assert.equal(await status(get("/mirror", "user@localhost")), 400);
    assert.equal(await status(get("mirror")), 400);
    assert.equal(await status("nonsense\r\n\r\n"), 400);
    assert.equal(await status(`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`), 431);
    assert.equal(await status(get("/mirror", "localhost", `X: ${"x".repeat(20_000)}\r\n`)), 431);
    assert.equal(
      await status(
        get("/mirror").replace("GET", "PUT").replace(
          "\r\n\r\n",
          "\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
      ),
      400,
    );
    assert.equal(await status(get("/mirror", "localhost", "Content-Length: 5\r\n") + "12345"), 400);
    assert.equal(await status(get("/mirror").replace("GET", "TRACE")), 405);
    assert.equal(await status(get("http://localhost/mirror", "ignored.example")), 200);
    assert.equal(await status("GET /mirror HTTP/1.0\r\nHost: localhost\r\n\r\n"), 200);
    // Dot segments and their encodings lead nowhere else.
    assert.equal(await status(get("/mirror/../../../etc/passwd")), 404);
    assert.equal(await status(get("/x/%2e%2e/mirror")), 200);
    assert.equal(await status(get("/mirror%2f..%2fx")), 404);
  }));

Deno.test("bodies: counted, limited, and an answer before their end", () =>
  withHttp({ http: { body_bytes: 100_000 } }, async (server, base) => {
    const post = async (path: string, bytes: number) => {
      const answer = await fetch(base + path, { method: "POST", body: new Uint8Array(bytes) });
      return `${answer.status} ${await answer.text()}`;
    };
    assert.equal(await post("/mirror/size", 100_000), "200 100000");
    assert.equal(await post("/mirror/size", 0), "200 0");
    assert.equal(await post("/mirror/size", 100_001), "413 Too large\n");
    assert.equal(await post("/mirror/unread", 90_000), "200 not read");
    assert.equal(await post("/nothing", 90_000), "404 Not found\n");
    // Without a length it shows only on the way.
    const chunk = `${(50_000).toString(16)}\r\n${"x".repeat(50_000)}\r\n`;
    const head = "POST /mirror/size HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
    const few = await raw(httpPort(server), `${head}Connection: close\r\n\r\n`, {
      then: [chunk, "0\r\n\r\n"],
    });
    assert.match(few.text, /^HTTP\/1\.1 200 [^]*50000/);
    const many = await raw(httpPort(server), `${head}\r\n`, {
      then: [chunk, chunk, chunk],
      every: 20,
    });
    assert.equal(many.status, 413);
    assert.ok(many.closed);
    // Who asks first is told to go on only if somebody wants the body.
    const expect = (path: string, n: number) =>
      raw(
        httpPort(server),
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${n}\r\n` +
          "Expect: 100-continue\r\n\r\n",
        { then: ["x".repeat(5)], every: 100, wait: 1500 },
      );
    assert.match(
      (await expect("/mirror/size", 5)).text,
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/,
    );
    assert.equal((await expect("/mirror/size", 200_000)).status, 413);
    assert.equal((await expect("/nothing", 5)).status, 404);
  }));

Deno.test("slow clients: headers, silence between requests, bodies, and downloads", () =>
  withHttp({
    http: { header_timeout: "1s", idle_timeout: "1s", stall_timeout: "1s", min_rate: 1000 },
  }, async (server) => {
    const port = httpPort(server);
    const drip = (n: number) => Array.from({ length: n }, () => "x");
    const soon = (answer: { closed: boolean; ms: number }) => {
      assert.ok(answer.closed);
      assert.ok(answer.ms > 900 && answer.ms < 3500, `${answer.ms} ms`);
    };
    const [silent, headers, idle, none, slow, steady] = await Promise.all([
      raw(port, ""),
      raw(port, "GET / HTTP/1.1\r\nX-", { then: drip(40), every: 100 }),
      raw(port, get("/mirror").replace("Connection: close\r\n", ""), {
        then: ["GET /mirror HTTP/1.1\r\nX-", ...drip(30)],
        every: 100,
      }),
      raw(port, "POST /mirror/size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n"),
      raw(port, "POST /mirror/size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n", {
        then: drip(49),
        every: 100,
      }),
      raw(
        port,
        "POST /mirror/size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n" +
          "Connection: close\r\n\r\n",
        { then: Array(20).fill("x".repeat(1000)), every: 150 },
      ),
    ]);
    for (const one of [silent, headers, idle, none, slow]) soon(one);
    assert.equal(idle.status, 200);
    assert.equal(headers.status, 0);
    assert.match(steady.text, /^HTTP\/1\.1 200 [^]*20000/);
    assert.ok(steady.ms > 2500);

    // One that takes nothing of what it asked for.
    const lazy = await Deno.connect({ hostname: "127.0.0.1", port });
    await lazy.write(new TextEncoder().encode(get("/mirror/big")));
    const until = performance.now() + 5000;
    while (server.inner.http.open > 0 && performance.now() < until) {
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.equal(server.inner.http.open, 0);
    lazy.close();
  }));

Deno.test("connections: no more than allowed, and no heap of requests on one", () =>
  withHttp({ http: { connections: 2 } }, async (server) => {
    const port = httpPort(server);
    const held = await Promise.all([1, 2].map(() => Deno.connect({ hostname: "127.0.0.1", port })));
    const third = await raw(port, get("/mirror"));
    assert.deepEqual([third.closed, third.status], [true, 0]);
    for (const c of held) c.close();
    await new Promise((done) => setTimeout(done, 100));
    assert.equal((await raw(port, get("/mirror"))).status, 200);

    const few = await raw(
      port,
      get("/mirror").replace("Connection: close\r\n", "").repeat(3) + get("/mirror"),
    );
    assert.equal(few.text.match(/HTTP\/1\.1 200/g)?.length, 4);
    const many = await raw(
      port,
      get("/mirror/slow").replace("Connection: close\r\n", "").repeat(100),
    );
    assert.ok(many.closed);
    assert.equal(server.inner.http.open, 0);
  }));

Deno.test("an application that fails: 500, logged, and the next request works", () =>
  withHttp({}, async (server, base) => {
    const failed = await fetch(`${base}/mirror/fail`);
    assert.equal(failed.status, 500);
    assert.equal(await failed.text(), "Something went wrong\n");
    const line = server.log.find((l) => l.includes("could not answer"))!;
    assert.match(line, /"module":"test".*on purpose/);
    assert.equal((await fetch(`${base}/mirror/page/x`)).status, 200);
  }, { mayLogErrors: true }));

Deno.test("https: the host's certificate by SNI, http/1.1, renewed without a restart", () =>
  withHttp({ hosts: { localhost: {}, "example.org": {} } }, async (server) => {
    const port = httpPort(server, "direct");
    const client = await trusting(server);
    const answer = await fetch(`https://localhost:${port}/mirror`, { client });
    assert.equal((await answer.json()).secure, true);
    client.close();
    const { connect } = await import("node:tls");
    const names = (servername: string) =>
      new Promise<string>((resolve, reject) => {
        const tls = connect({
          port,
          host: "127.0.0.1",
          servername,
          rejectUnauthorized: false,
          ALPNProtocols: ["h2", "http/1.1"],
        }, () => {
          const { subjectaltname } = tls.getPeerCertificate();
          resolve(`${subjectaltname} ${tls.alpnProtocol}`);
          tls.destroy();
        });
        tls.on("error", reject);
      });
    assert.match(await names("example.org"), /DNS:example\.org\b.* http\/1\.1$/);
    assert.match(await names("localhost"), /DNS:localhost\b.* http\/1\.1$/);
    assert.match(await names("unknown.example"), /DNS:localhost\b/);
    // Silence instead of a handshake.
    assert.equal((await raw(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).status, 0);
  }));

Deno.test("the server stops: requests under way are answered, idle connections are cut", () =>
  withHttp({}, async (server, base) => {
    const slow = fetch(`${base}/mirror/slow`);
    const idle = raw(httpPort(server), get("/mirror").replace("Connection: close\r\n", ""));
    await new Promise((done) => setTimeout(done, 200));
    const started = performance.now();
    const stopped = server.inner.stop();
    const answer = await slow;
    assert.equal(answer.headers.get("connection"), "close");
    assert.equal(await answer.text(), "at last");
    const cut = await idle;
    assert.equal(cut.status, 200);
    assert.ok(cut.ms < 1000);
    await stopped;
    assert.ok(performance.now() - started < 2000);
    await assert.rejects(fetch(`${base}/mirror`));
  }));
