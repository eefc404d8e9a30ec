/** XEP-0401, XEP-0379 and XEP-0445: invitations. */

import assert from "node:assert/strict";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import {
  createInvitation,
  type InvitationRequest,
  listInvitations,
  type NewInvitation,
  revokeInvitation,
} from "../../lib/hooks/invitations.ts";
import { deleteAccount, setAccountEnabled } from "../../lib/hooks/accounts.ts";
import { StanzaError } from "../../lib/errors.ts";
import { parseJid } from "../../lib/jid.ts";

const NS = "http://jabber.org/protocol/commands";
const FORMS = "jabber:x:data";
const ITEMS = "http://jabber.org/protocol/disco#items";
const REGISTER = "jabber:iq:register";
const PARS = "urn:xmpp:pars:0";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const HOUR_MS = 3_600_000;

const MODULES = [
  "adhoc",
  "auth",
  "disco",
  "invites",
  "ping",
  "presence",
  "register",
  "roster",
];

/** By invitation only. */
function settings(invites: Table = {}, register: Table = {}, more: Table = {}): Table {
  return {
    admins: ["boss@localhost"],
    listen: { http: [] },
    modules: { register: { enabled: true, allowed: false, ...register }, invites },
    ...more,
  };
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

const ALICE = parseJid("alice@localhost")!;

function preauth(token: string): string {
  return `<iq type='set' id='p' to='localhost'><preauth xmlns='${PARS}' token='${token}'/></iq>`;
}

function registration(name: string, password = "a good password"): string {
  return `<iq type='set' id='r'><query xmlns='${REGISTER}'><username>${name}</username>
    <password>${password}</password></query></iq>`;
}

const ACCEPTED = "<iq type='result' id='p' from='{absent}'/>";
const MADE = "<iq type='result' id='r'/>";

function refused(id: string, condition: string): string {
  return `<iq type='error' id='${id}'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

async function stranger(server: TestServer): Promise<TestClient> {
  const client = await connect(server, { tls: "direct" });
  await client.open();
  return client;
}

async function tryLogin(server: TestServer, name: string): Promise<boolean> {
  const client = await stranger(server);
  try {
    await authenticate(client, name, "a good password", "PLAIN");
    return true;
  } catch {
    return false;
  } finally {
    client.cut();
  }
}

/** A client of an account that was made just now. */
async function arrives(server: TestServer, name: string): Promise<TestClient> {
  const client = await stranger(server);
  await authenticate(client, name, "a good password", "PLAIN");
  await client.open();
  await client.bind();
  return client;
}

function command(node: string, rest = "/>"): string {
  return `<iq type='set' id='c' to='localhost'><command xmlns='${NS}'
    node='urn:xmpp:invite#${node}'${rest}</iq>`;
}

function invitation(uri: string): string {
  return `<iq type='result' id='c'><command xmlns='${NS}' status='completed'>
    <x xmlns='${FORMS}' type='result'>
      <field var='FORM_TYPE'><value>urn:xmpp:invite#invitation</value></field>
      <field var='uri'><value>${uri}</value></field>
      <field var='expire'><value>{expire}</value></field></x></command></iq>`;
}

Deno.test("an invited person registers, once (XEP-0445 §4)", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const { token, uri, url } = await invite(server);
    assert.equal(uri, `xmpp:localhost?register;preauth=${token}`);
    assert.equal(url, undefined);
    assert.match(token, /^[A-Za-z0-9]{24}$/);
    const juliet = await stranger(server);
    for (const ns of ["urn:xmpp:ibr-token:0", "http://jabber.org/features/iq-register"]) {
      assert(juliet.last.toString().includes(ns), ns);
    }
    juliet.send(registration("juliet"));
    await juliet.receives(refused("r", "not-allowed"));
    juliet.send(preauth("A".repeat(24)));
    await juliet.receives(refused("p", "item-not-found"));
    juliet.send(preauth(token));
    await juliet.receives(ACCEPTED);
    juliet.send(`<iq type='get' id='r'><query xmlns='${REGISTER}'/></iq>`);
    await juliet.receives(
      `<iq type='result' id='r'><query xmlns='${REGISTER}'><username>{empty}</username></query></iq>`,
    );
    // What fails does not use it up.
    await server.addUser("romeo@localhost", "password of romeo");
    juliet.send(registration("romeo"));
    await juliet.receives(refused("r", "conflict"));
    juliet.send(registration("juliet", "short"));
    await juliet.receives(refused("r", "not-acceptable"));
    const other = await stranger(server);
    other.send(preauth(token));
    await other.receives(ACCEPTED);
    juliet.send(registration("juliet"));
    await juliet.receives(MADE);
    assert(await tryLogin(server, "juliet"));
    // It was shown in time, but is used up.
    other.send(registration("tybalt"));
    await other.receives(refused("r", "not-allowed"));
    other.send(preauth(token));
    await other.receives(refused("p", "item-not-found"));
    juliet.send(registration("nurse"));
    await juliet.receives(refused("r", "not-allowed"));
    assert.deepEqual(await server.host().hooks.ask(listInvitations), []);
  }));

Deno.test("an invitation for a name is for no other, and keeps the name (§5)", () =>
  withServer(settings({}, { allowed: true }), { modules: MODULES }, async (server) => {
    const { token, uri } = await invite(server, { username: "Juliet" });
    assert.equal(uri, `xmpp:juliet@localhost?register;preauth=${token}`);
    const anybody = await stranger(server);
    anybody.send(registration("juliet"));
    await anybody.receives(refused("r", "conflict"));
    const juliet = await stranger(server);
    juliet.send(preauth(token));
    await juliet.receives(ACCEPTED);
    juliet.send(`<iq type='get' id='r'><query xmlns='${REGISTER}'/></iq>`);
    await juliet.receives(
      `<iq type='result' id='r'><query xmlns='${REGISTER}'><username>juliet</username></query></iq>`,
    );
    juliet.send(registration("tybalt"));
    await juliet.receives(refused("r", "not-acceptable"));
    juliet.send(registration("juliet"));
    await juliet.receives(MADE);
    await assert.rejects(
      () => invite(server, { username: "juliet" }),
      (e: StanzaError) => e.condition === "conflict",
    );
  }));

Deno.test("an invitation lasts so long, and is checked when it is shown (§4)", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const { token } = await invite(server, { lifetime: HOUR_MS });
    const early = await stranger(server);
    early.send(preauth(token));
    await early.receives(ACCEPTED);
    const { now } = Date;
    Date.now = () => now() + HOUR_MS + 1;
    try {
      const late = await stranger(server);
      late.send(preauth(token));
      await late.receives(refused("p", "item-not-found"));
      early.send(registration("juliet"));
      await early.receives(MADE);
    } finally {
      Date.now = now;
    }
  }));

Deno.test("who was disabled lets nobody in, and a name that nobody may take is given away", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const { hooks } = server.host();
    await server.addUser("alice@localhost", "password of alice");
    const tokens = [
      (await invite(server, { contact: ALICE })).token,
      (await invite(server, { by: ALICE.bare })).token,
    ];
    await hooks.ask(setAccountEnabled, ALICE, false);
    const client = await stranger(server);
    for (const token of tokens) {
      client.send(preauth(token));
      await client.receives(refused("p", "item-not-found"));
    }
    await hooks.ask(setAccountEnabled, ALICE, true);
    client.send(preauth(tokens[0]!));
    await client.receives(ACCEPTED);
    client.send(registration("support"));
    await client.receives(refused("r", "not-acceptable"));
    client.send(preauth((await invite(server, { username: "support" })).token));
    await client.receives(ACCEPTED);
    client.send(registration("support"));
    await client.receives(MADE);
  }));

Deno.test("several uses, limits, and invitations that make no sense", () =>
  withServer(settings({ uses: 2 }), { modules: MODULES }, async (server) => {
    const { token } = await invite(server, { uses: 2 });
    for (const name of ["one", "two", "three"]) {
      const client = await stranger(server);
      client.send(preauth(token));
      await client.receives(name === "three" ? refused("p", "item-not-found") : ACCEPTED);
      if (name === "three") break;
      client.send(registration(name));
      await client.receives(MADE);
    }
    const wrong: [Partial<InvitationRequest>, string][] = [
      [{ uses: 3 }, "not-acceptable"],
      [{ uses: 0 }, "not-acceptable"],
      [{ username: "a", uses: 2 }, "not-acceptable"],
      [{ username: "a b" }, "not-acceptable"],
      [{ username: "boss" }, "not-acceptable"],
      [{ username: "one" }, "conflict"],
      [{ lifetime: 0 }, "not-acceptable"],
      [{ lifetime: 3651 * 24 * HOUR_MS }, "not-acceptable"],
      [{ lifetime: NaN }, "not-acceptable"],
      [{ register: false }, "bad-request"],
      [{ contact: ALICE }, "item-not-found"],
    ];
    for (const [request, condition] of wrong) {
      await assert.rejects(
        () => invite(server, request),
        (e: StanzaError) => e.condition === condition,
        JSON.stringify(request),
      );
    }
  }));

Deno.test("who registers and who has invited are contacts (XEP-0401 §5.5)", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const alice = await online(server, "alice");
    await alice.request(
      "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>",
      "<iq type='result' id='g'/>",
    );
    const { token, uri } = await invite(server, { contact: ALICE });
    assert.equal(uri, `xmpp:alice@localhost?roster;preauth=${token};ibr=y`);
    const juliet = await stranger(server);
    juliet.send(preauth(token));
    await juliet.receives(ACCEPTED);
    juliet.send(registration("juliet"));
    await juliet.receives(MADE);
    const item = (jid: string) => `<item jid='${jid}' subscription='both' ask='{absent}'/>`;
    await alice.receives(
      `<iq type='set'><query xmlns='jabber:iq:roster'>${item("juliet@localhost")}</query></iq>`,
    );
    const arrived = await arrives(server, "juliet");
    await arrived.request(
      "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>",
      `<iq type='result' id='g'><query xmlns='jabber:iq:roster'>${item(ALICE.bare)}</query></iq>`,
    );
    arrived.send("<presence/>");
    await alice.receives("<presence from='juliet@localhost/{any}'/>");
    await arrived.receivesAll(
      "<presence from='juliet@localhost/{any}'/>",
      "<presence from='alice@localhost/{any}'/>",
    );
  }));

Deno.test("a token approves a request, once, and asks in turn (XEP-0379 §3.5)", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const alice = await online(server, "alice");
    const { token, uri } = await invite(server, { contact: ALICE, register: false });
    assert.equal(uri, `xmpp:alice@localhost?roster;preauth=${token}`);
    const subscribe = (code: string) =>
      `<presence type='subscribe' to='alice@localhost'><preauth xmlns='${PARS}' token='${code}'/></presence>`;
    const roster = "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>";

    // A wrong one is as none (§4.1).
    const mallory = await online(server, "mallory");
    mallory.send(subscribe("A".repeat(24)));
    await alice.receives("<presence type='subscribe' from='mallory@localhost'/>");

    const juliet = await online(server, "juliet");
    juliet.send("<presence type='subscribed' to='alice@localhost'/>" + subscribe(token));
    await juliet.eventually("<presence from='alice@localhost/{any}'/>");
    await alice.eventually("<presence from='juliet@localhost/{any}'/>");
    const both = (jid: string) =>
      `<iq type='result' id='g'><query xmlns='jabber:iq:roster'>
        <item jid='${jid}' subscription='both' ask='{absent}'/></query></iq>`;
    await juliet.request(roster, both("alice@localhost"));
    await alice.request(roster, both("juliet@localhost"));

    // Used up.
    const romeo = await online(server, "romeo");
    alice.skip();
    romeo.send(subscribe(token));
    await alice.receives("<presence type='subscribe' from='romeo@localhost'/>");

    // Who has waited for an answer already gets it.
    const second = await invite(server, { contact: ALICE, register: false });
    romeo.send(subscribe(second.token));
    await romeo.eventually("<presence from='alice@localhost/{any}'/>");
    // Who is a contact already uses none up.
    const unused = await invite(server, { contact: ALICE, register: false });
    romeo.send(subscribe(unused.token));
    await romeo.sync();
    assert.equal(await server.host().hooks.ask(revokeInvitation, unused.id), true);
    // Somebody else's is no good.
    await server.addUser("bob@localhost", "password of bob");
    const third = await invite(server, { contact: parseJid("bob@localhost")!, register: false });
    const tybalt = await online(server, "tybalt");
    tybalt.send(subscribe(third.token));
    await alice.eventually("<presence type='subscribe' from='tybalt@localhost'/>");
    assert.equal((await server.host().hooks.ask(listInvitations))!.length, 1);
    // One for contacts makes no account.
    const client = await stranger(server);
    client.send(preauth(third.token));
    await client.receives(refused("p", "item-not-found"));
  }));

Deno.test("users invite contacts, administrators accounts (XEP-0401 §5)", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const nodes = async (client: TestClient) => {
      await client.request(
        `<iq type='get' id='d' to='localhost'><query xmlns='${ITEMS}' node='${NS}'/></iq>`,
        "<iq type='result' id='d'/>",
      );
      const all = client.last.elements()[0]!.elements().map((i) => i.attrs.node!);
      return all.filter((node) => node.startsWith("urn:xmpp:invite"));
    };
    const alice = await login(server, "alice");
    const boss = await login(server, "boss");
    assert.deepEqual(await nodes(alice), ["urn:xmpp:invite#invite"]);
    assert.deepEqual(await nodes(boss), [
      "urn:xmpp:invite#invite",
      "urn:xmpp:invite#create-account",
    ]);
    const { expire, token } = await alice.request(
      command("invite"),
      invitation("xmpp:alice@localhost?roster;preauth={token}"),
    );
    assert.match(token!, /^[A-Za-z0-9]{24}$/);
    assert(Math.abs(Date.parse(expire!) - Date.now() - 7 * 24 * HOUR_MS) < 60_000);
    await boss.request(
      command("invite"),
      invitation("xmpp:boss@localhost?roster;preauth={token};ibr=y"),
    );
    await alice.request(command("create-account"), refused("c", "forbidden"));
    const { id } = await boss.request(
      command("create-account"),
      `<iq type='result' id='c'><command xmlns='${NS}' sessionid='{id}' status='executing'>
        <actions execute='complete'><complete/></actions><x xmlns='${FORMS}' type='form'>
        <field var='username' type='text-single'/>
        <field var='roster-subscription' type='boolean'/></x></command></iq>`,
    );
    const filled = ` sessionid='${id}'><x xmlns='${FORMS}' type='submit'>
      <field var='username'><value>juliet</value></field></x></command>`;
    await boss.request(
      command("create-account", filled),
      invitation("xmpp:juliet@localhost?register;preauth={token}"),
    );
  }));

Deno.test("as configured: users' invitations for accounts, a limit of them, or none at all", async () => {
  await withServer(
    settings({ accounts: true, per_account: 2 }),
    { modules: MODULES },
    async (server) => {
      const alice = await login(server, "alice");
      const good = invitation("xmpp:alice@localhost?roster;preauth={token};ibr=y");
      await alice.request(command("invite"), good);
      await alice.request(command("invite"), good);
      await alice.request(command("invite"), refused("c", "resource-constraint"));
    },
  );
  await withServer(settings({ contacts: false }), { modules: MODULES }, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(command("invite"), refused("c", "forbidden"));
  });
  // Without the rules for registration nobody registers.
  await withServer({ modules: { invites: { accounts: true }, register: false } }, {
    modules: MODULES,
  }, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      command("invite"),
      invitation("xmpp:alice@localhost?roster;preauth={token}"),
    );
    const client = await stranger(server);
    assert(!client.last.toString().includes("urn:xmpp:ibr-token:0"));
  });
});

Deno.test("they are taken back, swept, and go with the account", () =>
  withServer(settings(), { modules: MODULES }, async (server) => {
    const { hooks } = server.host();
    const { db } = server.inner.store;
    const rows = async () => (await db.selectFrom("invitations").selectAll().execute()).length;
    const { id, token } = await invite(server);
    assert(
      !JSON.stringify(await db.selectFrom("invitations").selectAll().execute()).includes(token),
    );
    assert.equal(await hooks.ask(revokeInvitation, id), true);
    assert.equal(await hooks.ask(revokeInvitation, id), undefined);
    const client = await stranger(server);
    client.send(preauth(token));
    await client.receives(refused("p", "item-not-found"));
    await server.addUser("alice@localhost", "password of alice");
    await invite(server, { contact: ALICE });
    await invite(server, { by: "alice@localhost" });
    const kept = await invite(server);
    await hooks.ask(deleteAccount, ALICE);
    const left = await hooks.ask(listInvitations);
    assert.deepEqual(left!.map((i) => i.id), [kept.id]);
    await db.updateTable("invitations").set({ expires: 1 }).execute();
    assert.equal(await rows(), 1);
    assert.deepEqual(await hooks.ask(listInvitations), []);
  }));
