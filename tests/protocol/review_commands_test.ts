/** Commands, administration and invitations in the hands of people who mean no good. */

import assert from "node:assert/strict";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { httpPort, raw } from "../helpers/http.ts";
import { authenticate } from "../helpers/sasl.ts";
import { enable, plainLogin, resuming, SM } from "../helpers/sm.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { commandPage } from "../../lib/commands.ts";
import {
  accountExists,
  createAccount,
  deleteAccount,
  listAccounts,
  setAccountEnabled,
} from "../../lib/hooks/accounts.ts";
import {
  createInvitation,
  type InvitationRequest,
  listInvitations,
  type NewInvitation,
} from "../../lib/hooks/invitations.ts";
import { rosterGet } from "../../lib/hooks/roster.ts";
import { parseJid } from "../../lib/jid.ts";
import type { ModuleHost } from "../../lib/module.ts";

const COMMANDS = "http://jabber.org/protocol/commands";
const ADMIN = "http://jabber.org/protocol/admin";
const FORMS = "jabber:x:data";
const PARS = "urn:xmpp:pars:0";
const REGISTER = "jabber:iq:register";
const ROSTER = "jabber:iq:roster";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const PASSWORD = "a good password";
const ALICE = parseJid("alice@localhost")!;

const SETTINGS: Table = {
  admins: ["boss@localhost"],
  listen: { http: [{ address: ["127.0.0.1"], port: 0, tls: "none" }] },
};

function invited(
  invites: Table,
  more: Table,
  transcript: (server: TestServer) => Promise<void>,
): Promise<void> {
  const { modules, ...rest } = more;
  const register = { enabled: true, allowed: false };
  return withServer(
    { ...SETTINGS, ...rest, modules: { register, invites, ...modules as Table } },
    {},
    transcript,
  );
}

async function invite(
  server: TestServer,
  request: Partial<InvitationRequest> = {},
): Promise<NewInvitation> {
  const made = await server.host().hooks.ask(createInvitation, {
    register: true,
    by: "test",
    ...request,
  });
  return made!;
}

function pageUrl(server: TestServer, path: string): string {
  return `http://127.0.0.1:${httpPort(server)}/invite/${path}`;
}

function filled(username: string): RequestInit {
  const fields = { username, password: PASSWORD, again: PASSWORD };
  return { method: "POST", body: new URLSearchParams(fields) };
}

async function stranger(server: TestServer, token?: string): Promise<TestClient> {
  const client = await connect(server, { tls: "direct" });
  await client.open();
  if (token === undefined) return client;
  client.send(`<iq type='set' id='p'><preauth xmlns='${PARS}' token='${token}'/></iq>`);
  await client.receives("<iq type='result' id='p'/>");
  return client;
}

function registration(name: string): string {
  return `<iq type='set' id='r'><query xmlns='${REGISTER}'><username>${name}</username>
    <password>${PASSWORD}</password></query></iq>`;
}

