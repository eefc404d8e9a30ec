/** RFC 6121 §4: presence. */

import assert from "node:assert/strict";
import type { TestClient } from "../helpers/client.ts";
import { login, online } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { Table, TestServer } from "../helpers/server.ts";

const modules = ["auth", "ping", "disco", "roster", "presence"];
const STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'";

function test(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(`RFC 6121 §4: ${name}`, () => withServer(settings, { modules }, transcript));
}

const bare = (client: TestClient) => client.jid.split("/")[0]!;

/** `watcher` gets to see `watched`. */
async function subscribe(watcher: TestClient, watched: TestClient): Promise<void> {
  watcher.send(`<presence type='subscribe' to='${bare(watched)}'/>`);
  await watched.eventually(`<presence type='subscribe' from='${bare(watcher)}'/>`);
  watched.send(`<presence type='subscribed' to='${bare(watcher)}'/>`);
  await watcher.eventually(`<presence from='${watched.jid}' type='{absent}'/>`);
}

/** Two who see each other, with nothing left to read. */
async function friends(server: TestServer): Promise<[TestClient, TestClient]> {
  const romeo = await online(server, "romeo");
  const juliet = await online(server, "juliet");
  await subscribe(romeo, juliet);
  await subscribe(juliet, romeo);
  await settle(romeo, juliet);
  return [romeo, juliet];
}

async function settle(...clients: TestClient[]): Promise<void> {
  for (const client of clients) await client.sync();
  for (const client of clients) await client.sync();
  for (const client of clients) client.skip();
}

test("own presence comes back, and goes to own other resources", async (server) => {
  const one = await login(server, "juliet", { resource: "one" });
  one.send("<presence id='p1'><status>here</status></presence>");
  await one.receives(`<presence id='p1' from='${one.jid}'><status>here</status></presence>`);

  const two = await login(server, "juliet", { resource: "two" });
  two.send("<presence/>");
  await two.receivesAll(
    `<presence from='${two.jid}'/>`,
    `<presence from='${one.jid}'><status>here</status></presence>`,
  );
  await one.receives(`<presence from='${two.jid}'/>`);

  one.send("<presence><show>away</show></presence>");
  const away = `<presence from='${one.jid}'><show>away</show></presence>`;
  await one.receives(away);
  await two.receives(away);

  two.send("<presence type='unavailable'><status>bye</status></presence>");
  const bye = `<presence type='unavailable' from='${two.jid}'><status>bye</status></presence>`;
  await one.receives(bye);
  await two.receives(bye);
  one.send("<presence/>");
  await one.receives(`<presence from='${one.jid}'/>`);
  await two.receivesNothing();
});

test("contacts hear of every change, and of a loss", async (server) => {
  const [romeo, juliet] = await friends(server);
  juliet.send("<presence><show>dnd</show><priority>5</priority></presence>");
  await romeo.receives(
    `<presence from='${juliet.jid}' to='romeo@localhost'><show>dnd</show><priority>5</priority></presence>`,
  );
  juliet.send("<presence type='unavailable'/>");
  await romeo.receives(`<presence type='unavailable' from='${juliet.jid}'/>`);
  // Not available already: nobody is told twice.
  juliet.send("<presence type='unavailable'/>");
  await romeo.receivesNothing();

  juliet.send("<presence/>");
  await romeo.receives(`<presence from='${juliet.jid}' type='{absent}'/>`);
  juliet.cut();
  await romeo.receives(`<presence type='unavailable' from='${juliet.jid}'/>`);

  const again = await login(server, "juliet");
  again.send("<presence/>");
  await romeo.receives(`<presence from='${again.jid}' type='{absent}'/>`);
  await again.receivesAll(
    `<presence from='${again.jid}'/>`,
    `<presence from='${romeo.jid}'/>`,
  );
  await again.close();
  await romeo.receives(`<presence type='unavailable' from='${again.jid}'/>`);
  await romeo.receivesNothing();
});

