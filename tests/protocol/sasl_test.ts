/** RFC 6120 §6: SASL: what is offered, what a login looks like, and what abuse comes to. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { authenticate, base64 } from "../helpers/sasl.ts";
import type { Mechanism } from "../helpers/sasl.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

const modules = ["auth", "ping"];

function test(
  name: string,
  transcript: (client: TestClient, server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () =>
    withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      const client = await connect(server, { tls: "direct" });
      await client.open();
      await transcript(client, server);
    }));
}

const auth = (mechanism: string, text = "") =>
  `<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>${text}</auth>`;
const plain = (authzid: string, name: string, password: string) =>
  auth("PLAIN", base64(`${authzid}\0${name}\0${password}`));
const response = (text: string) => `<response xmlns='${NS.sasl}'>${text}</response>`;
const failure = (condition: string) => `<failure xmlns='${NS.sasl}'><${condition}/></failure>`;
const SUCCESS = `<success xmlns='${NS.sasl}'/>`;

test("§6.3.3: mechanisms are offered, the strongest first", async (client) => {
  const names = client.last.child("mechanisms")!.elements().map((m) => m.text());
  assert.deepEqual(names, [
    "SCRAM-SHA-512-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "PLAIN",
  ]);
});

for (const mechanism of ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"] as Mechanism[]) {
  test(`§6.4: a login with ${mechanism}, and a new stream`, async (client) => {
    await authenticate(client, "alice", "secret", mechanism);
    const features = await client.open();
    assert.equal(features.child("mechanisms"), undefined);
    await client.bind();
    assert.match(client.jid, /^alice@localhost\//);
  });

  test(`§6.5.10: a wrong password with ${mechanism}`, async (client) => {
    await assert.rejects(authenticate(client, "alice", "wrong", mechanism), /<failure/);
    client.send("<presence/>");
    await client.streamError("not-authorized");
  });
}

test("the name is prepared before it is looked up", async (client) => {
  client.send(plain("", "ALICE", "secret"));
  await client.receives(SUCCESS);
  await client.open();
  await client.bind();
  assert.match(client.jid, /^alice@localhost\//);
});

test("§6.5.10: names that do not exist look like wrong passwords", async (client) => {
  client.send(plain("", "nobody", "secret"));
  await client.receives(failure("not-authorized"));
  const first = base64("n,,n=nobody,r=abcdefghijkl");
  client.send(auth("SCRAM-SHA-256", first));
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  const salt = /s=([^,]+)/.exec(atob(client.last.text()))![1];
  // The same name has the same salt each time.
  client.send(auth("SCRAM-SHA-256", first));
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  assert.equal(/s=([^,]+)/.exec(atob(client.last.text()))![1], salt);
});

test("§6.4.5: after a failure the client may try again", async (client) => {
  client.send(plain("", "alice", "wrong"));
  await client.receives(failure("not-authorized"));
  client.send(plain("", "alice", "secret"));
  await client.receives(SUCCESS);
});

test("§6.4.5: but not for ever", async (client) => {
  for (let i = 0; i < 3; i++) {
    client.send(plain("", "alice", "wrong"));
    await client.receives(failure("not-authorized"));
  }
  await client.streamError("policy-violation");
}, { auth: { attempts: 3 } });

test("other failures count, too", async (client) => {
  for (let i = 0; i < 3; i++) {
    client.send(auth("SCRAM-SHA-256", base64("n,,n=alice,r=abcdefghijkl")));
    await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
    client.send(`<abort xmlns='${NS.sasl}'/>`);
    await client.receives(failure("aborted"));
  }
  await client.streamError("policy-violation");
}, { auth: { attempts: 3 } });

test("§6.5.1: aborted", async (client) => {
  client.send(auth("SCRAM-SHA-256", base64("n,,n=alice,r=abcdefghijkl")));
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  client.send(`<abort xmlns='${NS.sasl}'/>`);
  await client.receives(failure("aborted"));
  // The exchange is over: what was proved in it counts for nothing.
  client.send(response(base64("c=biws,r=abc,p=AAAA")));
  await client.receives(failure("malformed-request"));
  await authenticate(client, "alice", "secret", "SCRAM-SHA-256");
});

test("§6.5.5: incorrect-encoding", async (client) => {
  for (
    const text of ["AGFsaWNl AHNlY3JldA==", "AGFsaWNlAHNlY3JldA", "AGFs*", "====", "A", "AB=C"]
  ) {
    client.send(auth("PLAIN", text));
    await client.receives(failure("incorrect-encoding"));
  }
}, { auth: { attempts: 20 } });

test("§6.5.7: invalid-mechanism", async (client) => {
  for (const name of ["", "X-OAUTH2", "plain", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-256 "]) {
    client.send(auth(name, base64("\0alice\0secret")));
    await client.receives(failure("invalid-mechanism"));
  }
  client.send(`<auth xmlns='${NS.sasl}'>${base64("\0alice\0secret")}</auth>`);
  await client.receives(failure("invalid-mechanism"));
}, { auth: { attempts: 20 } });

test("a mechanism that is not configured is not there", async (client) => {
  const names = client.last.child("mechanisms")!.elements().map((m) => m.text());
  // With channel binding it is the same, only better.
  assert.deepEqual(names, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
  client.send(plain("", "alice", "secret"));
  await client.receives(failure("invalid-mechanism"));
}, { auth: { mechanisms: ["SCRAM-SHA-256"] } });

test("§6.5.8: malformed-request", async (client) => {
  for (const text of ["alice", "\0alice", "\0alice\0secret\0more", "", "\0\0secret", "\0alice\0"]) {
    client.send(auth("PLAIN", text === "" ? "=" : base64(text)));
    await client.receives(`<failure xmlns='${NS.sasl}'/>`);
    assert.ok(["malformed-request", "not-authorized"].includes(client.last.elements()[0]!.name));
  }
  for (
    const text of ["n,,n=alice", "x", "n,,r=abc,n=alice", "y,,", "p=tls-unique,,n=alice,r=abcdef"]
  ) {
    client.send(auth("SCRAM-SHA-256", base64(text)));
    await client.receives(`<failure xmlns='${NS.sasl}'/>`);
  }
}, { auth: { attempts: 20 } });

test("§6.3.8: an authorization identity must be the account itself", async (client, server) => {
  await server.addUser("bob@localhost", "other");
  for (const authzid of ["bob@localhost", "localhost", "alice@other.test", "@"]) {
    client.send(plain(authzid, "alice", "secret"));
    await client.receives(`<failure xmlns='${NS.sasl}'/>`);
  }
  client.send(plain("alice@localhost", "alice", "secret"));
  await client.receives(SUCCESS);
}, { auth: { attempts: 20 } });

test("§6.4.2: another auth discards the exchange that is going on", async (client) => {
  client.send(auth("SCRAM-SHA-256", base64("n,,n=alice,r=abcdefghijkl")));
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  client.send(plain("", "alice", "secret"));
  await client.receives(SUCCESS);
});

test(
  "two auths at once are taken one after the other; the stream is the first's",
  async (client, server) => {
    await server.addUser("bob@localhost", "other");
    client.write(plain("", "alice", "wrong") + plain("", "bob", "other"));
    await client.receives(failure("not-authorized"));
    await client.receives(SUCCESS);
    await client.open();
    await client.bind();
    assert.match(client.jid, /^bob@localhost\//);
  },
);

test("§6.4.6: no second login on a stream", async (client, server) => {
  await server.addUser("bob@localhost", "other");
  await authenticate(client, "alice", "secret", "PLAIN");
  await client.open();
  client.send(plain("", "bob", "other"));
  await client.streamError("policy-violation");
});

test("§6.4.6: after the login a new stream must be opened", async (client) => {
  await authenticate(client, "alice", "secret", "PLAIN");
  client.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await client.streamError("invalid-namespace");
});

test("§6.4.6: the new stream may be sent along with the login", async (client) => {
  client.write(
    plain("", "alice", "secret") +
      `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${NS.stream}'>` +
      "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
  );
  await client.receives(SUCCESS);
  await client.header();
  await client.features();
  await client.receives("<iq type='result' id='bind'/>");
});

test("§4.9.3.9: the stream after the login is still the account's", async (client, server) => {
  await server.addUser("bob@localhost", "other");
  await authenticate(client, "alice", "secret", "PLAIN");
  client.sendHeader({ from: "bob@localhost" });
  await client.streamError("invalid-from");
});

test("the stream after the login is still the host's", async (client) => {
  await authenticate(client, "alice", "secret", "PLAIN");
  client.sendHeader({ to: "two.test" });
  await client.streamError("host-unknown");
}, { hosts: { localhost: {}, "two.test": {} } });

test("accounts of one host are not those of another", async (_, server) => {
  const other = await connect(server, { domain: "two.test", tls: "direct" });
  await other.open();
  other.send(plain("", "alice", "secret"));
  await other.receives(failure("not-authorized"));
}, { hosts: { localhost: {}, "two.test": {} } });

test("a response without a beginning", async (client) => {
  client.send(response("AAAA"));
  await client.receives(failure("malformed-request"));
});

test("unknown elements of SASL end the stream", async (client) => {
  client.send(`<hello xmlns='${NS.sasl}'/>`);
  await client.streamError("unsupported-stanza-type");
});

test("§6.5.4: encryption-required, where logins need TLS", async (_, server) => {
  const client = await connect(server);
  await client.open();
  client.send(plain("", "alice", "secret"));
  await client.receives(failure("encryption-required"));
  await client.upgrade();
  await authenticate(client, "alice", "secret", "PLAIN");
});

test(
  "guessing is slowed down, for others who guess at that account, too",
  async (client, server) => {
    client.send(plain("", "alice", "wrong"));
    await client.receives(failure("not-authorized"));
    const other = await connect(server, { tls: "direct" });
    await other.open();
    const start = performance.now();
    other.send(plain("", "alice", "wrong again"));
    await other.receives(failure("not-authorized"));
    assert.ok(performance.now() - start >= 900);
    // Nobody else waits.
    const bob = await login(server, "bob");
    const before = performance.now();
    await bob.sync();
    assert.ok(performance.now() - before < 500);
  },
  { auth: { throttle: { free_attempts: 0, delay: "1s" } } },
);

test("a challenge cannot be answered twice, or with another's nonce", async (client) => {
  client.send(auth("SCRAM-SHA-256", base64("n,,n=alice,r=abcdefghijkl")));
  await client.receives(`<challenge xmlns='${NS.sasl}'/>`);
  const proof = base64("c=biws,r=abcdefghijklmnop,p=" + base64(new Uint8Array(32)));
  client.send(response(proof));
  await client.receives(`<failure xmlns='${NS.sasl}'/>`);
  client.send(response(proof));
  await client.receives(failure("malformed-request"));
});
