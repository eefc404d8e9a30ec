/** RFC 6121 §3: presence subscriptions. */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { login, online } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

const modules = ["auth", "ping", "disco", "roster", "presence"];

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(`RFC 6121 §3: ${name}`, () => withServer(settings, { modules }, transcript));
}

/** A push with one item; attributes not named must not be there. */
const push = (jid: string, subscription: string, more = "") =>
  `<iq type='set' from='{absent}'><query xmlns='jabber:iq:roster'><item jid='${jid}@localhost' subscription='${subscription}' ${
    more.includes("ask") ? "" : "ask='{absent}'"
  } ${more.includes("approved") ? "" : "approved='{absent}'"} ${more}/></query></iq>`;

/** Online, and interested in the roster. */
async function user(server: TestServer, name: string, resource?: string): Promise<TestClient> {
  const client = await online(server, name, { resource });
  client.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
  await client.receives("<iq type='result' id='roster'/>");
  return client;
}

const rosterOf = async (client: TestClient) => {
  const answer = "<iq type='result' id='check'/>";
  await client.request(
    "<iq type='get' id='check'><query xmlns='jabber:iq:roster'/></iq>",
    answer,
  );
  const query = client.last.elements()[0]!;
  return query.elements().map(({ attrs }) =>
    [attrs.jid, attrs.subscription, attrs.ask, attrs.approved].filter((a) => a !== undefined)
      .join(" ")
  );
};

test("the handshake of two, seen by all", async (server) => {
  const romeo = await user(server, "romeo");
  const balcony = await user(server, "juliet", "balcony");
  const chamber = await user(server, "juliet", "chamber");
  balcony.skip();

  romeo.send(
    "<presence id='s1' type='subscribe' to='juliet@localhost/balcony'><status>Hi</status></presence>",
  );
  await romeo.receives(push("juliet", "none", "ask='subscribe'"));
  const request =
    "<presence id='s1' type='subscribe' from='romeo@localhost' to='juliet@localhost'><status>Hi</status></presence>";
  await balcony.receives(request);
  await chamber.receives(request);
  assert.deepEqual(await rosterOf(balcony), [], "nothing in the roster before approval");

  // Asking again delivers nothing again.
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  await balcony.receivesNothing();

  chamber.send("<presence id='ok' type='subscribed' to='romeo@localhost'/>");
  const approved = push("romeo", "from");
  await balcony.receives(approved);
  await chamber.receives(approved);
  await romeo.receives("<presence id='ok' type='subscribed' from='juliet@localhost'/>");
  await romeo.receives(push("juliet", "to"));
  await romeo.receivesAll(
    `<presence from='${balcony.jid}' to='romeo@localhost' type='{absent}'/>`,
    `<presence from='${chamber.jid}' to='romeo@localhost' type='{absent}'/>`,
  );

  balcony.send("<presence type='subscribe' to='romeo@localhost'/>");
  await balcony.receives(push("romeo", "from", "ask='subscribe'"));
  await chamber.receives(push("romeo", "from", "ask='subscribe'"));
  await romeo.receives("<presence type='subscribe' from='juliet@localhost'/>");
  romeo.send("<presence type='subscribed' to='juliet@localhost'/>");
  await romeo.receives(push("juliet", "both"));
  for (const juliet of [balcony, chamber]) {
    await juliet.receives("<presence type='subscribed' from='romeo@localhost'/>");
    await juliet.receives(push("romeo", "both"));
    await juliet.receives(`<presence from='${romeo.jid}' to='juliet@localhost'/>`);
    await juliet.receivesNothing();
  }

  // Asked for what it has: answered by the server.
  romeo.send("<presence type='subscribe' to='juliet@localhost' id='again'/>");
  await balcony.receivesNothing();
  assert.deepEqual(await rosterOf(romeo), ["juliet@localhost both"]);
});

test("a request is kept until it is answered", async (server) => {
  const juliet = await user(server, "juliet");
  await juliet.close();
  const romeo = await user(server, "romeo");
  romeo.send(
    "<presence id='s1' type='subscribe' to='juliet@localhost'><nick xmlns='http://jabber.org/protocol/nick'>R</nick></presence>",
  );
  await romeo.receives(push("juliet", "none", "ask='subscribe'"));
  romeo.send("<presence id='s2' type='subscribe' to='juliet@localhost'/>");
  await romeo.sync();

  const request =
    "<presence id='s1' type='subscribe' from='romeo@localhost' to='juliet@localhost'><nick xmlns='http://jabber.org/protocol/nick'>R</nick></presence>";
  for (let i = 0; i < 2; i++) {
    const back = await login(server, "juliet");
    back.send("<presence/>");
    await back.receivesAll(`<presence from='${back.jid}'/>`, request);
    // Each new available resource is shown it, once.
    back.send("<presence><show>away</show></presence>");
    await back.receives("<presence><show>away</show></presence>");
    await back.receivesNothing();
    await back.close();
  }
  const last = await online(server, "juliet");
  last.send("<presence type='unsubscribed' to='romeo@localhost'/>");
  await romeo.receives("<presence type='unsubscribed' from='juliet@localhost'/>");
  await romeo.receives(push("juliet", "none"));
  assert.deepEqual(await rosterOf(last), []);
  await last.close();
  const calm = await login(server, "juliet");
  calm.send("<presence/>");
  await calm.receives(`<presence from='${calm.jid}'/>`);
  await calm.receivesNothing();
});

