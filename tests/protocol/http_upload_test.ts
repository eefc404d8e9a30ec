/** XEP-0363 over XMPP: discovery, slots, and every refusal. */

import assert from "node:assert/strict";
import { connect, login, type TestClient } from "../helpers/client.ts";
import { HTTP_LISTENERS, httpPort } from "../helpers/http.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { listUploads, removeUpload } from "../../lib/hooks/uploads.ts";
import { parseJid } from "../../lib/jid.ts";
import { filesIn, put, requestSlot, type Slot } from "../helpers/upload.ts";

const NS = "urn:xmpp:http:upload:0";
const PURPOSE = "urn:xmpp:http:upload:purpose:0";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const MODULES = { modules: ["auth", "disco", "http_upload", "presence"] };

const withUpload = (settings: Table, transcript: (server: TestServer) => Promise<void>) =>
  withServer(
    { listen: HTTP_LISTENERS, modules: { http_upload: settings } },
    MODULES,
    transcript,
  );

let n = 0;
const ask = (attrs: string, inner = "") =>
  `<iq type='get' id='u${++n}' to='upload.localhost'><request xmlns='${NS}' ${attrs}>${inner}</request></iq>`;

async function refused(
  client: TestClient,
  request: string,
  type: string,
  condition: string,
  more = "",
): Promise<Record<string, string | undefined>> {
  client.send(request);
  return await client.receives(
    `<iq type='error' id='u${n}' from='upload.localhost'><error type='${type}'>` +
      `<${condition} xmlns='${STANZAS}'/>${more}</error></iq>`,
  );
}

Deno.test("the service is found, and tells its largest file and its purposes", () =>
  withUpload({ max_file_size: "5 MiB" }, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
      "<iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#items'>" +
        "<item jid='upload.localhost' name='HTTP File Upload'/></query></iq>",
    );
    const info = (features: string) =>
      alice.request(
        "<iq type='get' id='2' to='upload.localhost'>" +
          "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        "<iq type='result' id='2'><query xmlns='http://jabber.org/protocol/disco#info'>" +
          "<identity category='store' type='file' name='HTTP File Upload'/>" +
          `<feature var='${NS}'/><feature var='${PURPOSE}#message'/>` +
          `<feature var='${PURPOSE}#profile'/><feature var='${PURPOSE}#ephemeral'/>${features}` +
          "<x xmlns='jabber:x:data' type='result'>" +
          `<field var='FORM_TYPE'><value>${NS}</value></field>` +
          "<field var='max-file-size'><value>5242880</value></field></x></query></iq>",
      );
    await info("");
    await assert.rejects(info(`<feature var='${PURPOSE}#permanent'/>`));
  }));

Deno.test("a slot: two URLs of the host, the name intact, the secret only in one", () =>
  withUpload({}, async (server) => {
    const alice = await login(server, "alice");
    const slot = await requestSlot(alice, {
      name: "très cool.jpg",
      size: 23456,
      type: "image/jpeg",
    });
    const base = `https://localhost:${httpPort(server, "direct")}/upload/`;
    assert.ok(slot.get.startsWith(base));
    assert.match(slot.get, /\/upload\/[0-9a-f]{32}\/tr%C3%A8s%20cool\.jpg$/);
    assert.match(slot.put, /\?put=[0-9a-f]{32}$/);
    assert.equal(slot.put.split("?")[0], slot.get);
    const other = await requestSlot(alice, { name: "très cool.jpg", size: 23456 });
    assert.notEqual(other.get, slot.get);
    for (
      const [name, left] of Object.entries({
        "../../etc/passwd": "passwd",
        "/etc/passwd": "passwd",
        "C:\\temp\\a.txt": "a.txt",
        "..": "file",
        ". .": "file",
        "a/": "file",
        "x&#10;y.txt": "xy.txt",
        "a&#x202E;gpj.exe": "agpj.exe",
        "CON.txt": "_CON.txt",
        "%2e%2e%2f": "%2e%2e%2f",
        "a?b#c.png": "a_b#c.png",
        "🌹.png": "🌹.png",
      })
    ) {
      const { get } = await requestSlot(alice, { name, size: 1, escaped: true });
      assert.equal(decodeURIComponent(get.split("/").at(-1)!), left, name);
      assert.equal(new URL(get).href, get, "a URL that no browser would change");
    }
    const long = await requestSlot(alice, { name: "ü".repeat(2000) + ".jpeg", size: 1 });
    const name = decodeURIComponent(long.get.split("/").at(-1)!);
    assert.match(name, /^ü+\.jpeg$/);
    assert.ok(new TextEncoder().encode(name).length <= 180);
  }));

