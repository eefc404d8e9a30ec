/** XEP-0490: Message Displayed Synchronization: the server's assistance. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import { event, found, interested, items, soon } from "../helpers/pep.ts";
import { withServer } from "../helpers/server.ts";

const NS = "urn:xmpp:mds:displayed:0";
const MARKERS = "urn:xmpp:chat-markers:0";
const INFO = "http://jabber.org/protocol/disco#info";
const DISPLAYED = (id: string) =>
  `<displayed xmlns='${NS}'><stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='${id}'/></displayed>`;
const MARKER = (inner: string) =>
  `<message to='bob@localhost' id='m' type='chat'><displayed xmlns='${MARKERS}' id='the-msg-1'/>${inner}</message>`;

Deno.test("a marker with the item in it: one goes to the contact, the other to the own clients", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const phone = await login(server, "alice");
    await interested(phone, NS);
    phone.skip();
    const bob = await online(server, "bob");
    await alice.request(
      `<iq type='get' id='d' to='alice@localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'>
        <feature var='urn:xmpp:mds:server-assist:0'/></query></iq>`,
    );
    alice.send(MARKER(DISPLAYED("0423")));
    await bob.receives(`<message from='${alice.jid}' id='m'>
      <displayed xmlns='${MARKERS}' id='the-msg-1'/></message>`);
    assert(!bob.last.toString().includes(NS));
    await phone.eventually(
      event("alice@localhost", NS, `<item id='bob@localhost'>${DISPLAYED("0423")}</item>`),
    );
    // Another chat, and further on in this one.
    alice.send(MARKER(DISPLAYED("0500")));
    alice.send(MARKER(DISPLAYED("0501")).replace("bob@localhost", "Room@Muc.test/Nick"));
    await soon(
      alice,
      items(NS),
      found(
        NS,
        `{only}<item id='bob@localhost'>${DISPLAYED("0500")}</item>
          <item id='room@muc.test/Nick'>${DISPLAYED("0501")}</item>`,
      ),
    );
    // Nobody else may read it.
    await bob.request(items(NS, "alice@localhost"), "<iq type='error' id='items'/>");
  }));

Deno.test("what is no such item is taken out all the same (§7)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const id = "<stanza-id xmlns='urn:xmpp:sid:0' by='a' id='1'/>";
    for (const inner of ["", id + id, "<x xmlns='urn:x'/>"]) {
      alice.send(MARKER(`<displayed xmlns='${NS}'>${inner}</displayed>`));
      await bob.receives(`<message id='m'><displayed xmlns='${MARKERS}'/></message>`);
      assert(!bob.last.toString().includes(NS));
    }
    alice.send(MARKER(`<other xmlns='${NS}'/>`));
    await bob.receives("<message id='m'/>");
    assert(!bob.last.toString().includes(NS));
    await alice.receivesNothing(50);
    await alice.request(items(NS), "<iq type='error' id='items'/>");
  }));
