/** HTTP in a process of its own: the banner, `status`, `check`, and reloads under connections. */

import assert from "node:assert/strict";
import { connect } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { makeSelfSigned } from "../../lib/tls/selfsigned.ts";
import { login } from "../helpers/client.ts";
import { raw } from "../helpers/http.ts";
import { requestSlot } from "../helpers/upload.ts";
import { type Confab, freePort, startConfab, toml } from "./process.ts";

const listener = (port: number, tls: string) =>
  `[[listen.http]]\naddress = ["127.0.0.1"]\nport = ${port}\ntls = "${tls}"\n`;

/** Without the line that switches HTTP off. */
const web = (listeners: string, more = "") =>
  toml(more).replace("[listen]\nhttp = []\n", "") + listeners;

async function reload(confab: Confab, config: string): Promise<string[]> {
  await confab.write(config);
  return (await confab.json("reload")).changes;
}

const get = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

function fingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

Deno.test("http listeners: named at the start, in status and in check", async () => {
  const [a, b] = [freePort(), freePort()];
  await using confab = await startConfab(web(listener(a, "direct") + listener(b, "none")));
  assert.match(confab.out, new RegExp(`^ {2}web {6}127\\.0\\.0\\.1:${a} {2}https$`, "m"));
  assert.match(confab.out, new RegExp(`^ {2}web {6}127\\.0\\.0\\.1:${b} {2}http$`, "m"));
  const { listening, httpConnections } = await confab.json("status");
  assert.deepEqual(listening.slice(-2), [
    { address: "127.0.0.1", port: a, tls: "direct", protocol: "https" },
    { address: "127.0.0.1", port: b, tls: "none", protocol: "http" },
  ]);
  assert.equal(httpConnections, 0);
  assert.match(await confab.ok("status"), new RegExp(`127\\.0\\.0\\.1:${a} \\(https\\)`));
});

Deno.test("http listeners move, an upload goes on while its port is closed", async () => {
  const [a, b] = [freePort(), freePort()];
  await using confab = await startConfab(web(listener(a, "none")));
  const juliet = await login(confab.server, "juliet");
  const slot = await requestSlot(juliet, { name: "a.txt", size: 1000 });
  assert.ok(slot.get.startsWith(`http://localhost:${a}/`));
  const { pathname, search } = new URL(slot.put);
  const upload = raw(
    a,
    `PUT ${pathname}${search} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n` +
      "Connection: close\r\n\r\n",
    { then: Array(20).fill("x".repeat(50)), every: 150, wait: 10_000 },
  );
  await sleep(300);
  assert.deepEqual(await reload(confab, web(listener(b, "none"))), [
    `listening on 127.0.0.1:${b} (http)`,
    `no longer listening on 127.0.0.1:${a}`,
  ]);
  assert.equal((await raw(a, get)).status, 0);
  assert.equal((await raw(b, get)).status, 404);
  assert.equal((await upload).status, 201);
  const moved = slot.get.replace(`:${a}/`, `:${b}/`);
  assert.equal(await (await fetch(moved)).text(), "x".repeat(1000));
  const next = await requestSlot(juliet, { name: "b.txt", size: 1 });
  assert.ok(next.get.startsWith(`http://localhost:${b}/`));

  // From http to https on the same port; then no HTTP at all.
  assert.deepEqual(await reload(confab, web(listener(b, "direct"))), [
    `listening on 127.0.0.1:${b} (https)`,
    `no longer listening on 127.0.0.1:${b}`,
  ]);
  await fingerprint(b);
  assert.deepEqual(await reload(confab, toml()), [`no longer listening on 127.0.0.1:${b}`]);
  await assert.rejects(fingerprint(b));
  assert.deepEqual(
    await reload(confab, toml("[http]\npublic_url = 'https://files.example.org'\n")),
    ["localhost: new settings", "new settings in [http]"],
  );
  const proxied = await requestSlot(juliet, { name: "c.txt", size: 1 });
  assert.ok(proxied.put.startsWith("https://files.example.org/upload/"));
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});

Deno.test("a renewed certificate is what the next https connection sees", async () => {
  const port = freePort();
  const put = async (folder: string) => {
    const { certPem, keyPem } = await makeSelfSigned({ names: ["localhost"] });
    await Deno.writeTextFile(`${folder}/c.pem`, certPem);
    await Deno.writeTextFile(`${folder}/c.key`, keyPem);
    return certPem;
  };
  await using confab = await startConfab(web(listener(port, "direct")));
  const made = await fingerprint(port);
  let cert = await put(confab.folder);
  const config = web(listener(port, "direct"), '[tls]\ncertificate = "c.pem"\nkey = "c.key"\n');
  assert.deepEqual(await reload(confab, config), ["localhost: new certificate"]);
  const first = await fingerprint(port);
  assert.notEqual(first, made);

  // A connection that is there goes on.
  const client = Deno.createHttpClient({ caCerts: [cert] });
  const url = `https://localhost:${port}/nothing`;
  assert.equal(await (await fetch(url, { client })).text(), "Not found\n");
  cert = await put(confab.folder);
  assert.deepEqual(await reload(confab, config), ["localhost: new certificate"]);
  assert.notEqual(await fingerprint(port), first);
  assert.equal(await (await fetch(url, { client })).text(), "Not found\n");
  client.close();
  const next = Deno.createHttpClient({ caCerts: [cert] });
  assert.equal(await (await fetch(url, { client: next })).text(), "Not found\n");
  next.close();
});

Deno.test("limits of [http] change under the server, modules vanish with their paths", async () => {
  const port = freePort();
  await using confab = await startConfab(web(listener(port, "none")));
  const silent = "GET / HTTP/1.1\r\n";
  assert.equal((await raw(port, silent, { wait: 1500 })).closed, false);
  assert.deepEqual(
    await reload(confab, web(listener(port, "none"), "[http]\nheader_timeout = '1s'\n")),
    ["new settings in [http]"],
  );
  assert.equal((await raw(port, silent)).closed, true);

  const juliet = await login(confab.server, "juliet");
  const slot = await requestSlot(juliet, { name: "a.txt", size: 1 });
  const head = async () => (await fetch(slot.put, { method: "OPTIONS" })).status;
  assert.equal(await head(), 204);
  await reload(confab, web(listener(port, "none"), "[modules]\nhttp_upload = false\n"));
  assert.equal(await head(), 404);
  await reload(confab, web(listener(port, "none")));
  assert.equal(await head(), 204);
});
