/** XEP-0484: Fast Authentication Streamlining Tokens. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestClient } from "../helpers/client.ts";
import { connect, online } from "../helpers/client.ts";
import { withPostgres } from "../helpers/postgres.ts";
import {
  authenticate,
  BIND2,
  byToken,
  failure,
  FAST,
  LAPTOP,
  PHONE,
  plain,
  SASL2,
  scram,
  secured,
  succeeds,
  tokenAnswer,
  userAgent,
} from "../helpers/sasl2.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { deleteAccount, setAccountEnabled, setPassword } from "../../lib/hooks/accounts.ts";
import { clientRevoked } from "../../lib/hooks/sasl2.ts";
import { parseJid } from "../../lib/jid.ts";

const modules = ["auth", "ping", "presence", "register", "sasl2", "bind2", "fast"];
const ALICE = parseJid("alice@localhost")!;
const REFUSED = failure("not-authorized");

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () =>
    withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await transcript(server);
    }));
}

const wish = (mechanism = "HT-SHA-256-NONE") =>
  `<request-token xmlns='${FAST}' mechanism='${mechanism}'/>`;
const bind = `<bind xmlns='${BIND2}'><tag>x</tag></bind>`;

interface Token {
  readonly token: string;
  readonly expiry: string;
}

/** Takes a success; the token in it, if there is one. */
async function logged(client: TestClient): Promise<Token | undefined> {
  const token = (await succeeds(client)).child("token", FAST);
  return token && { token: token.attrs.token!, expiry: token.attrs.expiry! };
}

/** Logs in by password and is given a token. */
async function first(server: TestServer, agent = PHONE, mechanism?: string): Promise<string> {
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(agent) + wish(mechanism)));
  const token = (await logged(client))!.token;
  await client.close();
  return token;
}

/** Logs in by a token; undefined if it is refused, otherwise the new token, if any. */
async function again(
  server: TestServer,
  token: string,
  { agent = PHONE, fast = "", more = "", mechanism = "HT-SHA-256-NONE" } = {},
): Promise<{ refused: string } | { token: string | undefined }> {
  const client = await secured(server);
  client.send(byToken("alice", token, userAgent(agent) + more, { fast, mechanism }));
  const answer = await client.next();
  const outcome = answer.name === "failure"
    ? { refused: answer.elements()[0]!.name }
    : { token: answer.child("token", FAST)?.attrs.token };
  if (answer.name !== "failure") await client.features();
  client.cut();
  return outcome;
}

const NO_TOKEN = { token: undefined };
const WRONG = { refused: "not-authorized" };

test("§3.1: offered inline", async (server) => {
  const client = await secured(server);
  const fast = client.last.child("authentication")!.child("inline")!.child("fast", FAST)!;
  const names = fast.elements("mechanism").map((m) => m.text());
  assert.deepEqual(names, ["HT-SHA-256-ENDP", "HT-SHA-256-NONE"]);
  // No early data.
  assert.equal(fast.attrs["tls-0rtt"], undefined);
  // Tokens are no mechanism for everybody.
  const mechanisms = client.last.child("authentication")!.elements("mechanism");
  assert.ok(!mechanisms.some((m) => m.text().startsWith("HT-")));
});

test("§3.2: no token for a client that asks for none", async (server) => {
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE)));
  assert.equal(await logged(client), undefined);
});

