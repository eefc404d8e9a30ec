/** Where stanzas go that are not for somebody else's account here, and what comes back of them. */

import assert from "node:assert/strict";
import { login, NS, online } from "../helpers/client.ts";
import type { Table } from "../helpers/server.ts";
import { withServer } from "../helpers/server.ts";
import type { Tag } from "../helpers/xml.ts";
import { escape } from "../helpers/xml.ts";

const LOCAL: Table = { c2s: { plaintext_auth: "loopback" } };
const PLAIN = { tls: "none" } as const;

const UNKNOWN = "<query xmlns='urn:example:unknown'/>";

const MESSAGE_TYPES = [
  undefined,
  "normal",
  "strange",
  "chat",
  "groupchat",
  "headline",
  "error",
];

const typeAttribute = (type: string | undefined) => type === undefined ? "" : ` type='${type}'`;

function isServiceUnavailable(tag: Tag): boolean {
  return tag.child("error", "jabber:client")?.child("service-unavailable", NS.stanzaErrors) !==
    undefined;
}

Deno.test("RFC 6120 §10.5.1: stanzas to the host itself, and to resources of it", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    for (const to of ["localhost", "localhost/nowhere", "LOCALHOST"]) {
      const from = to.toLowerCase();
      for (const type of MESSAGE_TYPES) {
        alice.send(`<message to='${to}' id='m'${typeAttribute(type)}><body>x</body></message>`);
        if (type === "error") continue;
        await alice.receives(`<message type='error' id='m' from='${from}'/>`);
        assert.ok(isServiceUnavailable(alice.last));
      }
      for (const type of ["get", "set"]) {
        alice.send(`<iq to='${to}' id='i' type='${type}'>${UNKNOWN}</iq>`);
        await alice.receives(`<iq type='error' id='i' from='${from}'/>`);
        assert.ok(isServiceUnavailable(alice.last));
      }
      for (const type of ["result", "error"]) {
        alice.send(`<iq to='${to}' id='i' type='${type}'/>`);
      }
      for (
        const type of [
          undefined,
          "unavailable",
          "subscribe",
          "subscribed",
          "unsubscribe",
          "unsubscribed",
          "probe",
          "error",
        ]
      ) {
        alice.send(`<presence to='${to}'${typeAttribute(type)}/>`);
      }
      await alice.receivesNothing();
    }
  }));

Deno.test("RFC 6120 §10.3: stanzas without `to`", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await online(server, "alice", PLAIN);
    const other = await online(server, "alice", {
      ...PLAIN,
      presence: "<presence><priority>-1</priority></presence>",
    });
    alice.skip();
    alice.send("<message type='chat' id='m'><body>note to self</body></message>");
    await alice.receives(
      `<message type='chat' id='m' from='${alice.jid}' to='alice@localhost'><body>note to self</body></message>`,
    );
    // The account answers.
    alice.send(`<iq type='get' id='known'><query xmlns='jabber:iq:roster'/></iq>`);
    await alice.receives("<iq type='result' id='known'><query xmlns='jabber:iq:roster'/></iq>");
    alice.send(`<iq type='get' id='unknown'>${UNKNOWN}</iq>`);
    await alice.receives("<iq type='error' id='unknown' from='alice@localhost'/>");
    assert.ok(isServiceUnavailable(alice.last));
    alice.send("<iq type='result' id='r'/><iq type='error' id='e'/>");
    for (const type of ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "x"]) {
      alice.send(`<presence id='p' type='${type}'/>`);
      await alice.receives(
        `<presence type='error' id='p'><error type='modify'><bad-request xmlns='${NS.stanzaErrors}'/></error></presence>`,
      );
    }
    alice.send("<presence type='error' id='p'/><presence type='probe' id='p'/>");
    await alice.receivesNothing();
    await other.receivesNothing();
  }));