test("approved while offline", async (server) => {
  const romeo = await user(server, "romeo");
  const juliet = await user(server, "juliet");
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  await juliet.receives("<presence type='subscribe'/>");
  await romeo.close();
  juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
  await juliet.receives(push("romeo", "from"));
  await juliet.sync();
  const back = await login(server, "romeo");
  assert.deepEqual(await rosterOf(back), ["juliet@localhost to"]);
  back.send("<presence/>");
  await back.receivesAll(`<presence from='${back.jid}'/>`, `<presence from='${juliet.jid}'/>`);
});

test("a subscription is cancelled (§3.2), and given up (§3.3)", async (server) => {
  const romeo = await user(server, "romeo");
  const juliet = await user(server, "juliet");
  const handshake = async () => {
    for (const [from, to] of [[romeo, "juliet"], [juliet, "romeo"]] as const) {
      const other = from === romeo ? juliet : romeo;
      from.send(`<presence type='subscribe' to='${to}@localhost'/>`);
      await other.eventually("<presence type='subscribe'/>");
      other.send(
        `<presence type='subscribed' to='${from === romeo ? "romeo" : "juliet"}@localhost'/>`,
      );
      await from.eventually(`<presence from='${other.jid}' type='{absent}'/>`);
    }
    for (const client of [romeo, juliet, romeo, juliet]) await client.sync();
    romeo.skip();
    juliet.skip();
  };
  await handshake();

  juliet.send("<presence id='u1' type='unsubscribed' to='romeo@localhost'/>");
  await juliet.receives(push("romeo", "to"));
  await romeo.receives(`<presence type='unavailable' from='${juliet.jid}'/>`);
  await romeo.receives("<presence id='u1' type='unsubscribed' from='juliet@localhost'/>");
  await romeo.receives(push("juliet", "from"));
  juliet.send("<presence><show>away</show></presence>");
  await romeo.receivesNothing();
  juliet.skip();

  juliet.send("<presence id='u2' type='unsubscribe' to='romeo@localhost'/>");
  await juliet.receives(push("romeo", "none"));
  await romeo.receives("<presence id='u2' type='unsubscribe' from='juliet@localhost'/>");
  await romeo.receives(push("juliet", "none"));
  // Romeo's absence, and the automatic answer, which changes nothing and is not delivered.
  await juliet.receives(`<presence type='unavailable' from='${romeo.jid}'/>`);
  await juliet.receivesNothing();
  assert.deepEqual(await rosterOf(romeo), ["juliet@localhost none"]);

  // Cancelling what is not there is not routed; giving up what is not there changes nothing.
  juliet.send("<presence type='unsubscribed' to='romeo@localhost'/>");
  juliet.send("<presence type='unsubscribe' to='romeo@localhost'/>");
  await romeo.receivesNothing();
  await juliet.receivesNothing();
});

test("a request is withdrawn", async (server) => {
  const romeo = await user(server, "romeo");
  const juliet = await user(server, "juliet");
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  await juliet.receives("<presence type='subscribe'/>");
  romeo.skip();
  romeo.send("<presence type='unsubscribe' to='juliet@localhost'/>");
  await romeo.eventually(push("juliet", "none"));
  await juliet.receives("<presence type='unsubscribe' from='romeo@localhost'/>");
  await juliet.receivesNothing();
  await juliet.close();
  const back = await login(server, "juliet");
  back.send("<presence/>");
  await back.receives(`<presence from='${back.jid}'/>`);
  await back.receivesNothing();
});

