/** XEP-0133: Service Administration. */

import assert from "node:assert/strict";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";

const NS = "http://jabber.org/protocol/commands";
const ADMIN = "http://jabber.org/protocol/admin";
const FORMS = "jabber:x:data";
const ITEMS = "http://jabber.org/protocol/disco#items";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

const ADMINS: Table = { admins: ["boss@localhost", "chief@localhost"] };

const NODES = [
  "add-user",
  "delete-user",
  "disable-user",
  "reenable-user",
  "change-user-password",
  "end-user-session",
  "get-user-roster",
  "get-user-lastlogin",
  "user-stats",
  ...["registered", "disabled", "online", "active", "idle"].flatMap((word) => [
    `get-${word}-users-num`,
    /active|idle/.test(word) ? `get-${word}-users` : `get-${word}-users-list`,
  ]),
  "announce",
  "set-motd",
  "set-welcome",
];

type Fields = Record<string, string | readonly string[]>;

function submission(fields: Fields): string {
  const all = Object.entries({ FORM_TYPE: ADMIN, ...fields }).map(([name, value]) =>
    `<field var='${name}'>${
      [value].flat().map((text) => `<value>${text}</value>`).join("")
    }</field>`
  );
  return `<x xmlns='${FORMS}' type='submit'>${all.join("")}</x>`;
}

function request(node: string, rest = "/>"): string {
  return `<iq type='set' id='a' to='localhost'><command xmlns='${NS}' node='${ADMIN}#${node}'${rest}</iq>`;
}

function completed(content = ""): string {
  return `<iq type='result' id='a'><command xmlns='${NS}' status='completed'>${content}</command></iq>`;
}

function result(name: string, ...values: string[]): string {
  const field = `<field var='${name}'>${
    values.map((text) => `<value>${text}</value>`).join("")
  }{only}</field>`;
  return completed(`<x xmlns='${FORMS}' type='result'>${field}</x>`);
}