Deno.test("stanzas to oneself, bare and full, come back like anybody's", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await online(server, "alice", { ...PLAIN, resource: "one" });
    const two = await login(server, "alice", { ...PLAIN, resource: "two" });
    for (const to of ["alice@localhost", alice.jid]) {
      alice.send(`<message to='${to}' id='m' type='chat'><body>x</body></message>`);
      await alice.receives(`<message to='${to}' from='${alice.jid}' id='m' type='chat'/>`);
    }
    // An account may ask its own resources, whether they are available or not.
    for (const client of [alice, two]) {
      alice.send(`<iq to='${client.jid}' id='i' type='get'>${UNKNOWN}</iq>`);
      await client.receives(
        `<iq to='${client.jid}' from='${alice.jid}' id='i' type='get'>${UNKNOWN}</iq>`,
      );
      client.send(`<iq to='${alice.jid}' id='i' type='result'/>`);
      await alice.receives(`<iq to='${alice.jid}' from='${client.jid}' id='i' type='result'/>`);
    }
    alice.send(`<presence to='${two.jid}' id='p'/>`);
    await two.receives(`<presence to='${two.jid}' from='${alice.jid}' id='p'/>`);
    await alice.receivesNothing();
  }));

Deno.test("RFC 6121 §8.3: remote domains cannot be reached", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    const unreachable = async (kind: string, to: string) => {
      await alice.receives(
        `<${kind} type='error' id='x' from='${to}' to='${alice.jid}'><error type='cancel'>` +
          `<remote-server-not-found xmlns='${NS.stanzaErrors}'/></error></${kind}>`,
      );
    };
    for (const to of ["bob@remote.test", "bob@remote.test/x", "remote.test", "[::1]"]) {
      for (const type of MESSAGE_TYPES) {
        alice.send(`<message to='${to}' id='x'${typeAttribute(type)}><body>x</body></message>`);
        if (type !== "error") await unreachable("message", to);
      }
      for (const type of ["get", "set"]) {
        alice.send(`<iq to='${to}' id='x' type='${type}'>${UNKNOWN}</iq>`);
        await unreachable("iq", to);
      }
      alice.send(`<iq to='${to}' id='x' type='result'/><iq to='${to}' id='x' type='error'/>`);
      alice.send(`<presence to='${to}' id='x'/>`);
      await unreachable("presence", to);
      for (const type of ["unavailable", "probe", "error"]) {
        alice.send(`<presence to='${to}' id='x' type='${type}'/>`);
      }
      await alice.receivesNothing();
    }
  }));

Deno.test("RFC 6120 §8.3.1: an error is never answered with an error", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    await server.addUser("bob@localhost", "secret");
    for (
      const to of [
        "bob@localhost",
        "bob@localhost/nowhere",
        "nobody@localhost",
        "nobody@localhost/x",
        "localhost",
        "localhost/x",
        "remote.test",
        "bob@remote.test",
        "a@@b",
        "@",
      ]
    ) {
      for (const kind of ["message", "presence", "iq"]) {
        alice.send(`<${kind} to='${to}' id='x' type='error'><error type='cancel'/></${kind}>`);
      }
      alice.send(`<iq to='${to}' id='x' type='result'/>`);
    }
    await alice.receivesNothing();
  }));

Deno.test("RFC 6120 §8.1.3: ids come back as they were, whatever they are", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    const bob = await login(server, "bob", PLAIN);
    const ids = ["", " ", "x".repeat(5000), "<&>'\"", "ünïcödé 🙂", "__proto__", "a\u00a0b"];
    for (const id of ids) {
      const attribute = `id='${escape(id)}'`;
      alice.send(`<message to='${bob.jid}' ${attribute}/>`);
      assert.equal((await bob.next()).attrs.id, id);
      alice.send(`<message to='nobody@localhost' ${attribute}/>`);
      assert.equal((await alice.next()).attrs.id, id);
    }
    alice.send(`<message to='${bob.jid}'/><message to='nobody@localhost'/>`);
    assert.equal((await bob.next()).attrs.id, undefined);
    assert.equal((await alice.next()).attrs.id, undefined);
  }));

Deno.test("the error of an IQ returns its payload, namespaces and all", () =>
  withServer(LOCAL, {}, async (server) => {
    const alice = await login(server, "alice", PLAIN);
    const payload =
      "<a:b xmlns:a='urn:a' a:c='1'><d xmlns='urn:d'>x &amp; y</d><e xmlns=''/></a:b>";
    alice.send(`<iq to='nobody@localhost' type='set' id='i'>${payload}</iq>`);
    await alice.receives(
      `<iq type='error' id='i'>${payload}<error><service-unavailable xmlns='${NS.stanzaErrors}'/></error></iq>`,
    );
  }));
