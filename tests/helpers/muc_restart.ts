/**
 * Rooms over the end of a server. A crash is a second server on a copy of the data folder, as it is at
 * that moment.
 */

import type { LoginOptions, TestClient } from "./client.ts";
import { enter } from "./muc.ts";
import { sleep } from "./raw.ts";
import { startServer, type Table, type TestServer, withServer } from "./server.ts";
import { managed, plainLogin, resumed } from "./sm.ts";
import type { Tag } from "./xml.ts";

/** A client with a session that outlives its server. */
export interface Lasting {
  readonly client: TestClient;
  readonly name: string;
  readonly id: string;
}

export type End = "crash" | "stop";

/** What happens before the end of the first server, and after the start of the second. */
export async function twice<T>(
  end: End,
  before: (server: TestServer) => Promise<T>,
  after: (server: TestServer, left: T) => Promise<void>,
  settings: Table = {},
  settingsAfter: Table = settings,
): Promise<void> {
  const first = await startServer(settings);
  try {
    const left = await before(first);
    await written();
    if (end === "stop") await first.inner.stop();
    await withServer(settingsAfter, { copyOf: first.data }, (second) => after(second, left));
  } finally {
    await first.stop();
  }
}

/** Waits until journals and notes of who is where are written. */
export async function written(): Promise<void> {
  await sleep(700);
}

/** Somebody online with stream management. */
export async function lasting(
  server: TestServer,
  name: string,
  options: LoginOptions = {},
): Promise<Lasting> {
  return { ...await managed(server, name, options), name };
}

/** In a room, with stream management. */
export async function lastingIn(
  server: TestServer,
  name: string,
  nick: string,
  room?: string,
  options: LoginOptions = {},
): Promise<Lasting> {
  const session = await lasting(server, name, options);
  await enter(session.client, nick, room);
  return session;
}

/** In a room, without. */
export async function mortalIn(
  server: TestServer,
  name: string,
  nick: string,
  room?: string,
): Promise<TestClient> {
  const client = await plainLogin(server, name);
  await enter(client, nick, room);
  return client;
}

/** Takes the session up again. It acknowledges nothing: all that was sent to it comes once more. */
export async function back(server: TestServer, { name, id }: Lasting): Promise<TestClient> {
  return (await resumed(server, name, id, 0)).client;
}

/** Everything that comes until the answer to a ping; `more` waits for that many ms before. */
export async function all(client: TestClient, more = 0): Promise<Tag[]> {
  if (more > 0) await sleep(more);
  await client.sync();
  const found: Tag[] = [];
  while (client.pending > 0) found.push(await client.next());
  return found;
}
