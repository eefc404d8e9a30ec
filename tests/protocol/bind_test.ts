/** RFC 6120 §7: resource binding; RFC 3921 §3: the session that came after it. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { chooseResource, sessionBound, sessionClosed } from "../../lib/hooks/streams.ts";

const modules = ["auth", "ping"];

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () => withServer(settings, { modules }, transcript));
}

/** A client that has logged in and not bound anything yet. */
async function unbound(server: TestServer, name = "alice"): Promise<TestClient> {
  await server.addUser(`${name}@localhost`, `password of ${name}`);
  const client = await connect(server, { tls: "direct" });
  await client.open();
  await authenticate(client, name, `password of ${name}`, "PLAIN");
  await client.open();
  return client;
}

const bind = (inner = "", id = "b1") =>
  `<iq type='set' id='${id}'><bind xmlns='${NS.bind}'>${inner}</bind></iq>`;
const refusal = (condition: string, type: string) =>
  `<iq type='error' id='b1'><error type='${type}'><${condition} xmlns='${NS.stanzaErrors}'/></error></iq>`;

test("§7.6: the server makes a resource that nobody can guess", async (server) => {
  const resources = new Set<string>();
  for (const inner of ["", "<resource/>"]) {
    const client = await unbound(server);
    client.send(bind(inner));
    const { resource } = await client.receives(
      `<iq type='result' id='b1'><bind xmlns='${NS.bind}'><jid>alice@localhost/{resource}</jid></bind></iq>`,
    );
    assert.ok(resource!.length >= 16);
    resources.add(resource!);
  }
  assert.equal(resources.size, 2);
});

test("§7.7: or takes the client's", async (server) => {
  for (const resource of ["balcony", "Balcony", "a b", "a/b@c", "Λ", "x".repeat(1023)]) {
    const client = await login(server, "alice", { resource });
    assert.equal(client.jid, `alice@localhost/${resource}`);
    await client.sync();
  }
});

test("§7.7: in prepared form", async (server) => {
  const client = await login(server, "alice", { resource: "e\u0301te\u0301" });
  assert.equal(client.jid, "alice@localhost/\u00e9t\u00e9");
});

test("§7.7.2.1: a resource that is none is refused, and another may be tried", async (server) => {
  const client = await unbound(server);
  for (const bad of ["x".repeat(1024), "\u200e", "a\u0085b", " balcony"]) {
    client.send(bind(`<resource>${bad}</resource>`));
    await client.receives(refusal("bad-request", "modify"));
  }
  await client.bind("balcony");
  await client.sync();
});

test("§7.7.3: after 5 to 10 refused attempts the stream ends", async (server) => {
  const client = await unbound(server);
  for (let i = 0; i < 5; i++) {
    client.send(bind("<resource>\u200e</resource>"));
    await client.receives(refusal("bad-request", "modify"));
  }
  client.send(bind("<resource>\u200e</resource>").repeat(6));
  await client.streamError("policy-violation");
});

test("§7.7.2.2: conflict: the old session ends (replace-old)", async (server) => {
  const old = await login(server, "alice", { resource: "balcony" });
  const other = await login(server, "alice", { resource: "chamber" });
  const now = await login(server, "alice", { resource: "balcony" });
  assert.equal(now.jid, "alice@localhost/balcony");
  await old.streamError("conflict");
  await now.sync();
  await other.sync();
  assert.equal(server.host().sessions, 2);
  other.send(`<message to='${now.jid}'><body>hi</body></message>`);
  await now.receives("<message><body>hi</body></message>");
}, { bind: { conflict: "replace-old" } });

test("§7.7.2.2: the old session is closed before the new one is bound", async (server) => {
  const events: string[] = [];
  const { hooks } = server.host();
  hooks.add(sessionBound, "test", () => void events.push("bound"));
  hooks.add(sessionClosed, "test", () => void events.push("closed"));
  const old = await login(server, "alice", { resource: "balcony" });
  await login(server, "alice", { resource: "balcony" });
  await old.streamError("conflict");
  assert.deepEqual(events, ["bound", "closed", "bound"]);
});

test(
  "§7.7.2.2: conflict: the new one is refused, and may try again (refuse-new)",
  async (server) => {
    const old = await login(server, "alice", { resource: "balcony" });
    const client = await unbound(server);
    client.send(bind("<resource>balcony</resource>"));
    await client.receives(refusal("conflict", "modify"));
    await client.bind("chamber");
    await client.sync();
    await old.sync();
  },
  { bind: { conflict: "refuse-new" } },
);