test("only those who may see it see it", async (server) => {
  const romeo = await online(server, "romeo");
  const juliet = await online(server, "juliet");
  await subscribe(romeo, juliet); // one way
  await settle(romeo, juliet);
  romeo.send("<presence><show>away</show></presence>");
  await romeo.receives("<presence><show>away</show></presence>");
  await juliet.receivesNothing();
  juliet.send("<presence><show>xa</show></presence>");
  await romeo.receives("<presence><show>xa</show></presence>");

  // At login, too: one shows, the other does not.
  await romeo.close();
  await juliet.sync();
  const back = await login(server, "romeo");
  back.send("<presence/>");
  await back.receivesAll(
    `<presence from='${back.jid}'/>`,
    `<presence from='${juliet.jid}'><show>xa</show></presence>`,
  );
  juliet.skip();
  await juliet.receivesNothing();
});

test("bad presence", async (server) => {
  const juliet = await online(server, "juliet");
  const bad = (id: string) =>
    `<presence type='error' id='${id}'><error type='modify'><bad-request ${STANZAS}/></error></presence>`;
  for (const priority of ["128", "-129", "1.5", "high"]) {
    juliet.send(`<presence id='p1'><priority>${priority}</priority></presence>`);
    await juliet.receives(bad("p1"));
  }
  juliet.send("<presence id='p2' type='happy'/>");
  await juliet.receives(bad("p2"));
  juliet.send("<presence id='p3' type='happy' to='romeo@localhost'/>");
  await juliet.receives(bad("p3"));
  for (const priority of ["127", "-128", "+1"]) {
    juliet.send(`<presence><priority>${priority}</priority></presence>`);
    await juliet.receives(`<presence type='{absent}'><priority>{any}</priority></presence>`);
  }
});

test("directed presence, and the end of it (§4.6)", async (server) => {
  const juliet = await online(server, "juliet");
  const romeo = await online(server, "romeo");
  const nurse = await online(server, "nurse");
  juliet.send(`<presence to='${romeo.jid}'><show>chat</show></presence>`);
  await romeo.receives(
    `<presence from='${juliet.jid}' to='${romeo.jid}'><show>chat</show></presence>`,
  );
  juliet.send("<presence to='nurse@localhost'/>");
  await nurse.receives(`<presence from='${juliet.jid}' to='nurse@localhost'/>`);

  // No part in the broadcast of available presence.
  juliet.send("<presence><show>away</show></presence>");
  await romeo.receivesNothing();

  // Who was told of the absence by name is not told again.
  juliet.send("<presence to='nurse@localhost' type='unavailable'/>");
  await nurse.receives(`<presence type='unavailable' from='${juliet.jid}'/>`);
  juliet.send("<presence type='unavailable'><status>bye</status></presence>");
  await romeo.receives(
    `<presence type='unavailable' from='${juliet.jid}' to='${romeo.jid}'><status>bye</status></presence>`,
  );
  await nurse.receivesNothing();
  juliet.send("<presence/><presence type='unavailable'/>");
  await romeo.receivesNothing();

  // A resource that was never available, and is lost.
  const silent = await login(server, "juliet");
  silent.send(`<presence to='${romeo.jid}'/>`);
  await romeo.receives(`<presence from='${silent.jid}' type='{absent}'/>`);
  silent.cut();
  await romeo.receives(`<presence from='${silent.jid}' type='unavailable'/>`);
});

test("contacts hear of an absence once, directed presence or not", async (server) => {
  const [romeo, juliet] = await friends(server);
  juliet.send("<presence to='romeo@localhost'><status>psst</status></presence>");
  await romeo.receives("<presence><status>psst</status></presence>");
  juliet.cut();
  await romeo.receives(`<presence type='unavailable' from='${juliet.jid}'/>`);
  await romeo.receivesNothing();
});

