/** XEP-0386: Bind 2, and what XEP-0198 §9 says of resumption in its place. */

import assert from "node:assert/strict";
import { connect, login, NS, online, type TestClient } from "../helpers/client.ts";
import {
  BIND2,
  failure,
  LAPTOP,
  PHONE,
  plain,
  SASL2,
  scram,
  secured,
  succeeds,
  userAgent,
} from "../helpers/sasl2.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { StanzaError } from "../../lib/errors.ts";
import { bind2Inline, boundInline, resumeInline } from "../../lib/hooks/inline.ts";
import { bindInline } from "../../lib/hooks/sasl2.ts";
import { sessionBound } from "../../lib/hooks/streams.ts";
import type { Session } from "../../lib/session.ts";
import { xml } from "../../lib/xml/element.ts";

const modules = ["auth", "ping", "presence", "roster", "sasl2", "bind2"];
const SM = "urn:xmpp:sm:3";

function test(
  name: string,
  transcript: (client: TestClient, server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () =>
    withServer(settings, { modules }, async (server) => {
      await server.addUser("alice@localhost", "secret");
      await transcript(await secured(server), server);
    }));
}

const bind = (tag = "", inside = "") =>
  `<bind xmlns='${BIND2}'>${tag === "" ? "" : `<tag>${tag}</tag>`}${inside}</bind>`;
const BOUND = `<bound xmlns='${BIND2}'/>`;

/** Logs in and binds; returns the full JID. */
async function bound(
  server: TestServer,
  agent: string | undefined,
  tag = "",
): Promise<TestClient> {
  const client = await secured(server);
  const who = agent === undefined ? "" : userAgent(agent);
  client.send(plain("alice", "secret", who + bind(tag)));
  await succeeds(client, BOUND);
  return client;
}

test("§3.1: offered within SASL2 alone", async (client, server) => {
  const inline = client.last.child("authentication")!.child("inline")!;
  assert.equal(inline.child("bind")!.ns, BIND2);
  // Nothing to be asked for: no list of it.
  assert.equal(inline.child("bind")!.child("inline"), undefined);
  server.host().hooks.add(bind2Inline, "test", (list) => [...list, "urn:example:1"]);
  const other = await secured(server);
  const features = other.last.child("authentication")!.child("inline")!.child("bind")!
    .child("inline")!.elements();
  assert.deepEqual(features.map((f) => [f.name, f.ns, f.attrs.var]), [
    ["feature", BIND2, "urn:example:1"],
  ]);
});

test("§3.2: a login with a resource, bound before the success", async (client, server) => {
  client.send(plain("alice", "secret", userAgent(PHONE) + bind("AwesomeXMPP")));
  await client.receives(
    `<success xmlns='${SASL2}'><authorization-identifier>alice@localhost/AwesomeXMPP/{id}` +
      `</authorization-identifier>${BOUND}</success>`,
  );
  const full = client.last.child("authorization-identifier")!.text();
  assert.ok(server.host().online.get("alice")!.session(full.slice("alice@localhost/".length)));
  // The features that follow have nothing of binding in them.
  const features = await client.features();
  assert.equal(features.child("bind"), undefined);
  assert.equal(features.child("session"), undefined);
  client.jid = full;
  await client.sync();
  client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
  await client.receives("<iq type='result' id='r'/>");
});

test("§3.2: SCRAM and a resource", async (client) => {
  const { data } = await scram(client, "SHA-256", "alice", "secret", bind("x"));
  await succeeds(client, `<additional-data>${data}</additional-data>${BOUND}`);
  assert.match(client.jid, /^alice@localhost\/x\/.{16}$/);
});

test(
  "§3.2.1: one client keeps its resource, whatever the server went through",
  async (_, server) => {
    const jid = async (agent: string | undefined, tag?: string) => {
      const client = await bound(server, agent, tag);
      await client.close();
      return client.jid;
    };
    const phone = await jid(PHONE, "Phone");
    assert.match(phone, /^alice@localhost\/Phone\/[\w-]{12}$/);
    assert.equal(await jid(PHONE, "Phone"), phone);
    // Another tag, another client, or one that says nothing of itself: another resource.
    const others = [
      await jid(PHONE, "Other"),
      await jid(PHONE),
      await jid(LAPTOP, "Phone"),
      await jid(undefined, "Phone"),
      await jid(undefined, "Phone"),
    ];
    assert.equal(new Set([...others, phone]).size, 6);
    // Nobody learns the id of the user agent.
    for (const one of [phone, ...others]) assert.ok(!one.includes(PHONE.slice(0, 8)));
  },
);

test("§3.2.1: a tag that can be no part of a resource is left out", async (_, server) => {
  for (const tag of ["a".repeat(1100), "\u0378"]) {
    const client = await bound(server, undefined, tag);
    assert.match(client.jid, /^alice@localhost\/[0-9a-f]{16}$/);
  }
});

