/** XEP-0033: Extended Stanza Addressing. */

import { login, online } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const NS = "http://jabber.org/protocol/address";
const INFO = "http://jabber.org/protocol/disco#info";

const ADDRESSES = (...addresses: string[]) =>
  `<addresses xmlns='${NS}'>${addresses.join("")}</addresses>`;
const MESSAGE = (...addresses: string[]) =>
  `<message to='localhost' id='m'>${ADDRESSES(...addresses)}<body>Hello, World!</body></message>`;
const A = (type: string, jid: string, more = "") => `<address type='${type}' jid='${jid}'${more}/>`;
const DELIVERED = " delivered='true'";

function refused(condition: string, kind = "message"): string {
  return `<${kind} type='error' id='m'><error><${condition} xmlns='${STANZAS}'/></error></${kind}>`;
}

Deno.test("to, cc and bcc (§6, §7)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const [to, cc] = [await online(server, "to"), await online(server, "cc")];
    const [bcc, bcc2] = [await online(server, "bcc"), await online(server, "bcc2")];
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'><feature var='${NS}'/></query></iq>`,
    );
    alice.send(MESSAGE(
      A("to", "to@localhost", " desc='To' node='n'"),
      A("cc", "cc@localhost"),
      A("bcc", "bcc@localhost"),
      A("bcc", "bcc2@localhost"),
      A("replyto", "bob@elsewhere"),
      A("to", "bob@elsewhere", DELIVERED),
      "<address type='noreply'/>",
    ));
    const seen = A("to", "to@localhost", " desc='To' node='n'" + DELIVERED) +
      A("cc", "cc@localhost", DELIVERED) + A("to", "bob@elsewhere", DELIVERED) +
      A("replyto", "bob@elsewhere", " delivered='{absent}'") + "<address type='noreply'/>";
    const got = (to: string, more = "") =>
      `<message from='${alice.jid}' to='${to}@localhost' id='m' type='{absent}'>
        <addresses xmlns='${NS}'>{only}${seen}${more}</addresses>
        <body>Hello, World!</body></message>`;
    await to.receives(got("to"));
    await cc.receives(got("cc"));
    await bcc.receives(got("bcc", A("bcc", "bcc@localhost", " delivered='{absent}'")));
    await bcc2.receives(got("bcc2", A("bcc", "bcc2@localhost")));
    // Nothing to the one who had it already.
    await alice.receivesNothing();
  }));

Deno.test("each once, the service itself never, full JIDs too", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob", { resource: "a" });
    const other = await online(server, "bob", { resource: "b" });
    bob.skip();
    alice.send(MESSAGE(
      A("bcc", "bob@localhost/a"),
      A("to", "bob@localhost/a"),
      A("cc", "bob@localhost/a"),
      A("bcc", "localhost"),
      A("to", "localhost"),
    ));
    await bob.receives(`<message to='bob@localhost/a'><addresses xmlns='${NS}'>{only}
      <address type='to' jid='bob@localhost/a'/><address type='cc' jid='bob@localhost/a'/>
      <address type='to' jid='localhost'/></addresses></message>`);
    await bob.receivesNothing();
    await other.receivesNothing();
    await alice.receivesNothing();
    // Only the blind: nobody sees a list.
    alice.send(MESSAGE(A("bcc", "bob@localhost/a")));
    await bob.receives(`<message><addresses xmlns='${NS}'>{only}
      <address type='bcc' jid='bob@localhost/a'/></addresses></message>`);
    alice.send(MESSAGE(A("to", "bob@localhost", DELIVERED)));
    await bob.receivesNothing();
  }));

Deno.test("what cannot be delivered comes back for the one address", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    alice.send(
      MESSAGE(A("to", "nobody@localhost"), A("to", "bob@elsewhere.test"), A("to", "bob@localhost")),
    );
    await alice.receives(
      `<message type='error' from='nobody@localhost' id='m'><error>
        <service-unavailable xmlns='${STANZAS}'/></error></message>`,
    );
    await alice.receives(
      `<message type='error' from='bob@elsewhere.test' id='m'><error>
        <remote-server-not-found xmlns='${STANZAS}'/></error></message>`,
    );
    await bob.receives("<message><body>Hello, World!</body></message>");
  }));

Deno.test("addresses that are wrong (§4)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const good = A("to", "bob@localhost");
    const refuse = async (condition: string, ...addresses: string[]) => {
      alice.send(MESSAGE(...addresses));
      await alice.receives(refused(condition));
    };
    await refuse("bad-request");
    await refuse("bad-request", good, "<address jid='bob@localhost'/>");
    await refuse("bad-request", good, A("from", "bob@localhost"));
    await refuse("bad-request", good, "<address type='to' desc='Bob'/>");
    await refuse("bad-request", good, "<address type='cc'/>");
    await refuse("bad-request", good, A("to", "bob@localhost", " uri='im:bob@localhost'"));
    await refuse("bad-request", good, "<address type='to' uri='im:b@localhost' node='n'/>");
    await refuse("jid-malformed", good, "<address type='to' uri='sip:bob@localhost'/>");
    await refuse("jid-malformed", good, A("to", "@localhost"));
    await bob.receivesNothing();
    // The one about somebody else's server is of no concern to us.
    alice.send(MESSAGE(good, "<address type='replyto' uri='mailto:a@b'/>"));
    await bob.receives("<message/>");
    // Neither without a list, nor in an IQ, nor to a resource of the host.
    alice.send("<message to='localhost' id='m'><body>hi</body></message>");
    await alice.receives(refused("service-unavailable"));
    alice.send(`<iq type='set' to='localhost' id='m'>${ADDRESSES(good)}</iq>`);
    await alice.receives(refused("service-unavailable", "iq"));
    alice.send(MESSAGE(good).replace("'localhost'", "'localhost/x'"));
    await alice.receives(refused("service-unavailable"));
  }));

