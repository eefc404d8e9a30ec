/** XEP-0388: the Extensible SASL Profile, and with it XEP-0440 and XEP-0474. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, NS, type TestClient } from "../helpers/client.ts";
import { authenticate as authenticate1, base64 } from "../helpers/sasl.ts";
import {
  authenticate,
  failure,
  type Hash,
  LAPTOP,
  plain,
  SASL2,
  scram,
  secured,
  succeeds,
  userAgent,
} from "../helpers/sasl2.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";

const modules = ["auth", "ping", "sasl2"];
const CB = "urn:xmpp:sasl-cb:0";

function test(
  name: string,
  transcript: (client: TestClient, server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () =>
    withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await transcript(await secured(server), server);
    }));
}

const endPoint = (client: TestClient) =>
  createHash("sha256").update(client.tls.getPeerCertificate().raw).digest();

test("§2.1: offered next to the mechanisms of RFC 6120, and the same", async (client) => {
  const features = client.last;
  const names = (parent: string) =>
    features.child(parent)!.elements("mechanism").map((m) => m.text());
  assert.equal(features.child("authentication")!.ns, SASL2);
  assert.deepEqual(names("authentication"), names("mechanisms"));
  // XEP-0440: one list for both.
  assert.equal(features.elements("sasl-channel-binding").length, 1);
  // Without a module that has something to be asked for, there is no <inline/>.
  assert.equal(features.child("authentication")!.child("inline"), undefined);
});

test("§3: only over TLS, even where logins without it are allowed", async (_, server) => {
  const client = await connect(server);
  const features = await client.open();
  assert.ok(features.child("mechanisms"));
  assert.equal(features.child("authentication"), undefined);
  client.send(plain("alice", "secret"));
  await client.receives(failure("encryption-required"));
  await client.upgrade();
  client.send(plain("alice", "secret"));
  await succeeds(client);
}, { c2s: { plaintext_auth: "loopback" } });

test("§5.1: PLAIN: success, and at once the features of the same stream", async (client) => {
  client.send(plain("alice", "secret", userAgent(LAPTOP)));
  await client.receives(
    `<success xmlns='${SASL2}'>` +
      "<authorization-identifier>alice@localhost</authorization-identifier>{only}" +
      "<additional-data>{absent}</additional-data></success>",
  );
  const features = await client.features();
  assert.ok(features.child("bind", NS.bind));
  assert.equal(features.child("authentication"), undefined);
  assert.equal(features.child("mechanisms"), undefined);
  // Binding as ever, on the same stream.
  await client.bind("balcony");
  assert.equal(client.jid, "alice@localhost/balcony");
});

for (const hash of ["SHA-1", "SHA-256", "SHA-512"] as Hash[]) {
  test(`§2.5: SCRAM-${hash}, with and without channel binding`, async (client, server) => {
    const { data } = await scram(client, hash, "alice", "secret");
    await succeeds(client, `<additional-data>${data}</additional-data>`);
    const other = await secured(server);
    const bound = await scram(other, hash, "alice", "secret", "", endPoint(other));
    await succeeds(other, `<additional-data>${bound.data}</additional-data>`);
  });

  test(`a wrong password with SCRAM-${hash}; then the right one`, async (client) => {
    await scram(client, hash, "alice", "wrong");
    await client.receives(failure("not-authorized"));
    await scram(client, hash, "alice", "secret");
    await succeeds(client);
  });
}

test("XEP-0474: the hash of what was advertised here", async (client) => {
  const features = client.last;
  const { serverFirst } = await scram(client, "SHA-256", "alice", "secret");
  await succeeds(client);
  const names = features.child("authentication")!.elements("mechanism").map((m) => m.text());
  const types = features.child("sasl-channel-binding", CB)!.elements().map((t) => t.attrs.type!);
  const list = `${names.sort().join("\x1e")}\x1f${types.sort().join("\x1e")}`;
  const expected = createHash("sha256").update(list).digest("base64");
  assert.equal(/,h=(.*)$/.exec(serverFirst)![1], expected);
});

test("channel binding to something else, or taken out of the offer", async (client) => {
  await scram(client, "SHA-256", "alice", "secret", "", new Uint8Array(32));
  await client.receives(failure("not-authorized"));
  client.send(authenticate("SCRAM-SHA-256", "y,,n=alice,r=abcdefghijkl"));
  await client.receives(failure("not-authorized"));
  client.send(authenticate("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=alice,r=abcdefghijkl"));
  await client.receives(failure("not-authorized"));
});

test("§2.2: without an initial response there is an empty challenge", async (client) => {
  client.send(authenticate("PLAIN", undefined));
  await client.receives(`<challenge xmlns='${SASL2}'>{empty}</challenge>`);
  client.send(`<response xmlns='${SASL2}'>${base64("\0alice\0secret")}</response>`);
  await succeeds(client);
});

test("§2.2: an empty initial response is a response", async (client) => {
  client.send(authenticate("PLAIN", ""));
  await client.receives(failure("malformed-request"));
  client.send(
    `<authenticate xmlns='${SASL2}' mechanism='PLAIN'><initial-response/></authenticate>`,
  );
  await client.receives(failure("malformed-request"));
});

test("§2.6.2: failures by name", async (client) => {
  for (const name of ["", "plain", "X-OAUTH2", "EXTERNAL", "ANONYMOUS", "HT-SHA-256-NONE"]) {
    client.send(authenticate(name, "\0alice\0secret"));
    await client.receives(failure("invalid-mechanism"));
  }
  client.send(`<authenticate xmlns='${SASL2}'/>`);
  await client.receives(failure("invalid-mechanism"));
  for (const text of ["AGFs*", "AGFsaWNlAHNlY3JldA", "=", " AGFs"]) {
    client.send(
      `<authenticate xmlns='${SASL2}' mechanism='PLAIN'>` +
        `<initial-response>${text}</initial-response></authenticate>`,
    );
    await client.receives(failure("incorrect-encoding"));
  }
  client.send(authenticate("PLAIN", "alice"));
  await client.receives(failure("malformed-request"));
  client.send(authenticate("PLAIN", "bob@localhost\0alice\0secret"));
  await client.receives(failure("invalid-authzid"));
  client.send(plain("alice", "wrong"));
  await client.receives(failure("not-authorized"));
  client.send(plain("alice", "secret"));
  await succeeds(client);
}, { auth: { attempts: 20 } });

test("§2.3: a user agent's id is a UUID", async (client) => {
  client.send(plain("alice", "secret", userAgent("my phone")));
  await client.receives(failure("malformed-request", "<text>{any}</text>"));
});

test("§2.3: the stream's from must be the account", async (_, server) => {
  await server.addUser("bob@localhost", "other");
  const client = await secured(server, { from: "bob@localhost" });
  client.send(plain("alice", "secret"));
  await client.receives(failure("invalid-authzid", "<text>{any}</text>"));
  client.send(plain("bob", "other"));
  await succeeds(client);
});

test("§4.5: aborted by the client; then another try", async (client) => {
  client.send(authenticate("SCRAM-SHA-256", "n,,n=alice,r=abcdefghijkl"));
  await client.receives(`<challenge xmlns='${SASL2}'/>`);
  client.send(`<abort xmlns='${SASL2}'><text>no more</text></abort>`);
  await client.receives(failure("aborted"));
  client.send(`<response xmlns='${SASL2}'>${base64("c=biws,r=abc,p=AAAA")}</response>`);
  await client.receives(failure("malformed-request"));
  client.send(`<next xmlns='${SASL2}' task='TOTP'/>`);
  await client.receives(failure("malformed-request"));
  client.send(plain("alice", "secret"));
  await succeeds(client);
});

for (
  const [what, element] of [
    ["a stanza", "<presence/>"],
    ["RFC 6120's SASL", `<abort xmlns='${NS.sasl}'/>`],
    ["another authenticate", plain("alice", "secret")],
  ] as const
) {
  test(`§2.4: ${what} in the midst of an exchange ends the stream`, async (client) => {
    client.send(authenticate("SCRAM-SHA-256", "n,,n=alice,r=abcdefghijkl"));
    await client.receives(`<challenge xmlns='${SASL2}'/>`);
    client.send(element);
    await client.streamError("policy-violation");
  });
}

test("nor does an exchange of RFC 6120 become one of this profile", async (client) => {
  client.send(
    `<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${
      base64("n,,n=alice,r=abcdefghijkl")
    }</auth>`,
  );
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  client.send(plain("alice", "secret"));
  await client.streamError("policy-violation");
});

test("a failure of one profile leaves the other", async (client) => {
  client.send(plain("alice", "wrong"));
  await client.receives(failure("not-authorized"));
  await authenticate1(client, "alice", "secret", "SCRAM-SHA-256");
  await client.open();
  await client.bind();
});

test("both profiles' failures count together", async (client) => {
  client.send(plain("alice", "wrong"));
  await client.receives(failure("not-authorized"));
  client.send(
    `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64("\0alice\0wrong")}</auth>`,
  );
  await client.receives(`<failure xmlns='${NS.sasl}'><not-authorized/></failure>`);
  client.send(plain("alice", "wrong"));
  await client.receives(failure("not-authorized"));
  await client.streamError("policy-violation");
}, { auth: { attempts: 3 } });

test("guessing is slowed down", async (client) => {
  const start = performance.now();
  client.send(plain("alice", "wrong"));
  await client.receives(failure("not-authorized"));
  assert.ok(performance.now() - start >= 400);
}, { auth: { throttle: { free_attempts: 0, delay: "500ms" } } });

test("what comes while a failure is held back is a violation as well", async (client) => {
  client.write(plain("alice", "wrong") + "<presence/>");
  await client.receives(failure("not-authorized"));
  await client.streamError("not-authorized");
}, { auth: { throttle: { free_attempts: 0, delay: "200ms" } } });

test("an address that guesses too much is refused", async (client) => {
  client.send(plain("alice", "wrong"));
  await client.receives(failure("not-authorized"));
  client.send(plain("alice", "secret"));
  await client.streamError("policy-violation");
}, { auth: { throttle: { block_after: 1 } } });

test("a disabled account", async (client, server) => {
  const { setAccountEnabled } = await import("../../lib/hooks/accounts.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  await server.host().hooks.ask(setAccountEnabled, parseJid("alice@localhost")!, false);
  client.send(plain("alice", "secret"));
  await client.receives(failure("account-disabled"));
});

test("§4.8: no second login", async (client) => {
  client.send(plain("alice", "secret"));
  await succeeds(client);
  client.send(plain("alice", "secret"));
  await client.streamError("policy-violation");
});

test("§4.8: nor with a bound resource", async (client) => {
  client.send(plain("alice", "secret"));
  await succeeds(client);
  await client.bind();
  client.send(plain("alice", "secret"));
  await client.streamError("unsupported-stanza-type");
});

test("nor one of RFC 6120", async (client) => {
  client.send(plain("alice", "secret"));
  await succeeds(client);
  client.send(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64("\0alice\0secret")}</auth>`);
  await client.streamError("policy-violation");
});

test("an unknown element of the namespace ends the stream", async (client) => {
  client.send(`<hello xmlns='${SASL2}'/>`);
  await client.streamError("unsupported-stanza-type");
});

test("stanzas before a resource is bound", async (client) => {
  client.send(plain("alice", "secret"));
  await succeeds(client);
  client.send("<presence/>");
  await client.streamError("not-authorized");
});

test("guests (XEP-0175)", async (client) => {
  client.send(authenticate("ANONYMOUS", undefined));
  await client.receives(`<challenge xmlns='${SASL2}'>{empty}</challenge>`);
  client.send(`<response xmlns='${SASL2}'/>`);
  await succeeds(client);
  await client.bind();
  assert.match(client.jid, /^[0-9a-f-]{36}@localhost\//);
}, { hosts: { localhost: { anonymous: true } } });

test("without mechanisms there is nothing to offer (§2.1)", async (client) => {
  assert.equal(client.last.child("authentication"), undefined);
  client.send(plain("alice", "secret"));
  await client.receives(failure("invalid-mechanism"));
}, { auth: { mechanisms: ["EXTERNAL"] } });

Deno.test("without the module nothing is new", () =>
  withServer({}, { modules: ["auth", "ping"] }, async (server) => {
    const client = await secured(server);
    assert.equal(client.last.child("authentication"), undefined);
    client.send(plain("alice", "secret"));
    await client.streamError("unsupported-stanza-type");
  }));
