/** XEP-0013: Flexible Offline Message Retrieval. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { bobJid, chat, DELAY, kept, messagesFor, withBoth } from "../helpers/offline.ts";
import type { TestServer } from "../helpers/server.ts";
import { StanzaError } from "../../lib/errors.ts";
import { discoNodeInfo, discoNodeItems } from "../../lib/hooks/disco.ts";
import { parseJid } from "../../lib/jid.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const OFFLINE = "http://jabber.org/protocol/offline";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

async function retrieval(
  server: TestServer,
  alice: TestClient,
  count: number,
): Promise<TestClient> {
  for (let i = 0; i < count; i++) alice.send(chat(`m${i}`));
  await alice.sync();
  return await login(server, "bob");
}

async function nodesOf(bob: TestClient): Promise<string[]> {
  bob.send(`<iq type='get' id='h'><query xmlns='${ITEMS}' node='${OFFLINE}'/></iq>`);
  await bob.eventually("<iq type='result' id='h'/>");
  const query = bob.last.elements()[0]!;
  return query.elements().map((item) => {
    assert.equal(item.attrs.jid, "bob@localhost");
    assert(item.attrs.name!.startsWith("alice@localhost/"));
    return item.attrs.node!;
  });
}

Deno.test("XEP-0013: messages are counted, listed, read and removed by hand", () =>
  withBoth(async (alice, server) => {
    const bob = await retrieval(server, alice, 3);
    await bob.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'>
        <feature var='msgoffline'/><feature var='${OFFLINE}'/></query></iq>`,
    );
    await bob.request(
      `<iq type='get' id='c'><query xmlns='${INFO}' node='${OFFLINE}'/></iq>`,
      `<iq type='result' id='c'><query xmlns='${INFO}' node='${OFFLINE}'>
        <identity category='automation' type='message-list'/><feature var='${OFFLINE}'/>
        <x xmlns='jabber:x:data' type='result'>
          <field var='FORM_TYPE'><value>${OFFLINE}</value></field>
          <field var='number_of_messages'><value>3</value></field></x></query></iq>`,
    );
    // From now on there is no flood (§2.2), for this session and for others of the account.
    bob.send("<presence/>");
    const second = await online(server, "bob");
    await bob.sync();
    await second.sync();
    bob.skip();
    const nodes = await nodesOf(bob);
    assert.equal(nodes.length, 3);
    assert.deepEqual(nodes, [...nodes].sort());

    bob.send(
      `<iq type='get' id='v'><offline xmlns='${OFFLINE}'>
        <item action='view' node='${nodes[1]}'/></offline></iq>`,
    );
    await bob.receives(
      `<message from='${alice.jid}'><body>m1</body>
        <offline xmlns='${OFFLINE}'><item node='${nodes[1]}'/></offline>${DELAY}</message>`,
    );
    await bob.receives("<iq type='result' id='v'/>");
    assert.equal(await kept(server), 3);

    await bob.request(
      `<iq type='set' id='r'><offline xmlns='${OFFLINE}'>
        <item action='remove' node='${nodes[0]}'/><item action='remove' node='${nodes[2]}'/>
      </offline></iq>`,
      "<iq type='result' id='r'/>",
    );
    assert.deepEqual(await nodesOf(bob), [nodes[1]]);
    for (const action of ["view", "remove"]) {
      const type = action === "view" ? "get" : "set";
      await bob.request(
        `<iq type='${type}' id='n'><offline xmlns='${OFFLINE}'>
          <item action='${action}' node='${nodes[0]}'/></offline></iq>`,
        `<iq type='error' id='n'><error><item-not-found xmlns='${STANZAS}'/></error></iq>`,
      );
    }
  }));

Deno.test("XEP-0013: all messages are fetched and purged", () =>
  withBoth(async (alice, server) => {
    const bob = await retrieval(server, alice, 3);
    bob.send(`<iq type='get' id='f'><offline xmlns='${OFFLINE}'><fetch/></offline></iq>`);
    for (const n of [0, 1, 2]) await bob.receives(`<message><body>m${n}</body>${DELAY}</message>`);
    await bob.receives("<iq type='result' id='f'/>");
    bob.send("<presence/>");
    await bob.sync();
    assert.equal(await kept(server), 3);
    bob.skip();
    await bob.request(
      `<iq type='set' id='p'><offline xmlns='${OFFLINE}'><purge/></offline></iq>`,
      "<iq type='result' id='p'/>",
    );
    assert.equal(await kept(server), 0);
    await bob.close();
    // The next session, which asks for nothing, gets messages as ever.
    alice.send(chat("later"));
    await alice.sync();
    const next = await login(server, "bob");
    next.send("<presence/>");
    assert.deepEqual(await messagesFor(next, 1), ["later"]);
  }));

Deno.test("XEP-0013: nobody reads what is somebody else's", () =>
  withBoth(async (alice, server) => {
    // Who may look at bob at all is the disco module's to say; this is for those who may.
    const { hooks } = server.host();
    const from = parseJid(alice.jid)!;
    const isForbidden = (e: unknown) => e instanceof StanzaError && e.condition === "forbidden";
    await assert.rejects(
      async () => await hooks.ask(discoNodeInfo, bobJid, OFFLINE, from),
      isForbidden,
    );
    await assert.rejects(
      async () => await hooks.ask(discoNodeItems, bobJid, OFFLINE, from),
      isForbidden,
    );
    await alice.request(
      `<iq type='get' id='y' to='bob@localhost'><offline xmlns='${OFFLINE}'><fetch/></offline></iq>`,
      `<iq type='error' id='y'><error><forbidden xmlns='${STANZAS}'/></error></iq>`,
    );
  }));
