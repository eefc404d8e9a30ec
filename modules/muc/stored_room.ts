/** A room as it is written down, in JSON, and read again, perhaps by a later version. */

import type { RoomConfig, RoomRecord, StoredRoom } from "../../lib/rooms.ts";

/** What of a record is in the JSON: the rest has columns of its own. */
type Written = Omit<RoomRecord, "creator" | "created">;

const BLANK = {
  subject: undefined,
  hats: [],
  avatars: [],
  version: 0,
  oldestVersion: 0,
  activity: [],
  activeHour: 0,
} satisfies Partial<Written>;

/** What there is of a room when it is made: its owner. */
export function newRoom(creator: string, config: RoomConfig): StoredRoom {
  return {
    creator,
    created: Date.now(),
    config,
    subject: undefined,
    hats: [],
    secret: crypto.getRandomValues(new Uint8Array(32)).toHex(),
    avatars: [],
    version: 1,
    oldestVersion: 1,
    activity: [],
    activeHour: 0,
    affiliations: [
      { jid: creator, affiliation: "owner", nick: "", reason: "", version: 1, since: 1 },
    ],
  };
}

export function writeRecord(record: RoomRecord): string {
  const { creator: _, created: __, ...written } = record;
  return JSON.stringify(written satisfies Written);
}

/** `defaults` is the configuration from which a value comes that was not written. */
export function readRecord(
  row: { creator: string; created: number; record: string },
  defaults: RoomConfig,
): RoomRecord {
  const written = JSON.parse(row.record) as Written;
  return {
    ...BLANK,
    ...written,
    creator: row.creator,
    created: Number(row.created),
    config: readConfig(written.config, defaults),
  };
}

/** Every value of the kind that it has in `defaults`, and no others. */
export function readConfig(json: unknown, defaults: RoomConfig): RoomConfig {
  const given = (json ?? {}) as Readonly<Record<string, unknown>>;
  const read: Record<string, unknown> = {};
  for (const [key, fallback] of Object.entries(defaults)) {
    const value = given[key];
    const fits = typeof value === typeof fallback &&
      Array.isArray(value) === Array.isArray(fallback);
    read[key] = fits && value !== null ? value : fallback;
  }
  return read as unknown as RoomConfig;
}
