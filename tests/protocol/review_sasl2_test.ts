/** XEP-0388, 0386, 0484, 0480, 0494 under attack: races, confusion, and connections lost midway. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { connect, login, NS, online, type TestClient } from "../helpers/client.ts";
import { base64 } from "../helpers/sasl.ts";
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
  UPGRADE,
  userAgent,
} from "../helpers/sasl2.ts";
import { withPostgres } from "../helpers/postgres.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { SM } from "../helpers/sm.ts";
import { StanzaError, StreamError } from "../../lib/errors.ts";
import {
  createAccount,
  credentialsRevoked,
  deleteAccount,
  setAccountEnabled,
  setPassword,
} from "../../lib/hooks/accounts.ts";
import { issue, makeAuthority } from "../unit/tls_authority.ts";
import { boundInline } from "../../lib/hooks/inline.ts";
import { bindInline, sasl2Mechanism, sasl2Success, sasl2Tasks } from "../../lib/hooks/sasl2.ts";
import { chooseResource, loggedIn, sessionBound, streamFeatures } from "../../lib/hooks/streams.ts";
import { parseJid } from "../../lib/jid.ts";
import { bind as bindCore } from "../../lib/stream/bind.ts";

const modules = [
  "auth",
  "ping",
  "presence",
  "sasl2",
  "bind2",
  "fast",
  "sasl_upgrade",
  "client_access",
  "stream_management",
];
const CAM = "urn:xmpp:cam:0";
const ALICE = parseJid("alice@localhost")!;
const REFUSED = failure("not-authorized");
const FREE: Table = {
  auth: { attempts: 20, throttle: { free_attempts: 1000, block_after: 10_000 } },
};

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
  mayLogErrors = false,
): void {
  Deno.test(name, () =>
    withServer(settings, { modules, mayLogErrors }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await transcript(server);
    }));
}

const wish = `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`;
const bind = (inside = "") => `<bind xmlns='${BIND2}'><tag>x</tag>${inside}</bind>`;
const ENABLE = `<enable xmlns='${SM}' resume='true'/>`;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const agentNo = (i: number) => PHONE.slice(0, -5) + String(i).padStart(5, "0");

/** A gate for a hook's handler: closed until `open` is called. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => open = resolve);
  return { passed, open };
}

/** Waits until it is true. */
async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (what()) return;
    await pause(20);
  }
  throw new Error(`it never came true: ${what}`);
}

async function withToken(server: TestServer, agent = PHONE): Promise<string> {
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(agent) + wish));
  const { token } = (await succeeds(client)).child("token", FAST)!.attrs;
  await client.close();
  return token!;
}

/** One login; the name of its answer's condition, or the new token, or "". */
async function attempt(server: TestServer, request: string): Promise<string> {
  const client = await secured(server);
  client.send(request);
  const answer = await client.next();
  const outcome = answer.name === "failure"
    ? answer.elements()[0]!.name
    : answer.child("token", FAST)?.attrs.token ?? "";
  client.cut();
  return outcome;
}

const tokens = (server: TestServer) =>
  server.inner.store.db.selectFrom("fast_tokens").selectAll().execute();

// ---- tokens ----

test("a token of one account brings the next account on the stream no token", async (server) => {
  await server.addUser("bob@localhost", "other");
  const token = await withToken(server);
  const client = await secured(server, { from: "bob@localhost" });
  client.send(byToken("alice", token, userAgent(PHONE)));
  await client.receives(failure("invalid-authzid", "<text>{any}</text>"));
  client.send(plain("bob", "other", userAgent(PHONE)));
  assert.equal((await succeeds(client)).child("token", FAST), undefined);
}, { modules: { fast: { rotation: 0 } } });

test("a login by token in the instant of the revocation: refused, or in time", async (server) => {
  const { hooks } = server.host();
  for (let i = 0; i < 5; i++) {
    const token = await withToken(server);
    // The revocation has begun, and nothing of it is in the database when the token is looked up.
    let revoking: Promise<void> | undefined;
    const remove = hooks.add(sasl2Mechanism, "test", () => {
      revoking ??= Promise.resolve(hooks.tell(credentialsRevoked, ALICE, "password-changed"));
      const end = performance.now() + 2;
      while (performance.now() < end);
      return undefined;
    }, { before: ["fast"], priority: 1000 });
    const answer = await attempt(server, byToken("alice", token, userAgent(PHONE)));
    await revoking;
    remove();
    // Whatever it was given is no token that outlives the password.
    if (answer !== "not-authorized") {
      const again = await attempt(server, byToken("alice", answer, userAgent(PHONE)));
      assert.equal(again, "not-authorized");
    }
    assert.deepEqual(await tokens(server), []);
  }
}, { ...FREE, modules: { fast: { rotation: 0 } } });

