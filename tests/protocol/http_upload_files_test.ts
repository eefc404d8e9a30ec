/** XEP-0363 over HTTP: what goes up, what comes down, and what is left of that which does not. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { removeUpload } from "../../lib/hooks/uploads.ts";
import { Server } from "../../lib/server.ts";
import { login } from "../helpers/client.ts";
import { HTTP_LISTENERS, httpPort, raw, trusting } from "../helpers/http.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { type Asked, filesIn, local, put, requestSlot, type Slot } from "../helpers/upload.ts";

const MODULES = { modules: ["auth", "http_upload", "presence"] };
const MANY = { slots_per_minute: 10_000 };

const withUpload = (
  settings: Table,
  transcript: (server: TestServer, slotFor: (asked: Asked) => Promise<Slot>) => Promise<void>,
  more: Table = {},
) =>
  withServer(
    { listen: HTTP_LISTENERS, modules: { http_upload: { ...MANY, ...settings } }, ...more },
    MODULES,
    async (server) => {
      const alice = await login(server, "alice");
      await transcript(server, (asked) => requestSlot(alice, asked));
    },
  );

async function get(
  server: TestServer,
  slot: Slot,
  headers: Record<string, string> = {},
  method = "GET",
) {
  const answer = await fetch(local(server, slot.get), { headers, method });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** The head of a PUT by hand. */
function head(server: TestServer, slot: Slot, fields: string): string {
  const { pathname, search } = new URL(local(server, slot.put));
  return `PUT ${pathname}${search} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${fields}\r\n`;
}

/** Waits until what is on the disk is this. */
async function settles(server: TestServer, files: readonly string[]): Promise<void> {
  for (let i = 0; i < 60 && (await filesIn(server)).length !== files.length; i++) await sleep(50);
  assert.deepEqual(await filesIn(server), [...files].sort());
}

const pathOf = ({ id }: Slot) => `${id.slice(0, 2)}/${id}`;

Deno.test("up and down: the bytes, the type, the headers, and once only", () =>
  withUpload({}, async (server, slotFor) => {
    const slot = await slotFor({ name: 'très "cool".jpg', size: 1000, type: "image/jpeg" });
    assert.equal((await get(server, slot)).status, 404);
    const bytes = crypto.getRandomValues(new Uint8Array(1000));
    const stored = await put(server, slot, bytes, { "content-type": "Image/JPEG" });
    assert.deepEqual(stored, { status: 201, text: "Stored\n" });
    const again = await put(server, slot, bytes);
    assert.equal(again.status, 409);
    await settles(server, [pathOf(slot)]);

    const answer = await fetch(local(server, slot.get));
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes);
    const seen = Object.fromEntries(answer.headers);
    assert.equal(seen["content-type"], "image/jpeg");
    assert.equal(seen["content-length"], "1000");
    assert.equal(seen["accept-ranges"], "bytes");
    assert.equal(
      seen["content-disposition"],
      `inline; filename="tr_s _cool_.jpg"; filename*=UTF-8''tr%C3%A8s%20_cool_.jpg`,
    );
    assert.equal(
      seen["content-security-policy"],
      "default-src 'none'; frame-ancestors 'none'; sandbox",
    );
    assert.equal(seen["x-content-type-options"], "nosniff");
    assert.equal(seen["access-control-allow-origin"], "*");
    assert.match(seen["cache-control"]!, /^private, max-age=86400, immutable$/);
    assert.ok(Math.abs(Date.parse(seen["last-modified"]!) - Date.now()) < 10_000);

    const only = await get(server, slot, {}, "HEAD");
    assert.deepEqual([only.status, only.text], [200, ""]);
    assert.equal(only.headers.get("content-length"), "1000");
    // Whoever knows the address of a file cannot write there, nor read it under another name.
    assert.equal((await put(server, { ...slot, put: slot.get }, 1000)).status, 409);
    assert.equal(
      (await get(server, { ...slot, get: slot.get.replace(/[^/]+$/, "x.html") })).status,
      404,
    );
    assert.equal(
      (await get(server, { ...slot, get: slot.get.replace(/\/[^/]+$/, "") })).status,
      404,
    );
    const wrong = slot.get.replace(slot.id, slot.id.replace(/^./, (c) => c === "0" ? "1" : "0"));
    assert.equal((await get(server, { ...slot, get: wrong })).status, 404);
  }));

