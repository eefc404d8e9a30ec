/** Services of modules at domains of their own. */

import assert from "node:assert/strict";
import { login } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { makeService } from "../../lib/module_service.ts";
import { message } from "../../lib/stanza.ts";
import { result } from "../../lib/module.ts";
import { xml } from "../../lib/xml/element.ts";
import { parseJid } from "../../lib/jid.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const ECHO = "urn:example:echo";

function echo(server: TestServer) {
  const { handle, close } = makeService(server.host(), "test", "echo", "Echo");
  handle.feature(ECHO);
  handle.iq.get(ECHO, "ping", () => result(xml("pong", ECHO)));
  handle.iq.get(ECHO, "ping", (iq) => result(xml("pong", ECHO, {}, iq.to!.node)), "account");
  handle.disco({
    info: (to, node) =>
      node !== "" ? undefined : {
        identities: [{ category: "component", type: to.node === "" ? "generic" : "bot" }],
        features: new Set(),
        forms: [],
      },
    items: (_to, node) =>
      node !== "" ? undefined : { items: [{ jid: "a@echo.localhost", name: "A" }] },
  });
  handle.onStanza((stanza) => {
    if (stanza.name !== "message") return undefined;
    const back = message(
      { from: stanza.to, to: stanza.from, type: stanza.type, id: stanza.id },
      ...stanza.children,
    );
    server.inner.router.route(back);
    return true;
  });
  return { handle, close };
}

const refused = (id: string, condition: string) =>
  `<iq type='error' id='${id}'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;

Deno.test("a service is found, answers, and vanishes", () =>
  withServer({}, {}, async (server) => {
    const { close } = echo(server);
    const alice = await login(server, "alice");
    await alice.request(
      `<iq type='get' id='1' to='localhost'><query xmlns='${ITEMS}'/></iq>`,
      `<iq type='result' id='1'><query xmlns='${ITEMS}'><item jid='echo.localhost' name='Echo'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='2' to='echo.localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='2' from='echo.localhost'><query xmlns='${INFO}'>` +
        `<identity category='component' type='generic'/><feature var='${INFO}'/>` +
        `<feature var='${ITEMS}'/><feature var='${ECHO}'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='3' to='echo.localhost'><query xmlns='${INFO}' node='x'/></iq>`,
      refused("3", "item-not-found"),
    );
    await alice.request(
      `<iq type='get' id='4' to='echo.localhost'><query xmlns='${ITEMS}'/></iq>`,
      `<iq type='result' id='4'><query xmlns='${ITEMS}'><item jid='a@echo.localhost' name='A'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='5' to='echo.localhost'><ping xmlns='${ECHO}'/></iq>`,
      `<iq type='result' id='5' from='echo.localhost'><pong xmlns='${ECHO}'/></iq>`,
    );
    await alice.request(
      `<iq type='get' id='6' to='b@echo.localhost'><ping xmlns='${ECHO}'/></iq>`,
      `<iq type='result' id='6' from='b@echo.localhost'><pong xmlns='${ECHO}'>b</pong></iq>`,
    );
    await alice.request(
      `<iq type='get' id='7' to='b@echo.localhost/r'><ping xmlns='${ECHO}'/></iq>`,
      refused("7", "service-unavailable"),
    );
    await alice.request(
      `<iq type='set' id='8' to='echo.localhost'><ping xmlns='${ECHO}'/></iq>`,
      refused("8", "service-unavailable"),
    );
    alice.send(`<message to='c@echo.localhost/d' id='9'><body>hi</body></message>`);
    await alice.receives(
      `<message from='c@echo.localhost/d' to='${alice.jid}' id='9'><body>hi</body></message>`,
    );
    alice.send("<presence to='echo.localhost'/>"); // of no interest, and no error
    close();
    await alice.request(
      `<iq type='get' id='10' to='echo.localhost'><ping xmlns='${ECHO}'/></iq>`,
      refused("10", "remote-server-not-found"),
    );
  }));

Deno.test("a service asks, and only the one it has asked can answer", () =>
  withServer({}, {}, async (server) => {
    const { handle } = echo(server);
    const alice = await login(server, "alice");
    const eve = await login(server, "eve");
    const asked = handle.request(parseJid(alice.jid)!, "get", xml("ping", "urn:xmpp:ping"));
    const { id } = await alice.receives(
      `<iq type='get' from='echo.localhost' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    eve.send(`<iq type='result' to='echo.localhost' id='${id}'/>`);
    await eve.request(
      `<iq type='get' id='5' to='echo.localhost'><ping xmlns='${ECHO}'/></iq>`,
      `<iq type='result' id='5'><pong xmlns='${ECHO}'/></iq>`,
    );
    alice.send(`<iq type='result' to='echo.localhost' id='${id}'/>`);
    assert.equal((await asked).from?.full, alice.jid);
  }));

Deno.test("two at one domain are refused, with both names", () =>
  withServer({}, {}, (server) => {
    echo(server);
    const host = server.host();
    assert.throws(() => makeService(host, "other", "echo", ""), /module test/);
    assert.throws(() => makeService(host, "other", "a b", ""), /no name for a service/);
    return Promise.resolve();
  }));