test("logins by token while the password is changed: none is left with a token", async (server) => {
  for (let i = 0; i < 3; i++) {
    const token = await withToken(server);
    const request = byToken("alice", token, userAgent(PHONE) + bind());
    const logins = Array.from({ length: 8 }, () => attempt(server, request));
    const change = (async () => {
      await pause(20 + 10 * i);
      await server.host().hooks.ask(setPassword, ALICE, "secret");
    })();
    const fresh = await Promise.all(logins);
    await change;
    assert.deepEqual(await tokens(server), []);
    for (const one of [token, ...fresh]) {
      assert.equal(
        await attempt(server, byToken("alice", one, userAgent(PHONE))),
        "not-authorized",
      );
    }
  }
}, { ...FREE, modules: { fast: { rotation: 0 } } });

test(
  "a shorter lifetime: the new token still ends the old one, not the other way",
  async (server) => {
    const old = await withToken(server);
    const fresh = await attempt(server, byToken("alice", old, userAgent(PHONE)));
    const { db } = server.inner.store;
    // As if the old one had been issued before the lifetime was made shorter.
    const day = 86_400_000;
    await db.updateTable("fast_tokens").set({ expires: Date.now() + 300 * day }).where(
      "used",
      ">",
      0,
    )
      .execute();
    assert.equal((await tokens(server)).length, 2);
    // The new one was perhaps never received: the old one does it no harm.
    await attempt(server, byToken("alice", old, userAgent(PHONE)));
    assert.equal((await tokens(server)).length, 2);
    const newest = await attempt(server, byToken("alice", fresh, userAgent(PHONE)));
    assert.notEqual(newest, "not-authorized");
    assert.equal(await attempt(server, byToken("alice", old, userAgent(PHONE))), "not-authorized");
  },
  { ...FREE, modules: { fast: { rotation: 0 } } },
);

test("20 logins that rotate at the same time, again and again", async (server) => {
  let token = await withToken(server);
  for (let i = 0; i < 3; i++) {
    const request = byToken("alice", token, userAgent(PHONE) + bind());
    const all = await Promise.all(Array.from({ length: 20 }, () => attempt(server, request)));
    const fresh = new Set(all.filter((t) => t !== ""));
    assert.equal(fresh.size, 1, [...fresh].join(" "));
    [token] = [...fresh] as [string];
    assert.ok((await tokens(server)).length <= 2);
  }
  assert.notEqual(
    await attempt(server, byToken("alice", token, userAgent(PHONE))),
    "not-authorized",
  );
}, { ...FREE, modules: { fast: { rotation: 0 } } });

test("20 invalidations of one token at the same time, and it is gone", async (server) => {
  const token = await withToken(server);
  const request = byToken("alice", token, userAgent(PHONE), { fast: "invalidate='1'" });
  await Promise.all(Array.from({ length: 20 }, () => attempt(server, request)));
  assert.deepEqual(await tokens(server), []);
  assert.equal(
    await attempt(server, byToken("alice", token, userAgent(PHONE))),
    "not-authorized",
  );
}, { ...FREE, modules: { fast: { rotation: 0 } } });

test("200 user agents: rows and tokens are bounded", async (server) => {
  for (let i = 0; i < 200; i += 20) {
    await Promise.all(
      Array.from(
        { length: 20 },
        (_, j) => attempt(server, plain("alice", "secret", userAgent(agentNo(i + j)) + wish)),
      ),
    );
  }
  await withToken(server, LAPTOP);
  assert.ok(new Set((await tokens(server)).map((t) => t.client)).size <= 5);
}, { ...FREE, modules: { fast: { clients: 5 }, client_access: { clients: 5 } } });

test(
  "the database fails while a token is checked: no login, no guess",
  async (server) => {
    const token = await withToken(server);
    const { store } = server.inner;
    await store.db.schema.alterTable("fast_tokens").renameTo("fast_gone").execute();
    const client = await secured(server);
    client.send(byToken("alice", token, userAgent(PHONE)));
    await client.receives(failure("temporary-auth-failure"));
    await store.db.schema.alterTable("fast_gone").renameTo("fast_tokens").execute();
    client.send(byToken("alice", token, userAgent(PHONE)));
    await succeeds(client);
  },
  {},
  true,
);

// ---- clients and their access ----