test("§7.7.2.2: conflict: the new one gets another name (rename-new)", async (server) => {
  const old = await login(server, "alice", { resource: "balcony" });
  const now = await login(server, "alice", { resource: "balcony" });
  assert.notEqual(now.jid, old.jid);
  assert.match(now.jid, /^alice@localhost\/./);
  await now.sync();
  await old.sync();

  const long = "x".repeat(1023);
  await login(server, "alice", { resource: long });
  const renamed = await login(server, "alice", { resource: long });
  assert.ok(renamed.jid.length <= "alice@localhost/".length + 1023);
}, { bind: { conflict: "rename-new" } });

test("§7.7.2.2: resources of others do not conflict", async (server) => {
  const alice = await login(server, "alice", { resource: "balcony" });
  const bob = await login(server, "bob", { resource: "balcony" });
  await alice.sync();
  await bob.sync();
});

test("§7.6.2.1: an account has so many sessions and no more", async (server) => {
  const first = await login(server, "alice", { resource: "one" });
  await login(server, "alice", { resource: "two" });
  const client = await unbound(server);
  client.send(bind());
  await client.receives(refusal("resource-constraint", "wait"));
  // In place of one of its own there is room; others are not concerned.
  await client.bind("one");
  await first.streamError("conflict");
  const bob = await login(server, "bob");
  await bob.sync();
}, { limits: { sessions_per_account: 2 } });

test("§7.1: nothing but binding before a resource is bound", async (server) => {
  for (
    const xml of [
      "<message to='alice@localhost'><body>hi</body></message>",
      "<presence/>",
      "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
      `<iq type='get' id='b1'><bind xmlns='${NS.bind}'/></iq>`,
      `<iq type='set' id='s1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>`,
    ]
  ) {
    const client = await unbound(server);
    client.send(xml);
    await client.streamError("not-authorized");
  }
});

test("§7.1: a stream has one resource", async (server) => {
  const alice = await login(server, "alice", { resource: "balcony" });
  for (const to of ["", " to='localhost'"]) {
    alice.send(bind("<resource>chamber</resource>").replace("<iq", `<iq${to}`));
    await alice.receives("<iq type='error' id='b1'/>");
  }
  assert.equal(server.host().sessions, 1);
  alice.send("<message to='alice@localhost/balcony'><body>still here</body></message>");
  await alice.receives("<message from='alice@localhost/balcony'><body>still here</body></message>");
});

test("stanzas sent along with the binding wait for it", async (server) => {
  const client = await unbound(server);
  client.write(bind() + "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
  await client.receives("<iq type='result' id='b1'/>");
  await client.receives("<iq type='result' id='p'/>");
});

test("stanzas wait for what a module loads when a resource is bound", async (server) => {
  const events: string[] = [];
  server.host().hooks.add(sessionBound, "test", async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    events.push("loaded");
  });
  const client = await unbound(server);
  client.write(bind() + "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
  await client.receives("<iq type='result' id='b1'/>");
  await client.receives("<iq type='result' id='p'/>");
  assert.deepEqual(events, ["loaded"]);
});

test("a module may choose the resource", async (server) => {
  server.host().hooks.add(chooseResource, "test", (account, wanted) => `${account}:${wanted}`);
  const alice = await login(server, "alice", { resource: "balcony" });
  assert.equal(alice.jid, "alice@localhost/alice@localhost:balcony");
});

test("a connection that is lost while a module loads leaves no session behind", async (server) => {
  let release = () => {};
  const loading = new Promise<void>((resolve) => release = resolve);
  server.host().hooks.add(
    sessionBound,
    "test",
    (session) => session.jid.resource === "lost" ? loading : undefined,
  );
  const client = await unbound(server);
  client.send(bind("<resource>lost</resource>"));
  const bob = await login(server, "bob");
  client.cut();
  for (let i = 0; i < 50 && server.host().sessions > 1; i++) await bob.sync();
  release();
  await bob.sync();
  assert.equal(server.host().sessions, 1);
  assert.deepEqual([...server.host().online.keys()], ["bob"]);
});

test("RFC 3921 §3: session establishment does nothing, successfully", async (server) => {
  const alice = await login(server, "alice");
  for (const to of ["", " to='localhost'", " to='alice@localhost'"]) {
    alice.send(
      `<iq type='set' id='s1'${to}><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>`,
    );
    await alice.receives("<iq type='result' id='s1'>{empty}</iq>");
  }
});
