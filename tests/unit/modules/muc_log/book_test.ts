/** What a book finds out about rooms when the module has been off for a while. */

import assert from "node:assert/strict";
import { Book } from "../../../../modules/muc_log/book.ts";
import { type LogRow, reading } from "../../../../modules/muc_log/reading.ts";
import { migrations } from "../../../../modules/muc_log/tables.ts";
import { writing } from "../../../../modules/muc_log/writing.ts";
import type { ModuleHost } from "../../../../lib/module.ts";
import type { Jid } from "../../../../lib/jid.ts";
import type { Room, RoomConfig } from "../../../../lib/rooms.ts";
import { parseJid } from "../../../../lib/jid.ts";
import { storeTests } from "../../../helpers/stores.ts";

const test = await storeTests();

const OPEN = { name: "now", description: "", public: true, membersOnly: false, password: "" };
const LOGGED = { ...OPEN, logging: true } as RoomConfig;

test("rooms that were closed, or are gone, are not shown any more", async ({ store }) => {
  await store.migrate("muc_log", migrations);
  const stored: Readonly<Record<string, unknown>> = {
    "open@chat.x": { config: LOGGED },
    "closed@chat.x": { config: { ...LOGGED, membersOnly: true } },
    "off@chat.x": { config: { ...LOGGED, logging: false } },
    "gone@chat.x": "none",
    "told@chat.x": { config: LOGGED },
  };
  const told = { jid: parseJid("told@chat.x")!, config: { ...LOGGED, public: false } } as Room;
  const host = {
    domain: "x",
    store,
    pledge: () => {},
    ask: (_hook: unknown, room: Jid) => {
      // Meanwhile something happens, and counts more than what was stored.
      if (room.bare === "told@chat.x") book.note(told);
      return Promise.resolve(stored[room.bare]);
    },
  } as unknown as ModuleHost;
  const book = new Book(host, { logs: () => true, textBytes: 1024, keepDestroyed: false });
  const sql = writing(store);
  const names = [...Object.keys(stored), "elsewhere@chat.x"];
  for (const room of names) {
    const row = { host: "x", room, name: "before", description: "", open: 1, logging: 1 };
    await sql.room.run(row);
  }
  const removes = await book.compare(await reading(store).rooms.all({ host: "x" }));
  await book.close();
  assert.equal(removes, true);
  const rows = await reading(store).rooms.all({ host: "x" });
  const state = ({ room, name, open, logging, live }: LogRow) =>
    `${room.split("@")[0]} ${name} ${open} ${logging} ${live}`;
  assert.deepEqual(rows.map(state), [
    "closed now 0 1 1",
    "elsewhere before 1 1 1",
    "gone before 1 0 0",
    "off now 1 0 1",
    "open now 1 1 1",
    "told now 0 1 1",
  ]);
  assert(rows.find(({ room }) => room === "gone@chat.x")!.gone > 0);
  assert(book.isClosed("closed@chat.x"));
  assert(book.isClosed("told@chat.x"));
  assert(!book.isClosed("open@chat.x"));
});