async function list(client: TestClient) {
  await client.request(
    `<iq type='get' id='list'><list xmlns='${CAM}'/></iq>`,
    `<iq type='result' id='list'><clients xmlns='${CAM}'/></iq>`,
  );
  return client.last.child("clients")!.elements("client");
}

test("access is revoked between a login by token and its resource", async (server) => {
  const token = await withToken(server);
  await server.host().hooks.ask(setPassword, ALICE, "secret");
  const laptop = await login(server, "alice", { password: "secret" });
  // The phone holds nothing but a token (its password is an old one).
  const phone = await secured(server);
  phone.send(plain("alice", "secret", userAgent(PHONE) + wish));
  const { token: fresh } = (await succeeds(phone)).child("token", FAST)!.attrs;
  await phone.close();
  const { db } = server.inner.store;
  await list(laptop);
  await db.updateTable("client_access").set({ password: 0 }).execute();
  const client = await secured(server);
  client.send(byToken("alice", fresh!, userAgent(PHONE)));
  await succeeds(client);
  const [row] = (await list(laptop)).filter((c) => c.child("auth")!.child("fast") !== undefined);
  await laptop.request(
    `<iq type='set' id='r'><revoke xmlns='${CAM}' id='${row!.attrs.id}'/></iq>`,
    "<iq type='result' id='r'/>",
  );
  client.send(`<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`);
  await client.streamError("not-authorized");
  await until(() => server.host().sessions === 1);
  assert.notEqual(token, fresh);
});

test("who is online, or holds a token, is listed, however many came after", async (server) => {
  const first = await secured(server);
  first.send(plain("alice", "secret", userAgent(PHONE, "", "hidden") + bind() + wish));
  const { token } = (await succeeds(first)).child("token", FAST)!.attrs;
  for (let i = 0; i < 4; i++) {
    await pause(5);
    const other = await secured(server);
    other.send(plain("alice", "secret", userAgent(agentNo(i)) + bind()));
    await succeeds(other);
    await other.close();
  }
  const owner = await login(server, "alice", { password: "secret" });
  await list(owner); // written by now
  const clients = await list(owner);
  const hidden = clients.filter((c) => c.child("user-agent")!.child("device")?.text() === "hidden");
  assert.equal(hidden.length, 1);
  assert.equal(hidden[0]!.attrs.connected, "true");
  assert.ok(hidden[0]!.child("auth")!.child("fast"));
  await owner.request(
    `<iq type='set' id='r'><revoke xmlns='${CAM}' id='${hidden[0]!.attrs.id}'/></iq>`,
    "<iq type='error' id='r'/>",
  );
  await first.streamError("not-authorized");
  assert.equal(
    await attempt(server, byToken("alice", token!, userAgent(PHONE))),
    "not-authorized",
  );
}, { modules: { client_access: { clients: 2 } } });

test("an account that is deleted while a client binds: its next owner sees nothing", async (server) => {
  const { hooks } = server.host();
  const slow = gate();
  const remove = hooks.add(sessionBound, "test", () => slow.passed);
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE, "spy") + bind(ENABLE) + wish));
  await until(() => server.host().sessions === 1);
  await hooks.ask(deleteAccount, ALICE);
  await hooks.ask(createAccount, ALICE, "another's");
  slow.open();
  remove();
  await client.streamError("not-authorized");
  await pause(50);
  const owner = await login(server, "alice", { password: "another's" });
  assert.equal((await list(owner)).length, 1);
  assert.deepEqual(await tokens(server), []);
});

// ---- binding and resumption ----

interface Peek {
  readonly online: number;
  readonly unbound: number;
}

function peek(server: TestServer): Peek {
  return { online: server.host().sessions, unbound: server.inner.unbound.size };
}

test(
  "a storm of one client's logins: one session, and no stream management of the rest",
  async (server) => {
    const { hooks } = server.host();
    const seen: boolean[] = [];
    hooks.add(sessionBound, "test", () => pause(30));
    hooks.add(boundInline, "test", (_answers, session) => void seen.push(session.bound), {
      before: ["stream_management"],
    });
    const clients = await Promise.all(Array.from({ length: 20 }, () => secured(server)));
    for (const c of clients) c.send(plain("alice", "secret", userAgent(PHONE) + bind(ENABLE)));
    await until(() => peek(server).online === 1 && peek(server).unbound === 0);
    await pause(200);
    assert.ok(seen.every((bound) => bound), "a session that is over is set up");
    assert.equal(peek(server).online, 1);
  },
  FREE,
);