function refused(condition: string): string {
  return `<iq type='error' id='a'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** Fills in the form of a command; `pattern` is the answer. */
async function run(
  client: TestClient,
  node: string,
  fields: Fields,
  pattern = completed(),
): Promise<Record<string, string>> {
  const { id } = await client.request(
    request(node),
    `<iq type='result' id='a'><command xmlns='${NS}' sessionid='{id}' status='executing'>
      <x xmlns='${FORMS}' type='form'><field var='FORM_TYPE'><value>${ADMIN}</value></field></x>
    </command></iq>`,
  );
  return await client.request(
    request(node, ` sessionid='${id}'>${submission(fields)}</command>`),
    pattern,
  ) as Record<string, string>;
}

async function tryLogin(server: TestServer, name: string, password: string): Promise<string> {
  const client = await connect(server, { tls: "direct" });
  try {
    await client.open();
    await authenticate(client, name, password, "PLAIN");
    return "success";
  } catch {
    return client.last.elements()[0]?.name ?? "nothing";
  } finally {
    client.cut();
  }
}

Deno.test("only administrators see the commands, and only they run them (§6)", () =>
  withServer(ADMINS, {}, async (server) => {
    const list = `<iq type='get' id='a' to='localhost'><query xmlns='${ITEMS}' node='${NS}'/></iq>`;
    const shown = async (client: TestClient) => {
      await client.request(list, "<iq type='result' id='a'/>");
      const nodes = client.last.elements()[0]!.elements().map((i) => i.attrs.node!);
      return nodes.filter((node) => node.startsWith(ADMIN)).map((node) => node.split("#")[1]);
    };
    const boss = await login(server, "boss");
    const alice = await login(server, "alice");
    assert.deepEqual((await shown(boss)).sort(), [...NODES].sort());
    assert.deepEqual(await shown(alice), []);
    for (const node of [...NODES, "edit-motd", "delete-motd", "restart", "shutdown"]) {
      await alice.request(request(node), refused("forbidden"));
      const made = ` sessionid='made.up'>${submission({ accountjid: "x@localhost" })}</command>`;
      await alice.request(request(node, made), refused("forbidden"));
    }
    // An address that only looks like an administrator's.
    const other = await login(server, "boss.localhost");
    await other.request(request("add-user"), refused("forbidden"));
    assert.equal(await tryLogin(server, "x", "a good password"), "not-authorized");
  }));

Deno.test("nobody takes the name of an administrator who has no account yet", () =>
  withServer(
    { ...ADMINS, modules: { register: { enabled: true } } },
    {},
    async (server) => {
      const client = await connect(server);
      await client.open();
      await client.upgrade();
      client.send(
        `<iq type='set' id='a'><query xmlns='jabber:iq:register'><username>boss</username>
          <password>a good password</password></query></iq>`,
      );
      await client.receives(refused("not-acceptable"));
    },
  ));

Deno.test("accounts are added, disabled, enabled, and deleted (§4.1 to §4.4)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await login(server, "boss");
    const password = "a good password";
    const add = { accountjid: "juliet@localhost", password, "password-verify": password };
    await run(
      boss,
      "add-user",
      { ...add, "password-verify": "another" },
      refused("not-acceptable"),
    );
    await run(
      boss,
      "add-user",
      { ...add, accountjid: "a@else.example" },
      refused("item-not-found"),
    );
    await run(boss, "add-user", add);
    await run(boss, "add-user", add, refused("conflict"));
    assert.equal(await tryLogin(server, "juliet", password), "success");

    const juliet = await login(server, "juliet", { password });
    const both = { accountjids: ["juliet@localhost", "nobody@localhost"] };
    await run(boss, "disable-user", both, refused("item-not-found"));
    await juliet.sync();
    await run(boss, "disable-user", { accountjids: "juliet@localhost" });
    await juliet.streamError("not-authorized");
    assert.equal(await tryLogin(server, "juliet", password), "account-disabled");
    await run(boss, "reenable-user", { accountjids: "juliet@localhost" });
    assert.equal(await tryLogin(server, "juliet", password), "success");

    await run(boss, "change-user-password", {
      accountjid: "juliet@localhost",
      password: "a better password",
    });
    assert.equal(await tryLogin(server, "juliet", password), "not-authorized");
    assert.equal(await tryLogin(server, "juliet", "a better password"), "success");

    await run(boss, "delete-user", both, refused("item-not-found"));
    assert.equal(await tryLogin(server, "juliet", "a better password"), "success");
    await run(boss, "delete-user", { accountjids: "juliet@localhost" });
    assert.equal(await tryLogin(server, "juliet", "a better password"), "not-authorized");
  }));

Deno.test("administrators are not deleted, disabled or taken over", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await login(server, "boss");
    await login(server, "chief");
    await login(server, "alice");
    for (const name of ["boss", "chief"]) {
      const accountjids = ["alice@localhost", `${name}@localhost`];
      await run(boss, "delete-user", { accountjids }, refused("not-allowed"));
      await run(boss, "disable-user", { accountjids }, refused("not-allowed"));
    }
    const password = "mine from now on";
    const change = (accountjid: string, pattern?: string) =>
      run(boss, "change-user-password", { accountjid, password }, pattern);
    await change("chief@localhost", refused("not-allowed"));
    await change("boss@localhost");
    assert.equal(await tryLogin(server, "boss", password), "success");
    assert.equal(await tryLogin(server, "alice", "password of alice"), "success");
  }));

Deno.test("sessions are ended, one or all of an account (§4.5)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await login(server, "boss");
    const one = await login(server, "alice", { resource: "one" });
    const two = await login(server, "alice", { resource: "two" });
    const three = await login(server, "alice", { resource: "three" });
    const end = (accountjids: string, pattern?: string) =>
      run(boss, "end-user-session", { accountjids }, pattern);
    await end("alice@localhost/none", refused("item-not-found"));
    await end("bob@localhost", refused("item-not-found"));
    await end("alice@localhost/one");
    await one.streamError("policy-violation");
    await two.sync();
    await end("alice@localhost");
    await two.streamError("policy-violation");
    await three.streamError("policy-violation");
    assert.equal(await tryLogin(server, "alice", "password of alice"), "success");
    // Who ends the own session is told.
    await end("boss@localhost");
    await boss.streamError("policy-violation");
  }));

Deno.test("what is known of an account (§4.8 to §4.10)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await login(server, "boss");
    const alice = await login(server, "alice", { resource: "balcony" });
    await alice.request(
      `<iq type='set' id='r'><query xmlns='jabber:iq:roster'>
        <item jid='bob@localhost' name='Bob'><group>Friends</group></item></query></iq>`,
      "<iq type='result' id='r'/>",
    );
    await server.addUser("bob@localhost", "password of bob");
    await run(
      boss,
      "get-user-roster",
      { accountjids: "alice@localhost" },
      completed(
        `<x xmlns='${FORMS}' type='result'><field var='accountjids'><value>alice@localhost</value>
        </field><query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bob'
        subscription='none'><group>Friends</group></item></query></x>`,
      ),
    );
    const many = ["alice@localhost", "bob@localhost"];
    await run(boss, "get-user-roster", { accountjids: many }, refused("not-acceptable"));
    const { time } = await run(
      boss,
      "get-user-lastlogin",
      { accountjids: "alice@localhost" },
      result("lastlogin", "{time}"),
    );
    assert(Math.abs(Date.parse(time!) - Date.now()) < 60_000);
    await run(
      boss,
      "get-user-lastlogin",
      { accountjids: "bob@localhost" },
      completed("<note type='info'>it has never logged in</note>"),
    );
    await run(
      boss,
      "user-stats",
      { accountjid: "alice@localhost" },
      completed(
        `<x xmlns='${FORMS}' type='result'>
          <field var='ipaddresses'><value>127.0.0.1</value></field>
          <field var='rostersize'><value>1</value></field>
          <field var='onlineresources'><value>balcony</value></field></x>`,
      ),
    );
    await run(boss, "user-stats", { accountjid: "nobody@localhost" }, refused("item-not-found"));
  }));

Deno.test("numbers and lists of users (§4.13 to §4.22)", () =>
  withServer(
    { ...ADMINS, modules: { admin: { list_items: 3, idle_after: "1s" } } },
    {},
    async (server) => {
      const boss = await login(server, "boss");
      for (const name of ["ann", "ben", "cid"]) {
        await server.addUser(`${name}@localhost`, `password of ${name}`);
      }
      await run(boss, "disable-user", { accountjids: "cid@localhost" });
      await login(server, "ann");
      const count = (word: string, n: string) =>
        boss.request(request(`get-${word}-users-num`), result(`${word}usersnum`, n));
      await count("registered", "4");
      await count("disabled", "1");
      await count("online", "2");
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await count("active", "1");
      await count("idle", "1");
      const list = (node: string, word: string, max_items: string, ...jids: string[]) =>
        run(boss, node, { max_items }, result(`${word}userjids`, ...jids));
      await list("get-disabled-users-list", "disabled", "25", "cid@localhost");
      await list("get-online-users-list", "online", "none", "ann@localhost", "boss@localhost");
      await list("get-active-users", "active", "25", "boss@localhost");
      await list("get-idle-users", "idle", "25", "ann@localhost");
      await run(
        boss,
        "get-registered-users-list",
        { max_items: "none" },
        completed("<note type='warn'>the first 3 of 4</note>"),
      );
      await run(boss, "get-registered-users-list", { max_items: "7" }, refused("bad-request"));
    },
  ));

Deno.test("announcements go to who is online (§4.23)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await online(server, "boss");
    const alice = await online(server, "alice");
    const bob = await login(server, "bob");
    const said = "<message type='headline' from='localhost'><body>Tea\nis ready</body></message>";
    await run(
      boss,
      "announce",
      { announcement: ["Tea", "is ready"] },
      completed("<note>sent to users: 2</note>"),
    );
    await alice.receives(said);
    await boss.receives(said);
    await bob.receivesNothing();
  }));

Deno.test("the message of the day is seen once by everybody (§4.24 to §4.26)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await login(server, "boss");
    let alice = await online(server, "alice");
    const motd = (text: string) => `<message type='headline'><body>${text}</body></message>`;
    await boss.request(request("edit-motd"), refused("forbidden"));
    await run(boss, "set-motd", { motd: "first" });
    await alice.receives(motd("first"));
    await alice.close();
    alice = await online(server, "alice");
    await alice.receivesNothing();
    const edited = await boss.request(
      request("edit-motd"),
      `<iq type='result' id='a'><command xmlns='${NS}' sessionid='{id}'><x xmlns='${FORMS}'>
        <field var='motd'><value>first</value></field></x></command></iq>`,
    );
    await boss.request(
      request("edit-motd", ` sessionid='${edited.id}'>${submission({ motd: "better" })}</command>`),
      completed(),
    );
    // Kept over a restart of the module.
    await server.inner.unloadModule(server.host(), "admin");
    await server.inner.loadModule(server.host(), "admin");
    await alice.close();
    alice = await login(server, "alice");
    alice.send("<presence/>");
    await alice.receives("<presence/>");
    await alice.receivesNothing();
    const bob = await login(server, "bob");
    bob.send("<presence/>");
    await bob.eventually(motd("better"));
    await run(boss, "set-motd", { motd: "second" });
    await alice.receives(motd("second"));
    await boss.request(request("delete-motd"), completed());
    const carol = await login(server, "carol");
    carol.send("<presence/>");
    await carol.receives("<presence/>");
    await carol.receivesNothing();
  }));

Deno.test("new accounts are welcomed at their first login (§4.27, §4.28)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await login(server, "boss");
    await server.addUser("old@localhost", "password of old");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await run(boss, "set-welcome", { welcome: "Come in" });
    const old = await login(server, "old");
    old.send("<presence/>");
    await old.receives("<presence/>");
    await old.receivesNothing();
    const fresh = await login(server, "fresh");
    fresh.send("<presence/>");
    await fresh.eventually("<message type='headline'><body>Come in</body></message>");
    fresh.send("<presence type='unavailable'/><presence/>");
    await fresh.close();
    const again = await login(server, "fresh");
    again.send("<presence/>");
    await again.receives("<presence/>");
    await again.receivesNothing();
    await boss.request(request("delete-welcome"), completed());
    await boss.request(request("delete-welcome"), refused("forbidden"));
  }));

Deno.test("restart and shutdown, announced (§4.30, §4.31)", () =>
  withServer(ADMINS, {}, async (server) => {
    const boss = await online(server, "boss");
    const done: string[] = [];
    server.inner.control = { stop: () => done.push("stop"), restart: () => done.push("restart") };
    await run(boss, "shutdown", { delay: "300", announcement: "Good night" });
    await boss.receives("<message type='headline'><body>Good night</body></message>");
    await run(boss, "restart", { delay: "0" });
    await new Promise((resolve) => setTimeout(resolve, 1600));
    assert.deepEqual(done, ["restart"]);
    await run(boss, "shutdown", { delay: "0" });
    await new Promise((resolve) => setTimeout(resolve, 1600));
    assert.deepEqual(done, ["restart", "stop"]);
    await run(boss, "shutdown", { delay: "17" }, refused("bad-request"));
  }));
