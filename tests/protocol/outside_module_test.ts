/** Modules that are not built in: loaded by path from the TOML (the examples of docs/examples). */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, login } from "../helpers/client.ts";
import { startServer, withServer } from "../helpers/server.ts";
import { authenticate, base64 } from "../helpers/sasl.ts";

const example = (name: string) =>
  fileURLToPath(new URL(`../../docs/examples/${name}`, import.meta.url));

async function withUsers(users: string, f: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-users-"));
  try {
    const file = join(folder, "users.json");
    await writeFile(file, users);
    await f(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

Deno.test("docs/examples/auth_json.ts: logins are checked against its file", () =>
  withUsers(JSON.stringify({ romeo: "wherefore", juliet: "art thou" }), (file) => {
    const auth_json = { source: example("auth_json.ts"), file };
    return withServer({ modules: { auth_json } }, { modules: ["ping"] }, async (server) => {
      const romeo = await connect(server);
      await romeo.open();
      const features = await romeo.upgrade();
      const mechanisms = features.child("mechanisms")!.elements().map((m) => m.text());
      assert.deepEqual(mechanisms, ["PLAIN"]);

      for (const [name, password] of [["romeo", "art thou"], ["tybalt", ""], ["__proto__", "x"]]) {
        romeo.send(
          `<auth xmlns='${SASL}' mechanism='PLAIN'>${base64(`\0${name}\0${password}`)}</auth>`,
        );
        await romeo.receives(`<failure xmlns='${SASL}'/>`);
      }
      await authenticate(romeo, "romeo", "wherefore", "PLAIN");
      await romeo.open();
      await romeo.bind("balcony");
      assert.equal(romeo.jid, "romeo@localhost/balcony");

      // Whether an account exists comes from the file as well.
      romeo.send("<message to='juliet@localhost' type='groupchat' id='m1'/>");
      await romeo.receives("<message type='error' id='m1' from='juliet@localhost'/>");
    });
  }));

Deno.test("docs/examples/hello_iq.ts: answers one kind of IQ, with its setting", () => {
  const hello = { source: example("hello_iq.ts"), greeting: "Good morrow" };
  return withServer({ modules: { hello } }, { modules: ["auth", "disco"] }, async (server) => {
    const romeo = await login(server, "romeo");
    romeo.send("<iq type='get' id='h1' to='localhost'><hello xmlns='urn:example:hello'/></iq>");
    await romeo.receives(
      "<iq type='result' id='h1'><hello xmlns='urn:example:hello'>Good morrow, romeo!</hello></iq>",
    );
    romeo.send(
      "<iq type='get' id='h2' to='localhost'><hello xmlns='urn:example:hello'>x</hello></iq>",
    );
    await romeo.receives(
      "<iq type='error' id='h2'><error type='modify'>" +
        "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
    const INFO = "http://jabber.org/protocol/disco#info";
    romeo.send(`<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`);
    await romeo.receives(
      `<iq type='result'><query xmlns='${INFO}'><feature var='urn:example:hello'/></query></iq>`,
    );

    await server.inner.unloadModule(server.host(), "hello");
    romeo.send("<iq type='get' id='h3' to='localhost'><hello xmlns='urn:example:hello'/></iq>");
    await romeo.receives(
      "<iq type='error' id='h3'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
  });
});

Deno.test("each host has an outside module's settings of its own", () => {
  const hello = { source: example("hello_iq.ts") };
  const hosts = {
    localhost: { modules: { hello: { ...hello, greeting: "Hi" } } },
    "other.test": { modules: { hello } },
    "quiet.test": {},
  };
  return withServer({ hosts }, { modules: ["auth"] }, async (server) => {
    const romeo = await login(server, "romeo");
    const answers = {
      localhost: "<hello xmlns='urn:example:hello'>Hi, romeo!</hello>",
      "quiet.test": "<error/>",
    };
    for (const [to, answer] of Object.entries(answers)) {
      romeo.send(`<iq type='get' id='h' to='${to}'><hello xmlns='urn:example:hello'/></iq>`);
      await romeo.receives(`<iq id='h' from='${to}'>${answer}</iq>`);
    }
    romeo.send("<iq type='get' id='h' to='other.test'><hello xmlns='urn:example:hello'/></iq>");
    await romeo.receives("<iq id='h'><hello xmlns='urn:example:hello'>Hello, romeo!</hello></iq>");
  });
});

Deno.test("settings of an outside module are checked like all others", async () => {
  const auth_json = { source: example("auth_json.ts") };
  await assert.rejects(startServer({ modules: { auth_json } }, { modules: [] }), /auth_json\.file/);
  const hello = { source: example("hello_iq.ts"), greting: "Hi" };
  await assert.rejects(startServer({ modules: { hello } }, { modules: [] }), /hello\.greting/);
  const nowhere = { source: example("nowhere.ts") };
  await assert.rejects(startServer({ modules: { nowhere } }, { modules: [] }), /nowhere/);
});

Deno.test("a module whose setup fails keeps the server from starting, with its name", () =>
  withUsers("not JSON", async (file) => {
    const auth_json = { source: example("auth_json.ts"), file };
    await assert.rejects(
      startServer({ modules: { auth_json } }, { modules: [] }),
      /module auth_json on localhost/,
    );
  }));