for (
  const [name, hook] of [
    ["the choice of a resource", chooseResource],
    ["what is loaded for the session", sessionBound],
    ["what follows the login", loggedIn],
    ["the session's features", boundInline],
    ["the tokens", sasl2Success],
    ["the stream's features", streamFeatures],
    ["the tasks", sasl2Tasks],
  ] as const
) {
  for (const end of ["cut", "disabled", "timeout"] as const) {
    test(`a login that is ${end} during ${name} leaves no session`, async (server) => {
      const { hooks } = server.host();
      // Its time is over only as long as nothing is bound.
      const stays = end === "timeout" && hook !== chooseResource && hook !== sasl2Tasks;
      const client = await secured(server);
      const slow = gate();
      let reached = false;
      const remove = hooks.add(hook as typeof sessionBound, "test", () => {
        reached = true;
        return slow.passed;
      });
      client.send(plain("alice", "secret", userAgent(PHONE) + bind() + wish));
      await until(() => reached);
      if (end === "cut") client.cut();
      if (end === "disabled") {
        await hooks.ask(setAccountEnabled, ALICE, false);
        await hooks.ask(setAccountEnabled, ALICE, true);
      }
      if (end === "timeout") {
        await pause(1300);
        if (!stays) await until(() => peek(server).unbound === 0);
      }
      slow.open();
      remove();
      await until(() => peek(server).unbound === 0 && peek(server).online === (stays ? 1 : 0));
      if (end === "disabled") assert.deepEqual(await tokens(server), []);
      client.cut();
      const again = await secured(server);
      again.send(plain("alice", "secret", userAgent(PHONE) + bind()));
      await succeeds(again);
      await again.sync();
      assert.equal(peek(server).online, 1);
    }, { c2s: { auth_timeout: "1s", close_timeout: "500ms" } });
  }
}

test(
  "a binding that is refused when it is done: the stream ends, and the session",
  async (server) => {
    server.host().hooks.add(bindInline, "test", async (n, account) => {
      await bindCore(n, n.host!, account, "y");
      throw new StanzaError("internal-server-error", { type: "wait" });
    }, { priority: 1000 });
    const client = await secured(server);
    client.send(plain("alice", "secret", userAgent(PHONE) + bind()));
    await client.streamError("internal-server-error");
    assert.deepEqual(peek(server), { online: 0, unbound: 0 });
  },
  {},
  true,
);

test("a binding that comes too late, for a login that was taken back, comes to nothing", async (server) => {
  const { hooks } = server.host();
  const slow = gate();
  const handlers = [
    hooks.add(chooseResource, "test", async () => {
      await slow.passed;
      return undefined;
    }),
    hooks.add(bindInline, "test", (n, account) => {
      void bindCore(n, n.host!, account, "late");
      throw new StanzaError("internal-server-error", { type: "wait" });
    }, { priority: 1000 }),
  ];
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind()));
  await client.next();
  assert.equal(client.last.name, "failure");
  for (const remove of handlers) remove();
  slow.open();
  await pause(20);
  assert.equal(peek(server).online, 0);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind()));
  await succeeds(client);
  await client.sync();
  assert.equal(peek(server).online, 1);
});

interface Phone {
  readonly client: TestClient;
  readonly id: string;
}

async function managedPhone(server: TestServer): Promise<Phone> {
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind(ENABLE)));
  const success = await succeeds(client);
  const { id } = success.child("bound", BIND2)!.child("enabled", SM)!.attrs;
  client.send("<presence/>");
  await client.sync();
  client.skip();
  return { client, id: id! };
}

const resume = (id: string, h: number) => `<resume xmlns='${SM}' previd='${id}' h='${h}'/>`;

/** Takes the elements up to the message with that id; how many stanzas there were. */
async function upTo(client: TestClient, id: string): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const { name, attrs } = await client.next();
    if (name === "message") ids.push(attrs.id!);
    if (attrs.id === id) return ids;
  }
}