Deno.test("only pictures, sound and films are shown; nothing else runs in a browser", () =>
  withUpload({}, async (server, slotFor) => {
    for (
      const [type, kind] of Object.entries({
        "image/png": "inline",
        "video/mp4; codecs=avc1": "inline",
        "audio/ogg": "inline",
        "image/svg+xml": "attachment",
        "text/html": "attachment",
        "text/plain": "attachment",
        "application/pdf": "attachment",
        "application/octet-stream": "attachment",
        "": "attachment",
      })
    ) {
      const slot = await slotFor({ name: "x", size: 1, ...(type !== "" && { type }) });
      assert.equal((await put(server, slot, 1)).status, 201, type);
      const { headers } = await get(server, slot);
      assert.equal(headers.get("content-type"), type || "application/octet-stream");
      assert.ok(headers.get("content-disposition")!.startsWith(kind), type);
      assert.match(headers.get("content-security-policy")!, /default-src 'none'.*sandbox/);
    }
    // Told with the upload only.
    const slot = await slotFor({ name: "x", size: 1 });
    await put(server, slot, 1, { "content-type": "image/webp" });
    assert.equal((await get(server, slot)).headers.get("content-type"), "image/webp");
  }));

Deno.test("uploads that are not what was promised leave nothing", () =>
  withUpload({}, async (server, slotFor) => {
    const port = httpPort(server);
    const slot = await slotFor({ name: "a.txt", size: 1000, type: "text/plain" });
    const by = async (fields: string, body = "") =>
      (await raw(port, head(server, slot, fields) + body)).status;
    assert.equal((await put(server, slot, 999)).status, 400);
    assert.equal((await put(server, slot, 1001)).status, 413);
    assert.equal((await put(server, slot, 0)).status, 400);
    assert.equal(await by("Content-Length: 1000000000000\r\n"), 413);
    assert.equal(await by("Content-Length: -1\r\n"), 400);
    assert.equal(await by("Content-Length: 1e3\r\n"), 400);
    assert.equal(
      await by("Transfer-Encoding: chunked\r\n", "3e8\r\n" + "x".repeat(1000) + "\r\n0\r\n\r\n"),
      411,
    );
    assert.equal(await by(""), 411);
    assert.equal((await put(server, slot, 1000, { "content-type": "text/html" })).status, 415);
    assert.equal((await put(server, slot, 1000, { "content-type": "nonsense" })).status, 400);
    assert.equal((await put(server, { ...slot, put: slot.get }, 1000)).status, 403);
    assert.equal((await put(server, { ...slot, put: slot.put.slice(0, -1) }, 1000)).status, 403);
    assert.equal(
      (await put(server, { ...slot, put: slot.put.replace(/put=.*/, "put=") }, 1000)).status,
      403,
    );
    await settles(server, []);
    // And the slot is still good.
    assert.equal(
      (await put(server, slot, 1000, { "content-type": "text/plain; charset=utf-8" })).status,
      201,
    );
    await settles(server, [pathOf(slot)]);
    const empty = await slotFor({ name: "empty", size: 0 });
    assert.equal((await put(server, empty, 0)).status, 201);
    const nothing = await get(server, empty);
    assert.deepEqual([nothing.status, nothing.text], [200, ""]);
  }));

Deno.test("uploads cut in the middle leave nothing, and may be tried again", () =>
  withUpload({}, async (server, slotFor) => {
    const port = httpPort(server);
    const size = 300_000;
    const slot = await slotFor({ name: "a", size });
    for (const sent of [0, 1, 1000, 65_536, 200_000, size - 1]) {
      await raw(port, head(server, slot, `Content-Length: ${size}\r\n`), {
        then: [new Uint8Array(sent)],
        every: 20,
        cut: true,
      });
      await settles(server, []);
    }
    // Two at once: one is refused.
    const slow = raw(port, head(server, slot, `Content-Length: ${size}\r\n`), {
      then: [new Uint8Array(size - 1), "x"],
      every: 300,
    });
    await sleep(400);
    assert.equal((await put(server, slot, size)).status, 409);
    assert.equal((await slow).status, 201);
    assert.equal((await get(server, slot)).text.length, size);
    await settles(server, [pathOf(slot)]);
  }));