test("directed presence is limited", async (server) => {
  const juliet = await online(server, "juliet");
  const to = (n: number) => `<presence id='d${n}' to='room${n}@localhost/juliet'/>`;
  juliet.send(to(1) + to(2) + to(3) + to(1));
  await juliet.receives(
    `<presence type='error' id='d3'><error type='modify'><policy-violation ${STANZAS}/></error></presence>`,
  );
  juliet.send("<presence to='room1@localhost/juliet' type='unavailable'/>" + to(3));
  await juliet.receivesNothing();
}, { modules: { presence: { directed: 2 } } });

test("probes (§4.3)", async (server) => {
  const [romeo, juliet] = await friends(server);
  const stranger = await online(server, "tybalt");
  juliet.send("<presence id='shown'><show>dnd</show></presence>");
  await settle(romeo, juliet);

  romeo.send("<presence type='probe' to='juliet@localhost' id='p1'/>");
  await romeo.receives(
    `<presence from='${juliet.jid}' id='shown' type='{absent}'><show>dnd</show></presence>`,
  );
  romeo.send(`<presence type='probe' to='${juliet.jid}' id='p2'/>`);
  await romeo.receives(`<presence from='${juliet.jid}' type='{absent}'>{empty}</presence>`);
  romeo.send("<presence type='probe' to='juliet@localhost/elsewhere' id='p3'/>");
  await romeo.receives(
    "<presence from='juliet@localhost/elsewhere' type='unavailable' id='p3'>{empty}</presence>",
  );

  // No difference between an account that does not exist and one that shows nothing.
  for (const whom of ["juliet@localhost", "nobody@localhost", juliet.jid]) {
    stranger.send(`<presence type='probe' to='${whom}' id='p4'/>`);
    // A bounce of a denial that concerns nothing: not delivered (table 9).
    await stranger.receivesNothing();
  }

  // Directed presence authorises (§4.6.6), for that resource and with no details.
  juliet.send(`<presence to='${stranger.jid}'><show>chat</show></presence>`);
  await stranger.receives(`<presence from='${juliet.jid}'/>`);
  stranger.send(`<presence type='probe' to='${juliet.jid}' id='p5'/>`);
  await stranger.receives(`<presence from='${juliet.jid}' type='{absent}'>{empty}</presence>`);

  juliet.send("<presence type='unavailable'/>");
  await settle(romeo, juliet, stranger);
  romeo.send("<presence type='probe' to='juliet@localhost' id='p6'/>");
  await romeo.receives("<presence from='juliet@localhost' type='unavailable' id='p6'/>");
  await juliet.close();
  romeo.send("<presence type='probe' to='juliet@localhost' id='p7'/>");
  await romeo.receives("<presence from='juliet@localhost' type='unavailable' id='p7'/>");
});

test("a probe tells who may not see to forget it", async (server) => {
  // Juliet's side has forgotten the subscription: the answer sets Romeo's right.
  const [romeo, juliet] = await friends(server);
  const { rosterSetItem, rosterGetItem } = await import("../../lib/hooks/roster.ts");
  const { parseJid } = await import("../../lib/jid.ts");
  const { hooks } = server.host();
  const [hers, his] = [parseJid(juliet.jid)!.toBare(), parseJid(romeo.jid)!.toBare()];
  const item = await hooks.ask(rosterGetItem, hers, his);
  assert.ok(item !== undefined && item !== "none");
  await hooks.ask(rosterSetItem, hers, { ...item, subscription: "to" as const });
  romeo.send("<iq type='get' id='g1'><query xmlns='jabber:iq:roster'/></iq>");
  await romeo.eventually("<iq id='g1'/>");
  romeo.send("<presence type='probe' to='juliet@localhost' id='p1'/>");
  await romeo.receives("<presence from='juliet@localhost' type='unsubscribed' id='p1'/>");
  await romeo.receives(
    "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost' subscription='from'/></query></iq>",
  );
});

