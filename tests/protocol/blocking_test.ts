/** XEP-0191: Blocking Command. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { isBlocked } from "../../lib/hooks/blocking.ts";
import { rosterGetItem } from "../../lib/hooks/roster.ts";
import { deliverRemote, stanzaFromClient, stanzaToAccount } from "../../lib/hooks/stanzas.ts";
import { blocklistGet } from "../../lib/hooks/storage.ts";
import { parseJid } from "../../lib/jid.ts";
import { message, presence } from "../../lib/stanza.ts";

const NS = "urn:xmpp:blocking";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function set(id: string, command: string, ...jids: string[]): string {
  const items = jids.map((jid) => `<item jid='${jid}'/>`).join("");
  return `<iq type='set' id='${id}'><${command} xmlns='${NS}'>${items}</${command}></iq>`;
}

function error(kind: string, condition: string, more = ""): string {
  return `<${kind} type='error'><error><${condition} xmlns='${STANZAS}'/>${more}</error></${kind}>`;
}

const NOT_ACCEPTABLE = (kind: string) =>
  error(kind, "not-acceptable", "<blocked xmlns='urn:xmpp:blocking:errors'/>");

async function command(client: TestClient, name: string, ...jids: string[]): Promise<void> {
  await client.request(set(name, name, ...jids), `<iq type='result' id='${name}'>{empty}</iq>`);
}

/** Makes two accounts see each other. */
async function befriend(server: TestServer, a: string, b: string): Promise<void> {
  const { hooks } = server.host();
  const { rosterSetItem } = await import("../../lib/hooks/roster.ts");
  for (const [me, other] of [[a, b], [b, a]]) {
    await hooks.ask(rosterSetItem, parseJid(`${me}@localhost`)!, {
      jid: `${other}@localhost`,
      name: "",
      subscription: "both",
      ask: false,
      approved: false,
      groups: [],
      pendingIn: undefined,
      listed: true,
    });
  }
}

Deno.test("a list is made, shown and emptied (§3.2 to §3.5)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      "<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      `<iq id='d'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='${NS}'/></query></iq>`,
    );
    const show = `<iq type='get' id='l'><blocklist xmlns='${NS}'/></iq>`;
    await alice.request(
      show,
      `<iq type='result' id='l'><blocklist xmlns='${NS}'>{empty}</blocklist></iq>`,
    );
    const other = await login(server, "alice"); // has not asked for the list: is told nothing
    await command(alice, "block", "Bob@Localhost", "example.org");
    await alice.receives(
      `<iq type='set'><block xmlns='${NS}'><item jid='bob@localhost'/><item jid='example.org'/></block></iq>`,
    );
    await other.receivesNothing();
    await other.request(
      show,
      `<iq type='result' id='l'><blocklist xmlns='${NS}'>
        <item jid='bob@localhost'/><item jid='example.org'/></blocklist></iq>`,
    );
    await command(alice, "block", "bob@localhost"); // nothing new: no push
    await command(alice, "unblock", "bob@localhost", "nobody@localhost");
    for (const client of [alice, other]) {
      await client.receives(
        `<iq type='set'><unblock xmlns='${NS}'><item jid='bob@localhost'/></unblock></iq>`,
      );
    }
    await command(alice, "unblock");
    for (const client of [alice, other]) {
      await client.receives(`<iq type='set'><unblock xmlns='${NS}'>{empty}</unblock></iq>`);
    }
    await alice.request(
      show,
      `<iq type='result' id='l'><blocklist xmlns='${NS}'>{empty}</blocklist></iq>`,
    );
    await alice.receivesNothing();
  }));