function refused(id: string, condition: string): string {
  return `<iq type='error' id='${id}'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

async function names(server: TestServer): Promise<string[]> {
  return (await server.host().hooks.ask(listAccounts))!.map((a) => a.jid.split("@")[0]!).sort();
}

function handle(server: TestServer): ModuleHost {
  return server.inner.modules.get(server.host())!.get("ping")!;
}

Deno.test("fifty people with one invitation, over XMPP and the web at once: one account", () =>
  invited({ web_attempts: 100 }, { modules: { presence: true } }, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const { token } = await invite(server, { contact: ALICE });
    const clients: TestClient[] = [];
    for (let i = 0; i < 20; i++) clients.push(await stranger(server, token));
    const friends: TestClient[] = [];
    for (let i = 0; i < 10; i++) friends.push(await online(server, `friend${i}`));
    const pages = Array.from(
      { length: 20 },
      (_, i) => fetch(pageUrl(server, token), filled(`w${i}`)),
    );
    for (const [i, client] of clients.entries()) client.send(registration(`x${i}`));
    for (const client of friends) {
      client.send(
        `<presence type='subscribe' to='alice@localhost'><preauth xmlns='${PARS}' token='${token}'/></presence>`,
      );
    }
    const statuses = [];
    for (const answer of await Promise.all(pages)) {
      statuses.push(answer.status);
      await answer.body?.cancel();
    }
    let made = 0;
    for (const client of clients) {
      const answer = await client.next();
      if (answer.attrs.type === "result") made++;
    }
    for (const client of friends) await client.sync();
    const accounts = (await names(server)).filter((n) => /^[wx]\d/.test(n));
    const roster = await server.host().hooks.ask(rosterGet, ALICE);
    const sees = [...roster!.items.values()].filter((i) => /from|both/.test(i.subscription));
    assert.equal(sees.length, 1);
    assert.equal(accounts.length, made + statuses.filter((s) => s === 201).length);
    assert(accounts.length <= 1);
    assert.deepEqual(await server.host().hooks.ask(listInvitations), []);
  }));

Deno.test("whose inviter's roster is full has an account all the same, and hears so", () =>
  invited({}, { modules: { roster: { items: 1 } } }, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const alice = await online(server, "alice", { password: PASSWORD });
    await alice.request(
      `<iq type='set' id='s'><query xmlns='${ROSTER}'><item jid='x@localhost'/></query></iq>`,
      "<iq type='result' id='s'/>",
    );
    const over = await invite(server, { contact: ALICE });
    const client = await stranger(server, over.token);
    client.send(registration("juliet"));
    await client.receives("<iq type='result' id='r'/>");
    const web = await invite(server, { contact: ALICE });
    const answer = await fetch(pageUrl(server, web.token), filled("tybalt"));
    const text = await answer.text();
    assert.equal(answer.status, 201);
    assert.doesNotMatch(text, /is in your contacts/);
    assert.deepEqual(await names(server), ["alice", "juliet", "tybalt"]);
    // Nothing half done.
    const roster = await server.host().hooks.ask(rosterGet, parseJid("juliet@localhost")!);
    assert.equal(roster!.items.size, 0);
    // A request is as one without the token then.
    const { token } = await invite(server, { contact: ALICE, register: false });
    const romeo = await online(server, "romeo");
    alice.skip();
    romeo.send(
      `<presence type='subscribe' to='alice@localhost'><preauth xmlns='${PARS}' token='${token}'/></presence>`,
    );
    await alice.eventually("<presence type='subscribe' from='romeo@localhost'/>");
    assert.equal((await server.host().hooks.ask(listInvitations))!.length, 1);
  }));

Deno.test("a use that came to nothing is given back, also where others were made meanwhile", () =>
  invited({}, {}, async (server) => {
    const { promise: slow, resolve } = Promise.withResolvers<void>();
    handle(server).on(createAccount, async (account) => {
      if (account.node !== "slow") return undefined;
      await slow;
      return "conflict";
    }, { priority: 1000 });
    const { token } = await invite(server, { uses: 2 });
    const [first, second] = [await stranger(server, token), await stranger(server, token)];
    first.send(registration("slow"));
    await new Promise((done) => setTimeout(done, 50));
    second.send(registration("quick"));
    await second.receives("<iq type='result' id='r'/>");
    resolve();
    await first.receives(refused("r", "conflict"));
    first.send(registration("another"));
    await first.receives("<iq type='result' id='r'/>");
    assert.deepEqual(await server.host().hooks.ask(listInvitations), []);
  }));

Deno.test("names in use are not found out by trying, invited or not", async () => {
  await invited({ web_attempts: 3 }, {}, async (server) => {
    await server.addUser("romeo@localhost", PASSWORD);
    const { token } = await invite(server);
    const client = await stranger(server, token);
    for (let i = 0; i < 3; i++) {
      client.send(registration("romeo"));
      await client.receives(refused("r", "conflict"));
    }
    const other = await stranger(server, token);
    for (const name of ["romeo", "free"]) {
      other.send(registration(name));
      await other.receives(refused("r", "resource-constraint"));
    }
  });
  await withServer(
    { ...SETTINGS, modules: { register: { enabled: true, per_address: 2 } } },
    {},
    async (server) => {
      await invite(server, { username: "juliet" });
      const client = await stranger(server);
      for (const condition of ["conflict", "conflict", "resource-constraint"]) {
        client.send(registration("juliet"));
        await client.receives(refused("r", condition));
      }
      client.send(registration("boss"));
      await client.receives(refused("r", "resource-constraint"));
    },
  );
});

Deno.test("the limit of open invitations holds for many requests at once", () =>
  invited({ per_account: 3 }, {}, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const wishes = Array.from(
      { length: 30 },
      () => invite(server, { by: ALICE.bare, contact: ALICE }),
    );
    const made = (await Promise.allSettled(wishes)).filter((r) => r.status === "fulfilled");
    assert.equal(made.length, 3);
    assert.equal((await server.host().hooks.ask(listInvitations))!.length, 3);
  }));

Deno.test("requests by strangers do not keep an invited person out", () =>
  invited({}, { modules: { presence: { requests: 1 } } }, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const mallory = await online(server, "mallory");
    mallory.send("<presence type='subscribe' to='alice@localhost'/>");
    await mallory.sync();
    const { token } = await invite(server, { contact: ALICE, register: false });
    const juliet = await online(server, "juliet");
    juliet.send(
      `<presence type='subscribe' to='alice@localhost'><preauth xmlns='${PARS}' token='${token}'/></presence>`,
    );
    await juliet.eventually("<presence type='subscribe' from='alice@localhost'/>");
  }));

Deno.test("a form as browsers send it without TLS, and through a proxy with names of its own", () =>
  invited({}, { hosts: { localhost: { public_url: "https://chat.example" } } }, async (server) => {
    const { token } = await invite(server);
    const url = pageUrl(server, token);
    // With `no-referrer` a browser says "Origin: null" with forms, to their own site too.
    const page = await fetch(url);
    await page.body?.cancel();
    assert.equal(page.headers.get("referrer-policy"), "same-origin");
    const answer = async (origin: string) => {
      const response = await fetch(url, { ...filled("a b"), headers: { origin } });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await answer(new URL(url).origin), 422);
    assert.equal(await answer("https://chat.example"), 422);
    assert.equal(await answer("https://chat.example.evil.example"), 403);
    assert.equal(await answer("null"), 403);
  }));

Deno.test("forms that are none", () =>
  invited({ api_secret: "the secret" }, {}, async (server) => {
    const { token } = await invite(server);
    const port = httpPort(server);
    const post = (path: string, type: string, body: string, more = "") =>
      raw(
        port,
        `POST /invite/${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n` +
          `Content-Type: ${type}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`,
      );
    const urlencoded = "application/x-www-form-urlencoded";
    const bodies: [string, string][] = [
      ["multipart/form-data", "username=x"],
      ["multipart/form-data; boundary=x", "no parts"],
      ["multipart/form-data; boundary=x", "--x\r\nbroken"],
      [urlencoded, "username=%ff%fe%zz&password=%00&again=%00"],
      [urlencoded, "__proto__=x&username=a&username=b&username[]=c"],
      [urlencoded, "username=%F0%9F%92%A9%ED%A0%80&password=a+good+password&again=a+good+password"],
      ["text/plain", "username=x"],
      ["nonsense", ""],
    ];
    for (const [type, body] of bodies) {
      const answer = await post(token, type, body);
      assert([400, 422].includes(answer.status), `${type} ${body}: ${answer.status}`);
    }
    const authorization = "Authorization: Bearer the secret\r\n";
    const json = ["", "null", "[", "[[[[", '"x"', '{"username":"\\ud800"}', '{"lifetime":1e999}'];
    json.push(
      '{"lifetime":{}}',
      '{"uses":1.5}',
      '{"uses":-1}',
      '{"contact":null}',
      '{"lifetime":-1}',
    );
    json.push('{"contact":"a@\\ud800"}', '{"__proto__":{"x":1}}', '{"username":"\\u0000"}');
    for (const body of json) {
      const answer = await post("api", "application/json", body, authorization);
      assert.equal(answer.status, 400, `${body}: ${answer.text}`);
    }
    for (const path of ["%", "%ff%fe", "..%2f..", "%00", `${token}%20`, `${token}/`, `/${token}`]) {
      const answer = await raw(
        port,
        `GET /invite/${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`,
      );
      assert.equal(answer.status, 404, path);
    }
    assert.equal((await names(server)).length, 0);
    assert(!server.log.join("\n").includes(token));
  }));

Deno.test("another address in a header is no other address", () =>
  invited({ web_attempts: 2 }, { http: { trusted_proxies: [] } }, async (server) => {
    const { token } = await invite(server);
    const statuses = [];
    for (let i = 1; i <= 4; i++) {
      const headers = { "x-forwarded-for": `192.0.2.${i}`, forwarded: `for=192.0.2.${i}` };
      const answer = await fetch(pageUrl(server, token), { ...filled("a b"), headers });
      await answer.body?.cancel();
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, [422, 422, 429, 429]);
  }));

Deno.test("where TLS is asked for, no password comes over HTTP without it", () =>
  invited({}, {
    modules: { register: { enabled: true, allowed: false, require_tls: true } },
  }, async (server) => {
    const { token } = await invite(server);
    const answer = await fetch(pageUrl(server, token), filled("juliet"));
    assert.match(await answer.text(), /TLS is needed first/);
    assert.equal(answer.status, 422);
    assert.deepEqual(await names(server), []);
    const client = await stranger(server, token);
    client.send(registration("juliet"));
    await client.receives("<iq type='result' id='r'/>");
  }));

Deno.test("who is disabled after a token was shown lets nobody in either", () =>
  invited({}, {}, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const { token } = await invite(server, { contact: ALICE });
    const client = await stranger(server, token);
    await server.host().hooks.ask(setAccountEnabled, ALICE, false);
    client.send(registration("juliet"));
    await client.receives(refused("r", "not-allowed"));
    await server.host().hooks.ask(setAccountEnabled, ALICE, true);
    client.send(registration("juliet"));
    await client.receives("<iq type='result' id='r'/>");
  }));

Deno.test("another device that comes while the message of the day is being set: nobody gets it twice", () =>
  withServer(SETTINGS, {}, async (server) => {
    const boss = await online(server, "boss");
    const alice = await login(server, "alice");
    const late = await login(server, "alice");
    alice.send("<presence/>");
    await alice.sync();
    const node = `${ADMIN}#set-motd`;
    const id = await begin(boss, node);
    // The store takes a while to keep who has seen it.
    const { store } = server.inner;
    const batch = store.batch.bind(store);
    let calls = 0;
    store.batch = async (statements) => {
      if (++calls === 2) {
        late.send("<presence/>");
        await late.sync();
      }
      return await batch(statements);
    };
    try {
      await boss.request(
        command(node, submit(id, { motd: "hear me" })),
        "<iq type='result' id='c'/>",
      );
    } finally {
      store.batch = batch;
    }
    await alice.eventually("<message type='headline'><body>hear me</body></message>");
    await new Promise((done) => setTimeout(done, 50));
    await alice.sync();
    const heard = alice.transcript.filter((line) => line.startsWith("S:") && /hear me/.test(line));
    assert.equal(heard.join("").split("hear me").length - 1, 1);
  }));