Deno.test("limits: addresses, bytes, recipients a minute", () => {
  const multicast = { addresses: 3, per_minute: 4, copied_bytes: 10_000 };
  return withServer({ modules: { multicast } }, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const to = (n: number) =>
      Array.from(
        { length: n },
        (_, i) => A("to", i === 0 ? "bob@localhost" : `u${i}@x`, i > 1 ? DELIVERED : ""),
      );
    alice.send(MESSAGE(...to(4)));
    await alice.receives(refused("not-acceptable"));
    alice.send(MESSAGE(...to(2)).replace("World", "x".repeat(6000)));
    await alice.receives(refused("not-acceptable"));
    for (let i = 0; i < 4; i++) {
      alice.send(MESSAGE(...to(1)));
      await bob.receives("<message/>");
    }
    alice.send(MESSAGE(...to(1)));
    await alice.receives(refused("resource-constraint"));
    await bob.receivesNothing();
  });
});

Deno.test("no relay for strangers (§2.2)", async () => {
  const hosts = { localhost: {}, "other.test": {} };
  await withServer({ hosts }, {}, async (server) => {
    const carol = await online(server, "carol", { domain: "other.test" });
    const dave = await online(server, "dave", { domain: "other.test" });
    const bob = await online(server, "bob");
    carol.send(MESSAGE(A("to", "bob@localhost"), A("to", "dave@other.test")));
    await carol.receives(refused("forbidden"));
    await bob.receivesNothing();
    // §6, step 11: their server has delivered its part.
    carol.send(MESSAGE(A("to", "bob@localhost"), A("to", "dave@other.test", DELIVERED)));
    await bob.receives(`<message from='${carol.jid}' to='bob@localhost'/>`);
    carol.send(`<presence to='localhost' id='m'>${ADDRESSES(A("to", "bob@localhost"))}</presence>`);
    await carol.receives(refused("forbidden", "presence"));
    await dave.receivesNothing();
  });
  await withServer({ hosts, modules: { multicast: { strangers: false } } }, {}, async (server) => {
    const carol = await online(server, "carol", { domain: "other.test" });
    await server.addUser("bob@localhost", "password of bob");
    carol.send(MESSAGE(A("to", "bob@localhost")));
    await carol.receives(refused("forbidden"));
  });
});

Deno.test("who is blocked gets nothing, and neither do the others (§6, step 5)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const [bob, carol] = [await online(server, "bob"), await online(server, "carol")];
    const block = (jid: string) =>
      `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${jid}'/></block></iq>`;
    await alice.request(block("bob@localhost"), "<iq type='result' id='b'/>");
    alice.send(MESSAGE(A("to", "carol@localhost"), A("to", "bob@localhost")));
    await alice.receives(
      `<message type='error' id='m'><error><not-acceptable xmlns='${STANZAS}'/>
        <blocked xmlns='urn:xmpp:blocking:errors'/></error></message>`,
    );
    await carol.receivesNothing();
    // The other way round, only that one's copy comes back.
    await carol.request(block("alice@localhost"), "<iq type='result' id='b'/>");
    const dave = await online(server, "dave");
    alice.send(MESSAGE(A("to", "carol@localhost"), A("to", "dave@localhost")));
    await alice.receives("<message type='error' from='carol@localhost' id='m'/>");
    await dave.receives("<message/>");
    await bob.receivesNothing();
  }));

Deno.test("presence is directed presence to each, and its end is told (§5.1)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const [bob, carol] = [await online(server, "bob"), await online(server, "carol")];
    const to = ADDRESSES(A("bcc", "bob@localhost"), A("bcc", "carol@localhost"));
    alice.send(`<presence to='localhost' id='m'><show>away</show>${to}</presence>`);
    for (const client of [bob, carol]) {
      await client.receives(`<presence from='${alice.jid}' type='{absent}'><show>away</show>
        <addresses xmlns='${NS}'>{only}<address type='bcc'/></addresses></presence>`);
    }
    alice.send(
      `<presence type='unavailable' to='localhost'>${
        ADDRESSES(A("bcc", "bob@localhost"))
      }</presence>`,
    );
    await bob.receives(`<presence type='unavailable' from='${alice.jid}'/>`);
    await carol.receivesNothing();
    alice.cut();
    await carol.receives(`<presence type='unavailable' from='${alice.jid}'/>`);
    await bob.receivesNothing();
    const dave = await login(server, "dave");
    dave.send(`<presence type='subscribe' to='localhost' id='m'>${to}</presence>`);
    await bob.receivesNothing();
    await carol.receivesNothing();
  }));