test("approval in advance (§3.4)", async (server) => {
  const romeo = await user(server, "romeo");
  const juliet = await user(server, "juliet");
  juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
  await juliet.receives(push("romeo", "none", "approved='true'"));
  await romeo.receivesNothing();
  juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
  await juliet.receivesNothing();

  // Withdrawn: no stanza goes out.
  juliet.send("<presence type='unsubscribed' to='romeo@localhost'/>");
  await juliet.receives(push("romeo", "none"));
  await romeo.receivesNothing();

  juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
  await juliet.receives(push("romeo", "none", "approved='true'"));
  romeo.send("<presence type='subscribe' id='s1' to='juliet@localhost'/>");
  await romeo.receives(push("juliet", "none", "ask='subscribe'"));
  await juliet.receives(push("romeo", "from", "approved='true'"));
  await romeo.receives(
    "<presence type='subscribed' from='juliet@localhost' to='romeo@localhost'/>",
  );
  await romeo.receives(push("juliet", "to"));
  await romeo.receives(`<presence from='${juliet.jid}' type='{absent}'/>`);
  await juliet.receivesNothing();

  // It works for one who is offline, too.
  juliet.send("<presence type='subscribed' to='nurse@localhost'/>");
  await juliet.receives(push("nurse", "none", "approved='true'"));
  await juliet.close();
  const nurse = await user(server, "nurse");
  nurse.send("<presence type='subscribe' to='juliet@localhost'/>");
  await nurse.receives(push("juliet", "none", "ask='subscribe'"));
  await nurse.receives("<presence type='subscribed' from='juliet@localhost'/>");
  await nurse.receives(push("juliet", "to"));
});

test("to one's own account, to nobody, from a resource", async (server) => {
  const juliet = await user(server, "juliet");
  for (const type of ["subscribe", "subscribed", "unsubscribe", "unsubscribed"]) {
    juliet.send(`<presence type='${type}' to='juliet@localhost'/>`);
  }
  await juliet.receivesNothing();
  juliet.send("<presence type='subscribe' to='nobody@localhost'/>");
  await juliet.receives(push("nobody", "none", "ask='subscribe'"));
  await juliet.receivesNothing();
  const { rosterGet } = await import("../../lib/hooks/roster.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  const nobody = await server.host().hooks.ask(rosterGet, parseJid("nobody@localhost")!);
  assert.equal(nobody!.items.size, 0, "nothing is kept for an account that does not exist");
});

test("a contact elsewhere that cannot be reached: the client is told", async (server) => {
  const juliet = await user(server, "juliet");
  juliet.send("<presence id='s1' type='subscribe' to='romeo@example.net'/>");
  await juliet.receives(
    "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' ask='subscribe'/></query></iq>",
  );
  await juliet.receives(
    "<presence type='error' id='s1' from='romeo@example.net'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
  );
});

test("kept requests are limited in number and size", async (server) => {
  const juliet = await user(server, "juliet");
  await juliet.close();
  for (const name of ["a", "b", "c"]) {
    const client = await user(server, name);
    client.send(
      `<presence type='subscribe' to='juliet@localhost'><status>${
        "x".repeat(300)
      }</status></presence>`,
    );
    await client.sync();
  }
  const back = await login(server, "juliet");
  back.send("<presence/>");
  await back.receivesAll(
    `<presence from='${back.jid}'/>`,
    "<presence type='subscribe' from='a@localhost' to='juliet@localhost'>{empty}</presence>",
    "<presence type='subscribe' from='b@localhost' to='juliet@localhost'>{empty}</presence>",
  );
  await back.receivesNothing();
}, { modules: { presence: { requests: 2, request_length: 256 } } });

test("a deleted account cancels its subscriptions", async (server) => {
  const romeo = await user(server, "romeo");
  const juliet = await user(server, "juliet");
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  await juliet.eventually("<presence type='subscribe'/>");
  juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
  await romeo.eventually(`<presence from='${juliet.jid}'/>`);
  await juliet.close();
  await romeo.sync();
  romeo.skip();
  const { deleteAccount, accountDeleted } = await import("../../lib/hooks/accounts.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  const { hooks } = server.host();
  const jid = parseJid("juliet@localhost")!;
  await hooks.ask(deleteAccount, jid);
  await hooks.tell(accountDeleted, jid);
  await romeo.eventually("<presence type='unsubscribed' from='juliet@localhost'/>");
  await romeo.eventually(push("juliet", "none"));
});

test("both ask at once", async (server) => {
  const romeo = await user(server, "romeo");
  const juliet = await user(server, "juliet");
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  juliet.send("<presence type='subscribe' to='romeo@localhost'/>");
  await romeo.eventually("<presence type='subscribe'/>");
  await juliet.eventually("<presence type='subscribe'/>");
  romeo.send("<presence type='subscribed' to='juliet@localhost'/>");
  juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
  await romeo.eventually(`<presence from='${juliet.jid}' type='{absent}'/>`);
  await juliet.eventually(`<presence from='${romeo.jid}' type='{absent}'/>`);
  for (const client of [romeo, juliet, romeo, juliet]) await client.sync();
  assert.deepEqual(await rosterOf(romeo), ["juliet@localhost both"]);
  assert.deepEqual(await rosterOf(juliet), ["romeo@localhost both"]);
});
