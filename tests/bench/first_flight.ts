/**
 * How long a client waits until it is online with stream management, from the end of the TLS handshake
 * on: `deno run -A tests/bench/first_flight.ts`. Server and client share this process and the loopback,
 * so the network's round trips, which are what one flight saves, cost next to nothing here.
 */

import { connect, type TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import {
  BIND2,
  byToken,
  FAST,
  PHONE,
  plain,
  secured,
  succeeds,
  userAgent,
} from "../helpers/sasl2.ts";
import { startServer, type TestServer } from "../helpers/server.ts";

const SM = "urn:xmpp:sm:3";
const ENABLE = `<enable xmlns='${SM}' resume='true'/>`;
const ROUNDS = 400;
const WARM_UP = 100;

async function byStreams(client: TestClient): Promise<void> {
  await client.open();
  await authenticate(client, "alice", "secret", "SCRAM-SHA-256");
  await client.open();
  await client.bind();
  client.write(ENABLE);
  await client.receives(`<enabled xmlns='${SM}'/>`);
}

async function byOneFlight(client: TestClient, token: string): Promise<void> {
  client.sendHeader({ from: "alice@localhost" });
  client.write(
    byToken("alice", token, `${userAgent(PHONE)}<bind xmlns='${BIND2}'>${ENABLE}</bind>`),
  );
  await client.header();
  await client.features();
  await succeeds(client, `<bound xmlns='${BIND2}'><enabled xmlns='${SM}' resume='true'/></bound>`);
}

async function tokenOf(server: TestServer): Promise<string> {
  const client = await secured(server);
  const request = `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`;
  client.send(plain("alice", "secret", userAgent(PHONE) + request));
  const success = await succeeds(client);
  await client.close();
  return success.child("token")!.attrs.token!;
}

async function measure(
  what: string,
  server: TestServer,
  login: (client: TestClient) => Promise<void>,
): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + ROUNDS; i++) {
    const client = await connect(server, { tls: "direct" });
    const begin = performance.now();
    await login(client);
    if (i >= WARM_UP) times.push(performance.now() - begin);
    await client.close();
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.floor(times.length * part)]!.toFixed(2);
  console.log(`${what.padEnd(44)} p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
}

const server = await startServer({
  limits: { sessions_per_account: 1000 },
  log: { level: "warn" },
});
await server.addUser("alice@localhost", "secret");
const token = await tokenOf(server);
await measure("SASL, bind, enable: six round trips", server, byStreams);
await measure("a token, Bind 2, enable: one round trip", server, (c) => byOneFlight(c, token));
await server.stop();