Deno.test("a slow upload is ended, one that asks first is told", () =>
  withUpload({}, async (server, slotFor) => {
    const port = httpPort(server);
    const slot = await slotFor({ name: "a", size: 10_000 });
    const slow = await raw(port, head(server, slot, "Content-Length: 10000\r\n"), {
      then: Array(60).fill("x"),
      every: 50,
    });
    assert.ok(slow.closed && slow.ms < 2800, `${slow.ms} ms`);
    await settles(server, []);
    const asked = await raw(
      port,
      head(server, slot, "Content-Length: 5\r\nExpect: 100-continue\r\n"),
    );
    assert.match(asked.text, /^HTTP\/1\.1 400/);
    const good = await raw(
      port,
      head(server, slot, "Content-Length: 10000\r\nExpect: 100-continue\r\n"),
      {
        then: ["x".repeat(10_000)],
        every: 100,
      },
    );
    assert.match(good.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201/);
  }, { http: { stall_timeout: "1s", min_rate: 1000 } }));

Deno.test("ranges, and files that are known already", () =>
  withUpload({}, async (server, slotFor) => {
    const slot = await slotFor({ name: "digits", size: 200_000 });
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => 48 + i % 10);
    await put(server, slot, bytes);
    const range = async (range: string, more: Record<string, string> = {}) => {
      const { status, headers, text } = await get(server, slot, { range, ...more });
      return [
        status,
        headers.get("content-range"),
        headers.get("content-length"),
        text.length > 20 ? text.length : text,
      ];
    };
    assert.deepEqual(await range("bytes=0-0"), [206, "bytes 0-0/200000", "1", "0"]);
    assert.deepEqual(await range("bytes=12-17"), [206, "bytes 12-17/200000", "6", "234567"]);
    assert.deepEqual(await range("bytes=199995-"), [
      206,
      "bytes 199995-199999/200000",
      "5",
      "56789",
    ]);
    assert.deepEqual(await range("bytes=-3"), [206, "bytes 199997-199999/200000", "3", "789"]);
    assert.deepEqual(await range("bytes=-900000"), [
      206,
      "bytes 0-199999/200000",
      "200000",
      200_000,
    ]);
    assert.deepEqual(await range("bytes=100000-900000"), [
      206,
      "bytes 100000-199999/200000",
      "100000",
      100_000,
    ]);
    for (const unsatisfiable of ["bytes=200000-", "bytes=200000-200001", "bytes=-0"]) {
      assert.deepEqual(
        await range(unsatisfiable),
        [416, "bytes */200000", "23", 23],
        unsatisfiable,
      );
    }
    for (
      const whole of [
        "bytes=0-1,5-6",
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "lines=1-2",
        "bytes=1-2-3",
      ]
    ) {
      assert.deepEqual(await range(whole), [200, null, "200000", 200_000], whole);
    }
    const { headers } = await get(server, slot);
    const [etag, modified] = [headers.get("etag")!, headers.get("last-modified")!];
    assert.equal((await range("bytes=0-0", { "if-range": etag }))[0], 206);
    assert.equal((await range("bytes=0-0", { "if-range": modified }))[0], 206);
    assert.equal((await range("bytes=0-0", { "if-range": '"other"' }))[0], 200);
    const status = async (more: Record<string, string>) => (await get(server, slot, more)).status;
    assert.equal(await status({ "if-none-match": etag }), 304);
    assert.equal(await status({ "if-none-match": `"x", W/${etag}` }), 304);
    assert.equal(await status({ "if-none-match": "*" }), 304);
    assert.equal(await status({ "if-none-match": '"x"' }), 200);
    assert.equal(await status({ "if-modified-since": modified }), 304);
    assert.equal(await status({ "if-modified-since": "Thu, 01 Jan 2015 00:00:00 GMT" }), 200);
    assert.equal(await status({ "if-modified-since": modified, "if-none-match": '"x"' }), 200);
    const only = await get(server, slot, { range: "bytes=0-9" }, "HEAD");
    assert.deepEqual([only.status, only.headers.get("content-length")], [206, "10"]);
  }));

