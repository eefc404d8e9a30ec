/** XEP-0030: Service Discovery; XEP-0128: Service Discovery Extensions. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import type { TestClient } from "../helpers/client.ts";
import { startServer, withServer } from "../helpers/server.ts";
import {
  discoInfo,
  discoItems,
  discoNodeInfo,
  discoNodeItems,
  mayDiscover,
} from "../../lib/hooks/disco.ts";
import { DROP } from "../../lib/hooks/hook.ts";
import { xml } from "../../lib/xml/element.ts";

const modules = ["auth", "disco", "ping"];
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

const info = (to: string, node = "") =>
  `<iq type='get' id='d1' to='${to}'><query xmlns='${INFO}'${node}/></iq>`;
const items = (to: string, node = "") =>
  `<iq type='get' id='d2' to='${to}'><query xmlns='${ITEMS}'${node}/></iq>`;

async function refused(client: TestClient, iq: string, condition: string): Promise<void> {
  client.send(iq);
  await client.receives(
    `<iq type='error'><query/><error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
      .replace("<query/>", iq.match(/<query[^>]*>/)![0]),
  );
}

Deno.test("XEP-0030 §3.1: the host says what it is and what its modules offer", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(info("localhost"));
    await alice.receives(
      `<iq type='result' id='d1' from='localhost' to='${alice.jid}'><query xmlns='${INFO}' node='{absent}'>
         <identity category='server' type='im' name='Confab' xml:lang='en'/>
         <feature var='${INFO}'/><feature var='${ITEMS}'/><feature var='urn:xmpp:ping'/>
       </query></iq>`,
    );
  }));

Deno.test("XEP-0030: features come and go with their modules", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    await server.inner.unloadModule(server.host(), "ping");
    alice.send(info("localhost"));
    await alice.next();
    const features = alice.last.child("query")!.elements("feature").map((f) => f.attrs.var);
    assert.deepEqual(features, [INFO, ITEMS]);
  }));

Deno.test("XEP-0030 §3.1: an account answers its owner", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    for (const to of ["", " to='alice@localhost'"]) {
      alice.send(`<iq type='get' id='d1'${to}><query xmlns='${INFO}'/></iq>`);
      await alice.receives(
        `<iq type='result' id='d1' from='alice@localhost'><query xmlns='${INFO}'>
           <identity category='account' type='registered'/><feature var='${INFO}'/>
         </query></iq>`,
      );
    }
  }));

Deno.test("XEP-0030 §8: strangers cannot tell accounts from none", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await online(server, "alice");
    await online(server, "bob");
    for (const whom of ["bob@localhost", "nobody@localhost"]) {
      for (const node of ["", " node='x'"]) {
        await refused(alice, info(whom, node), "service-unavailable");
        await refused(alice, items(whom, node), "service-unavailable");
      }
    }
  }));

Deno.test("XEP-0030 §4.1: those who may see its presence see the account and its resources", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob", { resource: "balcony" });
    await login(server, "bob", { resource: "not-available" });
    server.host().hooks.add(
      mayDiscover,
      "test",
      (account, from) => account.node === "bob" && from.node === "alice",
    );

    alice.send(info("bob@localhost"));
    await alice.receives(
      `<iq type='result' from='bob@localhost'><query xmlns='${INFO}'><identity category='account' type='registered'/></query></iq>`,
    );
    alice.send(items("bob@localhost"));
    await alice.receives(
      `<iq type='result' from='bob@localhost'><query xmlns='${ITEMS}'>{only}<item jid='bob@localhost/balcony'/></query></iq>`,
    );
    await refused(bob, items("alice@localhost"), "service-unavailable");
  }));

Deno.test("XEP-0030 §8: a subscription to its presence lets in", () =>
  withServer({}, { modules: [...modules, "roster", "presence"] }, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    alice.send("<presence type='subscribe' to='bob@localhost'/>");
    await bob.eventually("<presence type='subscribe' from='alice@localhost'/>");
    await alice.request(
      info("bob@localhost"),
      "<iq type='error'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
    bob.send("<presence type='subscribed' to='alice@localhost'/>");
    await alice.eventually("<presence from='bob@localhost/{any}'/>");

    await alice.request(info("bob@localhost"), "<iq type='result' from='bob@localhost'/>");
    // It was one way only.
    await bob.request(info("alice@localhost"), "<iq type='error' from='alice@localhost'/>");
  }));

Deno.test("XEP-0030: a full JID answers for itself", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    alice.send(info(bob.jid));
    await bob.receives(
      `<iq type='get' id='d1' from='${alice.jid}' to='${bob.jid}'><query xmlns='${INFO}'/></iq>`,
    );
    bob.send(
      `<iq type='result' id='d1' to='${alice.jid}'><query xmlns='${INFO}'><identity category='client' type='pc'/></query></iq>`,
    );
    await alice.receives(
      `<iq type='result' id='d1' from='${bob.jid}'><query xmlns='${INFO}'><identity category='client'/></query></iq>`,
    );
    await refused(alice, info("bob@localhost/nowhere"), "service-unavailable");
  }));

Deno.test("XEP-0030 §3.2, §4.2: nodes are answered by whoever has them, and mirrored", () =>
  withServer({}, { modules }, async (server) => {
    const { hooks } = server.host();
    hooks.add(
      discoNodeInfo,
      "test",
      (target, node) =>
        target.node === "" && node === "music"
          ? {
            identities: [{ category: "hierarchy", type: "branch" }],
            features: new Set([INFO]),
            forms: [],
          }
          : undefined,
    );
    hooks.add(
      discoNodeItems,
      "test",
      (_target, node) =>
        node === "music"
          ? [{ jid: "localhost", node: "music/A", name: "Arias & more" }]
          : undefined,
    );
    const alice = await login(server, "alice");

    alice.send(info("localhost", " node='music'"));
    await alice.receives(
      `<iq type='result'><query xmlns='${INFO}' node='music'>{only}
         <identity category='hierarchy' type='branch' name='{absent}'/><feature var='${INFO}'/></query></iq>`,
    );
    alice.send(items("localhost", " node='music'"));
    await alice.receives(
      `<iq type='result'><query xmlns='${ITEMS}' node='music'>{only}
         <item jid='localhost' node='music/A' name='Arias &amp; more'/></query></iq>`,
    );
    for (const to of ["localhost", "alice@localhost"]) {
      await refused(alice, info(to, " node='unknown'"), "item-not-found");
      await refused(alice, items(to, " node='unknown'"), "item-not-found");
    }
  }));

Deno.test("XEP-0030 §4.1: the host lists its items, and those of the configuration", () => {
  const disco = { name: "Our & server", items: ["conference.localhost"] };
  return withServer({ modules: { disco } }, { modules }, async (server) => {
    server.host().hooks.add(
      discoItems,
      "test",
      (list) => [...list, { jid: "more.localhost", name: "More" }],
    );
    const alice = await login(server, "alice");
    alice.send(items("localhost"));
    await alice.receives(
      `<iq type='result'><query xmlns='${ITEMS}'>{only}
         <item jid='conference.localhost'/><item jid='more.localhost' name='More'/></query></iq>`,
    );
    alice.send(info("localhost"));
    await alice.receives(
      `<iq type='result'><query xmlns='${INFO}'><identity name='Our &amp; server'/></query></iq>`,
    );
  });
});

Deno.test("XEP-0030 §4.1: no items are an empty result", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(items("localhost"));
    await alice.receives(`<iq type='result' id='d2'><query xmlns='${ITEMS}'>{empty}</query></iq>`);
  }));

Deno.test("modules can change what is told, or have it refused", () =>
  withServer({}, { modules }, async (server) => {
    const { hooks } = server.host();
    const alice = await login(server, "alice");
    const remove = hooks.add(discoInfo, "test", (value, target) => {
      if (target.node !== "") return DROP;
      value.identities.push({ category: "pubsub", type: "service" });
      value.forms.push(xml("x", "jabber:x:data", { type: "result" }));
    });
    alice.send(info("localhost"));
    await alice.receives(
      `<iq type='result'><query xmlns='${INFO}'><identity category='pubsub' type='service'/><x xmlns='jabber:x:data' type='result'/></query></iq>`,
    );
    await refused(alice, info("alice@localhost"), "service-unavailable");
    remove();
    alice.send(info("alice@localhost"));
    await alice.receives("<iq type='result'/>");
  }));

Deno.test("XEP-0030: disco cannot be set", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    await refused(alice, info("localhost").replace("get", "set"), "service-unavailable");
  }));

Deno.test("an item that is no address is refused in the configuration", async () => {
  await assert.rejects(
    startServer({ modules: { disco: { items: ["@"] } } }, { modules }),
    /modules\.disco\.items/,
  );
});
