/** Rooms in tables, for tests. */

import * as v from "valibot";
import { Deadlines } from "../../../../lib/deadlines.ts";
import { Chains } from "../../../../lib/hooks/chains.ts";
import type { AnyHook, Handler } from "../../../../lib/hooks/hook.ts";
import { Jid, parseJid } from "../../../../lib/jid.ts";
import { createLog } from "../../../../lib/log.ts";
import type { RoomConfig, RoomRecord } from "../../../../lib/rooms.ts";
import type { Store } from "../../../../lib/store/mod.ts";
import { config as settings, defaultConfig } from "../../../../modules/muc/settings.ts";
import { keepRooms } from "../../../../modules/muc/storage.ts";
import { migrations } from "../../../../modules/muc/tables.ts";

const config = v.parse(settings, {});
export const defaults = defaultConfig(config);
export const service = parseJid("conference.example.com")!;
export const other = parseJid("rooms.example.com")!;
export const coven = Jid.of("coven", service.domain);
export const juliet = parseJid("juliet@example.com")!;

/** What the tables answer to the hooks, in a host by itself. */
export async function opened(
  store: Store,
  limits?: { rooms: number; waiting: number },
): Promise<Chains> {
  await store.migrate("muc", migrations);
  const log = createLog({ level: "error", format: "text", levels: {}, trace: [] } as never, {
    write() {},
    writeSync() {},
  });
  const chains = new Chains(new Deadlines(), log.area("test"));
  const on = <H extends AnyHook>(hook: H, handler: Handler<H>) => {
    chains.add(hook, "muc", handler);
  };
  const ours = new Set([service.domain, other.domain]);
  keepRooms({ store, on, config }, (domain) => ours.has(domain), limits);
  return chains;
}

export function roomOf(
  change: Partial<RoomConfig> = {},
  rest: Partial<RoomRecord> = {},
): RoomRecord {
  return {
    creator: juliet.bare,
    created: 1_700_000_000_123,
    config: { ...defaults, ...change },
    subject: undefined,
    hats: [],
    secret: "00ff",
    avatars: [],
    version: 0,
    oldestVersion: 0,
    activity: [],
    activeHour: 0,
    ...rest,
  };
}
