/** RFC 6120 §7.7.2: how many resources an account may bind, and what becomes of equal ones. */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { connect, login, NS } from "../helpers/client.ts";
import { logged } from "../helpers/raw.ts";
import { authenticate } from "../helpers/sasl.ts";
import type { Table, TestServer } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table,
): void {
  Deno.test(
    name,
    () =>
      withServer(
        { c2s: { plaintext_auth: "loopback" }, ...settings },
        { modules: ["auth", "ping", "roster", "presence"] },
        transcript,
      ),
  );
}

/** Logged in, with nothing bound. */
async function unbound(server: TestServer): Promise<TestClient> {
  await server.addUser("alice@localhost", "password of alice");
  const client = await connect(server);
  await client.open();
  await authenticate(client, "alice", "password of alice", "SCRAM-SHA-1");
  await client.open();
  return client;
}

const bind = (resource: string) =>
  `<iq type='set' id='b'><bind xmlns='${NS.bind}'>${
    resource === "" ? "" : `<resource>${resource}</resource>`
  }</bind></iq>`;

const refused = (condition: string) =>
  `<iq type='error' id='b'><error><${condition} xmlns='${NS.stanzaErrors}'/></error></iq>`;

const home = (server: TestServer) => login(server, "alice", { tls: "none", resource: "home" });

test(
  "bind.conflict: replace-old: the new session takes the place, the old one is told",
  async (server) => {
    const bob = await login(server, "bob", { tls: "none" });
    const old = await home(server);
    old.send("<presence/>");
    await old.sync();
    const young = await home(server);
    assert.equal(young.jid, "alice@localhost/home");
    await old.eventually("<presence/>");
    await old.streamError("conflict");
    bob.send("<message to='alice@localhost/home'><body>to whom?</body></message>");
    await young.receives("<message><body>to whom?</body></message>");
    assert.equal(server.host().sessions, 2);
    assert.equal(logged(server, "replaced by a new session").length >= 1, true);
  },
  { bind: { conflict: "replace-old" } },
);

test("bind.conflict: replace-old, many times over", async (server) => {
  let last = await home(server);
  for (let i = 0; i < 30; i++) {
    const next = await home(server);
    await last.streamError("conflict");
    last = next;
  }
  await last.sync();
  assert.equal(server.host().sessions, 1);
}, { bind: { conflict: "replace-old" } });

test(
  "bind.conflict: refuse-new: the old session stays, another name may be tried",
  async (server) => {
    const old = await home(server);
    const young = await unbound(server);
    young.send(bind("home"));
    await young.receives(refused("conflict"));
    young.send(bind("HOME "));
    await young.receives("<iq id='b' type='{any}'/>");
    await old.sync();
    assert.equal(server.host().sessions, young.last.attrs.type === "result" ? 2 : 1);
    const third = await unbound(server);
    third.send(bind("home"));
    await third.receives(refused("conflict"));
    await third.bind("elsewhere");
    assert.equal(third.jid, "alice@localhost/elsewhere");
  },
  { bind: { conflict: "refuse-new" } },
);

test(
  "bind.conflict: rename-new: both stay, the new one with a name that cannot be guessed",
  async (server) => {
    const old = await home(server);
    const young = await home(server);
    assert.match(young.jid, /^alice@localhost\/home-[0-9a-f]{16}$/);
    const third = await home(server);
    assert.notEqual(third.jid, young.jid);
    await old.sync();
    assert.equal(server.host().sessions, 3);
  },
  { bind: { conflict: "rename-new" } },
);

test("limits.sessions_per_account", async (server) => {
  const sessions = [await home(server), await login(server, "alice", { tls: "none" })];
  const third = await unbound(server);
  for (const resource of ["", "other"]) {
    third.send(bind(resource));
    await third.receives(refused("resource-constraint"));
    assert.equal(third.last.child("error")!.attrs.type, "wait");
  }
  // Others are not concerned, and one that replaces another needs no room.
  await login(server, "bob", { tls: "none" });
  await third.bind("home");
  await sessions[0]!.streamError("conflict");
  await sessions[1]!.close();
  await home(server);
}, { limits: { sessions_per_account: 2 } });

test("limits.sessions_per_account: many at once", async (server) => {
  const clients: TestClient[] = [];
  for (let i = 0; i < 10; i++) clients.push(await unbound(server));
  for (const client of clients) client.send(bind(""));
  const results = await Promise.all(clients.map((c) => c.next()));
  const bound = results.filter((tag) => tag.attrs.type === "result");
  assert.equal(bound.length, 3);
  assert.equal(server.host().sessions, 3);
}, { limits: { sessions_per_account: 3 } });

test("a host's own limit comes before the server's", async (server) => {
  const dom = { tls: "none", domain: "small.test" } as const;
  await login(server, "alice", dom);
  await assert.rejects(login(server, "alice", dom), /resource-constraint/);
  await login(server, "alice", { ...dom, domain: "large.test" });
  await login(server, "alice", { ...dom, domain: "large.test" });
}, {
  hosts: { "small.test": { limits: { sessions_per_account: 1 } }, "large.test": {} },
  limits: { sessions_per_account: 2 },
});

test(
  "RFC 6120 §7.1: what is bound cannot be bound again, nor something that is no resource",
  async (server) => {
    const alice = await home(server);
    alice.send(bind("second"));
    await alice.receives("<iq type='error' id='b'/>");
    assert.equal(server.host().sessions, 1);
    const client = await unbound(server);
    for (const resource of ["x".repeat(1024), "a\u200bb", "\ue000"]) {
      client.send(bind(resource));
      await client.receives(refused("bad-request"));
    }
    await client.bind("x".repeat(1023));
  },
  {},
);