Deno.test("commands that are wrong", () =>
  withServer({ modules: { blocking: { items: 2 } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    await login(server, "bob");
    await alice.request(set("e", "block"), error("iq", "bad-request"));
    await alice.request(
      `<iq type='set' id='e'><block xmlns='${NS}'><item/></block></iq>`,
      error("iq", "bad-request"),
    );
    await alice.request(set("e", "block", "a@@b"), error("iq", "jid-malformed"));
    await alice.request(set("e", "block", "a", "b", "c"), error("iq", "policy-violation"));
    await alice.request(
      `<iq type='get' id='e' to='bob@localhost'><blocklist xmlns='${NS}'/></iq>`,
      error("iq", "forbidden"),
    );
    await command(alice, "block", "a", "b");
    await alice.request(set("e", "block", "c"), error("iq", "policy-violation"));
  }));

Deno.test("what a blocked address sends does not arrive (§3.3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await command(alice, "block", "bob@localhost");

    bob.send("<message to='alice@localhost' type='chat'><body>hello</body></message>");
    await bob.receives(error("message", "service-unavailable"));
    bob.send(`<message to='${alice.jid}' type='error'><body>hello</body></message>`);
    bob.send(`<presence to='${alice.jid}'/>`);
    bob.send("<presence to='alice@localhost' type='subscribe'/>");
    await bob.receivesNothing();
    for (const to of ["alice@localhost", alice.jid]) {
      bob.send(`<iq type='get' id='q' to='${to}'><query xmlns='jabber:iq:version'/></iq>`);
      await bob.receives(error("iq", "service-unavailable"));
    }
    bob.send(`<iq type='result' id='r' to='${alice.jid}'/>`);
    await bob.receivesNothing();
    await alice.receivesNothing();

    // It holds while the account is offline, and for the next session.
    await alice.close();
    bob.send("<message to='alice@localhost' type='chat'><body>hello</body></message>");
    await bob.receives(error("message", "service-unavailable"));
    const next = await online(server, "alice");
    bob.send("<message to='alice@localhost' type='chat'><body>hello</body></message>");
    await bob.receives(error("message", "service-unavailable"));

    await command(next, "unblock", "bob@localhost");
    bob.send("<message to='alice@localhost' type='chat'><body>hello</body></message>");
    await next.receives("<message><body>hello</body></message>");
  }));

Deno.test("what is sent to a blocked address comes back (§3.3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await command(alice, "block", "bob@localhost");
    alice.send("<message to='bob@localhost' type='chat'><body>hello</body></message>");
    await alice.receives(NOT_ACCEPTABLE("message"));
    alice.send(`<iq type='get' id='q' to='${bob.jid}'><query xmlns='jabber:iq:version'/></iq>`);
    await alice.receives(NOT_ACCEPTABLE("iq"));
    alice.send(`<presence to='${bob.jid}'/>`);
    await alice.receives(NOT_ACCEPTABLE("presence"));
    alice.send(`<iq type='error' id='q' to='${bob.jid}'/>`);
    await alice.receivesNothing();
    await bob.receivesNothing();
  }));

Deno.test("addresses match by resource, account and domain (§6)", () =>
  withServer({ hosts: { localhost: {}, "other.localhost": {} } }, {}, async (server) => {
    const alice = await online(server, "alice");
    const one = await online(server, "bob", { resource: "one" });
    const two = await online(server, "bob", { resource: "two" });
    const carol = await online(server, "carol", { domain: "other.localhost" });
    await alice.sync();
    alice.skip();
    await command(alice, "block", "bob@localhost/one", "other.localhost");
    const hello = "<message to='alice@localhost' type='chat'><body>hello</body></message>";
    for (const client of [one, carol]) {
      client.skip();
      client.send(hello);
      await client.receives(error("message", "service-unavailable"));
    }
    two.send(hello);
    await alice.receives(`<message from='${two.jid}'><body>hello</body></message>`);
    alice.send("<message to='nobody@other.localhost'><body>a</body></message>");
    await alice.receives(NOT_ACCEPTABLE("message"));
  }));

Deno.test("neither the own resources nor the own server can be blocked (§5)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice", { resource: "one" });
    const other = await online(server, "alice", { resource: "two" });
    await alice.sync();
    alice.skip();
    await command(alice, "block", "alice@localhost", "localhost");
    alice.send(`<message to='${other.jid}'><body>to myself</body></message>`);
    await other.receives("<message><body>to myself</body></message>");
    await alice.sync(); // a ping to the server
  }));

