/** Accounts and logins, as far as the module `auth` decides about them. */

import assert from "node:assert/strict";
import { connect, login, NS } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import {
  accountExists,
  accountInfo,
  checkPassword,
  createAccount,
  deleteAccount,
  listAccounts,
  mayLogin,
  scramKeys,
  setAccountEnabled,
  setPassword,
} from "../../lib/hooks/accounts.ts";
import { vcardGet, vcardSet } from "../../lib/hooks/storage.ts";
import { StanzaError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { ScramHash } from "../../lib/sasl/credentials.ts";

const alice = parseJid("alice@localhost")!;
const nobody = parseJid("nobody@localhost")!;
const PASSWORD = "password of alice";

function hooks(server: TestServer) {
  return server.host().hooks;
}

function keysOf(server: TestServer, account: Jid, hash: ScramHash) {
  return hooks(server).ask(scramKeys, account, hash);
}

Deno.test("an account is made, found, and has keys for every hash", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    assert.equal(await h.ask(accountExists, alice), false);
    assert.equal(await h.ask(createAccount, alice, PASSWORD), "created");
    assert.equal(await h.ask(createAccount, alice, "another one"), "conflict");
    assert.equal(h.ask(accountExists, alice), true); // remembered: no promise
    for (const hash of ["SHA-1", "SHA-256", "SHA-512"] as const) {
      const keys = await keysOf(server, alice, hash);
      assert(keys !== undefined && keys !== "unknown");
      assert.equal(keys.iterations, 10_000);
    }
    assert.equal(await keysOf(server, nobody, "SHA-1"), undefined);
    assert.equal(await h.ask(checkPassword, alice, PASSWORD), true);
    assert.equal(await h.ask(checkPassword, alice, "another one"), false);
    assert.equal(await h.ask(checkPassword, nobody, PASSWORD), undefined);
    const rows = await server.inner.store.db.selectFrom("accounts").selectAll().execute();
    assert(!JSON.stringify(rows).includes(PASSWORD));
  });
});

Deno.test("two creations at once make one account", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    const made = await Promise.all([
      h.ask(createAccount, alice, PASSWORD),
      h.ask(createAccount, alice, "another one"),
    ]);
    assert.deepEqual(made.sort(), ["conflict", "created"]);
  });
});

Deno.test("a password that RFC 8265 forbids is refused", async () => {
  await withServer({}, {}, async (server) => {
    for (const bad of ["", "a\u0000b"]) {
      await assert.rejects(
        async () => await hooks(server).ask(createAccount, alice, bad),
        (e) => e instanceof StanzaError && e.condition === "not-acceptable",
      );
    }
    assert.equal(await hooks(server).ask(accountExists, alice), false);
  });
});

Deno.test("a changed password is the one that counts", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    await h.ask(createAccount, alice, PASSWORD);
    assert.equal(await h.ask(setPassword, alice, "another one"), true);
    assert.equal(await h.ask(setPassword, nobody, "another one"), undefined);
    assert.equal(await h.ask(checkPassword, alice, PASSWORD), false);
    const client = await connect(server);
    await client.open();
    await client.upgrade();
    await authenticate(client, "alice", "another one", "SCRAM-SHA-256");
  });
});

Deno.test("only the hashes that are kept are offered and stored", async () => {
  await withServer({ modules: { auth: { hashes: ["SHA-256"] } } }, {}, async (server) => {
    const client = await connect(server);
    await client.open();
    const offered = (await client.upgrade()).toString();
    assert(offered.includes("SCRAM-SHA-256"));
    assert(!offered.includes("SCRAM-SHA-1<") && !offered.includes("SCRAM-SHA-512"));
    await hooks(server).ask(createAccount, alice, PASSWORD);
    assert.equal(await keysOf(server, alice, "SHA-1"), "unknown");
    const logged = await login(server, "bob", { mechanism: "PLAIN" });
    assert.equal(logged.jid.split("/")[0], "bob@localhost");
  });
});

Deno.test("keys of old settings are renewed at the next login that shows the password", async () => {
  await withServer({ auth: { iterations: 20_000 } }, {}, async (server) => {
    const h = hooks(server);
    await h.ask(createAccount, alice, PASSWORD);
    const { db } = server.inner.store;
    const row = await db.selectFrom("accounts").select("scram").executeTakeFirstOrThrow();
    const one = row.scram.split("\n").find((line: string) => line.includes("SHA-256"));
    await db.updateTable("accounts").set({ scram: one }).execute();
    assert.equal(await keysOf(server, alice, "SHA-1"), "unknown");
    assert.equal(await h.ask(checkPassword, alice, "wrong one"), false);
    assert.equal(await keysOf(server, alice, "SHA-1"), "unknown");
    assert.equal(await h.ask(checkPassword, alice, PASSWORD), true);
    const keys = await keysOf(server, alice, "SHA-1");
    assert(keys !== undefined && keys !== "unknown");
    assert.equal(keys.iterations, 20_000);
  });
});