test("presence held elsewhere makes contacts appear online", async (server) => {
  const [romeo, juliet] = await friends(server);
  await juliet.close();
  await romeo.close();
  const { presenceCheck } = await import("../../lib/hooks/presence.ts");
  const { presence } = await import("../../lib/stanza.ts");
  const asked: string[] = [];
  server.host().hooks.add(presenceCheck, "elsewhere", async (contact, watcher) => {
    asked.push(`${contact.full} ${watcher.full}`);
    return [presence({ from: contact.withResource("phone") })];
  });
  const back = await login(server, "romeo");
  back.send("<presence/>");
  await back.receivesAll(
    `<presence from='${back.jid}'/>`,
    "<presence from='juliet@localhost/phone'/>",
  );
  assert.deepEqual(asked, ["juliet@localhost romeo@localhost"]);
  back.send("<presence type='probe' to='juliet@localhost'/>");
  await back.receives("<presence from='juliet@localhost/phone'/>");
});

test("IQs of strangers do not reach a resource (§8.5.3.1)", async (server) => {
  const [romeo, juliet] = await friends(server);
  const tybalt = await online(server, "tybalt");
  const ask = (client: TestClient, id: string) =>
    client.send(
      `<iq type='get' id='${id}' to='${juliet.jid}'><query xmlns='jabber:iq:last'/></iq>`,
    );
  ask(romeo, "i1");
  await juliet.receives(`<iq id='i1' from='${romeo.jid}'/>`);
  ask(tybalt, "i2");
  await tybalt.receives(
    `<iq type='error' id='i2'><error><service-unavailable ${STANZAS}/></error></iq>`,
  );
  juliet.send(`<presence to='${tybalt.jid}'/>`);
  await tybalt.receives("<presence/>");
  ask(tybalt, "i3");
  await juliet.receives(`<iq id='i3' from='${tybalt.jid}'/>`);
  juliet.send(`<presence to='${tybalt.jid}' type='unavailable'/>`);
  await tybalt.receives("<presence type='unavailable'/>");
  ask(tybalt, "i4");
  await tybalt.receives("<iq type='error' id='i4'/>");
  await juliet.receivesNothing();
});

test("unless that is set otherwise", async (server) => {
  const juliet = await online(server, "juliet");
  const tybalt = await online(server, "tybalt");
  tybalt.send(`<iq type='get' id='i1' to='${juliet.jid}'><query xmlns='jabber:iq:last'/></iq>`);
  await juliet.receives(`<iq id='i1' from='${tybalt.jid}'/>`);
}, { modules: { presence: { iq_from_strangers: true } } });

Deno.test("RFC 6121 §4: between two hosts of one server", () =>
  withServer(
    { hosts: { localhost: {}, "example.org": {} } },
    { modules },
    async (server) => {
      const romeo = await online(server, "romeo");
      const juliet = await online(server, "juliet", { domain: "example.org" });
      await subscribe(romeo, juliet);
      await subscribe(juliet, romeo);
      await settle(romeo, juliet);
      await romeo.close();
      await juliet.receives(`<presence type='unavailable' from='${romeo.jid}'/>`);
      const back = await login(server, "romeo");
      back.send("<presence/>");
      await back.receivesAll(
        `<presence from='${back.jid}'/>`,
        `<presence from='${juliet.jid}'/>`,
      );
      await juliet.receives(`<presence from='${back.jid}'/>`);
      await juliet.receivesNothing();
    },
  ));

Deno.test("presence without rosters reaches an account's own resources", () =>
  withServer({}, { modules: ["auth", "ping", "presence"] }, async (server) => {
    const one = await online(server, "juliet");
    const two = await login(server, "juliet");
    two.send("<presence/>");
    await two.receivesAll(`<presence from='${one.jid}'/>`, `<presence from='${two.jid}'/>`);
    await one.receives(`<presence from='${two.jid}'/>`);
    one.send("<presence type='subscribe' to='romeo@localhost'/>");
    await one.receivesNothing();
  }));