test("§3.3: a token, and its day of expiry", async (server) => {
  const client = await secured(server);
  await scram(client, "SHA-256", "alice", "secret", userAgent(PHONE) + wish() + bind);
  const { token, expiry } = (await logged(client))!;
  assert.match(token, /^[\w-]{43}$/);
  assert.match(expiry, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const days = (Date.parse(expiry) - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days < 30.1);
});

test("§3.4: a login by token, in one message, with a resource", async (server) => {
  const token = await first(server);
  const client = await secured(server);
  client.send(byToken("alice", token, userAgent(PHONE) + bind));
  await succeeds(
    client,
    `<additional-data>${tokenAnswer(token)}</additional-data>` +
      `<bound xmlns='${BIND2}'/><token xmlns='${FAST}'>{absent}</token>`,
  );
  assert.match(client.jid, /^alice@localhost\/x\//);
  await client.sync();
});

test("§3.4: bound to the server's certificate", async (server) => {
  const token = await first(server, PHONE, "HT-SHA-256-ENDP");
  const login = async (binding: Uint8Array, mechanism: string) => {
    const client = await secured(server);
    client.send(byToken("alice", token, userAgent(PHONE), { mechanism, binding }));
    return client;
  };
  const wrong = await login(new Uint8Array(32), "HT-SHA-256-ENDP");
  await wrong.receives(REFUSED);
  // The token is good for the mechanism that it was asked for, and no other.
  const unbound = await login(new Uint8Array(), "HT-SHA-256-NONE");
  await unbound.receives(REFUSED);
  const der = wrong.tls.getPeerCertificate().raw;
  const binding = createHash("sha256").update(der).digest();
  const crossed = await login(binding, "HT-SHA-256-NONE");
  await crossed.receives(REFUSED);
  const right = await login(binding, "HT-SHA-256-ENDP");
  await succeeds(right, `<additional-data>${tokenAnswer(token, binding)}</additional-data>`);
});

test("a token of -NONE does not do for -ENDP", async (server) => {
  const token = await first(server);
  assert.deepEqual(await again(server, token, { mechanism: "HT-SHA-256-ENDP" }), WRONG);
  assert.deepEqual(await again(server, token), NO_TOKEN);
});

test("a token may be used again and again", async (server) => {
  const token = await first(server);
  for (let i = 0; i < 3; i++) assert.deepEqual(await again(server, token), NO_TOKEN);
});

test("§4.1: only by the client that it was given to", async (server) => {
  const token = await first(server);
  assert.deepEqual(await again(server, token, { agent: LAPTOP }), WRONG);
  const client = await secured(server);
  client.send(byToken("alice", token));
  await client.receives(failure("malformed-request", "<text>{any}</text>"));
  // Nor for another account.
  await server.addUser("bob@localhost", "other");
  client.send(byToken("bob", token, userAgent(PHONE)));
  await client.receives(REFUSED);
  client.send(byToken("nobody", token, userAgent(PHONE)));
  await client.receives(REFUSED);
  client.send(byToken("alice", token, userAgent(PHONE.toUpperCase())));
  await succeeds(client);
});

test("messages that are none", async (server) => {
  const token = await first(server);
  const fast = `<fast xmlns='${FAST}'/>${userAgent(PHONE)}`;
  const client = await secured(server);
  const name = "HT-SHA-256-NONE";
  for (const message of ["", "alice", "alice\0", "\0" + "x".repeat(32), "alice\0too short"]) {
    client.send(authenticate(name, message, fast));
    await client.receives(failure("malformed-request"));
  }
  client.send(authenticate(name, "@@\0" + "x".repeat(32), fast));
  await client.receives(REFUSED);
  // Without <fast/> it is no token; without a name of ours no mechanism.
  client.send(byToken("alice", token, userAgent(PHONE)).replace(/<fast[^>]*>/, ""));
  await client.receives(failure("invalid-mechanism"));
  for (const other of ["HT-SHA-256-UNIQ", "HT-SHA-256-EXPR", "HT-SHA-512-NONE"]) {
    client.send(byToken("alice", token, userAgent(PHONE), { mechanism: other }));
    await client.receives(failure("invalid-mechanism"));
  }
  // With an empty first message the mechanism waits for one.
  client.send(authenticate(name, undefined, fast));
  await client.receives(`<challenge xmlns='${SASL2}'>{empty}</challenge>`);
  client.send(`<abort xmlns='${SASL2}'/>`);
  await client.receives(failure("aborted"));
  client.send(byToken("alice", token, userAgent(PHONE)));
  await succeeds(client);
}, { auth: { attempts: 20 } });

test("§3.4: counts go up, or it is a replay", async (server) => {
  const token = await first(server);
  const count = (n: string) => again(server, token, { fast: `count='${n}'` });
  assert.deepEqual(await count("1"), NO_TOKEN);
  assert.deepEqual(await count("1"), WRONG);
  assert.deepEqual(await count("5"), NO_TOKEN);
  assert.deepEqual(await count("4"), WRONG);
  assert.deepEqual(await count("0"), WRONG);
  // Who has counted once goes on counting.
  assert.deepEqual(await again(server, token), WRONG);
  assert.deepEqual(await count("6"), NO_TOKEN);
  for (const bad of ["-1", "", "1.5", "many", "1e3", "99999999999"]) {
    assert.deepEqual(await count(bad), { refused: "malformed-request" });
  }
});

test("§3.4: the same flight twice at the same time", async (server) => {
  const token = await first(server);
  const flights = Array.from(
    { length: 5 },
    () => again(server, token, { fast: "count='7'", more: bind }),
  );
  const done = await Promise.all(flights);
  assert.equal(done.filter((d) => "token" in d).length, 1);
  assert.equal(done.filter((d) => "refused" in d).length, 4);
});

test("§3.5: rotation: the new token replaces the old one when it is used", async (server) => {
  const old = await first(server);
  const answer = await again(server, old);
  assert.ok("token" in answer && answer.token !== undefined && answer.token !== old);
  const fresh = answer.token;
  // Perhaps the answer was lost: the old one is good as long as the new one was not used.
  assert.deepEqual(await again(server, old), { token: fresh });
  assert.ok("token" in await again(server, fresh));
  assert.deepEqual(await again(server, old), WRONG);
}, { modules: { fast: { rotation: 0 } } });

test("§3.5: two connections that rotate at the same time agree", async (server) => {
  const old = await first(server);
  const answers = await Promise.all([1, 2, 3, 4].map(() => again(server, old)));
  const tokens = answers.map((a) => "token" in a ? a.token : a.refused);
  assert.equal(new Set(tokens).size, 1);
  assert.ok("token" in await again(server, tokens[0]!));
}, { modules: { fast: { rotation: 0 } } });

test("§3.5: the old and the new token at the same time: one of them at least", async (server) => {
  for (let i = 0; i < 5; i++) {
    const old = await first(server);
    const answer = await again(server, old) as { token: string };
    const [a, b] = await Promise.all([again(server, answer.token), again(server, old)]);
    assert.ok("token" in a);
    if ("refused" in b) assert.deepEqual(b, WRONG);
    assert.deepEqual(await again(server, old), WRONG);
    assert.ok("token" in await again(server, answer.token));
  }
}, { modules: { fast: { rotation: 0 } }, auth: { throttle: { free_attempts: 100 } } });

test("§3.6: invalidated", async (server) => {
  const token = await first(server);
  // Without a new one, although it is due.
  assert.deepEqual(await again(server, token, { fast: "invalidate='true'" }), NO_TOKEN);
  assert.deepEqual(await again(server, token), WRONG);
  const other = await first(server);
  const answer = await again(server, other, { fast: "invalidate='1'", more: wish() });
  assert.ok("token" in answer && answer.token !== undefined);
  assert.deepEqual(await again(server, other), WRONG);
  assert.ok("token" in await again(server, answer.token));
}, { modules: { fast: { rotation: 0 } } });

test("§4.2: an expired token is told from a wrong one", async (server) => {
  const token = await first(server);
  await server.inner.store.db.updateTable("fast_tokens").set({ expires: Date.now() - 1 }).execute();
  assert.deepEqual(await again(server, token), { refused: "credentials-expired" });
  assert.deepEqual(await again(server, "x" + token), WRONG);
});

test("a new password is the end of all tokens", async (server) => {
  const token = await first(server);
  const client = await secured(server);
  client.send(byToken("alice", token, userAgent(PHONE) + bind));
  await succeeds(client);
  await client.request(
    "<iq type='set' id='p' to='localhost'><query xmlns='jabber:iq:register'>" +
      "<username>alice</username><password>new secret</password></query></iq>",
    "<iq type='result' id='p'/>",
  );
  assert.deepEqual(await again(server, token), WRONG);
});

test("a login that began before gets no token after it", async (server) => {
  const { hooks } = server.host();
  let go = () => {};
  const slow = new Promise<void>((resolve) => go = resolve);
  const { sessionBound } = await import("../../lib/hooks/streams.ts");
  hooks.add(sessionBound, "test", async () => await slow);
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + wish() + bind));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await hooks.ask(setPassword, ALICE, "new secret");
  go();
  assert.equal(await logged(client), undefined);
});