Deno.test("who may see presence sees it go and come", () =>
  withServer({}, {}, async (server) => {
    for (const name of ["alice", "bob"]) {
      await server.addUser(`${name}@localhost`, `password of ${name}`);
    }
    await befriend(server, "alice", "bob");
    const carol = await online(server, "carol"); // a stranger
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await alice.sync();
    await bob.sync();
    alice.skip();
    bob.skip();
    await command(alice, "block", "bob@localhost", "carol@localhost");
    await bob.receives(`<presence type='unavailable' from='${alice.jid}'/>`);
    await carol.receivesNothing();
    // Nor does bob hear of what follows.
    alice.send("<presence><show>away</show></presence>");
    await alice.receives("<presence><show>away</show></presence>");
    await bob.receivesNothing();

    assert.equal(
      server.host().hooks.ask(
        isBlocked,
        parseJid("alice@localhost")!,
        parseJid(bob.jid)!,
      ),
      true,
    );
    await command(alice, "unblock", "bob@localhost");
    await bob.receives(`<presence type='{absent}' from='${alice.jid}'/>`);

    // By the domain, the same.
    await command(alice, "block", "localhost");
    await bob.receives(`<presence type='unavailable' from='${alice.jid}'/>`);
    await command(alice, "block", "bob@localhost");
    await command(alice, "unblock", "localhost");
    await bob.receivesNothing(); // still blocked by the other item
    await command(alice, "unblock");
    await bob.receives(`<presence type='{absent}' from='${alice.jid}'/>`);
    await carol.receivesNothing();
    const item = await server.host().hooks.ask(
      rosterGetItem,
      parseJid("alice@localhost")!,
      parseJid("bob@localhost")!,
    );
    assert(item !== undefined && item !== "none" && item.subscription === "both"); // polite
  }));

Deno.test("presence to a blocked address of another server is not delivered", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const { hooks } = server.host();
    const sent: string[] = [];
    hooks.add(deliverRemote, "test", (stanza) => {
      sent.push(`${stanza.type ?? "available"} ${stanza.to!.full}`);
      return true as const;
    });
    await command(alice, "block", "example.org");
    const from = parseJid(alice.jid)!;
    for (const domain of ["example.org", "example.net"]) {
      const to = parseJid(`bob@${domain}`)!;
      await server.inner.router.route(presence({ from, to }));
      await server.inner.router.route(presence({ type: "unsubscribed", from: from.toBare(), to }));
    }
    assert.deepEqual(sent, [
      "unsubscribed bob@example.org",
      "available bob@example.net",
      "unsubscribed bob@example.net",
    ]);
  }));

Deno.test("many changes at once are all kept", () =>
  withServer({}, {}, async (server) => {
    const one = await login(server, "alice");
    const two = await login(server, "alice");
    for (let i = 0; i < 20; i++) {
      one.send(set(`a${i}`, "block", `a${i}.example`));
      two.send(set(`b${i}`, "block", `b${i}.example`));
    }
    await one.sync();
    await two.sync();
    const alice = parseJid("alice@localhost")!;
    assert.equal((await server.host().hooks.ask(blocklistGet, alice) ?? []).length, 40);
  }));

Deno.test("without blocked addresses the filters answer at once", () =>
  withServer({}, { modules: ["auth", "blocking", "disco", "ping"] }, async (server) => {
    const alice = await login(server, "alice");
    await login(server, "bob");
    const host = server.host();
    const stanza = message({ from: parseJid("bob@localhost/r")!, to: parseJid(alice.jid)! });
    assert.equal(host.hooks.filter(stanzaToAccount, stanza, stanza.to!), stanza);
    const session = host.session(parseJid(alice.jid)!)!;
    assert.equal(host.hooks.filter(stanzaFromClient, stanza, session), stanza);

    // Somebody offline: read once, then remembered.
    const offline = parseJid("carol@localhost")!;
    const read = host.hooks.filter(stanzaToAccount, stanza, offline);
    assert(read instanceof Promise);
    await read;
    assert.equal(host.hooks.filter(stanzaToAccount, stanza, offline), stanza);
    await command(alice, "block", "bob@localhost");
    stanza.attrs.type = "error";
    assert.equal(host.hooks.filter(stanzaToAccount, stanza, parseJid(alice.jid)!), DROP);
  }));

Deno.test("unloaded and loaded again while somebody is online, the module still knows", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    await command(alice, "block", "bob@localhost");
    const host = server.host();
    await server.inner.unloadModule(host, "blocking");
    bob.send("<message to='alice@localhost'><body>free</body></message>");
    await alice.receives("<message><body>free</body></message>");
    await server.inner.loadModule(host, "blocking");
    bob.send("<message to='alice@localhost'><body>not free</body></message>");
    await bob.receives(error("message", "service-unavailable"));
    alice.send("<message to='bob@localhost'><body>not free</body></message>");
    await alice.receives(NOT_ACCEPTABLE("message"));
  }));