for (const conflict of ["replace-old", "refuse-new", "rename-new"]) {
  test(`§3.2: a client that comes again replaces itself (${conflict})`, async (_, server) => {
    const old = await bound(server, PHONE, "x");
    const other = await bound(server, LAPTOP, "x");
    const again = await bound(server, PHONE, "x");
    await old.streamError("conflict");
    assert.equal(again.jid, old.jid);
    // With another tag it is the same client.
    const renamed = await bound(server, PHONE, "y");
    await again.streamError("conflict");
    await other.sync();
    assert.equal(server.host().sessions, 2);
    await renamed.sync();
  }, { bind: { conflict } });
}

test("two of its connections at once: the last remains", async (_, server) => {
  const clients = await Promise.all([1, 2, 3].map(() => secured(server)));
  for (const c of clients) c.send(plain("alice", "secret", userAgent(PHONE) + bind("x")));
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(server.host().sessions, 1);
}, { bind: { conflict: "refuse-new" } });

test("somebody else's resource of that name is a conflict by the rules", async (_, server) => {
  const first = await bound(server, PHONE, "x");
  const resource = first.jid.slice("alice@localhost/".length);
  await first.close();
  const legacy = await login(server, "alice", { password: "secret", resource });
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind("x")));
  await client.receives(
    failure(
      "temporary-auth-failure",
      `<conflict xmlns='${NS.stanzaErrors}'/><text>{any}</text>`,
    ),
  );
  // The stream is as it was before the attempt.
  client.send(plain("alice", "secret"));
  await succeeds(client);
  await client.bind();
  await legacy.sync();
}, { bind: { conflict: "refuse-new" } });

test("too many sessions: the login fails, and is taken back", async (client, server) => {
  const first = await login(server, "alice", { password: "secret" });
  client.send(plain("alice", "secret", userAgent(PHONE) + bind()));
  await client.receives(
    failure("temporary-auth-failure", `<resource-constraint xmlns='${NS.stanzaErrors}'/>`),
  );
  client.send("<presence/>");
  await client.streamError("not-authorized");
  await first.close();
  // Its own old session is no obstacle.
  const phone = await bound(server, PHONE);
  const again = await bound(server, PHONE);
  await phone.streamError("conflict");
  await again.sync();
}, { limits: { sessions_per_account: 1 } });

test("§2.6.2 of XEP-0388: nothing is bound by a failed login", async (client, server) => {
  let asked = 0;
  server.host().hooks.add(bindInline, "test", () => void asked++, { priority: 1 });
  client.send(plain("alice", "wrong", bind()));
  await client.receives(failure("not-authorized"));
  assert.equal(asked, 0);
  assert.equal(server.host().sessions, 0);
});

test("what the request asks for is done, and answered within <bound/>", async (client, server) => {
  const seen: string[] = [];
  server.host().hooks.add(boundInline, "test", async (answers, session, request) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (request.child("enable", "urn:example:1") === undefined) return undefined;
    seen.push(session.jid.full);
    return [...answers, xml("enabled", "urn:example:1")];
  });
  client.send(plain("alice", "secret", bind("", "<enable xmlns='urn:example:1'/>")));
  await succeeds(
    client,
    `<bound xmlns='${BIND2}'><enabled xmlns='urn:example:1'/></bound>`,
  );
  assert.deepEqual(seen, [client.jid]);
});

test("nothing overtakes the success, and nothing is lost", async (_, server) => {
  const { jid: full } = await bound(server, PHONE, "x");
  const bob = await online(server, "bob");
  // While the session is being set up, it is there already, and is written to.
  let go = () => {};
  const slow = new Promise<void>((resolve) => go = resolve);
  server.host().hooks.add(boundInline, "test", async () => await slow);
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind("x")));
  await new Promise((resolve) => setTimeout(resolve, 100));
  bob.send(`<message to='${full}' type='chat' id='early'><body>hello</body></message>`);
  await bob.sync();
  go();
  await succeeds(client, BOUND);
  await client.receives("<message id='early'/>");
});

test("pipelined: header, login, presence and a message in one flight", async (_, server) => {
  const bob = await online(server, "bob");
  const client = await connect(server, { tls: "direct" });
  client.sendHeader();
  client.write(
    plain("alice", "secret", userAgent(PHONE) + bind("x")) +
      "<presence/><message to='bob@localhost' type='chat'><body>one flight</body></message>",
  );
  await client.header();
  await client.features();
  await succeeds(client, BOUND);
  await bob.receives("<message from='{from}'><body>one flight</body></message>");
  assert.equal(bob.last.attrs.from, client.jid);
  await client.eventually(`<presence from='${client.jid}'/>`);
});

test("pipelined: what follows a login that fails is not heeded", async (_, server) => {
  const client = await connect(server, { tls: "direct" });
  client.sendHeader();
  client.write(plain("alice", "wrong", bind()) + "<presence/>");
  await client.header();
  await client.features();
  await client.receives(failure("not-authorized"));
  await client.streamError("not-authorized");
});