test(
  "a connection lost in the midst of a resumption: the next one has everything",
  async (server) => {
    const { hooks } = server.host();
    const bob = await online(server, "bob");
    const { client, id } = await managedPhone(server);
    const full = client.jid;
    const h = 2; // its own presence, and the answer to the ping
    client.cut();
    await until(() => server.host().session(parseJid(full)!)?.stream === undefined);
    bob.send(`<message to='${full}' type='chat' id='m1'><body>1</body></message>`);
    await bob.sync();
    for (const hook of [loggedIn, sasl2Success] as const) {
      const slow = gate();
      let reached = false;
      const remove = hooks.add(hook as typeof loggedIn, "test", () => {
        reached = true;
        return slow.passed;
      });
      const lost = await secured(server);
      lost.send(plain("alice", "secret", userAgent(PHONE) + resume(id, h) + bind(ENABLE)));
      await until(() => reached);
      bob.send(`<message to='${full}' type='chat' id='m-${hook.name}'><body>x</body></message>`);
      await bob.sync();
      lost.cut();
      await pause(50);
      slow.open();
      remove();
      await until(() => server.host().session(parseJid(full)!)?.stream === undefined);
    }
    const last = await secured(server);
    last.send(plain("alice", "secret", userAgent(PHONE) + resume(id, h) + bind(ENABLE)));
    await last.receives(
      `<success xmlns='${SASL2}'><authorization-identifier>${full}</authorization-identifier>` +
        `<resumed xmlns='${SM}' previd='${id}'/></success>`,
    );
    bob.send(`<message to='${full}' type='chat' id='end'><body>end</body></message>`);
    assert.deepEqual(await upTo(last, "end"), [
      "m1",
      "m-session.logged-in",
      "m-sasl2.success",
      "end",
    ]);
    assert.equal(server.host().sessions, 2);
  },
  FREE,
);

test(
  "two connections that resume at the same time: the later one has the session",
  async (server) => {
    const { client, id } = await managedPhone(server);
    const full = client.jid;
    server.clients.delete(client);
    // A stanza that is being handled keeps both of them waiting.
    const { stanzaFromClient } = await import("../../lib/hooks/stanzas.ts");
    const slow = gate();
    const remove = server.host().hooks.add(stanzaFromClient, "test", () => slow.passed);
    client.send("<message to='alice@localhost/nobody' type='headline'><body>x</body></message>");
    await pause(50);
    const request = plain("alice", "secret", userAgent(PHONE) + resume(id, 2) + bind(ENABLE));
    const one = await secured(server);
    one.send(request);
    await pause(50);
    const two = await secured(server);
    two.send(request);
    await pause(50);
    slow.open();
    remove();
    await two.receives(
      `<success xmlns='${SASL2}'><authorization-identifier>${full}</authorization-identifier>` +
        `<resumed xmlns='${SM}' previd='${id}'/></success>`,
    );
    await one.streamError("conflict");
    assert.equal(server.host().sessions, 1);
    client.cut();
  },
  FREE,
);

test("a disabled account while its session is resumed", async (server) => {
  const { hooks } = server.host();
  const { client, id } = await managedPhone(server);
  client.cut();
  const slow = gate();
  let reached = false;
  hooks.add(loggedIn, "test", () => {
    reached = true;
    return slow.passed;
  });
  const again = await secured(server);
  again.send(plain("alice", "secret", userAgent(PHONE) + resume(id, 2) + wish));
  await until(() => reached);
  await hooks.ask(setAccountEnabled, ALICE, false);
  slow.open();
  await again.streamError("not-authorized");
  assert.deepEqual(peek(server), { online: 0, unbound: 0 });
  assert.deepEqual(await tokens(server), []);
});

test(
  "connections that are cut anywhere in a login, bound or resumed: nothing is left",
  async (server) => {
    const token = await withToken(server);
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % n;
    let previd = "unknown";
    const round = async () => {
      const inside = userAgent(PHONE) + (random(2) === 0 ? resume(previd, 0) : "") + bind(ENABLE);
      const request = random(3) === 0
        ? plain("alice", "secret", inside)
        : byToken("alice", token, inside);
      const wait = random(30);
      const client = await secured(server);
      client.write(request + "<presence/>");
      await pause(wait);
      client.cut();
    };
    for (let i = 0; i < 30; i++) {
      await Promise.all([round(), round(), round(), round()]);
      if (i % 5 !== 4) continue;
      const client = await secured(server);
      client.send(plain("alice", "secret", userAgent(PHONE) + bind(ENABLE)));
      previd = (await succeeds(client)).child("bound", BIND2)!.child("enabled", SM)!.attrs.id!;
      client.cut();
    }
    await until(() => peek(server).unbound === 0 && peek(server).online <= 1);
    const last = await secured(server);
    last.send(byToken("alice", token, userAgent(PHONE) + bind()));
    await succeeds(last);
    await last.sync();
    assert.equal(peek(server).online, 1);
    await last.close();
    await until(() => peek(server).online === 0 && server.host().online.size === 0);
  },
  FREE,
);

// ---- confusion ----

