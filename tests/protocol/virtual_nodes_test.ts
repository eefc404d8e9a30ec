/** docs/examples/virtual_nodes.ts: nodes that a module works out. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { rosterSetItem } from "../../lib/hooks/roster.ts";
import { pepPublish } from "../../lib/hooks/pubsub.ts";
import { parseJid } from "../../lib/jid.ts";
import { xml } from "../../lib/xml/element.ts";
import { login, online } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import {
  ask,
  bare,
  create,
  entry,
  EVENT,
  itemIds,
  publication,
  publish,
  refused,
  SERVICE,
  subscribe,
} from "../helpers/pubsub.ts";

const modules = ["auth", "blocking", "disco", "pep", "ping", "presence", "pubsub", "roster"];
const source = fileURLToPath(new URL("../../docs/examples/virtual_nodes.ts", import.meta.url));

function test(name: string, transcript: (server: TestServer) => Promise<void>): void {
  Deno.test(name, () => withServer({ modules: { streams: { source } } }, { modules }, transcript));
}

/** Makes contacts of each other, as far as `way` goes for the first. */
async function know(server: TestServer, a: string, b: string): Promise<void> {
  const { hooks } = server.host();
  const nothing = { name: "", ask: false, approved: false, groups: [], pendingIn: undefined };
  for (const [owner, jid] of [[a, b], [b, a]] as const) {
    const item = {
      ...nothing,
      jid: `${jid}@localhost`,
      subscription: "both" as const,
      listed: true,
    };
    await hooks.ask(rosterSetItem, parseJid(`${owner}@localhost`)!, item);
  }
}

test("everybody has the nodes, and nobody has made them", async (server) => {
  const romeo = await login(server, "romeo");
  await create(romeo, "kept");
  const ITEMS = "http://jabber.org/protocol/disco#items";
  const INFO = "http://jabber.org/protocol/disco#info";
  await romeo.request(
    `<iq type='get' id='1' to='${SERVICE}'><query xmlns='${ITEMS}'/></iq>`,
    `<iq type='result' id='1'><query xmlns='${ITEMS}'><item node='kept'/><item node='MyStream'/>` +
      "<item node='FriendsStream'/><item node='MyFriends'/>{only}</query></iq>",
  );
  await romeo.request(
    `<iq type='get' id='2' to='${SERVICE}'><query xmlns='${INFO}' node='MyStream'/></iq>`,
    `<iq type='result' id='2'><query xmlns='${INFO}'><identity category='pubsub' type='leaf'/></query></iq>`,
  );
  await refused(romeo, "set", "<create node='MyStream'/>", "cancel", "conflict");
  await refused(romeo, "get", "#<configure node='MyStream'/>", "cancel", "not-allowed");
  await refused(romeo, "set", "#<delete node='MyStream'/>", "cancel", "not-allowed");
  const me = `<subscribe node='MyStream' jid='${bare(romeo)}'/>`;
  await refused(romeo, "set", me, "cancel", "feature-not-implemented", "unsupported subscribe");
  for (const node of ["FriendsStream", "MyFriends"]) {
    await refused(romeo, "set", publication(node, "1"), "auth", "forbidden");
  }
  // Nodes that are kept are beside them.
  await subscribe(romeo, "kept");
  await publish(romeo, "kept", "1");
});

test("a note is in the streams of friends at once, by event and by query", async (server) => {
  const romeo = await online(server, "romeo");
  const juliet = await online(server, "juliet");
  const tybalt = await online(server, "tybalt");
  await know(server, "romeo", "juliet");
  for (const c of [romeo, juliet, tybalt]) {
    await c.sync();
    c.skip();
  }
  await publish(juliet, "MyStream", "1", "Ay me");
  const { id } = await romeo.receives(
    `<message from='${SERVICE}' type='headline'><event xmlns='${EVENT}'><items node='FriendsStream'>` +
      `<item id='{id}'>${entry("Ay me")}</item></items></event></message>`,
  );
  await tybalt.receivesNothing();
  await ask(
    romeo,
    "get",
    "<items node='FriendsStream'/>",
    `<items><item id='${id}'>${entry("Ay me")}</item></items>`,
  );
  await ask(juliet, "get", "<items node='MyStream'/>", "<items><item id='1'/></items>");
  await ask(tybalt, "get", "<items node='FriendsStream'/>", "<items>{empty}</items>");
  await ask(
    romeo,
    "get",
    "<items node='MyFriends'/>",
    "<items><item id='juliet@localhost'/>{only}</items>",
  );
  await ask(tybalt, "get", "<items node='MyFriends'/>", "<items>{empty}</items>");
  await ask(juliet, "set", "<retract node='MyStream'><item id='1'/></retract>");
  await refused(
    romeo,
    "set",
    "<retract node='FriendsStream'><item id='1'/></retract>",
    "auth",
    "forbidden",
  );
  await ask(romeo, "get", "<items node='FriendsStream'/>", "<items>{empty}</items>");
});

test("500 friends' streams come in pages, newest first", async (server) => {
  const romeo = await login(server, "romeo");
  const { hooks } = server.host();
  const FRIENDS = 500;
  for (let i = 0; i < FRIENDS; i++) await know(server, "romeo", `friend${i}`);
  for (let n = 0; n < 3; n++) {
    for (let i = 0; i < FRIENDS; i++) {
      const author = parseJid(`friend${i}@localhost`)!;
      const payload = xml("note", "urn:example:entry", {}, `${n}`);
      const options = { max_items: "max", send_last_published_item: "never" };
      await hooks.ask(pepPublish, author, "urn:example:notes", { id: `${n}`, payload }, options);
    }
  }
  const RSM = "http://jabber.org/protocol/rsm";
  const seen: string[] = [];
  let after = "";
  const times: number[] = [];
  for (let page = 0; page < 4; page++) {
    const start = performance.now();
    const { last } = await ask(
      romeo,
      "get",
      `<items node='FriendsStream'/><set xmlns='${RSM}'><max>100</max>${after}</set>`,
      `<items/><set xmlns='${RSM}'><last>{last}</last></set>`,
    );
    times.push(performance.now() - start);
    seen.push(...itemIds(romeo));
    after = `<after>${last}</after>`;
  }
  assert.equal(new Set(seen).size, 400);
  const stamps = seen.map((id) => Number.parseInt(id));
  assert.deepEqual(stamps, stamps.toSorted((a, b) => b - a));
  assert.ok(Math.min(...times) < 1000, `${times}`);
});