Deno.test("a login reads its account once", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    await h.ask(createAccount, alice, PASSWORD);
    await keysOf(server, alice, "SHA-256");
    assert.equal(h.ask(mayLogin, alice), true); // from what was just read: no promise
    assert.equal(await h.ask(mayLogin, alice), true); // read again
    assert.equal(await h.ask(mayLogin, nobody), true); // somebody else's account
  });
});

Deno.test("a disabled account's sessions end, and it cannot log in until it is enabled", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    const client = await login(server, "alice");
    const disabled = h.ask(setAccountEnabled, alice, false);
    await client.streamError("not-authorized");
    assert.equal(await disabled, true);
    assert.equal(await h.ask(accountExists, alice), true);

    const again = await connect(server);
    await again.open();
    await again.upgrade();
    await assert.rejects(
      () => authenticate(again, "alice", PASSWORD, "SCRAM-SHA-256"),
      /account-disabled/,
    );
    assert.equal(await h.ask(setAccountEnabled, alice, true), true);
    await login(server, "alice");
    assert.equal(await h.ask(setAccountEnabled, nobody, true), undefined);
  });
});

Deno.test("who has logged in but not bound yet cannot outlive the account", async () => {
  await withServer({}, {}, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const client = await connect(server);
    await client.open();
    await client.upgrade();
    await authenticate(client, "alice", PASSWORD, "SCRAM-SHA-256");
    await client.open();
    await hooks(server).ask(deleteAccount, alice);
    client.send(`<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`);
    await client.streamError("not-authorized");
    const { online } = server.host();
    for (let i = 0; i < 100 && online.size > 0; i++) await new Promise((r) => setTimeout(r, 5));
    assert.equal(online.size, 0);
  });
});

Deno.test("a deleted account is gone at once", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    const client = await login(server, "alice");
    const deleted = h.ask(deleteAccount, alice);
    await client.streamError("not-authorized");
    assert.equal(await deleted, true);
    assert.equal(await h.ask(accountExists, alice), false);
    assert.equal(await h.ask(deleteAccount, alice), undefined);
    assert.equal(await h.ask(accountInfo, alice), undefined);
    assert.equal(await h.ask(createAccount, alice, "another one"), "created");
  });
});

Deno.test("accounts are listed in order, with the time of the last login", async () => {
  await withServer({}, {}, async (server) => {
    const h = hooks(server);
    const before = Date.now();
    await server.addUser("bob@localhost", "password of bob");
    await login(server, "alice");
    const [first, second, ...more] = await h.ask(listAccounts) ?? [];
    assert.deepEqual(more, []);
    assert.equal(first!.jid, "alice@localhost");
    assert.equal(second!.jid, "bob@localhost");
    assert(first!.lastLogin! >= before && first!.created! >= before);
    assert.equal(second!.lastLogin, undefined);
    const info = await h.ask(accountInfo, alice);
    assert(info !== undefined && info !== "unknown" && info.enabled);
    assert.equal(info.lastLogin, first!.lastLogin);
  });
});

Deno.test("a deletion that a crash has cut short is finished, and the name is not free before", () =>
  withServer({}, {}, async (server) => {
    const h = hooks(server);
    await h.ask(createAccount, alice, PASSWORD);
    await h.ask(vcardSet, alice, "<vCard xmlns='vcard-temp'/>");
    const { db } = server.inner.store;
    await server.inner.unloadModule(server.host(), "auth");
    await db.updateTable("accounts").set({ deleted: 1 }).execute();
    await server.inner.loadModule(server.host(), "auth");
    assert.equal(await h.ask(accountExists, alice), false);
    assert.equal(await keysOf(server, alice, "SHA-256"), undefined);
    assert.equal(await h.ask(createAccount, alice, PASSWORD), "conflict");
    for (let i = 0; i < 100; i++) {
      if ((await db.selectFrom("accounts").selectAll().execute()).length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(await h.ask(vcardGet, alice), "");
    assert.equal(await h.ask(createAccount, alice, PASSWORD), "created");
  }));

Deno.test("a server that stops finishes the deletions under way", async () => {
  const deleted = await withServerStopping();
  assert.equal(deleted, true);
});

async function withServerStopping(): Promise<unknown> {
  let deletion: unknown;
  await withServer({}, {}, async (server) => {
    const client = await login(server, "alice");
    deletion = hooks(server).ask(deleteAccount, alice);
    await client.streamError("not-authorized");
  });
  return await deletion;
}