test("a connection that is lost in the midst leaves nothing behind", async (_, server) => {
  let go = () => {};
  const slow = new Promise<void>((resolve) => go = resolve);
  const hold = server.host().hooks.add(sessionBound, "test", async () => await slow);
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind("x")));
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.cut();
  await new Promise((resolve) => setTimeout(resolve, 50));
  go();
  hold();
  for (let i = 0; i < 100 && server.host().sessions > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(server.host().sessions, 0);
  await bound(server, PHONE, "x");
});

// ---- XEP-0198 §9.2 ----

test("resumption goes first, and the wish to bind is ignored", async (_, server) => {
  const first = await bound(server, PHONE, "x");
  server.clients.delete(first); // its stream is about to be taken from it
  const session = server.host().online.get("alice")!.sessions[0]!;
  const asked: Session[] = [];
  server.host().hooks.add(resumeInline, "test", (n, account, request) => {
    if (request.child("resume", SM) === undefined) return undefined;
    assert.equal(account.bare, "alice@localhost");
    session.stream!.reader = { onHeader() {}, onElement() {}, onClosed() {} };
    session.stream = n.stream;
    n.stream.reader = session;
    return {
      answer: xml("resumed", SM, { previd: "1", h: "0" }),
      session,
      proceed: () => void asked.push(session),
    };
  });
  const client = await secured(server);
  client.send(
    plain("alice", "secret", `<resume xmlns='${SM}' previd='1' h='0'/>` + bind("other")),
  );
  await client.receives(
    `<success xmlns='${SASL2}'>` +
      `<authorization-identifier>${first.jid}</authorization-identifier>` +
      `<resumed xmlns='${SM}' previd='1' h='0'/>` +
      `<bound xmlns='${BIND2}'>{absent}</bound></success>`,
  );
  assert.deepEqual(asked, [session]);
  assert.equal(server.host().sessions, 1);
  // §9.2: no features after it.
  client.jid = first.jid;
  await client.receivesNothing();
  first.cut();
});

test("resumption that fails says so, and the client is bound", async (client, server) => {
  const failed = xml("failed", SM, {}, xml("item-not-found", NS.stanzaErrors));
  server.host().hooks.add(resumeInline, "test", () => ({
    answer: failed,
    session: undefined,
    proceed() {},
  }));
  client.send(plain("alice", "secret", `<resume xmlns='${SM}' previd='1' h='0'/>` + bind("x")));
  await succeeds(
    client,
    `<failed xmlns='${SM}'><item-not-found xmlns='${NS.stanzaErrors}'/></failed>${BOUND}`,
  );
  await client.sync();
});

test("a refusal in words of its own", async (client, server) => {
  server.host().hooks.add(bindInline, "test", () => {
    throw new StanzaError("not-allowed", { text: "not today" });
  }, { priority: 1 });
  client.send(plain("alice", "secret", bind()));
  await client.receives(
    failure(
      "temporary-auth-failure",
      `<not-allowed xmlns='${NS.stanzaErrors}'/><text>not today</text>`,
    ),
  );
});

Deno.test("a session that cannot be set up as a whole is ended", () =>
  withServer({}, { modules, mayLogErrors: true }, async (server) => {
    await server.addUser("alice@localhost", "secret");
    server.host().hooks.add(boundInline, "test", () => {
      throw new Error("out of order");
    });
    const client = await secured(server);
    client.send(plain("alice", "secret", bind("x")));
    await client.streamError("internal-server-error");
    assert.equal(server.host().sessions, 0);
  }));

Deno.test("resumption that breaks is a failure for a time, and nothing is bound", () =>
  withServer({}, { modules, mayLogErrors: true }, async (server) => {
    await server.addUser("alice@localhost", "secret");
    const stop = server.host().hooks.add(resumeInline, "test", () => {
      throw new Error("out of order");
    });
    const client = await secured(server);
    client.send(plain("alice", "secret", bind("x")));
    await client.receives(failure("temporary-auth-failure"));
    assert.equal(server.host().sessions, 0);
    stop();
    client.send(plain("alice", "secret", bind("x")));
    await succeeds(client, BOUND);
  }));

test("more than a client may have waiting, before it hears of its login", async (_, server) => {
  const { jid: full } = await bound(server, PHONE, "x");
  const bob = await online(server, "bob");
  let go = () => {};
  const slow = new Promise<void>((resolve) => go = resolve);
  server.host().hooks.add(boundInline, "test", async () => await slow);
  const client = await secured(server);
  client.send(plain("alice", "secret", userAgent(PHONE) + bind("x")));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const body = "x".repeat(20_000);
  for (let i = 0; i < 10; i++) {
    bob.send(`<message to='${full}' type='chat'><body>${body}</body></message>`);
  }
  await client.streamError("resource-constraint");
  go();
  await bob.sync();
}, { limits: { output_bytes: "128 KiB", stanza_bytes: "64 KiB" } });