test("a disabled account, and one that is enabled again", async (server) => {
  const token = await first(server);
  const { hooks } = server.host();
  await hooks.ask(setAccountEnabled, ALICE, false);
  assert.deepEqual(await again(server, token), WRONG);
  await hooks.ask(setAccountEnabled, ALICE, true);
  assert.deepEqual(await again(server, token), WRONG);
});

test("a deleted account, and one of the same name", async (server) => {
  const token = await first(server);
  const { hooks } = server.host();
  await hooks.ask(deleteAccount, ALICE);
  assert.deepEqual(await again(server, token), WRONG);
  const { createAccount } = await import("../../lib/hooks/accounts.ts");
  await hooks.ask(createAccount, ALICE, "secret");
  assert.deepEqual(await again(server, token), WRONG);
  const rows = await server.inner.store.db.selectFrom("fast_tokens").selectAll().execute();
  assert.deepEqual(rows, []);
});

test("one client's access is revoked, the others' is not", async (server) => {
  const phone = await first(server, PHONE);
  const laptop = await first(server, LAPTOP);
  await server.host().hooks.tell(clientRevoked, ALICE, PHONE);
  assert.deepEqual(await again(server, phone), WRONG);
  assert.deepEqual(await again(server, laptop, { agent: LAPTOP }), NO_TOKEN);
});