test("no message of one profile goes on in the other", async (server) => {
  const begun1 = `<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${
    base64("n,,n=alice,r=abcdefghijkl")
  }</auth>`;
  const begun2 = authenticate("SCRAM-SHA-256", "n,,n=alice,r=abcdefghijkl");
  const response = (ns: string) =>
    `<response xmlns='${ns}'>${base64("c=biws,r=x,p=AAAA")}</response>`;
  const one = await secured(server);
  one.send(begun1);
  await one.receives(`<challenge xmlns='${NS.sasl}'/>`);
  one.send(response(SASL2));
  await one.receives(failure("malformed-request"));
  one.send(response(NS.sasl));
  await one.receives(`<failure xmlns='${NS.sasl}'><malformed-request/></failure>`);
  const two = await secured(server);
  two.send(begun2);
  await two.receives(`<challenge xmlns='${SASL2}'/>`);
  two.send(response(NS.sasl));
  await two.streamError("policy-violation");
});

test("while a task waits: nothing but its messages", async (server) => {
  const { hooks } = server.host();
  const step = () => ({ kind: "done" }) as const;
  hooks.add(sasl2Tasks, "test", (tasks) => [...tasks, { name: "A", step }, { name: "B", step }]);
  const next = (task: string) => `<next xmlns='${SASL2}' task='${task}'/>`;
  const proved = async () => {
    const client = await secured(server);
    client.send(plain("alice", "secret", userAgent(PHONE) + bind() + wish));
    await client.receives(`<continue xmlns='${SASL2}'/>`);
    return client;
  };
  for (
    const end of [
      plain("alice", "secret"),
      byToken("alice", "x", userAgent(PHONE)),
      `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64("\0alice\0secret")}</auth>`,
      `<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`,
      resume("x", 0),
      "<presence/>",
      `<starttls xmlns='${NS.tls}'/>`,
    ]
  ) {
    const client = await proved();
    client.send(end);
    await client.streamError("policy-violation");
  }
  for (
    const end of [
      next("B"),
      next(""),
      `<next xmlns='${SASL2}'/>`,
      `<task-data xmlns='${SASL2}'/>`,
      `<response xmlns='${SASL2}'/>`,
    ]
  ) {
    const client = await proved();
    client.send(end);
    await client.receives(failure("malformed-request"));
    // And with the failure the proof is gone.
    client.send(next("A"));
    await client.receives(failure("malformed-request"));
    client.send("<presence/>");
    await client.streamError("not-authorized");
  }
  const client = await proved();
  client.send(`<abort xmlns='${SASL2}'/>`);
  await client.receives(failure("aborted"));
  client.send(next("A"));
  await client.receives(failure("malformed-request"));
  assert.deepEqual(await tokens(server), []);
  assert.deepEqual(server.host().sessions, 0);
}, FREE);

test(
  "a module that cannot say which tasks there are lets nobody in",
  async (server) => {
    server.host().hooks.add(sasl2Tasks, "test", () => {
      throw new Error("broken");
    });
    const client = await secured(server);
    client.send(plain("alice", "secret", bind() + wish));
    await client.receives(failure("temporary-auth-failure"));
    client.send("<presence/>");
    await client.streamError("not-authorized");
  },
  {},
  true,
);

test("a password that is changed while keys are made: they are not kept", async (server) => {
  const { db } = server.inner.store;
  const { scram: keys } = await db.selectFrom("accounts").select("scram")
    .executeTakeFirstOrThrow() as { scram: string };
  const left = keys.split("\n").filter((line) => !line.startsWith("SCRAM-SHA-512$")).join("\n");
  await db.updateTable("accounts").set({ scram: left }).execute();
  const client = await secured(server);
  await scram(
    client,
    "SHA-256",
    "alice",
    "secret",
    `<upgrade xmlns='${UPGRADE}'>UPGR-SCRAM-SHA-512</upgrade>`,
  );
  await client.receives(`<continue xmlns='${SASL2}'/>`);
  client.send(`<next xmlns='${SASL2}' task='UPGR-SCRAM-SHA-512'/>`);
  await client.receives(`<task-data xmlns='${SASL2}'/>`);
  await server.host().hooks.ask(setPassword, ALICE, "new secret");
  client.send(
    `<task-data xmlns='${SASL2}'><hash xmlns='urn:xmpp:scram-upgrade:0'>${
      base64(new Uint8Array(64))
    }</hash></task-data>`,
  );
  await client.receives(failure("temporary-auth-failure"));
  const other = await secured(server);
  await scram(other, "SHA-512", "alice", "new secret");
  await succeeds(other);
});

