/** XEP-0157: Contact Addresses for XMPP Services. */

import assert from "node:assert/strict";
import { login } from "../helpers/client.ts";
import { startServer, withServer } from "../helpers/server.ts";

const modules = ["auth", "disco", "contact"];
const INFO = "http://jabber.org/protocol/disco#info";

Deno.test("XEP-0157: addresses are in the host's service discovery", () => {
  const contact = {
    abuse: ["mailto:abuse@shakespeare.lit", "xmpp:abuse@shakespeare.lit"],
    status: ["https://status.shakespeare.lit"],
  };
  return withServer({ modules: { contact } }, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(`<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`);
    await alice.receives(
      `<iq type='result' id='d'><query xmlns='${INFO}'><x xmlns='jabber:x:data' type='result'>{only}
         <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/network/serverinfo</value></field>
         <field var='abuse-addresses'><value>mailto:abuse@shakespeare.lit</value>
           <value>xmpp:abuse@shakespeare.lit</value></field>
         <field var='status-addresses'><value>https://status.shakespeare.lit</value></field>
       </x></query></iq>`,
    );
    alice.send(`<iq type='get' id='own'><query xmlns='${INFO}'/></iq>`);
    await alice.receives(
      `<iq type='result' id='own'><query xmlns='${INFO}'><x xmlns='jabber:x:data'>{absent}</x></query></iq>`,
    );
  });
});

Deno.test("XEP-0157: without addresses there is no form", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send(`<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`);
    await alice.receives(
      `<iq type='result' id='d'><query xmlns='${INFO}'><x xmlns='jabber:x:data'>{absent}</x></query></iq>`,
    );
  }));

Deno.test("XEP-0157: what is no URI is refused in the configuration", async () => {
  await assert.rejects(
    startServer({ modules: { contact: { abuse: ["not a URI"] } } }, { modules }),
    /modules\.contact\.abuse.*URI/,
  );
});
