/** XEP-0199: XMPP Ping. */

import { login } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";

const modules = ["auth", "ping", "disco"];
const PING = "<ping xmlns='urn:xmpp:ping'/>";

Deno.test("XEP-0199 §4.2: a client pings its server", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");

    alice.send(`<iq type='get' id='c2s1' to='localhost'>${PING}</iq>`);
    await alice.receives(
      `<iq type='result' id='c2s1' from='localhost' to='${alice.jid}'>{empty}</iq>`,
    );

    alice.send(`<iq type='get' id='c2s2'>${PING}</iq>`);
    await alice.receives("<iq type='result' id='c2s2'>{empty}</iq>");

    alice.send(`<iq type='get' id='c2s3' to='alice@localhost'>${PING}</iq>`);
    await alice.receives("<iq type='result' id='c2s3' from='alice@localhost'>{empty}</iq>");
  }));

Deno.test("XEP-0199: a ping is a get; another's account answers nobody", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    await login(server, "bob");

    alice.send(`<iq type='set' id='p1' to='localhost'>${PING}</iq>`);
    await alice.receives(
      "<iq type='error' id='p1'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
    for (const whom of ["bob", "nobody"]) {
      alice.send(`<iq type='get' id='${whom}' to='${whom}@localhost'>${PING}</iq>`);
      await alice.receives(
        `<iq type='error' id='${whom}'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      );
    }
  }));

Deno.test("XEP-0199 §4.4: a ping to a full JID is the client's to answer", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");

    alice.send(`<iq type='get' id='e2e1' to='${bob.jid}'>${PING}</iq>`);
    await bob.receives(`<iq type='get' id='e2e1' from='${alice.jid}'>${PING}</iq>`);
    bob.send(`<iq type='result' id='e2e1' to='${alice.jid}'/>`);
    await alice.receives(`<iq type='result' id='e2e1' from='${bob.jid}'/>`);
  }));

Deno.test("XEP-0199: without the module pings are not supported", () =>
  withServer({}, { modules: ["auth"] }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(`<iq type='get' id='p1' to='localhost'>${PING}</iq>`);
    await alice.receives(
      "<iq type='error' id='p1'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
  }));

Deno.test("XEP-0199 §4.1: the server pings clients; silence ends the session", () =>
  withServer(
    { modules: { ping: { interval: "1s", timeout: "1s" } } },
    { modules },
    async (server) => {
      const alice = await login(server, "alice");
      const bob = await login(server, "bob");

      const { id } = await alice.receives(
        `<iq type='get' id='{id}' from='localhost' to='${alice.jid}'>${PING}</iq>`,
      );
      alice.send(`<iq type='result' id='${id}' to='localhost'/>`);
      // Not supported is an answer, too.
      const again = await alice.receives(`<iq type='get' id='{id}'>${PING}</iq>`);
      alice.send(
        `<iq type='error' id='${again.id}' to='localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      );

      await bob.streamError("connection-timeout");
      await alice.sync();
    },
  ));

Deno.test("XEP-0199 §4.1: nobody can answer in another's place", () =>
  withServer(
    { modules: { ping: { interval: "1s", timeout: "1s" } } },
    { modules },
    async (server) => {
      const alice = await login(server, "alice");
      const bob = await login(server, "bob");
      const { id } = await bob.receives(`<iq type='get' id='{id}'>${PING}</iq>`);
      alice.send(`<iq type='result' id='${id}' to='localhost'/>`);
      await bob.streamError("connection-timeout");
    },
  ));