test("huge and odd user agents", async (server) => {
  const long = "\u{1f4f1}".repeat(1000);
  const client = await secured(server);
  client.send(
    plain(
      "alice",
      "secret",
      userAgent(PHONE, long, "&lt;/device&gt;&amp;") + userAgent(LAPTOP) + bind() + wish,
    ),
  );
  await succeeds(client);
  const [shown] = await list(client);
  const text = (name: string) => shown!.child("user-agent")!.child(name)!.text();
  assert.ok(text("software").length <= 200 && text("software").startsWith("\u{1f4f1}"));
  assert.equal(text("device"), "</device>&");
  for (const id of ["", " " + PHONE, PHONE + "0", "x".repeat(5000), PHONE.replace("-", "_")]) {
    const other = await secured(server);
    other.send(plain("alice", "secret", userAgent(id)));
    await other.receives(failure("malformed-request", "<text>{any}</text>"));
  }
});

test("guests of the same user agent do not meet", async (server) => {
  const guest = async () => {
    const client = await secured(server);
    client.send(authenticate("ANONYMOUS", "", userAgent(PHONE) + bind(ENABLE) + wish));
    await succeeds(client);
    return client;
  };
  const [one, two] = [await guest(), await guest()];
  await one.sync();
  await two.sync();
  assert.equal(server.host().sessions, 2);
  await one.close();
  await two.close();
  await until(() => server.host().sessions === 0);
  await pause(50);
  const alice = await login(server, "alice", { password: "secret" });
  await list(alice);
  const rows = await server.inner.store.db.selectFrom("client_access").selectAll().execute();
  assert.deepEqual(rows, []);
  assert.deepEqual(await tokens(server), []);
}, { hosts: { localhost: { anonymous: true } } });

test("guesses by every profile and mechanism count as one", async (server) => {
  const guesses = [
    plain("alice", "wrong"),
    byToken("alice", "wrong", userAgent(PHONE)),
    byToken("nobody", "wrong", userAgent(LAPTOP)),
    `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64("\0alice\0wrong")}</auth>`,
  ];
  for (const guess of guesses) {
    const client = await secured(server);
    client.send(guess);
    await client.next();
    client.cut();
  }
  const token = byToken("alice", "wrong", userAgent(PHONE));
  for (const request of [plain("alice", "secret"), token]) {
    const client = await secured(server);
    client.send(request);
    await client.streamError("policy-violation");
  }
}, { auth: { throttle: { free_attempts: 100, block_after: 4 } } });

test(
  "the stream of a login whose features fail ends",
  async (server) => {
    const client = await secured(server);
    server.host().hooks.add(streamFeatures, "test", () => {
      throw new StreamError("internal-server-error");
    });
    client.send(plain("alice", "secret", bind()));
    await client.streamError("internal-server-error");
    assert.deepEqual(peek(server), { online: 0, unbound: 0 });
  },
  {},
  true,
);

test("no answer of a token tells whether there is such an account", async (server) => {
  const token = await withToken(server);
  const answers: string[] = [];
  for (const name of ["alice", "nobody", "alice%", "\u00e4"]) {
    const client = await secured(server);
    client.send(byToken(name, "x" + token, userAgent(PHONE)));
    await client.receives(REFUSED);
    answers.push(client.last.toString());
    client.cut();
  }
  assert.equal(new Set(answers).size, 1);
}, FREE);

test(
  "what waits for the success is bounded, and the session goes with its stream",
  async (server) => {
    const { hooks } = server.host();
    const bob = await online(server, "bob");
    const slow = gate();
    hooks.add(boundInline, "test", async () => {
      await slow.passed;
    });
    const client = await secured(server);
    client.send(plain("alice", "secret", userAgent(PHONE) + bind()));
    await until(() => server.host().online.get("alice") !== undefined);
    const to = server.host().online.get("alice")!.sessions[0]!.jid.full;
    const body = "x".repeat(5000);
    for (let i = 0; i < 30; i++) {
      bob.send(`<message to='${to}' type='headline'><body>${body}</body></message>`);
    }
    await bob.sync();
    await client.streamError("resource-constraint");
    slow.open();
    await until(() => peek(server).online === 1 && peek(server).unbound === 0);
  },
  { limits: { output_bytes: 65_536, stanza_bytes: 20_000 } },
);

for (
  const [junk, condition] of [
    ["<<<", "not-well-formed"],
    ["<!-- -->", "restricted-xml"],
    [plain("alice", "secret"), "unsupported-stanza-type"],
    [`<response xmlns='${SASL2}'/>`, "unsupported-stanza-type"],
    [`<auth xmlns='${NS.sasl}' mechanism='PLAIN'/>`, "unsupported-stanza-type"],
  ] as const
) {
  test(`after the login in one flight: ${junk.slice(0, 14)}`, async (server) => {
    const token = await withToken(server);
    const client = await secured(server);
    client.write(byToken("alice", token, userAgent(PHONE) + bind(ENABLE)) + junk);
    await succeeds(client);
    await client.streamError(condition);
    assert.deepEqual(peek(server), { online: 0, unbound: 0 });
  });
}

