/** Stream management (XEP-0198) as the tests' clients do it. */

import { connect, login, type LoginOptions, type TestClient } from "./client.ts";
import { authenticate } from "./sasl.ts";
import type { TestServer } from "./server.ts";

export const SM = "urn:xmpp:sm:3";

export const DELAY = "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='{stamp}'/>";

/** A client that has authenticated and bound nothing; the features are its last element. */
export async function authenticated(
  server: TestServer,
  name: string,
  domain = "localhost",
): Promise<TestClient> {
  const password = `password of ${name}`;
  await server.addUser(`${name}@${domain}`, password);
  const client = await connect(server, { tls: "direct", domain });
  await client.open();
  await authenticate(client, name, password, "PLAIN");
  await client.open();
  return client;
}

/** Logs in, without SCRAM for the sake of speed. */
export function plainLogin(
  server: TestServer,
  name: string,
  options: LoginOptions = {},
): Promise<TestClient> {
  return login(server, name, { tls: "direct", mechanism: "PLAIN", ...options });
}

/** Turns it on; the SM-ID. */
export async function enable(client: TestClient, attrs = " resume='true'"): Promise<string> {
  client.send(`<enable xmlns='${SM}'${attrs}/>`);
  const { id } = await client.receives(`<enabled xmlns='${SM}' resume='true' id='{id}'/>`);
  return id!;
}

/** A client with stream management; `id` is its SM-ID. */
export async function managed(
  server: TestServer,
  name: string,
  { available = true, ...options }: LoginOptions & { available?: boolean } = {},
): Promise<{ client: TestClient; id: string }> {
  const client = await plainLogin(server, name, options);
  if (available) {
    client.send("<presence/>");
    await client.eventually(`<presence from='${client.jid}'/>`);
    await client.sync();
    client.skip();
  }
  return { client, id: await enable(client) };
}

/** Asks to resume; the answer is still to come. */
export async function resuming(
  server: TestServer,
  name: string,
  id: string,
  h: number,
): Promise<TestClient> {
  const client = await authenticated(server, name);
  client.send(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`);
  return client;
}

/** Resumes; `count` is what the server has handled. */
export async function resumed(
  server: TestServer,
  name: string,
  id: string,
  h: number,
): Promise<{ client: TestClient; count: number }> {
  const client = await resuming(server, name, id, h);
  const { count } = await client.receives(`<resumed xmlns='${SM}' previd='${id}' h='{count}'/>`);
  return { client, count: Number(count) };
}

/** Asks how much was handled: an answer comes when all that was sent before is. */
export async function handled(client: TestClient): Promise<number> {
  client.send(`<r xmlns='${SM}'/>`);
  const { h } = await client.eventually(`<a xmlns='${SM}' h='{h}'/>`);
  return Number(h);
}

export function chat(to: string, body: string, more = ""): string {
  return `<message to='${to}' type='chat'><body>${body}</body>${more}</message>`;
}