test("only so many clients of an account hold tokens", async (server) => {
  const agents = Array.from({ length: 4 }, (_, i) => PHONE.slice(0, -1) + i);
  const tokens: string[] = [];
  for (const agent of agents) {
    tokens.push(await first(server, agent));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(await again(server, tokens[0]!, { agent: agents[0]! }), WRONG);
  for (const i of [1, 2, 3]) {
    assert.deepEqual(await again(server, tokens[i]!, { agent: agents[i]! }), NO_TOKEN);
  }
}, { modules: { fast: { clients: 3 } } });

test("wrong tokens are guesses", async (server) => {
  const token = await first(server);
  const start = performance.now();
  assert.deepEqual(await again(server, "guess"), WRONG);
  assert.ok(performance.now() - start >= 400);
  const client = await secured(server);
  for (let i = 0; i < 2; i++) {
    client.send(byToken("alice", "guess", userAgent(PHONE)));
    await client.receives(REFUSED);
  }
  await client.streamError("policy-violation");
  assert.deepEqual(await again(server, token), NO_TOKEN);
}, { auth: { attempts: 2, throttle: { free_attempts: 0, delay: "500ms", max_delay: "500ms" } } });

test("a wish for a mechanism that is not offered, or without a user agent", async (server) => {
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + wish("HT-SHA-256-UNIQ")));
  assert.equal(await logged(client), undefined);
  const other = await secured(server);
  other.send(plain("alice", "secret", wish()));
  assert.equal(await logged(other), undefined);
});

test("guests get no tokens", async (server) => {
  const client = await secured(server);
  client.send(authenticate("ANONYMOUS", "", userAgent(PHONE) + wish()));
  assert.equal(await logged(client), undefined);
}, { hosts: { localhost: { anonymous: true } } });

test("what is in the database is no token", async (server) => {
  const token = await first(server);
  const rows = await server.inner.store.db.selectFrom("fast_tokens").selectAll().execute();
  assert.ok(!JSON.stringify(rows).includes(token));
});

