/** XEP-0092: Software Version. */

import { login } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";

const modules = ["auth", "version"];
const QUERY = "<iq type='get' id='v' to='localhost'><query xmlns='jabber:iq:version'/></iq>";

Deno.test("XEP-0092: name and version, no operating system by default", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(QUERY);
    await alice.receives(
      "<iq type='result' id='v' from='localhost'><query xmlns='jabber:iq:version'>{only}" +
        "<name>Confab</name><version>{any}</version></query></iq>",
    );
  }));

Deno.test("XEP-0092 §5: the operating system if the operator wants it", () =>
  withServer({ modules: { version: { os: true } } }, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(QUERY);
    await alice.receives(
      `<iq type='result' id='v'><query xmlns='jabber:iq:version'><os>${Deno.build.os}</os></query></iq>`,
    );
  }));

Deno.test("XEP-0092: the version cannot be set", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(QUERY.replace("get", "set"));
    await alice.receives(
      "<iq type='error' id='v'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
  }));
