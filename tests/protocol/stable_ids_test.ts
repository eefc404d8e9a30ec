/** XEP-0359: Unique and Stable Stanza IDs. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import { stanzaIdBy } from "../../lib/formats/stanza_id.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { offlineList } from "../../lib/hooks/storage.ts";
import { messageToAccount } from "../../lib/hooks/stanzas.ts";
import { parseJid } from "../../lib/jid.ts";
import { message } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";

const SID = "urn:xmpp:sid:0";
const id = (by: string) => `<stanza-id xmlns='${SID}' id='forged' by='${by}'/>`;

Deno.test("ids in the name of our accounts are removed, others are not (§3)", () =>
  // Without an archive, which stamps ids of its own.
  withServer({ modules: { mam: false } }, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await online(server, "bob");
    await alice.request(
      "<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      `<iq id='d'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='${SID}'/></query></iq>`,
    );
    for (const by of ["bob@localhost", "Bob@LOCALHOST", "alice@localhost", "localhost", ""]) {
      alice.send(`<message to='${bob.jid}'><body>a</body>${id(by)}</message>`);
      await bob.receives(
        `<message><body>a</body><stanza-id xmlns='${SID}'>{absent}</stanza-id></message>`,
      );
    }
    const origin = `<origin-id xmlns='${SID}' id='mine'/>`;
    const room = id("room@conference.localhost");
    alice.send(
      `<message to='${bob.jid}'><body>a</body>${id("bob@localhost")}${room}${origin}</message>`,
    );
    await bob.receives(`<message><body>a</body>${room}${origin}</message>`);
    assert.equal(bob.last.elements().length, 3);
  }));

Deno.test("what comes from elsewhere in the recipient's name is removed", () =>
  withServer({}, {}, async (server) => {
    const to = parseJid("bob@localhost/r")!;
    const m = message(
      { from: parseJid("a@example.org")!, to },
      xml("stanza-id", SID, { id: "1", by: "bob@localhost" }),
      xml("stanza-id", SID, { id: "2", by: "example.org" }),
    );
    const passed = await server.host().hooks.filter(messageToAccount, m, to);
    assert(typeof passed !== "symbol");
    assert.equal(stanzaIdBy(passed, "bob@localhost"), undefined);
    assert.equal(stanzaIdBy(passed, "example.org"), "2");
  }));

Deno.test("stamped, a message has one id wherever it goes", () =>
  withServer({ modules: { stable_ids: { stamp: true } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await online(server, "bob", { resource: "one" });
    const two = await online(server, "bob", { resource: "two" });
    await bob.sync();
    bob.skip();
    const stamped =
      `<message><body>a</body><stanza-id xmlns='${SID}' id='{id}' by='bob@localhost'/></message>`;
    alice.send(`<message to='bob@localhost'><body>a</body>${id("bob@localhost")}</message>`);
    const first = await bob.receives(stamped);
    assert.deepEqual(await two.receives(stamped), first);
    assert.notEqual(first.id, "forged");

    await bob.close();
    await two.close();
    alice.send("<message to='bob@localhost' type='chat'><body>later</body></message>");
    await alice.sync();
    const [kept] = await server.host().hooks.ask(offlineList, parseJid("bob@localhost")!) ?? [];
    const keptId = stanzaIdBy(parseStored(kept!.xml), "bob@localhost");
    assert(keptId !== undefined);
    const next = await login(server, "bob");
    next.send("<presence/>");
    await next.eventually(
      `<message><body>later</body><stanza-id xmlns='${SID}' id='${keptId}' by='bob@localhost'/></message>`,
    );
  }));