Deno.test("web clients of other origins, and methods that there are not", () =>
  withUpload({}, async (server, slotFor) => {
    const slot = await slotFor({ name: "a", size: 1 });
    const preflight = await fetch(local(server, slot.put), {
      method: "OPTIONS",
      headers: { "access-control-request-method": "PUT", origin: "https://web.example" },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    assert.match(preflight.headers.get("access-control-allow-methods")!, /PUT/);
    assert.match(preflight.headers.get("access-control-allow-headers")!, /Content-Type/);
    for (const method of ["POST", "DELETE", "PATCH"]) {
      const answer = await fetch(local(server, slot.get), { method });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.get("allow"), "GET, HEAD, PUT, OPTIONS");
      await answer.body?.cancel();
    }
  }));

Deno.test("tricks with paths lead to nothing", () =>
  withUpload({}, async (server, slotFor) => {
    const port = httpPort(server);
    const slot = await slotFor({ name: "a", size: 1 });
    await put(server, slot, 1);
    for (
      const path of [
        `/upload/../../confab.sqlite`,
        `/upload/%2e%2e/%2e%2e/confab.sqlite`,
        `/upload/..%2f..%2fconfab.sqlite`,
        `/upload/${slot.id}/..%2f..%2fa`,
        `/upload/${slot.id}/%00`,
        `/upload/${slot.id}/a%00`,
        `/upload/${slot.id}%00/a`,
        `/upload/${slot.id}/%ff`,
        `/upload/${slot.id.toUpperCase()}/a`,
        `/upload/${slot.id.slice(0, 2)}/${slot.id}`,
        `/upload//${slot.id}/a`,
        `/upload/${slot.id}/a/`,
        `/upload`,
        `/upload/`,
      ]
    ) {
      const answer = await raw(
        port,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      assert.equal(answer.status, 404, path);
    }
  }));

Deno.test("files end: at their time, by their owner's wish, and with other rules", () =>
  withUpload({ slot_lifetime: "10s" }, async (server, slotFor) => {
    const soon = new Date(Date.now() + 1500).toISOString();
    const inner = `<ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='${soon}'/>`;
    const short = await slotFor({ name: "short", size: 1, inner });
    const old = await slotFor({ name: "old", size: 1 });
    const kept = await slotFor({ name: "kept", size: 1 });
    const late = await slotFor({ name: "late", size: 1 });
    for (const slot of [short, old, kept]) assert.equal((await put(server, slot, 1)).status, 201);
    assert.match((await get(server, short)).headers.get("cache-control")!, /max-age=[01],/);
    await sleep(1600);
    assert.equal((await get(server, short)).status, 404);
    const { db } = server.inner.store;
    await db.updateTable("uploads").set({ expires: 1 }).where("id", "in", [old.id, late.id])
      .execute();
    assert.equal((await get(server, old)).status, 404);
    assert.equal((await put(server, late, 1)).status, 404);
    assert.equal((await filesIn(server)).length, 3);
    // Any sweep takes them all.
    assert.equal(await server.host().hooks.ask(removeUpload, kept.id), true);
    await settles(server, []);
    assert.equal(await server.host().hooks.ask(removeUpload, kept.id), undefined);
    // What was uploaded within a day is remembered for the quota, slots that were not used are not.
    const rows = await db.selectFrom("uploads").select(["id", "state"]).orderBy("created")
      .execute();
    assert.deepEqual(rows, [short, old, kept].map(({ id }) => ({ id, state: 2 })));
  }));

Deno.test("a restart finds everything, and files by the rules of today", () =>
  withUpload({}, async (server, slotFor) => {
    const file = await slotFor({ name: "a.txt", size: 5 });
    const open = await slotFor({ name: "b.txt", size: 5 });
    const until = new Date(Date.now() + 3600_000).toISOString();
    const ephemeral = await slotFor({
      name: "c.txt",
      size: 5,
      inner: `<ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='${until}'/>`,
    });
    for (const slot of [file, ephemeral]) await put(server, slot, 5);
    const { inner } = server;
    const expires = async (s: Server) =>
      Object.fromEntries(
        (await s.store.db.selectFrom("uploads").select(["name", "expires", "created"]).execute())
          .map((row) => [row.name, row.expires - row.created]),
      );
    const before = await expires(inner);
    assert.equal(before["a.txt"], 30 * 86_400_000);
    await inner.stop();
    const modules = { ...inner.config.hosts[0]!.modules };
    const { http_upload } = modules;
    modules.http_upload = { ...http_upload!, settings: { ...http_upload!.settings, keep: 0 } };
    const config = { ...inner.config, hosts: [{ ...inner.config.hosts[0]!, modules }] };
    const again = new Server(config, inner.registry, inner.log);
    await again.start();
    try {
      const port = again.listeners.find((l) => l.endpoint.kind === "http")!.port;
      const at = (url: string) => url.replace(/^https:\/\/[^/]+/, `http://localhost:${port}`);
      assert.equal(await (await fetch(at(file.get))).text(), "xxxxx");
      const stored = await fetch(at(open.put), { method: "PUT", body: "later" });
      assert.equal(stored.status, 201);
      assert.equal(await (await fetch(at(open.get))).text(), "later");
      await stored.body?.cancel();
      const after = await expires(again);
      assert.ok(after["a.txt"] > 1e14, "kept for ever now");
      assert.equal(after["c.txt"], before["c.txt"]);
    } finally {
      await again.stop();
    }
  }));

Deno.test("an upload under way when the server stops leaves nothing", () =>
  withUpload({}, async (server, slotFor) => {
    const slot = await slotFor({ name: "a", size: 1000 });
    const upload = raw(httpPort(server), head(server, slot, "Content-Length: 1000\r\n"), {
      then: ["x".repeat(500)],
      every: 50,
      wait: 15_000,
    });
    await sleep(300);
    assert.deepEqual(await filesIn(server), [`${pathOf(slot)}.part`]);
    const started = performance.now();
    await server.inner.stop();
    assert.ok(performance.now() - started < 8000);
    assert.ok((await upload).closed);
    assert.deepEqual(await filesIn(server), []);
  }));

Deno.test("a hundred uploads at once, and as many downloads", () =>
  withUpload({}, async (server, slotFor) => {
    const slots: Slot[] = [];
    for (let i = 0; i < 100; i++) slots.push(await slotFor({ name: `${i}`, size: 50_000 + i }));
    const stored = await Promise.all(slots.map((slot, i) => put(server, slot, 50_000 + i)));
    assert.ok(stored.every(({ status }) => status === 201));
    const back = await Promise.all(slots.map((slot) => get(server, slot)));
    back.forEach(({ text }, i) => assert.equal(text.length, 50_000 + i));
    await settles(server, slots.map(pathOf));
  }));

Deno.test("a large file takes no memory to speak of, up, down, and down to one who stops", () =>
  withUpload({}, async (server, slotFor) => {
    const size = 30 << 20;
    const slot = await slotFor({ name: "big", size });
    const chunk = new Uint8Array(1 << 20);
    let sent = 0;
    let most = 0;
    const watch = setInterval(() => most = Math.max(most, Deno.memoryUsage().rss), 10);
    const before = Deno.memoryUsage().rss;
    const body = new ReadableStream({
      pull(controller) {
        if (sent === size) return controller.close();
        sent += chunk.length;
        controller.enqueue(chunk.slice());
      },
    });
    // fetch would send it in chunks; so by hand.
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: httpPort(server) });
    await conn.write(new TextEncoder().encode(head(server, slot, `Content-Length: ${size}\r\n`)));
    await body.pipeTo(conn.writable, { preventClose: true });
    const { value } = await conn.readable.getReader().read();
    assert.match(new TextDecoder().decode(value), /^HTTP\/1\.1 201/);
    conn.close();
    const answer = await fetch(local(server, slot.get));
    let got = 0;
    for await (const part of answer.body!) got += part.length;
    assert.equal(got, size);
    const lazy = await fetch(local(server, slot.get));
    await sleep(200);
    await lazy.body!.cancel();
    clearInterval(watch);
    assert.ok(most - before < 80 << 20, `${Math.round((most - before) / 1048576)} MiB more`);
  }));

Deno.test("megabytes arrive as they are, over https with the server's own certificate, too", () =>
  withUpload({}, async (server, slotFor) => {
    const client = await trusting(server);
    const size = 5_000_003;
    const body = new Uint8Array(size);
    for (let at = 0; at < size; at += 65_536) {
      crypto.getRandomValues(body.subarray(at, Math.min(size, at + 65_536)));
    }
    for (const url of [(u: string) => u, (u: string) => local(server, u)]) {
      const slot = await slotFor({ name: "a", size });
      const stored = await fetch(url(slot.put), { method: "PUT", body, client });
      assert.equal(stored.status, 201);
      await stored.body?.cancel();
      for (const again of [url, (u: string) => local(server, u)]) {
        const back = new Uint8Array(await (await fetch(again(slot.get), { client })).arrayBuffer());
        assert.equal(Buffer.compare(back, body), 0);
      }
    }
    client.close();
  }));