Deno.test("with a key in a file, another key makes all tokens void", async () => {
  const folder = await mkdtemp(join(tmpdir(), "confab-fast-"));
  try {
    const key_file = join(folder, "fast.key");
    await writeFile(key_file, "0123456789abcdef0123456789abcdef\n");
    const settings = { modules: { fast: { key_file } } };
    await withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      const token = await first(server);
      assert.deepEqual(await again(server, token), NO_TOKEN);
    });
    await writeFile(key_file, "too short");
    await assert.rejects(withServer(settings, { modules }, async () => {}), /is no key/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("pipelined: a returning client is online in one flight", async (server) => {
  const token = await first(server);
  const bob = await online(server, "bob");
  const client = await connect(server, { tls: "direct" });
  const sent = client.transcript.length;
  client.sendHeader({ from: "alice@localhost" });
  client.write(
    byToken("alice", token, userAgent(PHONE) + bind, { fast: "count='1'" }) + "<presence/>" +
      "<message to='bob@localhost' type='chat'><body>back again</body></message>",
  );
  await client.header();
  await client.features();
  await succeeds(client, `<bound xmlns='${BIND2}'/>`);
  await client.receives(`<presence from='${client.jid}'/>`);
  await bob.receives(`<message from='${client.jid}'><body>back again</body></message>`);
  // All that the client has said it had said before it heard anything.
  const lines = client.transcript.slice(sent);
  const heard = lines.findIndex((line) => line.startsWith("S:"));
  assert.ok(lines.slice(heard).every((line) => line.startsWith("S:")));
});

Deno.test("a token that cannot be made is no reason to refuse a login", () =>
  withServer({}, { modules, mayLogErrors: true }, async (server) => {
    await server.addUser("alice@localhost", "secret");
    await server.inner.store.db.schema.dropTable("fast_tokens").execute();
    const client = await secured(server);
    client.send(plain("alice", "secret", userAgent(PHONE) + wish() + bind));
    assert.equal(await logged(client), undefined);
    await client.sync();
    const other = await secured(server);
    other.send(byToken("alice", "any", userAgent(PHONE)));
    await other.receives(failure("temporary-auth-failure"));
  }));

const cluster = await withPostgres();

if (cluster !== undefined) {
  Deno.test("on PostgreSQL: counted, rotated at the same time, and revoked", async () => {
    const settings = {
      store: { url: await cluster.database() },
      modules: { fast: { rotation: 0, clients: 2 } },
    };
    await withServer(settings, { modules: [...modules, "client_access"] }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      const old = await first(server);
      const answers = await Promise.all([1, 2, 3].map(() => again(server, old)));
      const [fresh, ...others] = answers.map((a) => "token" in a ? a.token! : a.refused);
      assert.ok(others.every((other) => other === fresh));
      const counted = await Promise.all(
        [1, 2, 3].map(() => again(server, fresh!, { fast: "count='7'" })),
      );
      assert.equal(counted.filter((a) => "token" in a).length, 1);
      assert.deepEqual(await again(server, old), WRONG);
      for (const i of [1, 2, 3]) await first(server, PHONE.slice(0, -1) + i);
      assert.deepEqual(await again(server, fresh!, { fast: "count='8'" }), WRONG);
      const client = await secured(server);
      client.send(plain("alice", "secret", userAgent(PHONE, "Gossip") + bind));
      await succeeds(client);
      for (let i = 0; i < 2; i++) {
        await client.request(
          "<iq type='get' id='l'><list xmlns='urn:xmpp:cam:0'/></iq>",
          "<iq type='result' id='l'><clients xmlns='urn:xmpp:cam:0'>" +
            "<client connected='true'><user-agent><software>Gossip</software></user-agent>" +
            "<auth><password/></auth></client></clients></iq>",
        );
      }
      const token = await first(server);
      await server.host().hooks.ask(setPassword, ALICE, "new secret");
      assert.deepEqual(await again(server, token), WRONG);
    });
  });
}