Deno.test("requests that make no sense", () =>
  withUpload({}, async (server) => {
    const alice = await login(server, "alice");
    const bad = (attrs: string, inner = "") =>
      refused(alice, ask(attrs, inner), "modify", "bad-request");
    await bad("size='1'");
    await bad("filename='' size='1'");
    await bad(`filename='${"x".repeat(5000)}' size='1'`);
    await bad("filename='a'");
    for (const size of ["", "-1", "1.5", "1e3", "0x10", " 1", "lots", "9".repeat(16)]) {
      await bad(`filename='a' size='${size}'`);
    }
    for (
      const type of [
        "image",
        "image/",
        "a b/c",
        "a/b&#10;X: y",
        "a/b;&#200;",
        `a/${"b".repeat(90)}`,
      ]
    ) {
      await bad(`filename='a' size='1' content-type='${type}'`);
    }
    const ephemeral = (before: string) => `<ephemeral xmlns='${PURPOSE}' ${before}/>`;
    await bad("filename='a' size='1'", ephemeral(""));
    await bad("filename='a' size='1'", ephemeral("expire-before='tomorrow'"));
    await bad(
      "filename='a' size='1'",
      `<message xmlns='${PURPOSE}'/><profile xmlns='${PURPOSE}'/>`,
    );
    await refused(
      alice,
      ask("filename='a' size='1'", ephemeral("expire-before='2017-01-01T00:00:00Z'")),
      "modify",
      "not-acceptable",
    );
    for (const purpose of ["permanent", "other"]) {
      await refused(
        alice,
        ask("filename='a' size='1'", `<${purpose} xmlns='${PURPOSE}'/>`),
        "cancel",
        "feature-not-implemented",
      );
    }
    await refused(
      alice,
      `<iq type='set' id='u${++n}' to='upload.localhost'><request xmlns='${NS}' filename='a' size='1'/></iq>`,
      "cancel",
      "service-unavailable",
    );
    // Children that nobody knows do not matter.
    alice.send(ask("filename='a' size='0'", "<other xmlns='urn:example'/>"));
    await alice.receives(
      `<iq type='result' id='u${n}'><slot xmlns='${NS}'><put/><get/></slot></iq>`,
    );
  }));

Deno.test("a file too large: the limit is told, avatars have one of their own", () =>
  withUpload({ max_file_size: 20_000, profile_file_size: 5000 }, async (server) => {
    const alice = await login(server, "alice");
    const tooLarge = (max: number) =>
      `<text xmlns='${STANZAS}'>File too large. The maximum file size is ${max} bytes</text>` +
      `<file-too-large xmlns='${NS}'><max-file-size>${max}</max-file-size></file-too-large>`;
    await requestSlot(alice, { name: "a", size: 20_000 });
    await refused(
      alice,
      ask("filename='a' size='20001'"),
      "modify",
      "not-acceptable",
      tooLarge(20_000),
    );
    const profile = `<profile xmlns='${PURPOSE}'/>`;
    await requestSlot(alice, { name: "a", size: 5000, inner: profile });
    await refused(
      alice,
      ask("filename='a' size='5001'", profile),
      "modify",
      "not-acceptable",
      tooLarge(5000),
    );
  }));