test("new keys come after everything that a login must prove (XEP-0480 §2.2)", async (server) => {
  const { db } = server.inner.store;
  const { scram: keys } = await db.selectFrom("accounts").select("scram")
    .executeTakeFirstOrThrow() as { scram: string };
  const left = keys.split("\n").filter((line) => !line.startsWith("SCRAM-SHA-512$")).join("\n");
  await db.updateTable("accounts").set({ scram: left }).execute();
  server.host().hooks.add(
    sasl2Tasks,
    "test",
    (tasks) => [...tasks, { name: "TOTP", step: () => ({ kind: "done" }) as const }],
  );
  const client = await secured(server);
  const upgrade = `<upgrade xmlns='${UPGRADE}'>UPGR-SCRAM-SHA-512</upgrade>`;
  await scram(client, "SHA-256", "alice", "secret", upgrade);
  await client.receives(
    `<continue xmlns='${SASL2}'><tasks><task>TOTP</task></tasks></continue>`,
  );
  client.send(`<next xmlns='${SASL2}' task='TOTP'/>`);
  await client.receives(
    `<continue xmlns='${SASL2}'><tasks><task>UPGR-SCRAM-SHA-512</task></tasks></continue>`,
  );
});

const cluster = await withPostgres();

if (cluster !== undefined) {
  Deno.test("on PostgreSQL: a revocation that takes its time", async () => {
    const settings = { ...FREE, store: { url: await cluster.database() } };
    await withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      const token = await withToken(server);
      assert.equal(await attempt(server, byToken("alice", token, userAgent(PHONE))), "");
      const { db } = server.inner.store;
      await sql`create function late() returns trigger language plpgsql as
        'begin perform pg_sleep(0.5); return old; end'`.execute(db);
      await sql`create trigger late before delete on fast_tokens for each row
        execute function late()`.execute(db);
      const change = server.host().hooks.ask(setPassword, ALICE, "new secret");
      // By now the new password is set, and the tokens are about to go.
      await pause(200);
      const other = wish.replace("NONE", "ENDP");
      const request = byToken("alice", token, userAgent(PHONE) + other);
      assert.equal(await attempt(server, request), "not-authorized");
      await change;
      assert.deepEqual(await tokens(server), []);
    });
  });
}

Deno.test("EXTERNAL: one's own account, and a token that is no certificate's", async () => {
  const folder = await mkdtemp(join(tmpdir(), "confab-external-"));
  try {
    const root = await makeAuthority();
    const client_ca = join(folder, "clients.pem");
    await writeFile(client_ca, root.certPem);
    const leaf = await issue({ issuer: root, xmppAddrs: ["alice@localhost"] });
    await withServer({ ...FREE, tls: { client_ca } }, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await server.addUser("bob@localhost", "other");
      const shown = async (header: Record<string, string> = {}) => {
        const client = await connect(server, { tls: "silent" });
        await client.handshake("localhost", undefined, { cert: leaf.certPem, key: leaf.keyPem });
        await client.open(header);
        return client;
      };
      const inside = userAgent(PHONE) + bind() + wish;
      const client = await shown();
      for (const name of ["bob@localhost", "alice", "alice@localhost/x", "alice@elsewhere.test"]) {
        client.send(authenticate("EXTERNAL", name, inside));
        await client.receives(failure("invalid-authzid"));
      }
      client.send(authenticate("EXTERNAL", "", inside));
      const { token } = (await succeeds(client)).child("token", FAST)!.attrs;
      assert.match(client.jid, /^alice@localhost\//);
      const bob = await shown({ from: "bob@localhost" });
      bob.send(authenticate("EXTERNAL", "", inside));
      await bob.receives(failure("invalid-authzid", "<text>{any}</text>"));
      // Without the certificate the mechanism is not there; the token is.
      const without = authenticate("EXTERNAL", "alice@localhost", inside);
      assert.equal(await attempt(server, without), "invalid-mechanism");
      assert.equal(await attempt(server, byToken("alice", token!, userAgent(PHONE))), "");
      await server.host().hooks.ask(setAccountEnabled, ALICE, false);
      const disabled = await shown();
      disabled.send(authenticate("EXTERNAL", "", inside));
      await disabled.receives(failure("account-disabled"));
      const used = byToken("alice", token!, userAgent(PHONE));
      assert.equal(await attempt(server, used), "not-authorized");
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
