/** XEP-0077: In-Band Registration. */

import assert from "node:assert/strict";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { type Table, withServer } from "../helpers/server.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { parseJid } from "../../lib/jid.ts";

const NS = "jabber:iq:register";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function settings(register: Table = {}, more: Table = {}): Table {
  // Invited people have a test of their own.
  return { modules: { register: { enabled: true, ...register }, invites: false }, ...more };
}

function fields(name: string, password: string): string {
  return `<username>${name}</username><password>${password}</password>`;
}

function query(id: string, content: string): string {
  return `<iq type='set' id='${id}'><query xmlns='${NS}'>${content}</query></iq>`;
}

function refusal(id: string, condition: string): string {
  return `<iq type='error' id='${id}'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

async function opened(server: Parameters<typeof connect>[0]): Promise<TestClient> {
  const client = await connect(server);
  await client.open();
  await client.upgrade();
  return client;
}

Deno.test("it is off, and not advertised, unless switched on", async () => {
  await withServer({}, {}, async (server) => {
    const client = await opened(server);
    assert(!client.last.toString().includes("iq-register"));
    client.send(query("r", fields("alice", "a good password")));
    await client.streamError("not-authorized");
  });
});

Deno.test("somebody registers and logs in (§3.1)", async () => {
  await withServer(settings(), {}, async (server) => {
    const client = await connect(server);
    const before = await client.open();
    assert(!before.toString().includes("iq-register")); // no TLS yet
    const features = await client.upgrade();
    assert(features.toString().includes("http://jabber.org/features/iq-register"));

    client.send(`<iq type='get' id='f' to='localhost'><query xmlns='${NS}'/></iq>`);
    await client.receives(
      `<iq type='result' id='f'><query xmlns='${NS}'>
        <instructions/><username/><password/>
        <x xmlns='jabber:x:data' type='form'>
          <field var='FORM_TYPE' type='hidden'><value>${NS}</value></field>
          <field var='username' type='text-single'><required/></field>
          <field var='password' type='text-private'><required/></field>
        </x>
      </query></iq>`,
    );
    client.send(query("r", fields("Alice", "a good password")));
    await client.receives("<iq type='result' id='r'>{empty}</iq>");
    await authenticate(client, "alice", "a good password", "SCRAM-SHA-256");
    const again = await client.open();
    assert(!again.toString().includes("iq-register"));
  });
});

Deno.test("the form is as good as the fields (§4)", async () => {
  await withServer(settings(), {}, async (server) => {
    const client = await opened(server);
    const form = (type: string) =>
      `<x xmlns='jabber:x:data' type='submit'>
        <field var='FORM_TYPE'><value>${type}</value></field>
        <field var='username'><value>alice</value></field>
        <field var='password'><value>a good password</value></field></x>`;
    client.send(query("r1", form("something:else")));
    await client.receives(refusal("r1", "bad-request"));
    client.send(query("r2", form(NS)));
    await client.receives("<iq type='result' id='r2'/>");
    await authenticate(client, "alice", "a good password", "SCRAM-SHA-1");
  });
});

Deno.test("what is wrong with a registration is said", async () => {
  const limits = { per_address: 0, name_length: 8, password_length: 6, reserved: ["Boss"] };
  await withServer(settings(limits), {}, async (server) => {
    const client = await opened(server);
    const cases: [string, string, string][] = [
      ["alice", "", "not-acceptable"],
      ["", "a good password", "not-acceptable"],
      ["alice", "short", "not-acceptable"],
      ["al ice", "a good password", "not-acceptable"],
      ["alicealice", "a good password", "not-acceptable"],
      ["boss", "a good password", "not-acceptable"],
    ];
    for (const [name, password, condition] of cases) {
      client.send(query("r", fields(name, password)));
      await client.receives(refusal("r", condition));
    }
    client.send(query("r", "<remove/>"));
    await client.receives(refusal("r", "unexpected-request"));
    client.send(query("r", fields("alice", "a good password")));
    await client.receives("<iq type='result' id='r'/>");
    client.send(query("r", fields("ALICE", "another password")));
    await client.receives(refusal("r", "conflict"));
  });
});

Deno.test("an address gets only so many accounts in an hour", async () => {
  await withServer(settings({ per_address: 2 }), {}, async (server) => {
    const client = await opened(server);
    for (const name of ["one", "two"]) {
      client.send(query(name, fields(name, "a good password")));
      await client.receives(`<iq type='result' id='${name}'/>`);
    }
    const another = await opened(server);
    another.send(query("r", fields("three", "a good password")));
    await another.receives(refusal("r", "resource-constraint"));
  });
});

Deno.test("without TLS only where logins without it are allowed", async () => {
  const plain = { c2s: { plaintext_auth: "loopback" } };
  await withServer(settings({}, plain), {}, async (server) => {
    const client = await connect(server);
    const features = await client.open();
    assert(features.toString().includes("iq-register"));
    client.send(query("r", fields("alice", "a good password")));
    await client.receives("<iq type='result' id='r'/>");
  });
  await withServer(settings({ require_tls: true }, plain), {}, async (server) => {
    const client = await connect(server);
    const features = await client.open();
    assert(!features.toString().includes("iq-register"));
    client.send(query("r", fields("alice", "a good password")));
    await client.receives(refusal("r", "not-authorized"));
  });
});

Deno.test("closed to new accounts, it still serves those there are", async () => {
  await withServer(settings({ allowed: false }), {}, async (server) => {
    const client = await opened(server);
    assert(!client.last.toString().includes("iq-register"));
    client.send(query("r", fields("alice", "a good password")));
    await client.receives(refusal("r", "not-allowed"));
    const bob = await login(server, "bob");
    await bob.request(
      query("p", fields("bob", "a new password")),
      "<iq type='result' id='p'/>",
    );
  });
});

Deno.test("a user asks what is registered, and changes the password (§3.3)", async () => {
  await withServer(settings(), {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      `<iq type='get' id='g' to='localhost'><query xmlns='${NS}'/></iq>`,
      `<iq type='result' id='g' from='localhost'><query xmlns='${NS}'>
        <registered/><username>alice</username><password>{empty}</password></query></iq>`,
    );
    for (
      const [name, password, condition] of [
        ["", "a new password", "bad-request"],
        ["alice", "", "bad-request"],
        ["bob", "a new password", "not-allowed"],
        ["alice", "short", "not-acceptable"],
      ]
    ) {
      // The password is not handed back.
      await alice.request(
        query("p", fields(name!, password!)),
        `<iq type='error' id='p'><query>{absent}</query>
          <error><${condition} xmlns='${STANZAS}'/></error></iq>`,
      );
    }
    await alice.request(
      query("p", fields("alice", "a new password")),
      "<iq type='result' id='p'>{empty}</iq>",
    );
    const client = await opened(server);
    await authenticate(client, "alice", "a new password", "PLAIN");
  });
});

Deno.test("a user removes the account: the answer first, then all streams end (§3.2)", async () => {
  await withServer(settings(), {}, async (server) => {
    const alice = await online(server, "alice");
    const other = await online(server, "alice");
    await alice.sync();
    alice.skip();
    await alice.request(
      query("x", "<remove/><username>alice</username>"),
      refusal("x", "bad-request"),
    );
    other.skip();
    alice.send(query("x", "<remove/>"));
    await alice.receives("<iq type='result' id='x'>{empty}</iq>");
    await alice.streamError("not-authorized");
    await other.streamError("not-authorized");
    const jid = parseJid("alice@localhost")!;
    assert.equal(await server.host().hooks.ask(accountExists, jid), false);
  });
});

Deno.test("password changes and removals can be switched off", async () => {
  const off = { password_change: false, removal: false };
  await withServer(settings(off), {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(query("p", fields("alice", "a new password")), refusal("p", "not-allowed"));
    await alice.request(query("x", "<remove/>"), refusal("x", "not-allowed"));
  });
});