Deno.test("quotas: of an account, of avatars, of files, of a day, and of all", async () => {
  const full = async (client: TestClient, attrs: string, inner = "", retry = true) => {
    const caught = await refused(
      client,
      ask(attrs, inner),
      "wait",
      "resource-constraint",
      retry ? `<retry xmlns='${NS}' stamp='{stamp}'/>` : `<retry xmlns='${NS}'>{absent}</retry>`,
    );
    return caught.stamp === undefined ? 0 : Date.parse(caught.stamp) - Date.now();
  };
  await withUpload({ quota: 10_000, slot_lifetime: "10m" }, async (server) => {
    const alice = await login(server, "alice");
    await requestSlot(alice, { name: "a", size: 6000 });
    // A slot counts until it has expired: then it may work.
    const wait = await full(alice, "filename='a' size='4001'");
    assert.ok(wait > 590_000 && wait < 602_000, `${wait} ms`);
    await requestSlot(alice, { name: "a", size: 4000 });
    const bob = await login(server, "bob");
    await requestSlot(bob, { name: "a", size: 10_000 });
    // Many at once do not get past it.
    const carol = await login(server, "carol");
    for (let i = 0; i < 8; i++) carol.send(ask("filename='a' size='2000'"));
    const outcomes = [];
    for (let i = 0; i < 8; i++) {
      await carol.receives("<iq/>");
      outcomes.push(carol.last.attrs.type);
    }
    assert.equal(outcomes.filter((t) => t === "result").length, 5);
  });
  await withUpload({ profile_quota: 3000 }, async (server) => {
    const alice = await login(server, "alice");
    const inner = `<profile xmlns='${PURPOSE}'/>`;
    await requestSlot(alice, { name: "a", size: 2000, inner });
    await full(alice, "filename='a' size='1001'", inner, false);
    await requestSlot(alice, { name: "a", size: 1001 });
  });
  await withUpload({ quota_files: 2 }, async (server) => {
    const alice = await login(server, "alice");
    await requestSlot(alice, { name: "a", size: 1 });
    await requestSlot(alice, { name: "a", size: 1 });
    await full(alice, "filename='a' size='1'");
  });
  await withUpload({ quota_of_all: 5000 }, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    await requestSlot(alice, { name: "a", size: 3000 });
    await full(bob, "filename='a' size='2001'", "", false);
    await requestSlot(bob, { name: "a", size: 2000 });
  });
  await withUpload({ quota_per_day: 5000 }, async (server) => {
    const alice = await login(server, "alice");
    const slot = await requestSlot(alice, { name: "a", size: 3000 });
    assert.equal((await put(server, slot, 3000)).status, 201);
    // A file that is gone has been uploaded all the same.
    assert.equal(await server.host().hooks.ask(removeUpload, slot.id), true);
    const wait = await full(alice, "filename='a' size='2001'");
    assert.ok(wait > 86_300_000 && wait < 86_402_000, `${wait} ms`);
    await requestSlot(alice, { name: "a", size: 2000 });
  });
  await withUpload({ slots_per_minute: 2 }, async (server) => {
    const alice = await login(server, "alice");
    await requestSlot(alice, { name: "a", size: 1 });
    await requestSlot(alice, { name: "a", size: 1 });
    const wait = await full(alice, "filename='a' size='1'");
    assert.ok(wait > 25_000 && wait < 32_000, `${wait} ms`);
    await requestSlot(await login(server, "bob"), { name: "a", size: 1 });
  });
});

Deno.test("guests and strangers have no slots", () =>
  withServer(
    {
      listen: HTTP_LISTENERS,
      hosts: { localhost: { anonymous: true }, "example.org": {} },
    },
    MODULES,
    async (server) => {
      const romeo = await login(server, "romeo", { domain: "example.org" });
      await refused(romeo, ask("filename='a' size='1'"), "auth", "forbidden");
      const guest = await connect(server);
      await guest.open();
      await guest.upgrade();
      guest.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>");
      await guest.receives("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      await guest.open();
      await guest.bind();
      await refused(guest, ask("filename='a' size='1'"), "auth", "forbidden");
    },
  ));

Deno.test("without HTTP there are no slots; another name for the service", async () => {
  await withServer({}, MODULES, async (server) => {
    const alice = await login(server, "alice");
    await refused(alice, ask("filename='a' size='1'"), "cancel", "service-unavailable");
  });
  await withUpload({ service: "files.example.org", permanent: true }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(
      `<iq type='get' id='1' to='files.example.org'><request xmlns='${NS}' filename='a' size='1'>` +
        `<permanent xmlns='${PURPOSE}'/></request></iq>`,
    );
    await alice.receives(
      `<iq type='result' id='1' from='files.example.org'><slot xmlns='${NS}'/></iq>`,
    );
  });
});

Deno.test("an account that is removed takes its files along, and one under way", () =>
  withUpload({}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const mine: Slot[] = [];
    for (let i = 0; i < 5; i++) {
      const slot = await requestSlot(alice, { name: `${i}.txt`, size: 100 });
      assert.equal((await put(server, slot, 100)).status, 201);
      mine.push(slot);
    }
    const other = await requestSlot(bob, { name: "b.txt", size: 100 });
    await put(server, other, 100);
    const unused = await requestSlot(alice, { name: "later.txt", size: 100 });
    const listed = await server.host().hooks.ask(listUploads, parseJid("alice@localhost")!);
    assert.deepEqual(listed!.map((u) => [u.name, u.size]), [
      ["4.txt", 100],
      ["3.txt", 100],
      ["2.txt", 100],
      ["1.txt", 100],
      ["0.txt", 100],
    ]);
    assert.equal(listed![0]!.url, mine[4]!.get);
    assert.equal((await filesIn(server)).length, 6);
    await server.host().hooks.ask(deleteAccount, parseJid("alice@localhost")!);
    assert.equal((await filesIn(server)).length, 1);
    const at = (slot: Slot) =>
      fetch(slot.get.replace(/^https:\/\/[^/]+/, `http://localhost:${httpPort(server)}`));
    for (const slot of mine) {
      const gone = await at(slot);
      assert.equal(gone.status, 404);
      await gone.body?.cancel();
    }
    assert.equal((await put(server, unused, 100)).status, 404);
    assert.equal(await (await at(other)).text(), "x".repeat(100));
    const rows = await server.inner.store.db.selectFrom("uploads").select("node").execute();
    assert.deepEqual(rows, [{ node: "bob" }]);
  }));
