/** What the tests of kept messages share: alice is online, bob is not. */

import { login, type TestClient } from "./client.ts";
import { type TestServer, withServer } from "./server.ts";
import { offlineList } from "../../lib/hooks/storage.ts";
import { parseJid } from "../../lib/jid.ts";

export const DELAY = "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='{stamp}'/>";

export const bobJid = parseJid("bob@localhost")!;

export async function withBoth(
  transcript: (alice: TestClient, server: TestServer) => Promise<void>,
  settings: Record<string, unknown> = {},
): Promise<void> {
  await withServer(settings, {}, async (server) => {
    await server.addUser("bob@localhost", "password of bob");
    await transcript(await login(server, "alice"), server);
  });
}

export function chat(body: string, more = ""): string {
  return `<message to='bob@localhost' type='chat'><body>${body}</body>${more}</message>`;
}

export async function kept(server: TestServer): Promise<number> {
  return (await server.host().hooks.ask(offlineList, bobJid) ?? []).length;
}

/** What comes at the login of bob, the messages only. */
export async function messagesFor(client: TestClient, count: number): Promise<string[]> {
  const bodies: string[] = [];
  while (bodies.length < count) {
    const { body } = await client.eventually(`<message><body>{body}</body>${DELAY}</message>`);
    bodies.push(body!);
  }
  return bodies;
}

/** Until what was handed over is removed. */
export async function settled(server: TestServer): Promise<void> {
  for (let i = 0; i < 200 && await kept(server) > 0; i++) {
    await new Promise((r) => setTimeout(r, 5));
  }
}
