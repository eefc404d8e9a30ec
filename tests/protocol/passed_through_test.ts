/** Extensions that are the clients' own and pass as they are. */

import { login, online } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";

const ROSTER = (jid: string) =>
  `<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='${jid}'/></query></iq>`;

Deno.test("XEP-0319: since when a user has been idle, in broadcast and directed presence", () =>
  withServer({}, {}, async (server) => {
    const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
    bob.send("<presence type='subscribe' to='alice@localhost'/>");
    await alice.eventually("<presence type='subscribe' from='bob@localhost'/>");
    alice.send("<presence type='subscribed' to='bob@localhost'/>");
    await bob.eventually(`<presence from='${alice.jid}' type='{absent}'/>`);
    const idle = "<idle xmlns='urn:xmpp:idle:1' since='1969-07-21T02:56:15Z'/>";
    alice.send(`<presence><show>away</show>${idle}</presence>`);
    await bob.receives(`<presence from='${alice.jid}'><show>away</show>${idle}</presence>`);
    // To who comes later too.
    const later = await login(server, "bob");
    later.send("<presence/>");
    await later.eventually(`<presence from='${alice.jid}'>${idle}</presence>`);
    const carol = await online(server, "carol");
    alice.send(`<presence to='carol@localhost'>${idle}</presence>`);
    await carol.receives(`<presence from='${alice.jid}'>${idle}</presence>`);
  }));

Deno.test("XEP-0172: a nickname in a subscription request and in a message", () =>
  withServer({}, {}, async (server) => {
    const [alice, bob] = [await online(server, "alice"), await online(server, "bob")];
    const nick = "<nick xmlns='http://jabber.org/protocol/nick'>Ishmael</nick>";
    await alice.request(ROSTER("bob@localhost"), "<iq type='result' id='r'/>");
    alice.send(`<presence type='subscribe' to='bob@localhost'>${nick}</presence>`);
    await bob.receives(`<presence type='subscribe' from='alice@localhost'>${nick}</presence>`);
    alice.send(`<message type='chat' to='bob@localhost'><body>hi</body>${nick}</message>`);
    await bob.receives(`<message type='chat'><body>hi</body>${nick}</message>`);
    // Kept with the request for who is offline.
    await server.addUser("dave@localhost", "password of dave");
    alice.send(`<presence type='subscribe' to='dave@localhost'>${nick}</presence>`);
    const dave = await login(server, "dave");
    dave.send("<presence/>");
    await dave.eventually(`<presence type='subscribe' from='alice@localhost'>${nick}</presence>`);
  }));
