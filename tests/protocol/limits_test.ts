/** XEP-0478: Stream Limits Advertisement. */

import assert from "node:assert/strict";
import { connect, login } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import type { TestServer } from "../helpers/server.ts";
import { authenticate } from "../helpers/sasl.ts";
import { mismatch, parse } from "../helpers/xml.ts";
import type { Tag } from "../helpers/xml.ts";

const modules = ["auth", "limits"];

/** The features before TLS, before and after the login. */
async function features(server: TestServer): Promise<Tag[]> {
  await server.addUser("alice@localhost", "secret");
  const client = await connect(server);
  const plain = await client.open();
  const secure = await client.upgrade();
  await authenticate(client, "alice", "secret", "PLAIN");
  return [plain, secure, await client.open()];
}

function offers(tag: Tag, pattern: string): void {
  assert.equal(mismatch(parse(`<stream:features>${pattern}</stream:features>`), tag), undefined);
}

Deno.test("XEP-0478: the limits in force before and after the login", () => {
  const limits = { stanza_bytes: 100_000, stanza_bytes_before_auth: 12_000 };
  return withServer({ limits, c2s: { idle_timeout: "30m" } }, { modules }, async (server) => {
    const [plain, secure, loggedIn] = await features(server);
    for (const before of [plain!, secure!]) {
      offers(
        before,
        "<limits xmlns='urn:xmpp:stream-limits:0'>{only}<max-bytes>12000</max-bytes></limits>",
      );
    }
    offers(
      loggedIn!,
      "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>100000</max-bytes>" +
        "<idle-seconds>1800</idle-seconds></limits>",
    );
  });
});

Deno.test("XEP-0478: without an idle timeout none is announced", () =>
  withServer({}, { modules }, async (server) => {
    const [, , loggedIn] = await features(server);
    offers(
      loggedIn!,
      "<limits xmlns='urn:xmpp:stream-limits:0'>{only}<max-bytes>262144</max-bytes></limits>",
    );
  }));

Deno.test("XEP-0478: what is announced is enforced", () =>
  withServer({ limits: { stanza_bytes: 20_000 } }, { modules }, async (server) => {
    const alice = await login(server, "alice");
    const stanza = (bytes: number) => {
      const [head, tail] = [
        "<message to='alice@localhost' type='headline'><body>",
        "</body></message>",
      ];
      return head + "x".repeat(bytes - head.length - tail.length) + tail;
    };
    alice.send(stanza(20_000));
    await alice.sync();
    alice.send(stanza(20_001));
    await alice.streamError("policy-violation");
  }));
