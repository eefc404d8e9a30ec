/** Rooms as they are woken: by another server, with all that is stored. */

import { MODULES } from "./muc.ts";
import { written } from "./muc_restart.ts";
import { type Table, type TestServer, withServer } from "./server.ts";

/** What a server says that has nothing but what this one has stored. */
export async function woken(
  server: TestServer,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
  modules: readonly string[] = MODULES,
): Promise<void> {
  await written();
  const tables = { muc: {}, ...settings.modules as Table | undefined };
  const all = { ...settings, modules: tables };
  await withServer(all, { modules, copyOf: server.data }, transcript);
}
