/** XEP-0202: Entity Time. */

import assert from "node:assert/strict";
import { login } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";

const modules = ["auth", "time", "disco"];

Deno.test("XEP-0202: the server tells its time, in UTC", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    alice.send("<iq type='get' id='time_1' to='localhost'><time xmlns='urn:xmpp:time'/></iq>");
    const { tzo, utc } = await alice.receives(
      "<iq type='result' id='time_1' from='localhost'>" +
        "<time xmlns='urn:xmpp:time'><tzo>{tzo}</tzo><utc>{utc}</utc></time></iq>",
    );
    assert.equal(tzo, "+00:00");
    assert.match(utc!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Math.abs(Date.parse(utc!) - Date.now()) < 10_000);
  }));

Deno.test("XEP-0202: the time cannot be set, and accounts have none", () =>
  withServer({}, { modules }, async (server) => {
    const alice = await login(server, "alice");
    for (const to of ["type='set' to='localhost'", "type='get'"]) {
      alice.send(`<iq id='t' ${to}><time xmlns='urn:xmpp:time'/></iq>`);
      await alice.receives(
        "<iq type='error' id='t'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
      );
    }
  }));