Deno.test("after wrong secrets the right one is not found by guessing on", () =>
  invited({ api_secret: "the secret", web_attempts: 3 }, {}, async (server) => {
    const statuses = [];
    for (const secret of ["a", "b", "c", "d", "the secret"]) {
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await fetch(pageUrl(server, "api"), { method: "POST", headers, body: "{}" });
      await answer.body?.cancel();
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
    // Forms are counted by themselves.
    const { token } = await invite(server);
    const form = await fetch(pageUrl(server, token), filled("juliet"));
    await form.body?.cancel();
    assert.equal(form.status, 201);
  }));

Deno.test("the longest names have pages too, and no name gets out of its place", () =>
  invited({}, {}, async (server) => {
    const { hooks } = server.host();
    const odd = [`${"ж".repeat(500)}`, "a".repeat(1023), "x;ibr=y?remove#`{}$()*~!", "שלום"];
    for (const node of odd) {
      const jid = parseJid(`${node}@localhost`);
      assert(jid !== undefined, node);
      assert.equal(await hooks.ask(createAccount, jid, PASSWORD), "created");
      const { token, uri } = await invite(server, { contact: jid });
      assert.match(
        uri,
        /^xmpp:[A-Za-z0-9%!*~().'_-]+@localhost\?roster;preauth=[A-Za-z0-9]+;ibr=y$/,
      );
      const answer = await fetch(pageUrl(server, token));
      const text = await answer.text();
      assert.equal(answer.status, 200, node.slice(0, 20));
      assert(text.includes(`href="${uri.replaceAll("'", "&#39;")}"`));
    }
    const { token } = await invite(server);
    for (const name of [`"><script>x</script>`, `' onfocus='x`, "</title><x>", "&quot;<b>"]) {
      const answer = await fetch(pageUrl(server, token), filled(name));
      assert.doesNotMatch(await answer.text(), /<script|<b>|<x>|' onfocus|value="">/);
    }
  }));

// ---- commands ----

function command(node: string, rest = "/>", to = "localhost"): string {
  const where = to === "" ? "" : ` to='${to}'`;
  return `<iq type='set' id='c'${where}><command xmlns='${COMMANDS}' node='${node}'${rest}</iq>`;
}

async function begin(client: TestClient, node: string, to = "localhost"): Promise<string> {
  const { id } = await client.request(
    command(node, "/>", to),
    `<iq type='result' id='c'><command xmlns='${COMMANDS}' sessionid='{id}' status='executing'/></iq>`,
  );
  return id!;
}

function submit(id: string, fields: Record<string, string>, action = "complete"): string {
  const all = Object.entries(fields).map(([name, value]) =>
    `<field var='${name}'><value>${value}</value></field>`
  );
  return ` sessionid='${id}' action='${action}'><x xmlns='${FORMS}' type='submit'>${
    all.join("")
  }</x></command>`;
}

Deno.test("an administrator's command is nobody else's, at no stage, from no address", () =>
  withServer({ ...SETTINGS, hosts: { localhost: {}, "b.example": {} } }, {}, async (server) => {
    const boss = await login(server, "boss");
    const second = await login(server, "boss", { resource: "second" });
    const alice = await login(server, "alice");
    const node = `${ADMIN}#add-user`;
    const id = await begin(boss, node);
    const form = { accountjid: "x@localhost", password: PASSWORD, "password-verify": PASSWORD };
    for (const action of ["complete", "execute", "cancel", "prev", "next"]) {
      await alice.request(command(node, submit(id, form, action)), refused("c", "forbidden"));
    }
    // Another device of the same person has not begun it.
    await second.request(command(node, submit(id, form)), refused("c", "bad-request"));
    // An address that is not one's own ends the stream or is not heard.
    const spoofed = command(node, submit(id, form)).replace("<iq ", `<iq from='${boss.jid}' `);
    alice.send(spoofed);
    await alice.streamError("invalid-from");
    // The same name at another host is somebody else.
    const b = await login(server, "boss", { domain: "b.example" });
    await b.request(command(node, "/>", "b.example"), refused("c", "forbidden"));
    await b.request(command(node), refused("c", "forbidden"));
    // What was begun at one host is nothing at another.
    await boss.request(command(node, submit(id, form), "b.example"), refused("c", "bad-request"));
    const far = { ...form, accountjid: "x@b.example" };
    await boss.request(command(node, submit(id, far)), refused("c", "item-not-found"));
    await boss.request(command(node, submit(id, form)), "<iq type='result' id='c'/>");
    assert.deepEqual((await names(server)).includes("x"), true);
  }));

Deno.test("who is no administrator any more does not finish what was begun", () =>
  withServer(SETTINGS, {}, async (server) => {
    const boss = await login(server, "boss");
    const node = `${ADMIN}#delete-user`;
    await server.addUser("x@localhost", PASSWORD);
    const id = await begin(boss, node);
    handle(server).command({
      node: "who",
      name: "Who",
      for: "user",
      fields: [{ var: "a", type: "text-single" }],
      run: (_, { isAdmin }) => isAdmin ? "an administrator" : "a user",
    });
    const other = await begin(boss, "who");
    const inner = server.inner as unknown as { config: { admins: readonly string[] } };
    const before = inner.config;
    inner.config = { ...before, admins: [] };
    await boss.request(
      command(node, submit(id, { accountjids: "x@localhost" })),
      refused("c", "forbidden"),
    );
    await boss.request(
      command("who", submit(other, {})),
      `<iq type='result' id='c'><command xmlns='${COMMANDS}'><note>a user</note></command></iq>`,
    );
    inner.config = before;
    assert.equal(await server.host().hooks.ask(accountExists, parseJid("x@localhost")!), true);
  }));

Deno.test("an owner's command is at the own address alone; no address is the own one", () =>
  withServer(SETTINGS, {}, async (server) => {
    handle(server).command({
      node: "own",
      name: "Own",
      for: "owner",
      fields: [{ var: "a", type: "text-single" }],
      run: ({ a }, { to }) => `${to.bare} ${a}`,
    });
    const alice = await login(server, "alice");
    const boss = await login(server, "boss");
    const id = await begin(alice, "own", "");
    await boss.request(
      command("own", submit(id, { a: "1" }), "alice@localhost"),
      refused("c", "forbidden"),
    );
    await boss.request(
      command("own", submit(id, { a: "1" }), "boss@localhost"),
      refused("c", "bad-request"),
    );
    await alice.request(command("own"), refused("c", "item-not-found"));
    await alice.request(
      command("own", submit(id, { a: "1" }), "alice@localhost"),
      `<iq type='result' id='c'>
      <command xmlns='${COMMANDS}'><note>alice@localhost 1</note></command></iq>`,
    );
  }));

Deno.test("a form sent ten times at once is taken once; a client that goes leaves nothing", () =>
  withServer(
    { ...SETTINGS, modules: { adhoc: { sessions: 20, sessions_per_user: 5 } } },
    {},
    async (server) => {
      let runs = 0;
      const page = commandPage({
        fields: [{ var: "a", type: "text-single" }],
        check: () => new Promise<void>((done) => setTimeout(done, 20)),
      });
      handle(server).command({
        node: "slow",
        name: "Slow",
        for: "user",
        pages: [page, page],
        async run() {
          runs++;
          await new Promise((done) => setTimeout(done, 20));
        },
      });
      const alice = await login(server, "alice");
      const id = await begin(alice, "slow");
      alice.send(command("slow", submit(id, { a: "1" }, "next")));
      for (let i = 0; i < 10; i++) alice.send(command("slow", submit(id, { a: "1" })));
      await alice.eventually(
        `<iq type='result' id='c'><command xmlns='${COMMANDS}' status='completed'/></iq>`,
      );
      await alice.sync();
      assert.equal(runs, 1);
      for (let i = 0; i < 200; i++) alice.send(command("slow"));
      await alice.sync();
      alice.skip();
      // Five of them are left, so others still find room, and as many people as there is room for.
      for (const name of ["b", "c", "d"]) {
        const client = await login(server, name);
        for (let i = 0; i < 5; i++) await begin(client, "slow");
      }
      const late = await login(server, "e");
      await late.request(command("slow"), refused("c", "resource-constraint"));
      alice.send(command("slow"));
      alice.cut();
      await new Promise((done) => setTimeout(done, 100));
      for (let i = 0; i < 5; i++) await begin(late, "slow");
    },
  ));

Deno.test("forms beyond reason", () =>
  withServer(SETTINGS, {}, async (server) => {
    const boss = await login(server, "boss");
    const node = `${ADMIN}#delete-user`;
    const id = await begin(boss, node);
    const post = (form: string) =>
      command(node, ` sessionid='${id}'><x xmlns='${FORMS}' type='submit'>${form}</x></command>`);
    const values = Array.from({ length: 3000 }, (_, i) => `<value>u${i}@localhost</value>`);
    await boss.request(
      post(`<field var='accountjids'>${values.join("")}</field>`),
      refused("c", "item-not-found"),
    );
    const fields = Array.from({ length: 1500 }, (_, i) => `<field var='f${i}'/>`);
    for (
      const form of [
        fields.join(""),
        "<field var='__proto__'><value>boss@localhost</value></field>",
        "<field var='accountjids'><value>@@</value></field>",
        "<field var='accountjids' type='fixed'/>",
        "<field/><field type='hidden'/>",
      ]
    ) {
      await boss.request(post(form), refused("c", "bad-request"));
    }
    await boss.request(
      post("<field var='accountjids'><value>boss@localhost</value></field>"),
      refused("c", "not-allowed"),
    );
    await boss.request(
      command(node, ` sessionid='${"x".repeat(100_000)}'/>`),
      refused("c", "bad-request"),
    );
    await boss.request(
      command(node, ` sessionid='${id}' action='cancel'/>`),
      "<iq type='result' id='c'/>",
    );
  }));

Deno.test("of restarts and shutdowns only the last counts, at whatever host it was asked for", async () => {
  const hosts = { localhost: {}, "b.example": {} };
  const admins = ["boss@localhost"];
  await withServer({ admins, hosts }, {}, async (server) => {
    const ends: string[] = [];
    server.inner.control = { stop: () => ends.push("stop"), restart: () => ends.push("restart") };
    const boss = await login(server, "boss");
    const ask = async (word: string, to: string) => {
      const id = await begin(boss, `${ADMIN}#${word}`, to);
      await boss.request(
        command(`${ADMIN}#${word}`, submit(id, { delay: "0" }), to),
        "<iq type='result' id='c'/>",
      );
    };
    await ask("shutdown", "localhost");
    await ask("shutdown", "b.example");
    await ask("restart", "localhost");
    await ask("restart", "b.example");
    await new Promise((done) => setTimeout(done, 2500));
    assert.deepEqual(ends, ["restart"]);
  });
});

// ---- removal ----

Deno.test("an account that is removed while one of its sessions is hibernated", () =>
  withServer({ ...SETTINGS, modules: { register: true } }, {}, async (server) => {
    const first = await plainLogin(server, "alice");
    const id = await enable(first);
    first.send("<presence/>");
    const second = await plainLogin(server, "alice");
    first.cut();
    await new Promise((done) => setTimeout(done, 50));
    const bob = await login(server, "bob");
    bob.send(`<message to='${first.jid}' type='chat' id='m'><body>to nobody</body></message>`);
    await bob.sync();
    second.send(`<iq type='set' id='r'><query xmlns='${REGISTER}'><remove/></query></iq>`);
    await second.receives("<iq type='result' id='r'/>");
    second.cut();
    const jid = ALICE;
    const { hooks } = server.host();
    const password = "password of alice";
    for (let i = 0; await hooks.ask(createAccount, jid, password) !== "created"; i++) {
      assert(i < 100);
      await new Promise((done) => setTimeout(done, 20));
    }
    assert.equal(server.host().account(jid), undefined);
    // The successor of the name gets neither the session nor what was sent to it.
    const successor = await resuming(server, "alice", id, 0);
    await successor.receives(`<failed xmlns='${SM}'/>`);
    await successor.bind();
    successor.send("<presence/>");
    await successor.sync();
    assert(!successor.transcript.some((line) => line.includes("to nobody")));
    const { db } = server.inner.store;
    for (const { name } of await db.introspection.getTables()) {
      const rows = await db.selectFrom(name).selectAll().execute();
      // What bob has in his archive is his.
      const found = rows.map((row) => JSON.stringify(row)).filter((row) =>
        row.includes("to nobody") && !row.includes('"peer":"alice@localhost"')
      );
      assert.deepEqual(found, [], name);
    }
  }));

Deno.test("a token's result for both, whatever they have been to each other", () =>
  invited({}, {}, async (server) => {
    const { hooks } = server.host();
    const alice = await online(server, "alice");
    const say = async (who: TestClient, type: string, to: string, inside = "") => {
      who.send(`<presence type='${type}' to='${to}@localhost'>${inside}</presence>`);
      await who.sync();
    };
    const of = async (whose: string, whom: string) => {
      const roster = await hooks.ask(rosterGet, parseJid(`${whose}@localhost`)!);
      const item = roster!.items.get(`${whom}@localhost`);
      if (item === undefined) return "none";
      const flags = [item.ask && "ask", item.pendingIn !== undefined && "pending"];
      return [item.subscription, ...flags].filter((x) => x !== false).join(" ");
    };
    const cases: [string, (bob: TestClient, name: string) => Promise<void>, string, string][] = [
      ["strangers", async () => {}, "from ask", "to pending"],
      ["approves", (bob) => say(bob, "subscribed", "alice"), "both", "both"],
      ["asked", (bob) => say(bob, "subscribe", "alice"), "from ask", "to pending"],
      ["wanted", (_, name) => say(alice, "subscribe", name), "from ask", "to pending"],
      [
        "watched",
        async (bob, name) => {
          await say(alice, "subscribe", name);
          await say(bob, "subscribed", "alice");
        },
        "both",
        "both",
      ],
      ["expected", (_, name) => say(alice, "subscribed", name), "from ask", "to pending"],
    ];
    for (const [name, before, hers, his] of cases) {
      const bob = await online(server, name);
      await before(bob, name);
      // Also one that would make an account.
      const { token } = await invite(server, { contact: ALICE });
      await say(bob, "subscribe", "alice", `<preauth xmlns='${PARS}' token='${token}'/>`);
      await alice.sync();
      assert.equal(await of("alice", name), hers, `${name}: alice`);
      assert.equal(await of(name, "alice"), his, `${name}: the other`);
      if (his === "to pending") await say(bob, "subscribed", "alice");
      await alice.sync();
      assert.deepEqual([await of("alice", name), await of(name, "alice")], ["both", "both"]);
      bob.skip();
    }
    assert.deepEqual(await hooks.ask(listInvitations), []);
    // Whom she has blocked gets nothing by it, and uses nothing up.
    await alice.request(
      `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='mallory@localhost'/></block></iq>`,
      "<iq type='result' id='b'/>",
    );
    const mallory = await online(server, "mallory");
    const { token } = await invite(server, { contact: ALICE });
    await say(mallory, "subscribe", "alice", `<preauth xmlns='${PARS}' token='${token}'/>`);
    assert.equal(await of("alice", "mallory"), "none");
    assert.equal((await hooks.ask(listInvitations))!.length, 1);
  }));

Deno.test("an account that is removed by its own hibernated client, which never hears of it", () =>
  withServer({ ...SETTINGS, modules: { register: true } }, {}, async (server) => {
    const alice = await plainLogin(server, "alice");
    const id = await enable(alice);
    alice.send(`<iq type='set' id='r'><query xmlns='${REGISTER}'><remove/></query></iq>`);
    await new Promise((done) => setTimeout(done, 5));
    alice.cut();
    await new Promise((done) => setTimeout(done, 300));
    assert.equal(await server.host().hooks.ask(accountExists, ALICE) ?? false, false);
    assert.equal(server.host().account(ALICE), undefined);
    const client = await connect(server, { tls: "direct" });
    await client.open();
    await assert.rejects(() => authenticate(client, "alice", "password of alice", "PLAIN"));
    assert(id.length > 0);
  }));

Deno.test("an account that goes while somebody registers with its invitation", () =>
  invited({}, {}, async (server) => {
    await server.addUser("alice@localhost", PASSWORD);
    const { token } = await invite(server, { contact: ALICE });
    const { promise: slow, resolve } = Promise.withResolvers<void>();
    handle(server).on(createAccount, async (account) => {
      if (account.node === "slow") await slow;
      return undefined;
    }, { priority: 1000 });
    const client = await stranger(server, token);
    client.send(registration("slow"));
    await new Promise((done) => setTimeout(done, 50));
    await server.host().hooks.ask(deleteAccount, ALICE);
    resolve();
    await client.receives("<iq type='result' id='r'/>");
    const { db } = server.inner.store;
    for (const { name } of await db.introspection.getTables()) {
      if (!name.startsWith("roster")) continue;
      const rows = await db.selectFrom(name).selectAll().execute();
      assert.deepEqual(rows.filter((row) => JSON.stringify(row).includes("alice")), []);
    }
  }));
